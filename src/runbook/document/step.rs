//! Steps and probes as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::value::{Effect, OnFail, Output, ParameterDefault, Scalar, Severity};

/// A read-only command and what is expected of its output; or, without a command, an expectation about earlier results.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// Its name in expressions. Required in `preflight`.
    pub id: Option<String>,
    /// What holds when it passes, as a sentence.
    pub title: Option<String>,
    /// Ask only if this expression is true.
    pub when: Option<String>,
    /// Ask once for each item.
    pub for_each: Option<Items>,
    /// The command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script; parameters arrive through `env`.
    pub shell: Option<String>,
    /// Where it runs; else the local machine.
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
    /// The expectation, an expression; without one, exit code 0 is expected.
    pub expect: Option<String>,
    /// How long to keep asking until it passes.
    pub within: Option<String>,
    /// The pause between two askings.
    pub every: Option<String>,
    /// What a failure does.
    pub severity: Option<Severity>,
    /// It tells how things stood before the run's first change: a run that is taken up after that does not ask it again.
    /// For `preflight`.
    #[serde(default)]
    pub once: bool,
    /// What was seen, as a template.
    pub message: Option<String>,
    /// What to do when it fails.
    pub hint: Option<String>,
}

/// A list of items, each handled in turn.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Items {
    /// The list: an expression in `{{ }}`, or the items themselves.
    #[schemars(required)]
    pub items: Option<ItemList>,
    /// The loop variable's name; else `item`.
    #[serde(rename = "as")]
    pub name: Option<String>,
}

/// A list that is written out, or an expression that yields one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ItemList {
    Expression(String),
    Literal(Vec<Scalar>),
}

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
    /// How many items a batch has: a number, a percentage, or a list of them, the last of which repeats. Else 1.
    pub batch: Option<Batch>,
    /// How many items of a batch are under way at once; else 1.
    pub parallel: Option<Scalar>,
    /// The pause between batches.
    pub pause: Option<String>,
    /// The gate: all must pass before each batch.
    #[serde(default)]
    pub before_batch: Vec<Probe>,
    /// More failed items than this stop everything; else 0.
    pub max_failures: Option<Scalar>,
}

/// Batch sizes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Batch {
    One(Scalar),
    Many(Vec<Scalar>),
}

/// Probe again and again until something holds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// The command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script; parameters arrive through `env`.
    pub shell: Option<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: IndexMap<String, Scalar>,
    /// How to read what it prints.
    pub output: Option<Output>,
    /// What must hold, an expression.
    #[schemars(required)]
    pub until: Option<String>,
    /// The pause between two askings; else 5 s.
    pub every: Option<String>,
    /// How long to wait at most.
    pub timeout: Option<String>,
    /// How long one asking may take; else 60 s.
    pub poll_timeout: Option<String>,
    /// How long it must have held without a break.
    pub stable_for: Option<String>,
    /// Say so when a figure stops moving.
    pub stall: Option<Stall>,
    /// Give up when no asking could be read for so long.
    pub unread_for: Option<String>,
    /// Give up at once when this expression is true.
    pub fail_if: Option<String>,
    /// Figures for the progress bar.
    pub progress: Option<ProgressDocument>,
    /// What was last seen, as a template.
    pub message: Option<String>,
}

/// A figure that ought to keep moving.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stall {
    /// The figure, an expression.
    #[schemars(required)]
    pub watch: Option<String>,
    /// How long it may stand still.
    #[schemars(required)]
    pub after: Option<String>,
}

/// How far something has come.
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

/// The operator decides.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    /// The question.
    #[schemars(required)]
    pub message: Option<String>,
    /// What must be typed out; without it, yes or no.
    pub phrase: Option<String>,
    /// The steps that destroy something and are confirmed by this.
    #[serde(default)]
    pub covers: Vec<String>,
    /// Live facts beside the question.
    #[serde(default)]
    pub show: Vec<Probe>,
}

/// A person does something elsewhere.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manual {
    /// What is to be done.
    #[schemars(required)]
    pub message: Option<String>,
    /// What to report when it is done.
    pub ask: Option<String>,
    /// Shows that it was done.
    pub verify: Option<Probe>,
}

/// A command beside the step's own: its undo or its cleanup.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remedy {
    /// Run it only if this expression is true.
    pub when: Option<String>,
    /// The command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script; parameters arrive through `env`.
    pub shell: Option<String>,
    /// Where it runs; else where the step ran.
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
    /// How long it may take.
    pub timeout: Option<String>,
    /// Only for `undo`: there is none, and this is why.
    pub impossible: Option<String>,
    /// Only for `cleanup`: what becomes of it when the run stops before its end.
    pub when_stopped: Option<WhenStopped>,
}

/// What becomes of a cleanup when the run stops, and may be gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhenStopped {
    /// Put it back
    Run,
    /// Leave it as it is and name it as owed: a resume goes on from there
    Owe,
}

/// Run again when it failed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    /// How many further times.
    #[schemars(required, range(min = 1, max = 1000))]
    pub times: Option<u32>,
    /// The pause before the first of them; else 5 s.
    pub delay: Option<String>,
    /// What the pause is multiplied by each time; else 1.
    pub backoff: Option<f64>,
}

/// One thing that happens. It has exactly one of `run`, `shell`, `probe`, `wait`, `confirm`, `manual`, `for_each`, `group`, `call`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Its name, in `snake_case`, used once in the file.
    #[schemars(required)]
    pub id: Option<String>,
    /// What it does, as a short sentence.
    pub title: Option<String>,
    /// Why it is there; shown with the step.
    pub why: Option<String>,
    /// Do it only if this expression is true.
    pub when: Option<String>,
    /// Where it runs; else the local machine.
    pub on: Option<String>,
    /// How long it may take.
    pub timeout: Option<String>,
    /// What the command does to the world. Required for `run` and `shell`.
    pub effect: Option<Effect>,
    /// What happens when it has failed.
    pub on_fail: Option<OnFail>,

    /// A command, word by word; no shell.
    pub run: Option<Vec<Scalar>>,
    /// A bash script under `-euo pipefail`; parameters arrive through `env`.
    pub shell: Option<String>,
    /// One check in the middle of the run.
    pub probe: Option<Probe>,
    /// Probe until it holds.
    pub wait: Option<Wait>,
    /// The operator decides.
    pub confirm: Option<Confirm>,
    /// A person does something elsewhere.
    pub manual: Option<Manual>,
    /// The same `steps` for each item, staggered.
    pub for_each: Option<ForEach>,
    /// A named stretch of `steps`; this is its name.
    pub group: Option<String>,
    /// Another runbook as one step.
    pub call: Option<String>,

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
    /// The command needs the terminal itself.
    #[serde(default)]
    pub interactive: bool,

    /// Already in the wanted state: skip.
    pub done_if: Option<Probe>,
    /// Must hold afterwards, else the step has failed.
    pub verify: Option<Probe>,
    /// What takes it back; run in reverse order on a rollback.
    pub undo: Option<Remedy>,
    /// Runs when the enclosing scope ends, however it ends.
    pub cleanup: Option<Remedy>,
    /// May be run again when its outcome is unknown.
    #[serde(default)]
    pub idempotent: bool,
    /// Only for `read` or `idempotent`.
    pub retry: Option<Retry>,
    /// How to read progress from its output.
    pub progress: Option<ProgressDocument>,
}
