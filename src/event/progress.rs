//! How far what is under way has come: for whoever looks on, and in no record.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::Place;

/// What may be lost: figures for the screen while something is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Progress {
    /// A line of output.
    Line { place: Place, text: String },
    /// How far a step has come.
    Figure { place: Place, done: f64, total: f64, have: Option<String> },
    /// A wait has asked once more.
    Waiting {
        place: Place,
        want: String,
        have: String,
        elapsed: Duration,
        limit: Option<Duration>,
        figure: Option<(f64, f64)>,
        /// How long the watched figure has stood still.
        still: Option<Duration>,
        /// How long it has held, of how long it must.
        held: Option<(Duration, Duration)>,
    },
    /// A pause, such as between batches.
    Pausing { place: Place, why: String, left: Duration },
    /// An item of a loop is over, with all that it had set put back.
    ItemOver { place: Place, ok: bool },
}

impl Progress {
    /// Of what it tells.
    #[must_use]
    pub fn place(&self) -> &Place {
        match self {
            Self::Line { place, .. }
            | Self::Figure { place, .. }
            | Self::Waiting { place, .. }
            | Self::Pausing { place, .. }
            | Self::ItemOver { place, .. } => place,
        }
    }
}
