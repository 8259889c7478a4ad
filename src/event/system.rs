//! Which system a run is bound to, and what it answers when it is asked again.

use serde::{Deserialize, Serialize};

/// What a system answered when it was asked which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SystemAnswer {
    /// The message of the runbook's `identity`, filled in.
    Known { system: String },
    /// It did not say.
    Unknown { why: String },
}

/// A system that a run is bound to by its first answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSystem {
    pub name: String,
    /// It has given the same answer since the plan was made, or the run was taken up: what changes something may be begun.
    pub sure: bool,
}
