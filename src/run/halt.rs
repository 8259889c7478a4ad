//! Why the loop does not go on.

use crate::{
    defect::Defect,
    event::{Outcome, Place, state::IllegalTransition},
    ports::{Beforehand, LedgerError, NoAnswer},
};

/// Why the loop does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The preflight said no.
    Blocked {
        whys: Vec<String>,
    },
    /// A system is not the one that the run is bound to, or does not say which one it is.
    OtherSystem {
        /// Where it was asked.
        place: Place,
        whys: Vec<String>,
    },
    /// The operator said no, or nobody could be asked; `beforehand` would have answered.
    Declined {
        place: Option<Place>,
        why: String,
        beforehand: Option<Beforehand>,
    },
    /// A step failed, and nothing says to go on.
    Failed {
        place: Place,
        why: String,
    },
    /// What must hold inside the stretch at `bearer` does not, so that what was next there was not begun. It ends that stretch, and
    /// whatever of it is around the place.
    NotHeld {
        bearer: Place,
        place: Place,
        why: String,
        /// The run goes on after that stretch, or takes back.
        passed_over: bool,
    },
    /// Something is in doubt, or what was set could not be put back: whatever the runbook passes over, it does not pass over that.
    Unsettled {
        place: Place,
        why: String,
    },
    /// The operator stopped it.
    Stopped {
        place: Option<Place>,
        why: String,
    },
    /// What was done is to be taken back.
    Rollback {
        place: Place,
        why: String,
    },
    /// Only a person can say how to go on, and nobody is there. All stays as it is.
    OperatorNeeded {
        place: Place,
        why: String,
    },
    /// It could not be taken back.
    Stuck {
        place: Place,
        why: String,
    },
    /// The operator wants out at once: nothing more is started, cleanups neither.
    Abandoned,
    Ledger(LedgerError),
    Bug(IllegalTransition),
    /// halligan itself failed while it did this.
    Defect {
        place: Option<Place>,
        defect: Defect,
    },
}

impl Halt {
    /// Nobody answered a question of which only a person can say how to go on.
    pub(super) fn unanswered(place: &Place, no_answer: &NoAnswer, why: String) -> Self {
        match no_answer {
            NoAnswer::Interrupted => Self::Abandoned,
            NoAnswer::NoTerminal { .. } | NoAnswer::Ended | NoAnswer::Left | NoAnswer::Gone => {
                Self::OperatorNeeded { place: place.clone(), why }
            }
        }
    }

    /// What it is for the stretch at this place: one that bears what does not hold has failed.
    pub(super) fn at_bearer(self, stretch: &Place) -> Self {
        match self {
            Self::NotHeld { bearer, place, why, .. } if bearer == *stretch => Self::Failed { place, why },
            halt => halt,
        }
    }

    /// Nothing at all may be started any more, not even a cleanup.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Abandoned | Self::OperatorNeeded { .. } | Self::Ledger(_))
    }

    /// No end is recorded: a resume takes the run up where it was left.
    pub(super) fn leaves_open(&self) -> bool {
        self.is_final() || self.is_bug()
    }

    /// halligan itself is at fault.
    pub(super) fn is_bug(&self) -> bool {
        matches!(self, Self::Bug(_) | Self::Defect { .. })
    }

    /// Nothing is known any more of what was done there: it is neither undone nor put back, and stays owed if it was.
    pub(super) fn bars(&self, place: &Place) -> bool {
        match self {
            Self::Bug(IllegalTransition { place: Some(at), .. }) => place.is_within(at),
            Self::OtherSystem { place: asked, .. } => asked.identifies(place),
            _ => false,
        }
    }

    pub(super) fn place(&self) -> Option<&Place> {
        match self {
            Self::Declined { place, .. } | Self::Stopped { place, .. } | Self::Defect { place, .. } => place.as_ref(),
            Self::Failed { place, .. }
            | Self::NotHeld { place, .. }
            | Self::Unsettled { place, .. }
            | Self::OtherSystem { place, .. }
            | Self::Rollback { place, .. }
            | Self::OperatorNeeded { place, .. }
            | Self::Stuck { place, .. } => Some(place),
            Self::Blocked { .. } | Self::Abandoned | Self::Ledger(_) | Self::Bug(_) => None,
        }
    }

    /// All that there is to say of it, as it is recorded.
    pub(super) fn why(&self) -> String {
        self.whys().join("\n")
    }

    /// Each reason, in words.
    pub(super) fn whys(&self) -> Vec<String> {
        match self {
            Self::Blocked { whys } | Self::OtherSystem { whys, .. } => whys.clone(),
            Self::Declined { why, .. }
            | Self::Failed { why, .. }
            | Self::NotHeld { why, .. }
            | Self::Unsettled { why, .. }
            | Self::Stopped { why, .. }
            | Self::Rollback { why, .. }
            | Self::OperatorNeeded { why, .. }
            | Self::Stuck { why, .. } => vec![why.clone()],
            Self::Abandoned => vec!["exited immediately, as the operator asked".to_owned()],
            Self::Ledger(LedgerError { what, fate, source }) => {
                let source = source.as_ref().map(|source| format!(": {source}")).unwrap_or_default();
                let failed = format!("the journal cannot be written: {what}{source}");
                std::iter::once(failed).chain(fate.clone()).collect()
            }
            Self::Bug(error) => vec![error.to_string()],
            Self::Defect { defect, .. } => vec![defect.to_string()],
        }
    }
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<&Halt> for Outcome {
    fn from(halt: &Halt) -> Self {
        match halt {
            Halt::Blocked { .. } | Halt::OtherSystem { .. } => Self::Blocked,
            Halt::Declined { .. } => Self::Declined,
            Halt::Failed { .. }
            | Halt::NotHeld { .. }
            | Halt::Unsettled { .. }
            | Halt::Stopped { .. }
            | Halt::OperatorNeeded { .. }
            | Halt::Abandoned
            | Halt::Ledger(_)
            | Halt::Bug(_)
            | Halt::Defect { .. } => Self::Stopped,
            Halt::Rollback { .. } => Self::RolledBack,
            Halt::Stuck { .. } => Self::Stuck,
        }
    }
}
