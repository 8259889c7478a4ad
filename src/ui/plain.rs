//! A run for a pipe or a log: one event a line, its time in front, no colour.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use super::{block::WaitBlock, out::Stream, style::Style, tally::Tally, unjudged::UnjudgedTally};
use crate::{
    event::{Effect, Event, Excerpt, Exit, Finding, Part, Place, Progress, RunState, Shown, StepOutcome, Verdict, moment::Moment},
    ports::Observer,
    quantity::show_duration,
    words::{self, sanitise},
};

/// How often something under way is told of again when nothing about it changes, in seconds.
const AGAIN: u64 = 30;
/// How many lines of each stream a failure shows.
const TAIL: usize = 10;

/// Tells of a run line by line.
#[derive(Debug)]
pub(crate) struct Plain {
    stream: Stream,
    state: Mutex<PlainNarrative>,
}

/// Follows a run and tells of it in lines that stand alone.
#[derive(Debug, Default)]
pub(crate) struct PlainNarrative {
    tally: Tally,
    unjudged: UnjudgedTally,
    interruptions: u32,
    batches: HashMap<Place, usize>,
    /// What was told last of something under way, and when.
    told: HashMap<Place, (Moment, String)>,
    /// What the steps that are under way are called.
    titles: HashMap<Place, String>,
    /// How each command ended last.
    verdicts: HashMap<(Place, Part), Verdict>,
    /// Told when it is over, from its records.
    afterwards: bool,
    /// Commands under way that change something.
    changing: HashSet<(Place, Part)>,
}

impl Plain {
    #[must_use]
    pub(crate) fn new(stream: Stream, before: RunState) -> Self {
        Self { stream, state: Mutex::new(PlainNarrative { tally: Tally::following(before), ..PlainNarrative::default() }) }
    }
}

impl Plain {
    /// For who looks on: nothing but this says what the operator has answered.
    #[must_use]
    pub(super) fn onlooking(stream: Stream) -> Self {
        Self { stream, state: Mutex::new(PlainNarrative::afterwards()) }
    }

    /// The operator is asked.
    pub(super) fn question(&self, at: Moment, place: Option<&Place>, text: &str, prompt: &str) {
        let place = place.map(|place| format!("{place} ")).unwrap_or_default();
        let text = text.trim_end().lines().map(|line| format!("  {line}"));
        self.stream.lines(&stamped(at, std::iter::once(format!("{place}waits for an answer: {prompt}")).chain(text)));
    }
}

/// Lines with their time.
pub(super) fn stamped(at: Moment, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let time = at.ts.strftime("%Y-%m-%dT%H:%M:%SZ");
    lines.into_iter().map(|line| format!("{time}  {}", sanitise::line(line.trim_end()))).collect()
}

impl Observer for Plain {
    fn event(&self, at: Moment, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = state.lines(at, event);
        self.stream.lines(&stamped(at, lines));
    }

    fn progress(&self, at: Moment, progress: &Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = state.progress(at, progress) {
            self.stream.lines(&stamped(at, [line]));
        }
    }
}

fn with(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn tail(label: &str, text: &str) -> Vec<String> {
    let clean = sanitise::output(text.trim_end(), false);
    if clean.trim().is_empty() {
        return Vec::new();
    }
    let all: Vec<_> = clean.split('\n').collect();
    let cut = all.len().saturating_sub(TAIL);
    let before = (cut > 0).then(|| format!("  {label}: ({cut} earlier lines)"));
    before.into_iter().chain(all[cut..].iter().map(|line| format!("  {label}: {line}"))).collect()
}

fn printed(excerpt: &Excerpt) -> Vec<String> {
    let mut lines = tail("stderr", &excerpt.stderr);
    lines.extend(tail("stdout", &excerpt.stdout));
    lines
}

fn began(place: &Place, part: Part, attempt: u32, command: &Shown) -> String {
    let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
    let what = words::part_began(place, part);
    format!("{what}{again}: {}{}", words::effect(command.effect), with(&words::command(command)))
}

impl PlainNarrative {
    /// Tells a run from its records.
    #[must_use]
    pub(super) fn afterwards() -> Self {
        Self { afterwards: true, ..Self::default() }
    }

    /// The lines that tell of an event; none for many.
    pub(super) fn lines(&mut self, at: Moment, event: &Event) -> Vec<String> {
        self.tally.count(at, event);
        let mut lines: Vec<String> = self.unjudged.count(event).map(|told| format!("preflight {told}")).into_iter().collect();
        lines.extend(self.own_lines(at, event));
        lines
    }

    fn own_lines(&mut self, at: Moment, event: &Event) -> Vec<String> {
        let line = match event {
            Event::RunOpened(opening) => {
                let style = Style { colour: false, unicode: true };
                let digest = style.short(&opening.runbook_sha256);
                let mode = words::mode(opening.mode).map(|mode| format!("  {mode}")).unwrap_or_default();
                let mut lines =
                    vec![format!("{}: {}", opening.runbook, opening.title), format!("  {}  sha256 {digest}{mode}", opening.source)];
                lines.extend(opening.params.iter().map(|(name, value)| format!("  {name} = {}", words::value(value))));
                let variables = opening.surroundings.as_ref().map(words::variables).unwrap_or_default();
                lines.extend(variables.into_iter().map(|(name, value)| format!("  {name} = {value}")));
                lines.extend(opening.surroundings.as_ref().and_then(words::passed_on).map(|names| format!("  {names}")));
                return lines;
            }
            Event::Identified { answer, .. } => words::system_answer(answer).1,
            Event::Checked { finding: Finding::NotJudged { .. }, .. } | Event::AnswerShared { .. } => return Vec::new(),
            Event::Checked { place, title, finding, .. } => {
                let (_, name, message, hint) = words::finding(finding);
                // A probe that is asked for each host has one title for all.
                let item = place.own_item().map(|item| format!(" [{item}]")).unwrap_or_default();
                let told = match finding {
                    Finding::Block { .. } | Finding::Warn { .. } if !message.is_empty() => {
                        words::failed_check(&message, &format!("{title}{item}"))
                    }
                    _ => format!("{title}{item}{}", with(&message)),
                };
                let mut lines = vec![format!("preflight {name}: {told}")];
                lines.extend(hint.map(|hint| format!("  next: {hint}")));
                return lines;
            }
            Event::Overridden { title, reason, by, unjudged, .. } => {
                format!("preflight overridden {}: {title}: {reason}{}", words::answerer(*by), words::spoken_for(unjudged))
            }
            Event::HoldFailed { title, before, waiting, why, hint, .. } => {
                let mut lines = vec![format!("{}: {}", words::not_held(before, *waiting), words::failed_check(why, title))];
                lines.extend(hint.as_ref().map(|hint| format!("  next: {hint}")));
                return lines;
            }
            Event::HoldOverridden { title, before, reason, by, .. } => {
                format!("{before}: overridden {}: {title}: {reason}", words::answerer(*by))
            }
            Event::Planned { steps, read, change, destroy } => {
                let steps = words::counted(*steps, "step", "steps");
                format!("plan: {steps}: {read} read, {change} change, {destroy} destroy")
            }
            Event::Confirmed { place, typed, by, .. } => {
                let what = place.as_ref().map_or("the plan", Place::as_str);
                format!("{what} confirmed {}: {typed}", words::answerer(*by))
            }
            Event::Declined { place, why, .. } => {
                format!("{} not confirmed: {why}", place.as_ref().map_or("the plan", Place::as_str))
            }
            Event::StepReached { place, title, kind, .. } => {
                let title = words::title(place, title);
                if !kind.is_stretch() {
                    // Its command, question or answer is told of in a moment, with this title.
                    self.titles.insert(place.clone(), title.to_owned());
                    return Vec::new();
                }
                format!("{place} begins: {}{}", kind.word(), with(title))
            }
            Event::Staggered { place, items, batches, max_failures } => {
                self.batches.insert(place.clone(), batches.len());
                let failures = if *max_failures > 0 { format!(", at most {max_failures} may fail") } else { String::new() };
                format!("{place}: for each of {}: {}{failures}", items.len(), words::batches(batches))
            }
            Event::BatchBegan { place, batch, items } => {
                let of = self.batches.get(place).map(|all| format!(" of {all}")).unwrap_or_default();
                format!("{place}: batch {batch}{of}: {}", words::list(items, 20))
            }
            // A probe that is asked again is told of when its answer changes.
            Event::StepBegan { attempt: 2.., command, .. } if command.effect == Effect::Read => return Vec::new(),
            // What only reads is told of by what it found.
            Event::StepBegan { part, command, .. } if command.effect == Effect::Read && !matches!(part, Part::Cleanup | Part::Undo) => {
                return Vec::new();
            }
            Event::StepBegan { place, part, attempt, command, .. } => {
                self.changing.insert((place.clone(), *part));
                began(place, *part, *attempt, command)
            }
            Event::StepSpawned { .. } => return Vec::new(),
            Event::StepSignalled { place, part, signal } => format!("{}: sent {signal}", words::part_of(place, *part)),
            Event::StepEnded { place, part, attempt, exit, took, verdict, message, excerpt, askings, stdout, stderr, .. } => {
                let changing = self.changing.remove(&(place.clone(), *part));
                let last = self.verdicts.insert((place.clone(), *part), verdict.clone());
                // That all holds is worth a line in a dry run alone, and what does not is told in a moment.
                if *part == Part::Holds && !(self.tally.dry() && *verdict == Verdict::Passed) {
                    if *verdict == Verdict::Passed {
                        return Vec::new();
                    }
                    return printed(excerpt);
                }
                // The finding that follows says it all.
                if (*attempt > 1 && last.as_ref() == Some(verdict)) || place.preflight().is_some() {
                    return Vec::new();
                }
                let name = match part {
                    Part::Cleanup | Part::Undo => place.to_string(),
                    Part::Main => format!("{place}{}", with(self.titles.get(place).map_or("", String::as_str))),
                    part => words::part_of(place, *part),
                };
                let name = if name.contains(": ") { format!("{name}:") } else { name };
                let asked = if *askings > 1 { format!(", asked {askings} times") } else { String::new() };
                let took = show_duration(*took);
                let word = words::part_outcome(*part, verdict);
                let why = match verdict {
                    Verdict::Passed => message,
                    Verdict::Failed { why, .. } | Verdict::Unknown { why } => why,
                };
                let passed = *verdict == Verdict::Passed;
                let exit = match exit {
                    _ if passed => String::new(),
                    // The whole of it is why it failed.
                    Exit::NotStarted { .. } | Exit::Lost { .. } => String::new(),
                    exit => {
                        Some(words::exit(exit)).filter(|exit| !why.starts_with(exit)).map(|exit| format!(", {exit}")).unwrap_or_default()
                    }
                };
                let mut lines = vec![format!("{name} {word} after {took}{exit}{asked}{}", with(why))];
                if !passed && *part != Part::DoneIf {
                    lines.extend(printed(excerpt));
                }
                if self.afterwards && (changing || !passed && *part != Part::DoneIf) {
                    lines.extend(words::kept(stdout, stderr, usize::MAX).into_iter().map(|kept| format!("  kept: {kept}")));
                }
                return lines;
            }
            Event::StepPredicted { place, part, prediction } => {
                let (_, word, text) = words::prediction(prediction);
                format!("{} {word}: {text}", words::part_of(place, *part))
            }
            Event::StepSkipped { place, why } => format!("{place} {}", words::skip(why)),
            Event::StepSettled { place, outcome } => {
                self.told.remove(place);
                let told = self.titles.remove(place).is_some() && self.verdicts.contains_key(&(place.clone(), Part::Main));
                if told && *outcome == StepOutcome::Done {
                    return Vec::new();
                }
                let (_, word, why) = words::step_outcome(outcome);
                let again = |verdict: &Verdict| matches!(verdict, Verdict::Failed { why: told, .. } if told == why);
                if [Part::Main, Part::Verify].iter().any(|part| self.verdicts.get(&(place.clone(), *part)).is_some_and(again)) {
                    return Vec::new();
                }
                format!("{place} {word}{}", with(why))
            }
            Event::DoubtResolved { place, outcome, evidence, by } => {
                let (_, word, _) = words::step_outcome(outcome);
                let by = by.map(|by| format!(" {}", words::answerer(by))).unwrap_or_default();
                format!("{place} in doubt, resolved{by} as {word}: {evidence}")
            }
            Event::CleanupDue { place, command } => format!("cleanup runs when {place} ends: {}", words::brief(command)),
            Event::Owed { place, why } => format!("{place}: cleanup owed: {why}"),
            Event::SettledByHand { place, reason, by } => format!("{place}: {}", words::settled_by_hand(reason, *by)),
            Event::Note { place, text, person, .. } => {
                let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
                words::noted(&format!("{place}{text}"), *person)
            }
            Event::Shell { fact, .. } => words::shell(fact),
            Event::Interrupted { signal } => {
                self.interruptions += 1;
                words::interruption(*signal, self.interruptions)
            }
            Event::Resumed { from } => format!("resumed from {from}"),
            Event::RunClosed { outcome, why, owed } => {
                let why = why.lines().collect::<Vec<_>>().join("; ");
                let mut lines = vec![self.tally.closing(at, *outcome, &with(&why), self.afterwards).1];
                lines.extend(owed.iter().map(|place| format!("cleanup owed: {place}")));
                return lines;
            }
        };
        vec![line]
    }

    /// Told when it shows something else than before, and now and then.
    fn progress(&mut self, at: Moment, progress: &Progress) -> Option<String> {
        let (place, key, line) = match progress {
            Progress::Line { .. } | Progress::ItemOver { .. } => return None,
            Progress::Figure { place, done, total, have } => {
                let percent = Style::percent(*done, *total)?;
                let have = have.as_ref().map(|have| format!("; {have}")).unwrap_or_default();
                (place, format!("{}", percent / 10), format!("{place}: {percent}%{have}"))
            }
            Progress::Waiting { place, want, have, elapsed, limit, figure, still, held } => {
                let wait = WaitBlock { want, have, elapsed: *elapsed, limit: *limit, figure: *figure, still: *still, held: *held };
                let percent = figure.and_then(|(done, total)| Style::percent(done, total)).map(|percent| format!(", {percent}%"));
                let have = if have.is_empty() { String::new() } else { format!("; now {have}") };
                let mut line = format!("{place} waiting, {}{}, for {want}{have}", wait.time(), percent.unwrap_or_default());
                for more in [wait.stillness(), wait.holding()].into_iter().flatten() {
                    line.push_str("; ");
                    line.push_str(&more);
                }
                (place, format!("{want}{have}{}", held.is_some()), line)
            }
            Progress::Pausing { place, why, left } => {
                (place, why.clone(), format!("{place} pausing, {} left{}", show_duration(*left), with(why)))
            }
        };
        let due = self.told.get(place).is_none_or(|(when, what)| *what != key || at.since(*when).as_secs() >= AGAIN);
        due.then(|| {
            self.told.insert(place.clone(), (at, key));
            line
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            out::{Traits, tests::Memory},
            script::{RUNS, Script, golden, shown},
        },
        *,
    };
    use crate::event::Exit;

    fn said(play: impl FnOnce(&mut Script<'_>)) -> String {
        let memory = Memory::default();
        let plain = Plain::new(memory.stream(Traits::default()), RunState::default());
        play(&mut Script::new(&plain));
        memory.take()
    }

    #[test]
    fn tells_of_runs_line_by_line() {
        for (name, play) in RUNS {
            golden(&format!("plain-{name}.txt"), &said(play));
        }
    }

    #[test]
    fn a_host_with_preflight_in_its_name_keeps_its_lines() {
        let step = Place::top("each").item("host", "b.preflight.example.org").child("step");
        let probe = Place::preflight_in(None).child("up").item("host", "a");
        let told = said(|script| {
            for place in [&probe, &step] {
                script.begin(place, Part::Main, shown(Effect::Read, &["uptime"]));
                script.end(place, Part::Main, Exit::Code(0), Verdict::Passed, "", "");
            }
        });
        let told: Vec<_> = told.lines().map(|line| &line[22..]).collect();
        assert_eq!(told, ["each[host=b.preflight.example.org].step passed after 1.2s"]);
    }

    #[test]
    fn what_is_asked_again_is_told_of_when_it_changes() {
        let gate = Place::top("restart").child("gate");
        let told = said(|script| {
            for attempt in 1..=5 {
                let verdict = if attempt < 5 { Verdict::failed("3 PGs") } else { Verdict::Passed };
                script.asking(&gate, Part::Gate, attempt, verdict);
            }
        });
        let told: Vec<_> = told.lines().map(|line| &line[22..]).collect();
        let waits = "restart.gate waiting, 1s of 15m, 70%, for all PGs are active+clean; now 3 PGs";
        assert_eq!(told, ["restart.gate failed after 1.2s, exit 0: 3 PGs", waits, "restart.gate passed after 1.2s"]);
    }

    #[test]
    fn a_wait_is_told_of_when_it_changes_and_now_and_then() {
        let place = Place::top("settled");
        let told = said(|script| {
            for second in 0..100 {
                script.waiting(&place, if second < 50 { "29 of 41" } else { "30 of 41" }, second, None);
            }
        });
        let times: Vec<_> = told.lines().map(|line| &line[14..19]).collect();
        assert_eq!(times, ["11:41", "12:11", "12:31", "13:01"]);
        assert!(told.starts_with("2026-11-21T02:11:41Z  settled waiting, 0s of 15m, 70%, for all PGs are active+clean; now 29 of 41\n"));
    }
}
