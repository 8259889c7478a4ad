//! What a run's commands are started in, as far as it decides on what is acted: kept with the run, and used again when it is resumed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The working directory, and the variables that say which system is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Surroundings {
    /// Absolute; `None` where its name is no UTF-8 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, KeptVariable>,
    /// What the runbook has passed on beside; nothing where it passes on nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<PassedOn>,
}

/// Variables that a runbook has passed on from the operator's environment. Their values are kept nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassedOn {
    /// What tells the key of the journal from another, if it has one: an HMAC of nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// By name, what tells another value from this one without telling the value: an HMAC of both (`journal/environment_key.rs`).
    pub set: BTreeMap<String, Option<String>>,
    /// What the runbook names, and is not set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_set: Vec<String>,
}

/// A variable, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptVariable {
    Value(String),
    /// It may hold a secret: the SHA-256 of its value, in lower-case hex.
    Sha256(String),
}
