//! What every part of the loop shares: the state, and the one way in which a fact gets into it.

use std::sync::{Mutex, PoisonError, atomic::AtomicBool};

use super::{
    ending::Ending,
    halt::Halt,
    kept::RecentAnswers,
    leases::Leases,
    reserve::Reserve,
    setting::{Before, Ports, Setting},
    system::AskedSystems,
    together::AskedTogether,
};
use crate::{
    defect::caught,
    event::{Event, Outcome, Place, Progress, RunState, state::Phase, texts},
    plan::Plan,
    ports::{Answer, Heard, LedgerError, NoAnswer, Question, Urgency},
    secret::Secrets,
};

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
    pub reserve: Reserve,
    /// How the systems that are acted on are asked which ones they are.
    pub systems: AskedSystems,
    /// What a dry run was answered.
    pub recent: RecentAnswers,
    /// What items side by side are asking.
    pub together: AskedTogether,
    /// The shared locks that end by themselves.
    pub leases: Leases,
}

/// What the fold has refused of a command that was under way.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<Option<Halt>>);

impl Refused {
    /// Why the command did not come to its end: the fact that was refused, else that the journal failed.
    pub(super) fn or(&self, error: LedgerError) -> Halt {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(Halt::Ledger(error))
    }
}

impl Engine<'_> {
    /// Makes an event a fact: folds it, records it, and only then shows it. What the operator has signalled meanwhile goes first.
    pub(super) fn emit(&self, event: Event) -> Result<(), Halt> {
        self.record_signals()?;
        self.record(event)
    }

    /// Makes a fact of what an executor says of a command that is under way. The fold refuses only what a bug brings about: it is
    /// kept in `refused` for whoever started the command, which ends as if its record were lost.
    pub(super) fn keep(&self, event: Event, refused: &Refused) -> Result<(), LedgerError> {
        self.emit(event).map_err(|halt| match halt {
            Halt::Ledger(error) => error,
            other => {
                let error = LedgerError::new(other.why(), None);
                refused.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(other);
                error
            }
        })
    }

    /// Records the signals that came since the last record.
    fn record_signals(&self) -> Result<(), Halt> {
        // Nothing can be recorded of a run that is not open; what came before it is kept until it is.
        if matches!(self.state.lock().unwrap_or_else(PoisonError::into_inner).phase, Phase::NotOpened | Phase::Closed(_)) {
            return Ok(());
        }
        for heard in self.ports.interrupts.take_heard() {
            self.record(match heard {
                Heard::Stop(signal) => Event::Interrupted { signal },
                Heard::Suspended(length) => {
                    let length = crate::quantity::show_duration(length);
                    let text = format!("paused for {length} (SIGTSTP to SIGCONT); time limits do not count the pause");
                    Event::Note { place: None, text, taken: None, person: false }
                }
            })?;
        }
        Ok(())
    }

    fn record(&self, event: Event) -> Result<(), Halt> {
        // Masked first: a secret that the cut went through would not be found any more.
        let event = self.secrets.event(event).cut_to_record();
        tracing::trace!(event = event.name(), "recording");
        let at = self.ports.clock.now();
        {
            // Held while the record is written, so that the record's order is the state's.
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.apply(&event).map_err(Halt::Bug)?;
            if let Err(error) = self.ports.ledger.append(&event) {
                // What is not recorded is not started.
                state.never_began(&event);
                return Err(error.into());
            }
        }
        for observer in self.ports.observers {
            // A screen that fails ends no run: what it was to show is recorded.
            let _ = caught(|| observer.event(at, &event));
        }
        Ok(())
    }

    /// Does a part of the run. If halligan itself fails in it, that is a reason to end like any other: what is around it puts back
    /// what was set.
    pub(super) fn guarded<T>(place: Option<&Place>, work: impl FnOnce() -> Result<T, Halt>) -> Result<T, Halt> {
        caught(work).unwrap_or_else(|defect| Err(Halt::Defect { place: place.cloned(), defect }))
    }

    /// Whether anybody looks on.
    pub(super) fn is_watched(&self) -> bool {
        !self.ports.observers.is_empty()
    }

    pub(super) fn progress(&self, progress: &Progress) {
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
            let _ = caught(|| observer.progress(at, progress));
        }
    }

    /// Asks the operator, without a secret in the question. Notes are recorded, and shells opened, until there is an answer.
    pub(super) fn put_question(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let mut question = self.secrets.question(question.clone());
        question.behind.notes = true;
        question.behind.shell = self.ports.off_script.is_some();
        loop {
            match self.ports.prompt.ask(&question)? {
                // A journal that does not take it takes no answer either.
                Answer::Noted { text } => {
                    let note = Event::Note { place: question.place.clone(), text, taken: None, person: true };
                    self.emit(note).map_err(|_| NoAnswer::Gone)?;
                }
                Answer::OffScript { host } => self.off_script(question.place.as_ref(), host.as_deref()).map_err(|_| NoAnswer::Gone)?,
                answer => {
                    self.together.turned();
                    return Ok(answer);
                }
            }
        }
    }

    /// Whether the operator wants to leave at once: then nothing more is started, and cleanups stay owed.
    pub(super) fn leaving(&self) -> bool {
        self.ports.interrupts.urgency().max(self.ports.last_interrupts.urgency()) == Urgency::AtOnce
    }

    /// Whether a dry run has passed over a change, so that the world is no longer what the real run would see.
    pub(super) fn hypothetical(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).hypothetical()
    }

    /// Whether the operator wants the run to end before the next step.
    pub(super) fn check_interrupts(&self, place: Option<&Place>) -> Result<(), Halt> {
        let why = match self.ports.interrupts.urgency() {
            Urgency::None => return Ok(()),
            Urgency::AtOnce => return Err(Halt::Abandoned),
            _ if self.ports.interrupts.terminal_gone() => "terminal lost",
            Urgency::AfterStep | Urgency::Now => "stopped by the operator",
        };
        Err(Halt::Stopped { place: place.cloned(), why: why.to_owned() })
    }

    /// Whether there is memory for another step: a run ends while its cleanups can still run.
    pub(super) fn check_memory(&self, place: &Place) -> Result<(), Halt> {
        if self.reserve.has_room() {
            return Ok(());
        }
        Err(Halt::Stopped { place: Some(place.clone()), why: "not begun: no memory is left".to_owned() })
    }

    /// Records a no, and ends the run with it.
    pub(super) fn decline<T>(&self, place: Option<&Place>, text: String, why: String) -> Result<T, Halt> {
        self.emit(Event::Declined { place: place.cloned(), text, why: why.clone() })?;
        Err(Halt::Declined { place: place.cloned(), why, beforehand: None })
    }

    /// Records that there was nobody to answer, and ends the run with it.
    pub(super) fn no_answer<T>(&self, place: Option<&Place>, text: String, no_answer: NoAnswer) -> Result<T, Halt> {
        let why = no_answer.to_string();
        self.emit(Event::Declined { place: place.cloned(), text, why: why.clone() })?;
        match no_answer {
            NoAnswer::NoTerminal { beforehand } => Err(Halt::Declined { place: place.cloned(), why, beforehand: Some(beforehand) }),
            NoAnswer::Interrupted | NoAnswer::Ended | NoAnswer::Left | NoAnswer::Gone => Err(Halt::Stopped { place: place.cloned(), why }),
        }
    }

    /// Records how the run ended.
    pub(super) fn close(self, result: Result<(), Halt>) -> Ending {
        let result = self.record_signals().and(result);
        // What is abandoned stays open: a resume takes it up where it was left.
        if result.as_ref().is_err_and(Halt::leaves_open) {
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
    pub(super) fn told(self, result: &Result<(), Halt>) -> Ending {
        let owed = self.owed();
        let (outcome, whys, place) = match result {
            Ok(()) => (Outcome::Completed, Vec::new(), None),
            Err(halt) => (Outcome::from(halt), halt.whys(), halt.place().cloned()),
        };
        let beforehand = match result {
            Err(Halt::Declined { beforehand, .. }) => beforehand.clone(),
            _ => None,
        };
        let told = |why: &String| {
            let mut why = self.secrets.mask(why).into_owned();
            texts::cut(&mut why);
            why
        };
        let whys = whys.iter().map(told).collect();
        Ending {
            outcome,
            whys,
            place,
            beforehand,
            owed,
            journal_failed: matches!(result, Err(Halt::Ledger(_))),
            bug: result.as_ref().is_err_and(Halt::is_bug),
            operator_needed: matches!(result, Err(Halt::OperatorNeeded { .. })),
            interrupted: self.ports.interrupts.urgency().max(self.ports.last_interrupts.urgency()) > Urgency::None,
            state: self.state.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
