//! Loops: their gates, their batches and what goes on inside.

use std::sync::Arc;

use super::{
    index::pairs,
    probe::{Outer, Role},
    resolver::Resolver,
    scope::{NameScope, Shape},
    value::{Field, field, key_of},
};
use crate::{
    expression,
    runbook::{
        diagnostic::Fault,
        document::{self, Scalar},
        model::{Count, Expr, ForEach, Portion},
        node::Node,
    },
};

impl Resolver<'_> {
    pub(super) fn for_each(
        &mut self,
        each: &document::ForEach,
        step: &document::Step,
        outer: &Node,
        node: &Node,
        scope: &NameScope,
    ) -> Option<ForEach> {
        let items = self.looped(each.items.as_ref(), each.name.as_ref(), each.label.as_ref(), node, scope);
        let batch = self.batch(each.batch.as_ref(), node, scope);
        let at = |key: &str| node.get(key).unwrap_or(node);
        let parallel = each.parallel.as_ref().map_or(Count::Fixed(1), |value| self.count("parallel", value, at("parallel"), 1, scope));
        let max_failures = each.max_failures.as_ref().map(|value| self.portion("max_failures", value, at("max_failures"), 0, scope));
        let pause = field(node, "pause", each.pause.as_ref()).map(|field| self.timespan(field, scope));
        // What a gate has seen is known to the gates after it and to the batch behind it.
        let mut inside = scope.clone();
        let mut before_batch = Vec::new();
        for (probe, node) in pairs(&each.before_batch, node.get("before_batch")) {
            let probe = self.probe(probe, node, &inside, Role::Gate, None, Outer::default());
            if let Some(id) = &probe.id {
                Arc::make_mut(&mut inside.results).insert(id.as_str().to_owned(), Shape::of(&probe));
            }
            before_batch.push(probe);
        }
        let mut inside = inside.with_local(each.name.as_deref().unwrap_or("item"));
        let steps = self.steps(&step.steps, outer.get("steps"), &mut inside);
        let batch_by = field(node, "batch_by", each.batch_by.as_ref()).map(|field| self.batch_by(field, each.name.as_deref(), scope));
        let on_item_failure = each.on_item_failure.unwrap_or_default();
        Some(ForEach { items: items?, batch, batch_by, parallel, pause, before_batch, max_failures, on_item_failure, steps })
    }

    fn batch(&mut self, batch: Option<&document::Batch>, node: &Node, scope: &NameScope) -> Vec<Portion> {
        let list = node.get("batch").unwrap_or(node);
        match batch {
            None => vec![Portion::Count(1)],
            Some(document::Batch::One(size)) => vec![self.portion("batch", size, list, 1, scope)],
            Some(document::Batch::Many(sizes)) => {
                if list.items().is_empty() {
                    self.faults.push(
                        Fault::error("bad-count", key_of(node, "batch"), "`batch` is empty")
                            .label("empty list")
                            .hint("add at least one size, such as 1"),
                    );
                }
                pairs(sizes, Some(list)).map(|(size, node)| self.portion("batch", size, node, 1, scope)).collect()
            }
        }
    }

    /// What the items of one batch have in common.
    fn batch_by(&mut self, by: Field<'_>, variable: Option<&str>, scope: &NameScope) -> Expr {
        let variable = variable.unwrap_or("item");
        if expression::check_expression(by.text).is_ok_and(|names| !names.roots().contains(variable)) {
            self.faults.push(
                Fault::error("bad-batch", by.span.first_line(self.text), "`batch_by` is the same for every item")
                    .label("does not name the item")
                    .hint(format!("use the loop variable, such as {variable}.host")),
            );
        }
        self.expression(by, &scope.with_local(variable))
    }

    /// A number of items, or a part of them. The part is one percent at least where the number is one.
    fn portion(&mut self, key: &str, value: &Scalar, node: &Node, least: u8, scope: &NameScope) -> Portion {
        if let Scalar::Text(text) = value
            && text.ends_with('%')
            && !expression::is_dynamic(text)
        {
            let portion = Portion::of(text).filter(|portion| !matches!(portion, Portion::Percent(percent) if *percent < least));
            return portion.unwrap_or_else(|| {
                self.faults.push(
                    Fault::error("bad-count", node.span, format!("`{key}`: invalid percentage `{text}`"))
                        .label("invalid percentage")
                        .hint(format!("write a whole percentage from {least}% to 100%")),
                );
                Portion::Percent(least)
            });
        }
        match self.count(key, value, node, u64::from(least), scope) {
            Count::Fixed(count) => Portion::Count(count),
            Count::Template(template) => Portion::Template(template),
        }
    }
}
