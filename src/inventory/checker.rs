//! From what is written to what it means: names that exist, ways that end somewhere, nothing that lets anybody pose as a host.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    document::{InventoryDocument, KindName, LeaseName, LockDocument, LostDocument},
    lease::{Lease, SharedLock, TTL, TTLS, fence_variable},
    model::{Host, Inventory, Transport, destination},
};
use crate::{
    expression::name::nearest,
    quantity,
    runbook::{
        diagnostic::Fault,
        model::SourceText,
        name::is_variable,
        node::{Node, Segment},
    },
};

/// Names of transports that need no setting up.
const PLAIN: &[&str] = &["local", "ssh", "kubectl-exec", "chroot", "nsenter", "cephadm-shell"];

/// Collects every fault of a document that has the right shape.
pub(super) struct InventoryChecker<'a> {
    pub root: &'a Node,
    pub text: &'a str,
    pub document: &'a InventoryDocument,
    pub faults: &'a mut Vec<Fault>,
}

impl InventoryChecker<'_> {
    fn fault(&mut self, code: &'static str, path: &[&str], message: String, hint: impl AsRef<str>) {
        let path: Vec<Segment> =
            path.iter().map(|part| part.parse().map_or_else(|_| Segment::Key((*part).to_owned()), Segment::Index)).collect();
        let span = self.root.at(&path).map_or_else(|| self.root.key_span(&path), |node| node.span).first_line(self.text);
        self.faults.push(Fault::error(code, span, message).label("here").hint(hint));
    }

    pub(super) fn inventory(mut self, source: &SourceText) -> Inventory {
        let document = self.document;
        let transports: IndexMap<String, Transport> =
            document.transports.keys().filter_map(|name| Some((name.clone(), self.transport(name)?))).collect();
        let mut hosts = IndexMap::new();
        for (name, host) in &document.hosts {
            if let Err(why) = destination(name) {
                self.fault(
                    "bad-name",
                    &["hosts", name],
                    format!("`{name}` is not a valid host name: {why}"),
                    "use letters, digits, `.`, `-`, `_`",
                );
            }
            let wanted = host.transport.as_deref().or(document.transport.as_deref()).unwrap_or("ssh");
            let Some(transport) = transports.get(wanted).cloned().or_else(|| Transport::plain(wanted)) else {
                if !document.transports.contains_key(wanted) {
                    let known: Vec<&str> = document.transports.keys().map(String::as_str).chain(PLAIN.iter().copied()).collect();
                    let hint = nearest(wanted, known.iter().copied())
                        .map_or_else(|| format!("known transports: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
                    let path: &[&str] = if host.transport.is_some() { &["hosts", name, "transport"] } else { &["transport"] };
                    self.fault("unknown-name", path, format!("unknown transport `{wanted}`"), hint);
                }
                continue;
            };
            let address = host.address.clone().unwrap_or_else(|| name.clone());
            if let Err(why) = destination(&address) {
                self.fault(
                    "bad-name",
                    &["hosts", name, "address"],
                    format!("`{address}` is not a valid address: {why}"),
                    "write the address that the transport uses for the host",
                );
            }
            self.via(name);
            hosts
                .insert(name.clone(), Host { address, transport, via: host.via.clone(), reads: host.reads.clone(), vars: self.vars(name) });
            self.reads(&["hosts", name, "reads"], &host.reads);
        }
        let mut groups = IndexMap::new();
        for name in document.groups.keys() {
            let mut members = Vec::new();
            self.members(name, &mut members, &mut BTreeSet::new());
            groups.insert(name.clone(), members);
        }
        let locks = self.locks();
        self.reads(&["reads"], &document.reads);
        Inventory { source: source.clone(), hosts, groups, locks, reads: document.reads.clone() }
    }

    fn locks(&mut self) -> IndexMap<String, SharedLock> {
        let mut locks = IndexMap::new();
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        let document = self.document;
        for (name, written) in &document.locks {
            let lock = self.lock(name, written);
            if lock.lease.is_some()
                && let Some(other) = variables.insert(fence_variable(name), name)
            {
                let message = format!("the fencing tokens of `{name}` and `{other}` would be one variable, {}", fence_variable(name));
                self.fault("bad-name", &["locks", name], message, "call one of them something else");
            }
            locks.insert(name.clone(), lock);
        }
        locks
    }

    fn lock(&mut self, name: &str, written: &LockDocument) -> SharedLock {
        let LockDocument { lease, key, options, acquire, renew, release, ttl, on } = written;
        let commands = [("acquire", acquire), ("renew", renew), ("release", release)];
        let surplus = match lease {
            Some(_) => commands.map(|(key, words)| (key, !words.is_empty())),
            None => [("key", key.is_some()), ("options", !options.is_empty()), ("ttl", ttl.is_some() && renew.is_empty())],
        };
        for (surplus, _) in surplus.into_iter().filter(|(_, given)| *given) {
            let message =
                if lease.is_some() { format!("`lease` has its own `{surplus}`") } else { format!("`{surplus}` is only for leases") };
            self.fault("not-here", &["locks", name, surplus], message, "remove the key");
        }
        if let Some(on) = on.as_deref().filter(|on| *on != "local" && !self.document.hosts.contains_key(*on)) {
            self.fault("unknown-name", &["locks", name, "on"], format!("unknown host `{on}`"), "name one of `hosts`, or remove `on`");
        }
        let lasts = ttl.as_deref().map_or(Ok(TTL), |text| quantity::duration(text).map_err(|error| error.to_string()));
        let lasts = match lasts {
            Ok(lasts) if TTLS.contains(&lasts) && lasts.subsec_nanos() == 0 => lasts,
            wrong => {
                let why = wrong.err().unwrap_or_else(|| "`ttl` is no whole number of seconds between 5s and 1h".to_owned());
                self.fault("bad-value", &["locks", name, "ttl"], why, "write 30s");
                TTL
            }
        };
        if let Some(system) = lease {
            let at: &[&str] = if key.is_some() { &["locks", name, "key"] } else { &["locks", name] };
            let key = key.as_deref().unwrap_or(name);
            if let Some(why) = no_key(*system, key) {
                self.fault("bad-name", at, format!("`{key}` cannot be its name there: {why}"), "give it another as `key`");
            }
            return SharedLock::kept_by(*system, key, options, lasts, on.clone());
        }
        for (key, words) in commands.into_iter().filter(|(key, words)| *key != "renew" || !words.is_empty()) {
            if words.first().is_none_or(String::is_empty) {
                self.fault("empty", &["locks", name, key], format!("`{key}` has no program"), "write one item per word, or `lease: etcd`");
            }
        }
        let lease = (!renew.is_empty()).then(|| Lease { renew: renew.clone(), ttl: lasts });
        SharedLock { acquire: acquire.clone(), release: release.clone(), lease, script: None, on: on.clone() }
    }

    /// Names of variables, and values that can be given to a program.
    fn reads(&mut self, path: &[&str], reads: &IndexMap<String, String>) {
        for (name, value) in reads {
            let at: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            if !is_variable(name) {
                let message = format!("invalid environment variable name `{name}`");
                self.fault("bad-name", &at, message, "use letters, digits and `_`, no digit first, such as CEPH_ARGS");
            }
            if value.contains('\0') {
                self.fault("bad-value", &at, format!("the value of `{name}` contains a NUL byte"), "remove it");
            }
        }
    }

    fn via(&mut self, name: &str) {
        let mut seen = BTreeSet::from([name]);
        let mut at = name;
        while let Some(next) = self.document.hosts.get(at).and_then(|host| host.via.as_deref()) {
            let why = match self.document.hosts.get(next) {
                None => format!("unknown host `{next}`"),
                Some(_) if !seen.insert(next) => format!("circular `via`: `{name}` is reached through itself"),
                Some(_) => {
                    at = next;
                    continue;
                }
            };
            return self.fault("unknown-name", &["hosts", name, "via"], why, "name another host under `hosts`");
        }
    }

    fn vars(&self, host: &str) -> IndexMap<String, Value> {
        let mut vars = IndexMap::new();
        for group in self.document.groups.values().filter(|group| group.hosts.iter().any(|name| name == host)) {
            vars.extend(group.vars.clone());
        }
        vars.extend(self.document.hosts.get(host).map(|host| host.vars.clone()).unwrap_or_default());
        vars
    }

    /// Adds the hosts of a group and of the groups inside it.
    fn members(&mut self, name: &str, members: &mut Vec<String>, seen: &mut BTreeSet<String>) {
        let document = self.document;
        let Some(group) = document.groups.get(name).filter(|_| seen.insert(name.to_owned())) else { return };
        for (index, host) in group.hosts.iter().enumerate() {
            if !document.hosts.contains_key(host) {
                let hint = nearest(host, document.hosts.keys().map(String::as_str))
                    .map_or_else(|| "add it under `hosts`".to_owned(), |near| format!("did you mean `{near}`?"));
                self.fault("unknown-name", &["groups", name, "hosts", &index.to_string()], format!("unknown host `{host}`"), hint);
            }
            if !members.contains(host) {
                members.push(host.clone());
            }
        }
        for (index, inner) in group.groups.iter().enumerate() {
            if document.groups.contains_key(inner) {
                self.members(inner, members, seen);
            } else {
                let path = ["groups", name, "groups", &index.to_string()];
                self.fault("unknown-name", &path, format!("unknown group `{inner}`"), "name one of `groups`");
            }
        }
    }

    fn transport(&mut self, name: &str) -> Option<Transport> {
        let written = self.document.transports.get(name)?;
        let before = self.faults.len();
        if Transport::plain(name).is_some_and(|plain| plain.kind != written.kind) {
            self.fault("bad-name", &["transports", name], format!("`{name}` is the name of a built-in transport"), "choose another name");
        }
        let mut transport = Transport::of(name, written.kind);
        transport.options.clone_from(&written.options);
        if written.kind == KindName::Command {
            self.command(name, &mut transport);
        } else {
            for (key, given) in [
                ("command", !written.command.is_empty()),
                ("quoting", written.quoting.is_some()),
                ("stdin", written.stdin.is_some()),
                ("lost", written.lost.is_some()),
            ] {
                if given {
                    self.fault(
                        "not-here",
                        &["transports", name, key],
                        format!("`{key}` is only for transports of kind `command`"),
                        "remove the key",
                    );
                }
            }
        }
        if written.kind == KindName::Ssh {
            self.trust(name, &written.options);
        }
        (self.faults.len() == before).then_some(transport)
    }

    fn command(&mut self, name: &str, transport: &mut Transport) {
        let Some(written) = self.document.transports.get(name) else { return };
        transport.command.clone_from(&written.command);
        transport.stdin = written.stdin.unwrap_or(true);
        let LostDocument { codes, messages } = written.lost.clone().unwrap_or_default();
        (transport.lost_codes, transport.lost_messages) = (codes, messages);
        let commands = written.command.iter().filter(|word| *word == "{command}").count();
        if commands != 1 || written.command.first().is_none_or(|word| word == "{command}" || word.is_empty()) {
            self.fault(
                "bad-command",
                &["transports", name, "command"],
                "`command` must start with a program and contain the word `{command}` once".to_owned(),
                "for example [tsh, ssh, \"root@{host}\", \"{command}\"]",
            );
        }
        match written.quoting {
            Some(quoting) => transport.quoting = quoting,
            None => self.fault(
                "missing-key",
                &["transports", name],
                "missing `quoting` in a transport of kind `command`".to_owned(),
                "write `quoting: argv` if the words arrive unchanged, `quoting: shell` if a shell splits them (as ssh does)",
            ),
        }
        if !written.options.is_empty() {
            self.fault(
                "not-here",
                &["transports", name, "options"],
                "`options` does not apply to a transport of kind `command`".to_owned(),
                "move the options into `command`",
            );
        }
    }

    /// A host whose key is not checked is nobody's.
    fn trust(&mut self, name: &str, options: &[String]) {
        for (index, option) in ssh_options(options) {
            if trusting(&option) {
                self.fault(
                    "host-key",
                    &["transports", name, "options", &index.to_string()],
                    format!("`{option}` disables host key checking: anybody could pose as this host"),
                    "keep host keys in a known_hosts file; set UserKnownHostsFile=FILE for a file other than the default",
                );
            }
        }
    }
}

/// Flags of `ssh` that take a word.
const WITH_WORD: &str = "BbcDEeFIiJLlmOopPQRSWw";

/// What is given with `-o`, and the number of the word where it stands, as ssh takes words apart: `-voX=y`, `-o X=y` and `-o`, `X=y`.
fn ssh_options(words: &[String]) -> Vec<(usize, String)> {
    let mut options = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let flags = word.strip_prefix('-').unwrap_or_default();
        if let Some(place) = flags.find(|flag| WITH_WORD.contains(flag)) {
            let (flag, attached) = (flags[place..].starts_with('o'), &flags[place + 1..]);
            let (index, value) = if attached.is_empty() {
                at += 1;
                (at, words.get(at).cloned().unwrap_or_default())
            } else {
                (at, attached.to_owned())
            };
            if flag {
                options.push((index.min(words.len() - 1), value));
            }
        }
        at += 1;
    }
    options
}

/// Whether an option of ssh would let anybody pose as a host. What a value can be besides is refused: ssh knows more than one word
/// for most.
fn trusting(option: &str) -> bool {
    let plain = option.trim().to_ascii_lowercase();
    let end = plain.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(plain.len());
    let (key, value) = plain.split_at(end);
    let value = value.trim_start_matches(|c: char| c == '=' || c.is_whitespace());
    let values: Vec<String> = value.split_whitespace().map(|value| value.trim_matches(['"', '\'']).to_owned()).collect();
    let only = |allowed: &[&str]| values.iter().all(|value| allowed.contains(&value.as_str()));
    match key.trim_matches('"') {
        "stricthostkeychecking" => !only(&["yes", "true", "ask"]),
        "nohostauthenticationforlocalhost" => !only(&["no", "false"]),
        "knownhostscommand" => !only(&["none"]),
        "userknownhostsfile" => values.iter().any(|value| value == "none" || is_device(&plain_path(value))),
        _ => false,
    }
}

/// Not `/dev/shm`, which holds files.
fn is_device(path: &str) -> bool {
    path.starts_with("/dev/") && !path.starts_with("/dev/shm/")
}

/// A path without what changes nothing in it.
fn plain_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if path.starts_with('/') { format!("/{}", parts.join("/")) } else { parts.join("/") }
}

/// Why a system takes no lock of this name.
fn no_key(system: LeaseName, key: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let dns = |part: &str| part.starts_with(plain) && part.ends_with(plain) && part.chars().all(|c| plain(c) || c == '-');
    match system {
        LeaseName::Kubernetes if key.len() > 253 || !key.split('.').all(dns) => {
            Some("a Lease is called by small letters, digits, `-` and `.`")
        }
        _ if key.is_empty() || key.starts_with('-') || key.contains(char::is_control) => {
            Some("it is empty, begins with `-` or has a control character")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str]) -> usize {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        ssh_options(&words).iter().filter(|(index, option)| *index < words.len() && trusting(option)).count()
    }

    #[test]
    fn an_option_that_trusts_anybody_is_found_however_it_is_written() {
        for words in [
            &["-o", "StrictHostKeyChecking=no"][..],
            &["-o", "StrictHostKeyChecking=\"no\""],
            &["-oStrictHostKeyChecking=false"],
            &["-o", "stricthostkeychecking off"],
            &["-o", "StrictHostKeyChecking=accept-new"],
            &["-voStrictHostKeyChecking=no"],
            &["-o Strict=x", "-o StrictHostKeyChecking = no"],
            &["-vvo", "StrictHostKeyChecking\tno"],
            &["-oUserKnownHostsFile=/dev/./null"],
            &["-oUserKnownHostsFile=\"//dev//null\""],
            &["-oUserKnownHostsFile=none"],
            &["-oUserKnownHostsFile=/dev/stdin"],
            &["-oKnownHostsCommand=/usr/bin/ssh-keyscan %H"],
            &["-oNoHostAuthenticationForLocalhost=true"],
            &["-p", "22", "-4oStrictHostKeyChecking=No"],
        ] {
            assert_eq!(found(words), 1, "{words:?}");
        }
        for words in [
            &["-o", "StrictHostKeyChecking=yes"][..],
            &["-oStrictHostKeyChecking=ask", "-oUserKnownHostsFile=/etc/ssh/known ~/.ssh/known_hosts"],
            &["-i", "-oStrictHostKeyChecking=no"],
            &["-F", "/etc/ssh/lab", "-oGlobalKnownHostsFile=none", "-oUserKnownHostsFile=/dev/shm/known", "-oKnownHostsCommand=none", "-o"],
        ] {
            assert_eq!(found(words), 0, "{words:?}");
        }
    }
}
