//! The runbook as it is written: serde shapes, checked for nothing but their form.
//!
//! Every field is optional here. What is required, and what belongs together, is said by the JSON Schema
//! (made from these types) and by [`super::resolve`], so that one fault never hides the next.

mod items;
mod probe;
pub(crate) mod step;
pub(crate) mod value;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::expression::mixture::StaticKind;

pub(crate) use items::{ItemList, ListedItem};
pub(crate) use probe::Probe;
pub(crate) use step::{Batch, Confirm, ForEach, Manual, ProgressDocument, Remedy, Retry, Step, Wait, WhenStopped};
pub(crate) use value::{Effect, OnFail, OnItemFailure, Output, ParameterDefault, Scalar, Severity};

/// Turns YAML text into a plain value. The text must have passed [`super::source`] before: `serde_yaml` alone
/// lets the last of two equal keys win and follows aliases.
///
/// # Errors
/// The parser's own complaint, with its line and column where it knows them.
pub(crate) fn parse(text: &str) -> Result<Value, serde_yaml::Error> {
    serde_yaml::from_str(text)
}

/// A value as YAML text; `None` for what YAML cannot say.
#[must_use]
pub(crate) fn text(value: &Value) -> Option<String> {
    serde_yaml::to_string(value).ok()
}

/// A runbook file, format version 1.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// Format version. Must be 1, and stands first.
    #[schemars(required, range(min = 1, max = 1))]
    #[expect(dead_code, reason = "only its schema is used: the version is read before all else")]
    pub halligan: Option<u32>,
    /// The runbook's name: the file name without .yaml, in kebab-case.
    #[schemars(required)]
    pub name: Option<String>,
    /// One line that says what the runbook does.
    #[schemars(required)]
    pub title: Option<String>,
    /// What the runbook does, when to use it and when not.
    #[schemars(required)]
    pub summary: Option<String>,
    /// Search words.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who maintains the runbook.
    pub owner: Option<String>,
    /// Date of the last review against the real system (YYYY-MM-DD).
    pub reviewed: Option<String>,
    /// Incident reports and documentation behind the runbook.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Typed inputs: asked for, checked and frozen before anything runs.
    #[serde(default)]
    pub params: IndexMap<String, Parameter>,
    /// What must be present before anything runs.
    pub requires: Option<Requires>,
    /// Variables of the operator's environment that commands on this machine get beside the usual ones: names, or beginnings of names
    /// such as `AWS_*`. Their values are recorded nowhere.
    #[serde(default)]
    pub environment: Vec<String>,
    /// Names of locks. Runs that share a lock never run at the same time.
    #[serde(default)]
    pub locks: Vec<String>,
    /// Named expressions, evaluated when they are used; they may use probes' results.
    #[serde(default)]
    pub vars: IndexMap<String, String>,
    /// Which system a run is bound to. It is asked before all else, and again before the first change and when a run is taken up.
    pub identity: Option<SystemIdentity>,
    /// What is asked in several places, written once: `ask: NAME` stands where `run` may stand in something that reads.
    #[serde(default)]
    pub queries: IndexMap<String, Query>,
    /// Probes that run before the plan is shown.
    #[serde(default)]
    pub preflight: Vec<Probe>,
    /// The steps, run from top to bottom.
    #[schemars(required)]
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// Asks a system which one it is. The message is what it is called: it is shown in every confirmation, and compared when the system is
/// asked again.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemIdentity {
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
    /// What the system is called, as a template over `output`: one line, such as `Ceph cluster {{ output }}`.
    pub message: Option<String>,
}

/// A read-only command that is asked by its name.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: queries are put in their places before")]
pub(crate) struct Query {
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
    /// The paths that the command may write to, and below. Else it can write nowhere but to `TMPDIR`.
    #[serde(default)]
    pub may_write: Vec<String>,
    /// The command may talk to other programs through sockets, here and over the network. True of the programs that are known to.
    #[serde(default)]
    pub may_connect: bool,
    /// Why it changes nothing, where the command is known to change something.
    pub reads_because: Option<String>,
    /// What was found, as a template, where no other message is given.
    pub message: Option<String>,
}

impl Query {
    /// The program that it runs, as it is written.
    #[must_use]
    pub(super) fn program(&self) -> Option<String> {
        match (&self.run, &self.shell) {
            (Some(words), _) => match words.first()? {
                Scalar::Text(word) => Some(word.clone()),
                Scalar::Int(word) => Some(word.to_string()),
            },
            (None, shell) => shell.as_ref().map(|_| "bash".to_owned()),
        }
    }
}

impl Parameter {
    /// What is known of its value from its type alone.
    #[must_use]
    pub(super) fn static_kind(&self) -> Option<StaticKind> {
        let is_number = |kind: &TypeName| matches!(kind, TypeName::Int | TypeName::Float);
        let is_bool = |kind: &TypeName| matches!(kind, TypeName::Bool);
        match (&self.kind, &self.list) {
            (Some(kind), None) if !is_bool(kind) => Some(if is_number(kind) { StaticKind::Number } else { StaticKind::Text }),
            (None, Some(kind)) if !is_bool(kind) => Some(if is_number(kind) { StaticKind::Numbers } else { StaticKind::Texts }),
            _ => None,
        }
    }
}

/// An incident report or a page of documentation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    /// What it is.
    #[schemars(required)]
    pub title: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// What must be present before anything runs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requires {
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
pub(crate) struct Parameter {
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

/// A limit of a parameter: a number, or text with a unit.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Limit {
    Int(i64),
    Float(f64),
    Text(String),
}

/// What may be chosen for a parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Choices {
    Fixed(Vec<Scalar>),
    Live(Box<LiveChoices>),
}

/// A read-only command whose output lists what is really there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveChoices {
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
    /// The host where it runs; default: this machine.
    pub on: Option<String>,
    /// The time limit.
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
    /// The list, as an expression over `output`; else `output` itself.
    pub items: Option<String>,
}
