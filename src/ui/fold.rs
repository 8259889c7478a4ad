//! A stretch of a run that becomes one line when it is over.

use std::time::Duration;

use super::{block, layout::Page};
use crate::{
    event::{Effect, Event, Finding, Part, Place, Skip, StepOutcome, Verdict, moment::Moment},
    quantity::show_duration,
    words::{self, mark::Mark},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// One turn of a loop.
    Item,
    /// A group, or a call of another runbook.
    Group,
}

/// Lines that are kept back.
#[derive(Debug)]
struct HeldLines {
    lines: Vec<String>,
    /// A way that was not taken: told only where something goes wrong.
    skipped: bool,
}

/// What is under way and is told as one line when it is over; whole, as soon as something in it goes wrong.
#[derive(Debug)]
pub(super) struct Fold {
    pub place: Place,
    pub folded: Folded,
    /// Of a group; of an item which batch it is in.
    title: String,
    began: Moment,
    pub last: Moment,
    steps: usize,
    changes: usize,
    /// What was done last.
    at: String,
    /// What it would be told as.
    held: Vec<HeldLines>,
    open: bool,
}

impl Fold {
    pub(super) fn new(place: Place, folded: Folded, title: String, began: Moment) -> Self {
        Self { place, folded, title, began, last: began, steps: 0, changes: 0, at: String::new(), held: Vec::new(), open: false }
    }

    /// It is told whole.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Takes what happened in it, with the lines that tell of it. Returns those to show now.
    pub(super) fn take(&mut self, page: &Page, at: Moment, event: &Event, lines: Vec<String>) -> Vec<String> {
        self.last = at;
        match event {
            Event::StepReached { place, title, kind, .. } if !kind.is_stretch() => {
                self.at = spoken(place, title);
            }
            Event::StepSettled { outcome: StepOutcome::Done, place } if *place != self.place => self.steps += 1,
            Event::StepBegan { part: Part::Main, attempt: 1, command, .. } if command.effect != Effect::Read => self.changes += 1,
            _ => {}
        }
        if self.open {
            return lines;
        }
        // Of a probe that may be asked again nothing is told yet; of a step that has failed, maybe all has been.
        if goes_wrong(event) && (!lines.is_empty() || matches!(event, Event::StepSettled { .. })) {
            let mut shown = self.heading(page);
            self.open = true;
            shown.extend(self.held.drain(..).flat_map(|held| held.lines));
            shown.extend(lines);
            return shown;
        }
        self.held.push(HeldLines { lines, skipped: is_way_not_taken(event) });
        Vec::new()
    }

    fn heading(&self, page: &Page) -> Vec<String> {
        match self.folded {
            Folded::Item => block::line(page, Mark::Noted, &self.name(page), &self.batch(), ""),
            // Its own line was kept back with the rest.
            Folded::Group => Vec::new(),
        }
    }

    /// `(batch 2 of 3)`
    fn batch(&self) -> String {
        if self.title.is_empty() { String::new() } else { format!("({})", self.title) }
    }

    fn name(&self, page: &Page) -> String {
        block::called(page, &self.place, None, false)
    }

    /// All that was kept back, told now.
    pub(super) fn opened(self, page: &Page) -> Vec<String> {
        self.heading(page).into_iter().chain(self.held.into_iter().flat_map(|held| held.lines)).collect()
    }

    /// The same where nothing went wrong.
    pub(super) fn given_way(self) -> Vec<String> {
        self.held.into_iter().filter(|held| !held.skipped).flat_map(|held| held.lines).collect()
    }

    /// What it came to, on one line.
    pub(super) fn line(&self, page: &Page, mark: Mark) -> Vec<String> {
        let counted = |count: usize, one: &str, many: &str| (count > 0).then(|| words::counted(count, one, many));
        let done: Vec<_> =
            [counted(self.steps, "step", "steps"), counted(self.changes, "change", "changes")].into_iter().flatten().collect();
        let done = match mark {
            Mark::Noted if !self.at.is_empty() => format!("not finished; last: {}", self.at),
            Mark::Noted => "not finished".to_owned(),
            _ => done.join(", "),
        };
        let text = match self.folded {
            Folded::Item => [done, self.batch()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("  "),
            Folded::Group => {
                [spoken(&self.place, &self.title), done].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("  ")
            }
        };
        let name = if self.folded == Folded::Item || !page.titles { self.name(page) } else { String::new() };
        block::line(page, mark, &name, &text, &shown(self.last.since(self.began)))
    }
}

/// A step as a person speaks of it: by its title, or else by its id.
fn spoken(place: &Place, title: &str) -> String {
    let title = words::title(place, title);
    if title.is_empty() { words::aloud(place.step()) } else { title.to_owned() }
}

/// A step that its condition rules out says nothing of how a run goes.
pub(super) fn is_way_not_taken(event: &Event) -> bool {
    matches!(event, Event::StepSkipped { why: Skip::When { .. }, .. })
}

/// After this nobody should have to ask what came before.
fn goes_wrong(event: &Event) -> bool {
    match event {
        // That it is not so yet is no failure.
        Event::StepEnded { part: Part::DoneIf | Part::Show, .. } => false,
        Event::StepEnded { verdict, .. } => *verdict != Verdict::Passed,
        Event::StepSettled { outcome, .. } => *outcome != StepOutcome::Done,
        Event::Declined { .. }
        | Event::HoldFailed { .. }
        | Event::HoldOverridden { .. }
        | Event::Overridden { .. }
        | Event::StepSignalled { .. }
        | Event::DoubtResolved { .. }
        // What halligan remarks, such as what a command has left behind.
        | Event::Note { .. }
        | Event::Shell { .. }
        | Event::Owed { .. } => true,
        Event::Checked { finding, .. } => !matches!(finding, Finding::Pass { .. }),
        _ => false,
    }
}

/// A length of time that says something; what is over at once took none.
pub(super) fn shown(length: Duration) -> String {
    if length < Duration::from_secs(1) { String::new() } else { show_duration(Duration::from_secs(length.as_secs())) }
}
