//! Whether a run goes on, and if not, how it was left: what its records say, held against its lock and this start of the machine.

use std::path::Path;

use crate::{
    event::{Outcome, RunState},
    exec::lock::{RunHold, RunLock},
    journal::{identity::Identity, summary::RunSummary},
    words,
};

/// So many signals of the operator end halligan at once, without an end being recorded.
const LEAVES: usize = 3;

/// How a run stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunStanding {
    Running,
    /// No end is recorded, and whether somebody carries it out cannot be found out.
    Unknown {
        why: String,
    },
    /// Its operator has left it with the third Ctrl-C: no end is recorded.
    Left,
    /// No end is recorded, and nobody carries it out.
    Crashed,
    /// The same, and its machine was started anew since.
    Rebooted,
    Ended(Outcome),
}

impl RunStanding {
    /// How a run of this journal stands.
    #[must_use]
    pub(crate) fn of(directory: &Path, run: &RunSummary) -> Self {
        if let Some(outcome) = run.outcome {
            return Self::Ended(outcome);
        }
        match RunLock::look(&directory.join("locks"), run.id.number()) {
            RunHold::Held => Self::Running,
            // Nothing outlives a start of the machine.
            _ if run.boot_id != Identity::read().boot_id => Self::Rebooted,
            RunHold::Unknown { why } => Self::Unknown { why },
            RunHold::Free if run.interruptions >= LEAVES => Self::Left,
            RunHold::Free => Self::Crashed,
        }
    }

    /// Its name for a program.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Unknown { .. } => "unknown",
            Self::Left => "interrupted",
            Self::Crashed => "crashed",
            Self::Rebooted => "rebooted",
            Self::Ended(outcome) => outcome.name(),
        }
    }

    /// In words; what an ended run leaves behind is told where its `state` is known.
    #[must_use]
    pub(crate) fn words(&self, state: Option<&RunState>) -> String {
        match (self, state) {
            (Self::Ended(_), Some(state)) => {
                let (ended, remains) = words::left(state);
                ended + &remains
            }
            (Self::Ended(outcome), None) => words::outcome(*outcome).1.to_owned(),
            (Self::Running, _) => "running".to_owned(),
            (Self::Unknown { why }, _) => format!("unknown whether it is running: {why}"),
            (Self::Left, _) => "interrupted by its operator (no end recorded)".to_owned(),
            (Self::Crashed, _) => words::CRASHED.to_owned(),
            (Self::Rebooted, _) => "interrupted (host rebooted)".to_owned(),
        }
    }
}
