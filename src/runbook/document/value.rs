//! The words and values that documents are made of.

use schemars::JsonSchema;
use serde::Deserialize;

/// A parameter's default: a scalar or a list of scalars.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum ParameterDefault {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Scalar>),
}

/// Text or a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Int(i64),
    Text(String),
}

/// How to read what a command printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Unchanged, without the last newline
    #[default]
    Text,
    /// A list of lines
    Lines,
    /// Parsed as JSON
    Json,
    /// A whole number
    Int,
}

/// What a command changes.
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
    /// Is shown; the run continues
    Warn,
}

/// What a loop does when one of its items fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnItemFailure {
    /// Stop once more items than `max_failures` have failed; the loop is done if no more have
    #[default]
    Stop,
    /// Go on with the other items, and fail when the loop is over; stop once more items than `max_failures` have failed, if it is given
    Continue,
}

/// What happens when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFail {
    /// Run the cleanups and stop
    Stop,
    /// Ask the operator; without a terminal, stop
    Ask,
    /// Continue with the next step
    Continue,
    /// Undo the completed steps in reverse order
    Rollback,
}
