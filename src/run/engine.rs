//! What every part of the loop shares: the state, and the one way in which a fact gets into it.

use std::sync::{Mutex, PoisonError, atomic::AtomicBool};

use super::{Before, Ports, Setting, mask::Secrets};
use crate::{
    event::{
        Event, Outcome, Place, Progress, RunState,
        state::{IllegalTransition, Phase},
    },
    plan::Plan,
    ports::{Answer, Heard, LedgerError, NoAnswer, Question, Urgency},
};

/// Why the loop does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The preflight said no.
    Blocked {
        why: String,
    },
    /// The operator said no, or nobody could be asked; `flag` would have answered.
    Declined {
        place: Option<Place>,
        why: String,
        flag: Option<String>,
    },
    /// A step failed, and nothing says to go on.
    Failed {
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
}

impl Halt {
    /// Nothing at all may be started any more, not even a cleanup.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Abandoned | Self::OperatorNeeded { .. } | Self::Ledger(_) | Self::Bug(_))
    }

    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Declined { place, .. } | Self::Stopped { place, .. } => place.as_ref(),
            Self::Failed { place, .. } | Self::Rollback { place, .. } | Self::OperatorNeeded { place, .. } | Self::Stuck { place, .. } => {
                Some(place)
            }
            Self::Blocked { .. } | Self::Abandoned | Self::Ledger(_) | Self::Bug(_) => None,
        }
    }

    fn why(&self) -> String {
        match self {
            Self::Blocked { why }
            | Self::Declined { why, .. }
            | Self::Failed { why, .. }
            | Self::Stopped { why, .. }
            | Self::Rollback { why, .. }
            | Self::OperatorNeeded { why, .. }
            | Self::Stuck { why, .. } => why.clone(),
            Self::Abandoned => "left at once, as asked".to_owned(),
            Self::Ledger(error) => match &error.source {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
            Self::Bug(error) => error.to_string(),
        }
    }
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ending {
    pub outcome: Outcome,
    pub why: String,
    /// Where it ended, if not at its end.
    pub place: Option<Place>,
    /// The flag that would have answered a question that nobody could be asked.
    pub flag: Option<String>,
    /// Steps whose cleanup is still to be done.
    pub owed: Vec<Place>,
    /// The journal failed.
    pub journal_failed: bool,
    /// A fact did not follow from those before it.
    pub bug: bool,
    /// Only a person can say how to go on, and nobody was there.
    pub operator_needed: bool,
    /// The operator's signals ended it.
    pub interrupted: bool,
    pub state: RunState,
}

pub(super) struct Engine<'a> {
    pub plan: &'a Plan,
    pub ports: Ports<'a>,
    pub setting: &'a Setting,
    pub state: Mutex<RunState>,
    pub step_by_step: AtomicBool,
    /// Each undo and cleanup is asked about.
    pub confirms_each: bool,
    /// What was done before, when a run is taken up again.
    pub before: Option<&'a Before<'a>>,
    pub secrets: Secrets,
}

impl Engine<'_> {
    /// Makes an event a fact: folds it, records it, and only then shows it. What the operator has signalled meanwhile goes first.
    pub fn emit(&self, event: Event) -> Result<(), Halt> {
        self.record_signals()?;
        self.record(event)
    }

    /// Records the signals that came since the last record.
    fn record_signals(&self) -> Result<(), Halt> {
        // Nothing can be recorded of a run that is not open; what came before it is kept until it is.
        if matches!(self.state.lock().unwrap_or_else(PoisonError::into_inner).phase, Phase::NotOpened | Phase::Closed(_)) {
            return Ok(());
        }
        for heard in self.ports.interrupts.take_heard() {
            self.record(match heard {
                Heard::Stop(signal) => Event::Interrupted { signal: signal.to_owned() },
                Heard::Suspended(length) => {
                    let length = crate::quantity::show_duration(length);
                    let text = format!("everything stood still for {length} (SIGTSTP to SIGCONT); no limit of time counts it");
                    Event::Note { place: None, text }
                }
            })?;
        }
        Ok(())
    }

    fn record(&self, event: Event) -> Result<(), Halt> {
        let event = self.secrets.event(event);
        tracing::debug!(event = event.name(), "recording");
        let at = self.ports.clock.now();
        {
            // Held while the record is written, so that the record's order is the state's.
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let unbegun = state.unbegun(&event);
            state.apply(&event).map_err(Halt::Bug)?;
            if let Err(error) = self.ports.ledger.append(&event) {
                // What is not recorded is not started.
                if let Some(unbegun) = unbegun {
                    state.never_began(unbegun);
                }
                return Err(error.into());
            }
        }
        for observer in self.ports.observers {
            observer.event(at, &event);
        }
        Ok(())
    }

    /// Whether anybody looks on.
    pub fn is_watched(&self) -> bool {
        !self.ports.observers.is_empty()
    }

    pub fn progress(&self, progress: &Progress) {
        if !self.is_watched() {
            return;
        }
        let at = self.ports.clock.now();
        let masked;
        let progress = if self.secrets.is_empty() {
            progress
        } else {
            masked = self.secrets.progress(progress.clone());
            &masked
        };
        for observer in self.ports.observers {
            observer.progress(at, progress);
        }
    }

    /// Asks the operator, without a secret in the question.
    pub fn put_question(&self, question: &Question) -> Result<Answer, NoAnswer> {
        if self.secrets.is_empty() {
            return self.ports.prompt.ask(question);
        }
        self.ports.prompt.ask(&self.secrets.question(question.clone()))
    }

    /// Whether the operator wants to leave at once: then nothing more is started, and cleanups stay owed.
    pub fn leaving(&self) -> bool {
        self.ports.interrupts.urgency().max(self.ports.last_interrupts.urgency()) == Urgency::AtOnce
    }

    /// Whether a dry run has passed over a change, so that the world is no longer what the real run would see.
    pub fn hypothetical(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).hypothetical()
    }

    /// Whether the operator wants the run to end before the next step.
    pub fn check_interrupts(&self, place: Option<&Place>) -> Result<(), Halt> {
        let why = match self.ports.interrupts.urgency() {
            Urgency::None => return Ok(()),
            Urgency::AtOnce => return Err(Halt::Abandoned),
            _ if self.ports.interrupts.terminal_gone() => "the terminal is gone",
            Urgency::AfterStep | Urgency::Now => "stopped by the operator",
        };
        Err(Halt::Stopped { place: place.cloned(), why: why.to_owned() })
    }

    /// Records how the run ended.
    pub fn close(self, result: Result<(), Halt>) -> Ending {
        let result = self.record_signals().and(result);
        // What is abandoned stays open: a resume takes it up where it was left.
        if result.as_ref().is_err_and(Halt::is_final) {
            return self.told(&result);
        }
        let (outcome, why) = match &result {
            Ok(()) => (Outcome::Completed, String::new()),
            Err(halt) => (Outcome::from(halt), halt.why()),
        };
        match self.emit(Event::RunClosed { outcome, why, owed: self.owed() }) {
            Ok(()) => self.told(&result),
            Err(halt) => self.told(&Err(halt)),
        }
    }

    fn owed(&self) -> Vec<Place> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).owed.keys().cloned().collect()
    }

    /// Says how the run ended.
    pub fn told(self, result: &Result<(), Halt>) -> Ending {
        let owed = self.owed();
        let (outcome, why, place) = match result {
            Ok(()) => (Outcome::Completed, String::new(), None),
            Err(halt) => (Outcome::from(halt), halt.why(), halt.place().cloned()),
        };
        let flag = match result {
            Err(Halt::Declined { flag, .. }) => flag.clone(),
            _ => None,
        };
        let why = self.secrets.mask(&why).into_owned();
        Ending {
            outcome,
            why,
            place,
            flag,
            owed,
            journal_failed: matches!(result, Err(Halt::Ledger(_))),
            bug: matches!(result, Err(Halt::Bug(_))),
            operator_needed: matches!(result, Err(Halt::OperatorNeeded { .. })),
            interrupted: self.ports.interrupts.urgency().max(self.ports.last_interrupts.urgency()) > Urgency::None,
            state: self.state.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
