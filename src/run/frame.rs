//! A stretch of steps that ends as one: what was set in it is put back when it ends, however it ends.

use std::collections::BTreeSet;

use super::{engine::Engine, halt::Halt, remedy::PreparedRemedy};
use crate::{
    event::{Event, Part, Place},
    runbook::name::StepId,
};

/// What takes a step back.
#[derive(Debug)]
pub(super) struct Compensation {
    pub place: Place,
    pub undo: Option<PreparedRemedy>,
    pub cleanup: Option<PreparedRemedy>,
    /// A run that stops leaves what was set as it is, and owes the cleanup: a resume goes on from there.
    pub owed_when_stopped: bool,
}

/// What has been set in a stretch of steps.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub compensations: Vec<Compensation>,
    /// Destroying steps that the operator has confirmed by name.
    pub covered: BTreeSet<StepId>,
    /// Nothing is done in it: what was done before is gathered.
    pub gathers: bool,
    /// It has come to its end because something in it failed.
    pub failed: bool,
    /// A failure in it is no stop: the run goes on after it, or takes it back.
    pub passed_over: bool,
}

impl Frame {
    /// A stretch inside another: what was confirmed there holds here too.
    pub(super) fn inside(outer: &Self) -> Self {
        Self { covered: outer.covered.clone(), passed_over: outer.passed_over, ..Self::default() }
    }

    /// What takes a step back; a later one replaces that of an earlier attempt.
    pub(super) fn register(&mut self, compensation: Compensation) {
        self.compensations.retain(|other| other.place != compensation.place);
        self.compensations.push(compensation);
    }
}

impl Engine<'_> {
    /// Runs the cleanups of a frame in reverse order; on a rollback, the undos too. What could still be undone goes to the parent.
    pub(super) fn end_frame(&self, frame: Frame, parent: Option<&mut Frame>, result: Result<(), Halt>) -> Result<(), Halt> {
        if result.as_ref().is_err_and(Halt::is_final) {
            if matches!(result, Err(Halt::Abandoned)) {
                self.owe_all(&frame)?;
            }
            return result;
        }
        if frame.gathers
            && let Some(parent) = parent
        {
            parent.compensations.extend(frame.compensations);
            return result;
        }
        let roll_back = matches!(result, Err(Halt::Rollback { .. }));
        let stops = match &result {
            Err(Halt::Failed { .. }) => !frame.passed_over,
            Err(Halt::Stopped { .. } | Halt::Declined { .. }) => true,
            Ok(()) => frame.failed && !frame.passed_over,
            Err(_) => false,
        };
        let mut result = result;
        let mut kept = Vec::new();
        let mut compensations = frame.compensations;
        while let Some(mut compensation) = compensations.pop() {
            if self.leaving() {
                compensations.push(compensation);
                self.owe_all(&Frame { compensations, ..Frame::default() })?;
                return Err(Halt::Abandoned);
            }
            let stuck = matches!(result, Err(Halt::Stuck { .. }));
            if roll_back
                && !stuck
                && let Some(undo) = compensation.undo.take()
                && let Err(why) = self.compensate(&compensation.place, Part::Undo, undo)?
            {
                result = Err(Halt::Stuck { place: compensation.place.clone(), why: format!("undo failed: {why}") });
            }
            if stops && compensation.owed_when_stopped && compensation.cleanup.take().is_some() {
                let why = "kept as it is, so that the run can be resumed".to_owned();
                self.emit(Event::Owed { place: compensation.place.clone(), why })?;
            }
            if let Some(cleanup) = compensation.cleanup.take()
                && let Err(why) = self.compensate(&compensation.place, Part::Cleanup, cleanup)?
            {
                self.emit(Event::Owed { place: compensation.place.clone(), why })?;
            }
            if compensation.undo.is_some() {
                kept.push(compensation);
            }
        }
        if let Some(parent) = parent {
            parent.compensations.extend(kept.into_iter().rev());
        }
        // A cleanup that was cut short so that we leave at once ends a run that had come to its end, too.
        if self.leaving() { Err(Halt::Abandoned) } else { result }
    }

    /// Records every cleanup of a frame as owed: there is no time left for it.
    fn owe_all(&self, frame: &Frame) -> Result<(), Halt> {
        for compensation in frame.compensations.iter().rev().filter(|compensation| compensation.cleanup.is_some()) {
            self.emit(Event::Owed { place: compensation.place.clone(), why: "exited immediately, as the operator asked".to_owned() })?;
        }
        Ok(())
    }
}
