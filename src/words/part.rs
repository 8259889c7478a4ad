//! A step's commands, by what each is for.

use crate::event::{Part, Place, Verdict};

/// What a command is to its step; nothing for the step itself.
#[must_use]
pub(crate) fn part(part: Part) -> Option<&'static str> {
    match part {
        // A gate's own name says enough.
        Part::Main | Part::Gate => None,
        other => Some(other.name()),
    }
}

/// That it has begun: `restart verify began`; of what takes a step back, what is done to the step.
#[must_use]
pub(crate) fn part_began(place: &Place, part: Part) -> String {
    match part {
        Part::Cleanup => format!("{place}: running cleanup"),
        Part::Undo => format!("{place}: undoing"),
        part => format!("{} began", part_of(place, part)),
    }
}

/// Which command: the place, and what it is to its step.
#[must_use]
pub(crate) fn part_of(place: &Place, part: Part) -> String {
    self::part(part).map_or_else(|| place.to_string(), |part| format!("{place} {part}"))
}

/// Shall this be done? For what takes a step back.
#[must_use]
pub(crate) fn take_back(place: &Place, part: Part) -> String {
    match part {
        Part::Undo => format!("Undo {place}"),
        _ => format!("Run the {} of {place}", part.name()),
    }
}

/// What became of a command, by what it was for.
#[must_use]
pub(crate) fn part_outcome(part: Part, verdict: &Verdict) -> &'static str {
    match (part, verdict) {
        (Part::Cleanup, Verdict::Passed) => "cleanup done",
        (Part::Cleanup, Verdict::Failed { .. }) => "cleanup FAILED",
        (Part::Cleanup, Verdict::Unknown { .. }) => "cleanup: outcome unknown",
        (Part::Undo, Verdict::Passed) => "undone",
        (Part::Undo, Verdict::Failed { .. }) => "undo FAILED",
        (Part::Undo, Verdict::Unknown { .. }) => "undo: outcome unknown",
        (Part::Lock, Verdict::Passed) => "taken",
        (Part::DoneIf, Verdict::Failed { .. }) => "not done yet",
        (_, Verdict::Passed) => "passed",
        (_, Verdict::Failed { .. }) => "failed",
        (_, Verdict::Unknown { .. }) => "outcome unknown",
    }
}
