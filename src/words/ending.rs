//! How a run ended, and what it leaves behind: the one place that says so. No word here says more than the records.

use super::mark::Mark;
use crate::event::{Outcome, RunState, aftermath::Aftermath, state::Phase};

/// How a run ended that recorded no end.
pub(crate) const CRASHED: &str = "crashed (no end recorded)";

/// The mark of an ended run, and the name of how it ended: as it is recorded, whatever it leaves behind.
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

/// The same, held against what the run leaves behind. A run that owes something has not completed, and one of which changes remain
/// is not rolled back.
#[must_use]
pub(crate) fn ending(outcome: Outcome, left: &Aftermath) -> (Mark, String) {
    let remain = counted(left.standing.len(), "change remains", "changes remain");
    let undone = left.changed && left.standing.is_empty();
    match outcome {
        Outcome::Completed if !left.is_settled() => (Mark::Warned, "reached the last step".to_owned()),
        Outcome::RolledBack if !left.changed => (Mark::Warned, "rolled back (nothing had been changed)".to_owned()),
        Outcome::RolledBack if !undone => (Mark::Warned, format!("rolled back as far as possible ({remain})")),
        outcome => {
            let (mark, word) = self::outcome(outcome);
            (mark, word.to_owned())
        }
    }
}

/// What a run that has ended leaves behind, in a few words; nothing where there is nothing to say.
#[must_use]
pub(crate) fn remains(outcome: Outcome, left: &Aftermath) -> String {
    if left.is_settled() {
        return if outcome == Outcome::Stopped { "; nothing left to clean up".to_owned() } else { String::new() };
    }
    let counts = [
        (left.doubted.len(), "step is in doubt", "steps are in doubt"),
        (left.unended.len(), "read may still be running", "reads may still be running"),
        (left.owed.len(), "cleanup is owed", "cleanups are owed"),
    ];
    let there = counts.into_iter().filter(|(count, ..)| *count > 0);
    there.fold(String::new(), |told, (count, one, many)| told + "; " + &counted(count, one, many))
}

/// So many of something.
#[must_use]
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// How a run ended that nobody carries out any more; then what it leaves behind, if it does. When it was stands between the two.
#[must_use]
pub(crate) fn left(state: &RunState) -> (String, String) {
    let left = state.aftermath();
    match &state.phase {
        Phase::Closed(outcome) if left.is_settled() => (ending(*outcome, &left).1, String::new()),
        Phase::Closed(outcome) => (ending(*outcome, &left).1, remains(*outcome, &left)),
        Phase::NotOpened | Phase::Preflight | Phase::Running => (CRASHED.to_owned(), String::new()),
    }
}

/// What a run has come to by its cleanups being settled: the run itself stays as it is.
#[must_use]
pub(crate) fn settled(owed: usize) -> String {
    match owed {
        0 => "no longer owes a cleanup".to_owned(),
        1 => "still owes a cleanup".to_owned(),
        owed => format!("still owes {owed} cleanups"),
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

#[cfg(test)]
mod tests;
