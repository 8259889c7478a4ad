//! What became of a run, of a step and of one command.

use super::{mark::Mark, sanitise};
use crate::event::{Outcome, StepOutcome, Verdict, state::Phase};

/// How a run ended that recorded no end.
pub(crate) const CRASHED: &str = "crashed (no end recorded)";

/// The mark of an ended run, and the name of how it ended.
#[must_use]
pub(crate) fn outcome(outcome: Outcome) -> (Mark, &'static str) {
    match outcome {
        Outcome::Completed => (Mark::Passed, "completed"),
        Outcome::Blocked => (Mark::Failed, "blocked in preflight"),
        Outcome::Declined => (Mark::Noted, "not confirmed"),
        Outcome::Stopped => (Mark::Failed, "stopped"),
        Outcome::RolledBack => (Mark::Warned, "rolled back"),
        Outcome::Stuck => (Mark::Failed, "stuck: an undo failed"),
    }
}

/// The same of a run that owes something, if it does: it has not come to its end as it should.
#[must_use]
pub(crate) fn ending(outcome: Outcome, owes: bool) -> (Mark, &'static str) {
    match outcome {
        Outcome::Completed if owes => (Mark::Warned, "all steps done, but a cleanup is owed"),
        outcome => self::outcome(outcome),
    }
}

/// How a run ended that nobody carries out any more.
#[must_use]
pub(crate) fn left(phase: &Phase) -> &'static str {
    match phase {
        Phase::Closed(outcome) => self::outcome(*outcome).1,
        Phase::NotOpened | Phase::Preflight | Phase::Running => CRASHED,
    }
}

/// What a run that has ended leaves behind, in a few words; nothing where there is nothing to say. `doubted` steps are in doubt; it is
/// `clean` if everything that had begun is known to be over, and no cleanup is owed.
#[must_use]
pub(crate) fn remains(outcome: Outcome, doubted: usize, clean: bool) -> String {
    match (doubted, outcome) {
        (0, Outcome::Stopped) if clean => "; nothing left to clean up".to_owned(),
        (0, _) => String::new(),
        (1, _) => "; 1 step is in doubt".to_owned(),
        (doubted, _) => format!("; {doubted} steps are in doubt"),
    }
}

/// What to do with a run that ended so, before a command; `None` where it has come to its end.
#[must_use]
pub(crate) fn afterwards(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Stopped => Some("fix the cause, then resume:"),
        Outcome::Stuck => Some("find out why the undo failed, then continue the rollback:"),
        Outcome::Completed | Outcome::Blocked | Outcome::Declined | Outcome::RolledBack => None,
    }
}

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
