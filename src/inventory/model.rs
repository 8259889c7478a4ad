//! Hosts and the ways to them, checked.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{
    document::{KindName, Quoting},
    lease::SharedLock,
};
use crate::runbook::model::SourceText;

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

    pub fn of(name: &str, kind: KindName) -> Self {
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
    /// Environment variables of what only reads here, before those of the inventory.
    pub reads: IndexMap<String, String>,
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
    /// Environment variables of what only reads, wherever it runs.
    pub reads: IndexMap<String, String>,
}

impl Inventory {
    /// What expressions see as `inventory`.
    #[must_use]
    pub fn value(&self) -> Value {
        let hosts: serde_json::Map<String, Value> = self
            .hosts
            .iter()
            .map(|(name, host)| {
                let Host { address, transport, vars, .. } = host;
                let told =
                    json!({"name": name, "address": address, "transport": transport.name, "options": transport.options, "vars": vars});
                (name.clone(), told)
            })
            .collect();
        json!({"hosts": hosts, "groups": self.groups})
    }

    /// The environment variables of a command that only reads on this host, or on this machine.
    #[must_use]
    pub(crate) fn reads_on(&self, host: Option<&str>) -> IndexMap<&str, &str> {
        let own = self.hosts.get(host.unwrap_or("local")).map(|host| &host.reads);
        self.reads.iter().chain(own.into_iter().flatten()).map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The names of all those variables.
    #[must_use]
    pub(crate) fn reads_names(&self) -> BTreeSet<&str> {
        self.reads.keys().chain(self.hosts.values().flat_map(|host| host.reads.keys())).map(String::as_str).collect()
    }

    /// What expressions see without an inventory.
    #[must_use]
    pub fn nothing() -> Value {
        json!({"hosts": {}, "groups": {}})
    }
}

/// Whether this can be given to a program as a host's name or address.
///
/// # Errors
/// Says why not.
pub(crate) fn destination(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if text.starts_with('-') {
        return Err("it begins with `-`, which a program would take for an option".to_owned());
    }
    match text.chars().find(|c| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, '\'' | '"' | '`' | '$' | '\\' | ';' | '&' | '<' | '>' | '|' | '(' | ')' | '{' | '}')
    }) {
        Some(c) if c == ' ' || !(c.is_control() || c.is_whitespace()) => Err(format!("`{c}` is not allowed in a host name")),
        // What would not be seen is named by its number.
        Some(c) => Err(format!("the character U+{:04X} is not allowed in a host name", u32::from(c))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn what_cannot_stand_in_a_hosts_name_can_be_seen() {
        assert_eq!(destination("osd-1.example.org"), Ok(()));
        assert_eq!(destination("a'b"), Err("`'` is not allowed in a host name".to_owned()));
        assert_eq!(destination("a b"), Err("` ` is not allowed in a host name".to_owned()));
        assert_eq!(destination("a\u{1b}b"), Err("the character U+001B is not allowed in a host name".to_owned()));
        assert_eq!(destination("a\u{2003}b"), Err("the character U+2003 is not allowed in a host name".to_owned()));
    }
}
