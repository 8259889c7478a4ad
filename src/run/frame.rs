//! A stretch of steps that ends as one: what was set in it is put back when it ends, however it ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{engine::Engine, halt::Halt, meanwhile::StretchHolds, remedy::PreparedRemedy};
use crate::{
    event::{Event, Part, Place, Since},
    runbook::{
        model::{Remedy, Step, Undo},
        name::StepId,
    },
};

/// What takes a step back.
#[derive(Debug, Clone)]
pub(super) struct Compensation {
    pub place: Place,
    pub undo: Option<PreparedRemedy>,
    pub cleanup: Option<PreparedRemedy>,
    /// A run that stops leaves what was set as it is, and owes the cleanup: a resume goes on from there.
    pub owed_when_stopped: bool,
}

impl Compensation {
    /// What would take a step back, and cannot be made ready any more: of one that `took_effect` its undo, of one that is `owed` its cleanup.
    pub(super) fn lost(step: &Step, place: &Place, (took_effect, owed): (bool, bool), why: &str) -> Self {
        let lost = |remedy: &Remedy| PreparedRemedy::Lost { remedy: Box::new(remedy.clone()), why: why.to_owned() };
        let undo = if let Undo::Command(remedy) = &step.undo { took_effect.then(|| lost(remedy)) } else { None };
        let cleanup = step.cleanup.as_ref().filter(|_| owed).map(lost);
        Self { place: place.clone(), undo, cleanup, owed_when_stopped: false }
    }
}

/// A group or loop that had come to its end before the run was taken up. Its cleanup is due again once something in it is done again.
#[derive(Debug)]
pub(super) struct Resting {
    pub compensation: Compensation,
    pub due: Mutex<bool>,
}

/// What has been set in a stretch of steps.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub compensations: Vec<Compensation>,
    /// Destroying steps of this very list of steps that the operator has confirmed by name, each with what was shown of it; `None`
    /// where nobody could know its command yet, and the question said so.
    pub covered: BTreeMap<StepId, Option<String>>,
    /// Nothing is done in it: what was done before is gathered.
    pub gathers: bool,
    /// It has come to its end because something in it failed.
    pub failed: bool,
    /// A failure in it is no stop: the run goes on after it, or takes it back.
    pub passed_over: bool,
    /// When something before this was changed last, in a run that was taken up: what was found out earlier is asked anew.
    pub changed: Since,
    /// What must hold around each change in it.
    pub holds: Option<Arc<StretchHolds>>,
    /// What is around it and had come to its end, the outermost first.
    pub resting: Vec<Arc<Resting>>,
}

impl Frame {
    /// A stretch inside another. What was confirmed outside covers nothing in it.
    pub(super) fn inside(outer: &Self) -> Self {
        Self {
            passed_over: outer.passed_over,
            changed: outer.changed,
            holds: outer.holds.clone(),
            resting: outer.resting.clone(),
            ..Self::default()
        }
    }

    /// Something was done again in what had come to its end: that is put back after all that was done in it, as everything is.
    pub(super) fn woken(&mut self, resting: &Resting) {
        if *resting.due.lock().unwrap_or_else(PoisonError::into_inner) {
            self.compensations.insert(0, resting.compensation.clone());
        }
    }

    /// What takes a step back; a later one replaces that of an earlier attempt.
    pub(super) fn register(&mut self, compensation: Compensation) {
        self.compensations.retain(|other| other.place != compensation.place);
        self.compensations.push(compensation);
    }
}

impl Engine<'_> {
    /// Runs the cleanups of a frame in reverse order; on a rollback, the undos too. What could still be undone goes to the parent.
    ///
    /// A cleanup that does not work leaves what is around it unsettled, but for the run as a whole, which then only owes it.
    pub(super) fn end_frame(&self, frame: Frame, mut parent: Option<&mut Frame>, result: Result<(), Halt>) -> Result<(), Halt> {
        if let Some(parent) = parent.as_deref_mut() {
            parent.changed = parent.changed.max(frame.changed);
        }
        if result.as_ref().is_err_and(Halt::is_final) {
            if matches!(result, Err(Halt::Abandoned)) {
                self.owe_all(&frame)?;
            }
            return result;
        }
        let roll_back = matches!(result, Err(Halt::Rollback { .. }));
        // What an earlier stretch of the run has done after this goes first: all of it is taken back together, at the end.
        if (frame.gathers || (roll_back && self.before.is_some()))
            && let Some(parent) = parent
        {
            parent.compensations.extend(frame.compensations);
            return result;
        }
        let stops = match &result {
            Err(Halt::Failed { .. } | Halt::Unsettled { .. }) => !frame.passed_over,
            Err(Halt::NotHeld { passed_over, .. }) => !passed_over,
            Err(Halt::Stopped { .. } | Halt::Declined { .. } | Halt::OtherSystem { .. }) => true,
            Ok(()) => frame.failed && !frame.passed_over,
            Err(_) => false,
        };
        let mut result = result;
        let mut kept = Vec::new();
        // What could not be put back first, and why.
        let mut standing: Option<(Place, String)> = None;
        let mut compensations = frame.compensations;
        while let Some(mut compensation) = compensations.pop() {
            if self.leaving() {
                compensations.push(compensation);
                self.owe_all(&Frame { compensations, ..Frame::default() })?;
                return Err(Halt::Abandoned);
            }
            if result.as_ref().is_err_and(|halt| halt.bars(&compensation.place)) {
                continue;
            }
            if matches!(result, Err(Halt::Rollback { .. }))
                && let Some(undo) = compensation.undo.take()
                && let Err(why) = self.take_back_one(&compensation.place, Part::Undo, undo, &mut result)?
                && !result.as_ref().is_err_and(Halt::is_bug)
            {
                result = Err(Halt::Stuck { place: compensation.place.clone(), why: format!("undo failed: {why}") });
            }
            // Of a rollback that is stuck, something that was done stands still: what guards it is not put back either.
            let stuck = matches!(result, Err(Halt::Stuck { .. }));
            if (stops || stuck) && compensation.owed_when_stopped && compensation.cleanup.take().is_some() {
                let why = if stuck { "kept as it is, since an undo failed" } else { "kept as it is, so that the run can be resumed" };
                self.emit(Event::Owed { place: compensation.place.clone(), why: why.to_owned() })?;
            }
            if let Some(cleanup) = compensation.cleanup.take()
                && let Err(why) = self.take_back_one(&compensation.place, Part::Cleanup, cleanup, &mut result)?
            {
                let place = &compensation.place;
                standing.get_or_insert_with(|| (place.clone(), format!("the cleanup of {place} failed: {why}")));
                self.emit(Event::Owed { place: compensation.place.clone(), why })?;
            }
            if compensation.undo.is_some() {
                kept.push(compensation);
            }
        }
        let inside = parent.is_some();
        if let Some(parent) = parent {
            parent.compensations.extend(kept.into_iter().rev());
        }
        if let Some((place, why)) = standing.filter(|_| inside) {
            result = match result {
                Ok(()) => Err(Halt::Unsettled { place, why }),
                Err(Halt::Failed { place, why: first } | Halt::NotHeld { place, why: first, .. }) => {
                    Err(Halt::Unsettled { place, why: format!("{first}; {why}") })
                }
                other => other,
            };
        }
        // A cleanup that was cut short so that we leave at once ends a run that had come to its end, too.
        if self.leaving() { Err(Halt::Abandoned) } else { result }
    }

    /// Runs an undo or a cleanup; the inner error says why it did not work. A fact of it that cannot be is a bug, which ends
    /// the run, and keeps no other cleanup from running.
    fn take_back_one(
        &self,
        place: &Place,
        part: Part,
        prepared: PreparedRemedy,
        result: &mut Result<(), Halt>,
    ) -> Result<Result<(), String>, Halt> {
        match Self::guarded(Some(place), || self.compensate(place, part, prepared)) {
            Err(bug) if bug.is_bug() => {
                let why = bug.why();
                *result = Err(bug);
                Ok(Err(why))
            }
            other => other,
        }
    }

    /// Records every cleanup of a frame as owed: there is no time left for it.
    fn owe_all(&self, frame: &Frame) -> Result<(), Halt> {
        for compensation in frame.compensations.iter().rev().filter(|compensation| compensation.cleanup.is_some()) {
            self.emit(Event::Owed { place: compensation.place.clone(), why: "exited immediately, as the operator asked".to_owned() })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
