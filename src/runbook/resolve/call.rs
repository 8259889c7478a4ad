//! Calls of other runbooks: by their name, with their parameters.

use serde_json::Value;

use super::{
    resolver::Resolver,
    scope::NameScope,
    value::{Field, key_of, span_of},
};
use crate::runbook::{diagnostic::Fault, document, model::Call, name::RunbookName, node::Node};

impl Resolver<'_> {
    pub(super) fn call(&mut self, step: &document::Step, node: &Node, scope: &NameScope) -> Option<Call> {
        let text = step.call.as_ref()?;
        let span = span_of(node, "call");
        let name = RunbookName::new(text);
        if let Err(bad) = &name {
            self.faults.push(
                Fault::error("bad-name", span, format!("invalid runbook name `{text}`"))
                    .label("invalid name")
                    .hint(format!("use {}; no path and no `.yaml`", bad.rule)),
            );
        } else if *text == self.name {
            self.faults.push(
                Fault::error("calls-itself", span, "a runbook cannot call itself")
                    .label("this runbook")
                    .hint("use `for_each` to repeat steps"),
            );
        }
        let map = node.get("params").unwrap_or(node);
        for (key, value) in &step.params {
            self.parameter_name("parameter", key, key_of(map, key));
            let here = map.get(key).unwrap_or(map);
            self.passed(key, value, here, scope);
        }
        Some(Call {
            runbook: name.ok()?,
            params: step.params.clone(),
            spans: step.params.keys().map(|key| (key.clone(), key_of(map, key))).collect(),
            span,
        })
    }

    /// A value that is handed to another runbook.
    fn passed(&mut self, key: &str, value: &Value, node: &Node, scope: &NameScope) {
        match value {
            Value::String(text) => drop(self.template(Field { key, text, span: node.span }, scope)),
            Value::Array(items) => {
                for (item, node) in items.iter().zip(node.items()) {
                    self.passed(key, item, node, scope);
                }
            }
            // Which type is wanted is said by the other runbook: what could be read in two ways is written as one of them.
            Value::Number(number) if node.text().is_some_and(|text| text != number.to_string()) => {
                let text = node.text().unwrap_or_default();
                self.faults.push(
                    Fault::error("ambiguous", node.span, format!("`{key}`: `{text}` could be text, or the number {number}"))
                        .label("ambiguous")
                        .hint(format!("write \"{text}\" in quotes if it is text, else {number}")),
                );
            }
            _ => {}
        }
    }
}
