//! What is told of each event to a person at a terminal, once and for all: the lines that scroll by.

use std::{collections::HashMap, time::Duration};

use super::{
    block,
    gather::{Gathered, GatheredBatch, MANY, SameAnswers},
    layout::{self, Page},
    system::SystemsTold,
    tally::Tally,
    told::{Reply, ToldParts},
    unjudged::UnjudgedTally,
};
use crate::{
    event::{Answerer, Effect, Event, Finding, Part, Place, RunState, Shown, Skip, StepKind, StepOutcome, Verdict, moment::Moment},
    quantity::show_duration,
    words::{self, mark::Mark, sanitise},
};

/// A step that was reached.
#[derive(Debug)]
struct ToldStep {
    title: String,
    kind: StepKind,
    /// When it was reached; unknown where the run was resumed since, maybe after a start of the machine.
    at: Option<Moment>,
    command: Option<Shown>,
    /// What was seen of it, and how long its own command took.
    seen: Option<(String, Option<Duration>)>,
    /// What its command printed: the digest, and the first line.
    printed: Option<(String, String)>,
    /// Where it is kept what it printed.
    kept: Vec<String>,
    /// Its failure has been told.
    told: bool,
}

/// How far the run has come, as far as section headings go.
#[derive(Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    Preflight,
    Planned,
    Steps,
}

/// Follows a run and tells of it.
#[derive(Debug, Default)]
pub(crate) struct Narrative {
    section: Section,
    tally: Tally,
    interruptions: u32,
    batches: HashMap<Place, usize>,
    steps: HashMap<Place, ToldStep>,
    commands: HashMap<(Place, Part), Shown>,
    /// How preflight probes ended, until their finding is known.
    answered: HashMap<Place, Reply>,
    /// Failures of probes, until it is known that they are not asked again.
    pending: Vec<(Place, Part, Vec<String>)>,
    /// What passed of the probe that is being told of.
    passed: Option<SameAnswers>,
    unjudged: UnjudgedTally,
    systems: SystemsTold,
    /// Loops whose batch has so many items that what they did is told together.
    gathering: HashMap<Place, GatheredBatch>,
    /// Told when it is over: no prompt and no last screen has shown anything.
    afterwards: bool,
}

impl Narrative {
    /// Tells what follows on `before`.
    #[must_use]
    pub(crate) fn following(before: RunState) -> Self {
        Self { tally: Tally::following(before), ..Self::default() }
    }

    /// Tells a run that is over.
    #[must_use]
    pub(super) fn afterwards() -> Self {
        Self { afterwards: true, ..Self::default() }
    }

    /// The title of a step that was reached and is not over.
    pub(crate) fn title(&self, place: &Place) -> &str {
        self.steps.get(place).map_or("", |step| step.title.as_str())
    }

    fn section(&mut self, page: &Page, section: Section) -> Vec<String> {
        let name = match section {
            Section::Preflight => "Preflight",
            Section::Steps => "Steps",
            Section::None | Section::Planned => "",
        };
        if self.section == section || name.is_empty() {
            self.section = section;
            return Vec::new();
        }
        self.section = section;
        vec![String::new(), page.style.bold(name)]
    }

    /// The lines to show for an event; none for most.
    pub(crate) fn lines(&mut self, page: &Page, at: Moment, event: &Event) -> Vec<String> {
        let ToldParts { before, heading, lines } = self.told(page, at, event);
        [before, heading, lines].concat()
    }

    /// The same, in its parts.
    pub(super) fn told(&mut self, page: &Page, at: Moment, event: &Event) -> ToldParts {
        self.tally.count(at, event);
        let mut before = self.settle_gathered(page, event);
        before.extend(self.settle_pending(event));
        // What was not judged is told under what came before, wherever the event itself is told.
        let mut heading: Vec<String> = self.unjudged.count(event).iter().flat_map(|told| block::remark(page, told)).collect();
        heading.extend(match event {
            Event::Checked { .. } => self.section(page, Section::Preflight),
            Event::Identified { .. } if self.section == Section::None => self.section(page, Section::Preflight),
            Event::StepReached { .. } | Event::StepSkipped { .. } | Event::StepPredicted { .. } if self.section == Section::Planned => {
                self.section(page, Section::Steps)
            }
            _ => Vec::new(),
        });
        ToldParts { before, heading, lines: self.body(page, at, event) }
    }

    pub(super) fn is_dry(&self) -> bool {
        self.tally.dry()
    }

    /// Nothing was shown by a prompt.
    pub(super) fn is_afterwards(&self) -> bool {
        self.afterwards
    }

    /// Tells what was gathered, once the event says that nothing more comes to it.
    fn settle_gathered(&mut self, page: &Page, event: &Event) -> Vec<String> {
        let mut lines = Vec::new();
        let goes_on = |answers: &SameAnswers| matches!(event, Event::Checked { place, .. } if *place.without_item() == answers.probe);
        if let Some(answers) = self.passed.take_if(|answers| !goes_on(answers)) {
            let message = if answers.gathered.count() == 1 { answers.message } else { answers.gathered.summary() };
            lines.extend(block::checked(page, Mark::Passed, &answers.title, &message, None));
            lines.extend(answers.gathered.apart(page));
        }
        let over: Vec<Place> = match event {
            Event::BatchBegan { place, .. } | Event::StepSettled { place, .. } => vec![place.clone()],
            Event::RunClosed { .. } => self.gathering.keys().cloned().collect(),
            _ => Vec::new(),
        };
        for place in over {
            if let Some(batch) = self.gathering.remove(&place) {
                lines.extend(batch.lines(page));
            }
        }
        lines
    }

    /// Keeps what a step of a large batch did, to be told with what the others did. Whether it was kept.
    fn gather(&mut self, place: &Place, same: &str, says: &str) -> bool {
        for (around, batch) in &mut self.gathering {
            if let Some((item, step)) = place.item_of(around) {
                batch.add(item, step, same, says);
                return true;
            }
        }
        false
    }

    fn is_gathered(&self, place: &Place) -> bool {
        self.gathering.keys().any(|around| place.item_of(around).is_some())
    }

    /// A probe that has failed may be asked again within its time; then its failure was none. Otherwise it is told of
    /// before whatever follows from it.
    fn settle_pending(&mut self, event: &Event) -> Vec<String> {
        let over = |place: &Place| match event {
            Event::StepSettled { place: settled, .. } => place.is_within(settled),
            Event::StepBegan { part: Part::Cleanup | Part::Undo, .. } | Event::RunClosed { .. } => true,
            _ => false,
        };
        if let Event::StepBegan { place, part, .. } = event {
            self.pending.retain(|(at, of, _)| (at, of) != (place, part));
        }
        let (told, kept) = std::mem::take(&mut self.pending).into_iter().partition(|(place, ..)| over(place));
        self.pending = kept;
        let told: Vec<(Place, Part, Vec<String>)> = told;
        told.into_iter().flat_map(|(.., lines)| lines).collect()
    }

    /// What a check has found; of one that failed, how its command ended, too.
    fn checked(&mut self, page: &Page, place: &Place, mark: Mark, title: &str, message: &str, hint: Option<&str>) -> Vec<String> {
        let mut lines = block::checked(page, mark, title, message, hint);
        if let Some(answered) = self.answered.remove(place).filter(|_| matches!(mark, Mark::Failed | Mark::Unknown)) {
            lines.extend(block::ending(page, answered.command.as_ref(), &answered.exit, 1, &answered.excerpt));
        }
        lines
    }

    fn body(&mut self, page: &Page, at: Moment, event: &Event) -> Vec<String> {
        match event {
            Event::RunOpened(opening) => block::header(page, opening, self.afterwards),
            Event::Identified { place, answer } => self.systems.lines(page, place, answer),
            Event::Checked { finding: Finding::NotJudged { .. }, .. } | Event::AnswerShared { .. } => Vec::new(),
            Event::Checked { place, title, finding } => {
                let (mark, _, message, hint) = words::finding(finding);
                if let (Mark::Passed, Some(item)) = (mark, place.own_item()) {
                    self.answered.remove(place);
                    let probe = || place.without_item().clone();
                    let new =
                        || SameAnswers { probe: probe(), title: title.clone(), message: message.clone(), gathered: Gathered::default() };
                    let answers = self.passed.get_or_insert_with(new);
                    if answers.title != *title {
                        answers.title = words::aloud(place.step());
                    }
                    answers.gathered.add(item, &message, &message);
                    return Vec::new();
                }
                self.checked(page, place, mark, title, &message, hint)
            }
            Event::Overridden { title, reason, by, unjudged, .. } => {
                let text = format!("{title}: overridden {}: {reason}{}", words::answerer(*by), words::spoken_for(unjudged));
                block::marked(page, Mark::Warned, &text)
            }
            Event::HoldFailed { place, title, before, waiting, why, hint } => {
                let why = format!("{why}\n{}", words::not_held(before, *waiting));
                self.checked(page, place, Mark::Failed, title, &why, hint.as_deref())
            }
            Event::HoldOverridden { title, before, reason, by, .. } => {
                block::marked(page, Mark::Warned, &format!("{title}: overridden for {before} {}: {reason}", words::answerer(*by)))
            }
            Event::Planned { .. } => self.section(page, Section::Planned),
            Event::Confirmed { place, typed, by, .. } if self.afterwards || *by != Answerer::Terminal => {
                let text = format!("confirmed {}: {typed}", words::answerer(*by));
                // Where the answer is all there is to the step, the step tells of it.
                let step = place.as_ref().and_then(|place| self.steps.get_mut(place));
                if let Some(step) = step.filter(|step| matches!(step.kind, StepKind::Ask | StepKind::Manual)) {
                    step.seen = Some((text, None));
                    return Vec::new();
                }
                let mut lines = block::told(page, Mark::Passed, place.as_ref(), &text);
                if place.is_none() && self.afterwards {
                    // The plan stood between the preflight and this.
                    lines.insert(0, String::new());
                }
                lines
            }
            Event::Confirmed { .. } | Event::StepSpawned { .. } => Vec::new(),
            Event::Declined { place, why, .. } => block::told(page, Mark::Failed, place.as_ref(), &format!("not confirmed: {why}")),
            Event::StepReached { place, title, kind, .. } => {
                let title = words::title(place, title).to_owned();
                let lines = match kind {
                    StepKind::Group | StepKind::Call if !self.is_gathered(place) => {
                        block::step(page, Mark::Noted, place, None, &title, kind.word())
                    }
                    _ => Vec::new(),
                };
                self.steps.insert(
                    place.clone(),
                    ToldStep { title, kind: *kind, at: Some(at), command: None, seen: None, printed: None, kept: Vec::new(), told: false },
                );
                lines
            }
            Event::Staggered { place, items, batches, max_failures } => {
                self.batches.insert(place.clone(), batches.len());
                let failures = if *max_failures > 0 { format!(", at most {max_failures} may fail") } else { String::new() };
                let text = format!("for each of {}: {}{failures}", items.len(), words::batches(batches));
                block::with_remark(page, place, self.title(place), &text)
            }
            Event::BatchBegan { place, batch, items } => {
                let of = self.batches.get(place).map(|all| format!(" of {all}")).unwrap_or_default();
                let mut lines = vec![String::new()];
                let text = format!("batch {batch}{of}: {}", words::list(items, 12));
                let text = if page.titles { text } else { format!("{}: {text}", sanitise::line(place.as_str())) };
                lines.extend(layout::wrap(&text, page.width, "  ", "    "));
                if items.len() >= MANY {
                    self.gathering.insert(place.clone(), GatheredBatch::default());
                }
                lines
            }
            Event::StepBegan { place, part, command, .. } => {
                self.commands.insert((place.clone(), *part), command.clone());
                if let (Part::Main, Some(step)) = (part, self.steps.get_mut(place)) {
                    step.command = Some(command.clone());
                }
                Vec::new()
            }
            Event::StepSignalled { place, signal, .. } => block::told(page, Mark::Warned, Some(place), &format!("sent {signal}")),
            Event::StepEnded { .. } => self.ended(page, event),
            Event::StepPredicted { place, part, prediction } => block::predicted(page, place, *part, prediction, self.title(place)),
            Event::StepSkipped { place, why } if self.is_gathered(place) => {
                let words = words::skip(why);
                self.steps.remove(place);
                self.gather(place, &words, &words);
                Vec::new()
            }
            Event::StepSkipped { place, why } => match (self.title(place), why) {
                ("", _) | (_, Skip::AlreadyDone { .. }) => block::told(page, Mark::Noted, Some(place), &words::skip(why)),
                (title, _) => block::step(page, Mark::Noted, place, None, &format!("{title}\n{}", words::skip(why)), ""),
            },
            Event::StepSettled { place, outcome } => self.settled(page, at, place, outcome),
            Event::DoubtResolved { place, outcome, evidence, by } => {
                let (mark, word, _) = words::step_outcome(outcome);
                let by = by.map(|by| format!(" {}", words::answerer(by))).unwrap_or_default();
                block::told(page, mark, Some(place), &format!("in doubt, resolved{by} as {word}: {evidence}"))
            }
            Event::CleanupDue { .. } => Vec::new(),
            Event::Owed { place, why } => block::told(page, Mark::Warned, Some(place), &format!("cleanup owed: {why}")),
            Event::SettledByHand { place, reason, by } => {
                block::told(page, Mark::Passed, Some(place), &words::settled_by_hand(reason, *by))
            }
            Event::Note { place, text, person, .. } => block::told(page, Mark::Noted, place.as_ref(), &words::noted(text, *person)),
            Event::Shell { place, fact, .. } => block::told(page, Mark::Noted, place.as_ref(), &words::shell(fact)),
            Event::Interrupted { signal } => {
                self.interruptions += 1;
                block::marked(page, Mark::Warned, &words::interruption(*signal, self.interruptions))
            }
            Event::Resumed { from } => {
                self.steps.values_mut().for_each(|step| step.at = None);
                block::marked(page, Mark::Noted, &format!("resumed from {from}"))
            }
            Event::RunClosed { outcome, owed, .. } => {
                let mut lines = vec![String::new()];
                let (mark, closing) = self.tally.closing(at, *outcome, "", self.afterwards);
                lines.extend(layout::wrap(&closing, page.width, &format!("{} ", page.style.mark(mark)), "  "));
                for place in owed {
                    lines.extend(block::told(page, Mark::Warned, Some(place), "cleanup owed"));
                }
                lines
            }
        }
    }

    /// A command has ended. What it means for its step comes later, so a success says nothing yet; a failure is shown
    /// with all there is to know.
    fn ended(&mut self, page: &Page, event: &Event) -> Vec<String> {
        let Event::StepEnded { place, part, attempt, exit, took, verdict, message, excerpt, askings, stdout, stderr, .. } = event else {
            return Vec::new();
        };
        let command = self.commands.remove(&(place.clone(), *part));
        // What follows tells of it: a finding, or that something does not hold. That all holds is worth a line in a dry run alone.
        let held = *part == Part::Holds && !(self.tally.dry() && *verdict == Verdict::Passed);
        let told = matches!(self.section, Section::None | Section::Preflight) || place.is_identity();
        if told && *part == Part::Main || held {
            self.answered.insert(place.clone(), Reply { command, exit: exit.clone(), excerpt: excerpt.clone() });
            return Vec::new();
        }
        let time = show_duration(*took);
        let kept: Vec<String> = if self.afterwards { words::kept(stdout, stderr, 12) } else { Vec::new() };
        let Some((mark, why)) = words::verdict(verdict) else {
            return match part {
                Part::Main => {
                    if let Some(step) = self.steps.get_mut(place) {
                        step.kept = kept;
                        step.seen = Some((message.clone(), Some(*took)));
                        step.printed = Some((stdout.sha256.clone(), excerpt.stdout.lines().next().unwrap_or_default().to_owned()));
                    }
                    Vec::new()
                }
                Part::Gate => block::step(page, Mark::Passed, place, Some("gate"), message, &time),
                Part::Holds => block::step(page, Mark::Passed, place, words::part(*part), message, &time),
                Part::Cleanup | Part::Undo => {
                    let mut lines = block::put_back(page, place, *part, verdict, &time);
                    lines.extend(command.map(|command| block::command(page, &command)).unwrap_or_default());
                    lines.extend(block::kept(page, &kept));
                    lines
                }
                Part::Lock => block::step(page, Mark::Passed, place, None, words::part_outcome(*part, verdict), &time),
                Part::Verify if !message.is_empty() => {
                    if let Some(step) = self.steps.get_mut(place) {
                        let (seen, took) = step.seen.take().unwrap_or_default();
                        let both = if seen.is_empty() || seen == *message { message.clone() } else { format!("{seen}\n{message}") };
                        step.seen = Some((both, took));
                    }
                    Vec::new()
                }
                Part::Verify | Part::DoneIf | Part::Show => Vec::new(),
            };
        };
        // That it is not so yet is no failure, and what a question shows stands in the question.
        if matches!(part, Part::DoneIf | Part::Show) && mark == Mark::Failed || *part == Part::DoneIf && self.tally.dry() {
            return Vec::new();
        }
        let word = words::part_outcome(*part, verdict);
        let attempt = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
        let name = if matches!(part, Part::Cleanup | Part::Undo) { None } else { words::part(*part) };
        let mut lines = block::step(page, mark, place, name, self.title(place), &time);
        lines.extend(block::remark(page, &format!("{word}{attempt}: {why}")));
        lines.extend(block::ending(page, command.as_ref(), exit, *askings, excerpt));
        lines.extend(block::kept(page, &kept));
        if let (Part::Main | Part::Verify, Some(step)) = (part, self.steps.get_mut(place)) {
            step.told = true;
        }
        let asked = match part {
            Part::Gate | Part::Verify => true,
            Part::Main => self.steps.get(place).is_some_and(|step| step.kind == StepKind::Probe),
            _ => false,
        };
        if asked {
            self.pending.push((place.clone(), *part, lines));
            return Vec::new();
        }
        lines
    }

    fn settled(&mut self, page: &Page, at: Moment, place: &Place, outcome: &StepOutcome) -> Vec<String> {
        let (mark, word, why) = words::step_outcome(outcome);
        let Some(step) = self.steps.remove(place) else {
            return block::told(page, mark, Some(place), &if why.is_empty() { word.to_owned() } else { format!("{word}: {why}") });
        };
        if *outcome == StepOutcome::Done && self.is_gathered(place) {
            if !step.kind.is_stretch() {
                let seen = step.seen.map(|(message, _)| message).unwrap_or_default();
                let (digest, line) = step.printed.unwrap_or_default();
                let (same, says) = if seen.is_empty() { (&digest, &line) } else { (&seen, &seen) };
                self.gather(place, same, says);
            }
            return Vec::new();
        }
        if step.kind.is_stretch() {
            let text = if why.is_empty() { word.to_owned() } else { format!("{word}: {why}") };
            let text = if page.titles && !step.title.is_empty() { format!("{}  {text}", step.title) } else { text };
            // The times of a rehearsal's records are those of its own, not of the world that it was in.
            let timeless = self.afterwards && self.tally.rehearsal();
            let took = if timeless { String::new() } else { step.at.map(|reached| show_duration(at.since(reached))).unwrap_or_default() };
            return block::step(page, mark, place, None, &text, &took);
        }
        if *outcome != StepOutcome::Done {
            if step.told {
                return Vec::new();
            }
            let mut lines = block::step(page, mark, place, None, &step.title, "");
            lines.extend(block::remark(page, &format!("{word}: {why}")));
            return lines;
        }
        let (message, took) = step.seen.map_or((String::new(), String::new()), |(message, took)| {
            (message, took.filter(|took| took.as_millis() > 0).map(show_duration).unwrap_or_default())
        });
        let text = if step.title.is_empty() { message.as_str() } else { step.title.as_str() };
        let mut lines = block::step(page, mark, place, None, text, &took);
        if let Some(command) = step.command.filter(|command| command.effect != Effect::Read) {
            lines.extend(block::command(page, &command));
            lines.extend(block::kept(page, &step.kept));
        }
        if !step.title.is_empty() && !message.is_empty() && message != step.title {
            lines.extend(block::remark(page, &message));
        }
        lines
    }
}
