//! Which hosts there are, how each is reached, and which locks operators on different hosts share.

mod ansible;
mod checker;
pub(crate) mod document;
mod file;
pub(crate) mod lease;
pub(crate) mod model;
mod named;

pub(crate) use ansible::{FromAnsible, from_ansible};
pub(crate) use document::InventoryDocument;
pub(crate) use document::{KindName, Quoting};
pub(crate) use file::{read, standard};
pub(crate) use lease::{Lease, LeaseScript, SharedLock, fence_variable};
pub(crate) use model::{Inventory, Transport, destination};
pub(crate) use named::{NamedFile, named};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        inventory::file::VALIDATOR,
        runbook::model::{Origin, SourceText},
    };

    fn parse(text: &str) -> (Option<Inventory>, String) {
        let (inventory, report) = Inventory::parse(SourceText::new("inventory.yaml", Origin::Bundled, text));
        (inventory, report.plain())
    }

    #[test]
    fn hosts_groups_and_facts_are_seen_by_expressions() {
        let (inventory, report) = parse(
            "halligan_inventory: 1\ntransport: lab\nhosts:\n  a: {address: 10.0.0.1, vars: {rack: r1}}\n  b: {transport: local}\n  \
             c: {transport: cephadm-shell, via: a}\ngroups:\n  osds: {hosts: [a, b], vars: {rack: r0, kind: osd}}\n  \
             all: {groups: [osds], hosts: [c, a]}\ntransports:\n  lab: {kind: ssh, options: [-F, /x]}\n",
        );
        let inventory = inventory.unwrap_or_else(|| panic!("{report}"));
        let value = inventory.value();
        assert_eq!(value["groups"]["all"], json!(["c", "a", "b"]));
        assert_eq!(value["hosts"]["a"]["vars"], json!({"rack": "r1", "kind": "osd"}));
        assert_eq!((&value["hosts"]["a"]["options"], &value["hosts"]["b"]["options"]), (&json!(["-F", "/x"]), &json!([])));
        assert_eq!(inventory.hosts["c"].via.as_deref(), Some("a"));
    }

    #[test]
    fn every_fault_is_found_with_its_line() {
        for (text, line, message) in [
            ("hosts: {}\n", 1, "halligan_inventory"),
            ("halligan_inventory: 1\nhsots: {}\n", 2, "did you mean `hosts`?"),
            ("halligan_inventory: 1\nhosts:\n  a: {adress: x}\n", 3, "did you mean `address`?"),
            ("halligan_inventory: 1\nhosts:\n  a: {transport: shs}\n", 3, "did you mean `ssh`?"),
            ("halligan_inventory: 1\nhosts:\n  a: {via: b}\n", 3, "unknown host `b`"),
            ("halligan_inventory: 1\nhosts:\n  a: {via: b}\n  b: {via: a}\n", 3, "reached through itself"),
            ("halligan_inventory: 1\nhosts:\n  \"-oProxyCommand=x\": {}\n", 3, "begins with `-`"),
            ("halligan_inventory: 1\nhosts:\n  a: {}\ngroups:\n  g: {hosts: [a, b]}\n", 5, "unknown host `b`"),
            ("halligan_inventory: 1\ntransports:\n  t: {kind: ssh, options: [-oStrictHostKeyChecking=no]}\n", 3, "pose as this host"),
            ("halligan_inventory: 1\ntransports:\n  t: {kind: command, command: [x, '{command}']}\n", 3, "missing `quoting`"),
            ("halligan_inventory: 1\ntransports:\n  t: {kind: command, command: [x], quoting: argv}\n", 3, "`{command}` once"),
        ] {
            let (inventory, report) = parse(text);
            assert!(inventory.is_none(), "{text}");
            assert!(report.contains(&format!("inventory.yaml:{line}:")) && report.contains(message), "{text}\n{report}");
        }
        assert!(VALIDATOR.is_some());
    }
}
