//! The runbook as it is written: serde shapes, checked for nothing but their form.
//!
//! Every field is optional here. What is required, and what belongs together, is said by the JSON Schema
//! (made from these types) and by [`super::resolve`], so that one fault never hides the next.

mod step;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use step::{Batch, Confirm, ForEach, ItemList, Items, Manual, Probe, Progress, Remedy, Retry, Stall, Step, Wait, WhenStopped};

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
    pub run: Option<Vec<Scalar>>,
    /// A bash script; parameters arrive through `env`.
    pub shell: Option<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: IndexMap<String, Scalar>,
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
