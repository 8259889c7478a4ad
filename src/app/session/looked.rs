//! Runs as somebody sees them who only looks: their records, how they stand, and what they are doing at this moment.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;

use super::{
    adoption::{Foreign, Ways},
    standing::RunStanding,
};
use crate::{
    event::{Event, Mode, Outcome, Part, Place, Progress, Shown, StepKind},
    exec::lock::{RunHold, RunLock, SeenLock},
    journal::{
        JournalError,
        chronicle::Chronicle,
        history::histories,
        identity::Identity,
        live::{LiveFile, LiveState},
        reader::Snapshot,
        summary::RunSummary,
    },
    words,
};

/// One run, looked at.
#[derive(Debug)]
pub(crate) struct Looked {
    pub summary: RunSummary,
    pub standing: RunStanding,
    pub chronicle: Chronicle,
    /// What it says of itself, if it is running.
    pub live: Option<LiveState>,
    /// Why it is not gone on with here as it is.
    pub foreign: Option<Foreign>,
}

/// A command, a wait or a question of a run that has begun and not ended.
#[derive(Debug)]
pub(crate) struct Ongoing<'a> {
    pub place: &'a Place,
    /// `None` for a step that has been reached and runs nothing.
    pub part: Option<Part>,
    pub title: &'a str,
    pub since: Timestamp,
    pub attempt: u32,
    /// The process of its command.
    pub pid: Option<u32>,
    pub command: Option<&'a Shown>,
    pub progress: Option<&'a Progress>,
}

impl Looked {
    /// Looks at some runs of a journal. Those are left out of whose opening it has no readable record.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn at(directory: &Path, snapshot: &Snapshot, runs: Vec<RunSummary>) -> Result<Vec<Self>, JournalError> {
        let mut chronicles = Chronicle::read(snapshot, &runs.iter().map(|run| (run.id, run.extent)).collect())?;
        let boot_id = Identity::read().boot_id;
        let found = runs.into_iter().filter_map(|summary| Some((chronicles.remove(&summary.id)?, summary)));
        let looked = found.map(|(chronicle, summary)| {
            let said = LiveFile::of(directory, summary.id).read(&boot_id);
            let held = || RunLock::look(&directory.join("locks"), summary.id.number()) == RunHold::Held;
            let (standing, live) = match (RunStanding::of(directory, &summary), said) {
                // Its debts are settled, or it is about to be resumed.
                (RunStanding::Ended(_), Some(live)) if held() => (RunStanding::Running, Some(live)),
                (RunStanding::Running, live) => (RunStanding::Running, live),
                (standing, _) => (standing, None),
            };
            let foreign = Foreign::seen(snapshot, &summary.host)?;
            Ok(Self { summary, standing, chronicle, live, foreign })
        });
        looked.collect()
    }

    /// What can be done about it here.
    #[must_use]
    pub(crate) fn ways(&self) -> Ways {
        Ways::of(self.foreign.as_ref(), &self.chronicle.past)
    }

    /// What is under way, as it was begun; the step that was reached last where nothing is. Empty for a run that is not running.
    pub(crate) fn ongoing(&self) -> Vec<Ongoing<'_>> {
        if self.standing != RunStanding::Running {
            return Vec::new();
        }
        let state = &self.chronicle.past.state;
        let mut seen = BTreeSet::new();
        let mut found: Vec<Ongoing<'_>> = Vec::new();
        for fact in self.chronicle.facts.iter().rev() {
            let Event::StepBegan { place, part, attempt, command, .. } = &fact.event else { continue };
            let Some((key, under_way)) = state.under_way.get_key_value(&(place.clone(), *part)) else { continue };
            if !seen.insert(key) {
                continue;
            }
            found.push(Ongoing {
                place,
                part: Some(*part),
                title: self.title(place),
                since: fact.at.ts,
                attempt: *attempt,
                pid: under_way.process.map(|(pid, _)| pid),
                command: Some(command),
                progress: self.progress(place),
            });
        }
        found.reverse();
        if found.is_empty() {
            found.extend(self.reached());
        }
        found
    }

    /// The step that was reached last and is not over.
    fn reached(&self) -> Option<Ongoing<'_>> {
        let over = |place: &Place| {
            self.chronicle.facts.iter().rev().any(|fact| match &fact.event {
                Event::StepSettled { place: settled, .. } | Event::StepSkipped { place: settled, .. } => place.is_within(settled),
                _ => false,
            })
        };
        let fact = self.chronicle.facts.iter().rev().find_map(|fact| match &fact.event {
            Event::StepReached { place, kind, .. } if !matches!(kind, StepKind::Group | StepKind::Call) => Some((place, fact.at.ts)),
            _ => None,
        });
        let (place, since) = fact.filter(|(place, _)| !over(place))?;
        let progress = self.progress(place);
        Some(Ongoing { place, part: None, title: self.title(place), since, attempt: 1, pid: None, command: None, progress })
    }

    /// What a step is called, unless that says no more than its id.
    #[must_use]
    pub(crate) fn title<'a>(&'a self, place: &'a Place) -> &'a str {
        let title = self.chronicle.titles.get(place).or_else(|| self.chronicle.titles.get(place.without_item()));
        title.map_or("", |title| words::title(place, title))
    }

    /// The figures of what is under way at a place.
    fn progress(&self, place: &Place) -> Option<&Progress> {
        let of = |progress: &&Progress| match progress {
            Progress::Pausing { place: at, .. } => place.is_within(at),
            _ => progress.place() == place,
        };
        self.live.as_ref()?.figures.iter().map(|figures| &figures.progress).find(of)
    }

    /// The locks that it holds on this host, of those that were seen.
    pub(crate) fn locks<'a>(&'a self, seen: &'a [SeenLock]) -> impl Iterator<Item = &'a SeenLock> {
        // A lock's file keeps the name of who held it last.
        let pid = self.live.as_ref().map(|live| live.pid);
        let holds = move |lock: &&SeenLock| lock.holder.run == self.summary.id && pid.is_none_or(|pid| pid == lock.holder.pid);
        seen.iter().filter(move |lock| self.standing == RunStanding::Running && holds(lock))
    }
}

/// The runs that a person should know of: those that run or may, real ones that were left, and real ones that owe or leave in doubt.
///
/// # Errors
/// The file system's.
pub(crate) fn of_interest(directory: &Path, snapshot: &Snapshot, runs: Vec<RunSummary>) -> Result<Vec<RunSummary>, JournalError> {
    let may_leave = |run: &&RunSummary| {
        let settled = matches!(run.outcome, None | Some(Outcome::Blocked | Outcome::Declined))
            || run.outcome == Some(Outcome::Completed) && !run.owes;
        run.mode == Mode::Real && !settled
    };
    let ended = histories(snapshot, &runs.iter().filter(may_leave).map(|run| (run.id, run.extent)).collect())?;
    let boot_id = Identity::read().boot_id;
    let interesting = |run: &RunSummary| match RunStanding::of(directory, run) {
        RunStanding::Running | RunStanding::Unknown { .. } => true,
        RunStanding::Left | RunStanding::Crashed | RunStanding::Rebooted => run.mode == Mode::Real,
        RunStanding::Ended(_) => {
            ended.get(&run.id).is_some_and(|history| !history.past.state.aftermath().is_settled())
                || LiveFile::of(directory, run.id).read(&boot_id).is_some()
        }
    };
    Ok(runs.into_iter().filter(interesting).collect())
}
