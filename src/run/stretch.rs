//! Stretches of steps that are one step: what they owe as soon as they are entered, and runbooks that are called.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    did::Did,
    engine::Engine,
    frame::{Compensation, Frame, Resting},
    halt::Halt,
    meanwhile::StretchHolds,
    remedy::PreparedRemedy,
};
use crate::{
    event::{Event, Mode, Part, Place},
    expression,
    plan::{Evaluated, Scope},
    runbook::model::{Kind, OnFail, Runbook, Step},
};

impl Engine<'_> {
    /// A group or a loop: what is inside it, its proof, and then what it has set is put back.
    pub(super) fn stretch(&self, step: &Step, scope: &mut Scope, frame: &mut Frame, place: &Place) -> Result<Did, Halt> {
        let holds = StretchHolds::inside(step, scope, place, frame.holds.as_ref(), frame.passed_over);
        let mut inner = Frame { holds, ..Frame::inside(frame) };
        inner.passed_over |= matches!(step.on_fail, OnFail::Continue | OnFail::Rollback);
        inner.changed = inner.changed.max(self.before.map(|before| before.past.put_back_at(place)).unwrap_or_default());
        // What is around it may have put back what was done inside: that is done again then, and is to be put back again.
        let put_back_around = self.before.is_some_and(|before| before.past.put_back_around(place).is_some());
        let resting = if !self.was_done(place) || self.was_owed(place) || put_back_around {
            self.own_cleanup(step, scope, &mut inner, place)?;
            None
        } else {
            Self::resting(step, scope, place)
        };
        inner.resting.extend(resting.clone());
        // Its proof is asked for while what it has set still stands.
        let did = Self::guarded(Some(place), || {
            let did = if let Kind::ForEach(each) = &step.kind {
                self.for_each(each, scope, &mut inner, place).or_else(|halt| Did::of(Err(halt.at_bearer(place))))?
            } else {
                let result = self.steps(step.children(), scope, &mut inner, Some(place));
                Did::of(result.map_err(|halt| halt.at_bearer(place)))?
            };
            self.prove(step, scope, &inner, place, did)
        });
        if let Some(resting) = resting {
            inner.woken(&resting);
        }
        match did {
            Ok(did) => {
                inner.failed = matches!(did, Did::Failed { .. });
                let cleanups = self.end_frame(inner, Some(frame), Ok(()));
                did.ended(cleanups)
            }
            Err(halt) => self.end_frame(inner, Some(frame), Err(halt)).map(|()| Did::failed("it did not end".to_owned())),
        }
    }

    /// Another runbook as one step: its preflight is a gate here, its cleanups run when it ends.
    pub(super) fn call(
        &self,
        runbook: &Runbook,
        given: &crate::plan::binding::Given,
        frame: &mut Frame,
        place: &Place,
        passed_over: bool,
    ) -> Result<Did, Halt> {
        let bound = match self.plan.bind_called(runbook, given) {
            Ok((bound, missing)) if missing.is_empty() => bound,
            Ok((_, missing)) => {
                let names: Vec<_> = missing.iter().map(|parameter| parameter.name.as_str()).collect();
                return Ok(Did::failed(format!("{} is not given {}", runbook.name, names.join(", "))));
            }
            Err(faults) => return Ok(Did::failed(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))),
        };
        let mut inner_scope = self.scope(runbook, bound.scope_value());
        if self.was_done(place) {
            self.preflight_before(runbook, &mut inner_scope, Some(place))?;
        } else if let Some(whys) = match self
            .identify(runbook, &mut inner_scope, Some(place))
            .and_then(|()| self.preflight(runbook, &mut inner_scope, Some(place)))
        {
            Err(Halt::Blocked { whys }) => Some(whys),
            // A system that never said which one it is: nothing was done there.
            Err(Halt::OtherSystem { place: asked, whys }) if !self.is_bound(&asked) => Some(whys),
            other => other?,
        } {
            return Ok(Did::failed(whys.join("\n")));
        }
        let mut inner = Frame::inside(frame);
        inner.passed_over |= passed_over;
        let result = self.steps(&runbook.steps, &mut inner_scope, &mut inner, Some(place));
        Did::of(self.end_frame(inner, Some(frame), result))
    }

    /// A group's own cleanup is owed as soon as the group is entered.
    pub(super) fn own_cleanup(&self, step: &Step, scope: &Scope, frame: &mut Frame, place: &Place) -> Result<(), Halt> {
        let Some(remedy) = &step.cleanup else { return Ok(()) };
        match Self::prepare(remedy, step, place, Part::Cleanup, scope) {
            Ok(None) => {}
            // A dry run enters nothing.
            Ok(Some(_)) if self.setting.mode == Mode::DryRun => {}
            Ok(Some(cleanup)) => {
                if frame.gathers {
                    if !self.was_owed(place) {
                        return Ok(());
                    }
                } else {
                    // What is owed is owed to the system that was meant.
                    self.same_system(place)?;
                    self.emit(Event::CleanupDue { place: place.clone(), command: cleanup.shown() })?;
                }
                frame.register(Compensation {
                    place: place.clone(),
                    undo: None,
                    cleanup: Some(cleanup),
                    owed_when_stopped: remedy.owed_when_stopped,
                });
            }
            Err(_) if self.hypothetical() => {}
            // Whatever else is to be taken back is, and this stays owed.
            Err(why) if frame.gathers => {
                if self.was_owed(place) {
                    frame.register(Compensation::lost(step, place, (false, true), &why));
                }
            }
            Err(why) => return Err(Halt::Failed { place: place.clone(), why: format!("the cleanup cannot be prepared: {why}") }),
        }
        Ok(())
    }

    /// The cleanup of a group or loop that had come to its end, should something in it be done again.
    pub(super) fn resting(step: &Step, scope: &Scope, place: &Place) -> Option<Arc<Resting>> {
        let remedy = step.cleanup.as_ref()?;
        let compensation = match Self::prepare(remedy, step, place, Part::Cleanup, scope) {
            Ok(cleanup) => {
                Compensation { place: place.clone(), undo: None, cleanup: Some(cleanup?), owed_when_stopped: remedy.owed_when_stopped }
            }
            Err(why) => Compensation::lost(step, place, (false, true), &why),
        };
        Some(Arc::new(Resting { compensation, due: Mutex::new(false) }))
    }

    /// Something is about to be done: whatever is around it and had come to its end owes its cleanup again. The inner error says why
    /// it must not begin.
    pub(super) fn wake(&self, frame: &Frame) -> Result<Result<(), String>, Halt> {
        for resting in &frame.resting {
            let Compensation { place, cleanup: Some(cleanup), .. } = &resting.compensation else { continue };
            if let PreparedRemedy::Lost { why, .. } = cleanup {
                return Ok(Err(format!("not started: the cleanup of {place} cannot be prepared: {why}")));
            }
            let mut due = resting.due.lock().unwrap_or_else(PoisonError::into_inner);
            if !*due {
                self.emit(Event::CleanupDue { place: place.clone(), command: cleanup.shown() })?;
                *due = true;
            }
        }
        Ok(Ok(()))
    }
}

pub(super) fn call_params(call: &crate::runbook::model::Call, scope: &Scope) -> Result<Evaluated<crate::plan::binding::Given>, String> {
    let mut given = crate::plan::binding::Given::default();
    for (name, value) in &call.params {
        let value = match value {
            serde_json::Value::String(text) => {
                let template = crate::runbook::model::Template { text: text.as_str().into(), span: call.span };
                match scope.render(&template).map_err(|error| format!("params.{name}: {error}"))? {
                    Evaluated::Known(value) => {
                        expression::json(&value, serde_json::to_value).map_err(|error| format!("params.{name}: {error}"))?
                    }
                    Evaluated::Unknown(needs) => return Ok(Evaluated::Unknown(needs)),
                }
            }
            other => other.clone(),
        };
        given.add(
            name,
            crate::plan::binding::Raw::Typed(value),
            crate::plan::binding::Giver::File(format!("the call of {}", call.runbook)),
        );
    }
    Ok(Evaluated::Known(given))
}
