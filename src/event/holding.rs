//! How far the kernel holds a command to what it is said to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a command that only reads is held to reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// It can change nothing but what it may write.
    Held,
    /// The same, but it may talk to other programs, here and over the network: what those do for it is theirs to decide.
    ButSockets,
    /// Nothing but the runbook says that it only reads.
    NotHeld {
        /// Why not.
        why: String,
    },
}
