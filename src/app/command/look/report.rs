//! `halligan report`: the timeline of a run for the post-mortem, from its records.

use std::fmt::Write;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    found::print_json,
    named_run::{NamedRun, named},
    status::{OwedCleanup, RunStatus},
};
use crate::{
    app::{
        command::markdown::escaped,
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{looked::Looked, operator::who},
    },
    cli::{self, ReportFormat},
    event::{Effect, Event, Opening, Part, Place, moment::Moment},
    journal::chronicle::Chronicle,
    quantity::show_duration,
    words::{self, moment::local, sanitise::line as visible},
};

/// What `halligan report --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct RunReport {
    /// How the run stands, as `halligan status` tells it.
    status: RunStatus,
    /// Where the runbook's text came from, and its SHA-256.
    source: String,
    runbook_sha256: String,
    /// The version of halligan that began the run.
    version: String,
    /// Secrets as `(secret)`.
    parameters: Vec<NamedValue>,
    /// The systems that the run is bound to.
    systems: Vec<String>,
    durations: Vec<NamedLength>,
    /// What was changed, in the order of its beginning.
    changes: Vec<ReportedChange>,
    /// All of it in order.
    timeline: Vec<TimelineEntry>,
    owed: Vec<OwedCleanup>,
    /// Records that could not be read: the report lacks them.
    unreadable: u64,
    /// The head of the journal as of the last record of this run.
    head: String,
}

/// A name and a value, as text.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NamedValue {
    pub name: String,
    pub value: String,
}

/// How long something took.
#[derive(Debug, Serialize, JsonSchema)]
struct NamedLength {
    what: String,
    ms: u64,
}

/// A command that changed something.
#[derive(Debug, Serialize, JsonSchema)]
struct ReportedChange {
    #[schemars(with = "String")]
    at: Timestamp,
    place: String,
    /// `main`, `undo`, `cleanup` or `lock`.
    part: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    title: String,
    /// Where it was run.
    host: String,
    command: String,
    /// How it ended; absent where no end is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
}

/// One line of the timeline.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct TimelineEntry {
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The same where the reader of the report is.
    pub local: String,
    /// Who carried the run out then.
    pub who: String,
    /// One of `run`, `system`, `check`, `decision`, `note`, `change`, `failure`, `wait`, `batch`, `skip`, `doubt`, `cleanup`.
    pub kind: String,
    pub text: String,
}

/// Prints the report of one run.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub(super) fn report(context: &Context, args: &cli::ReportArgs) -> Result<ProgramExit, Failure> {
    let NamedRun { looked, opening, head, .. } = named(context, &args.run)?;
    let report = RunReport::of(&looked, &opening, head);
    let out = &context.out.stdout;
    match args.format {
        ReportFormat::Md => out.text(&report.markdown()),
        ReportFormat::Json => print_json(context, "report", &report)?,
    }
    Ok(ProgramExit::Completed)
}

/// The parameters of a run as they may be shown.
pub(super) fn parameters(opening: &Opening) -> Vec<NamedValue> {
    opening.params.iter().map(|(name, value)| NamedValue { name: name.clone(), value: words::value(value) }).collect()
}

/// The timeline of a run.
pub(super) fn timeline(chronicle: &Chronicle) -> Vec<TimelineEntry> {
    let mut entries = Vec::new();
    let (mut interruptions, mut boot) = (0, "");
    let mut changing = std::collections::BTreeSet::new();
    for fact in &chronicle.facts {
        let mut tell = |kind: &str, text: String| {
            entries.push(TimelineEntry {
                at: fact.at.ts,
                local: local(fact.at.ts).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
                who: who(fact.uid, fact.login_uid),
                kind: kind.to_owned(),
                text,
            });
        };
        if !boot.is_empty() && boot != fact.boot_id {
            tell("run", "the host was rebooted before this".to_owned());
        }
        boot = &fact.boot_id;
        let ends_change = match &fact.event {
            Event::StepBegan { place, part, command, .. } if command.effect != Effect::Read => {
                changing.insert((place, *part));
                true
            }
            Event::StepEnded { place, part, .. } => changing.remove(&(place, *part)),
            _ => false,
        };
        match &fact.event {
            Event::Interrupted { .. } => interruptions += 1,
            Event::Resumed { .. } => interruptions = 0,
            _ => {}
        }
        if let Some(told) = words::timeline(&fact.event, ends_change, interruptions) {
            tell(told.kind, told.text);
        }
    }
    entries
}

fn changes(looked: &Looked) -> Vec<ReportedChange> {
    let mut changes: Vec<(&Place, Part, ReportedChange)> = Vec::new();
    for fact in &looked.chronicle.facts {
        match &fact.event {
            Event::StepBegan { place, part, command, .. } if command.effect != Effect::Read => {
                let change = ReportedChange {
                    at: fact.at.ts,
                    place: place.to_string(),
                    part: part.name().to_owned(),
                    title: looked.title(place).to_owned(),
                    host: command.host.clone().unwrap_or_else(|| looked.summary.host.clone()),
                    command: words::brief(command),
                    result: None,
                    took_ms: None,
                };
                changes.push((place, *part, change));
            }
            Event::StepEnded { place, part, verdict, took, exit, .. } => {
                let open = changes.iter_mut().rev().find(|(at, of, change)| *at == place && of == part && change.result.is_none());
                if let Some((.., change)) = open {
                    change.result = Some(format!("{} ({})", words::part_outcome(*part, verdict), words::exit(exit)));
                    change.took_ms = u64::try_from(took.as_millis()).ok();
                }
            }
            _ => {}
        }
    }
    changes.into_iter().map(|(.., change)| change).collect()
}

/// How long the stretches of the run took, and its longest steps. Lengths are measured within one start of the machine.
fn durations(looked: &Looked) -> Vec<NamedLength> {
    let facts = &looked.chronicle.facts;
    let Some((first, last)) = facts.first().zip(facts.last()) else { return Vec::new() };
    let between = |what: &str, from: Option<(Moment, &str)>, to: Option<(Moment, &str)>| {
        let (from, to) = from.zip(to)?;
        let ms = u64::try_from(to.0.since(from.0).as_millis()).ok()?;
        (from.1 == to.1).then(|| NamedLength { what: what.to_owned(), ms })
    };
    let at = |is: &dyn Fn(&Event) -> bool| facts.iter().find(|fact| is(&fact.event)).map(|fact| (fact.at, fact.boot_id.as_str()));
    let (began, ended) = (Some((first.at, first.boot_id.as_str())), Some((last.at, last.boot_id.as_str())));
    let planned = at(&|event| matches!(event, Event::Planned { .. }));
    let changed = at(&|event| matches!(event, Event::StepBegan { command, .. } if command.effect != Effect::Read));
    let mut found: Vec<_> = [
        between("from the beginning to the last record", began, ended),
        between("preflight", began, planned),
        between("from the plan to the first change (with the operator's answers)", planned, changed),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut steps: Vec<NamedLength> = facts
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::StepEnded { place, part: Part::Main, took, .. } if took.as_secs() > 0 => {
                Some(NamedLength { what: format!("step {place}"), ms: u64::try_from(took.as_millis()).ok()? })
            }
            _ => None,
        })
        .collect();
    steps.sort_by_key(|length| std::cmp::Reverse(length.ms));
    found.extend(steps.into_iter().take(5));
    found
}

impl RunReport {
    fn of(looked: &Looked, opening: &Opening, head: String) -> Self {
        let state = &looked.chronicle.past.state;
        Self {
            status: RunStatus::of(looked, &[]),
            source: opening.source.clone(),
            runbook_sha256: opening.runbook_sha256.clone(),
            version: opening.version.clone(),
            parameters: parameters(opening),
            systems: state.systems.values().map(|system| system.name.clone()).collect(),
            durations: durations(looked),
            changes: changes(looked),
            timeline: timeline(&looked.chronicle),
            owed: RunStatus::owed(state),
            unreadable: looked.chronicle.unreadable,
            head: head.trim_end().to_owned(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        let status = &self.status;
        let _ = writeln!(text, "# {} {}: {}\n", status.kind(), status.run, escaped(&status.title));
        let mut facts = vec![
            ("Runbook", format!("{} ({}, SHA-256 {})", status.runbook, self.source, self.runbook_sha256)),
            ("State", status.is.clone()),
            ("Began", format!("{} by {} on {}", both(status.began), status.operator, status.host)),
            ("Last record", both(status.last)),
            ("halligan", self.version.clone()),
        ];
        facts.extend(self.systems.iter().map(|system| ("System", system.clone())));
        facts.extend(self.parameters.iter().map(|parameter| ("Parameter", format!("{} = {}", parameter.name, parameter.value))));
        for (name, fact) in facts {
            let _ = writeln!(text, "- {name}: {}", escaped(&fact));
        }
        if self.unreadable > 0 {
            let _ = writeln!(text, "- **{} records of this run could not be read; the report lacks them**", self.unreadable);
        }
        text.push_str("\n## Summary\n\n");
        text.push_str("To fill in: what happened, who was affected, from when to when.\n\n");
        for (heading, hint) in [
            ("Impact", "To fill in: what did not work for whom, and how it was noticed."),
            ("Cause", "To fill in."),
            ("What went well, what did not", "To fill in."),
            ("Actions", "To fill in: what, who, until when."),
        ] {
            let _ = writeln!(text, "## {heading}\n\n{hint}\n");
        }
        let rows = |entries: &mut dyn Iterator<Item = &TimelineEntry>| {
            let mut rows = String::from("| UTC | local | who | kind | what |\n| --- | --- | --- | --- | --- |\n");
            for entry in entries {
                let cells = [utc(entry.at), entry.local.clone(), entry.who.clone(), entry.kind.clone(), entry.text.clone()];
                let _ = writeln!(rows, "| {} |", cells.map(|cell| escaped(&cell)).join(" | "));
            }
            rows
        };
        let of_kind = |kind: &'static str| self.timeline.iter().filter(move |entry| entry.kind == kind);
        for (heading, kind) in [("Decisions and overrides", "decision"), ("Notes", "note")] {
            let _ = writeln!(text, "## {heading}\n");
            if of_kind(kind).next().is_none() {
                text.push_str("None.\n\n");
            } else {
                let _ = writeln!(text, "{}", rows(&mut of_kind(kind)));
            }
        }
        text.push_str("## What was changed\n\n");
        if self.changes.is_empty() {
            text.push_str("Nothing.\n\n");
        } else {
            text.push_str("| UTC | host | step | command | result |\n| --- | --- | --- | --- | --- |\n");
            for change in &self.changes {
                let part = if change.part == Part::Main.name() { String::new() } else { format!(" ({})", change.part) };
                let took =
                    change.took_ms.map(|ms| format!(", {}", show_duration(std::time::Duration::from_millis(ms)))).unwrap_or_default();
                let result = change.result.as_ref().map_or_else(|| "no end recorded".to_owned(), |result| format!("{result}{took}"));
                let step = if change.title.is_empty() { change.place.clone() } else { format!("{}: {}", change.place, change.title) };
                let cells = [utc(change.at), change.host.clone(), step + &part, change.command.clone(), result];
                let _ = writeln!(text, "| {} |", cells.map(|cell| escaped(&cell)).join(" | "));
            }
            text.push('\n');
        }
        text.push_str("## Left behind\n\n");
        let doubted = status.in_doubt.iter().map(|doubt| format!("in doubt: {doubt}"));
        let owed = self.owed.iter().map(|owed| format!("cleanup owed: {}: {}", owed.place, owed.command));
        let left: Vec<String> = doubted.chain(owed).collect();
        if left.is_empty() {
            text.push_str("Nothing is in doubt, and no cleanup is owed.\n");
        }
        for left in left {
            let _ = writeln!(text, "- {}", escaped(&left));
        }
        text.push_str("\n## Durations\n\n");
        for length in &self.durations {
            let _ = writeln!(text, "- {}: {}", escaped(&length.what), show_duration(std::time::Duration::from_millis(length.ms)));
        }
        let _ = write!(text, "\n## Timeline\n\n{}\n", rows(&mut self.timeline.iter()));
        let _ = write!(text, "## Journal head\n\n```text\n{}\n```\n", visible(&self.head));
        text
    }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn both(at: Timestamp) -> String {
    format!("{} ({})", utc(at), local(at).strftime("%Y-%m-%d %H:%M:%S %:z"))
}
