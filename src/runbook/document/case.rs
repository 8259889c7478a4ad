//! A case of a step as it is written.

use indexmap::IndexMap;
use schemars::JsonSchema;

use super::{
    step::{Manual, Probe, ProgressDocument, Remedy, Retry, Wait},
    value::{Effect, Output, Scalar},
};

/// One way of doing a step. What it does not say is said by the step. It has exactly one of `run`, `shell`, `ask`, `probe`, `wait`,
/// `manual`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used: what the step says is put into each of its cases before they are read")]
pub(crate) struct Case {
    /// What is done in this case, as a short sentence.
    pub title: Option<String>,
    /// The host where it runs.
    pub on: Option<String>,
    /// The time limit.
    pub timeout: Option<String>,
    /// What the command changes.
    pub effect: Option<Effect>,

    /// A query of this runbook, in place of `run`: the case reads.
    pub ask: Option<String>,
    /// A command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script under `-euo pipefail`; parameters arrive through `env`.
    pub shell: Option<String>,
    /// One check.
    pub probe: Option<Probe>,
    /// Wait until a condition is true.
    pub wait: Option<Wait>,
    /// Work that a person does by hand.
    pub manual: Option<Manual>,

    /// Environment variables, in place of those of the step.
    #[schemars(default)]
    pub env: IndexMap<String, Scalar>,
    /// Text for its standard input.
    pub stdin: Option<String>,
    /// Its working directory.
    pub cwd: Option<String>,
    /// Run as this user.
    pub user: Option<String>,
    /// How to read what it prints.
    pub output: Option<Output>,
    /// The command needs the terminal.
    #[schemars(default)]
    pub interactive: bool,

    /// Skip the step if this probe passes.
    pub done_if: Option<Probe>,
    /// Must pass afterwards, else the step has failed.
    pub verify: Option<Probe>,
    /// Command that undoes this way of doing the step.
    pub undo: Option<Remedy>,
    /// Runs when the enclosing scope ends, however it ends.
    pub cleanup: Option<Remedy>,
    /// It may be run again when its outcome is unknown.
    #[schemars(default)]
    pub idempotent: bool,
    /// Only for `read` or `idempotent`.
    pub retry: Option<Retry>,
    /// How to read progress from its output.
    pub progress: Option<ProgressDocument>,
}
