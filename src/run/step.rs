//! One step: whether it is to be done, doing it, proving it, and what happens when it fails.

use std::{sync::PoisonError, time::Duration};

use minijinja::{Value, context};

use super::{
    command::judge_exit,
    did::{Did, forget, not_run},
    engine::Engine,
    frame::{Compensation, Frame},
    halt::Halt,
    holds::HoldsAsked,
    kept::KeptAnswer,
    preflight::together,
    printed::result_of,
    probe::ProbeAnswer,
    remedy::PreparedRemedy,
    resume::recall::Recall,
};
use crate::{
    event::{Effect, Event, Exit, Mode, Part, Place, Prediction, Since, Skip, StepOutcome, StepState, Verdict},
    expression,
    plan::{Evaluated, Scope, case::chosen, remaining},
    ports::Choice,
    runbook::model::{Command, Kind, OnFail, Probe, Severity, Step, Undo},
    words,
};

impl Engine<'_> {
    pub(super) fn steps(&self, steps: &[Step], scope: &mut Scope, frame: &mut Frame, parent: Option<&Place>) -> Result<(), Halt> {
        let over = self.before.is_some_and(|before| remaining::over(before.past, steps, parent));
        for (index, step) in steps.iter().enumerate() {
            let place = remaining::place_in(parent, step);
            let step = self.before.map_or(step, |before| remaining::way(&before.past.state, step, &place));
            if !frame.gathers {
                self.check_interrupts(Some(&place))?;
                self.check_memory(&place)?;
            }
            Self::guarded(Some(&place), || match self.recall(step, &steps[index + 1..], over, scope, frame, &place, parent)? {
                Recall::Settled => Ok(()),
                Recall::Begin(known) => self.step(step, scope, frame, &place, known),
            })?;
            // A confirmation covers what comes right after it.
            if !matches!(step.kind, Kind::Confirm(_)) && step.effect() != Effect::Read {
                frame.covered.remove(&step.id);
            }
        }
        Ok(())
    }

    /// Does a step; `known` is what has become of it already.
    fn step(&self, step: &Step, scope: &mut Scope, frame: &mut Frame, place: &Place, mut known: Option<Did>) -> Result<(), Halt> {
        let mut step = step;
        let mut attempt = self.before.and_then(|before| before.past.attempts.get(place).copied()).unwrap_or(0);
        loop {
            let mut failed_at = None;
            let did = if let Some(did) = known.take() {
                did
            } else {
                attempt += 1;
                match one_way(step, scope) {
                    Ok(way) => {
                        step = way;
                        self.attempt(step, scope, frame, place, attempt)?
                    }
                    Err(did) => *did,
                }
            };
            let (why, doubt) = match did {
                Did::Done(result) => {
                    scope.set(step.id.as_str(), result);
                    if step.is_stretch() && self.is_done(place) {
                        return Ok(());
                    }
                    return self.emit(Event::StepSettled { place: place.clone(), outcome: StepOutcome::Done });
                }
                Did::Skipped(why, result) => {
                    scope.set(step.id.as_str(), result);
                    forget(step.children(), scope, &|scope, id| scope.set(id, not_run()));
                    return self.emit(Event::StepSkipped { place: place.clone(), why });
                }
                Did::Predicted(prediction) => {
                    scope.set_unknown(step.id.as_str());
                    forget(step.children(), scope, &|scope, id| scope.set_unknown(id));
                    return self.emit(Event::StepPredicted { place: place.clone(), part: Part::Main, prediction });
                }
                Did::Failed { why, at, unsettled, result } => {
                    if let Some(result) = result {
                        scope.set(step.id.as_str(), result);
                    }
                    self.emit(Event::StepSettled { place: place.clone(), outcome: StepOutcome::Failed { why: why.clone() } })?;
                    failed_at = at;
                    (why, unsettled)
                }
                Did::Doubt { why } => {
                    self.emit(Event::StepSettled { place: place.clone(), outcome: StepOutcome::InDoubt { why: why.clone() } })?;
                    match self.resolve_doubt(step, scope, place, &why, None)? {
                        Some(Choice::Done) => {
                            scope.set(step.id.as_str(), context! { ran => true, ok => true });
                            return self.emit(Event::StepSettled { place: place.clone(), outcome: StepOutcome::Done });
                        }
                        Some(Choice::Retry) => {
                            // What was typed before spoke of a world that nobody knows any more.
                            frame.covered.remove(&step.id);
                            continue;
                        }
                        _ => (format!("in doubt: {why}"), true),
                    }
                }
            };
            // A failed step has a result too: a later `when` may ask for it.
            if scope.get(step.id.as_str()).is_none() {
                scope.set(step.id.as_str(), context! { ran => true, ok => false });
            }
            match self.after_failure(step, place, &why, doubt)? {
                Choice::Retry => {}
                Choice::Continue => return Ok(()),
                Choice::Rollback => return Err(Halt::Rollback { place: place.clone(), why }),
                _ if doubt => return Err(Halt::Unsettled { place: failed_at.unwrap_or_else(|| place.clone()), why }),
                _ => return Err(Halt::Failed { place: failed_at.unwrap_or_else(|| place.clone()), why }),
            }
        }
    }

    /// Does a step once.
    fn attempt(&self, step: &Step, scope: &mut Scope, frame: &mut Frame, place: &Place, attempt: u32) -> Result<Did, Halt> {
        // What was begun was meant to be.
        let entered = step.is_stretch() && self.before.is_some_and(|before| before.past.entered(place));
        if !entered && let Some(did) = kept_out(step, scope) {
            return Ok(did);
        }
        let own = match &step.kind {
            Kind::Group { title, .. } => Some(title),
            _ => None,
        };
        let title = match step.title.as_ref().or(own).map(|title| scope.message(title)) {
            Some(Ok(Evaluated::Known(title))) => title,
            _ => words::aloud(step.id.as_str()),
        };
        if !(step.is_stretch() && self.was_done(place)) {
            let (title, kind, effect, case) = (title.clone(), step.kind(), step.effect(), step.case.clone());
            self.emit(Event::StepReached { place: place.clone(), title, kind, effect, case })?;
        }
        if !entered
            && !self.was_done(place)
            && let Some(did) = self.already(step, scope, place)?
        {
            return Ok(did);
        }
        match &step.kind {
            Kind::Command(command) => self.command(step, command, scope, frame, place, attempt),
            Kind::Probe(probe) => self.probe_step(step, probe, scope, place),
            Kind::Wait(wait) => match self.wait(wait, &title, scope, frame, place)? {
                Evaluated::Unknown(needs) => Ok(Did::Predicted(Prediction::AtRunTime { needs })),
                Evaluated::Known(waited) => Ok(match waited.verdict {
                    Verdict::Passed => Did::Done(waited.result),
                    Verdict::Failed { why, .. } => Did::failed(why),
                    Verdict::Unknown { why } => Did::Predicted(Prediction::AtRunTime { needs: vec![why] }),
                }),
            },
            Kind::Confirm(confirm) => self.confirm(confirm, scope, frame, place),
            Kind::Manual(manual) => {
                if self.only_foretells() {
                    self.foretell_holds(frame, place)?;
                } else {
                    self.must_hold(frame, place, &mut HoldsAsked::default())?;
                }
                if let Err(why) = self.wake(frame)? {
                    return Ok(Did::failed(why));
                }
                self.own_cleanup(step, scope, frame, place)?;
                let did = self.manual(manual, scope, place)?;
                if matches!(did, Did::Done(_)) {
                    frame.changed = Since::NOW;
                }
                self.prove(step, scope, frame, place, did)
            }
            Kind::ForEach(_) | Kind::Group { .. } => self.stretch(step, scope, frame, place),
            Kind::Call(call) => {
                let Some(runbook) = self.plan.called.get(&call.runbook) else {
                    return Ok(Did::failed(format!("the runbook {} is not there", call.runbook)));
                };
                let params = match super::stretch::call_params(call, scope) {
                    Ok(Evaluated::Known(params)) => params,
                    Ok(Evaluated::Unknown(needs)) => return Ok(Did::Predicted(Prediction::AtRunTime { needs })),
                    Err(why) => return Ok(Did::failed(why)),
                };
                let did = self.call(runbook, &params, frame, place, matches!(step.on_fail, OnFail::Continue | OnFail::Rollback))?;
                self.prove(step, scope, frame, place, did)
            }
            // One of its ways was taken before.
            Kind::Choose(_) => Ok(Did::failed("no case was chosen".to_owned())),
        }
    }

    /// Whether the wanted state is there already, or cannot be known yet.
    fn already(&self, step: &Step, scope: &Scope, place: &Place) -> Result<Option<Did>, Halt> {
        let Some(probe) = &step.done_if else { return Ok(None) };
        Ok(match self.ask_one(probe, scope, place, Part::DoneIf)? {
            Evaluated::Known(Some(asked)) if asked.passed() => {
                let result = context! { ran => false, ok => true };
                Some(Did::Skipped(Skip::AlreadyDone { message: asked.message }, result))
            }
            Evaluated::Known(_) => None,
            Evaluated::Unknown(needs) => Some(Did::Predicted(Prediction::AtRunTime { needs })),
        })
    }

    /// Asks for the proof of what has been done just now, or of what stands on something that was.
    pub(super) fn prove(&self, step: &Step, scope: &Scope, frame: &Frame, place: &Place, did: Did) -> Result<Did, Halt> {
        match did {
            Did::Done(result) if step.verify.is_some() && (self.was_known_before(place, frame.changed) || !self.was_done(place)) => {
                self.verify(step, scope, place, result)
            }
            did => Ok(did),
        }
    }

    fn probe_step(&self, step: &Step, probe: &Probe, scope: &mut Scope, place: &Place) -> Result<Did, Halt> {
        let answers = match self.ask(probe, scope, place, Part::Main)? {
            Evaluated::Known(answers) => answers,
            Evaluated::Unknown(needs) => return Ok(Did::Predicted(Prediction::AtRunTime { needs })),
        };
        let failures: Vec<String> = answers.iter().filter(|asked| !asked.passed()).map(ProbeAnswer::why).collect();
        let hint = answers.iter().find_map(|asked| asked.hint.clone()).map(|hint| format!(" ({hint})")).unwrap_or_default();
        let result = together(probe.for_each.is_some(), answers);
        if failures.is_empty() {
            return Ok(Did::Done(result));
        }
        if self.hypothetical() {
            let needs = vec![format!("the changes above; now: {}", failures.join("; "))];
            return Ok(Did::Predicted(Prediction::AtRunTime { needs }));
        }
        scope.set(step.id.as_str(), result);
        let why = format!("{}{hint}", failures.join("; "));
        if probe.severity == Severity::Warn {
            self.emit(Event::Note { place: Some(place.clone()), text: format!("warning: {why}"), taken: None, person: false })?;
        }
        Ok(Did::failed(why))
    }

    /// A probe of a step, asked once and not for each of anything. `None` if its `when` says that it does not matter.
    pub(super) fn ask_one(&self, probe: &Probe, scope: &Scope, place: &Place, part: Part) -> Result<Evaluated<Option<ProbeAnswer>>, Halt> {
        Ok(self.ask(probe, scope, place, part)?.map(|mut answers| match answers.iter().position(|asked| !asked.passed()) {
            Some(bad) => Some(answers.swap_remove(bad)),
            None => answers.pop(),
        }))
    }

    fn command(
        &self,
        step: &Step,
        command: &Command,
        scope: &mut Scope,
        frame: &mut Frame,
        place: &Place,
        attempt: u32,
    ) -> Result<Did, Halt> {
        let order = match Self::order(command, scope, place, Part::Main) {
            Ok(Evaluated::Known(order)) => order,
            Ok(Evaluated::Unknown(needs)) => return Ok(Did::Predicted(Prediction::AtRunTime { needs })),
            Err(why) => return Ok(Did::failed(why)),
        };
        if !self.ports.executor.admits(&order) {
            self.foretell_holds(frame, place)?;
            let prediction = match self.passed_over(&order) {
                Some(why) => Prediction::AtRunTime { needs: vec![why] },
                None => Prediction::WouldRun { command: order.shown() },
            };
            return Ok(Did::Predicted(prediction));
        }
        match self.may_begin(step, &order, frame, place)? {
            Choice::Run => {}
            _ => return Ok(Did::Skipped(Skip::Operator, not_run())),
        }
        if let Some(answer) = self.recent(&order) {
            let (of, verdict) = (answer.place.clone(), Verdict::Passed);
            self.emit(Event::AnswerShared { place: place.clone(), of, verdict, message: String::new() })?;
            let result = expression::result(answer.read(command.output).0);
            scope.set(step.id.as_str(), result.clone());
            return self.verify(step, scope, place, result);
        }
        let mut compensation = match Self::compensation(step, place, scope) {
            // A dry run has set nothing that is to be put back, also where a read stands for what comes after it.
            Ok(compensation) if self.setting.mode == Mode::DryRun => Compensation { undo: None, cleanup: None, ..compensation },
            Ok(compensation) => compensation,
            Err(why) => return Ok(Did::failed(why)),
        };
        if step.effect() != Effect::Read
            && let Err(why) = self.wake(frame)?
        {
            return Ok(Did::failed(why));
        }
        let owes = compensation.cleanup.as_ref().map(PreparedRemedy::shown);
        let first = attempt;
        let times = step.retry.as_ref().map_or(0, |retry| retry.times);
        let mut judged = None;
        let mut started = false;
        let mut asked = HoldsAsked::default();
        for again in 0..=times {
            if again > 0 {
                self.check_interrupts(Some(place))?;
                self.ports.clock.pause(delay(step, again), self.ports.interrupts);
            }
            // Last of all, so that no question stands open between these answers and the change.
            if step.effect() != Effect::Read
                && let Err(halt) = self.must_hold(frame, place, &mut asked)
            {
                if started {
                    frame.register(compensation);
                }
                return Err(halt);
            }
            let spec = step.progress.as_ref().map(|spec| (spec, &*scope));
            let ended = match self.execute(&order, first + again, owes.clone(), self.ports.interrupts, spec, |ran| {
                match (judge_exit(ran), result_of(ran, command.output).1) {
                    ((Verdict::Passed, _), Err(fault)) => (Verdict::failed(fault), String::new()),
                    (judged, _) => judged,
                }
            }) {
                Ok(ended) => ended,
                Err(halt) => {
                    frame.register(compensation);
                    return Err(halt);
                }
            };
            started |= !matches!(ended.ran.exit, Exit::NotStarted { .. });
            let done = ended.verdict == Verdict::Passed || (ended.ran.exit.in_doubt() && step.effect() != Effect::Read);
            judged = Some(ended);
            if done {
                break;
            }
        }
        // The loop runs at least once, so this is always there; a step without an end is a failed step all the same.
        let Some(judged) = judged else { return Ok(Did::failed("not run".to_owned())) };
        let reading = result_of(&judged.ran, command.output);
        let result = expression::result(reading.0.clone());
        scope.set(step.id.as_str(), result.clone());
        if judged.verdict == Verdict::Passed && step.effect() == Effect::Read {
            self.keep_recent(&order, KeptAnswer::new(place, judged.ran, command.output, reading));
        }
        Self::learn(&mut compensation.undo, step, &result);
        Self::learn(&mut compensation.cleanup, step, &result);
        // What could not be started has done nothing; what an earlier attempt has done is taken back as it was made ready then.
        if started {
            frame.register(compensation);
            if step.effect() != Effect::Read {
                frame.changed = Since::NOW;
            }
        }
        match judged.verdict {
            Verdict::Passed => self.verify(step, scope, place, result),
            // Once a dry run has passed over a change, what a read does not find now says nothing.
            Verdict::Failed { why, .. } | Verdict::Unknown { why } if step.effect() == Effect::Read && self.hypothetical() => {
                let needs = vec![format!("the changes above; now: {why}")];
                Ok(Did::Predicted(Prediction::AtRunTime { needs }))
            }
            // Whatever became of it, it has changed nothing.
            Verdict::Unknown { why } if step.effect() == Effect::Read => Ok(Did::failed(why)),
            Verdict::Failed { why, .. } => Ok(Did::failed(why)),
            Verdict::Unknown { why } => Ok(Did::Doubt { why }),
        }
    }

    /// The step was done before this run was taken up again.
    pub(super) fn was_done(&self, place: &Place) -> bool {
        self.before.is_some_and(|before| matches!(before.past.state.steps.get(place), Some(StepState::Done)))
    }

    /// It was done in the run that was taken up, and something that it stands on was changed since.
    fn was_known_before(&self, place: &Place, change: Since) -> bool {
        self.before.is_some_and(|before| before.past.known_before(place, change))
    }

    /// It is recorded as done, and its cleanup has not run since.
    fn is_done(&self, place: &Place) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).steps.get(place) == Some(&StepState::Done)
    }

    /// What has to be run when it ends had not been run when the run was left.
    pub(super) fn was_owed(&self, place: &Place) -> bool {
        self.before.is_some_and(|before| before.past.state.owed.contains_key(place))
    }

    pub(super) fn verify(&self, step: &Step, scope: &Scope, place: &Place, result: Value) -> Result<Did, Halt> {
        let Some(probe) = &step.verify else { return Ok(Did::Done(result)) };
        Ok(match self.ask_one(probe, scope, place, Part::Verify)? {
            // What a dry run has passed over cannot be proved yet.
            Evaluated::Known(Some(asked)) if !asked.passed() && self.hypothetical() => {
                let prediction = Prediction::AtRunTime { needs: vec!["the changes above".to_owned()] };
                self.emit(Event::StepPredicted { place: place.clone(), part: Part::Verify, prediction })?;
                Did::Done(result)
            }
            Evaluated::Known(Some(asked)) if !asked.passed() => {
                Did::failed(format!("the command succeeded, but `verify` failed: {}", asked.why()))
            }
            Evaluated::Known(_) => Did::Done(result),
            Evaluated::Unknown(needs) => Did::failed(format!("`verify` needs {}, which is not known", needs.join(", "))),
        })
    }

    /// Makes ready what takes the step back, before it begins.
    pub(super) fn compensation(step: &Step, place: &Place, scope: &Scope) -> Result<Compensation, String> {
        let ready = |remedy, part, what: &str| {
            Self::prepare(remedy, step, place, part, scope).map_err(|why| format!("not started: its {what} cannot be prepared: {why}"))
        };
        let undo = match &step.undo {
            Undo::Command(remedy) => ready(remedy, Part::Undo, "undo")?,
            Undo::Impossible { .. } | Undo::Unsaid => None,
        };
        let cleanup = match &step.cleanup {
            Some(remedy) => ready(remedy, Part::Cleanup, "cleanup")?,
            None => None,
        };
        let owed_when_stopped = step.cleanup.as_ref().is_some_and(|remedy| remedy.owed_when_stopped);
        Ok(Compensation { place: place.clone(), undo, cleanup, owed_when_stopped })
    }
}

/// Why a step is not done: its `when` is not so, or nobody can say.
fn kept_out(step: &Step, scope: &Scope) -> Option<Did> {
    let when = step.when.as_ref()?;
    match scope.holds(when) {
        Ok(Evaluated::Known(true)) => None,
        Ok(Evaluated::Known(false)) => Some(Did::Skipped(Skip::When { expression: when.to_string() }, not_run())),
        Ok(Evaluated::Unknown(needs)) => Some(Did::Predicted(Prediction::AtRunTime { needs })),
        Err(error) => Some(Did::failed(scope.why_no_value(when, &error))),
    }
}

/// The step itself, or the way in which it is done of several; else what has become of it instead.
fn one_way<'s>(step: &'s Step, scope: &Scope) -> Result<&'s Step, Box<Did>> {
    let Kind::Choose(choose) = &step.kind else { return Ok(step) };
    if let Some(did) = kept_out(step, scope) {
        return Err(Box::new(did));
    }
    match chosen(choose, scope) {
        Ok(Evaluated::Known(case)) => Ok(case),
        Ok(Evaluated::Unknown(needs)) => Err(Box::new(Did::Predicted(Prediction::AtRunTime { needs }))),
        Err(why) => Err(Box::new(Did::failed(why))),
    }
}

fn delay(step: &Step, again: u32) -> Duration {
    step.retry.as_ref().map_or(Duration::ZERO, |retry| {
        let factor = retry.backoff.max(1.0).powi(i32::try_from(again).unwrap_or(i32::MAX) - 1);
        Duration::try_from_secs_f64(retry.delay.as_secs_f64() * factor).unwrap_or(Duration::from_secs(3600)).min(Duration::from_secs(3600))
    })
}
