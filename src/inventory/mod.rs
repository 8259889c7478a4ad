//! Which hosts there are, how each is reached, and which locks operators on different hosts share.

mod checker;
pub mod document;

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use indexmap::IndexMap;
use jsonschema::{Validator, error::ValidationErrorKind, paths::LocationSegment};
use serde::Deserialize;
use serde_json::{Value, json};

use document::Document;
pub use document::{KindName, LockDocument as SharedLock, Quoting};

use crate::{
    expression::name::nearest,
    runbook::{
        diagnostic::{Fault, Report},
        model::{Origin, SourceText, Span},
        node::{Node, Segment},
        schema, source,
    },
};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schema::of::<Document>("halligan inventory"));

/// `None` cannot be: a test builds it.
static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).ok());

/// The JSON Schema of an inventory, as text.
#[must_use]
pub fn json_schema() -> String {
    schema::text(&SCHEMA)
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// As it is called in the inventory.
    pub name: String,
    pub kind: KindName,
    pub options: Vec<String>,
    /// For [`KindName::Command`]; never empty then.
    pub command: Vec<String>,
    pub quoting: Quoting,
    /// Standard input reaches the far side.
    pub stdin: bool,
    pub lost_codes: Vec<i32>,
    pub lost_messages: Vec<String>,
}

impl Transport {
    /// One that needs no setting up.
    #[must_use]
    pub fn plain(name: &str) -> Option<Self> {
        let kind = match name {
            "local" => KindName::Local,
            "ssh" => KindName::Ssh,
            "kubectl-exec" => KindName::KubectlExec,
            "chroot" => KindName::Chroot,
            "nsenter" => KindName::Nsenter,
            "cephadm-shell" => KindName::CephadmShell,
            _ => return None,
        };
        Some(Self::of(name, kind))
    }

    fn of(name: &str, kind: KindName) -> Self {
        let (lost_codes, lost_messages): (Vec<i32>, &[&str]) = match kind {
            KindName::Ssh => (vec![255], &[]),
            // kubectl uses 1 for its own failures and for a command's.
            KindName::KubectlExec => {
                (vec![1], &["error: ", "Error from server", "Unable to connect to the server", "error dialing backend", "unexpected EOF"])
            }
            _ => (Vec::new(), &[]),
        };
        Self {
            name: name.to_owned(),
            kind,
            options: Vec::new(),
            command: Vec::new(),
            quoting: Quoting::Argv,
            stdin: true,
            lost_codes,
            lost_messages: lost_messages.iter().map(|text| (*text).to_owned()).collect(),
        }
    }
}

/// One host.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    pub address: String,
    pub transport: Transport,
    pub via: Option<String>,
    pub vars: IndexMap<String, Value>,
}

/// An inventory without faults.
#[derive(Debug, Clone)]
pub struct Inventory {
    pub source: SourceText,
    pub hosts: IndexMap<String, Host>,
    /// Names of hosts, each once, in the order of the file.
    pub groups: IndexMap<String, Vec<String>>,
    pub locks: IndexMap<String, SharedLock>,
}

impl Inventory {
    /// What expressions see as `inventory`.
    #[must_use]
    pub fn value(&self) -> Value {
        let hosts: serde_json::Map<String, Value> = self
            .hosts
            .iter()
            .map(|(name, host)| {
                (name.clone(), json!({"name": name, "address": host.address, "transport": host.transport.name, "vars": host.vars}))
            })
            .collect();
        json!({"hosts": hosts, "groups": self.groups})
    }

    /// What expressions see without an inventory.
    #[must_use]
    pub fn nothing() -> Value {
        json!({"hosts": {}, "groups": {}})
    }

    /// Reads an inventory's text. There is an inventory exactly when the report holds no error.
    #[must_use]
    pub fn parse(source: SourceText) -> (Option<Self>, Report) {
        let source::Parsed { root, mut faults, usable } = source::read(&source.text);
        let inventory = root.filter(|_| usable).and_then(|root| from_tree(&source, &root, &mut faults));
        let report = Report::new(source, faults);
        (inventory.filter(|_| report.errors() == 0), report)
    }
}

/// Where the inventory is when no flag says: `$HALLIGAN_INVENTORY` comes with the flag; else `/etc/halligan/inventory.yaml` if it
/// is there. Never the working directory: what stands there by chance must not decide where commands go.
#[must_use]
pub fn standard() -> Option<PathBuf> {
    let path = Path::new("/etc/halligan/inventory.yaml");
    path.exists().then(|| path.to_owned())
}

/// Reads an inventory file.
///
/// # Errors
/// It cannot be read, or the report has its faults.
pub fn read(path: &Path) -> Result<(Option<Inventory>, Report), std::io::Error> {
    let bytes = std::fs::read(path)?;
    // Whoever takes a run up again may stand in another directory.
    let origin = Origin::File(std::path::absolute(path)?);
    Ok(match SourceText::from_bytes(path.display().to_string(), origin, &bytes) {
        Ok(source) => Inventory::parse(source),
        Err(report) => (None, *report),
    })
}

fn from_tree(source: &SourceText, root: &Node, faults: &mut Vec<Fault>) -> Option<Inventory> {
    let before = faults.len();
    let value = root.value(&source.text, faults)?;
    shape(&value, root, &source.text, faults);
    if faults.len() > before {
        return None;
    }
    let document = match Document::deserialize(&value) {
        Ok(document) => document,
        Err(error) => {
            faults.push(
                Fault::error("shape", root.span.first_line(&source.text), format!("this is no inventory: {error}"))
                    .hint("see `halligan schema --inventory`"),
            );
            return None;
        }
    };
    Some(checker::Checker { root, text: &source.text, document: &document, faults }.inventory(source))
}

/// Every way in which the value is not shaped like an inventory.
fn shape(value: &Value, root: &Node, text: &str, faults: &mut Vec<Fault>) {
    let Some(validator) = VALIDATOR.as_ref() else {
        faults.push(Fault::error("bug", Span::default(), "the schema of inventories does not compile; this is a bug in halligan"));
        return;
    };
    for error in validator.iter_errors(value) {
        let path: Vec<Segment> = error
            .instance_path()
            .segments()
            .map(|segment| match segment {
                LocationSegment::Index(index) => Segment::Index(index),
                LocationSegment::Property(key) => Segment::Key(key.into_owned()),
            })
            .collect();
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            let known = properties(error.schema_path().as_str());
            for key in unexpected {
                let mut at = path.clone();
                at.push(Segment::Key(key.clone()));
                let hint = match nearest(key, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here are {}", known.join(", ")),
                };
                faults.push(
                    Fault::error("unknown-key", root.key_span(&at), format!("there is no key `{key}` here")).label("not known").hint(hint),
                );
            }
            continue;
        }
        let span = root.at(&path).map_or(root.span, |node| node.span);
        let span = if span.len == 0 { root.key_span(&path) } else { span };
        faults.push(
            Fault::error("wrong-shape", span.first_line(text), format!("this does not fit: {error}"))
                .label("here")
                .hint("see `halligan schema --inventory`"),
        );
    }
}

/// The keys that the schema knows where it refused one.
fn properties(schema_path: &str) -> Vec<String> {
    let holder = schema_path.rfind('/').map_or("", |at| &schema_path[..at]);
    let of = |pointer: &str| SCHEMA.pointer(pointer).and_then(|schema| schema.get("properties")?.as_object()).cloned();
    of(holder).unwrap_or_default().into_iter().map(|(key, _)| key).collect()
}

/// Whether this can be given to a program as a host's name or address.
///
/// # Errors
/// Says why not.
pub fn destination(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.starts_with('-') {
        return Err("it begins with `-`, and a program would take it for an option".to_owned());
    }
    match text.chars().find(|c| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, '\'' | '"' | '`' | '$' | '\\' | ';' | '&' | '<' | '>' | '|' | '(' | ')' | '{' | '}')
    }) {
        Some(c) => Err(format!("{c:?} can stand in no host's name")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(inventory.hosts["a"].transport.options, ["-F", "/x"]);
        assert_eq!(inventory.hosts["c"].via.as_deref(), Some("a"));
    }

    #[test]
    fn every_fault_is_found_with_its_line() {
        for (text, line, message) in [
            ("hosts: {}\n", 1, "halligan_inventory"),
            ("halligan_inventory: 1\nhsots: {}\n", 2, "did you mean `hosts`?"),
            ("halligan_inventory: 1\nhosts:\n  a: {adress: x}\n", 3, "did you mean `address`?"),
            ("halligan_inventory: 1\nhosts:\n  a: {transport: shs}\n", 3, "did you mean `ssh`?"),
            ("halligan_inventory: 1\nhosts:\n  a: {via: b}\n", 3, "there is no host `b`"),
            ("halligan_inventory: 1\nhosts:\n  a: {via: b}\n  b: {via: a}\n", 3, "reached through itself"),
            ("halligan_inventory: 1\nhosts:\n  \"-oProxyCommand=x\": {}\n", 3, "begins with `-`"),
            ("halligan_inventory: 1\nhosts:\n  a: {}\ngroups:\n  g: {hosts: [a, b]}\n", 5, "there is no host `b`"),
            ("halligan_inventory: 1\ntransports:\n  t: {kind: ssh, options: [-oStrictHostKeyChecking=no]}\n", 3, "pose as this host"),
            ("halligan_inventory: 1\ntransports:\n  t: {kind: command, command: [x, '{command}']}\n", 3, "`quoting` is missing"),
            ("halligan_inventory: 1\ntransports:\n  t: {kind: command, command: [x], quoting: argv}\n", 3, "`{command}` once"),
        ] {
            let (inventory, report) = parse(text);
            assert!(inventory.is_none(), "{text}");
            assert!(report.contains(&format!("inventory.yaml:{line}:")) && report.contains(message), "{text}\n{report}");
        }
        assert!(VALIDATOR.is_some());
    }
}
