//! Steps as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    items::ItemList,
    probe::Probe,
    value::{Effect, OnFail, OnItemFailure, Output, ParameterDefault, Scalar},
};

/// Steps for each item, staggered.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForEach {
    /// The list: an expression in `{{ }}`, or the items themselves.
    #[schemars(required)]
    pub items: Option<ItemList>,
    /// The loop variable's name; else `item`.
    #[serde(rename = "as")]
    pub name: Option<String>,
    /// What each item is called, as a template in the loop variable: short, and of each item another. Else the item itself, or its
    /// `name` or `id`.
    pub label: Option<String>,
    /// How many items a batch has: a number, a percentage of all items, or a list of them, the last of which repeats. Else 1.
    pub batch: Option<Batch>,
    /// An expression in the loop variable: items for which it yields the same belong together, are never in different batches, and
    /// `batch` counts such groups.
    pub batch_by: Option<String>,
    /// How many items of a batch are under way at once; else 1.
    pub parallel: Option<Scalar>,
    /// The pause between batches.
    pub pause: Option<String>,
    /// The gate: all must pass before each batch.
    #[serde(default)]
    pub before_batch: Vec<Probe>,
    /// More failed items than this stop everything: a number, or a percentage of all items. Else 0; with `on_item_failure: continue`
    /// no limit.
    pub max_failures: Option<Scalar>,
    /// What happens when an item fails.
    pub on_item_failure: Option<OnItemFailure>,
}

/// Batch sizes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Batch {
    One(Scalar),
    Many(Vec<Scalar>),
}

/// Repeat a check until a condition is true.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// A query of this runbook, in place of `run`.
    #[expect(dead_code, reason = "only its schema is used: queries are put in their places before")]
    pub ask: Option<String>,
    /// The command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script; parameters arrive through `env`.
    pub shell: Option<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: IndexMap<String, Scalar>,
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
    /// The condition to wait for, an expression.
    #[schemars(required)]
    pub until: Option<String>,
    /// The pause between two polls; default 5 s.
    pub every: Option<String>,
    /// How long to wait at most.
    pub timeout: Option<String>,
    /// How long one poll may take; default 60 s.
    pub poll_timeout: Option<String>,
    /// How long the condition must stay true.
    pub stable_for: Option<String>,
    /// Report when a figure stops changing.
    pub stall: Option<Stall>,
    /// Give up when no poll gave a readable result for this long.
    pub unread_for: Option<String>,
    /// Give up at once when this expression is true.
    pub fail_if: Option<String>,
    /// Figures for the progress bar.
    pub progress: Option<ProgressDocument>,
    /// What was last seen, as a template.
    pub message: Option<String>,
}

/// A figure that should keep changing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stall {
    /// The figure, an expression.
    #[schemars(required)]
    pub watch: Option<String>,
    /// How long the figure may stay the same.
    #[schemars(required)]
    pub after: Option<String>,
}

/// Progress of a command or wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Progress")]
pub(crate) struct ProgressDocument {
    /// How much is done, an expression.
    #[schemars(required)]
    pub done: Option<String>,
    /// How much there is, an expression.
    #[schemars(required)]
    pub total: Option<String>,
    /// For a command: a regular expression for its output lines; its named groups are in scope, as they were last seen.
    pub pattern: Option<String>,
    /// For a command: what stands below the bar, as a template; else its last line.
    pub message: Option<String>,
}

/// A question to the operator.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    /// The question.
    #[schemars(required)]
    pub message: Option<String>,
    /// The text to type; without it, a yes/no question.
    pub phrase: Option<String>,
    /// The destructive steps that this confirms.
    #[serde(default)]
    pub covers: Vec<String>,
    /// Checks whose results are shown with the question.
    #[serde(default)]
    pub show: Vec<Probe>,
}

/// Work that a person does by hand.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manual {
    /// What is to be done.
    #[schemars(required)]
    pub message: Option<String>,
    /// What to report when it is done.
    pub ask: Option<String>,
    /// Checks that the work was done.
    pub verify: Option<Probe>,
}

/// A command beside the step's own: its undo or its cleanup.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remedy {
    /// Run the command only if this expression is true.
    pub when: Option<String>,
    /// The command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script; parameters arrive through `env`.
    pub shell: Option<String>,
    /// The host where it runs; default: that of the step.
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
    /// The time limit.
    pub timeout: Option<String>,
    /// Only for `undo`: the reason why there is none.
    pub impossible: Option<String>,
    /// Only for `cleanup`: whether it runs when the run stops early.
    pub when_stopped: Option<WhenStopped>,
}

/// What happens to a cleanup when the run stops and can be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhenStopped {
    /// Run the cleanup
    Run,
    /// Do not run the cleanup and list it as owed: a resume continues from there
    Owe,
}

/// Retry after a failure.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    /// Number of retries.
    #[schemars(required, range(min = 1, max = 1000))]
    pub times: Option<u32>,
    /// The delay before the first retry; default 5 s.
    pub delay: Option<String>,
    /// Factor by which the delay grows; default 1.
    pub backoff: Option<f64>,
}

/// One step. It has exactly one of `run`, `shell`, `probe`, `wait`, `confirm`, `manual`, `for_each`, `group`, `call`, `choose`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// The step's name in `snake_case`, unique in the file.
    #[schemars(required)]
    pub id: Option<String>,
    /// What is done, as a short sentence.
    pub title: Option<String>,
    /// Why the step is needed; shown with the step.
    pub why: Option<String>,
    /// Run the step only if this expression is true.
    pub when: Option<String>,
    /// The host where it runs; default: this machine.
    pub on: Option<String>,
    /// The time limit.
    pub timeout: Option<String>,
    /// What the command changes. Required for `run` and `shell`.
    pub effect: Option<Effect>,
    /// What happens when the step fails.
    pub on_fail: Option<OnFail>,

    /// A query of this runbook, in place of `run`: the step reads.
    #[expect(dead_code, reason = "only its schema is used: queries are put in their places before")]
    pub ask: Option<String>,
    /// A command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script under `-euo pipefail`; parameters arrive through `env`.
    pub shell: Option<String>,
    /// One check.
    pub probe: Option<Probe>,
    /// Wait until a condition is true.
    pub wait: Option<Wait>,
    /// A question to the operator.
    pub confirm: Option<Confirm>,
    /// Work that a person does by hand.
    pub manual: Option<Manual>,
    /// The same `steps` for each item, staggered.
    pub for_each: Option<ForEach>,
    /// A group of `steps`; the text is its title, as a template.
    pub group: Option<String>,
    /// Another runbook as one step.
    pub call: Option<String>,
    /// An expression that yields the name of one of `cases`: the way in which the step is done.
    pub choose: Option<String>,

    /// The cases of a `choose`, by the value for which each is chosen.
    #[schemars(with = "IndexMap<String, Case>")]
    #[serde(default)]
    pub cases: IndexMap<String, Step>,

    /// The steps of a `for_each` or a `group`.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The parameters of a `call`.
    #[schemars(with = "IndexMap<String, ParameterDefault>")]
    #[serde(default)]
    pub params: IndexMap<String, Value>,

    /// Environment variables.
    #[serde(default)]
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
    #[serde(default)]
    pub interactive: bool,
    /// Only for what reads: the paths that the command may write to, and below. Else it can write nowhere but to `TMPDIR`.
    #[serde(default)]
    pub may_write: Vec<String>,
    /// Only for what reads: the command may talk to other programs through sockets, here and over the network. True of the programs
    /// that are known to.
    #[serde(default)]
    pub may_connect: bool,
    /// Only for what reads: why it changes nothing, where the command is known to change something.
    pub reads_because: Option<String>,

    /// What must hold as long as the steps of a `group` or `for_each` change anything: asked before each step inside that changes
    /// something, and at each poll of a wait inside.
    #[serde(default)]
    pub holds: Vec<Probe>,

    /// Skip the step if this probe passes.
    pub done_if: Option<Probe>,
    /// Must pass afterwards, else the step has failed.
    pub verify: Option<Probe>,
    /// Command that undoes the step; a rollback runs the undos in reverse order.
    pub undo: Option<Remedy>,
    /// Runs when the enclosing scope ends, however it ends.
    pub cleanup: Option<Remedy>,
    /// The step may be run again when its outcome is unknown.
    #[serde(default)]
    pub idempotent: bool,
    /// Only for `read` or `idempotent`.
    pub retry: Option<Retry>,
    /// How to read progress from its output.
    pub progress: Option<ProgressDocument>,
}

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
