//! What the records of a run say of it, as far as going on with it needs to know.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    captured::Captured,
    choice::Choice,
    command::Shown,
    fact::{Event, Exit, Opening, Part, Skip, StepOutcome, Verdict},
    finding::Finding,
    place::Place,
    state::{IllegalTransition, Phase, RunState},
    step_state::StepState,
};

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub exit: Exit,
    pub stdout: Captured,
    pub stderr: Captured,
    pub verdict: Verdict,
}

/// What a probe of the preflight had found when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCheck {
    pub title: String,
    pub finding: Finding,
    /// Why the operator went on all the same, if it blocked.
    pub overridden: Option<String>,
}

/// How far a loop has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Round {
    pub items: Vec<String>,
    pub batches: Vec<usize>,
    pub max_failures: u64,
    /// The last batch that began, from 1.
    pub batch: usize,
}

/// A point in the records of a run: what was found out at one says nothing of what was changed at a later one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since(u64);

impl Since {
    /// Later than everything that was recorded before the run was taken up.
    pub const NOW: Self = Self(u64::MAX);
}

/// The past of a run: the fold of its records, with what each command has left behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    pub opening: Option<Opening>,
    pub state: RunState,
    /// The plan stood once: the values that the preflight had found are those that the plan was made with.
    pub planned: bool,
    /// Taking back had begun.
    pub rolled_back: bool,
    /// The last end of each command.
    pub ends: BTreeMap<(Place, Part), End>,
    /// What each preflight had found when its plan was made, or its first step was begun.
    pub found: BTreeMap<Place, End>,
    pub checked: BTreeMap<Place, PastCheck>,
    /// What was begun last.
    pub commands: BTreeMap<Place, Shown>,
    pub attempts: BTreeMap<Place, u32>,
    /// What was typed to a step's question.
    pub answers: BTreeMap<Place, String>,
    /// What was chosen there last, if what was typed names a choice.
    pub choices: BTreeMap<Place, Choice>,
    pub skips: BTreeMap<Place, Skip>,
    pub loops: BTreeMap<Place, Round>,
    /// Every place that a record names.
    seen: BTreeSet<Place>,
    /// When each step was begun first, and last.
    begun: BTreeMap<Place, (Since, Since)>,
    /// When each step was begun, settled or skipped last, or somebody has said that it is done.
    known: BTreeMap<Place, Since>,
    /// When the cleanup of a step, or of a stretch that had not come to its end, has run last.
    put_back: BTreeMap<Place, Since>,
    now: Since,
    /// Doubts that were resolved: it was not done, or is to be done again; nothing was begun since.
    to_begin_again: BTreeSet<Place>,
    /// Stretches of steps that failed while something inside was not put back.
    unsettled: BTreeSet<Place>,
}

impl Past {
    /// Folds what is recorded.
    ///
    /// # Errors
    /// One of the records cannot have followed those before it.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Result<Self, IllegalTransition> {
        let mut past = Self::default();
        for event in events {
            past.fold(event)?;
        }
        Ok(past)
    }

    /// Folds one record in.
    ///
    /// # Errors
    /// It cannot have followed those before it; the past is then as it was.
    pub fn fold(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        self.state.apply(event)?;
        self.now.0 += 1;
        match event {
            Event::RunOpened(opening) => self.opening = Some((**opening).clone()),
            Event::Checked { place, title, finding } => {
                let checked = PastCheck { title: title.clone(), finding: finding.clone(), overridden: None };
                self.checked.insert(place.clone(), checked);
            }
            Event::Overridden { place, reason, .. } => {
                if let Some(checked) = self.checked.get_mut(place) {
                    checked.overridden = Some(reason.clone());
                }
            }
            Event::Planned { .. } => self.planned = true,
            Event::Confirmed { place: Some(place), typed, .. } => {
                self.answers.insert(place.clone(), typed.clone());
                match typed.parse() {
                    Ok(choice) => self.choices.insert(place.clone(), choice),
                    Err(_) => self.choices.remove(place),
                };
            }
            Event::Staggered { place, items, batches, max_failures } => {
                let round = Round { items: items.clone(), batches: batches.clone(), max_failures: *max_failures, batch: 0 };
                self.loops.insert(place.clone(), round);
            }
            Event::BatchBegan { place, batch, .. } => {
                if let Some(round) = self.loops.get_mut(place) {
                    round.batch = *batch;
                }
            }
            Event::StepBegan { place, part, attempt, command, .. } => {
                self.ends.remove(&(place.clone(), *part));
                match part {
                    Part::Main => {
                        self.begun.entry(place.clone()).or_insert((self.now, self.now)).1 = self.now;
                        self.to_begin_again.remove(place);
                        self.commands.insert(place.clone(), command.clone());
                        self.attempts.insert(place.clone(), *attempt);
                        self.answers.remove(place);
                        self.choices.remove(place);
                    }
                    Part::Undo => self.rolled_back = true,
                    _ => {}
                }
            }
            Event::StepEnded { place, part, exit, stdout, stderr, verdict, .. } => {
                let end = End { exit: exit.clone(), stdout: stdout.clone(), stderr: stderr.clone(), verdict: verdict.clone() };
                if *part == Part::Main && !self.settled_by_preflight(place) {
                    self.found.insert(place.clone(), end.clone());
                }
                let over = matches!(self.state.steps.get(place), Some(StepState::Done));
                if *part == Part::Cleanup && *verdict == Verdict::Passed && !over {
                    self.put_back.insert(place.clone(), self.now);
                }
                self.ends.insert((place.clone(), *part), end);
            }
            Event::AnswerShared { place, of, verdict, .. } => {
                if let Some(end) = self.ends.get(&(of.clone(), Part::Main)) {
                    let end = End { verdict: verdict.clone(), ..end.clone() };
                    if !self.settled_by_preflight(place) {
                        self.found.insert(place.clone(), end.clone());
                    }
                    self.ends.insert((place.clone(), Part::Main), end);
                }
            }
            Event::DoubtResolved { place, outcome: StepOutcome::Failed { .. }, .. } => {
                self.to_begin_again.insert(place.clone());
            }
            Event::StepSettled { place, outcome } => {
                if *outcome == StepOutcome::Done {
                    self.put_back.remove(place);
                }
                let owes = self.state.owed.keys().any(|owed| owed.is_inside(place));
                if owes && matches!(outcome, StepOutcome::Failed { .. }) {
                    self.unsettled.insert(place.clone());
                } else {
                    self.unsettled.remove(place);
                }
            }
            Event::StepSkipped { place, why } => {
                self.skips.insert(place.clone(), why.clone());
            }
            _ => {}
        }
        if let Some(place) = place_of(event) {
            self.seen.insert(place.clone());
        }
        if let Event::StepBegan { place, part: Part::Main, .. }
        | Event::StepSettled { place, .. }
        | Event::StepSkipped { place, .. }
        | Event::DoubtResolved { place, outcome: StepOutcome::Done, .. } = event
        {
            self.known.insert(place.clone(), self.now);
        }
        Ok(())
    }

    /// The place is that of a preflight's probe, and something was done on the strength of what it found.
    fn settled_by_preflight(&self, place: &Place) -> bool {
        let Some(preflight) = place.preflight() else { return false };
        let Some(call) = preflight.around() else { return self.planned };
        let mut beginning = self.seen.range(call.clone()..).take_while(|next| call.begins(next));
        beginning.any(|next| next.is_inside(call) && !next.is_inside(preflight))
    }

    /// A change was begun: inside this place, or at all. What could not be started has changed nothing.
    #[must_use]
    pub fn changed_in(&self, around: Option<&Place>) -> bool {
        self.state.changed.iter().any(|place| around.is_none_or(|around| place.is_inside(around)))
    }

    /// Its command could not be started, and no earlier attempt had been.
    #[must_use]
    pub fn never_started(&self, place: &Place) -> bool {
        !self.state.changed.contains(place) && self.end(place, Part::Main).is_some_and(|end| matches!(end.exit, Exit::NotStarted { .. }))
    }

    /// It was in doubt, and somebody has said since that it was not done or is to be done again.
    #[must_use]
    pub fn to_begin_again(&self, place: &Place) -> bool {
        self.to_begin_again.contains(place)
    }

    /// What this group or loop had set itself was put back before it had come to its end.
    #[must_use]
    pub fn put_back_early(&self, stretch: &Place) -> bool {
        self.put_back.contains_key(stretch) && !self.state.owed.contains_key(stretch)
    }

    /// This stretch of steps ended because something inside could not be put back.
    #[must_use]
    pub fn was_unsettled(&self, stretch: &Place) -> bool {
        self.unsettled.contains(stretch)
    }

    /// What was found out at this place says nothing of what was changed since.
    #[must_use]
    pub fn known_before(&self, place: &Place, change: Since) -> bool {
        self.known.get(place).is_some_and(|known| *known < change)
    }

    /// When this step has changed something last. What could not be started has not.
    #[must_use]
    pub fn change_at(&self, place: &Place) -> Since {
        let begun = self.begun.get(place).filter(|_| self.state.changed.contains(place));
        begun.map(|(_, last)| *last).unwrap_or_default()
    }

    /// When somebody has said last that what is done by hand is done.
    #[must_use]
    pub fn done_by_hand_at(&self, place: &Place) -> Since {
        let done = self.known.get(place).filter(|_| matches!(self.state.steps.get(place), Some(StepState::Done)));
        done.copied().unwrap_or_default()
    }

    /// When this stretch was put back before it had come to its end: what was found out inside earlier was found out of another system.
    #[must_use]
    pub fn put_back_at(&self, stretch: &Place) -> Since {
        self.put_back.get(stretch).copied().unwrap_or_default()
    }

    /// A change that comes after this step was done, and neither undone nor put back since. Steps are begun for the first time in the
    /// order of the runbook.
    #[must_use]
    pub fn changed_after(&self, place: &Place) -> bool {
        let first = |place| self.begun.get(place).map(|(first, _)| *first);
        let begun = first(place);
        let stands = |other: &&Place| matches!(self.state.steps.get(*other), Some(StepState::Done));
        self.state.took_effect.iter().filter(stands).any(|other| first(other) > begun)
    }

    /// A stretch around this place was put back before it had come to its end: by a cleanup that may have taken back what was done here.
    #[must_use]
    pub fn put_back_around<'p>(&self, place: &'p Place) -> Option<&'p Place> {
        std::iter::successors(place.around(), |place| place.around()).find(|around| self.put_back_early(around))
    }

    /// Something inside this stretch of steps is in doubt.
    #[must_use]
    pub fn doubted_in(&self, around: &Place) -> bool {
        let mut inside = self.state.steps.iter().filter(|(place, _)| place.is_inside(around));
        inside.any(|(_, step)| step.is_in_doubt())
    }

    /// What a probe of the preflight had found: one finding, or one for each of its items.
    pub fn findings<'p>(&'p self, probe: &'p Place) -> impl Iterator<Item = (&'p Place, &'p PastCheck)> {
        let beginning = self.checked.range(probe.clone()..).take_while(|(place, _)| probe.begins(place));
        beginning.filter(move |(place, _)| place.without_item() == probe)
    }

    /// How a command of a step ended, if it did.
    #[must_use]
    pub fn end(&self, place: &Place, part: Part) -> Option<&End> {
        self.ends.get(&(place.clone(), part))
    }

    /// Something was done in this group, loop or item.
    #[must_use]
    pub fn entered(&self, place: &Place) -> bool {
        self.state.steps.contains_key(place) || self.seen.contains(place) || place.has_inside(&self.seen)
    }

    /// The run has come to an end of which nothing is left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state.phase, Phase::Closed(super::fact::Outcome::Completed | super::fact::Outcome::RolledBack))
    }
}

fn place_of(event: &Event) -> Option<&Place> {
    match event {
        Event::StepBegan { place, .. }
        | Event::StepSkipped { place, .. }
        | Event::StepSettled { place, .. }
        | Event::Staggered { place, .. }
        | Event::CleanupDue { place, .. } => Some(place),
        Event::Confirmed { place, .. } => place.as_ref(),
        _ => None,
    }
}
