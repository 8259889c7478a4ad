//! An inventory from what `ansible-inventory --list` prints.
//!
//! How a host is reached is taken from the variables of
//! <https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#connecting-to-hosts-behavioral-inventory-parameters>.
//! No other variable is carried over unless it is named: Ansible keeps passwords in them.

use std::collections::BTreeSet;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::KindName;
use crate::runbook::document;

/// What `ansible-inventory --list` prints.
#[derive(Debug, Deserialize)]
struct AnsibleListing {
    #[serde(rename = "_meta")]
    meta: ListingMeta,
    #[serde(flatten)]
    groups: IndexMap<String, ListedGroup>,
}

#[derive(Debug, Deserialize)]
struct ListingMeta {
    hostvars: IndexMap<String, AnsibleVars>,
}

/// Variables of one host, those of its groups among them.
type AnsibleVars = IndexMap<String, Value>;

#[derive(Debug, Deserialize)]
struct ListedGroup {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    children: Vec<String>,
    /// Only with `--export`; else they are among those of each host.
    #[serde(default)]
    vars: AnsibleVars,
}

#[derive(Debug, Serialize)]
struct WrittenInventory<'a> {
    halligan_inventory: u32,
    hosts: IndexMap<&'a str, WrittenHost<'a>>,
    groups: IndexMap<&'a str, WrittenGroup<'a>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    transports: IndexMap<String, WrittenTransport>,
}

#[derive(Debug, Default, Serialize)]
struct WrittenHost<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    vars: IndexMap<&'a str, &'a Value>,
}

#[derive(Debug, Serialize)]
struct WrittenGroup<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct WrittenTransport {
    kind: KindName,
    options: Vec<String>,
}

/// An inventory, and what of Ansible's is not in it.
#[derive(Debug)]
pub(crate) struct FromAnsible {
    pub text: String,
    pub left: Vec<String>,
}

/// What stands before it.
const HEAD: &str = "# Written by `halligan inventory from-ansible`. It does not follow Ansible's: write it anew when that changes.\n";

/// Variables that hold secrets.
const SECRET: &[&str] = &["pass", "password", "passphrase", "token"];

/// Writes the inventory.
///
/// # Errors
/// Each reason why a host cannot be carried over, or why nothing can.
pub(crate) fn from_ansible(listing: &str, named: &[String], left_out: &[String]) -> Result<FromAnsible, Vec<String>> {
    let listing: AnsibleListing =
        serde_json::from_str(listing).map_err(|error| vec![format!("it is not what `ansible-inventory --list` prints: {error}")])?;
    let AnsibleListing { meta: ListingMeta { hostvars }, groups } = &listing;
    let mut faults = Vec::new();
    if groups.values().any(|group| !group.vars.is_empty()) {
        faults.push("the variables of groups stand apart from those of hosts: run ansible-inventory without --export".to_owned());
    }
    let in_groups = groups.values().flat_map(|group| &group.hosts);
    let all: IndexSet<&str> = in_groups.chain(hostvars.keys()).map(String::as_str).collect();
    for name in left_out.iter().filter(|name| !all.contains(name.as_str())) {
        faults.push(format!("{name}: no such host, so it cannot be left out"));
    }
    let names: Vec<&str> = all.into_iter().filter(|name| !left_out.iter().any(|left| left == name)).collect();
    for name in named {
        if is_secret(name) {
            faults.push(format!("the variable {name} may hold a secret, and values of an inventory are not secret"));
        } else if !names.iter().any(|host| hostvars.get(*host).is_some_and(|vars| vars.contains_key(name))) {
            faults.push(format!("no host has the variable {name}"));
        }
    }
    let none = AnsibleVars::new();
    let mut transports: IndexMap<String, WrittenTransport> = IndexMap::new();
    let mut hosts = IndexMap::new();
    for name in &names {
        match host(hostvars.get(*name).unwrap_or(&none), named, &mut transports) {
            Ok(host) => {
                hosts.insert(*name, host);
            }
            Err(why) => faults.push(format!("{name}: {why}")),
        }
    }
    if names.is_empty() {
        faults.push("there is no host in it".to_owned());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let kept = |name: &&str| hosts.contains_key(*name);
    let groups = groups.iter().map(|(name, group)| {
        let members = group.hosts.iter().map(String::as_str).filter(kept).collect();
        // Of empty groups only the names are listed.
        let within = group.children.iter().filter(|child| groups.contains_key(*child)).map(String::as_str).collect();
        (name.as_str(), WrittenGroup { hosts: members, groups: within })
    });
    let groups = groups.collect();
    let written = WrittenInventory { halligan_inventory: 1, groups, transports, hosts };
    let text =
        serde_json::to_value(&written).ok().as_ref().and_then(document::text).ok_or_else(|| vec!["YAML cannot say it".to_owned()])?;
    let vars = names.iter().filter_map(|name| hostvars.get(*name)).collect::<Vec<_>>();
    Ok(FromAnsible { text: format!("{HEAD}{text}"), left: left(&vars, named) })
}

fn is_secret(name: &str) -> bool {
    name.split('_').any(|part| SECRET.contains(&part.to_ascii_lowercase().as_str()))
}

/// How a host is reached, and its facts.
fn host<'a>(
    vars: &'a AnsibleVars,
    named: &'a [String],
    transports: &mut IndexMap<String, WrittenTransport>,
) -> Result<WrittenHost<'a>, String> {
    let mut facts = IndexMap::new();
    for (name, value) in named.iter().filter_map(|name| vars.get_key_value(name)) {
        plain(name, value)?;
        facts.insert(name.as_str(), value);
    }
    let connection = text(vars, &["ansible_connection"])?;
    let connection = connection.as_deref().map_or("ssh", |name| name.rsplit('.').next().unwrap_or(name));
    let transport = match connection {
        "local" => Some("local".to_owned()),
        "ssh" | "smart" | "paramiko" | "paramiko_ssh" => transport(options(vars)?, transports),
        other => {
            return Err(format!(
                "its connection is `{other}` and not ssh: leave it out (--leave-out), and write it by hand with a transport"
            ));
        }
    };
    let address = if connection == "local" { None } else { text(vars, &["ansible_host", "ansible_ssh_host"])? };
    Ok(WrittenHost { address, transport, vars: facts })
}

/// The transport with these options, which hosts share; none where ssh needs none.
fn transport(options: Vec<String>, transports: &mut IndexMap<String, WrittenTransport>) -> Option<String> {
    if options.is_empty() {
        return None;
    }
    let known = transports.iter().find(|(_, known)| known.options == options).map(|(name, _)| name.clone());
    Some(known.unwrap_or_else(|| {
        let name = format!("ssh-{}", transports.len() + 1);
        transports.insert(name.clone(), WrittenTransport { kind: KindName::Ssh, options });
        name
    }))
}

fn options(vars: &AnsibleVars) -> Result<Vec<String>, String> {
    let mut options = Vec::new();
    for (flag, names) in [
        ("-l", ["ansible_user", "ansible_ssh_user"]),
        ("-p", ["ansible_port", "ansible_ssh_port"]),
        ("-i", ["ansible_private_key_file", "ansible_ssh_private_key_file"]),
    ] {
        if let Some(value) = text(vars, &names)? {
            options.extend([flag.to_owned(), value]);
        }
    }
    for name in ["ansible_ssh_common_args", "ansible_ssh_extra_args"] {
        let given = text(vars, &[name])?.unwrap_or_default();
        options.extend(shlex::split(&given).ok_or_else(|| format!("`{name}` cannot be split into words: {given}"))?);
    }
    Ok(options)
}

/// The first of these variables that is there, if it says something.
fn text(vars: &AnsibleVars, names: &[&str]) -> Result<Option<String>, String> {
    let Some((name, value)) = names.iter().find_map(|name| vars.get_key_value(*name)) else { return Ok(None) };
    plain(name, value)?;
    match value {
        Value::String(text) => Ok((!text.is_empty()).then(|| text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Null => Ok(None),
        _ => Err(format!("`{name}` is neither text nor a number")),
    }
}

/// Whether a value is what it says.
fn plain(name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.contains("{{") || text.contains("{%") => {
            Err(format!("`{name}` is a template, which ansible-inventory does not fill in: {text}"))
        }
        Value::Object(object) if object.contains_key("__ansible_vault") => Err(format!("`{name}` is in a vault")),
        Value::Array(values) => values.iter().try_for_each(|value| plain(name, value)),
        Value::Object(object) => object.values().try_for_each(|value| plain(name, value)),
        _ => Ok(()),
    }
}

/// What is not in it, in words.
fn left(hosts: &[&AnsibleVars], named: &[String]) -> Vec<String> {
    let count = |has: &dyn Fn(&str, &Value) -> bool| hosts.iter().filter(|vars| vars.iter().any(|(name, value)| has(name, value))).count();
    let off = |value: &Value| matches!(value.to_string().trim_matches('"').to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0");
    let says = [
        (count(&|name, _| name.starts_with("ansible_") && is_secret(name)), "have a password: halligan logs in with keys and agents only"),
        (
            count(&|name, value| name == "ansible_become" && !off(value)),
            "have `ansible_become`: a step says itself as which `user` it runs",
        ),
        (
            count(&|name, value| name.ends_with("host_key_checking") && off(value)),
            "are not asked for their key by Ansible: here a host whose key is not known is not reached",
        ),
    ];
    let said = says.into_iter().filter(|(hosts, _)| *hosts > 0);
    let mut left: Vec<String> = said.map(|(hosts, what)| format!("{hosts} of its hosts {what}")).collect();
    let others: BTreeSet<&str> = hosts.iter().flat_map(|vars| vars.keys()).map(String::as_str).collect();
    let others: Vec<&str> =
        others.into_iter().filter(|name| !name.starts_with("ansible_") && !named.iter().any(|known| known == name)).collect();
    if !others.is_empty() {
        left.push(format!("variables that are not carried over (--var NAME): {}", others.join(", ")));
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        inventory::Inventory,
        runbook::model::{Origin, SourceText},
    };

    /// As ansible-core 2.21.5 prints it.
    const LISTING: &str = r#"{
        "_meta": {"hostvars": {
            "control": {"ansible_connection": "local"},
            "db1": {"ansible_host": "10.0.0.2", "ansible_port": 2222, "ansible_user": "admin", "rack": "r1", "ansible_become_pass": "x"},
            "db2": {"ansible_host": "10.0.0.3", "ansible_port": 2222, "ansible_user": "admin", "rack": "r2"},
            "osd-1": {"ansible_become": "true", "ansible_ssh_common_args": "-o ProxyJump=bastion -o \"ServerAliveInterval=5\""},
            "osd-2": {"ansible_connection": "ansible.builtin.ssh"}},
            "profile": "inventory_legacy"},
        "all": {"children": ["ungrouped", "empty", "storage"]},
        "dbs": {"hosts": ["db1", "db2"]}, "osds": {"hosts": ["osd-1", "osd-2", "osd-3"]},
        "storage": {"children": ["osds", "dbs"]}, "ungrouped": {"hosts": ["control"]}}"#;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn written(vars: &[&str], left_out: &[&str]) -> (Inventory, Vec<String>) {
        let FromAnsible { text, left } = from_ansible(LISTING, &words(vars), &words(left_out)).unwrap();
        let (inventory, report) = Inventory::parse(SourceText::new("hosts", Origin::Bundled, &text));
        (inventory.unwrap_or_else(|| panic!("{text}\n{}", report.plain())), left)
    }

    #[test]
    fn hosts_groups_and_ways_are_carried_over() {
        let (inventory, left) = written(&["rack"], &[]);
        assert_eq!(inventory.hosts.keys().collect::<Vec<_>>(), ["db1", "db2", "osd-1", "osd-2", "osd-3", "control"]);
        assert_eq!(inventory.groups["all"], ["control", "osd-1", "osd-2", "osd-3", "db1", "db2"]);
        let (db1, osd1) = (&inventory.hosts["db1"], &inventory.hosts["osd-1"]);
        assert_eq!((db1.address.as_str(), &db1.vars["rack"]), ("10.0.0.2", &Value::from("r1")));
        assert_eq!(db1.transport.options, ["-l", "admin", "-p", "2222"]);
        assert_eq!(db1.transport, inventory.hosts["db2"].transport);
        assert_eq!(osd1.transport.options, ["-o", "ProxyJump=bastion", "-o", "ServerAliveInterval=5"]);
        assert_eq!(inventory.hosts["osd-2"].transport.name, "ssh");
        assert_eq!(inventory.hosts["control"].transport.kind, KindName::Local);
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[0].starts_with("1 of its hosts have a password") && left[1].contains("ansible_become"), "{left:?}");
    }

    #[test]
    fn a_variable_is_carried_over_only_by_name_and_a_host_left_out_only_by_name() {
        let (inventory, left) = written(&[], &["db1", "control"]);
        assert!(inventory.hosts.values().all(|host| host.vars.is_empty()));
        assert_eq!(inventory.groups["storage"], ["osd-1", "osd-2", "osd-3", "db2"]);
        assert!(left.iter().any(|what| what.ends_with("(--var NAME): rack")), "{left:?}");
    }

    #[test]
    fn what_cannot_be_carried_over_is_named() {
        for (vars, why) in [
            (r#"{"ansible_connection": "winrm"}"#, "h: its connection is `winrm`"),
            (r#"{"ansible_host": "{{ name }}.lan"}"#, "h: `ansible_host` is a template"),
            (r#"{"ansible_port": {"__ansible_vault": "$ANSIBLE_VAULT"}}"#, "h: `ansible_port` is in a vault"),
            (r#"{"ansible_user": ["a"]}"#, "h: `ansible_user` is neither text nor a number"),
            (r#"{"ansible_ssh_extra_args": "-o 'x"}"#, "h: `ansible_ssh_extra_args` cannot be split"),
            (r#"{"rack": ["{{ x }}"]}"#, "h: `rack` is a template"),
        ] {
            let listing = format!(r#"{{"_meta": {{"hostvars": {{"h": {vars}}}}}, "all": {{"hosts": ["h"]}}}}"#);
            let named = if vars.contains("rack") { words(&["rack"]) } else { Vec::new() };
            let faults = from_ansible(&listing, &named, &[]).unwrap_err();
            assert!(faults.len() == 1 && faults[0].starts_with(why), "{faults:?}");
        }
        let faults = from_ansible(LISTING, &words(&["ansible_become_pass", "nothing"]), &words(&["nobody"])).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
        let exported = r#"{"_meta": {"hostvars": {}}, "g": {"hosts": ["h"], "vars": {"x": 1}}}"#;
        assert!(from_ansible(exported, &[], &[]).unwrap_err()[0].contains("--export"));
        for wrong in ["", "[]", "{}", r#"{"_meta": {"hostvars": {}}}"#, r#"{"g": {"hosts": ["h"]}}"#] {
            assert_eq!(from_ansible(wrong, &[], &[]).unwrap_err().len(), 1, "{wrong}");
        }
    }

    proptest! {
        /// Whatever a variable holds, there is an inventory that halligan reads or a reason; never both, and no other host's way is changed.
        #[test]
        fn no_value_is_believed_to_be_another(value in "\\PC{0,24}", name in "ansible_(host|port|user|ssh_common_args|connection|private_key_file)") {
            let vars = serde_json::json!({"_meta": {"hostvars": {"h": {name: value}, "other": {}}}, "all": {"hosts": ["h", "other"]}});
            if let Ok(FromAnsible { text, .. }) = from_ansible(&vars.to_string(), &[], &[]) {
                let (inventory, _) = Inventory::parse(SourceText::new("hosts", Origin::Bundled, &text));
                prop_assert!(inventory.is_none_or(|read| read.hosts["other"].transport.options.is_empty() && read.hosts["other"].address == "other"));
            }
        }
    }
}
