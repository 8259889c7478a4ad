//! How far one step of a run has come.

use super::fact::{Effect, Verdict};

/// How far a step has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Its command began and has not ended.
    Began {
        attempt: u32,
        effect: Effect,
    },
    /// Its command has ended; what that means for the step is not settled.
    Ended {
        verdict: Verdict,
        effect: Effect,
    },
    Done,
    Failed {
        why: String,
    },
    Skipped,
    InDoubt {
        why: String,
    },
    /// Its cleanup or its undo has run since: whoever goes on from here does it again. What it had come to before says whether
    /// what is around it may have come to its end all the same.
    PutBack {
        was: Box<Self>,
    },
    /// A dry run passed over it.
    Predicted,
}

impl StepState {
    /// Why it failed, whether it was put back since or not.
    #[must_use]
    pub(crate) fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed { why } => Some(why),
            Self::PutBack { was } => was.failure(),
            _ => None,
        }
    }

    /// Nobody knows whether it took effect.
    #[must_use]
    pub(crate) fn is_in_doubt(&self) -> bool {
        match self {
            Self::InDoubt { .. } => true,
            Self::Began { effect, .. } => *effect != Effect::Read,
            _ => false,
        }
    }

    /// Its cleanup or its undo has run since.
    #[must_use]
    pub(crate) fn is_put_back(&self) -> bool {
        matches!(self, Self::PutBack { .. })
    }
}
