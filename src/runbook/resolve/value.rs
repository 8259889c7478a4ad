//! Texts that mean something: expressions, templates, lengths of time and counts.

use std::{sync::Arc, time::Duration};

use super::{
    resolver::Resolver,
    scope::{NameScope, SecretUse},
};
use crate::{
    expression::{self, ExpressionError, mixture::StaticKind},
    quantity,
    runbook::{
        diagnostic::Fault,
        document::Scalar,
        model::{Count, Expr, Output, Span, Template, Timespan},
        node::Node,
    },
};

/// How the marks of a template are written where they are meant as text.
const LITERAL: &str = "as text, `{{`, `{%` and `{#` are written \"{{ '{{' }}\" or between {% raw %} and {% endraw %}";

/// A text of the document, with its key and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'d> {
    pub key: &'d str,
    pub text: &'d str,
    pub span: Span,
}

/// The text under a key, if there is one.
pub(super) fn field<'d>(node: &Node, key: &'d str, value: Option<&'d String>) -> Option<Field<'d>> {
    value.map(|text| Field { key, text, span: span_of(node, key) })
}

/// Where the value of a key stands.
pub(super) fn span_of(node: &Node, key: &str) -> Span {
    node.entry(key).map_or(node.span, |entry| if entry.value.span.len == 0 { entry.key_span } else { entry.value.span })
}

/// Where the key stands.
pub(super) fn key_of(node: &Node, key: &str) -> Span {
    node.entry(key).map_or(node.span, |entry| entry.key_span)
}

impl Resolver<'_> {
    /// Where in a field an expression's fault is: exact if the text stands in the file as it is read.
    fn inside(&self, at: Span, text: &str, range: Option<std::ops::Range<usize>>) -> Span {
        let raw = self.text.get(at.offset..at.offset + at.len).unwrap_or_default();
        match (range, raw.find(text)) {
            (Some(range), Some(from)) if range.end <= text.len() && range.start < range.end => {
                Span { offset: at.offset + from + range.start, len: range.len() }.first_line(self.text)
            }
            _ => at.first_line(self.text),
        }
    }

    fn bad_expression(&mut self, what: &str, field: Field<'_>, error: &ExpressionError) {
        let span = self.inside(field.span, field.text, error.at.clone());
        let hint = match &error.near {
            Some(near) => format!("did you mean `{near}`?"),
            None if what == "expression" && field.text.contains("{{") => "write the expression without `{{ }}`".to_owned(),
            None if what == "template" => format!("write a Jinja template, with text in quotes: 'up'; {LITERAL}"),
            None => format!("write a Jinja {what}; put text in quotes: 'up'"),
        };
        let message = &error.message;
        self.faults.push(Fault::error("bad-expression", span, format!("`{}`: {message}", field.key)).label("here").hint(hint));
    }

    /// Text is never compared with a number: that would fail when it is done.
    fn text_compared(&mut self, field: Field<'_>, expression: bool, scope: &NameScope) {
        let of_output = |output: Output| match output {
            Output::Text => Some(StaticKind::Text),
            Output::Lines => Some(StaticKind::Texts),
            Output::Int => Some(StaticKind::Number),
            Output::Json => None,
        };
        let of_name = |name: &str| match name.split_once('.') {
            None if name == "output" => scope.own.and_then(of_output),
            None if matches!(name, "stdout" | "stderr") => scope.own.map(|_| StaticKind::Text),
            None => None,
            Some(("params", param)) => self.kinds.get(param).copied(),
            Some((id, "output")) => scope.results.get(id).and_then(|shape| shape.output).and_then(of_output),
            Some((id, "stdout" | "stderr")) => scope.results.get(id).map(|_| StaticKind::Text),
            Some(_) => None,
        };
        let Some(at) = expression::mixture::mixture(field.text, expression, &of_name) else { return };
        let span = self.inside(field.span, field.text, Some(at));
        self.faults.push(
            Fault::warning("text-compared", span, format!("`{}`: text is compared with a number here", field.key))
                .label("fails at run time")
                .hint("turn the text into a number with `| int`, a list with `| map('int') | list`; or set `output: int`"),
        );
    }

    pub(super) fn expression(&mut self, field: Field<'_>, scope: &NameScope) -> Expr {
        if field.text.trim_start().starts_with("{{") {
            self.faults.push(
                Fault::error(
                    "bad-expression",
                    field.span.first_line(self.text),
                    format!("`{}` is an expression, not a template", field.key),
                )
                .label("has `{{ }}` around it")
                .hint("remove the `{{ }}`"),
            );
        } else {
            match expression::check_expression(field.text) {
                Ok(names) => {
                    self.references(&names, scope, field.span, SecretUse::Refused);
                    self.text_compared(field, true, scope);
                }
                Err(error) => self.bad_expression("expression", field, &error),
            }
        }
        Expr { text: Arc::from(field.text), span: field.span }
    }

    pub(super) fn template(&mut self, field: Field<'_>, scope: &NameScope) -> Template {
        self.template_with(field, scope, SecretUse::Refused)
    }

    pub(super) fn template_with(&mut self, field: Field<'_>, scope: &NameScope, secrets: SecretUse) -> Template {
        match expression::check_template(field.text) {
            Ok(names) => {
                self.references(&names, scope, field.span, secrets);
                if expression::is_dynamic(field.text) {
                    self.text_compared(field, false, scope);
                }
            }
            Err(error) => self.bad_expression("template", field, &error),
        }
        Template { text: Arc::from(field.text), span: field.span }
    }

    /// A text that must say something.
    pub(super) fn said(&mut self, field: Field<'_>) -> String {
        if field.text.trim().is_empty() {
            self.faults.push(
                Fault::error("empty-text", field.span.first_line(self.text), format!("`{}` is empty", field.key))
                    .label("empty")
                    .hint("write the text, or remove the key if it is optional"),
            );
        }
        field.text.to_owned()
    }

    pub(super) fn duration(&mut self, field: Field<'_>) -> Duration {
        quantity::duration(field.text).unwrap_or_else(|error| {
            self.faults.push(
                Fault::error(
                    "bad-duration",
                    field.span.first_line(self.text),
                    format!("`{}`: `{}` is not a {}", field.key, field.text, error.what),
                )
                .label("not a duration")
                .hint(format!("write {}", error.example)),
            );
            Duration::ZERO
        })
    }

    pub(super) fn timespan(&mut self, field: Field<'_>, scope: &NameScope) -> Timespan {
        if expression::is_dynamic(field.text) {
            Timespan::Template(self.template(field, scope))
        } else {
            Timespan::Fixed(self.duration(field))
        }
    }

    pub(super) fn count(&mut self, key: &str, value: &Scalar, node: &Node, least: u64, scope: &NameScope) -> Count {
        let span = node.span;
        match value {
            Scalar::Int(number) => {
                if let Some(number) = u64::try_from(*number).ok().filter(|number| *number >= least) {
                    return Count::Fixed(number);
                }
                self.faults.push(
                    Fault::error("out-of-range", span, format!("`{key}` must be at least {least}"))
                        .label("too small")
                        .hint(format!("write a whole number from {least} up")),
                );
                Count::Fixed(least)
            }
            Scalar::Text(text) if expression::is_dynamic(text) => Count::Template(self.template(Field { key, text, span }, scope)),
            Scalar::Text(text) => {
                self.faults.push(
                    Fault::error("bad-count", span, format!("`{key}`: `{text}` is not a whole number"))
                        .label("not a number")
                        .hint("write a whole number without quotes, or a template such as \"{{ params.n }}\""),
                );
                Count::Fixed(least)
            }
        }
    }
}
