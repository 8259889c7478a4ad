//! What the last screen needs to know of a run, gathered while it goes on.

use std::sync::{Mutex, PoisonError};

use crate::{
    event::{Event, Finding, Holding, Part, Place, Progress, StepOutcome, Verdict, moment::Moment},
    ports::Observer,
};

/// Gathers.
#[derive(Debug, Default)]
pub(super) struct Summary(Mutex<RunFacts>);

/// What was gathered.
#[derive(Debug, Clone, Default)]
pub(super) struct RunFacts {
    /// Blocking probes that were not overridden.
    pub blocks: Vec<Place>,
    /// Undos and cleanups, and whether they worked.
    pub put_back: Vec<(Place, bool)>,
    pub done: usize,
    /// What failed or is in doubt, with what it says.
    pub failed: Vec<(Place, String)>,
    /// Something was run that was not wholly held to reading, though it is said to read.
    pub unheld: bool,
}

impl Summary {
    #[must_use]
    pub(super) fn gathered(&self) -> RunFacts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Summary {
    fn event(&self, _: Moment, event: &Event) {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Checked { place, finding: Finding::Block { .. }, .. } => gathered.blocks.push(place.clone()),
            Event::Overridden { place, .. } => gathered.blocks.retain(|blocked| blocked != place),
            Event::StepEnded { place, part: Part::Undo | Part::Cleanup, verdict, .. } => {
                gathered.put_back.push((place.clone(), *verdict == Verdict::Passed));
            }
            Event::StepSettled { outcome: StepOutcome::Done, .. } => gathered.done += 1,
            Event::StepSettled { place, outcome: StepOutcome::Failed { why } | StepOutcome::InDoubt { why } } => {
                gathered.failed.push((place.clone(), why.clone()));
            }
            Event::StepBegan { command, .. } => gathered.unheld |= command.held.as_ref().is_some_and(|held| *held != Holding::Held),
            _ => {}
        }
    }

    fn progress(&self, _: Moment, _: &Progress) {}
}
