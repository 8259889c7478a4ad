//! What a run leaves behind: whatever is told of its end is made from this, and this from its records.

use super::{
    fact::{Effect, Part},
    place::Place,
    state::RunState,
    step_state::StepState,
};

/// What a run that nobody carries out any more leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Aftermath {
    /// Nobody knows whether they took effect: a change that began and of which no end is recorded, or an end that leaves it open.
    pub doubted: Vec<(Place, Part)>,
    /// Commands that only read and of which no end is recorded: they may still be running.
    pub unended: Vec<(Place, Part)>,
    /// Cleanups that have not run, or not well.
    pub owed: Vec<Place>,
    /// Changes that began and were not undone, in the order of their beginning.
    pub standing: Vec<Place>,
    /// A change was begun, whether it was undone since or not. What could not be started is none.
    pub changed: bool,
}

impl Aftermath {
    /// Everything that was begun is known to be over, and nothing is owed.
    #[must_use]
    pub(crate) fn is_settled(&self) -> bool {
        self.doubted.is_empty() && self.unended.is_empty() && self.owed.is_empty()
    }
}

impl RunState {
    /// What the run would leave behind if nothing were recorded any more.
    #[must_use]
    pub(crate) fn aftermath(&self) -> Aftermath {
        let (reading, changing): (Vec<_>, Vec<_>) = self.under_way.iter().partition(|(_, command)| command.effect == Effect::Read);
        let in_doubt = self.steps.iter().filter(|(_, step)| matches!(step, StepState::InDoubt { .. }));
        let doubted = changing.into_iter().map(|(key, _)| key.clone()).chain(in_doubt.map(|(place, _)| (place.clone(), Part::Main)));
        Aftermath {
            doubted: doubted.collect(),
            unended: reading.into_iter().map(|(key, _)| key.clone()).collect(),
            owed: self.owed.keys().cloned().collect(),
            standing: self.took_effect.clone(),
            changed: !self.changed.is_empty(),
        }
    }
}
