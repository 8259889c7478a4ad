//! How a run ended.

use crate::{
    event::{Outcome, Place, RunState},
    ports::Beforehand,
};

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ending {
    pub outcome: Outcome,
    /// Why it did not come to its end, each reason by itself.
    pub whys: Vec<String>,
    /// Where it ended, if not at its end.
    pub place: Option<Place>,
    /// What would have answered a question that nobody could be asked.
    pub beforehand: Option<Beforehand>,
    /// Steps whose cleanup is still to be done.
    pub owed: Vec<Place>,
    /// The journal failed.
    pub journal_failed: bool,
    /// A fact did not follow from those before it.
    pub bug: bool,
    /// Only a person can say how to go on, and nobody was there.
    pub operator_needed: bool,
    /// The operator's signals ended it.
    pub interrupted: bool,
    pub state: RunState,
}

impl Ending {
    /// All reasons as one text.
    #[must_use]
    pub fn why(&self) -> String {
        self.whys.join("; ")
    }
}
