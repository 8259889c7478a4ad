//! What must hold while the steps of a stretch change something.

use super::{
    index::pairs,
    probe::{Outer, Role},
    resolver::Resolver,
    scope::NameScope,
    value::key_of,
};
use crate::runbook::{
    diagnostic::Fault,
    document::{self, Effect},
    model::Probe,
    node::Node,
};

impl Resolver<'_> {
    /// The `holds` of a step; of a loop they are each item's own.
    pub(super) fn holds(&mut self, step: &document::Step, node: &Node, scope: &NameScope) -> Vec<Probe> {
        let Some(list) = node.get("holds") else { return Vec::new() };
        if list.is_empty_list() {
            self.faults.push(
                Fault::error("empty-holds", key_of(node, "holds"), "`holds` is empty")
                    .label("no probe")
                    .hint("add at least one probe, or remove `holds`"),
            );
        }
        if !step.steps.is_empty() && !step.steps.iter().any(changes) {
            self.faults.push(
                Fault::error("holds-nothing", key_of(node, "holds"), "nothing inside changes anything, so these `holds` are never asked")
                    .label("no step to ask them before")
                    .hint("remove `holds`, or move it to the group or loop with the steps that change something"),
            );
        }
        let inner = match &step.for_each {
            Some(each) => scope.with_local(each.name.as_deref().unwrap_or("item")),
            None => scope.clone(),
        };
        pairs(&step.holds, Some(list)).map(|(probe, node)| self.hold(probe, node, &inner)).collect()
    }

    fn hold(&mut self, probe: &document::Probe, node: &Node, scope: &NameScope) -> Probe {
        if !node.has("id") {
            self.faults.push(
                Fault::error("missing-key", node.span.first_line(self.text), "missing `id` in a probe of `holds`")
                    .label("no `id` here")
                    .hint("add `id`: the probe's name on the command line, in the journal and in scenarios"),
            );
        }
        if node.has("severity") {
            self.faults.push(
                Fault::error("misplaced-key", key_of(node, "severity"), "`severity` does not apply to a probe of `holds`")
                    .label("not for `holds`")
                    .hint("remove `severity`: when the probe fails, nothing more is changed"),
            );
        }
        if node.has("expect") && !node.has("run") && !node.has("shell") {
            self.faults.push(
                Fault::error(
                    "needs-command",
                    node.span.first_line(self.text),
                    "the probe of `holds` asks nothing: earlier results are old",
                )
                .label("no command here")
                .hint("add `ask` or `run`, so that the probe sees how things stand at that moment"),
            );
        }
        self.probe(probe, node, scope, Role::Holds, None, Outer::default())
    }
}

/// Whether the step, or one inside it, changes something or leads to somebody who does.
fn changes(step: &document::Step) -> bool {
    let own = matches!(step.effect, Some(Effect::Change | Effect::Destroy));
    own || step.manual.is_some() || step.call.is_some() || step.steps.iter().any(changes)
}
