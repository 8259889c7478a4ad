//! What became of a step and of one command.

use super::{mark::Mark, sanitise};
use crate::event::{StepOutcome, Verdict};

/// The mark, the name of what became of it, and why.
#[must_use]
pub(crate) fn step_outcome(outcome: &StepOutcome) -> (Mark, &'static str, &str) {
    match outcome {
        StepOutcome::Done => (Mark::Passed, "done", ""),
        StepOutcome::Failed { why } => (Mark::Failed, "failed", why),
        StepOutcome::InDoubt { why } => (Mark::Unknown, "in doubt", why),
    }
}

/// Why it has not passed; `None` if it has.
#[must_use]
pub(crate) fn verdict(verdict: &Verdict) -> Option<(Mark, String)> {
    match verdict {
        Verdict::Passed => None,
        Verdict::Failed { why, .. } => Some((Mark::Failed, sanitise::text(why).into_owned())),
        Verdict::Unknown { why } => Some((Mark::Unknown, sanitise::text(why).into_owned())),
    }
}
