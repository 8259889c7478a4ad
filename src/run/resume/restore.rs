//! What a run that was left has left behind: results, and what takes its steps back.

use std::sync::PoisonError;

use minijinja::{Value, context};

use crate::{
    event::{
        Part, Place, StepState, Verdict,
        past::{End, Past},
    },
    expression,
    plan::{
        Evaluated, Scope,
        condition::{MadeFor, made, made_for},
        item::{DistinctItems, list_of},
        remaining,
    },
    ports::{LedgerError, Printed, Ran},
    run::{
        did::{ItemResult, forget, loop_result, not_run},
        engine::Engine,
        frame::{Compensation, Frame},
        halt::Halt,
        printed::result_of,
        probe::answer,
        setting::Before,
        stretch::call_params,
    },
    runbook::model::{ForEach, Kind, OnItemFailure, Probe, Step},
};

impl Engine<'_> {
    /// Puts a step's result in scope as it was, and what takes it back into the frame.
    pub(crate) fn bring_back(
        &self,
        before: &Before<'_>,
        step: &Step,
        scope: &mut Scope,
        frame: &mut Frame,
        place: &Place,
    ) -> Result<Value, Halt> {
        let past = before.past;
        let result = self.result_before(before, step, scope, place)?;
        let (owed, took_effect) = (past.state.owed.contains_key(place), past.state.took_effect.contains(place));
        if owed || took_effect {
            match Self::compensation(step, place, scope) {
                Ok(mut compensation) => {
                    if !owed {
                        compensation.cleanup = None;
                    }
                    // It was undone before its cleanup could run.
                    if !took_effect {
                        compensation.undo = None;
                    }
                    if past.end(place, Part::Main).is_some() {
                        Self::learn(&mut compensation.undo, step, &result);
                        Self::learn(&mut compensation.cleanup, step, &result);
                    }
                    frame.register(compensation);
                }
                Err(why) if frame.gathers => frame.register(Compensation::lost(step, place, (took_effect, owed), &why)),
                Err(why) => return Err(Halt::Stopped { place: Some(place.clone()), why }),
            }
        }
        scope.set(step.id.as_str(), result.clone());
        Ok(result)
    }

    /// What later expressions see of a step that was done before.
    fn result_before(&self, before: &Before<'_>, step: &Step, scope: &Scope, place: &Place) -> Result<Value, Halt> {
        let past = before.past;
        let answered = || past.answers.get(place).cloned().unwrap_or_default();
        let bare = || {
            let failed = past.state.steps.get(place).and_then(StepState::failure).is_some();
            context! { ran => true, ok => !failed }
        };
        // What had not passed and counts as done was found to be done, by a check or by a person.
        let settled = |end: &End| end.verdict != Verdict::Passed && past.state.steps.get(place) == Some(&StepState::Done);
        Ok(match (&step.kind, past.end(place, Part::Main)) {
            (Kind::Command(command), Some(end)) => {
                let fields = result_of(&before.ran(end)?, command.output).0;
                if settled(end) { answer(fields, true) } else { expression::result(fields) }
            }
            (Kind::Wait(wait), Some(end)) => {
                let ok = end.verdict == Verdict::Passed || settled(end);
                match &wait.command {
                    Some(command) => answer(result_of(&before.ran(end)?, command.output).0, ok),
                    None => answer(Vec::new(), ok),
                }
            }
            (Kind::Probe(probe), _) => {
                let end = |place: &Place| past.end(place, Part::Main);
                self.probe_before(probe, scope, place, &end)?.unwrap_or_else(bare)
            }
            (Kind::Confirm(_), _) => context! { ran => true, ok => true, output => answered() },
            (Kind::Manual(_), _) => context! { ran => true, ok => true, report => answered(), output => answered() },
            _ => bare(),
        })
    }

    /// What a probe had answered before; nothing if not asked, or not in full.
    pub(crate) fn probe_before<'e>(
        &self,
        probe: &Probe,
        scope: &Scope,
        place: &Place,
        end: &dyn Fn(&Place) -> Option<&'e End>,
    ) -> Result<Option<Value>, Halt> {
        let Some(before) = self.before else { return Ok(None) };
        let made = made(probe, scope);
        if matches!(made, Ok(Evaluated::Known(MadeFor::Nothing))) {
            return Ok(Some(not_run()));
        }
        let one = |scope: &Scope, place: &Place| -> Result<Option<(Value, bool)>, Halt> {
            let Some(command) = &probe.command else {
                let holds = probe.expect.as_ref().is_some_and(|expect| matches!(scope.holds(expect), Ok(Evaluated::Known(true))));
                return Ok(Some((answer(Vec::new(), holds), holds)));
            };
            let Some(end) = end(place) else { return Ok(None) };
            let passed = end.verdict == Verdict::Passed;
            Ok(Some((answer(result_of(&before.ran(end)?, command.output).0, passed), passed)))
        };
        let Some(items) = &probe.for_each else { return Ok(one(scope, place)?.map(|(value, _)| value)) };
        let Ok(Evaluated::Known(list)) = list_of(items, scope, &self.secrets) else { return Ok(None) };
        let (mut results, mut ok) = (Vec::new(), true);
        for item in list.into_vec() {
            if matches!(made, Ok(Evaluated::Known(MadeFor::ByItem))) && matches!(made_for(probe, &item, scope), Ok(Evaluated::Known(false)))
            {
                continue;
            }
            let mut scope = scope.clone();
            let place = place.item(items.name.as_str(), item.label());
            scope.set(items.name.as_str(), item.value);
            let Some((value, passed)) = one(&scope, &place)? else { return Ok(None) };
            ok &= passed;
            results.push(value);
        }
        Ok(Some(context! { ran => true, ok => ok, results => results }))
    }

    /// What the gate of a batch had found.
    pub(crate) fn gate_before(&self, each: &ForEach, scope: &mut Scope, place: &Place, batch: usize) -> Result<(), Halt> {
        let Some(before) = self.before else { return Ok(()) };
        let end = |place: &Place| before.past.end(place, Part::Gate);
        for probe in &each.before_batch {
            let Some(id) = &probe.id else { continue };
            let place = place.child(id.as_str()).item("batch", &batch.to_string());
            if let Some(value) = self.probe_before(probe, scope, &place, &end)? {
                scope.set(id.as_str(), value);
            }
        }
        Ok(())
    }

    /// The items that a loop had set out with.
    pub(crate) fn items_before(&self, each: &ForEach, items: DistinctItems, place: &Place) -> Result<DistinctItems, String> {
        let Some(round) = self.before.and_then(|before| before.past.loops.get(place)) else { return Ok(items) };
        let gone = |label| format!("the loop began with {} `{label}`, which is no longer among its items", each.items.name);
        items.called(&round.items).map_err(gone)
    }

    /// Whether nothing is left to do for an item: either it is over, or it failed and the loop went on all the same.
    pub(crate) fn item_before(&self, each: &ForEach, place: &Place, item: &Place, batch: usize) -> ItemBefore {
        let Some(before) = self.before else { return ItemBefore::Open };
        let past = before.past;
        if !past.entered(item) {
            return ItemBefore::Open;
        }
        if remaining::settled(past, &each.steps, Some(item)) {
            return ItemBefore::Over;
        }
        let own = past.state.steps.get(place);
        // The loop went on to its end and failed for what had failed in it: that is what is taken up.
        if each.on_item_failure == OnItemFailure::Continue && own.and_then(StepState::failure).is_some() {
            return ItemBefore::Open;
        }
        let settled = matches!(own, Some(StepState::Done));
        if !settled && past.loops.get(place).is_none_or(|round| round.batch <= batch) {
            return ItemBefore::Open;
        }
        failed_in(past, each, item).map_or(ItemBefore::Open, |(at, why)| ItemBefore::Failed(at, why))
    }

    /// Gathers what takes back the steps inside this one, and does nothing.
    pub(crate) fn gather(&self, before: &Before<'_>, step: &Step, scope: &mut Scope, frame: &mut Frame, place: &Place) -> Result<(), Halt> {
        let past = before.past;
        if !past.entered(place) {
            scope.set(step.id.as_str(), not_run());
            forget(step.children(), scope, &|scope, id| scope.set(id, not_run()));
            return Ok(());
        }
        let was_done = matches!(past.state.steps.get(place), Some(StepState::Done));
        match &step.kind {
            Kind::Group { steps, .. } => {
                self.own_cleanup(step, scope, frame, place)?;
                self.steps(steps, scope, frame, Some(place))?;
            }
            Kind::ForEach(each) => {
                self.own_cleanup(step, scope, frame, place)?;
                let items = match list_of(&each.items, scope, &self.secrets) {
                    Ok(Evaluated::Known(items)) => self.items_before(each, items, place),
                    Ok(Evaluated::Unknown(needs)) => Err(format!("the items depend on {}", needs.join(", "))),
                    Err(why) => Err(why),
                };
                let items = items.map_err(|why| Halt::Stopped { place: Some(place.clone()), why })?;
                let mut items = items.into_vec().into_iter();
                let batches = past.loops.get(place).map(|round| round.batches.clone()).unwrap_or_default();
                let mut done = Vec::new();
                for (index, size) in batches.into_iter().enumerate() {
                    self.gate_before(each, scope, place, index + 1)?;
                    for item in items.by_ref().take(size) {
                        let mut inner = scope.clone();
                        let name = each.items.name.as_str();
                        let item_place = place.item(name, item.label());
                        inner.set(name, item.value.clone());
                        if past.entered(&item_place) {
                            self.steps(&each.steps, &mut inner, frame, Some(&item_place))?;
                            done.push(ItemResult { item: item.value, failed: failed_in(past, each, &item_place) });
                        }
                    }
                }
                scope.set(step.id.as_str(), loop_result(was_done, done));
                return Ok(());
            }
            Kind::Call(call) => {
                if let (Some(runbook), Ok(Evaluated::Known(given))) = (self.plan.called.get(&call.runbook), call_params(call, scope))
                    && let Ok((bound, _)) = self.plan.bind_called(runbook, &given)
                {
                    let mut inner = self.scope(runbook, bound.scope_value());
                    self.preflight_before(runbook, &mut inner, Some(place))?;
                    self.steps(&runbook.steps, &mut inner, frame, Some(place))?;
                }
            }
            _ => {
                self.bring_back(before, step, scope, frame, place)?;
                return Ok(());
            }
        }
        scope.set(step.id.as_str(), context! { ran => true, ok => was_done });
        Ok(())
    }

    /// Gathers what takes back everything that the run has done, in the order of the plan.
    pub(crate) fn gather_all(&self) -> Result<Frame, Halt> {
        let runbook = &self.plan.runbook;
        let mut scope = self.scope(runbook, self.plan.bound.scope_value());
        self.preflight_before(runbook, &mut scope, None)?;
        let mut frame = Frame { gathers: true, ..Frame::default() };
        self.steps(&runbook.steps, &mut scope, &mut frame, None)?;
        frame.gathers = false;
        if let Some(before) = self.before {
            in_order(&mut frame.compensations, &before.past.state.took_effect);
        }
        Ok(frame)
    }

    /// Adds to what a run that was taken up has come by what else it has done before: all of it is taken back.
    pub(crate) fn gather_rest(&self, frame: &mut Frame) -> Result<(), Halt> {
        let mut rest = self.gather_all()?.compensations;
        let (took_effect, owed) = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.took_effect.clone(), state.owed.clone())
        };
        // What was put back or undone since the run was taken up is not taken back again.
        for one in &mut rest {
            one.cleanup.take_if(|_| !owed.contains_key(&one.place));
            one.undo.take_if(|_| !took_effect.contains(&one.place));
        }
        rest.retain(|one| {
            let met = frame.compensations.iter().any(|other| other.place == one.place);
            !met && (one.undo.is_some() || one.cleanup.is_some())
        });
        frame.compensations.splice(0..0, rest);
        in_order(&mut frame.compensations, &took_effect);
        Ok(())
    }
}

/// The order in which they took effect is that in which they are taken back, from the end: what a group or a loop has set, after
/// all that was done in it.
fn in_order(compensations: &mut [Compensation], took_effect: &[Place]) {
    compensations.sort_by_cached_key(|compensation| {
        let place = &compensation.place;
        let own = took_effect.iter().position(|other| other == place);
        let index = own.or_else(|| took_effect.iter().position(|other| other.is_inside(place)));
        // Whatever has taken no effect itself goes last.
        index.map_or(0, |index| index + 1)
    });
}

/// Where an item failed, and why, if the loop went on after it.
fn failed_in(past: &Past, each: &ForEach, item: &Place) -> Option<(Place, String)> {
    if remaining::settled(past, &each.steps, Some(item)) {
        return None;
    }
    each.steps.iter().find_map(|step| {
        let at = item.child(step.id.as_str());
        let why = past.state.steps.get(&at)?.failure()?.to_owned();
        // What is to be done again has not failed.
        (!past.to_begin_again(&at)).then_some((at, why))
    })
}

/// What an item has come to before.
pub(crate) enum ItemBefore {
    Open,
    Over,
    /// It failed, where and why, and the loop went on.
    Failed(Place, String),
}

impl Before<'_> {
    /// A command as it had ended, with what it printed.
    fn ran(&self, end: &End) -> Result<Ran, Halt> {
        let printed = |captured: &crate::event::Captured| -> Result<Printed, Halt> {
            let mut head = (self.output)(&captured.sha256).map_err(|what| Halt::Ledger(LedgerError::new(what, None)))?;
            head.truncate(Printed::LIMIT);
            Ok(Printed::new(captured.clone(), head))
        };
        Ok(Ran {
            exit: end.exit.clone(),
            stdout: printed(&end.stdout)?,
            stderr: printed(&end.stderr)?,
            took: std::time::Duration::ZERO,
            leaked: false,
        })
    }
}
