//! Tells the records of a run as a story.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use jiff::{Zoned, civil::Date};

use super::sentence::{asks, at, began, command, mark, printed, quoted, tell};
use crate::{
    app::session::operator::who,
    event::{Captured, RunState, StepState, Verdict},
    journal::{
        output::Outputs,
        record::{Header, Record},
        shape::{Body, RunOpened},
    },
    ui::layout::{Page, wrap},
    words::{self, mark::Mark, moment::local, sanitise::line as visible, script},
};

const INDENT: &str = "          ";

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
    pub(super) fn new(journal: &Path, page: Option<Page>) -> Self {
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
    pub(super) fn tell(&mut self, out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
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
        match body {
            Body::StepBegan(it) => {
                let Some(script) = script(&it.command).filter(|script| script.trim_end().contains('\n')) else { return tell(body) };
                let began = began(&it.place, it.part, it.command.effect, it.attempt);
                let whereabouts = words::place_of(&it.command);
                if let Some(before) = self.scripts.get(script) {
                    return vec![format!("{began}: the bash script of {before}{whereabouts}")];
                }
                self.scripts.insert(script.to_owned(), at(&it.place, it.part));
                std::iter::once(format!("{began}: bash script{whereabouts}")).chain(quoted(script.trim_end())).collect()
            }
            Body::StepEnded(it) => {
                let telling = it.verdict != Verdict::Passed && !asks(it);
                let printed = [("stdout", &it.stdout), ("stderr", &it.stderr)].map(|(name, stream)| self.printed(name, stream, telling));
                tell(body).into_iter().chain(printed.into_iter().flatten()).collect()
            }
            _ => tell(body),
        }
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
    pub(super) fn end(&self, out: &mut dyn Write, ending: &str, head: Option<&str>) -> io::Result<()> {
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
        format!("  mode     {}, halligan {}", words::mode_name(opening.mode), visible(&opening.version)),
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
