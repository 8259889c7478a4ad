//! Probes as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    items::ItemsDocument,
    value::{Output, Scalar, Severity},
};

/// A read-only command and what is expected of its output; or, without a command, an expectation about earlier results.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// The probe's name in expressions. Required in `preflight`.
    pub id: Option<String>,
    /// What is checked, in a few words.
    pub title: Option<String>,
    /// Check only if this expression is true.
    pub when: Option<String>,
    /// Check once per item.
    pub for_each: Option<ItemsDocument>,
    /// A query of this runbook, in place of `run`.
    #[expect(dead_code, reason = "only its schema is used: queries are put in their places before")]
    pub ask: Option<String>,
    /// The command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script; parameters arrive through `env`.
    pub shell: Option<String>,
    /// The host where it runs; default: this machine.
    pub on: Option<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: IndexMap<String, Scalar>,
    /// Text for its standard input.
    pub stdin: Option<String>,
    /// Its working directory.
    pub cwd: Option<String>,
    /// Run as this user.
    pub user: Option<String>,
    /// How long the command may take.
    pub timeout: Option<String>,
    /// How to read what it prints.
    pub output: Option<Output>,
    /// Only for what reads: the paths that the command may write to, and below. Else it can write nowhere but to `TMPDIR`.
    #[serde(default)]
    pub may_write: Vec<String>,
    /// Only for what reads: the command may talk to other programs through sockets, here and over the network. True of the programs
    /// that are known to.
    #[serde(default)]
    pub may_connect: bool,
    /// Only for what reads: why it changes nothing, where the command is known to change something.
    pub reads_because: Option<String>,
    /// The expectation, an expression; without one, exit code 0 is expected.
    pub expect: Option<String>,
    /// How long to retry until the probe passes.
    pub within: Option<String>,
    /// The pause between two attempts.
    pub every: Option<String>,
    /// What a failure does.
    pub severity: Option<Severity>,
    /// Describes the state before the run's first change: a run that is resumed after that change does not check it again.
    /// Only for `preflight`.
    #[serde(default)]
    pub once: bool,
    /// What was found, as a template.
    pub message: Option<String>,
    /// What to do when it fails.
    pub hint: Option<String>,
    /// Instead of a check: a group of checks. Beside it stand its `title`, and `when`, `for_each` and `on` for all of them. Only for
    /// `preflight`.
    #[serde(default)]
    #[expect(dead_code, reason = "only its schema is used: the checks are put in the group's place before")]
    pub checks: Vec<Probe>,
}
