//! What the preflight finds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::place::Place;

/// What a runbook requires and this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shortfall {
    /// The user that the runbook names: this is another one.
    User { is: String },
    /// These programs.
    Programs(Vec<String>),
}

/// What was found before anything ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Finding {
    Pass {
        message: String,
    },
    Warn {
        message: String,
        hint: Option<String>,
    },
    Block {
        message: String,
        hint: Option<String>,
        /// What the runbook requires and this machine does not have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lacks: Option<Shortfall>,
    },
    /// Could not be found out, which is not a pass.
    Unknown {
        needs: Vec<String>,
    },
    /// Was not asked, or says nothing, because something that it depends on was not answered. Not a pass: `failed` blocks for it.
    NotJudged {
        /// What was not answered: the id of a check, programs, or a host.
        without: Vec<String>,
        /// The check that found that out.
        failed: Place,
    },
}
