//! What a run's commands are started in, as far as it decides on what is acted: kept with the run, and used again when it is resumed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The working directory, and the variables that say which system is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// Absolute; `None` where its name is no UTF-8 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, KeptVariable>,
}

/// A variable, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptVariable {
    Value(String),
    /// It may hold a secret: the SHA-256 of its value, in lower-case hex.
    Sha256(String),
}
