//! Checks of the preflight in groups: what a group says once is put into each of its checks, before anything else is looked at.
//!
//! It is done to the tree and to the value together, so that a fault is shown where its text stands.

use serde_json::Value;

use super::{
    diagnostic::Fault,
    group::PreflightGroup,
    node::{Entry, Node, NodeKind, ScalarForm},
};

/// What a group may say.
const OF_A_GROUP: [&str; 5] = ["title", "when", "for_each", "on", "checks"];

/// Puts the checks of each group in its place. Returns the groups, by where their checks stand then.
pub(super) fn laid_out(root: &mut Node, value: &mut Value, faults: &mut Vec<Fault>) -> Vec<PreflightGroup> {
    let list = match &mut root.kind {
        NodeKind::Map(entries) => entries.iter_mut().rev().find(|entry| entry.key == "preflight"),
        _ => None,
    };
    let (Some(Entry { value: Node { kind: NodeKind::List(nodes), .. }, .. }), Some(Value::Array(values))) =
        (list, value.get_mut("preflight"))
    else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    let (mut flat_nodes, mut flat_values) = (Vec::new(), Vec::new());
    for (node, value) in std::mem::take(nodes).into_iter().zip(std::mem::take(values)) {
        let Some((checks, check_values)) = checks_of(&node, &value) else {
            flat_nodes.push(node);
            flat_values.push(value);
            continue;
        };
        faults.extend(faults_of(&node, &checks));
        let title = node.get("title").and_then(Node::text).unwrap_or_default().to_owned();
        groups.push(PreflightGroup { title, first: flat_nodes.len(), count: checks.len() });
        for (mut check, mut check_value) in checks.into_iter().zip(check_values) {
            for key in ["when", "for_each", "on"] {
                hand_down(key, &node, &value, &mut check, &mut check_value);
            }
            flat_nodes.push(check);
            flat_values.push(check_value);
        }
    }
    *nodes = flat_nodes;
    *values = flat_values;
    groups
}

/// The checks of a group; nothing if this is a check itself, or is written so that it can be neither.
fn checks_of(node: &Node, value: &Value) -> Option<(Vec<Node>, Vec<Value>)> {
    let (NodeKind::List(checks), Value::Array(values)) = (&node.get("checks")?.kind, value.get("checks")?) else { return None };
    let whole = checks.len() == values.len() && values.iter().all(Value::is_object);
    whole.then(|| (checks.clone(), values.clone()))
}

fn faults_of(node: &Node, checks: &[Node]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for entry in node.entries().iter().filter(|entry| !OF_A_GROUP.contains(&entry.key.as_str())) {
        faults.push(
            Fault::error("misplaced-key", entry.key_span, format!("`{}` in a group of checks", entry.key))
                .label("not for a group")
                .hint("a group has `title`, `when`, `for_each`, `on` and `checks`; write the rest in each check"),
        );
    }
    let span = node.entry("checks").map_or(node.span, |entry| entry.key_span);
    if !node.has("title") {
        faults.push(
            Fault::error("missing-key", span, "missing `title` in a group of checks")
                .label("no `title` here")
                .hint("add `title`: what the checks have in common"),
        );
    }
    if checks.is_empty() {
        faults.push(Fault::error("empty-group", span, "the group has no checks").label("no checks").hint("add at least one check"));
    }
    for check in checks {
        if let Some(inner) = check.entry("checks") {
            faults.push(
                Fault::error("misplaced-key", inner.key_span, "a group of checks inside another")
                    .label("a second group")
                    .hint("write its checks in the group around it, or after that group"),
            );
        }
        if let (Some(own), Some(around)) = (check.entry("for_each"), node.entry("for_each")) {
            faults.push(
                Fault::error("misplaced-key", own.key_span, "both the check and its group have `for_each`")
                    .label("a second loop")
                    .also(around.key_span, "the group's is here")
                    .hint("keep one of them, or move the check out of the group"),
            );
        }
    }
    faults
}

/// Gives a check what its group says. A check that has its own condition is made if both hold; its own host goes before.
fn hand_down(key: &str, group: &Node, group_value: &Value, check: &mut Node, check_value: &mut Value) {
    let (Some(entry), Some(value)) = (group.entry(key), group_value.get(key)) else { return };
    let asks = ["run", "shell", "ask"].iter().any(|key| check.has(key));
    let (NodeKind::Map(entries), Value::Object(map)) = (&mut check.kind, check_value) else { return };
    match entries.iter_mut().rev().find(|own| own.key == key) {
        None if key == "on" && !asks => {}
        None => {
            entries.push(entry.clone());
            map.insert(key.to_owned(), value.clone());
        }
        Some(own) if key == "when" => {
            if let (Some(all), Some(one)) = (value.as_str(), own.value.text()) {
                let both = format!("({all}) and ({one})");
                own.value.kind = NodeKind::Scalar { text: both.clone(), style: ScalarForm::Quoted };
                map.insert(key.to_owned(), Value::from(both));
            }
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::runbook::{
        model::{Origin, Runbook, SourceText},
        resolve,
    };

    const HEAD: &str = "halligan: 1\nname: x\ntitle: X\nsummary: X\nreviewed: 2026-11-01\nparams: {hosts: {list: host, help: Hosts}, far: {type: bool, help: Far}}\n";
    const STEPS: &str = "steps:\n- {id: a, run: [x], effect: read}\n";

    fn read(preflight: &str) -> Result<Runbook, Vec<(&'static str, usize)>> {
        let text = format!("{HEAD}preflight:\n{preflight}{STEPS}");
        let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), text.as_str()));
        let place = |offset| crate::runbook::diagnostic::position(&text, offset).0;
        runbook.ok_or_else(|| report.faults.iter().map(|fault| (fault.code, place(fault.span.offset))).collect())
    }

    fn meaning(runbook: &Runbook) -> String {
        let spans = regex::Regex::new(r"Span \{[^}]*\}").unwrap();
        spans.replace_all(&format!("{:?}", runbook.preflight), "").into_owned()
    }

    #[test]
    fn a_group_is_what_is_written_in_each_of_its_checks() {
        let group = "- title: Each host\n  when: params.far\n  for_each: {items: '{{ params.hosts }}', as: host}\n  on: '{{ host }}'\n  checks:\n  - {id: up, run: [y]}\n  - {id: told, when: up.ok, expect: up.ok}\n  - {id: here, run: [x], on: local}\n- {id: after, run: [x]}\n";
        let each = "for_each: {items: '{{ params.hosts }}', as: host}";
        let apart = format!(
            "- {{id: up, when: params.far, {each}, on: '{{{{ host }}}}', run: [y]}}\n- {{id: told, when: (params.far) and (up.ok), {each}, expect: up.ok}}\n- {{id: here, when: params.far, {each}, run: [x], on: local}}\n- {{id: after, run: [x]}}\n"
        );
        let grouped = read(group).unwrap();
        assert_eq!(meaning(&grouped), meaning(&read(&apart).unwrap()));
        assert_eq!(
            grouped.groups.iter().map(|group| (group.title.as_str(), group.first, group.count)).collect::<Vec<_>>(),
            [("Each host", 0, 3)]
        );
    }

    #[test]
    fn a_fault_in_a_group_is_told_where_it_stands_and_once() {
        for (preflight, expected) in [
            ("- title: T\n  severity: warn\n  checks:\n  - {id: b, run: [x]}\n", vec![("misplaced-key", 9)]),
            ("- checks:\n  - {id: b, run: [x]}\n", vec![("missing-key", 8)]),
            ("- title: T\n  checks: []\n", vec![("empty-group", 9)]),
            ("- title: T\n  when: params.nope\n  checks:\n  - {id: b, run: [x]}\n  - {id: c, run: [x]}\n", vec![("unknown-name", 9)]),
            (
                "- title: T\n  for_each: {items: [a], as: n}\n  checks:\n  - {id: b, for_each: {items: [b], as: m}, run: [x]}\n",
                vec![("misplaced-key", 11)],
            ),
            (
                "- title: T\n  checks:\n  - title: U\n    checks:\n    - {id: b, run: [x]}\n",
                vec![("missing-key", 10), ("misplaced-key", 11)],
            ),
        ] {
            let found = read(preflight).err().unwrap_or_default();
            let found: Vec<_> = found.into_iter().filter(|(code, _)| *code != "unused" && *code != "empty-probe").collect();
            assert_eq!(found.first(), expected.first(), "{preflight}{found:?}");
        }
    }
}
