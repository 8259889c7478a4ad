//! What a run that was left has done, and what remains of it: the heart of `resume`, and a pure function.
//!
//! The first rule that fits decides; what no rule settles is asked. See `docs/journal.md`.

use super::{Called, Plan};
use crate::{
    event::{Choice, Effect, Exit, Part, Past, Place, RunState, Shown, Since, Skip, StepState, Verdict},
    runbook::model::{Count, Kind, OnFail, Runbook, Step, Undo},
};

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Never begun, or put back since.
    ToDo,
    Done,
    Skipped,
    /// It ended well, and its proof is still to be asked for.
    Unproven,
    /// It failed, and the run goes on after it all the same.
    PassedOver {
        why: String,
    },
    /// It ended badly, and is not to be run again without a word.
    Failed {
        why: String,
    },
    /// It began, and nobody knows how it ended.
    InDoubt {
        why: String,
    },
    /// It was cut off or failed, and may be run again as it is: it only reads, or the runbook says so.
    Again {
        why: String,
    },
}

impl Standing {
    /// The run goes on after it without doing anything.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::PassedOver { .. })
    }
}

/// The way in which a step was begun that has several; else the step itself. What was chosen once is not chosen again.
#[must_use]
pub(crate) fn way<'s>(state: &RunState, step: &'s Step, place: &Place) -> &'s Step {
    match &step.kind {
        Kind::Choose(choose) => state.cases.get(place).and_then(|case| choose.cases.get(case)).unwrap_or(step),
        _ => step,
    }
}

/// The step at a place, as it was begun.
#[must_use]
pub(crate) fn step_at<'p>(plan: &'p Plan, state: &RunState, place: &Place) -> Option<&'p Step> {
    plan.step(place).map(|step| way(state, step, place))
}

/// Where a step stands. `over` says that the stretch of steps around it has come to its end, so that what it had set was
/// put back as it should be.
#[must_use]
pub(crate) fn standing(past: &Past, step: &Step, place: &Place, over: bool) -> Standing {
    let step = way(&past.state, step, place);
    let changes = step.effect() != Effect::Read;
    let left = past.end(place, Part::Main).is_some_and(|end| matches!(end.exit, Exit::Interrupted { .. }));
    let ended_well = past.end(place, Part::Main).is_some_and(|end| end.verdict == Verdict::Passed);
    let command = matches!(step.kind, Kind::Command(_));
    let failed = |why: &str| {
        let why = why.to_owned();
        // To a thing that a person does, an answer is a report.
        let asked = !matches!(step.kind, Kind::Manual(_) | Kind::Confirm(_));
        // Somebody has said that it is to be done again: it has not failed.
        let again = (command || matches!(step.kind, Kind::Wait(_))) && past.to_begin_again(place);
        let passed_over = (step.on_fail == OnFail::Continue && !again) || (asked && past.choices.get(place) == Some(&Choice::Continue));
        // What is in doubt inside, or could not be put back, is not passed over with what is around it.
        if passed_over && !past.doubted_in(place) && !past.was_unsettled(place) {
            Standing::PassedOver { why }
        } else if command && changes && (past.never_started(place) || past.to_begin_again(place)) {
            Standing::Again { why }
        } else if command && changes && ended_well {
            Standing::Unproven
        } else if !command || !changes || step.idempotent {
            Standing::Again { why }
        } else {
            Standing::Failed { why }
        }
    };
    // A probe that can tell is asked before anything is run again.
    let doubt = |why: &str| {
        let why = why.to_owned();
        if !changes || (step.idempotent && step.done_if.is_none()) { Standing::Again { why } } else { Standing::InDoubt { why } }
    };
    let of = |state: Option<&StepState>| match state {
        None | Some(StepState::Predicted | StepState::PutBack { .. }) => Standing::ToDo,
        Some(StepState::Done) => Standing::Done,
        Some(StepState::Skipped) => Standing::Skipped,
        Some(StepState::Ended { verdict: Verdict::Passed, .. }) if command => Standing::Unproven,
        Some(StepState::Ended { verdict: Verdict::Passed, .. }) => Standing::Again { why: "it was not settled".to_owned() },
        // What the operator has not waited for has not failed.
        Some(StepState::Ended { verdict: Verdict::Failed { why, .. }, .. }) if left && matches!(step.kind, Kind::Wait(_)) => {
            Standing::Again { why: why.clone() }
        }
        Some(StepState::Ended { verdict: Verdict::Failed { why, .. } | Verdict::Unknown { why }, .. } | StepState::Failed { why }) => {
            failed(why)
        }
        Some(StepState::Began { .. }) => doubt("it began, and no outcome is recorded"),
        Some(StepState::InDoubt { why }) => doubt(why),
    };
    match past.state.steps.get(place) {
        // What has failed or is in doubt has not come to its end because its cleanup has run.
        Some(StepState::PutBack { was }) => match of(Some(was)) {
            was if over && was.is_settled() => was,
            // A cleanup that is not the undo puts back what was set for the time being; what else was done is still there.
            Standing::Done if past.state.took_effect.contains(place) && matches!(step.undo, Undo::Command(_)) => doubt(CLEANED_UP),
            _ => Standing::ToDo,
        },
        other => of(other),
    }
}

/// What is said of a step of which only a part was taken back.
const CLEANED_UP: &str = "it was done, and its cleanup has run since, but not its undo";

/// What is said of a step that is asked again because of what comes before it.
const STANDS_ON: &str = "what comes before it is done again";

/// When a step has changed something last: by its command, or by hand as somebody has said.
#[must_use]
pub(crate) fn changed_at(past: &Past, step: &Step, place: &Place) -> Since {
    let step = way(&past.state, step, place);
    match step.kind {
        Kind::Manual(_) => past.done_by_hand_at(place),
        Kind::Command(_) if step.effect() != Effect::Read => past.change_at(place),
        _ => Since::default(),
    }
}

/// Where a step stands once something before it was `changed` again: what was found out after that in the first place is asked anew.
#[must_use]
pub(crate) fn asked_anew(past: &Past, step: &Step, place: &Place, standing: Standing, changed: Since) -> Standing {
    if !past.known_before(place, changed) {
        return standing;
    }
    let step = way(&past.state, step, place);
    match (&standing, &step.kind) {
        (Standing::Done, Kind::Probe(_) | Kind::Wait(_)) => Standing::Again { why: STANDS_ON.to_owned() },
        // What was read before a change that still stands was read of another system than there is now.
        (Standing::Done, Kind::Command(command)) if command.effect == Effect::Read && !past.changed_after(place) => {
            Standing::Again { why: STANDS_ON.to_owned() }
        }
        (Standing::Done, Kind::Manual(_)) => Standing::Again { why: STANDS_ON.to_owned() },
        (Standing::Skipped, _) if !step.is_stretch() && matches!(past.skips.get(place), Some(Skip::AlreadyDone { .. })) => {
            Standing::Again { why: STANDS_ON.to_owned() }
        }
        _ => standing,
    }
}

/// The place of a step in a stretch.
#[must_use]
pub(crate) fn place_in(parent: Option<&Place>, step: &Step) -> Place {
    parent.map_or_else(|| Place::top(step.id.as_str()), |parent| parent.child(step.id.as_str()))
}

/// A stretch of steps has come to its end, and what it had set was put back as it should be. It stays so while something in it is
/// asked anew or done again, whether that is cut off or not.
#[must_use]
pub(crate) fn over(past: &Past, steps: &[Step], parent: Option<&Place>) -> bool {
    let recorded = parent.is_some_and(|parent| past.state.steps.get(parent.without_item()) == Some(&StepState::Done));
    recorded || settled(past, steps, parent)
}

/// Nothing is left to do in a stretch of steps: all of it is done, skipped or passed over.
#[must_use]
pub(crate) fn settled(past: &Past, steps: &[Step], parent: Option<&Place>) -> bool {
    steps.iter().all(|step| standing(past, step, &place_in(parent, step), true).is_settled())
}

/// What comes after a question has still something to change, so that its old answer does not stand for it.
#[must_use]
pub(crate) fn asked_again(past: &Past, rest: &[Step], parent: Option<&Place>) -> bool {
    let over = over(past, rest, parent);
    rest.iter().any(|step| may_change(step) && !standing(past, step, &place_in(parent, step), over).is_settled())
}

/// The run has begun to change things: inside this place, or at all. Work by hand counts as soon as somebody says that it is done.
#[must_use]
pub(crate) fn changed(plan: &Plan, past: &Past, around: Option<&Place>) -> bool {
    let by_hand = |place: &Place| step_at(plan, &past.state, place).is_some_and(|step| matches!(step.kind, Kind::Manual(_)));
    past.changed_in(around) || past.answers.keys().any(|place| around.is_none_or(|around| place.is_inside(around)) && by_hand(place))
}

/// The probes of the preflight that a run which is taken up does not ask again.
#[must_use]
pub(crate) fn not_asked_again(plan: &Plan, past: &Past) -> Vec<String> {
    if !changed(plan, past, None) {
        return Vec::new();
    }
    let once = plan.runbook.preflight.iter().filter(|probe| probe.once).filter_map(|probe| probe.id.as_ref());
    once.filter(|id| past.findings(&Place::preflight_in(None).child(id.as_str())).next().is_some()).map(ToString::to_string).collect()
}

fn may_change(step: &Step) -> bool {
    step.effect() != Effect::Read || matches!(step.kind, Kind::Call(_)) || step.children().iter().any(may_change)
}

/// One line of what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub place: Place,
    pub standing: Standing,
    pub effect: Effect,
    /// The command that it ran last.
    pub command: Option<Shown>,
}

/// Goes through the plan and says of each place where it stands. What was not reached is told as a whole.
#[must_use]
pub fn remaining(plan: &Plan, past: &Past) -> Vec<Found> {
    remaining_of(&plan.runbook, &plan.called, past)
}

/// The same of a runbook, whatever its parameters are bound to, with those that it calls.
#[must_use]
pub(crate) fn remaining_of(runbook: &Runbook, called: &Called, past: &Past) -> Vec<Found> {
    let mut walk = Walk { called, past, found: Vec::new(), changed: Since::default() };
    walk.stretch(&runbook.steps, None);
    walk.found
}

struct Walk<'a> {
    called: &'a Called,
    past: &'a Past,
    found: Vec<Found>,
    /// When something before this was changed last.
    changed: Since,
}

impl Walk<'_> {
    fn stretch(&mut self, steps: &[Step], parent: Option<&Place>) {
        let over = over(self.past, steps, parent);
        for step in steps {
            self.step(step, &place_in(parent, step), over);
        }
    }

    fn step(&mut self, step: &Step, place: &Place, over: bool) {
        let step = way(&self.past.state, step, place);
        let standing = asked_anew(self.past, step, place, standing(self.past, step, place, over), self.changed);
        let again = match standing {
            Standing::ToDo => self.past.state.steps.get(place).is_some_and(StepState::is_put_back),
            Standing::Again { .. } => step.effect() != Effect::Read && !self.past.never_started(place),
            _ => false,
        };
        let changed = match (step.is_stretch(), again) {
            (true, _) => self.past.put_back_at(place),
            (false, true) => Since::NOW,
            (false, false) => changed_at(self.past, step, place),
        };
        self.changed = self.changed.max(changed);
        let leaf = !step.is_stretch();
        if leaf || standing.is_settled() || !self.past.entered(place) {
            self.tell(place, standing, step.effect());
            return;
        }
        match &step.kind {
            Kind::Group { steps, .. } => self.stretch(steps, Some(place)),
            Kind::Call(call) => match self.called.get(&call.runbook) {
                Some(runbook) => self.stretch(&runbook.steps, Some(place)),
                None => self.tell(place, standing, step.effect()),
            },
            Kind::ForEach(each) => {
                let Some(round) = self.past.loops.get(place) else {
                    return self.tell(place, standing, step.effect());
                };
                // Items that run at the same time stand on nothing of one another.
                let (before, beside) = (self.changed, each.parallel != Count::Fixed(1));
                let mut after = self.changed;
                for item in round.items.clone() {
                    if beside {
                        self.changed = before;
                    }
                    let place = place.item(each.items.name.as_str(), &item);
                    if settled_or_untouched(self.past, &each.steps, &place) {
                        let standing = if self.past.entered(&place) { Standing::Done } else { Standing::ToDo };
                        self.tell(&place, standing, Effect::Read);
                    } else {
                        self.stretch(&each.steps, Some(&place));
                    }
                    after = after.max(self.changed);
                }
                self.changed = after;
            }
            _ => {}
        }
    }

    fn tell(&mut self, place: &Place, standing: Standing, effect: Effect) {
        let command = self.past.commands.get(place).cloned();
        self.found.push(Found { place: place.clone(), standing, effect, command });
    }
}

fn settled_or_untouched(past: &Past, steps: &[Step], place: &Place) -> bool {
    !past.entered(place) || settled(past, steps, Some(place))
}

#[cfg(test)]
mod tests;
