//! The language itself: what is strict, what is installed, how values are written.

use std::sync::LazyLock;

use minijinja::{
    AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value,
    value::{Serde, ValueKind},
};

use super::{filter, limit, syntax::syntax};

pub(crate) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(syntax());
    environment.set_debug(true);
    environment.set_fuel(Some(limit::FUEL));
    environment.set_formatter(write_value);
    // A random list or a date would make a plan that cannot be repeated.
    environment.remove_global("debug");
    // With it, a loop can nest a value so deeply that to drop it overflows the stack.
    environment.remove_global("namespace");
    filter::install(&mut environment);
    environment
});

/// A JSON value as the expression language sees it.
#[must_use]
pub(crate) fn from_json(value: &serde_json::Value) -> Value {
    Value::from(Serde(value))
}

/// Writes a value into text as YAML and JSON would: `true`, not `True`. What has no text is an error, not a word.
pub(crate) fn write_value(
    out: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    limit::in_time()?;
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            limit::make(text.len())?;
            out.write_str(text).map_err(Into::into)
        }
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }).map_err(Into::into),
        ValueKind::None => {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, "the value is none, which has no text; use `| default(…, true)`"))
        }
        ValueKind::Undefined => Err(minijinja::Error::from(ErrorKind::UndefinedError)),
        ValueKind::Seq | ValueKind::Map => {
            let text =
                serde_json::to_string(value).map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
            limit::make(text.len())?;
            out.write_str(&text).map_err(Into::into)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}
