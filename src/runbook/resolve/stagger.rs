//! Loops: their gates, their batches and what goes on inside.

use std::sync::Arc;

use super::{
    index::pairs,
    probe::{Outer, Role},
    resolver::Resolver,
    scope::{NameScope, Shape},
    value::{field, key_of},
};
use crate::runbook::{
    diagnostic::Fault,
    document::{self, Scalar},
    model::{BatchSize, Count, ForEach},
    node::Node,
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
        let max_failures =
            each.max_failures.as_ref().map_or(Count::Fixed(0), |value| self.count("max_failures", value, at("max_failures"), 0, scope));
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
        Some(ForEach { items: items?, batch, parallel, pause, before_batch, max_failures, steps })
    }

    fn batch(&mut self, batch: Option<&document::Batch>, node: &Node, scope: &NameScope) -> Vec<BatchSize> {
        let list = node.get("batch").unwrap_or(node);
        match batch {
            None => vec![BatchSize::Count(Count::Fixed(1))],
            Some(document::Batch::One(size)) => vec![self.batch_size(size, list, scope)],
            Some(document::Batch::Many(sizes)) => {
                if list.items().is_empty() {
                    self.faults.push(
                        Fault::error("bad-count", key_of(node, "batch"), "`batch` is empty")
                            .label("empty list")
                            .hint("add at least one size, such as 1"),
                    );
                }
                pairs(sizes, Some(list)).map(|(size, node)| self.batch_size(size, node, scope)).collect()
            }
        }
    }

    fn batch_size(&mut self, size: &Scalar, node: &Node, scope: &NameScope) -> BatchSize {
        if let Scalar::Text(text) = size
            && let Some(percent) = text.strip_suffix('%')
        {
            let percent = Some(percent.trim())
                .filter(|percent| percent.bytes().all(|byte| byte.is_ascii_digit()))
                .unwrap_or_default()
                .parse()
                .ok()
                .filter(|percent| (1..=100).contains(percent));
            if percent.is_none() {
                self.faults.push(
                    Fault::error("bad-count", node.span, format!("`batch`: invalid percentage `{text}`"))
                        .label("invalid percentage")
                        .hint("write a whole percentage from 1% to 100%"),
                );
            }
            return BatchSize::Percent(percent.unwrap_or(1));
        }
        BatchSize::Count(self.count("batch", size, node, 1, scope))
    }
}
