//! One record of a run in words.

use std::time::Duration;

use crate::{
    event::{Captured, Effect, Exit, Finding, Outcome, Part, Place, Prediction, Shown, Skip, StepOutcome, Verdict},
    journal::shape::{Body, StepEnded},
    quantity::show_duration,
    words::{self, mark::Mark},
};

/// How it stands out, if it does: what went well mostly does not.
pub(super) fn mark(body: &Body) -> Option<Mark> {
    let told = |mark| (mark != Mark::Passed).then_some(mark);
    Some(match body {
        Body::Checked(it) => return told(words::finding(&it.finding).0),
        Body::StepEnded(it) if asks(it) && matches!(it.verdict, Verdict::Failed { .. }) => return None,
        Body::StepEnded(it) => words::verdict(&it.verdict)?.0,
        Body::StepSettled(it) => return told(words::step_outcome(&it.outcome).0),
        Body::RunClosed(it) => match it.outcome {
            Outcome::Completed => Mark::Passed,
            Outcome::Stuck => Mark::Failed,
            _ => Mark::Warned,
        },
        Body::Overridden(_) | Body::Declined(_) | Body::Owed(_) | Body::Interrupted(_) | Body::Torn(_) => Mark::Warned,
        _ => return None,
    })
}

/// A step, and which of its commands.
pub(super) fn at(place: &Place, part: Part) -> String {
    let name = if part == Part::Gate { Some("gate") } else { words::part(part) };
    name.map_or_else(|| place.to_string(), |name| format!("{place} ({name})"))
}

/// A command as it could be typed.
pub(super) fn command(shown: &Shown) -> String {
    match &shown.user {
        Some(user) => format!("{}   (as {user})", shown.line()),
        None => shown.line(),
    }
}

/// The text that was shown, set apart.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| format!("| {line}"))
}

fn about(place: Option<&Place>) -> String {
    place.map_or_else(|| "the plan".to_owned(), ToString::to_string)
}

pub(super) fn began(place: &Place, part: Part, effect: Effect, attempt: u32) -> String {
    let attempt = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
    format!("{} began ({}{attempt})", at(place, part), words::effect(effect))
}

fn settled(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Done => "done".to_owned(),
        StepOutcome::Failed { why } => format!("failed: {why}"),
        StepOutcome::InDoubt { why } => format!("in doubt: {why}"),
    }
}

/// One record in words.
pub(super) fn in_words(body: &Body) -> String {
    match body {
        Body::RunOpened(opening) => format!("run of {} opened ({})", opening.runbook, words::mode_name(opening.mode)),
        Body::StepSpawned(it) => format!("{} is process {}", at(&it.place, it.part), it.pid),
        other => tell(other).join("\n"),
    }
}

/// In words: the first line beside the time, the others below.
pub(super) fn tell(body: &Body) -> Vec<String> {
    let line = match body {
        // The one is told above all others; of the other, the end tells more than the process's number.
        Body::RunOpened(_) | Body::StepSpawned(_) => return Vec::new(),
        Body::Checked(checked) => return finding(&checked.title, &checked.finding),
        Body::Overridden(it) => format!("! {} overridden {}: {}", it.title, words::answerer(it.by), it.reason),
        Body::Planned(plan) => {
            format!("plan of {} steps: {} read, {} change, {} destroy", plan.steps, plan.read, plan.change, plan.destroy)
        }
        Body::Confirmed(it) => {
            let typed = if it.typed.is_empty() { String::new() } else { format!(", typing `{}`", it.typed) };
            let first = format!("{} was confirmed {}{typed}; shown was:", about(it.place.as_ref()), words::answerer(it.by));
            return std::iter::once(first).chain(quoted(&it.text)).collect();
        }
        Body::Declined(it) => {
            let first = format!("{} was declined: {}; shown was:", about(it.place.as_ref()), it.why);
            return std::iter::once(first).chain(quoted(&it.text)).collect();
        }
        Body::Staggered(it) => {
            let batches = it.batches.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!(
                "{}: {} items in batches of {batches}; {} failures stop it",
                it.place,
                it.items.len(),
                it.max_failures.saturating_add(1)
            )
        }
        Body::BatchBegan(it) => format!("{}: batch {} begins: {}", it.place, it.batch, it.items.join(", ")),
        Body::StepBegan(it) => format!("{}: {}", began(&it.place, it.part, it.command.effect, it.attempt), command(&it.command)),
        Body::StepSignalled(it) => format!("{} was sent {}", at(&it.place, it.part), it.signal),
        Body::StepEnded(it) => return ended(it),
        Body::StepPredicted(it) => {
            let what = match &it.prediction {
                Prediction::WouldRun { command: shown } => format!("would run: {}", command(shown)),
                Prediction::AtRunTime { needs } => format!("known only at run time: needs {}", needs.join(", ")),
                Prediction::WouldAsk { question } => format!("would ask: {question}"),
            };
            format!("{} {what}", at(&it.place, it.part))
        }
        Body::StepSkipped(it) => {
            let why = match &it.why {
                Skip::When { expression } => format!("`{expression}` is false"),
                Skip::AlreadyDone { message } => format!("it was so already: {message}"),
                Skip::Operator => "the operator said so".to_owned(),
                Skip::Empty => "the loop has no items".to_owned(),
            };
            format!("{} was skipped: {why}", it.place)
        }
        Body::StepSettled(it) => format!("{} {}", it.place, settled(&it.outcome)),
        Body::DoubtResolved(it) => {
            let by = it.by.map_or("by a probe", words::answerer);
            format!("{} is no longer in doubt, {by}: {} ({})", it.place, settled(&it.outcome), it.evidence)
        }
        Body::CleanupDue(it) => format!("{} is to be put back when it ends: {}", it.place, command(&it.command)),
        Body::Owed(it) => format!("{} is owed: {}", it.place, it.why),
        Body::Note(it) => {
            let place = it.place.as_ref().map(|place| format!(" on {place}")).unwrap_or_default();
            format!("note{place}: {}", it.text)
        }
        Body::Interrupted(it) => format!("interrupted by {}", it.signal),
        Body::Resumed(it) => format!("resumed from {}", it.from),
        Body::RunClosed(it) => {
            let owed = it.owed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let owed = if owed.is_empty() { owed } else { format!("; owed: {owed}") };
            format!("the run is closed: {}{owed}", words::outcome_name(it.outcome))
        }
        Body::Torn(it) => format!("a crash had left {} lines cut short ({} bytes)", it.lines, it.bytes),
    };
    vec![line]
}

fn finding(title: &str, finding: &Finding) -> Vec<String> {
    let (mark, message, hint) = match finding {
        Finding::Pass { message } => ("✓", message.clone(), None),
        Finding::Warn { message, hint } => ("!", message.clone(), hint.clone()),
        Finding::Block { message, hint } => ("✗", message.clone(), hint.clone()),
        Finding::Unknown { needs } => ("?", format!("unknown: needs {}", needs.join(", ")), None),
    };
    let first = format!("{mark} {title}{}{message}", if message.is_empty() { "" } else { ": " });
    std::iter::once(first).chain(hint.map(|hint| format!("  {hint}"))).collect()
}

/// It is the question whether there is anything to do: to be told no is no failure.
pub(super) fn asks(it: &StepEnded) -> bool {
    it.part == Part::DoneIf
}

fn ended(it: &StepEnded) -> Vec<String> {
    let exit = match &it.exit {
        Exit::Code(code) => format!("exit {code}"),
        Exit::Signal(signal) => format!("ended by signal {signal}"),
        Exit::TimedOut { after_ms, killed } => {
            format!("{} after {}", if *killed { "killed" } else { "timed out" }, show_duration(Duration::from_millis(*after_ms)))
        }
        Exit::Interrupted { killed } => if *killed { "killed by the operator" } else { "ended by the operator" }.to_owned(),
        Exit::NotStarted { why } => format!("could not be started: {why}"),
        Exit::Lost { why } => format!("connection lost: {why}"),
    };
    let verdict = match &it.verdict {
        Verdict::Passed if asks(it) => "says that it is so already".to_owned(),
        Verdict::Failed { .. } if asks(it) => "says that it is not so yet".to_owned(),
        Verdict::Passed => "ended well".to_owned(),
        Verdict::Failed { why } => format!("failed: {why}"),
        Verdict::Unknown { why } => format!("ended, nobody knows how: {why}"),
    };
    let asked = if it.askings > 1 { format!(", asked {} times", it.askings) } else { String::new() };
    let took = show_duration(Duration::from_millis(it.took_ms));
    let mut lines = vec![format!("{} {verdict} ({exit}, took {took}{asked})", at(&it.place, it.part))];
    if !it.message.is_empty() {
        lines.push(it.message.clone());
    }
    lines
}

pub(super) fn printed(name: &str, stream: &Captured) -> Option<String> {
    let note = match (stream.truncated, stream.redactions) {
        (false, 0) => String::new(),
        (true, 0) => ", not all of it".to_owned(),
        (false, count) => format!(", {count} secrets masked"),
        (true, count) => format!(", not all of it, {count} secrets masked"),
    };
    (stream.bytes > 0 || stream.truncated).then(|| format!("{name} {} bytes{note}: output/{}", stream.bytes, stream.sha256))
}
