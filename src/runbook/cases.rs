//! Cases: what a step says once is put into each of its cases, before they are read.
//!
//! It is done to the tree and to the value together, so that a fault is shown where its text stands.

use serde_json::Value;

use super::node::{Entry, Node, NodeKind};

/// The keys of a step that are none of its cases': how one is chosen, and what only a case or another kind of step does.
const OF_THE_STEP: [&str; 15] = [
    "choose", "cases", "steps", "params", "ask", "run", "shell", "probe", "wait", "manual", "confirm", "for_each", "group", "call",
    "covers",
];

/// Puts into each case of every step what the step says and the case does not.
pub(super) fn laid_out(root: &mut Node, value: &mut Value) {
    if let (Some(list), Some(values)) = (root.entry_mut("steps"), value.get_mut("steps")) {
        steps(&mut list.value, values);
    }
}

fn steps(list: &mut Node, values: &mut Value) {
    let (NodeKind::List(nodes), Value::Array(values)) = (&mut list.kind, values) else { return };
    for (node, value) in nodes.iter_mut().zip(values) {
        if let (Some(inner), Some(values)) = (node.entry_mut("steps"), value.get_mut("steps")) {
            steps(&mut inner.value, values);
        }
        hand_down(node, value);
    }
}

fn hand_down(node: &mut Node, value: &mut Value) {
    let said: Vec<(Entry, Value)> = node
        .entries()
        .iter()
        .filter(|entry| !OF_THE_STEP.contains(&entry.key.as_str()))
        .filter_map(|entry| Some((entry.clone(), value.get(&entry.key)?.clone())))
        .collect();
    let (Some(Entry { value: Node { kind: NodeKind::Map(cases), .. }, .. }), Some(Value::Object(values))) =
        (node.entry_mut("cases"), value.get_mut("cases"))
    else {
        return;
    };
    for case in cases {
        let (NodeKind::Map(own), Some(Value::Object(own_values))) = (&mut case.value.kind, values.get_mut(&case.key)) else { continue };
        for (entry, value) in &said {
            if !own_values.contains_key(&entry.key) {
                own.push(entry.clone());
                own_values.insert(entry.key.clone(), value.clone());
            }
        }
    }
}
