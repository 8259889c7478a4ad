//! The inventory as it is written: serde shapes, checked for nothing but their form.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An inventory file, format version 1: which hosts there are, and how each is reached.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InventoryDocument {
    /// Format version. Must be 1, and stands first.
    #[schemars(range(min = 1, max = 1))]
    #[expect(dead_code, reason = "only its schema is used: the version is checked by it")]
    pub halligan_inventory: u32,
    /// The transport of hosts without `transport`; default `ssh`.
    pub transport: Option<String>,
    /// Every host by the name that `on:` uses.
    #[serde(default)]
    pub hosts: IndexMap<String, HostDocument>,
    /// Named groups of hosts. Expressions see each as a list of host names.
    #[serde(default)]
    pub groups: IndexMap<String, GroupDocument>,
    /// Named transports, besides the built-in ones: `local`, `ssh`, `kubectl-exec`, `chroot`,
    /// `nsenter`, `cephadm-shell`.
    #[serde(default)]
    pub transports: IndexMap<String, TransportDocument>,
    /// Environment variables of every command that only reads, on every host: they give it an identity that may only read.
    #[serde(default)]
    pub reads: IndexMap<String, String>,
    /// Locks that operators on different hosts share, by the lock's name as a runbook's `locks` gives it.
    #[serde(default)]
    pub locks: IndexMap<String, LockDocument>,
}

/// One host.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostDocument {
    /// The host's address for the transport: for ssh the destination, for `kubectl-exec` the pod, for `chroot` the directory, for
    /// `nsenter` the process id, for `cephadm-shell` the daemon or nothing. Default: the host's own name.
    pub address: Option<String>,
    /// How it is reached: a name under `transports`, or a built-in transport.
    pub transport: Option<String>,
    /// Another host of this inventory on which the transport's own command runs, as `cephadm shell` does on a storage node.
    pub via: Option<String>,
    /// The same as `reads` of the inventory, for what runs on this host; its own win.
    #[serde(default)]
    pub reads: IndexMap<String, String>,
    /// Facts of the site's own; expressions see them as `inventory.hosts['NAME'].vars`.
    #[serde(default)]
    pub vars: IndexMap<String, Value>,
}

/// Hosts that have something in common.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupDocument {
    /// Names of hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Names of groups whose hosts belong here too.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Facts of all its hosts; a host's own win.
    #[serde(default)]
    pub vars: IndexMap<String, Value>,
}

/// What a transport is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KindName {
    /// This machine
    Local,
    /// OpenSSH's own client, one connection a host
    Ssh,
    /// `kubectl exec` into a pod
    KubectlExec,
    /// `chroot` into a directory
    Chroot,
    /// `nsenter` into the namespaces of a process
    Nsenter,
    /// `cephadm shell`
    CephadmShell,
    /// A command of the site's own
    Command,
}

/// How a command of the site's own takes the words that it is to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quoting {
    /// Word by word, as they are: no shell takes them apart
    #[default]
    Argv,
    /// As one text that a POSIX shell takes apart
    Shell,
}

/// A way to reach hosts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransportDocument {
    /// What it is built on.
    pub kind: KindName,
    /// Further options for the program of the kind, word by word: `[-F, /etc/halligan/ssh_config]`, `[-n, rook-ceph]`.
    #[serde(default)]
    pub options: Vec<String>,
    /// For `command`: the site's own command. `{host}` stands for the address in any word; `{command}` is a word of its own.
    #[serde(default)]
    pub command: Vec<String>,
    /// For `command`: how it takes the words of `{command}`. A wrong answer here lets a shell obey what is only data.
    pub quoting: Option<Quoting>,
    /// For `command`: whether it carries standard input to the far side; else true. Where it does not, secrets and `stdin:` are
    /// refused, since what is to be run then stands in its arguments.
    pub stdin: Option<bool>,
    /// For `command`: when its end means that the connection was lost, and not that the step's own command failed.
    pub lost: Option<LostDocument>,
}

/// What tells a lost connection from a failed command.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LostDocument {
    /// Exit codes that the program uses for this.
    #[serde(default)]
    pub codes: Vec<i32>,
    /// With one of the codes, only if standard error holds one of these texts; else always.
    #[serde(default)]
    pub messages: Vec<String>,
}

/// A system that keeps locks for us, each as a lease with a fencing token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LeaseName {
    /// A key of etcd with a lease, by `etcdctl`
    Etcd,
    /// A row of the table `halligan_locks`, by `psql`
    Postgresql,
    /// A Lease, by `kubectl`
    Kubernetes,
}

/// A lock that operators on different hosts share: a lease of a system that keeps such, or commands of the site's own. In those `{lock}`,
/// `{run}` and `{holder}` stand for the lock's name, the run's id and who holds it since when, `{ttl}` for the seconds of `ttl`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockDocument {
    /// The system that keeps it. Then there are no commands.
    pub lease: Option<LeaseName>,
    /// For `lease`: what it is called there; else as here.
    pub key: Option<String>,
    /// For `lease`: further options for the system's program, word by word: `[--endpoints, "https://etcd-1:2379"]`, `[-h, db1]`, `[-n, ops]`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Takes the lock; exits with 0 only if the lock was free. With `renew` its last line is the fencing token, a number that is greater
    /// than all before it.
    #[serde(default)]
    pub acquire: Vec<String>,
    /// Makes a lease of it. Exits with 0 only if the lock is held with `{token}`, prints that as its last line, and lets the lease last `ttl` from now on.
    #[serde(default)]
    pub renew: Vec<String>,
    /// Releases the lock.
    #[serde(default)]
    pub release: Vec<String>,
    /// How long a lease lasts that nobody renews, from `5s` to `1h`; else `30s`.
    pub ttl: Option<String>,
    /// The host where its commands run; else this machine.
    pub on: Option<String>,
}
