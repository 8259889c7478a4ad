//! What an event speaks of, and what it is called in records.

use super::{
    captured::Captured,
    fact::{Event, Part},
    finding::Finding,
    place::Place,
    shell::ShellFact,
};

impl Event {
    /// The place that it speaks of, if it speaks of one.
    #[must_use]
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Identified { place, .. }
            | Self::Checked { place, .. }
            | Self::AnswerShared { place, .. }
            | Self::Overridden { place, .. }
            | Self::HoldFailed { place, .. }
            | Self::HoldOverridden { place, .. }
            | Self::StepReached { place, .. }
            | Self::Staggered { place, .. }
            | Self::BatchBegan { place, .. }
            | Self::StepBegan { place, .. }
            | Self::StepSpawned { place, .. }
            | Self::StepSignalled { place, .. }
            | Self::StepEnded { place, .. }
            | Self::StepPredicted { place, .. }
            | Self::StepSkipped { place, .. }
            | Self::StepSettled { place, .. }
            | Self::DoubtResolved { place, .. }
            | Self::CleanupDue { place, .. }
            | Self::Owed { place, .. }
            | Self::SettledByHand { place, .. } => Some(place),
            Self::Confirmed { place, .. } | Self::Declined { place, .. } | Self::Note { place, .. } | Self::Shell { place, .. } => {
                place.as_ref()
            }
            Self::RunOpened(_) | Self::Planned { .. } | Self::Interrupted { .. } | Self::Resumed { .. } | Self::RunClosed { .. } => None,
        }
    }

    /// What it names of what is kept beside the records: outputs of a command, the recording of a shell.
    #[must_use]
    pub(crate) fn kept(&self) -> Vec<&Captured> {
        match self {
            Self::StepEnded { stdout, stderr, .. } => vec![stdout, stderr],
            Self::Shell { fact: ShellFact::Closed { recording, .. }, .. } => vec![recording],
            _ => Vec::new(),
        }
    }

    /// The event's name in messages and records, in the past tense.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunOpened(_) => "run_opened",
            Self::Identified { .. } => "identified",
            Self::Checked { finding, .. } => match finding {
                Finding::Pass { .. } => "preflight_passed",
                Finding::Warn { .. } => "preflight_warned",
                Finding::Block { .. } => "preflight_blocked",
                Finding::Unknown { .. } => "preflight_unknown",
                Finding::NotJudged { .. } => "preflight_not_judged",
            },
            Self::AnswerShared { .. } => "answer_shared",
            Self::Overridden { .. } => "preflight_overridden",
            Self::HoldFailed { .. } => "hold_failed",
            Self::HoldOverridden { .. } => "hold_overridden",
            Self::Planned { .. } => "planned",
            Self::Confirmed { .. } => "confirmed",
            Self::Declined { .. } => "declined",
            Self::StepReached { .. } => "step_reached",
            Self::Staggered { .. } => "staggered",
            Self::BatchBegan { .. } => "batch_began",
            Self::StepBegan { part: Part::Undo | Part::Cleanup, .. } => "undo_began",
            Self::StepBegan { .. } => "step_began",
            Self::StepSpawned { .. } => "step_spawned",
            Self::StepSignalled { .. } => "step_signalled",
            Self::StepEnded { part: Part::Undo | Part::Cleanup, .. } => "undo_ended",
            Self::StepEnded { exit, .. } if exit.in_doubt() => "step_in_doubt",
            Self::StepEnded { .. } => "step_ended",
            Self::StepPredicted { .. } => "step_predicted",
            Self::StepSkipped { .. } => "step_skipped",
            Self::StepSettled { .. } => "step_settled",
            Self::DoubtResolved { .. } => "doubt_resolved",
            Self::CleanupDue { .. } => "cleanup_due",
            Self::Owed { .. } => "owed",
            Self::SettledByHand { .. } => "settled_by_hand",
            Self::Note { .. } => "note",
            Self::Shell { fact, .. } => fact.name(),
            Self::Interrupted { .. } => "interrupted",
            Self::Resumed { .. } => "resumed",
            Self::RunClosed { .. } => "run_closed",
        }
    }
}
