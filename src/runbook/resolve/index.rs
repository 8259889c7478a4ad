//! Every id of the file and where it is given, gathered before anything is resolved.

use super::{
    resolver::{GivenName, ListedStep, Resolver},
    value::{key_of, span_of},
};
use crate::{
    expression::name::nearest,
    runbook::{
        diagnostic::Fault,
        document::{Document, Probe, Step},
        model::{Effect, Span},
        name::{OWN_NAMES, StepId},
        node::Node,
    },
};

/// The most steps of a runbook.
const STEP_LIMIT: usize = 2_000;
/// The most variables of a runbook.
const VARIABLE_LIMIT: usize = 1_000;

impl Resolver<'_> {
    pub(super) fn index(&mut self, document: &Document, root: &Node) {
        for (probe, node) in pairs(&document.preflight, root.get("preflight")) {
            self.index_probe(probe, node, true, None);
        }
        self.index_steps(&document.steps, root.get("steps"), None);
    }

    /// Whether there are more steps or variables than anybody could read; then nothing else of the file is looked at.
    pub(super) fn too_many(&mut self, document: &Document, root: &Node) -> bool {
        let steps = (self.order.len(), STEP_LIMIT, "steps");
        let vars = (document.vars.len(), VARIABLE_LIMIT, "variables");
        let before = self.faults.len();
        for (count, limit, what) in [steps, vars].into_iter().filter(|(count, limit, _)| count > limit) {
            self.faults.push(
                Fault::error(
                    "too-large",
                    key_of(root, if what == "steps" { "steps" } else { "vars" }),
                    format!("the runbook has {count} {what}, more than {limit}"),
                )
                .label(format!("too many {what}"))
                .hint("split it into several runbooks and join them with `call`"),
            );
        }
        self.faults.len() > before
    }

    fn index_steps(&mut self, steps: &[Step], list: Option<&Node>, inside: Option<&str>) {
        for (step, node) in pairs(steps, list) {
            if let Some(id) = &step.id {
                self.give(id, span_of(node, "id"), true, inside);
                let list = list.map_or(0, |list| list.span.offset);
                let effect = step.cases.values().map(|case| case.effect).fold(step.effect, Ord::max);
                self.order.push(ListedStep { id: id.clone(), effect, list });
            }
            self.index_proofs(step, node, inside);
            for (case, here) in step.cases.iter().filter_map(|(name, case)| Some((case, node.get("cases")?.get(name)?))) {
                self.index_proofs_of_case(case, here, node, inside);
            }
            if let (Some(confirm), Some(node)) = (&step.confirm, node.get("confirm")) {
                for (probe, node) in pairs(&confirm.show, node.get("show")) {
                    self.index_probe(probe, node, false, inside);
                }
            }
            if let (Some(each), Some(node)) = (&step.for_each, node.get("for_each")) {
                self.loop_variables.insert(each.name.clone().unwrap_or_else(|| "item".to_owned()));
                for (probe, node) in pairs(&each.before_batch, node.get("before_batch")) {
                    self.index_probe(probe, node, true, step.id.as_deref().or(inside));
                }
            }
            for (probe, node) in pairs(&step.holds, node.get("holds")) {
                self.index_probe(probe, node, false, inside);
            }
            let around = if step.for_each.is_some() { step.id.as_deref().or(inside) } else { inside };
            self.index_steps(&step.steps, node.get("steps"), around);
        }
    }

    /// The probes that say whether a step is done.
    fn index_proofs(&mut self, step: &Step, node: &Node, inside: Option<&str>) {
        for (probe, key) in [(&step.done_if, "done_if"), (&step.verify, "verify")] {
            if let (Some(probe), Some(node)) = (probe, node.get(key)) {
                self.index_probe(probe, node, false, inside);
            }
        }
        if let (Some(manual), Some(node)) = (&step.manual, node.get("manual"))
            && let (Some(probe), Some(node)) = (&manual.verify, node.get("verify"))
        {
            self.index_probe(probe, node, false, inside);
        }
    }

    /// The same for a case; what its step says for all cases has been gathered there.
    fn index_proofs_of_case(&mut self, case: &Step, node: &Node, around: &Node, inside: Option<&str>) {
        let own = |key: &str| node.get(key).map(|node| node.span) != around.get(key).map(|node| node.span);
        let mut case = case.clone();
        case.done_if.take_if(|_| !own("done_if"));
        case.verify.take_if(|_| !own("verify"));
        self.index_proofs(&case, node, inside);
    }

    fn index_probe(&mut self, probe: &Probe, node: &Node, kept: bool, inside: Option<&str>) {
        if let Some(each) = &probe.for_each {
            self.loop_variables.insert(each.name.clone().unwrap_or_else(|| "item".to_owned()));
        }
        if let Some(id) = &probe.id {
            self.give(id, span_of(node, "id"), kept, inside);
        }
    }

    fn give(&mut self, id: &str, span: Span, kept: bool, inside: Option<&str>) {
        if let Err(bad) = StepId::new(id) {
            self.faults
                .push(Fault::error("bad-name", span, format!("invalid id `{id}`")).label("invalid id").hint(format!("use {}", bad.rule)));
        }
        if OWN_NAMES.contains(&id) {
            self.faults.push(
                Fault::error("bad-name", span, format!("invalid id `{id}`: halligan uses this name itself"))
                    .label("reserved")
                    .hint(format!("choose another id, such as `own_{id}`")),
            );
        }
        if let Some(first) = self.given.get(id) {
            self.faults.push(
                Fault::error("duplicate-id", span, format!("duplicate id `{id}`"))
                    .label("second use")
                    .also(first.span, format!("first use of `{id}`"))
                    .hint("choose another id here"),
            );
            return;
        }
        self.given.insert(id.to_owned(), GivenName { span, inside: inside.map(str::to_owned), kept });
    }

    /// Checks that a confirm covers destroying steps that come after it.
    pub(super) fn covered(&mut self, confirm: &str, covers: &[String], list: Option<&Node>) -> Vec<StepId> {
        let from = self.order.iter().position(|step| step.id == confirm).unwrap_or_default();
        let within = self.order.get(from).map(|step| step.list);
        let mut all = Vec::new();
        for (index, id) in covers.iter().enumerate() {
            let span = list.and_then(|list| list.item(index)).map(|item| item.span).unwrap_or_default();
            match self.order.iter().position(|step| step.id == *id) {
                None if self.incomplete => {}
                None => {
                    let destroying = self.order.iter().filter(|step| step.effect == Some(Effect::Destroy));
                    let hint = nearest(id, destroying.map(|step| step.id.as_str()))
                        .map_or_else(|| "name a later step with `effect: destroy`".to_owned(), |near| format!("did you mean `{near}`?"));
                    self.faults.push(
                        Fault::error("unknown-name", span, format!("`covers`: unknown step `{id}`")).label("unknown step").hint(hint),
                    );
                }
                Some(at) if at < from => self.faults.push(
                    Fault::error("bad-cover", span, format!("`covers`: step `{id}` runs before this confirmation"))
                        .label("earlier step")
                        .hint("move this `confirm` before the steps that it covers"),
                ),
                Some(at) if self.order.get(at).is_some_and(|step| step.effect != Some(Effect::Destroy)) => self.faults.push(
                    Fault::error("bad-cover", span, format!("`covers`: step `{id}` is not destructive"))
                        .label("not destructive")
                        .hint("name only steps with `effect: destroy`"),
                ),
                // What was typed once would answer for the step of every item.
                Some(at) if self.order.get(at).map(|step| step.list) != within => self.faults.push(
                    Fault::error("bad-cover", span, format!("`covers`: step `{id}` is in another list of steps"))
                        .label("inside a group or loop, or outside of this one")
                        .hint("move this `confirm` into the list of the step that it covers"),
                ),
                Some(_) => all.extend(StepId::new(id)),
            }
        }
        all
    }
}

/// Items of the document with their nodes.
pub(super) fn pairs<'a, T>(items: &'a [T], list: Option<&'a Node>) -> impl Iterator<Item = (&'a T, &'a Node)> {
    items.iter().zip(list.map(Node::items).unwrap_or_default())
}
