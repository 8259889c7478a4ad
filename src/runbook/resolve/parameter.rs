//! Parameters: their types, and whether defaults, limits and choices are of that type.

use serde_json::Value;

use super::{
    command::Parts,
    resolver::Resolver,
    scope::NameScope,
    value::{field, key_of, span_of},
};
use crate::{
    expression,
    runbook::{
        diagnostic::Fault,
        document::{self, Document, Limit, Scalar, TypeName},
        model::{Bound, Choices, Command, Effect, Parameter, Program, Span},
        name::Name,
        node::Node,
        value::plain,
    },
};

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
                    Fault::error("two-types", key_of(node, "list"), format!("parameter `{name}` has both `type` and `list`"))
                        .label("a second type")
                        .also(key_of(node, "type"), "the first is here")
                        .hint("keep `list` for a list of values, else `type`"),
                );
                return None;
            }
            (None, None) => {
                if !node.has("type") && !node.has("list") {
                    self.faults.push(
                        Fault::error("no-type", span, format!("parameter `{name}` has no type"))
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
                    .hint("swap them"),
            );
        }
        if list && kind == TypeName::Secret {
            self.faults.push(
                Fault::error("bad-parameter", span_of(node, "list"), "a list of secrets is not supported")
                    .label("not supported")
                    .hint("declare one parameter per secret"),
            );
        }
        let pattern = self.pattern_of(declared, kind, node);
        let choices = self.choices(&name, declared, kind, node);
        if let Some(variable) = &declared.from_env {
            self.variable_name(variable, span_of(node, "from_env"));
        }
        let mut parameter = Parameter {
            name,
            kind,
            list,
            help,
            default: None,
            min,
            max,
            pattern,
            choices,
            from_env: declared.from_env.clone(),
            leading_dash: declared.leading_dash,
            span,
        };
        if let Some(default) = &declared.default {
            let default = node.get("default").map_or_else(|| default.clone(), |node| parameter.kind.as_written(default, node));
            self.default(&parameter, &default, node);
            parameter.default = parameter.take(&default).ok();
        }
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
            Limit::Int(number) => kind.take(&Value::from(*number)).ok().and_then(|value| kind.figure(&value)),
            Limit::Float(number) => (kind == TypeName::Float).then_some(*number),
            Limit::Text(text) if matches!(kind, TypeName::Duration | TypeName::Size) => {
                kind.read(text).ok().and_then(|value| kind.figure(&value))
            }
            Limit::Text(_) => None,
        };
        if figure.is_none() {
            let (what, hint) = match kind {
                TypeName::Int => (kind.words(), "write it without quotes: 3"),
                TypeName::Float => (kind.words(), "write it without quotes: 0.5"),
                TypeName::Duration => (kind.words(), "write a number with its unit: 90s"),
                TypeName::Size => (kind.words(), "write a number with its unit: 4GiB"),
                _ => ("a number of characters", "write it without quotes: 32"),
            };
            self.faults
                .push(Fault::error("bad-limit", span, format!("`{key}`: `{text}` is not {what}")).label(format!("not {what}")).hint(hint));
        }
        figure.map(|value| Bound { value, text })
    }

    fn misplaced(&mut self, key: &str, kind: TypeName, node: &Node) {
        let what = kind.words();
        self.faults.push(
            Fault::error("key-not-of-type", key_of(node, key), format!("`{key}` does not apply to a parameter that is {what}"))
                .label("not for this type")
                .hint("remove the key, or change the type"),
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
                    Fault::error("bad-pattern", span.first_line(self.text), format!("`pattern`: invalid regular expression: {last}"))
                        .label("invalid regular expression")
                        .hint("escape special characters with a backslash, and put the pattern in single quotes"),
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
                        format!("enum parameter `{name}` has no `choices`"),
                    )
                    .label("no `choices`")
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
                            .label("empty list")
                            .hint("add at least one choice"),
                    );
                }
                let mut all: Vec<Value> = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let span = inner.item(index).map_or(inner.span, |item| item.span);
                    let value = match item {
                        Scalar::Int(number) => Value::from(*number),
                        Scalar::Text(text) => Value::from(text.as_str()),
                    };
                    let value = inner.item(index).map_or_else(|| value.clone(), |node| kind.as_written(&value, node));
                    let fault = match kind.take(&value) {
                        Err(wrong) => Some((wrong.to_string(), format!("write {}", kind.words()))),
                        Ok(_) if all.iter().any(|other| plain(other) == plain(&value)) => {
                            Some((format!("duplicate `{}`", plain(&value)), "remove one of them".to_owned()))
                        }
                        Ok(_) => None,
                    };
                    if let Some((why, hint)) = fault {
                        self.faults.push(Fault::error("bad-choice", span, format!("`choices`: {why}")).label("not a choice").hint(hint));
                    }
                    all.push(value);
                }
                Some(Choices::Fixed(all))
            }
            document::Choices::Live(live) => {
                // What is asked for earlier may be used to find out what can be chosen here.
                let scope = NameScope::default();
                if live.run.is_none() && live.shell.is_none() {
                    self.faults.push(
                        Fault::error("empty-command", inner.span.first_line(self.text), "`choices` has no command")
                            .label("neither `run` nor `shell`")
                            .hint("add `run` or `shell`, or write a list of choices"),
                    );
                }
                let mut parts = Parts::of(live.run.as_ref(), live.shell.as_ref(), Effect::Read);
                parts.env = Some(&live.env);
                parts.on = field(inner, "on", live.on.as_ref());
                parts.timeout = field(inner, "timeout", live.timeout.as_ref());
                parts.output = live.output.unwrap_or(document::Output::Lines);
                parts.may_write = &live.may_write;
                parts.may_connect = live.may_connect;
                parts.reads_because = field(inner, "reads_because", live.reads_because.as_ref());
                let command = self.command(&parts, inner, &scope)?;
                self.earlier_params(name, &command);
                let own = scope.with_own(Some(parts.output));
                let items = field(inner, "items", live.items.as_ref()).map(|field| self.expression(field, &own));
                if items.is_none() && matches!(parts.output, document::Output::Text | document::Output::Int) {
                    self.faults.push(
                        Fault::error("bad-choice", span_of(inner, "output"), "`choices`: the output is not a list")
                            .label("not a list")
                            .hint("use `output: lines`, or select the list with `items`"),
                    );
                }
                Some(Choices::Live { command, items })
            }
        }
    }

    /// Choices are asked for when the parameter is, so they know only the parameters above.
    fn earlier_params(&mut self, name: &Name, command: &Command) {
        let words = match &command.program {
            Program::Argv(words) => words.as_slice(),
            Program::Shell(_) => &[],
        };
        let own = self.params.get_index_of(name.as_str()).unwrap_or_default();
        for word in words.iter().chain(&command.on).chain(command.env.values()) {
            let names = expression::check_template(&word.text).unwrap_or_default();
            for used in names.iter() {
                if used.starts_with("vars") {
                    let span = self.locate(word.span, used);
                    self.faults.push(
                        Fault::error("not-yet", span, format!("variables are not available yet when `{name}` is asked for"))
                            .label("not available here")
                            .hint("use parameters that are declared above"),
                    );
                }
                let param = used.strip_prefix("params.").and_then(|rest| rest.split('.').next());
                if let Some(later) = param.and_then(|param| self.params.get_index_of(param)).filter(|at| *at >= own) {
                    let later = self.params.get_index(later).map(|(name, _)| name.clone()).unwrap_or_default();
                    let span = self.locate(word.span, used);
                    self.faults.push(
                        Fault::error("not-yet", span, format!("`params.{later}` is not available yet when `{name}` is asked for"))
                            .label("not available here")
                            .hint(format!("declare `{later}` above `{name}`")),
                    );
                }
            }
        }
    }

    fn default(&mut self, parameter: &Parameter, default: &Value, node: &Node) {
        let whole = span_of(node, "default");
        let name = &parameter.name;
        if parameter.kind == TypeName::Secret {
            self.faults.push(
                Fault::error("secret-default", whole, format!("the default of the secret `{name}` is readable in the file"))
                    .label("a secret in the file")
                    .hint("remove `default`; `from_env` reads the value from the environment"),
            );
            return;
        }
        if !parameter.list {
            return self.default_value(parameter, default, whole);
        }
        match default {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let span = node.get("default").and_then(|list| list.item(index)).map_or(whole, |item| item.span);
                    self.default_value(parameter, &Value::from(vec![item.clone()]), span);
                }
            }
            other => self.bad_default(parameter, whole, "is not a list", &format!("write a list: [{}]", plain(other))),
        }
    }

    /// One value; of a list, one element in a list of its own.
    fn default_value(&mut self, parameter: &Parameter, value: &Value, span: Span) {
        if expression::is_dynamic(&plain(value)) {
            self.bad_default(parameter, span, "is a template", "write the value itself: a default is not evaluated");
        } else if let Err(why) = parameter.take(value) {
            let hint = match &parameter.choices {
                Some(Choices::Fixed(choices)) => format!("write one of {}", choices.iter().map(plain).collect::<Vec<_>>().join(", ")),
                _ if parameter.refuses_dash(value) => "`leading_dash: true` allows a leading `-`".to_owned(),
                _ => format!("write {} that the parameter allows", parameter.kind.words()),
            };
            self.bad_default(parameter, span, &format!("is not allowed: {why}"), &hint);
        }
    }

    fn bad_default(&mut self, parameter: &Parameter, span: Span, what: &str, hint: &str) {
        self.faults.push(
            Fault::error("bad-default", span.first_line(self.text), format!("the default of `{}` {what}", parameter.name))
                .label("invalid default")
                .hint(hint),
        );
    }
}
