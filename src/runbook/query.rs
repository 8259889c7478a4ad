//! Queries: what is asked in several places is written once, and put in its place before anything else is looked at.
//!
//! A mapping with `ask: NAME` gets what the query NAME says; what is written beside `ask` goes before. It is done to the tree and to the
//! value together, so that a fault in a query is shown where the query stands.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    diagnostic::Fault,
    document,
    model::{SourceText, Span},
    node::{Entry, Node, NodeKind, ScalarForm},
    source, ungroup,
};
use crate::expression::name::nearest;

/// What asks: which keys of a query it takes, and what they are called there.
type Taken = &'static [(&'static str, &'static str)];

const PROBE: Taken = &[
    ("run", "run"),
    ("shell", "shell"),
    ("on", "on"),
    ("env", "env"),
    ("stdin", "stdin"),
    ("cwd", "cwd"),
    ("user", "user"),
    ("timeout", "timeout"),
    ("output", "output"),
    ("may_write", "may_write"),
    ("may_connect", "may_connect"),
    ("reads_because", "reads_because"),
    ("message", "message"),
];
const WAIT: Taken = &[
    ("run", "run"),
    ("shell", "shell"),
    ("env", "env"),
    ("timeout", "poll_timeout"),
    ("output", "output"),
    ("may_write", "may_write"),
    ("may_connect", "may_connect"),
    ("reads_because", "reads_because"),
    ("message", "message"),
];
/// What of a wait's query stands in the step around the wait.
const AROUND_WAIT: Taken = &[("on", "on"), ("stdin", "stdin"), ("cwd", "cwd"), ("user", "user")];
const STEP: Taken = &[
    ("run", "run"),
    ("shell", "shell"),
    ("on", "on"),
    ("env", "env"),
    ("stdin", "stdin"),
    ("cwd", "cwd"),
    ("user", "user"),
    ("timeout", "timeout"),
    ("output", "output"),
    ("may_write", "may_write"),
    ("may_connect", "may_connect"),
    ("reads_because", "reads_because"),
];
const CHOICES: Taken = &[
    ("run", "run"),
    ("shell", "shell"),
    ("on", "on"),
    ("env", "env"),
    ("timeout", "timeout"),
    ("output", "output"),
    ("may_write", "may_write"),
    ("may_connect", "may_connect"),
    ("reads_because", "reads_because"),
];

/// Puts every query in its places. What asks keeps its `ask`.
pub(super) fn put_in_place(root: &mut Node, value: &mut Value, faults: &mut Vec<Fault>) {
    let Some(written) = root.get("queries").cloned() else {
        let none = Queries { written: Node { span: root.span, kind: NodeKind::Map(Vec::new()) }, values: Value::Null };
        return Asking { queries: &none, asked: BTreeSet::new(), faults }.runbook(root, value);
    };
    let queries = Queries { values: value.get("queries").cloned().unwrap_or_default(), written };
    let mut asking = Asking { queries: &queries, asked: BTreeSet::new(), faults };
    asking.runbook(root, value);
    let asked = asking.asked;
    for query in queries.written.entries() {
        if !query.value.has("run") && !query.value.has("shell") {
            faults.push(
                Fault::error("empty-query", query.key_span, format!("the query `{}` asks nothing", query.key))
                    .label("neither `run` nor `shell`")
                    .hint("add `run`: the command, word by word"),
            );
        }
        if !asked.contains(&query.key) {
            faults.push(
                Fault::error("unused-query", query.key_span, format!("nothing asks the query `{}`", query.key))
                    .label("never asked")
                    .hint(format!("write `ask: {}` where it is needed, or remove the query", query.key)),
            );
        }
    }
}

/// The text of a runbook with every query in its places, as YAML; `None` for a text that is no runbook.
#[must_use]
pub(crate) fn expanded(source: &SourceText) -> Option<String> {
    let mut faults = Vec::new();
    let mut root = source::read(&source.text).root?;
    let mut value = root.value(&source.text, &mut faults)?;
    ungroup::laid_out(&mut root, &mut value, &mut faults);
    put_in_place(&mut root, &mut value, &mut faults);
    if let Value::Object(map) = &mut value {
        map.shift_remove("queries");
    }
    without_asks(&mut value);
    faults.is_empty().then(|| document::text(&value)).flatten()
}

/// Takes out each `ask` that stands beside what it asks.
fn without_asks(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_asks),
        Value::Object(map) => {
            if map.contains_key("run") || map.contains_key("shell") {
                map.shift_remove("ask");
            }
            map.values_mut().for_each(without_asks);
        }
        _ => {}
    }
}

/// The queries of a runbook, as they are written.
struct Queries {
    written: Node,
    values: Value,
}

impl Queries {
    fn find(&self, name: &str) -> Option<(&Node, &Value)> {
        Some((self.written.get(name)?, self.values.get(name)?))
    }
}

/// A walk through everything that may ask.
struct Asking<'q, 'f> {
    queries: &'q Queries,
    asked: BTreeSet<String>,
    faults: &'f mut Vec<Fault>,
}

impl Asking<'_, '_> {
    fn runbook(&mut self, root: &mut Node, value: &mut Value) {
        within(root, value, "params", |params, values| {
            for entry in entries(params) {
                let Some(value) = values.get_mut(&entry.key) else { continue };
                within(&mut entry.value, value, "choices", |node, value| {
                    self.ask(node, value, CHOICES);
                });
            }
        });
        within(root, value, "identity", |node, value| {
            self.ask(node, value, PROBE);
        });
        each(root, value, "preflight", |node, value| {
            self.ask(node, value, PROBE);
        });
        each(root, value, "steps", |node, value| self.step(node, value));
    }

    fn step(&mut self, node: &mut Node, value: &mut Value) {
        within(node, value, "cases", |cases, values| {
            for entry in entries(cases) {
                if let Some(value) = values.get_mut(&entry.key) {
                    self.step(&mut entry.value, value);
                }
            }
        });
        if self.ask(node, value, STEP).is_some() {
            self.reads(node, value);
        }
        for key in ["probe", "done_if", "verify"] {
            within(node, value, key, |node, value| {
                self.ask(node, value, PROBE);
            });
        }
        let mut waits = None;
        within(node, value, "wait", |node, value| waits = self.ask(node, value, WAIT));
        if let Some(name) = waits {
            self.take(&name, node, value, AROUND_WAIT);
        }
        within(node, value, "manual", |node, value| {
            within(node, value, "verify", |node, value| {
                self.ask(node, value, PROBE);
            });
        });
        for (holder, list) in [("confirm", "show"), ("for_each", "before_batch")] {
            within(node, value, holder, |node, value| {
                each(node, value, list, |node, value| {
                    self.ask(node, value, PROBE);
                });
            });
        }
        each(node, value, "holds", |node, value| {
            self.ask(node, value, PROBE);
        });
        each(node, value, "steps", |node, value| self.step(node, value));
    }

    /// A step that asks only reads.
    fn reads(&mut self, node: &mut Node, value: &mut Value) {
        let span = node.entry("ask").map_or(node.span, |entry| entry.value.span);
        match node.get("effect") {
            None => {
                let read = NodeKind::Scalar { text: "read".to_owned(), style: ScalarForm::Plain };
                add(node, value, "effect", span, Node { span, kind: read }, Value::from("read"));
            }
            Some(effect) if effect.text() != Some("read") => self.faults.push(
                Fault::error("query-changes", effect.span, "a step that asks a query only reads")
                    .label("not for a query")
                    .also(span, "the query is asked here")
                    .hint("remove `effect`; a command that changes something is written in the step itself"),
            ),
            Some(_) => {}
        }
    }

    /// Gives a mapping what it asks for; the name of its query, if it asks for one that there is.
    fn ask(&mut self, node: &mut Node, value: &mut Value, taken: Taken) -> Option<String> {
        let ask = node.entry("ask")?;
        let (name, span) = (ask.value.text()?.to_owned(), ask.value.span);
        if let Some(own) = ["run", "shell"].iter().find_map(|key| node.entry(key)) {
            let what = format!("both `ask` and `{}` say what is run", own.key);
            self.faults.push(
                Fault::error("two-commands", own.key_span, what)
                    .label("a second command")
                    .also(span, "the first is here")
                    .hint("keep one of them"),
            );
            return None;
        }
        self.asked.insert(name.clone());
        let Some((query, _)) = self.queries.find(&name) else {
            let known = self.queries.written.entries().iter().map(|entry| entry.key.as_str());
            let hint =
                nearest(&name, known).map_or_else(|| "write it under `queries`".to_owned(), |near| format!("did you mean `{near}`?"));
            self.faults.push(Fault::error("unknown-query", span, format!("there is no query `{name}`")).label("not known").hint(hint));
            stand_in(node, value, span);
            return Some(name);
        };
        let is_empty = !query.has("run") && !query.has("shell");
        self.take(&name, node, value, taken);
        if is_empty {
            stand_in(node, value, span);
        }
        Some(name)
    }

    fn take(&self, name: &str, node: &mut Node, value: &mut Value, taken: Taken) {
        let Some((query, values)) = self.queries.find(name) else { return };
        for (key, here) in taken {
            let (Some(entry), Some(own)) = (query.entry(key), values.get(key)) else { continue };
            if !node.has(here) {
                add(node, value, here, entry.key_span, entry.value.clone(), own.clone());
            }
        }
    }
}

/// A command where there is none, so that nothing else is said of what is missing: the fault has been found.
fn stand_in(node: &mut Node, value: &mut Value, span: Span) {
    let word = Node { span, kind: NodeKind::Scalar { text: "ask".to_owned(), style: ScalarForm::Quoted } };
    add(node, value, "run", span, Node { span, kind: NodeKind::List(vec![word]) }, serde_json::json!(["ask"]));
}

fn add(node: &mut Node, value: &mut Value, key: &str, key_span: Span, entry: Node, own: Value) {
    if let (NodeKind::Map(entries), Value::Object(map)) = (&mut node.kind, value) {
        entries.push(Entry { key: key.to_owned(), key_span, value: entry });
        map.insert(key.to_owned(), own);
    }
}

fn entries(node: &mut Node) -> &mut [Entry] {
    match &mut node.kind {
        NodeKind::Map(entries) => entries,
        _ => &mut [],
    }
}

fn within(node: &mut Node, value: &mut Value, key: &str, see: impl FnOnce(&mut Node, &mut Value)) {
    let entry = entries(node).iter_mut().rev().find(|entry| entry.key == key);
    if let (Some(entry), Some(value)) = (entry, value.get_mut(key)) {
        see(&mut entry.value, value);
    }
}

fn each(node: &mut Node, value: &mut Value, key: &str, mut see: impl FnMut(&mut Node, &mut Value)) {
    within(node, value, key, |list, values| {
        if let (NodeKind::List(items), Value::Array(values)) = (&mut list.kind, values) {
            items.iter_mut().zip(values).for_each(|(node, value)| see(node, value));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{
        model::{Origin, Runbook},
        resolve,
    };

    const ASKING: &str = r#"halligan: 1
name: asking
title: Ask in every place
summary: For a test.
reviewed: 2026-11-01
params:
  host: {type: host, help: A host, default: here}
  osds: {list: int, help: OSDs, choices: {ask: osd_ids, timeout: 5s}}
queries:
  osd_ids: {run: [ceph, osd, ls, -f, json], output: json, timeout: 30s}
  state: {run: [ceph, -s, -f, json], on: "{{ params.host }}", output: json, timeout: 30s, message: "epoch {{ output.epoch }}"}
preflight:
- {id: quiet, ask: state, expect: output.ok}
steps:
- {id: read, ask: state, timeout: 90s}
- {id: asked, probe: {ask: state, expect: output.ok, message: mine}}
- {id: waited, wait: {ask: state, until: output.ok, timeout: 10m}}
- id: each
  for_each: {items: "{{ params.osds }}", as: osd, before_batch: [{ask: state, expect: output.ok}]}
  holds: [{id: well, ask: state, expect: output.ok}]
  steps:
  - {id: set, run: [echo, "{{ osd }}"], effect: change, undo: {impossible: x}, done_if: {ask: state, expect: output.ok}, verify: {ask: osd_ids, expect: osd in output}}
- {id: agreed, confirm: {message: Well?, show: [{ask: state}]}}
- {id: by_hand, manual: {message: Do it., ask: What was done?, verify: {ask: state, expect: output.ok}}}
"#;

    fn read(text: &str) -> Runbook {
        let (runbook, report) = resolve(SourceText::new("asking.yaml", Origin::Bundled, text));
        runbook.unwrap_or_else(|| panic!("{}", report.plain()))
    }

    /// Everything but where it stands.
    fn meaning(runbook: &Runbook) -> String {
        let spans = regex::Regex::new(r#"Span \{[^}]*\}|query: (None|Some\("[^"]*"\)), "#).unwrap();
        spans.replace_all(&format!("{:?} {:?} {:?}", runbook.params, runbook.preflight, runbook.steps), "").into_owned()
    }

    #[test]
    fn a_query_is_what_is_written_in_its_place() {
        let asking = read(ASKING);
        let text = expanded(&asking.source).unwrap();
        assert!(!text.contains("queries") && !text.contains("ask: state") && text.contains("ask: What was done?"), "{text}");
        assert_eq!(meaning(&read(&text)), meaning(&asking));
        // What stands beside `ask` goes before what the query says.
        let by_hand = ASKING.replace(
            "{ask: state, expect: output.ok, message: mine}",
            "{run: [ceph, -s, -f, json], on: \"{{ params.host }}\", output: json, timeout: 30s, expect: output.ok, message: mine}",
        );
        assert_ne!(by_hand, ASKING);
        assert_eq!(meaning(&read(&by_hand)), meaning(&asking));
    }
}
