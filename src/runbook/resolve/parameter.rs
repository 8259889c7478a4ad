//! Parameters: their types, and whether defaults, limits and choices are of that type.

use serde_json::Value;

use super::{
    Resolver,
    scope::Scope,
    value::{Field, Parts, field, key_of, span_of},
};
use crate::{
    expression, quantity,
    runbook::{
        diagnostic::Fault,
        document::{self, Document, Limit, Scalar, TypeName},
        model::{Bound, Choices, Effect, Parameter, Span},
        name::Name,
        node::Node,
    },
};

/// What a type is called, with an example.
fn described(kind: TypeName) -> (&'static str, &'static str) {
    match kind {
        TypeName::String => ("text", "write it in quotes"),
        TypeName::Int => ("a whole number", "write it without quotes: 3"),
        TypeName::Bool => ("true or false", "write `true` or `false` without quotes"),
        TypeName::Float => ("a number", "write it without quotes: 0.5"),
        TypeName::Duration => ("a length of time", "write a number with its unit, such as `90s` or `5m`"),
        TypeName::Size => ("a size", "write a number of bytes, or one with its unit, such as `4GiB`"),
        TypeName::Path => ("a path", "write it from the root on: /var/lib/x"),
        TypeName::BlockDevice => ("a block device", "write its path: /dev/disk/by-id/x"),
        TypeName::Host => ("a host", "write a host name or an address, without spaces"),
        TypeName::Enum => ("one of the choices", "write one of `choices`"),
        TypeName::Secret => ("a secret", "give it when it is asked for"),
    }
}

/// The value's own figure, which `min` and `max` limit: a number, seconds, bytes, or characters.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "limits of 2^53 and more are not told apart")]
pub fn figure(kind: TypeName, value: &Value) -> Option<f64> {
    match (kind, value) {
        (TypeName::Int, Value::Number(number)) if number.is_i64() || number.is_u64() => number.as_f64(),
        (TypeName::Float, Value::Number(number)) => number.as_f64(),
        (TypeName::Duration, Value::String(text)) => quantity::duration(text).ok().map(|length| length.as_secs_f64()),
        (TypeName::Size, Value::String(text)) => quantity::size(text).ok().map(|bytes| bytes as f64),
        (TypeName::Size, Value::Number(number)) => number.as_u64().map(|bytes| bytes as f64),
        (TypeName::String | TypeName::Path | TypeName::BlockDevice | TypeName::Host | TypeName::Secret, Value::String(text)) => {
            Some(text.chars().count() as f64)
        }
        _ => None,
    }
}

/// Whether a value, an element of the list if it is one, is of the type.
#[must_use]
pub fn is_of(kind: TypeName, value: &Value) -> bool {
    match (kind, value) {
        (TypeName::Bool, Value::Bool(_)) => true,
        (TypeName::Enum, Value::String(_)) => true,
        (TypeName::Enum, Value::Number(number)) => number.is_i64(),
        (TypeName::Path, Value::String(text)) => text.starts_with('/') || text.starts_with('.'),
        (TypeName::BlockDevice, Value::String(text)) => text.starts_with("/dev/") && text.len() > 5,
        (TypeName::Host, Value::String(text)) => {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-:@[]".contains(c))
        }
        _ => figure(kind, value).is_some(),
    }
}

impl Resolver<'_> {
    pub(super) fn parameters(&mut self, document: &Document, root: &Node) -> Vec<Parameter> {
        let mut all = Vec::new();
        let Some(map) = root.get("params") else { return all };
        for (name, declared) in &document.params {
            let span = key_of(map, name);
            self.parameter_name("parameter", name, span);
            if let (Some(node), Ok(name)) = (map.get(name), Name::new(name))
                && let Some(parameter) = self.parameter(name, declared, node, span)
            {
                all.push(parameter);
            }
        }
        all
    }

    fn parameter(&mut self, name: Name, declared: &document::Parameter, node: &Node, span: Span) -> Option<Parameter> {
        let help = field(node, "help", declared.help.as_ref()).map(|field| self.said(field)).unwrap_or_default();
        let (kind, list) = match (declared.kind, declared.list) {
            (Some(kind), None) => (kind, false),
            (None, Some(kind)) => (kind, true),
            (Some(_), Some(_)) => {
                self.faults.push(
                    Fault::error("two-types", key_of(node, "list"), format!("`{name}` has both `type` and `list`"))
                        .label("a second type")
                        .also(key_of(node, "type"), "the first is here")
                        .hint("keep `list` if the value is a list, else `type`"),
                );
                return None;
            }
            (None, None) => {
                if !node.has("type") && !node.has("list") {
                    self.faults.push(
                        Fault::error("no-type", span, format!("the parameter `{name}` has no type"))
                            .label("no `type` here")
                            .hint("add `type: string`, or `list: string` for a list"),
                    );
                }
                return None;
            }
        };
        let min = self.bound("min", declared.min.as_ref(), kind, node);
        let max = self.bound("max", declared.max.as_ref(), kind, node);
        if let (Some(min), Some(max)) = (&min, &max)
            && min.value > max.value
        {
            self.faults.push(
                Fault::error("empty-range", span_of(node, "max"), format!("`max` ({}) is below `min` ({})", max.text, min.text))
                    .label("below `min`")
                    .hint("exchange them"),
            );
        }
        if list && kind == TypeName::Secret {
            self.faults.push(
                Fault::error("bad-parameter", span_of(node, "list"), "there are no lists of secrets")
                    .label("not as a list")
                    .hint("make a parameter for each secret"),
            );
        }
        let pattern = self.pattern_of(declared, kind, node);
        let choices = self.choices(&name, declared, kind, node);
        if let Some(variable) = &declared.from_env {
            self.variable_name(variable, span_of(node, "from_env"));
        }
        let parameter = Parameter {
            name,
            kind,
            list,
            help,
            default: declared.default.clone(),
            min,
            max,
            pattern,
            choices,
            from_env: declared.from_env.clone(),
            leading_dash: declared.leading_dash,
            span,
        };
        self.default(&parameter, node);
        Some(parameter)
    }

    fn bound(&mut self, key: &str, value: Option<&Limit>, kind: TypeName, node: &Node) -> Option<Bound> {
        let value = value?;
        let span = span_of(node, key);
        if matches!(kind, TypeName::Bool | TypeName::Enum) {
            self.misplaced(key, kind, node);
            return None;
        }
        let text = node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let textual = !matches!(kind, TypeName::Int | TypeName::Float | TypeName::Duration | TypeName::Size);
        #[allow(clippy::cast_precision_loss, reason = "limits of 2^53 and more are not told apart")]
        let figure = match value {
            Limit::Int(number) if textual || matches!(kind, TypeName::Int | TypeName::Float) => Some(*number as f64),
            Limit::Int(number) => figure(kind, &Value::from(*number)),
            Limit::Float(number) => (kind == TypeName::Float).then_some(*number),
            Limit::Text(text) if !textual => figure(kind, &Value::from(text.as_str())),
            Limit::Text(_) => None,
        };
        if figure.is_none() {
            let (what, hint) = if textual { ("a number of characters", "write it without quotes: 32") } else { described(kind) };
            self.faults
                .push(Fault::error("bad-limit", span, format!("`{key}`: `{text}` is not {what}")).label(format!("not {what}")).hint(hint));
        }
        figure.map(|value| Bound { value, text })
    }

    fn misplaced(&mut self, key: &str, kind: TypeName, node: &Node) {
        let (what, _) = described(kind);
        self.faults.push(
            Fault::error("key-not-of-type", key_of(node, key), format!("`{key}` means nothing for a parameter that is {what}"))
                .label("not of this type")
                .hint("leave it out, or change the type"),
        );
    }

    fn pattern_of(&mut self, declared: &document::Parameter, kind: TypeName, node: &Node) -> Option<regex::Regex> {
        let text = declared.pattern.as_ref()?;
        if matches!(kind, TypeName::Int | TypeName::Bool | TypeName::Float | TypeName::Duration | TypeName::Size | TypeName::Enum) {
            self.misplaced("pattern", kind, node);
            return None;
        }
        // Checked alone first, so that `a)|(b` cannot leave the anchors.
        self.regex(text, span_of(node, "pattern"))?;
        regex::Regex::new(&format!("^(?:{text})$")).ok()
    }

    /// A regular expression as it is written.
    pub(super) fn regex(&mut self, text: &str, span: Span) -> Option<regex::Regex> {
        match regex::RegexBuilder::new(text).size_limit(1 << 20).build() {
            Ok(regex) => Some(regex),
            Err(error) => {
                let said = error.to_string();
                let last = said.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
                self.faults.push(
                    Fault::error("bad-pattern", span.first_line(self.text), format!("`pattern`: not a regular expression: {last}"))
                        .label("not a regular expression")
                        .hint("write a character that means itself with a backslash before it, and the whole in single quotes"),
                );
                None
            }
        }
    }

    fn choices(&mut self, name: &Name, declared: &document::Parameter, kind: TypeName, node: &Node) -> Option<Choices> {
        let Some(choices) = &declared.choices else {
            if kind == TypeName::Enum && !node.has("choices") {
                self.faults.push(
                    Fault::error(
                        "no-choices",
                        key_of(node, if node.has("type") { "type" } else { "list" }),
                        format!("`{name}` is an enum without `choices`"),
                    )
                    .label("of what?")
                    .hint("add `choices: [...]`"),
                );
            }
            return None;
        };
        if matches!(kind, TypeName::Bool | TypeName::Secret) {
            self.misplaced("choices", kind, node);
            return None;
        }
        let inner = node.get("choices").unwrap_or(node);
        match choices {
            document::Choices::Fixed(items) => {
                if inner.items().is_empty() {
                    self.faults.push(
                        Fault::error("no-choices", key_of(node, "choices"), "`choices` is empty")
                            .label("nothing to choose")
                            .hint("add some"),
                    );
                }
                let mut all: Vec<Value> = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let span = inner.item(index).map_or(inner.span, |item| item.span);
                    let value = match item {
                        Scalar::Int(number) => Value::from(*number),
                        Scalar::Text(text) => Value::from(text.as_str()),
                    };
                    if !is_of(kind, &value) {
                        let (what, hint) = described(kind);
                        self.faults.push(
                            Fault::error("bad-choice", span, format!("`choices`: `{}` is not {what}", plain_text(&value)))
                                .label(format!("not {what}"))
                                .hint(hint),
                        );
                    } else if all.contains(&value) {
                        self.faults.push(
                            Fault::error("bad-choice", span, format!("`choices`: `{}` is here twice", plain_text(&value)))
                                .label("again")
                                .hint("leave one of them out"),
                        );
                    }
                    all.push(value);
                }
                Some(Choices::Fixed(all))
            }
            document::Choices::Live(live) => {
                // What is asked for earlier may be used to find out what can be chosen here.
                let scope = Scope::default();
                let mut parts = Parts::of(Some(&live.run), None, Effect::Read);
                parts.on = field(inner, "on", live.on.as_ref());
                parts.timeout = field(inner, "timeout", live.timeout.as_ref());
                parts.output = live.output.unwrap_or(document::Output::Lines);
                let command = self.command(parts, inner, &scope)?;
                self.earlier_params(name, &command, inner);
                let own = scope.with_own(Some(parts.output));
                let items = field(inner, "items", live.items.as_ref()).map(|field| self.expression(field, &own));
                if items.is_none() && matches!(parts.output, document::Output::Text | document::Output::Int) {
                    self.faults.push(
                        Fault::error("bad-choice", span_of(inner, "output"), "`choices`: this output is no list")
                            .label("not a list")
                            .hint("use `output: lines`, or say with `items` where the list is"),
                    );
                }
                Some(Choices::Live { command, items })
            }
        }
    }

    /// Choices are asked for when the parameter is, so they know only the parameters above.
    fn earlier_params(&mut self, name: &Name, command: &crate::runbook::model::Command, node: &Node) {
        let crate::runbook::model::Program::Argv(words) = &command.program else { return };
        let own = self.params.get_index_of(name.as_str()).unwrap_or_default();
        for word in words {
            let names = expression::check_template(&word.text).unwrap_or_default();
            for used in names.iter() {
                let param = used.strip_prefix("params.").and_then(|rest| rest.split('.').next());
                if let Some(later) = param.and_then(|param| self.params.get_index_of(param)).filter(|at| *at >= own) {
                    let later = self.params.get_index(later).map(|(name, _)| name.clone()).unwrap_or_default();
                    let span = self.locate(word.span, used);
                    self.faults.push(
                        Fault::error("not-yet", span, format!("`params.{later}` is not known yet when `{name}` is asked for"))
                            .label("not known here")
                            .hint(format!("declare `{later}` above `{name}`")),
                    );
                }
            }
        }
        let _ = node;
    }

    fn default(&mut self, parameter: &Parameter, node: &Node) {
        let Some(default) = &parameter.default else { return };
        let whole = span_of(node, "default");
        let name = &parameter.name;
        if parameter.kind == TypeName::Secret {
            self.faults.push(
                Fault::error("secret-default", whole, format!("the secret `{name}` stands here for everybody to read"))
                    .label("a secret in the file")
                    .hint("leave `default` out; `from_env` takes it from the environment"),
            );
            return;
        }
        match (parameter.list, default) {
            (true, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let span = node.get("default").and_then(|list| list.item(index)).map_or(whole, |item| item.span);
                    self.default_value(parameter, item, span);
                }
            }
            (true, _) => self.bad_default(parameter, whole, "is not a list", &format!("write a list: [{}]", plain_text(default))),
            (false, Value::Array(_)) => {
                self.bad_default(parameter, whole, "is a list", "write one value, or use `list` in place of `type`")
            }
            (false, value) => self.default_value(parameter, value, whole),
        }
    }

    fn default_value(&mut self, parameter: &Parameter, value: &Value, span: Span) {
        let text = plain_text(value);
        if !is_of(parameter.kind, value) {
            let (what, hint) = described(parameter.kind);
            return self.bad_default(parameter, span, &format!("`{text}` is not {what}"), hint);
        }
        if expression::is_dynamic(&text) {
            return self.bad_default(parameter, span, "is a template", "write the value itself: a default is not evaluated");
        }
        if text.starts_with('-') && value.is_string() && !parameter.leading_dash {
            let hint = "a program could take it for an option; `leading_dash: true` allows it";
            return self.bad_default(parameter, span, &format!("`{text}` begins with `-`"), hint);
        }
        if let Some(figure) = figure(parameter.kind, value) {
            if let Some(min) = parameter.min.as_ref().filter(|min| figure < min.value) {
                self.bad_default(parameter, span, &format!("`{text}` is below `min`"), &format!("write at least {}", min.text));
            }
            if let Some(max) = parameter.max.as_ref().filter(|max| figure > max.value) {
                self.bad_default(parameter, span, &format!("`{text}` is above `max`"), &format!("write at most {}", max.text));
            }
        }
        if let Some(pattern) = parameter.pattern.as_ref().filter(|pattern| !pattern.is_match(&text)) {
            self.bad_default(parameter, span, &format!("`{text}` does not match `pattern`"), &format!("it must match {pattern}"));
        }
        if let Some(Choices::Fixed(choices)) = &parameter.choices
            && !choices.contains(value)
        {
            let all = choices.iter().map(plain_text).collect::<Vec<_>>().join(", ");
            self.bad_default(parameter, span, &format!("`{text}` is none of the choices"), &format!("write one of {all}"));
        }
    }

    fn bad_default(&mut self, parameter: &Parameter, span: Span, what: &str, hint: &str) {
        self.faults.push(
            Fault::error("bad-default", span.first_line(self.text), format!("the default of `{}` {what}", parameter.name))
                .label("not allowed as the default")
                .hint(hint),
        );
    }

    /// The name of a loop variable.
    pub(super) fn loop_variable(&mut self, name: Option<&String>, node: &Node, scope: &Scope) -> Option<Name> {
        let text = name.map_or("item", String::as_str);
        let span = if node.has("as") { span_of(node, "as") } else { node.span.first_line(self.text) };
        if let Some(given) = self.given.get(text) {
            let first = given.span;
            self.faults.push(
                Fault::error("duplicate-id", span, format!("the loop variable `{text}` is also the id of a step or probe"))
                    .label("again here")
                    .also(first, format!("`{text}` is first given here"))
                    .hint("choose another name with `as`"),
            );
        } else if scope.locals.iter().any(|local| local == text) {
            self.faults.push(
                Fault::error("duplicate-id", span, format!("an outer loop's variable is called `{text}` too"))
                    .label("hides the outer one")
                    .hint("choose another name with `as`"),
            );
        }
        self.parameter_name("loop variable", text, span);
        Name::new(text).ok()
    }

    /// A list to go through.
    pub(super) fn items(&mut self, items: Option<&document::ItemList>, node: &Node, scope: &Scope) -> crate::runbook::model::ItemList {
        use crate::runbook::model::{ItemList, Template};
        let span = span_of(node, "items");
        match items {
            None => ItemList::Literal(Vec::new()),
            Some(document::ItemList::Expression(text)) => {
                if expression::whole(text).is_none() && (!text.contains("{{") || expression::check_template(text).is_ok()) {
                    self.faults.push(
                        Fault::error("bad-items", span.first_line(self.text), "`items` is neither a list nor one expression")
                            .label("not a list")
                            .hint("write a list, or one expression that yields one: \"{{ params.hosts }}\""),
                    );
                    return ItemList::Expression(Template { text: text.as_str().into(), span });
                }
                ItemList::Expression(self.template(Field { key: "items", text, span }, scope))
            }
            Some(document::ItemList::Literal(list)) => {
                let mut all = Vec::new();
                for (index, item) in list.iter().enumerate() {
                    let value = match item {
                        Scalar::Int(number) => Value::from(*number),
                        Scalar::Text(text) => Value::from(text.as_str()),
                    };
                    let span = node.get("items").and_then(|list| list.item(index)).map_or(span, |item| item.span);
                    if expression::is_dynamic(&plain_text(&value)) {
                        self.faults.push(
                            Fault::error("bad-items", span, "an item of a written list is taken as it is")
                                .label("not evaluated")
                                .hint("write one expression for the whole list: \"{{ [params.a, params.b] }}\""),
                        );
                    }
                    all.push(value);
                }
                if list.is_empty() && node.get("items").is_some_and(|list| list.items().is_empty()) {
                    self.faults.push(
                        Fault::error("bad-items", key_of(node, "items"), "`items` is empty").label("nothing to do").hint("add some items"),
                    );
                }
                ItemList::Literal(all)
            }
        }
    }
}

fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
