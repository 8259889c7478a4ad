//! Tells the records of a run as a story.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};

use super::journal::{mode, outcome, who};
use crate::{
    event::{
        Answerer, Captured, Effect, Exit, Finding, Outcome, Part, Place, Prediction, RunState, Shown, Skip, StepOutcome, StepState, Verdict,
    },
    journal::{
        output::Outputs,
        record::{Header, Record},
        shape::{Body, RunOpened, StepEnded},
    },
    quantity::show_duration,
    ui::{
        layout::{Page, wrap},
        sanitise::line as visible,
        style::Mark,
        words::{self, script},
    },
};

const INDENT: &str = "          ";

/// A moment where the operator is.
pub(super) fn local(moment: Timestamp) -> Zoned {
    moment.to_zoned(TimeZone::system())
}

/// Of what a command that failed printed, so many lines are told: its end says why.
const LAST: usize = 12;
/// What is no longer than this is told instead of the name of its file.
const SHORT: u64 = 100;
/// Of a longer line only the beginning is told, in characters.
const WIDEST: usize = 300;
/// Longer outputs are left in their files.
const READABLE: u64 = 1 << 20;

/// What has been told so far.
#[derive(Debug)]
pub(super) struct Story {
    state: RunState,
    day: Option<Date>,
    /// The last reason given for an end.
    why: String,
    outputs: Outputs,
    /// For a terminal, where lines are wrapped; else they stay whole, for `grep`.
    page: Option<Page>,
    /// Scripts by the step that was told with their text.
    scripts: BTreeMap<String, String>,
}

impl Story {
    pub fn new(journal: &Path, page: Option<Page>) -> Self {
        Self {
            state: RunState::default(),
            day: None,
            why: String::new(),
            outputs: Outputs::at(journal.join("output")),
            page,
            scripts: BTreeMap::new(),
        }
    }

    /// Tells one record.
    pub fn tell(&mut self, out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
        let at = local(record.header.ts);
        if let Body::RunOpened(opening) = &record.body {
            self.day = Some(at.date());
            for line in open(&at, &record.header, opening) {
                self.line(out, &line, "           ")?;
            }
        } else if self.day != Some(at.date()) {
            self.day = Some(at.date());
            writeln!(out, "{}", at.strftime("%Y-%m-%d"))?;
        }
        if let Body::RunClosed(closing) = &record.body {
            self.why.clone_from(&closing.why);
        }
        let mut text = self.in_full(&record.body);
        if let Some(event) = record.body.clone().into_event()
            && let Err(illegal) = self.state.apply(&event)
        {
            text.push(format!("this record is out of order: {illegal}"));
        }
        for (index, line) in text.iter().flat_map(|text| text.lines()).enumerate() {
            let line = visible(line);
            if index == 0 {
                self.first(out, &at, &line, mark(&record.body))?;
            } else {
                let quote = if line.starts_with("| ") { "| " } else { "" };
                self.line(out, &format!("{INDENT}{line}"), &format!("{INDENT}{quote}"))?;
            }
        }
        Ok(())
    }

    /// A record in words, with its script or with what it printed.
    fn in_full(&mut self, body: &Body) -> Vec<String> {
        let mut text = tell(body);
        match body {
            Body::StepBegan(it) => {
                if let Some(script) = script(&it.command).filter(|script| script.trim_end().contains('\n')) {
                    let place = at(&it.place, it.part);
                    let began = began(&it.place, it.part, it.command.effect, it.attempt);
                    if let Some(before) = self.scripts.get(script) {
                        return vec![format!("{began}: the bash script of {before}{}", words::place_of(&it.command))];
                    }
                    self.scripts.insert(script.to_owned(), place);
                    text = std::iter::once(format!("{began}: bash script{}", words::place_of(&it.command)))
                        .chain(quoted(script.trim_end()))
                        .collect();
                }
            }
            Body::StepEnded(it) => {
                for (name, stream) in [("stdout", &it.stdout), ("stderr", &it.stderr)] {
                    text.extend(self.printed(name, stream, it.verdict != Verdict::Passed && !asks(it)));
                }
            }
            _ => {}
        }
        text
    }

    fn printed(&self, name: &str, stream: &Captured, telling: bool) -> Vec<String> {
        let Some(mut first) = printed(name, stream) else { return Vec::new() };
        if let (Some(page), Some(digits)) = (&self.page, stream.sha256.get(..12)) {
            first = first.replace(&stream.sha256, &format!("{digits}{}", page.style.ellipsis()));
        }
        let short = stream.bytes <= SHORT && !stream.truncated;
        if !(telling || short) || stream.bytes > READABLE {
            return vec![first];
        }
        let bytes = match self.outputs.read(&stream.sha256) {
            Ok(bytes) => bytes,
            Err(error) => return vec![format!("{first}, which cannot be read: {error}")],
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        if let [line] = lines[..]
            && short
            && stream.redactions == 0
        {
            return vec![format!("{name}: {line}")];
        }
        if !telling {
            return vec![first];
        }
        let rest = lines.len().saturating_sub(LAST);
        let before = (rest > 0).then(|| format!("| ({rest} lines before)"));
        std::iter::once(first).chain(before).chain(lines[rest..].iter().map(|line| format!("| {}", cut(line)))).collect()
    }

    /// A line that begins a record, with its time.
    fn first(&self, out: &mut dyn Write, at: &Zoned, line: &str, mark: Option<Mark>) -> io::Result<()> {
        let time = at.strftime("%H:%M:%S").to_string();
        let Some(page) = &self.page else { return writeln!(out, "{time}  {line}") };
        let mut lines = wrap(line, page.width, &format!("{time}  "), INDENT).into_iter();
        let first = lines.next().unwrap_or_default();
        let words = first.get(time.len()..).unwrap_or_default();
        let words = match mark {
            Some(Mark::Failed) => page.style.bad(words),
            Some(Mark::Warned | Mark::Unknown) => page.style.warn(words),
            Some(Mark::Passed) => page.style.good(words),
            Some(Mark::Noted) | None => words.to_owned(),
        };
        writeln!(out, "{}{words}", page.style.dim(&time))?;
        lines.try_for_each(|line| writeln!(out, "{line}"))
    }

    /// Any other line; what does not fit is set under `margin`.
    fn line(&self, out: &mut dyn Write, line: &str, margin: &str) -> io::Result<()> {
        match &self.page {
            Some(page) => {
                let words = line.trim_start_matches(' ');
                let own = &line[..line.len() - words.len()];
                wrap(words, page.width, own, margin).iter().try_for_each(|line| writeln!(out, "{line}"))
            }
            None => writeln!(out, "{line}"),
        }
    }

    /// Tells how it ended and what is left, and the head of the journal after its last record.
    pub fn end(&self, out: &mut dyn Write, ending: &str, head: Option<&str>) -> io::Result<()> {
        writeln!(out)?;
        let why = self.why.lines().collect::<Vec<_>>().join(" ");
        let mut left = vec![format!("  ended    {ending}{}", if why.is_empty() { String::new() } else { format!(": {}", visible(&why)) })];
        for (place, part) in self.state.under_way.keys() {
            left.push(format!("  in doubt {}  it began, and no end is recorded", visible(&at(place, *part))));
        }
        for (place, step) in &self.state.steps {
            if let StepState::InDoubt { why } = step {
                left.push(format!("  in doubt {}  {}", visible(place.as_str()), visible(why)));
            }
        }
        for (place, owed) in &self.state.owed {
            left.push(format!("  owed     {}  {}", visible(place.as_str()), visible(&command(owed))));
        }
        if self.state.owed.is_empty() {
            left.push("  owed     nothing".to_owned());
        }
        left.iter().try_for_each(|line| self.line(out, line, "           "))?;
        // Whole, since it is there to be copied.
        head.map_or(Ok(()), |head| writeln!(out, "  head     {head}"))
    }
}

/// What stands above the first record.
fn open(at: &Zoned, header: &Header<'_>, opening: &RunOpened) -> Vec<String> {
    let mut origin = format!("{} by {} on {}", at.strftime("%Y-%m-%d %H:%M:%S %:z"), who(header.uid, header.login_uid), header.host);
    if let Some(tty) = &header.tty {
        origin.extend([", ", &tty.0]);
    }
    if let Some(client) = header.ssh.as_ref().and_then(|ssh| ssh.0.split(' ').next()) {
        origin.extend([", from ", client]);
    }
    let mut lines = vec![
        format!("run {}  {}  {}", header.run, visible(&opening.runbook), visible(&opening.title)),
        format!("  began    {}", visible(&origin)),
        format!("  mode     {}, halligan {}", mode(opening.mode), visible(&opening.version)),
        format!("  runbook  {}  sha256 {}", visible(&opening.source), visible(&opening.runbook_sha256)),
        format!("  plan     sha256 {}", visible(&opening.plan_sha256)),
    ];
    for (name, value) in &opening.params {
        let value = if value.is_null() { "(not shown)".to_owned() } else { value.to_string() };
        lines.push(format!("  param    {} = {}", visible(name), visible(&value)));
    }
    lines.push(String::new());
    lines
}

/// The beginning of a line that is too long to be read.
fn cut(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{} … ({} bytes more)", &line[..end], line.len() - end).into(),
        None => line.into(),
    }
}

/// How it stands out, if it does.
fn mark(body: &Body) -> Option<Mark> {
    Some(match body {
        Body::Checked(it) => match it.finding {
            Finding::Pass { .. } => return None,
            Finding::Warn { .. } => Mark::Warned,
            Finding::Block { .. } => Mark::Failed,
            Finding::Unknown { .. } => Mark::Unknown,
        },
        Body::StepEnded(it) => match it.verdict {
            Verdict::Passed => return None,
            Verdict::Failed { .. } if asks(it) => return None,
            Verdict::Failed { .. } => Mark::Failed,
            Verdict::Unknown { .. } => Mark::Unknown,
        },
        Body::StepSettled(it) => match it.outcome {
            StepOutcome::Done => return None,
            StepOutcome::Failed { .. } => Mark::Failed,
            StepOutcome::InDoubt { .. } => Mark::Unknown,
        },
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
fn at(place: &Place, part: Part) -> String {
    let part = match part {
        Part::Main => return place.to_string(),
        Part::DoneIf => "done_if",
        Part::Verify => "verify",
        Part::Gate => "gate",
        Part::Show => "show",
        Part::Undo => "undo",
        Part::Cleanup => "cleanup",
        Part::Lock => "lock",
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

fn began(place: &Place, part: Part, effect: Effect, attempt: u32) -> String {
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

/// It is the question whether there is anything to do: to be told no is no failure.
fn asks(it: &StepEnded) -> bool {
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
        Verdict::Passed if it.part == Part::DoneIf => "says that it is so already".to_owned(),
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

fn printed(name: &str, stream: &Captured) -> Option<String> {
    let note = match (stream.truncated, stream.redactions) {
        (false, 0) => String::new(),
        (true, 0) => ", not all of it".to_owned(),
        (false, count) => format!(", {count} secrets masked"),
        (true, count) => format!(", not all of it, {count} secrets masked"),
    };
    (stream.bytes > 0 || stream.truncated).then(|| format!("{name} {} bytes{note}: output/{}", stream.bytes, stream.sha256))
}
