//! Ways in which a step can go.

use std::fmt;

use crate::runbook::model::Probe;

/// One way in which a part of a runbook can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Aspect {
    Reached,
    WhenFalse,
    AlreadyDone,
    NotYetDone,
    Failed,
    TimedOut,
    GivenUp,
    VerifyPassed,
    VerifyFailed,
    Undo,
    Cleanup,
    GatePassed,
    GateFailed,
    Held,
    NotHeld,
    Yes,
    No,
    ProbePassed,
    ProbeFailed,
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reached => "is reached",
            Self::WhenFalse => "is skipped because of its `when`",
            Self::AlreadyDone => "is found done already",
            Self::NotYetDone => "is found not done yet",
            Self::Failed => "fails",
            Self::TimedOut => "takes too long",
            Self::GivenUp => "is given up before its time is over",
            Self::VerifyPassed => "is verified",
            Self::VerifyFailed => "fails its verification",
            Self::Undo => "is undone",
            Self::Cleanup => "is cleaned up",
            Self::GatePassed => "lets the next batch through",
            Self::GateFailed => "holds the next batch back",
            Self::Held => "lets a step begin",
            Self::NotHeld => "keeps a step from beginning",
            Self::Yes => "is answered with yes",
            Self::No => "is answered with no",
            Self::ProbePassed => "passes",
            Self::ProbeFailed => "does not pass",
        })
    }
}

/// One way of doing a step, as it is told of.
pub(crate) fn as_case(id: &str, case: &str) -> String {
    format!("{id} as `{case}`")
}

/// What the run loop calls a gate.
pub(crate) fn gate_id(gate: &Probe, index: usize) -> String {
    gate.id.as_ref().map_or_else(|| format!("gate{}", index + 1), ToString::to_string)
}
