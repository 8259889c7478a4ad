//! Runs that were left: going on with them, taking them back, settling what they owe.

pub(super) mod recall;
pub(super) mod restore;

use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::AtomicBool},
};

use super::{
    ending::Ending,
    engine::Engine,
    frame::Frame,
    halt::Halt,
    kept::RecentAnswers,
    leases::Leases,
    reserve::Reserve,
    setting::{Before, Ports, Setting},
    system::AskedSystems,
    together::AskedTogether,
};
use crate::{
    event::{Answerer, Event, Outcome, Part, Place},
    plan::{Plan, Scope, preview},
    ports::{Answer, Ask, Behind, NoAnswer, Order, Question},
};

fn engine<'a>(plan: &'a Plan, setting: &'a Setting, ports: Ports<'a>, before: &'a Before<'a>, confirms_each: bool) -> Engine<'a> {
    let mut state = before.past.state.clone();
    // Whatever was sure of them, that was another process.
    state.unsettle_systems();
    Engine {
        plan,
        ports,
        setting,
        state: Mutex::new(state),
        step_by_step: AtomicBool::new(setting.step_by_step || before.doubted),
        confirms_each,
        before: Some(before),
        secrets: plan.secrets().clone(),
        reserve: Reserve::new(),
        systems: AskedSystems::default(),
        recent: RecentAnswers::default(),
        together: AskedTogether::default(),
        leases: Leases::default(),
    }
}

/// Goes on with a run that was left, once the operator has agreed.
///
/// # Errors
/// As for [`super::start::run`]. If the operator does not agree, nothing is recorded and nothing has changed.
pub fn resume(plan: &Plan, setting: &Setting, ports: Ports<'_>, before: &Before<'_>) -> Ending {
    let engine = engine(plan, setting, ports, before, false);
    match engine.agreed(before) {
        Ok((typed, by)) => {
            let result = Engine::guarded(None, || engine.go_on(before, typed, by));
            engine.close(result)
        }
        Err(refusal) => engine.untouched(refusal),
    }
}

/// Takes back what a run has done, the last first, each asked about. An undo that fails leaves the run stuck.
///
/// # Errors
/// As for [`resume`].
pub fn roll_back(plan: &Plan, setting: &Setting, ports: Ports<'_>, before: &Before<'_>) -> Ending {
    let engine = engine(plan, setting, ports, before, true);
    match engine.agreed(before) {
        Ok((typed, by)) => {
            let result = Engine::guarded(None, || engine.take_back(before, typed, by));
            engine.close(result)
        }
        Err(refusal) => engine.untouched(refusal),
    }
}

/// Goes on with a run that died in a rehearsal, as an operator can: what was being rolled back is not resumed.
///
/// # Errors
/// As for [`resume`].
pub(crate) fn go_on(plan: &Plan, setting: &Setting, ports: Ports<'_>, before: &Before<'_>) -> Ending {
    if before.past.rolled_back { roll_back(plan, setting, ports, before) } else { resume(plan, setting, ports, before) }
}

/// Runs the cleanups that a run owes, each asked about. The run itself stays as it is.
///
/// # Errors
/// As for [`resume`].
pub fn settle(plan: &Plan, setting: &Setting, ports: Ports<'_>, before: &Before<'_>) -> Ending {
    let engine = engine(plan, setting, ports, before, true);
    let result = Engine::guarded(None, || {
        engine.still_there()?;
        let mut frame = engine.gather_all()?;
        // Taken before all else, and given back after it.
        frame.compensations.splice(0..0, engine.held_locks());
        engine.end_frame(frame, None, Ok(()))
    });
    engine.left_as_it_is(result)
}

/// The commands by which what a run owes would be settled, by place, as far as they can be made ready. Nothing is asked, and nothing
/// is run.
#[must_use]
pub(crate) fn owed(plan: &Plan, setting: &Setting, ports: Ports<'_>, before: &Before<'_>) -> BTreeMap<Place, Order> {
    let engine = engine(plan, setting, ports, before, true);
    let Ok(frame) = Engine::guarded(None, || engine.gather_all()) else { return BTreeMap::new() };
    let compensations = frame.compensations.into_iter().chain(engine.held_locks());
    compensations.filter_map(|one| Some((one.place.clone(), one.cleanup?.order(&one.place, Part::Cleanup)?))).collect()
}

impl Engine<'_> {
    /// Asks whether to go on. Nothing is recorded before that.
    fn agreed(&self, before: &Before<'_>) -> Result<(String, Answerer), Halt> {
        let question = Question { place: None, ask: Ask::GoOn, text: before.text.clone(), behind: Behind::default() };
        let declined = |why: String, beforehand| Halt::Declined { place: None, why, beforehand };
        match self.ports.prompt.ask(&question) {
            Ok(Answer::Yes { typed, by }) => Ok((typed, by)),
            Ok(Answer::No { why }) => Err(declined(why, None)),
            Ok(Answer::Chosen { .. } | Answer::Noted { .. } | Answer::OffScript { .. } | Answer::NotAsked) => {
                Err(declined("no clear answer".to_owned(), None))
            }
            Err(no_answer) => {
                let why = no_answer.to_string();
                let beforehand = if let NoAnswer::NoTerminal { beforehand } = no_answer { Some(beforehand) } else { None };
                Err(declined(why, beforehand))
            }
        }
    }

    fn take_up(&self, before: &Before<'_>, typed: String, by: Answerer) -> Result<(), Halt> {
        self.emit(Event::Resumed { from: before.from.clone() })?;
        self.emit(Event::Confirmed { place: None, text: before.text.clone(), typed, by })
    }

    fn go_on(&self, before: &Before<'_>, typed: String, by: Answerer) -> Result<(), Halt> {
        self.take_up(before, typed, by)?;
        let mut locks = Frame::default();
        let result = Self::guarded(None, || {
            let scope = self.still_there()?;
            self.while_renewed(|| {
                self.take_shared_locks(&mut locks)?;
                self.go_on_under_locks(before, scope)
            })
        });
        self.end_frame(locks, None, result)
    }

    /// Asks the system that the run is bound to whether it is still the same.
    fn still_there(&self) -> Result<Scope, Halt> {
        let runbook = &self.plan.runbook;
        let mut scope = self.scope(runbook, self.plan.bound.scope_value());
        self.identify(runbook, &mut scope, None)?;
        Ok(scope)
    }

    fn go_on_under_locks(&self, before: &Before<'_>, mut scope: Scope) -> Result<(), Halt> {
        let runbook = &self.plan.runbook;
        self.preflight(runbook, &mut scope, None)?;
        let mut preview = preview::preview(self.plan, &scope);
        preview.system = self.bound_to();
        self.faulty(&preview, None)?;
        self.emit(Event::Planned { steps: preview.steps(), read: preview.read, change: preview.change, destroy: preview.destroy })?;
        if !before.past.planned {
            // It was left before there was a plan to agree to.
            let text = (self.ports.present)(&preview);
            self.approve(&preview, text)?;
        }
        let mut frame = Frame::default();
        let mut result = self.steps(&runbook.steps, &mut scope, &mut frame, None);
        if matches!(result, Err(Halt::Rollback { .. }))
            && let Err(halt) = self.gather_rest(&mut frame)
        {
            result = Err(halt);
        }
        self.end_frame(frame, None, result)
    }

    fn take_back(&self, before: &Before<'_>, typed: String, by: Answerer) -> Result<(), Halt> {
        self.take_up(before, typed, by)?;
        let place = before.past.state.took_effect.last().or_else(|| before.past.state.owed.keys().last()).cloned();
        let place = place.unwrap_or_else(|| Place::top("nothing"));
        let mut locks = Frame::default();
        let result = Self::guarded(None, || {
            self.still_there()?;
            self.while_renewed(|| {
                self.take_shared_locks(&mut locks)?;
                let frame = self.gather_all()?;
                self.end_frame(frame, None, Err(Halt::Rollback { place, why: "rolled back by the operator".to_owned() }))
            })
        });
        self.end_frame(locks, None, result)
    }

    /// The run was not taken up.
    fn untouched(self, refusal: Halt) -> Ending {
        self.left_as_it_is(Err(refusal))
    }

    /// Says how it went without closing the run.
    fn left_as_it_is(self, result: Result<(), Halt>) -> Ending {
        let mut ending = self.told(&result);
        if result.is_ok() && !ending.owed.is_empty() {
            ending.outcome = Outcome::Stopped;
            ending.whys = vec!["some cleanups failed".to_owned()];
        }
        ending
    }
}
