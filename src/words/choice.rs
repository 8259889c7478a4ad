//! What the operator may choose: its letter, its word, and what it would do.

use crate::event::Choice;

/// The letter of a choice. No two choices share one.
#[must_use]
pub(crate) fn choice_key(choice: Choice) -> &'static str {
    match choice {
        Choice::Run => "r",
        Choice::Retry => "t",
        Choice::Override => "o",
        Choice::Skip => "s",
        Choice::Continue => "c",
        Choice::Rollback => "b",
        Choice::Stop => "q",
        Choice::Done => "d",
        Choice::NotDone => "n",
    }
}

/// The word of a choice, which may be typed too.
#[must_use]
pub(crate) fn choice(choice: Choice) -> &'static str {
    match choice {
        Choice::Run => "run",
        Choice::Retry => "try again",
        Choice::Override => "override",
        Choice::Skip => "skip",
        Choice::Continue => "continue",
        Choice::Rollback => "roll back",
        Choice::Stop => "stop",
        Choice::Done => "done",
        Choice::NotDone => "not done",
    }
}

/// What trying again does where what must hold before a step does not.
pub(crate) const CHECK_AGAIN: &str = "check again, and go on if the check passes";

/// What a choice would do: after a step that `failed`, or before each step where the operator is `stepping`.
#[must_use]
pub(crate) fn choice_meaning(choice: Choice, failed: bool, stepping: bool) -> &'static str {
    match choice {
        Choice::Run => "run this step",
        Choice::Retry => "run this step again",
        Choice::Override => "do this step all the same, for a reason that is recorded",
        Choice::Skip if failed => "leave this step as it is and continue with the next",
        Choice::Skip => "skip this step and continue with the next",
        Choice::Continue if stepping => "run the remaining steps without asking",
        Choice::Continue => "ignore this failure and continue with the next step",
        Choice::Rollback => "undo what was done, last step first, then stop",
        Choice::Stop => "run the cleanups that are due, then stop",
        Choice::Done => "treat the step as done and continue after it",
        Choice::NotDone => "treat the step as not done",
    }
}

/// What a rollback would do, in order, and what would stay as it is.
#[must_use]
pub(crate) fn would_take_back(lines: &[String], stays: &[String]) -> String {
    let list = |head: &str, lines: &[String]| lines.iter().fold(head.to_owned(), |text, line| format!("{text}\n  {line}"));
    match (lines, stays) {
        ([], []) => "A rollback would take back nothing: nothing was changed.".to_owned(),
        ([], stays) => list("A rollback could take back nothing. What would stay:", stays),
        (lines, []) => list("A rollback would, in this order:", lines),
        (lines, stays) => format!("{}\n{}", list("A rollback would, in this order:", lines), list("What would stay:", stays)),
    }
}

#[cfg(test)]
mod tests {
    use super::would_take_back;

    #[test]
    fn a_rollback_says_what_it_leaves() {
        assert_eq!(would_take_back(&[], &[]), "A rollback would take back nothing: nothing was changed.");
        let (undo, stays) = (["undo b:  rm b".to_owned()], ["a:  irreversible: it was said".to_owned()]);
        assert_eq!(
            would_take_back(&undo, &stays),
            "A rollback would, in this order:\n  undo b:  rm b\nWhat would stay:\n  a:  irreversible: it was said"
        );
        assert!(would_take_back(&[], &stays).starts_with("A rollback could take back nothing."));
    }
}
