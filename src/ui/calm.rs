//! A run told calmly: what is over and went well is one line, and what goes wrong is told whole, at once.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{
    block,
    checks::Checks,
    fold::{Fold, Folded, is_way_not_taken, shown},
    gather::MANY,
    layout::Page,
    narrative::Narrative,
    told::ToldParts,
};
use crate::{
    event::{Answerer, Effect, Event, Part, Place, Shown, StepKind, StepOutcome, Verdict, moment::Moment},
    words::{self, mark::Mark},
};

/// A loop whose items are told one by one.
#[derive(Debug, Default)]
struct LoopRound {
    items: usize,
    batches: usize,
    /// The batch under way, from 1.
    batch: usize,
    over: usize,
    /// A batch has so many items that what they did is told together.
    crowd: bool,
}

impl LoopRound {
    /// `batch 2 of 3`; nothing where there is one alone.
    fn batch(&self) -> String {
        if self.batches > 1 && self.batch > 0 { format!("batch {} of {}", self.batch, self.batches) } else { String::new() }
    }
}

/// A step that was reached and is not over.
#[derive(Debug)]
struct Reached {
    title: String,
    kind: StepKind,
    at: Moment,
    command: Option<Shown>,
    message: String,
    /// The question and its answer stand on this terminal.
    answered: bool,
}

/// Tells a run, calmly or whole.
#[derive(Debug, Default)]
pub(super) struct Calm {
    narrative: Narrative,
    /// Everything is told, as it happens.
    whole: bool,
    checks: Checks,
    folds: Vec<Fold>,
    rounds: IndexMap<Place, LoopRound>,
    steps: HashMap<Place, Reached>,
    /// What happened last, as it would be told whole.
    all: Vec<String>,
}

impl Calm {
    #[must_use]
    pub(super) fn new(narrative: Narrative, whole: bool) -> Self {
        Self { narrative, whole, ..Self::default() }
    }

    /// The title of a step that was reached and is not over.
    pub(super) fn title(&self, place: &Place) -> &str {
        self.narrative.title(place)
    }

    /// What happened since this was asked last, as it would be told whole.
    pub(super) fn take_all(&mut self) -> Vec<String> {
        std::mem::take(&mut self.all)
    }

    /// How far the run has come: `batch 2 of 3`, `item 3 of 6`; empty where nothing can be said.
    #[must_use]
    pub(super) fn standing(&self) -> Vec<String> {
        if !self.checks.is_over() {
            let passed = self.checks.passed();
            return if passed > 0 { vec![format!("{} passed", words::counted(passed, "check", "checks"))] } else { Vec::new() };
        }
        let Some((_, round)) = self.rounds.last() else { return Vec::new() };
        let batch = Some(round.batch()).filter(|batch| !batch.is_empty());
        let item = (round.over + 1).min(round.items);
        batch.into_iter().chain([format!("item {item} of {}", round.items)]).collect()
    }

    /// The lines to show for an event; none for most.
    pub(super) fn lines(&mut self, page: &Page, at: Moment, event: &Event) -> Vec<String> {
        let told = self.narrative.told(page, at, event);
        self.all.extend([&told.before, &told.heading, &told.lines].into_iter().flatten().cloned());
        self.checks.count(event);
        if self.whole || self.narrative.is_dry() {
            return [told.before, told.heading, told.lines].concat();
        }
        // What passes the preflight is counted: whoever approves the plan decides by what does not, and by what stands beside a question.
        let told = self.checks.fold(page, event, told, self.hint());
        if !self.checks.is_over() {
            return [told.before, told.heading, told.lines].concat();
        }
        let mut lines = Vec::new();
        let rest = self.step(page, at, event, told, &mut lines);
        lines.extend(rest);
        lines
    }

    /// What has passed so far and is not told of: whoever is asked something decides by it, too.
    pub(super) fn so_far(&mut self, page: &Page) -> Vec<String> {
        let hint = self.hint();
        self.checks.so_far(page, hint)
    }

    /// Where each check that has passed is told.
    fn hint(&self) -> &'static str {
        if self.narrative.is_afterwards() { "" } else { "each: -v, or v at a question" }
    }

    /// Whether what this item of a loop does is told with what the others do; `None` if its loop is not told.
    fn crowd(&self, turn: &Place) -> Option<bool> {
        turn.around().and_then(|around| self.rounds.get(around)).map(|round| round.crowd)
    }

    /// The item of a loop that is told item by item, in which this place stands.
    fn item(&self, place: &Place) -> Option<Place> {
        place.turns().find(|turn| self.crowd(turn) == Some(false))
    }

    fn step(&mut self, page: &Page, at: Moment, event: &Event, told: ToldParts, lines: &mut Vec<String>) -> Vec<String> {
        // What one batch did is over when the next begins, whatever anybody was told.
        match event {
            Event::BatchBegan { place, .. } | Event::StepSettled { place, outcome: StepOutcome::Done } => {
                lines.extend(self.items_over(page, place, Mark::Passed));
            }
            Event::StepSettled { place, .. } => lines.extend(self.items_over(page, place, Mark::Noted)),
            _ => {}
        }
        let Some(place) = event.place() else { return self.of_the_run(page, event, told) };
        if let Event::Staggered { items, .. } = event
            && items.len() > 1
        {
            lines.extend(self.gives_way(place));
        }
        if self.is_crowded(place) {
            return [told.before, told.heading, told.lines].concat();
        }
        if !self.folds.iter().any(|fold| place.is_within(&fold.place))
            && let Some(fold) = self.begun(at, place, event)
        {
            self.folds.push(fold);
        }
        let Some(index) = self.folds.iter().position(|fold| place.is_within(&fold.place)) else {
            return self.apart(page, at, event, told);
        };
        let fold = &mut self.folds[index];
        lines.extend(told.heading);
        let over = matches!(event, Event::StepSettled { place, outcome: StepOutcome::Done } if *place == fold.place);
        let shown = fold.take(page, at, event, [told.before, told.lines].concat());
        if matches!(event, Event::StepSettled { place, .. } if *place == fold.place) {
            let fold = self.folds.remove(index);
            return if over && !fold.is_open() { fold.line(page, Mark::Passed) } else { shown };
        }
        shown
    }

    /// It is told with what all the other items of its batch do.
    fn is_crowded(&self, place: &Place) -> bool {
        place.turns().any(|turn| self.crowd(&turn) == Some(true))
    }

    /// What begins to be told as one: an item, or a group or call that is inside of none.
    fn begun(&self, at: Moment, place: &Place, event: &Event) -> Option<Fold> {
        // What is taken back is told as it happens.
        let back = matches!(event, Event::StepBegan { part: Part::Undo, .. } | Event::StepEnded { part: Part::Undo, .. });
        let ended = matches!(event, Event::Owed { .. } | Event::SettledByHand { .. } | Event::Note { .. } | Event::Shell { .. });
        if let Some(item) = self.item(place).filter(|_| !back && !ended) {
            let batch = item.around().and_then(|around| self.rounds.get(around)).map(LoopRound::batch).unwrap_or_default();
            return Some(Fold::new(item, Folded::Item, batch, at));
        }
        match event {
            Event::StepReached { title, kind: StepKind::Group | StepKind::Call, .. } => {
                Some(Fold::new(place.clone(), Folded::Group, title.clone(), at))
            }
            _ => None,
        }
    }

    /// A group in which a loop of several items begins is no longer told as one: its items are.
    fn gives_way(&mut self, place: &Place) -> Vec<String> {
        let around = |fold: &Fold| fold.folded == Folded::Group && place.is_inside(&fold.place);
        let Some(index) = self.folds.iter().position(around) else { return Vec::new() };
        self.folds.remove(index).given_way()
    }

    /// What is told of the run itself.
    fn of_the_run(&mut self, page: &Page, event: &Event, told: ToldParts) -> Vec<String> {
        let mut lines = told.before;
        lines.extend(told.heading);
        if matches!(event, Event::RunClosed { .. }) {
            let left = std::mem::take(&mut self.folds);
            lines.extend(left.iter().filter(|fold| !fold.is_open()).flat_map(|fold| fold.line(page, Mark::Noted)));
        }
        lines.extend(told.lines);
        lines
    }

    /// What stands in no fold.
    fn apart(&mut self, page: &Page, at: Moment, event: &Event, told: ToldParts) -> Vec<String> {
        let ToldParts { before, heading, lines } = told;
        let own = match event {
            Event::Staggered { place, items, batches, .. } => {
                let crowd = batches.iter().any(|size| *size >= MANY);
                self.rounds.insert(place.clone(), LoopRound { items: items.len(), batches: batches.len(), crowd, ..LoopRound::default() });
                lines
            }
            Event::BatchBegan { place, batch, items } => {
                let Some(round) = self.rounds.get_mut(place) else { return [before, heading, lines].concat() };
                round.batch = *batch;
                // Its items tell of it; where they are told together, nobody else does.
                if round.batches < 2 || !round.crowd {
                    return [before, heading].concat();
                }
                block::line(page, Mark::Noted, "", &format!("Batch {batch} of {}: {}", round.batches, words::list(items, 12)), "")
            }
            Event::StepEnded { part: Part::Gate, verdict: Verdict::Passed, .. } => Vec::new(),
            _ if is_way_not_taken(event) => Vec::new(),
            Event::StepReached { place, title, kind, .. } => {
                let title = words::title(place, title).to_owned();
                let reached = Reached { title, kind: *kind, at, command: None, message: String::new(), answered: false };
                self.steps.insert(place.clone(), reached);
                lines
            }
            Event::StepBegan { place, part: Part::Main, command, .. } => {
                if let Some(step) = self.steps.get_mut(place) {
                    step.command = Some(command.clone());
                }
                lines
            }
            Event::StepEnded { place, part: Part::Main | Part::Verify, verdict: Verdict::Passed, message, .. } => {
                if let Some(step) = self.steps.get_mut(place).filter(|_| !message.is_empty()) {
                    step.message.clone_from(message);
                }
                lines
            }
            Event::StepEnded { place, part: part @ (Part::Cleanup | Part::Undo), verdict: verdict @ Verdict::Passed, took, .. } => {
                block::put_back(page, place, *part, verdict, &shown(*took))
            }
            Event::Confirmed { place: Some(place), typed, by, .. } if self.narrative.is_afterwards() || *by != Answerer::Terminal => {
                match self.steps.get_mut(place).filter(|step| matches!(step.kind, StepKind::Ask | StepKind::Manual)) {
                    Some(step) => {
                        step.message = format!("confirmed {}: {typed}", words::answerer(*by));
                        Vec::new()
                    }
                    None => lines,
                }
            }
            Event::Confirmed { place: Some(place), .. } => {
                if let Some(step) = self.steps.get_mut(place) {
                    step.answered = true;
                }
                lines
            }
            Event::StepSettled { place, outcome: StepOutcome::Done } => match self.steps.remove(place) {
                Some(step) if step.answered && step.kind == StepKind::Ask => Vec::new(),
                Some(step) if !step.kind.is_stretch() => step.line(page, at, place),
                _ => {
                    self.rounds.shift_remove(place);
                    lines
                }
            },
            Event::StepSettled { place, .. } => {
                self.steps.remove(place);
                self.rounds.shift_remove(place);
                lines
            }
            _ => lines,
        };
        [before, heading, own].concat()
    }

    /// An item is over: one line, if nothing of it was told whole.
    pub(super) fn item_over(&mut self, page: &Page, at: Moment, place: &Place, ok: bool) -> Vec<String> {
        if let Some(round) = place.around().and_then(|around| self.rounds.get_mut(around)) {
            round.over += 1;
        }
        let Some(index) = self.folds.iter().position(|fold| fold.place == *place) else { return Vec::new() };
        let mut fold = self.folds.remove(index);
        fold.last = at;
        if ok {
            fold.line(page, Mark::Passed)
        } else if fold.is_open() {
            Vec::new()
        } else {
            fold.opened(page)
        }
    }

    /// Items of which nobody has said that they are over: their loop goes on, or is. Where it has failed, `mark` says that of those in
    /// which nothing went wrong nobody knows how far they have come.
    fn items_over(&mut self, page: &Page, around: &Place, mark: Mark) -> Vec<String> {
        let (over, left) = std::mem::take(&mut self.folds)
            .into_iter()
            .partition(|fold| fold.folded == Folded::Item && fold.place.around() == Some(around));
        self.folds = left;
        let over: Vec<Fold> = over;
        over.iter().filter(|fold| !fold.is_open()).flat_map(|fold| fold.line(page, mark)).collect()
    }
}

impl Reached {
    /// A step that is over and went well, on one line; of one that changed something, with its command.
    fn line(&self, page: &Page, at: Moment, place: &Place) -> Vec<String> {
        let name = block::called(page, place, None, self.title.is_empty());
        let took = shown(at.since(self.at));
        let line = |text: &str| block::line(page, Mark::Passed, &name, text, &took);
        let command = self.command.as_ref().filter(|command| command.effect != Effect::Read);
        let says = Some(self.message.as_str()).filter(|says| command.is_none() && !says.is_empty() && *says != self.title);
        // What was seen stands beside it where there is room.
        let both = says.map(|says| line(&[self.title.as_str(), says].join("  "))).filter(|lines| lines.len() == 1);
        if let Some(lines) = both {
            return lines;
        }
        let mut lines = line(&self.title);
        lines.extend(says.map(|says| block::remark(page, says)).unwrap_or_default());
        lines.extend(command.map(|command| block::in_brief(page, command)).unwrap_or_default());
        lines
    }
}
