//! What halligan ends with: one match from endings and errors to exit codes.

use std::process::ExitCode;

use crate::{
    event::{Outcome, RunState},
    run::Ending,
};

/// An exit code with its meaning. The numbers are part of the interface: scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ProgramExit {
    Completed = 0,
    CheckFailed = 1,
    Usage = 2,
    BadRunbook = 3,
    Blocked = 4,
    NotConfirmed = 5,
    Stopped = 6,
    RolledBack = 7,
    Stuck = 8,
    Journal = 9,
    OperatorNeeded = 10,
    Bug = 70,
    /// No memory is left. The process ends there and then, as it does when it is killed; see `exec/signals.rs`.
    Exhausted = 71,
    Interrupted = 130,
}

impl From<ProgramExit> for ExitCode {
    fn from(exit: ProgramExit) -> Self {
        Self::from(exit as u8)
    }
}

impl ProgramExit {
    /// What the records of a run say of its end.
    #[must_use]
    pub(crate) fn of_run(outcome: Outcome, state: &RunState) -> Self {
        match outcome {
            // What was set is not put back, or nobody knows what a step did: somebody has to see to it.
            Outcome::Completed if !state.aftermath().is_settled() => Self::OperatorNeeded,
            Outcome::Completed => Self::Completed,
            Outcome::Blocked => Self::Blocked,
            Outcome::Declined => Self::NotConfirmed,
            Outcome::RolledBack => Self::RolledBack,
            Outcome::Stuck => Self::Stuck,
            Outcome::Stopped => Self::Stopped,
        }
    }
}

impl From<&Ending> for ProgramExit {
    fn from(ending: &Ending) -> Self {
        match ending.outcome {
            _ if ending.journal_failed => Self::Journal,
            _ if ending.bug => Self::Bug,
            _ if ending.operator_needed => Self::OperatorNeeded,
            Outcome::Stopped if ending.interrupted => Self::Interrupted,
            outcome => Self::of_run(outcome, &ending.state),
        }
    }
}
