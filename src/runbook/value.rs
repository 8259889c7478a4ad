//! Values of parameters: from text or YAML to one of the right type, within its limits.

use serde_json::Value;

use super::{
    document::TypeName,
    model::{Bound, Choices, Parameter},
    node::{Node, NodeKind},
};
use crate::quantity;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub struct WrongValue {
    told: String,
    /// The same without the value, for where nobody may see it.
    pub unseen: String,
}

impl WrongValue {
    fn new(shown: impl std::fmt::Display, why: impl AsRef<str>) -> Self {
        let why = why.as_ref();
        Self { told: format!("{shown} {why}"), unseen: format!("the value {why}") }
    }

    /// The value has no part in it.
    fn plain(why: &str) -> Self {
        Self { told: why.to_owned(), unseen: why.to_owned() }
    }

    /// It is not told anywhere.
    fn concealed(self) -> Self {
        Self { told: self.unseen.clone(), unseen: self.unseen }
    }
}

impl TypeName {
    /// The type in words, for a prompt or an error.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Int => "a whole number",
            Self::Bool => "true or false",
            Self::Float => "a number",
            Self::Duration => "a duration such as 90s or 5m",
            Self::Size => "a size such as 4GiB",
            Self::Path => "an absolute path",
            Self::BlockDevice => "a block device such as /dev/sdb",
            Self::Host => "a host name or address",
            Self::Enum => "one of the choices",
            Self::Secret => "a secret",
        }
    }

    /// Reads one value of this type as an operator types it.
    ///
    /// # Errors
    /// Says what is wrong, without the value if it is secret.
    pub fn read(self, text: &str) -> Result<Value, WrongValue> {
        let wrong = || WrongValue::new(format_args!("`{text}`"), format!("is not {}", self.words()));
        let quantity = |error: quantity::BadQuantity| WrongValue { told: error.to_string(), unseen: wrong().unseen };
        if text.contains('\0') {
            return Err(WrongValue::plain("an argument cannot contain a NUL byte"));
        }
        match self {
            Self::String | Self::Enum | Self::Secret => Ok(Value::from(text)),
            Self::Int => text.trim().parse::<i64>().map(Value::from).map_err(|_| wrong()),
            Self::Bool => match text.trim() {
                "true" | "yes" => Ok(Value::from(true)),
                "false" | "no" => Ok(Value::from(false)),
                _ => Err(wrong()),
            },
            Self::Float => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from).ok_or_else(wrong),
            Self::Duration => quantity::duration(text).map(|_| Value::from(text.trim())).map_err(quantity),
            Self::Size => quantity::size(text).map(|_| Value::from(text.trim())).map_err(quantity),
            Self::Path | Self::BlockDevice if !text.starts_with('/') => {
                Err(WrongValue::new(format_args!("`{text}`"), "is not an absolute path"))
            }
            Self::BlockDevice if !text.starts_with("/dev/") || text.split('/').any(|part| part == "..") => Err(wrong()),
            Self::Path | Self::BlockDevice => Ok(Value::from(text)),
            Self::Host => {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@');
                let good = !text.is_empty() && text.len() <= 253 && !text.starts_with('-') && text.chars().all(fits);
                if good { Ok(Value::from(text)) } else { Err(wrong()) }
            }
        }
    }

    /// Takes a value that YAML has already given a type.
    ///
    /// # Errors
    /// It is of another type. A number is taken where text is wanted: `name: 7` reads well enough.
    pub fn take(self, value: &Value) -> Result<Value, WrongValue> {
        let wrong = || {
            let wrong = WrongValue::new(value, format!("is not {}", self.words()));
            if self == Self::Secret { wrong.concealed() } else { wrong }
        };
        match (self, value) {
            (Self::Int, Value::Number(number)) if number.is_i64() => Ok(value.clone()),
            (Self::Float, Value::Number(_)) | (Self::Bool, Value::Bool(_)) => Ok(value.clone()),
            (Self::Int | Self::Float | Self::Bool, _) => Err(wrong()),
            (_, Value::String(text)) => self.read(text),
            (_, Value::Number(number)) if number.is_i64() => self.read(&number.to_string()),
            _ => Err(wrong()),
        }
    }

    /// A value as its letters stand in the file, where this type is text: `0x5000c5` is no number then, and `1.10` is not `1.1`.
    #[must_use]
    pub(crate) fn as_written(self, value: &Value, node: &Node) -> Value {
        match (value, &node.kind) {
            (Value::Number(_), NodeKind::Scalar { text, .. }) if !matches!(self, Self::Int | Self::Float | Self::Bool) => {
                Value::from(text.as_str())
            }
            (Value::Array(values), NodeKind::List(nodes)) if values.len() == nodes.len() => {
                values.iter().zip(nodes).map(|(value, node)| self.as_written(value, node)).collect()
            }
            _ => value.clone(),
        }
    }

    /// The figure that `min` and `max` limit: the number itself, seconds, bytes, or the count of characters.
    #[must_use]
    pub fn figure(self, value: &Value) -> Option<f64> {
        match (self, value) {
            (Self::Duration, Value::String(text)) => quantity::duration(text).ok().map(|length| length.as_secs_f64()),
            #[allow(clippy::cast_precision_loss, reason = "a limit is no exact figure above 2^53 bytes")]
            (Self::Size, Value::String(text)) => quantity::size(text).ok().map(|bytes| bytes as f64),
            #[allow(clippy::cast_precision_loss, reason = "no text has 2^53 characters")]
            (_, Value::String(text)) => Some(text.chars().count() as f64),
            (_, Value::Number(number)) => number.as_f64(),
            _ => None,
        }
    }
}

impl Parameter {
    /// Reads the value as an operator types it. A list is written with commas, or as JSON.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn read(&self, text: &str) -> Result<Value, WrongValue> {
        if !self.list {
            return self.limit(self.kind.read(text)?);
        }
        let trimmed = text.trim();
        if trimmed.starts_with('[') {
            let value: Value = serde_json::from_str(trimmed).map_err(|error| WrongValue {
                told: format!("`{text}` is not a JSON list: {error}"),
                unseen: "the value is not a JSON list".to_owned(),
            })?;
            return self.take(&value);
        }
        let items = trimmed.split(',').map(str::trim).filter(|_| !trimmed.is_empty());
        items.map(|item| self.limit(self.kind.read(item)?)).collect::<Result<Vec<_>, _>>().map(Value::from)
    }

    /// Takes a value from YAML.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn take(&self, value: &Value) -> Result<Value, WrongValue> {
        match (self.list, value) {
            (true, Value::Array(items)) => {
                items.iter().map(|item| self.limit(self.kind.take(item)?)).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            (true, _) => Err(WrongValue::new(value, "is not a list")),
            (false, _) => self.limit(self.kind.take(value)?),
        }
    }

    /// Whether what is wrong with such a value, or with an item of it, is that it begins with a dash.
    #[must_use]
    pub fn refuses_dash(&self, value: &Value) -> bool {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        items.iter().any(|item| self.kind.take(item).is_ok_and(|value| self.begins_with_refused_dash(&value)))
    }

    fn begins_with_refused_dash(&self, value: &Value) -> bool {
        !self.leading_dash && value.as_str().is_some_and(|text| text.starts_with('-'))
    }

    /// Holds one value (of a list, one element) against `min`, `max`, `pattern`, fixed `choices` and the rule for a leading dash.
    fn limit(&self, value: Value) -> Result<Value, WrongValue> {
        let secret = self.kind == TypeName::Secret;
        let shown = || if secret { "the secret".to_owned() } else { format!("`{}`", plain(&value)) };
        let figure = self.kind.figure(&value);
        let outside = |bound: &Option<Bound>, wrong: fn(f64, f64) -> bool| match (bound, figure) {
            (Some(bound), Some(figure)) if wrong(figure, bound.value) => Some(bound.text.clone()),
            _ => None,
        };
        if let Some(min) = outside(&self.min, |figure, bound| figure < bound) {
            return Err(WrongValue::new(shown(), format!("is below the minimum {min}")));
        }
        if let Some(max) = outside(&self.max, |figure, bound| figure > bound) {
            return Err(WrongValue::new(shown(), format!("is above the maximum {max}")));
        }
        if let Value::String(text) = &value {
            if self.begins_with_refused_dash(&value) {
                return Err(WrongValue::new(shown(), "begins with `-`, which a program could take for an option"));
            }
            if let Some(pattern) = &self.pattern
                && !pattern.is_match(text)
            {
                return Err(WrongValue::new(shown(), format!("does not match `{}`", pattern.as_str())));
            }
        }
        if let Some(Choices::Fixed(choices)) = &self.choices
            && !choices.iter().any(|choice| plain(choice) == plain(&value))
        {
            let all = choices.iter().map(plain).collect::<Vec<_>>().join(", ");
            return Err(WrongValue::new(shown(), format!("is not one of {all}")));
        }
        Ok(value)
    }
}

/// A value as an operator would type it.
#[must_use]
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_takes_its_own() {
        for (kind, good, bad) in [
            (TypeName::Int, "-3", "3.5"),
            (TypeName::Bool, "true", "on"),
            (TypeName::Float, "0.5", "nan"),
            (TypeName::Duration, "5m", "5"),
            (TypeName::Size, "4GiB", "4G"),
            (TypeName::Path, "/srv/x", "x"),
            (TypeName::BlockDevice, "/dev/sdb", "/dev/../etc/passwd"),
            (TypeName::Host, "node-1.example", "-oProxyCommand=x"),
            (TypeName::String, "a b", "a\0b"),
        ] {
            assert!(kind.read(good).is_ok(), "{kind:?} {good}");
            assert!(kind.read(bad).is_err(), "{kind:?} {bad}");
        }
    }
}
