//! Tells the records of a run as a story.

use std::{
    io::{self, Write},
    time::Duration,
};

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};

use super::journal::{mode, outcome, who};
use crate::{
    event::{Answerer, Captured, Exit, Finding, Part, Place, Prediction, RunState, Shown, Skip, StepOutcome, StepState, Verdict},
    journal::{
        record::{Header, Record},
        shape::{Body, RunOpened, StepEnded},
    },
    quantity::show_duration,
    ui::sanitise::line as visible,
};

const INDENT: &str = "          ";

/// A moment where the operator is.
pub(super) fn local(moment: Timestamp) -> Zoned {
    moment.to_zoned(TimeZone::system())
}

/// What has been told so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    state: RunState,
    day: Option<Date>,
    /// The last reason given for an end.
    why: String,
}

impl Story {
    /// Tells one record.
    pub fn tell(&mut self, out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
        let at = local(record.header.ts);
        if let Body::RunOpened(opening) = &record.body {
            self.day = Some(at.date());
            open(out, &at, &record.header, opening)?;
        } else if self.day != Some(at.date()) {
            self.day = Some(at.date());
            writeln!(out, "{}", at.strftime("%Y-%m-%d"))?;
        }
        if let Body::RunClosed(closing) = &record.body {
            self.why.clone_from(&closing.why);
        }
        let mut text = tell(&record.body);
        if let Some(event) = record.body.clone().into_event()
            && let Err(illegal) = self.state.apply(&event)
        {
            text.push(format!("this record is out of order: {illegal}"));
        }
        for (index, line) in text.iter().flat_map(|text| text.lines()).enumerate() {
            match index {
                0 => writeln!(out, "{}  {}", at.strftime("%H:%M:%S"), visible(line))?,
                _ => writeln!(out, "{INDENT}{}", visible(line))?,
            }
        }
        Ok(())
    }

    /// Tells how it ended and what is left.
    pub fn end(&self, out: &mut dyn Write, ending: &str) -> io::Result<()> {
        writeln!(out)?;
        let why = self.why.lines().collect::<Vec<_>>().join(" ");
        writeln!(out, "  ended    {ending}{}", if why.is_empty() { String::new() } else { format!(": {}", visible(&why)) })?;
        for (place, part) in self.state.under_way.keys() {
            writeln!(out, "  in doubt {}  it began, and no end is recorded", visible(&at(place, *part)))?;
        }
        for (place, step) in &self.state.steps {
            if let StepState::InDoubt { why } = step {
                writeln!(out, "  in doubt {}  {}", visible(place.as_str()), visible(why))?;
            }
        }
        for (place, owed) in &self.state.owed {
            writeln!(out, "  owed     {}  {}", visible(place.as_str()), visible(&command(owed)))?;
        }
        if self.state.owed.is_empty() {
            writeln!(out, "  owed     nothing")?;
        }
        Ok(())
    }
}

fn open(out: &mut dyn Write, at: &Zoned, header: &Header<'_>, opening: &RunOpened) -> io::Result<()> {
    writeln!(out, "run {}  {}  {}", header.run, visible(&opening.runbook), visible(&opening.title))?;
    let mut origin = format!("{} by {} on {}", at.strftime("%Y-%m-%d %H:%M:%S %:z"), who(header.uid, header.login_uid), header.host);
    if let Some(tty) = &header.tty {
        origin.extend([", ", &tty.0]);
    }
    if let Some(client) = header.ssh.as_ref().and_then(|ssh| ssh.0.split(' ').next()) {
        origin.extend([", from ", client]);
    }
    writeln!(out, "  began    {}", visible(&origin))?;
    writeln!(out, "  mode     {}, halligan {}", mode(opening.mode), visible(&opening.version))?;
    writeln!(out, "  runbook  {}  sha256 {}", visible(&opening.source), visible(&opening.runbook_sha256))?;
    writeln!(out, "  plan     sha256 {}", visible(&opening.plan_sha256))?;
    for (name, value) in &opening.params {
        let value = if value.is_null() { "(not shown)".to_owned() } else { value.to_string() };
        writeln!(out, "  param    {} = {}", visible(name), visible(&value))?;
    }
    writeln!(out)
}

/// A step, and which of its commands.
fn at(place: &Place, part: Part) -> String {
    let part = match part {
        Part::Main => return place.to_string(),
        Part::DoneIf => "done_if",
        Part::Verify => "verify",
        Part::Gate => "gate",
        Part::Show => "show",
        Part::Undo => "undo",
        Part::Cleanup => "cleanup",
    };
    format!("{place} ({part})")
}

/// A command as it could be typed.
fn command(shown: &Shown) -> String {
    match &shown.user {
        Some(user) => format!("{}   (as {user})", shown.line()),
        None => shown.line(),
    }
}

fn by(answerer: Answerer) -> &'static str {
    match answerer {
        Answerer::Terminal => "at the terminal",
        Answerer::Flag => "by a flag",
        Answerer::Scenario => "by the scenario",
    }
}

/// The text that was shown, set apart.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| format!("| {line}"))
}

fn about(place: Option<&Place>) -> String {
    place.map_or_else(|| "the plan".to_owned(), ToString::to_string)
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
        Body::RunOpened(opening) => format!("run of {} opened ({})", opening.runbook, mode(opening.mode)),
        Body::StepSpawned(it) => format!("{} is process {}", at(&it.place, it.part), it.pid),
        other => tell(other).join("\n"),
    }
}

/// In words: the first line beside the time, the others below.
fn tell(body: &Body) -> Vec<String> {
    let line = match body {
        // The one is told above all others; of the other, the end tells more than the process's number.
        Body::RunOpened(_) | Body::StepSpawned(_) => return Vec::new(),
        Body::Checked(checked) => return finding(&checked.title, &checked.finding),
        Body::Overridden(it) => format!("! {} overridden {}: {}", it.title, by(it.by), it.reason),
        Body::Planned(plan) => {
            format!("plan of {} steps: {} read, {} change, {} destroy", plan.steps, plan.read, plan.change, plan.destroy)
        }
        Body::Confirmed(it) => {
            let typed = if it.typed.is_empty() { String::new() } else { format!(", typing `{}`", it.typed) };
            let first = format!("{} was confirmed {}{typed}; shown was:", about(it.place.as_ref()), by(it.by));
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
        Body::StepBegan(it) => {
            let effect = format!("{:?}", it.command.effect).to_lowercase();
            let attempt = if it.attempt > 1 { format!(", attempt {}", it.attempt) } else { String::new() };
            format!("{} began ({effect}{attempt}): {}", at(&it.place, it.part), command(&it.command))
        }
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
            let by = it.by.map_or("by a probe", by);
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
            format!("the run is closed: {}{owed}", outcome(it.outcome))
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
    lines.extend([("stdout", &it.stdout), ("stderr", &it.stderr)].into_iter().filter_map(|(name, stream)| printed(name, stream)));
    lines
}

fn printed(name: &str, stream: &Captured) -> Option<String> {
    let note = match (stream.truncated, stream.redactions) {
        (false, 0) => String::new(),
        (true, 0) => ", not all of it".to_owned(),
        (false, count) => format!(", {count} secrets masked"),
        (true, count) => format!(", not all of it, {count} secrets masked"),
    };
    (stream.bytes > 0 || stream.truncated).then(|| format!("{name} {} bytes{note}: output/{}", stream.bytes, stream.sha256))
}
