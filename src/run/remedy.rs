//! Undos and cleanups: made ready before the step begins, so that they restore what was found.

use std::{collections::BTreeMap, sync::PoisonError};

use super::{engine::Engine, halt::Halt, offer::would_run};
use crate::{
    event::{Event, Part, Place, Shown, StepState, Verdict, Words},
    expression,
    plan::{Evaluated, Scope, remaining},
    ports::{Answer, Ask, Choice, Order},
    runbook::model::{Command, Program, Remedy, Step, Undo},
    words,
};

/// An undo or cleanup, as ready as it can be.
#[derive(Debug, Clone)]
pub(super) enum PreparedRemedy {
    /// Exactly this.
    Ready(Box<Order>),
    /// It needs the result of the step itself.
    Later { remedy: Box<Remedy>, scope: Box<Scope> },
    /// It cannot be made ready any more: it does not work, and nothing is called taken back or put back by it.
    Lost { remedy: Box<Remedy>, why: String },
}

impl PreparedRemedy {
    /// What is owed once the step has begun. What is not known yet is shown as it stands in the runbook.
    pub(super) fn shown(&self) -> Shown {
        match self {
            Self::Ready(order) => order.shown(),
            Self::Later { remedy, .. } | Self::Lost { remedy, .. } => written(&remedy.command),
        }
    }

    /// The command, if it is needed and can be made ready now.
    pub(super) fn order(self, place: &Place, part: Part) -> Option<Order> {
        match self {
            Self::Ready(order) => Some(*order),
            Self::Later { remedy, scope } => Engine::bind_remedy(&remedy, place, part, &scope).ok().flatten(),
            Self::Lost { .. } => None,
        }
    }
}

/// A command as it stands in the runbook.
pub(super) fn written(command: &Command) -> Shown {
    let words = match &command.program {
        Program::Argv(words) => Words::Argv(words.iter().map(ToString::to_string).collect()),
        Program::Shell(script) => Words::Script(script.to_string()),
    };
    Shown {
        words,
        effect: command.effect,
        host: command.on.as_ref().map(ToString::to_string),
        user: command.user.as_ref().map(ToString::to_string),
        cwd: command.cwd.as_ref().map(ToString::to_string),
        env: command.env.keys().cloned().collect(),
        stdin: command.stdin.is_some(),
        timeout_ms: None,
        held: None,
        fences: BTreeMap::new(),
    }
}

/// Whether a remedy speaks of the result of its own step.
fn needs_own_result(remedy: &Remedy, step: &Step) -> bool {
    let command = &remedy.command;
    let words: Vec<&str> = match &command.program {
        Program::Argv(words) => words.iter().map(|word| &*word.text).collect(),
        Program::Shell(_) => Vec::new(),
    };
    let rest = command
        .env
        .values()
        .chain(command.on.as_ref())
        .chain(command.stdin.as_ref())
        .chain(command.cwd.as_ref())
        .chain(command.user.as_ref());
    let refers = |names: Result<expression::Names, _>| names.is_ok_and(|names: expression::Names| names.roots().contains(step.id.as_str()));
    words.into_iter().chain(rest.map(|template| &*template.text)).any(|text| refers(expression::names_in_template(text)))
        || remedy.when.as_ref().is_some_and(|when| refers(expression::names_in_expression(&when.text)))
}

impl Engine<'_> {
    /// Makes a remedy ready before its step begins. `None` if its `when` says that it is not needed.
    ///
    /// The inner error says why it cannot be made ready: the step must then not begin.
    pub(super) fn prepare(
        remedy: &Remedy,
        step: &Step,
        place: &Place,
        part: Part,
        scope: &Scope,
    ) -> Result<Option<PreparedRemedy>, String> {
        if needs_own_result(remedy, step) {
            return Ok(Some(PreparedRemedy::Later { remedy: Box::new(remedy.clone()), scope: Box::new(scope.clone()) }));
        }
        Self::bind_remedy(remedy, place, part, scope).map(|order| order.map(|order| PreparedRemedy::Ready(Box::new(order))))
    }

    /// What a rollback would do now, the last first, and what it could not take back.
    pub(super) fn would_take_back(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let put_back = |place: &Place| state.steps.get(place).is_some_and(StepState::is_put_back);
        let pending = state.owed.keys().filter(|place| !state.took_effect.contains(place));
        let (mut lines, mut stays) = (Vec::new(), Vec::new());
        for place in state.took_effect.iter().chain(pending).rev() {
            let owed = state.owed.get(place);
            match remaining::step_at(self.plan, &state, place).map(|step| &step.undo) {
                Some(Undo::Command(remedy)) => lines.push(format!("undo {place}:  {}", words::brief(&written(&remedy.command)))),
                Some(Undo::Impossible { why }) => stays.push(format!("{place}:  irreversible: {}", why.trim())),
                Some(Undo::Unsaid) | None if owed.is_none() && !put_back(place) => stays.push(format!("{place}:  nothing undoes it")),
                Some(Undo::Unsaid) | None => {}
            }
            lines.extend(owed.map(|owed| format!("clean up {place}:  {}", words::brief(owed))));
        }
        drop(state);
        words::would_take_back(&lines, &stays)
    }

    fn bind_remedy(remedy: &Remedy, place: &Place, part: Part, scope: &Scope) -> Result<Option<Order>, String> {
        let unknown = |needs: Vec<String>| format!("depends on {}, which is not known", needs.join(", "));
        if let Some(when) = &remedy.when {
            match scope.holds(when).map_err(|error| error.to_string())? {
                Evaluated::Known(false) => return Ok(None),
                Evaluated::Known(true) => {}
                Evaluated::Unknown(needs) => return Err(unknown(needs)),
            }
        }
        match Self::order(&remedy.command, scope, place, part)? {
            Evaluated::Known(order) => Ok(Some(order)),
            Evaluated::Unknown(needs) => Err(unknown(needs)),
        }
    }

    /// The result of a step has become known: whatever waited for it sees it from now on.
    pub(super) fn learn(prepared: &mut Option<PreparedRemedy>, step: &Step, result: &minijinja::Value) {
        if let Some(PreparedRemedy::Later { scope, .. }) = prepared {
            scope.set(step.id.as_str(), result.clone());
        }
    }

    /// Asks before anything is taken back long after it was done. The inner error says that it is left as it is.
    pub(super) fn may_take_back(&self, place: &Place, part: Part, order: &Order) -> Result<Result<(), String>, Halt> {
        let text = format!("{}\nWould run:  {}", words::take_back(place, part), would_run(order));
        let question = self.question(Some(place), Ask::YesNo, text);
        match self.put_question(&question) {
            Ok(Answer::Yes { typed, by }) => {
                self.emit(Event::Confirmed { place: Some(place.clone()), text: question.text, typed, by })?;
                Ok(Ok(()))
            }
            Ok(answer) => {
                let why = match answer {
                    Answer::No { why } => why,
                    _ => "no clear answer".to_owned(),
                };
                self.emit(Event::Declined { place: Some(place.clone()), text: question.text, why: why.clone() })?;
                if part == Part::Undo { Err(Halt::Stopped { place: Some(place.clone()), why }) } else { Ok(Err(why)) }
            }
            Err(no_answer) => Err(Halt::unanswered(place, &no_answer, format!("rolling back {place} needs confirmation"))),
        }
    }

    /// An undo began, and no outcome of it is recorded.
    fn was_cut_off(&self, place: &Place) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.under_way.contains_key(&(place.clone(), Part::Undo))
    }

    /// Asks before an undo is run again of which nobody knows whether it took effect. No flag answers that beforehand, as for a step
    /// in doubt.
    fn may_undo_again(&self, place: &Place, order: &Order) -> Result<(), Halt> {
        let took = format!("whether the undo of {place} took effect: it began, and no outcome is recorded");
        let choices = vec![Choice::Retry, Choice::Stop];
        let text = format!("Unknown {took}\nWould run:  {}", would_run(order));
        let question = self.question(Some(place), Ask::Doubt { choices }, text);
        match self.put_question(&question) {
            Ok(Answer::Chosen { choice: choice @ Choice::Retry, by }) => {
                self.emit(Event::Confirmed { place: Some(place.clone()), text: question.text, typed: choice.word().to_owned(), by })
            }
            Ok(_) => Err(Halt::Stopped { place: Some(place.clone()), why: format!("unknown {took}") }),
            Err(no_answer) => Err(Halt::unanswered(place, &no_answer, format!("unknown {took}"))),
        }
    }

    /// Runs an undo or cleanup. The inner error says why it did not work.
    pub(super) fn compensate(&self, place: &Place, part: Part, prepared: PreparedRemedy) -> Result<Result<(), String>, Halt> {
        let order = match prepared {
            PreparedRemedy::Ready(order) => *order,
            PreparedRemedy::Lost { why, .. } => return Ok(Err(why)),
            PreparedRemedy::Later { remedy, scope } => match Self::bind_remedy(&remedy, place, part, &scope) {
                Ok(Some(order)) => order,
                Ok(None) => return Ok(Ok(())),
                Err(why) => return Ok(Err(why)),
            },
        };
        // It is a change like any other. What takes back is owed then, or to be taken back by a run that holds the lock.
        if !place.is_lock()
            && let Some((name, why)) = self.lost_lease()
        {
            return Ok(Err(format!("not run, since the lock `{name}` is not known to be held: {why}")));
        }
        if part == Part::Undo && self.was_cut_off(place) {
            self.may_undo_again(place, &order)?;
        } else if self.confirms_each
            && let Err(why) = self.may_take_back(place, part, &order)?
        {
            return Ok(Err(why));
        }
        let ran = self.execute(&order, 1, None, self.ports.last_interrupts, None, super::command::judge_exit)?;
        Ok(match ran.verdict {
            Verdict::Passed => Ok(()),
            Verdict::Failed { why, .. } | Verdict::Unknown { why } => Err(why),
        })
    }
}
