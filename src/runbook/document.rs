//! The runbook as it is written: serde shapes, checked for nothing but their form.
//!
//! Every field is optional here. What is required, and what belongs together, is said by the JSON Schema
//! (made from these types) and by [`super::resolve`], so that one fault never hides the next.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Turns YAML text into a plain value. The text must have passed [`super::source`] before: `serde_yaml` alone
/// lets the last of two equal keys win and follows aliases.
///
/// # Errors
/// The parser's own complaint, with its line and column where it knows them.
pub fn parse(text: &str) -> Result<Value, serde_yaml::Error> {
    serde_yaml::from_str(text)
}

/// A runbook file, format version 1.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Format version. Must be 1, and stands first.
    #[schemars(required, range(min = 1, max = 1))]
    pub halligan: Option<u32>,
    /// The runbook's name: the file's stem, in kebab-case.
    #[schemars(required)]
    pub name: Option<String>,
    /// One line that says what the runbook does.
    #[schemars(required)]
    pub title: Option<String>,
    /// What it does, when to reach for it, when not to.
    #[schemars(required)]
    pub summary: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When somebody last read it against the real system (YYYY-MM-DD).
    pub reviewed: Option<String>,
    /// Incidents and documentation that it encodes.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Typed inputs: asked for, checked and frozen before anything runs.
    #[serde(default)]
    pub params: IndexMap<String, Parameter>,
    /// What must be there before anything runs.
    pub requires: Option<Requires>,
    /// Names of locks. Two runs that hold one lock never run at once.
    #[serde(default)]
    pub locks: Vec<String>,
    /// Named expressions, evaluated when they are used; they may use probes' results.
    #[serde(default)]
    pub vars: IndexMap<String, String>,
    /// Probes that run before the plan is shown.
    #[serde(default)]
    pub preflight: Vec<Probe>,
    /// What happens, top to bottom.
    #[schemars(required)]
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// An incident report or a page of documentation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// What it is.
    #[schemars(required)]
    pub title: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// What must be there before anything runs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requires {
    /// Programs, looked up before anything runs.
    #[serde(default)]
    pub commands: Vec<String>,
    /// The user who must be running halligan.
    pub user: Option<String>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypeName {
    String,
    Int,
    Bool,
    Float,
    /// `90s`, `5m`, `1h30m`
    Duration,
    /// `512`, `4GiB`, `10MB`
    Size,
    Path,
    BlockDevice,
    Host,
    /// One of `choices`
    Enum,
    /// Never printed, journaled or put on a command line
    Secret,
}

/// A typed input.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The type of the value; or `list`, for a list of them.
    #[serde(rename = "type")]
    pub kind: Option<TypeName>,
    /// The type of each element, for a parameter that is a list.
    pub list: Option<TypeName>,
    /// What the operator is asked for.
    #[schemars(required)]
    pub help: Option<String>,
    /// The value when none is given. A parameter without one is asked for.
    #[schemars(with = "Option<ParameterDefault>")]
    pub default: Option<Value>,
    /// The smallest value (of each element).
    pub min: Option<Limit>,
    /// The largest value (of each element).
    pub max: Option<Limit>,
    /// A regular expression that the whole value must match.
    pub pattern: Option<String>,
    /// What may be chosen: a fixed list, or a probe whose output is the list.
    pub choices: Option<Choices>,
    /// An environment variable to take the value from when no flag gives it.
    pub from_env: Option<String>,
    /// Lets a value begin with `-`, where a program could take it for an option.
    #[serde(default)]
    pub leading_dash: bool,
}

/// A parameter's default: a scalar or a list of scalars.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum ParameterDefault {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Scalar>),
}

/// Text or a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    Int(i64),
    Text(String),
}

/// A limit of a parameter: a number, or text with a unit.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Limit {
    Int(i64),
    Float(f64),
    Text(String),
}

/// What may be chosen for a parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Choices {
    Fixed(Vec<Scalar>),
    Live(Box<LiveChoices>),
}

/// A read-only command whose output lists what is really there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveChoices {
    /// The command, word by word; no shell.
    #[schemars(required)]
    #[serde(default)]
    pub run: Vec<Scalar>,
    /// Where it runs; else the local machine.
    pub on: Option<String>,
    /// How long it may take.
    pub timeout: Option<String>,
    /// How to read what it prints.
    pub output: Option<Output>,
    /// The list, as an expression over `output`; else `output` itself.
    pub items: Option<String>,
}

/// How to read what a command printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// As it is, without its last newline
    #[default]
    Text,
    /// A list of lines
    Lines,
    /// Parsed as JSON
    Json,
    /// A whole number
    Int,
}

/// What a command does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Changes nothing
    Read,
    /// Can be undone or repeated
    Change,
    /// Cannot be undone
    Destroy,
}

/// What a failed probe does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops the run
    #[default]
    Block,
    /// Is shown, and the run goes on
    Warn,
}

/// What happens when a step has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFail {
    /// Run the cleanups and stop
    Stop,
    /// Ask the operator; without a terminal, stop
    Ask,
    /// Go on with the next step
    Continue,
    /// Take back what was done, in reverse order
    Rollback,
}

/// A read-only command and what is expected of its output; or, without a command, an expectation about earlier results.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
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
    /// What was seen, as a template.
    pub message: Option<String>,
    /// What to do when it fails.
    pub hint: Option<String>,
}

/// A list of items, each handled in turn.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Items {
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
pub enum ItemList {
    Expression(String),
    Literal(Vec<Scalar>),
}

/// Steps for each item, staggered.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForEach {
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
pub enum Batch {
    One(Scalar),
    Many(Vec<Scalar>),
}

/// Probe again and again until something holds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
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
    /// Give up at once when this expression is true.
    pub fail_if: Option<String>,
    /// Figures for the progress bar.
    pub progress: Option<Progress>,
    /// What was last seen, as a template.
    pub message: Option<String>,
}

/// A figure that ought to keep moving.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
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
pub struct Progress {
    /// How much is done, an expression.
    #[schemars(required)]
    pub done: Option<String>,
    /// How much there is, an expression.
    #[schemars(required)]
    pub total: Option<String>,
    /// For a command: a regular expression for its output lines; its named groups are in scope.
    pub pattern: Option<String>,
}

/// The operator decides.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
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
pub struct Manual {
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
pub struct Remedy {
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
}

/// Run again when it failed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
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
pub struct Step {
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
    pub progress: Option<Progress>,
}
