//! The state of a run: the fold of its events, and nothing else.
//!
//! Run, resume, report and verify all fold with [`RunState::apply`]. What it does not allow cannot have happened.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{
    command::Shown,
    fact::{Effect, Event, Exit, Mode, Outcome, Part, StepOutcome, Verdict},
    place::Place,
    shell::ShellFact,
    step_state::StepState,
    system::{BoundSystem, SystemAnswer},
};

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Phase {
    #[default]
    NotOpened,
    Preflight,
    /// The plan stands; it may have been confirmed.
    Running,
    Closed(Outcome),
}

/// A command that is under way: its begin is recorded, its end is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    pub attempt: u32,
    pub effect: Effect,
    pub process: Option<(u32, u64)>,
    before: Unbegun,
}

/// How things stood with a step before its command began.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unbegun {
    step: Option<StepState>,
    owed: Option<Shown>,
    /// It had taken effect: in an earlier attempt.
    took_effect: bool,
    /// It had been begun, and could be started.
    changed: bool,
}

/// The state of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    pub phase: Phase,
    pub mode: Option<Mode>,
    pub steps: IndexMap<Place, StepState>,
    pub under_way: BTreeMap<(Place, Part), UnderWay>,
    /// Cleanups that have to run: what began and is not put back yet.
    pub owed: IndexMap<Place, Shown>,
    /// Steps that have taken effect and were not undone, in the order of their taking effect. A cleanup is no undo: what it
    /// leaves is still to be taken back in a rollback.
    pub took_effect: Vec<Place>,
    /// Changes that were begun, undone since or not, but for those that could not be started.
    pub changed: BTreeSet<Place>,
    /// The systems that the run is bound to, by where each was asked which one it is.
    pub systems: BTreeMap<Place, BoundSystem>,
    /// In which of its ways each step is done that has several.
    pub cases: BTreeMap<Place, String>,
    /// Shells beside the run that were opened, and of which no end is recorded.
    pub shells: BTreeSet<String>,
}

/// A record that cannot follow what came before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow here: {why}")]
pub struct IllegalTransition {
    pub event: &'static str,
    /// What it speaks of, if it speaks of one place.
    pub place: Option<Place>,
    pub why: String,
}

fn illegal(event: &'static str, why: impl Into<String>) -> IllegalTransition {
    IllegalTransition { event, place: None, why: why.into() }
}

impl RunState {
    /// A dry run has passed over something that would have changed the world: what is seen from here on is not what the
    /// real run will see.
    #[must_use]
    pub fn hypothetical(&self) -> bool {
        self.mode == Some(Mode::DryRun) && self.steps.values().any(|step| matches!(step, StepState::Predicted))
    }

    /// The places of the systems that have to be asked which one they are before anything is changed there.
    pub fn unsure_of<'s>(&'s self, place: &Place) -> impl Iterator<Item = &'s Place> {
        let place = place.clone();
        self.systems.iter().filter(move |(asked, system)| !system.sure && asked.identifies(&place)).map(|(asked, _)| asked)
    }

    /// Every system has to be asked again.
    pub fn unsettle_systems(&mut self) {
        self.systems.values_mut().for_each(|system| system.sure = false);
    }

    fn identify(&mut self, place: &Place, answer: &SystemAnswer) {
        match (self.systems.get_mut(place), answer) {
            (Some(bound), SystemAnswer::Known { system }) => bound.sure = bound.name == *system,
            (Some(bound), SystemAnswer::Unknown { .. }) => bound.sure = false,
            (None, SystemAnswer::Known { system }) => {
                self.systems.insert(place.clone(), BoundSystem { name: system.clone(), sure: true });
            }
            (None, SystemAnswer::Unknown { .. }) => {}
        }
    }

    /// Folds one event in.
    ///
    /// # Errors
    /// The event cannot have happened after what came before; the state is then as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        self.transition(event).map_err(|error| IllegalTransition { place: event.place().cloned(), ..error })
    }

    fn transition(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        match (&self.phase, event) {
            (Phase::NotOpened, Event::RunOpened(opening)) => {
                self.phase = Phase::Preflight;
                self.mode = Some(opening.mode);
            }
            (Phase::NotOpened, other) => return Err(illegal(other.name(), "the run is not opened")),
            (Phase::Closed(Outcome::RolledBack), Event::Resumed { .. }) => {
                return Err(illegal("resumed", "all of it was taken back"));
            }
            (Phase::Closed(_) | Phase::Preflight | Phase::Running, Event::Resumed { .. }) => {
                self.phase = Phase::Preflight;
                self.unsettle_systems();
                self.left();
            }
            (Phase::Closed(_) | Phase::Preflight | Phase::Running, Event::Identified { place, answer }) => self.identify(place, answer),
            (Phase::Closed(_) | Phase::Preflight | Phase::Running, Event::SettledByHand { place, .. }) => self.settle_by_hand(place)?,
            (Phase::Closed(_), Event::Note { .. } | Event::DoubtResolved { .. }) => {}
            // Whatever becomes of the run, somebody may work beside it.
            (Phase::Closed(_) | Phase::Preflight | Phase::Running, Event::Shell { shell, fact, .. }) => self.shell(shell, fact)?,
            // A debt is settled after the run has closed.
            (Phase::Closed(_), Event::Confirmed { .. } | Event::Declined { .. } | Event::Owed { .. }) => {}
            // Before a debt is settled, the system is asked whether it is the same.
            (
                Phase::Closed(_),
                event @ (Event::StepBegan { place, .. }
                | Event::StepSpawned { place, .. }
                | Event::StepSignalled { place, .. }
                | Event::StepEnded { place, .. }),
            ) if place.is_identity() => {
                return self.command(event);
            }
            (
                Phase::Closed(_),
                event @ (Event::StepBegan { part: Part::Cleanup | Part::Undo, .. }
                | Event::StepSpawned { part: Part::Cleanup | Part::Undo, .. }
                | Event::StepSignalled { part: Part::Cleanup | Part::Undo, .. }
                | Event::StepEnded { part: Part::Cleanup | Part::Undo, .. }),
            ) => {
                return self.command(event);
            }
            (Phase::Closed(_), other) => return Err(illegal(other.name(), "the run is closed")),
            (Phase::Preflight | Phase::Running, Event::RunOpened(_)) => return Err(illegal("run_opened", "the run is open already")),
            (Phase::Preflight, Event::Planned { .. }) => {
                self.phase = Phase::Running;
                self.unsettle_systems();
            }
            (Phase::Running, Event::Planned { .. }) => return Err(illegal("planned", "the plan stands already")),
            // What an earlier stretch of the run has done may be taken back before anything else.
            (Phase::Preflight, Event::StepBegan { command, part, .. })
                if command.effect != Effect::Read && !matches!(part, Part::Lock | Part::Undo | Part::Cleanup) =>
            {
                return Err(illegal("step_began", "a preflight changes nothing"));
            }
            (Phase::Preflight | Phase::Running, Event::RunClosed { outcome, .. }) => {
                if *outcome == Outcome::Completed && !self.under_way.is_empty() {
                    return Err(illegal("run_closed", "a step has not ended, so the run is not complete"));
                }
                self.phase = Phase::Closed(*outcome);
                self.unsettle_systems();
            }
            (
                Phase::Preflight | Phase::Running,
                Event::StepBegan { .. } | Event::StepSpawned { .. } | Event::StepSignalled { .. } | Event::StepEnded { .. },
            ) => return self.command(event),
            (Phase::Preflight | Phase::Running, Event::StepPredicted { place, part, .. }) => {
                if self.mode != Some(Mode::DryRun) {
                    return Err(illegal("step_predicted", "only a dry run predicts"));
                }
                if *part == Part::Main {
                    self.steps.insert(place.clone(), StepState::Predicted);
                }
            }
            (Phase::Preflight | Phase::Running, Event::StepSkipped { place, .. }) => {
                self.steps.insert(place.clone(), StepState::Skipped);
            }
            (Phase::Preflight | Phase::Running, Event::StepSettled { place, outcome }) => self.settle(place, outcome)?,
            (Phase::Preflight | Phase::Running, Event::DoubtResolved { place, outcome, .. }) => {
                self.under_way.remove(&(place.clone(), Part::Main));
                self.steps.shift_remove(place);
                self.settle(place, outcome)?;
            }
            (
                Phase::Preflight | Phase::Running,
                Event::Checked { .. }
                | Event::AnswerShared { .. }
                | Event::Overridden { .. }
                | Event::HoldFailed { .. }
                | Event::HoldOverridden { .. }
                | Event::Confirmed { .. }
                | Event::Declined { .. }
                | Event::StepReached { case: None, .. }
                | Event::Staggered { .. }
                | Event::BatchBegan { .. }
                | Event::Owed { .. }
                | Event::Note { .. }
                | Event::Interrupted { .. },
            ) => {}
            (Phase::Preflight | Phase::Running, Event::StepReached { place, case: Some(case), .. }) => {
                if let Some(first) = self.cases.get(place).filter(|first| *first != case) {
                    return Err(illegal("step_reached", format!("{place} is done as `{first}`, and not as `{case}`")));
                }
                self.cases.insert(place.clone(), case.clone());
            }
            (Phase::Preflight | Phase::Running, Event::CleanupDue { place, command }) => {
                self.owed.insert(place.clone(), command.clone());
            }
        }
        Ok(())
    }

    /// Takes back a begin that could not be recorded: the command was not started. Nothing for another event.
    pub fn never_began(&mut self, event: &Event) {
        let Event::StepBegan { place, part, .. } = event else { return };
        let Some(UnderWay { before, .. }) = self.under_way.remove(&(place.clone(), *part)) else { return };
        self.undo_begin(place, &before);
        match before.step {
            Some(step) => self.steps.insert(place.clone(), step),
            None => self.steps.shift_remove(place),
        };
    }

    /// Takes back what a begin has made of what its step owes and has changed.
    fn undo_begin(&mut self, place: &Place, before: &Unbegun) {
        match &before.owed {
            Some(owed) => self.owed.insert(place.clone(), owed.clone()),
            None => self.owed.shift_remove(place),
        };
        if !before.took_effect {
            self.took_effect.retain(|other| other != place);
        }
        if !before.changed {
            self.changed.remove(place);
        }
    }

    /// Whoever carried the run out is gone: of a change that was under way nobody knows how it ended; what only reads is
    /// as if it had not begun.
    fn left(&mut self) {
        for ((place, part), was) in std::mem::take(&mut self.under_way) {
            match (part, was.effect) {
                (Part::Main, Effect::Read) => {
                    self.steps.shift_remove(&place);
                }
                (Part::Main, Effect::Change | Effect::Destroy) => {
                    let why = "it began, and no outcome is recorded".to_owned();
                    self.steps.insert(place, StepState::InDoubt { why });
                }
                // Whether it was undone nobody knows, until the undo has ended.
                (Part::Undo, Effect::Change | Effect::Destroy) => {
                    self.under_way.insert((place, part), was);
                }
                _ => {}
            }
        }
    }

    fn shell(&mut self, shell: &str, fact: &ShellFact) -> Result<(), IllegalTransition> {
        let open = match fact {
            // One that was never closed may have had this name: whoever recorded it was killed.
            ShellFact::Opened { .. } => {
                self.shells.insert(shell.to_owned());
                true
            }
            ShellFact::Command { .. } | ShellFact::CommandEnded { .. } => self.shells.contains(shell),
            ShellFact::Closed { .. } => self.shells.remove(shell),
        };
        if open { Ok(()) } else { Err(illegal(fact.name(), format!("the shell {shell} is not open"))) }
    }

    fn command(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        match event {
            Event::StepBegan { place, part, attempt, command, owes } => {
                let key = (place.clone(), *part);
                // A cleanup that died with the tool is begun again when the debt is settled.
                if self.under_way.contains_key(&key) && !matches!(part, Part::Undo | Part::Cleanup) && !place.is_identity() {
                    return Err(illegal("step_began", format!("{place} is under way already")));
                }
                if *part == Part::Main && matches!(self.steps.get(place), Some(StepState::Done)) {
                    return Err(illegal("step_began", format!("{place} ended well and is never done again")));
                }
                if command.effect != Effect::Read && self.unsure_of(place).next().is_some() {
                    return Err(illegal("step_began", "the system was not asked whether it is still the same"));
                }
                if command.effect != Effect::Read && place.is_identity() {
                    return Err(illegal("step_began", "to ask a system which one it is changes nothing"));
                }
                let before = Unbegun {
                    step: self.steps.get(place).cloned(),
                    owed: self.owed.get(place).cloned(),
                    took_effect: self.took_effect.contains(place),
                    changed: self.changed.contains(place),
                };
                let had_taken_effect = before.took_effect;
                self.under_way.insert(key, UnderWay { attempt: *attempt, effect: command.effect, process: None, before });
                if *part == Part::Main {
                    self.steps.insert(place.clone(), StepState::Began { attempt: *attempt, effect: command.effect });
                    if command.effect != Effect::Read {
                        self.changed.insert(place.clone());
                        if !had_taken_effect {
                            self.took_effect.push(place.clone());
                        }
                    }
                }
                if let Some(owes) = owes {
                    self.owed.insert(place.clone(), owes.clone());
                }
            }
            Event::StepSpawned { place, part, pid, start_time } => {
                let under_way = self
                    .under_way
                    .get_mut(&(place.clone(), *part))
                    .ok_or_else(|| illegal("step_spawned", format!("{place} has not begun")))?;
                under_way.process = Some((*pid, *start_time));
            }
            Event::StepSignalled { place, part, .. } => {
                if !self.under_way.contains_key(&(place.clone(), *part)) {
                    return Err(illegal("step_signalled", format!("{place} is not under way")));
                }
            }
            Event::StepEnded { place, part, exit, verdict, .. } => {
                let Some(was) = self.under_way.remove(&(place.clone(), *part)) else {
                    return Err(illegal("step_ended", format!("{place} has not begun")));
                };
                let in_doubt = exit.in_doubt() && was.effect != Effect::Read;
                // What could not be started has done nothing: it is neither to be undone nor to be put back, unless it was before.
                if matches!(exit, Exit::NotStarted { .. }) && matches!(part, Part::Main | Part::Lock) {
                    self.undo_begin(place, &was.before);
                }
                match part {
                    Part::Main if in_doubt => {
                        let why = match verdict {
                            Verdict::Failed { why, .. } | Verdict::Unknown { why } => why.clone(),
                            Verdict::Passed => return Err(illegal("step_ended", "an outcome in doubt is never a success")),
                        };
                        self.steps.insert(place.clone(), StepState::InDoubt { why });
                    }
                    Part::Main => {
                        self.steps.insert(place.clone(), StepState::Ended { verdict: verdict.clone(), effect: was.effect });
                    }
                    Part::Cleanup | Part::Undo if *verdict == Verdict::Passed => {
                        if *part == Part::Cleanup {
                            self.owed.shift_remove(place);
                        } else {
                            self.took_effect.retain(|other| other != place);
                        }
                        self.put_back(place, *part);
                    }
                    // Refused: it is somebody else's, and theirs to give back. Where nobody knows, it stays owed.
                    Part::Lock if matches!(verdict, Verdict::Failed { .. }) && !exit.in_doubt() => {
                        self.owed.shift_remove(place);
                    }
                    Part::Lock | Part::Cleanup | Part::Undo | Part::DoneIf | Part::Verify | Part::Gate | Part::Holds | Part::Show => {}
                }
            }
            other => return Err(illegal(other.name(), "it is not a fact of a command")),
        }
        Ok(())
    }

    /// Its cleanup or its undo has run. A cleanup says nothing of whether its step had taken effect: what was in doubt still is.
    fn put_back(&mut self, place: &Place, by: Part) {
        if let Some(step) = self.steps.get_mut(place)
            && !step.is_put_back()
            && !(by == Part::Cleanup && step.is_in_doubt())
        {
            *step = StepState::PutBack { was: Box::new(step.clone()) };
        }
    }

    /// What a step owes was put back by a person: the same as a cleanup that passed.
    fn settle_by_hand(&mut self, place: &Place) -> Result<(), IllegalTransition> {
        if self.owed.shift_remove(place).is_none() {
            return Err(illegal("settled_by_hand", format!("{place} owes nothing")));
        }
        self.under_way.remove(&(place.clone(), Part::Cleanup));
        self.put_back(place, Part::Cleanup);
        Ok(())
    }

    fn settle(&mut self, place: &Place, outcome: &StepOutcome) -> Result<(), IllegalTransition> {
        let state = match (self.steps.get(place), outcome) {
            (Some(StepState::Began { .. }), StepOutcome::Done) => {
                return Err(illegal("step_settled", format!("{place} has not ended, so it is not done")));
            }
            (Some(StepState::InDoubt { .. }), StepOutcome::Done) => {
                return Err(illegal("step_settled", format!("{place} is in doubt, and doubt is resolved first")));
            }
            (Some(StepState::Ended { verdict: Verdict::Failed { .. } | Verdict::Unknown { .. }, .. }), StepOutcome::Done) => {
                return Err(illegal("step_settled", format!("{place} did not end well")));
            }
            (_, StepOutcome::Done) => StepState::Done,
            (_, StepOutcome::Failed { why }) => StepState::Failed { why: why.clone() },
            (_, StepOutcome::InDoubt { why }) => StepState::InDoubt { why: why.clone() },
        };
        self.steps.insert(place.clone(), state);
        Ok(())
    }
}
