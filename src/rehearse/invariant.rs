//! What holds however a rehearsal goes wrong: what the scenario says must never be, and what halligan promises for all runbooks.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use crate::{
    event::{Captured, Effect, Event, Outcome, Part, Place, RunState, Shown, StepOutcome, Verdict},
    expression,
    ports::{Capture, Executor, Interrupts, LedgerError, Order, Site},
    runbook::model::{Kind, Step},
    words,
};

use super::{account::Account, line::Spot, rehearsal::Rehearsal, stage::AnsweredCall};

/// Something that should have held and did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    pub what: String,
    /// Where the scenario asks for it; `None` for what halligan promises for all.
    pub spot: Option<Spot>,
    /// What would be right, if anything can be said.
    pub hint: Option<String>,
}

impl Breach {
    fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), spot: None, hint: None }
    }
}

/// Everything that did not hold. Settles what is owed on the way, as an operator would: the world is then no longer as the
/// run left it. `step` finds the step at a place; `orders` are the commands of the owed cleanups, with all that is recorded of them by
/// name alone.
#[must_use]
pub(crate) fn breaches<'s>(
    rehearsal: &Rehearsal,
    step: &dyn Fn(&Place) -> Option<&'s Step>,
    events: &[Event],
    account: &Account,
    orders: &BTreeMap<Place, Order>,
) -> Vec<Breach> {
    let scenario = &rehearsal.scenario;
    let simulator = &rehearsal.simulator;
    let mut found = Vec::new();
    // What somebody else has changed is neither the run's doing nor, mostly, a world that the scenario's rules know of.
    let meddled = simulator.stage().meddled;
    let faults = simulator.take_faults().into_iter().chain(rehearsal.prompt.take_faults());
    for fault in faults.filter(|_| meddled.is_none()) {
        let spot = fault.line.map(|line| Spot { file: fault.file.as_str().into(), line });
        found.push(Breach { what: fault.what, spot, hint: fault.hint });
    }
    for place in simulator.afterwards() {
        found.push(Breach::of(format!("{place} was started after the journal had failed")));
    }
    for place in unheld(step, events) {
        found.push(Breach::of(format!("{place} was begun without asking what must hold around it right before")));
    }
    for place in unconfirmed(step, events) {
        found.push(Breach::of(format!("{place} destroys, but no typed confirmation was given")));
    }
    let never = |violation| {
        let (wanted, how) = scenario.told(&violation);
        let spot = scenario.expect.never.get(violation.never).and_then(|never| never.line.clone());
        Breach { what: format!("{wanted}: {how}"), spot, hint: None }
    };
    // Of what somebody else's hands have made possible, only what the run has begun since is its own doing; to put back, it must go on.
    let begun_since = |at: usize, place: &Place| {
        let own = |call: &AnsweredCall| call.place == *place && call.part == Part::Main && call.effect != Effect::Read;
        simulator.look_at_calls(|calls| calls.iter().skip(at + 1).any(own))
    };
    let own = |place: Option<&Place>| meddled.is_none_or(|at| place.is_some_and(|place| begun_since(at, place)));
    found.extend(simulator.violations().into_iter().filter(|violation| own(violation.place.as_ref())).map(never));
    if meddled.is_some() {
        return found;
    }
    if account.outcome == Some(Outcome::Completed) && scenario.expect.outcome == Some(Outcome::Completed) {
        for (path, wanted) in &scenario.expect.world {
            let is = simulator.world(path);
            if is.as_ref() != Some(&expression::from_json(wanted)) {
                let is = is.map_or("nothing".to_owned(), |value| serde_json::to_string(&value).unwrap_or_else(|_| value.to_string()));
                let what = format!("reported as completed, but `{path}` is {is} instead of {wanted}");
                found.push(Breach { what, spot: scenario.lines.get(&format!("expect.world.{path}")), hint: None });
            }
        }
    }
    // A cleanup that says it worked, and did not, cannot be known of: but then the run must not say that it is complete.
    let deceived = account.outcome != Some(Outcome::Completed)
        && simulator.look_at_calls(|calls| {
            let mut calls = calls.iter();
            calls.any(|call| call.injection.is_some() && matches!(call.part, Part::Cleanup | Part::Undo) && call.exit.succeeded())
        });
    let owed = settle(rehearsal, events, orders);
    for violation in simulator.violations_at_the_end().into_iter().filter(|_| !deceived) {
        let mut breach = never(violation);
        breach.what = match owed.as_slice() {
            [] => format!("{}, and no owed cleanup would fix that", breach.what),
            owed => format!("{}, and the owed cleanup does not fix that ({})", breach.what, owed.join("; ")),
        };
        found.push(breach);
    }
    found
}

/// Whether somebody else's hands have changed the world: what keeps the run from going on since is not its own doing.
#[must_use]
pub(crate) fn meddled(rehearsal: &Rehearsal) -> bool {
    rehearsal.simulator.stage().meddled.is_some()
}

/// Changes that began without an answer, from right before, of each probe that must hold around them; but for those that a condition
/// or a list of items may have left out.
fn unheld<'s>(step: &dyn Fn(&Place) -> Option<&'s Step>, events: &[Event]) -> Vec<Place> {
    let mut held: BTreeSet<Place> = BTreeSet::new();
    let mut overridden: BTreeSet<Place> = BTreeSet::new();
    let mut found = Vec::new();
    for event in events {
        match event {
            Event::StepEnded { place, part: Part::Holds, verdict: Verdict::Passed, .. }
            | Event::AnswerShared { place, verdict: Verdict::Passed, .. } => {
                held.insert(place.clone());
            }
            Event::HoldOverridden { place, .. } => {
                overridden.insert(place.clone());
            }
            Event::StepBegan { part: Part::Holds, .. }
            | Event::StepSpawned { .. }
            | Event::StepEnded { part: Part::Holds, .. }
            | Event::AnswerShared { .. }
            | Event::Note { .. } => {}
            Event::StepBegan { place, part: Part::Main, command, .. } if command.effect != Effect::Read => {
                let around = std::iter::successors(place.around(), |place| place.around()).filter(|place| place.own_item().is_none());
                let must = around.filter_map(step).flat_map(|step| &step.holds);
                let always = must.filter(|probe| probe.when.is_none() && probe.for_each.is_none());
                let missing = always
                    .filter_map(|probe| Some(place.child(probe.id.as_ref()?.as_str())))
                    .any(|probe| !held.contains(&probe) && !overridden.contains(&probe));
                if missing && !found.contains(place) {
                    found.push(place.clone());
                }
                held.clear();
            }
            // Something else has taken its time.
            _ => held.clear(),
        }
    }
    found
}

/// Destroying commands that began without a phrase that was typed for them.
fn unconfirmed<'s>(step: &dyn Fn(&Place) -> Option<&'s Step>, events: &[Event]) -> Vec<Place> {
    let mut covered: BTreeSet<Place> = BTreeSet::new();
    let mut found = Vec::new();
    for event in events {
        match event {
            Event::Confirmed { place: Some(place), typed, .. } if !typed.is_empty() => {
                // Its own phrase, or that of a question which names it.
                covered.insert(place.clone());
                if let Some(Kind::Confirm(confirm)) = step(place).map(|step| &step.kind)
                    && confirm.phrase.is_some()
                {
                    covered.extend(confirm.covers.iter().map(|id| place.beside(id.as_str())));
                }
            }
            Event::StepBegan { place, part: Part::Main, command, .. }
                if command.effect == Effect::Destroy && !covered.contains(place) && !found.contains(place) =>
            {
                found.push(place.clone());
            }
            // What is in doubt was not carried out to its end: what was typed for it still holds for what follows.
            Event::StepSettled { place, outcome, .. } if !matches!(outcome, StepOutcome::InDoubt { .. }) => {
                covered.remove(place);
            }
            _ => {}
        }
    }
    found
}

/// Runs what is owed, in the order in which it would be put back, and says what that was.
fn settle(rehearsal: &Rehearsal, events: &[Event], orders: &BTreeMap<Place, Order>) -> Vec<String> {
    let mut state = RunState::default();
    for event in events {
        // What the loop has recorded has been folded by it already.
        let _ = state.apply(event);
    }
    rehearsal.simulator.revive();
    let mut told = Vec::new();
    for (place, shown) in state.owed.iter().rev() {
        told.push(format!("{place} owes {}", words::command(shown)));
        let order = orders.get(place).cloned().unwrap_or_else(|| recorded(place, shown));
        let _ = rehearsal.simulator.execute(&order, &Nowhere, &Interrupts::default());
    }
    // A rule that is missing here is missing for `halligan debts` only, and has been told if the run needed it.
    rehearsal.simulator.take_faults();
    told
}

/// What is recorded of a cleanup that cannot be made ready any more.
fn recorded(place: &Place, shown: &Shown) -> Order {
    Order {
        host: shown.host.clone(),
        user: shown.user.clone(),
        timeout: shown.timeout_ms.map(std::time::Duration::from_millis),
        ..Order::plain(place.clone(), Part::Cleanup, shown.words.clone(), shown.effect)
    }
}

/// Keeps nothing.
struct Nowhere;

impl Site for Nowhere {
    fn spawned(&self, _: u32, _: u64) -> Result<(), LedgerError> {
        Ok(())
    }
    fn signalled(&self, _: crate::event::SentSignal) -> Result<(), LedgerError> {
        Ok(())
    }
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Ok(Box::new(Self))
    }
    fn line(&self, _: &str) {}
    fn listens(&self) -> bool {
        false
    }
    fn remark(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }
}

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture for Nowhere {
    fn finish(self: Box<Self>) -> Result<Captured, LedgerError> {
        Ok(Captured::empty())
    }
}
