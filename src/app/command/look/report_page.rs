//! The report of a run as a page to read and to fill in, and that page as Markdown.

use std::{fmt::Write, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::reported::{NamedLength, ReportedChange, RunReport, TimelineEntry};
use crate::{
    app::command::markdown::escaped,
    event::Part,
    quantity::show_duration,
    words::{self, moment::local, sanitise::line as visible},
};

/// A page of sections. All of its text is as it was recorded, with nothing escaped.
#[derive(Debug, Serialize)]
pub(super) struct ReportPage {
    pub title: String,
    /// Each with what it is.
    facts: Vec<(&'static str, String)>,
    /// What the report lacks.
    warnings: Vec<String>,
    sections: Vec<PageSection>,
}

#[derive(Debug, Serialize)]
struct PageSection {
    heading: &'static str,
    #[serde(flatten)]
    body: SectionBody,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "body")]
enum SectionBody {
    /// For a person to fill in: what.
    Fill(&'static str),
    Text(&'static str),
    List(Vec<String>),
    Table {
        head: [&'static str; 5],
        rows: Vec<[String; 5]>,
    },
    Code(String),
}

/// What a post-mortem has that no journal knows.
const OPEN: [(&str, &str); 5] = [
    ("Summary", "what happened, who was affected, from when to when."),
    ("Impact", "what did not work for whom, and how it was noticed."),
    ("Cause", ""),
    ("What went well, what did not", ""),
    ("Actions", "what, who, until when."),
];

const ENTRIES: [&str; 5] = ["UTC", "local", "who", "kind", "what"];

impl ReportPage {
    pub(super) fn of(report: &RunReport) -> Self {
        let status = &report.status;
        let mut facts = vec![
            ("Runbook", format!("{} ({}, SHA-256 {})", status.runbook, report.source, report.runbook_sha256)),
            ("State", status.is.clone()),
            ("Began", format!("{} by {} on {}", both(status.began), status.operator, status.host)),
            ("Last record", both(status.last)),
            ("halligan", report.version.clone()),
        ];
        facts.extend(report.systems.iter().map(|system| ("System", system.clone())));
        facts.extend(report.parameters.iter().map(|parameter| ("Parameter", format!("{} = {}", parameter.name, parameter.value))));
        let lost =
            (report.unreadable > 0).then(|| format!("{} records of this run could not be read; the report lacks them", report.unreadable));
        let mut sections: Vec<PageSection> = OPEN.map(|(heading, hint)| PageSection { heading, body: SectionBody::Fill(hint) }).into();
        let of_kind = |kind: &str| table(ENTRIES, report.timeline.iter().filter(|entry| entry.kind == kind).map(entry).collect(), "None.");
        let has_shells = report.timeline.iter().any(|entry| entry.kind == "shell");
        let lengths = report.durations.iter().map(length);
        sections.extend(
            [
                ("Decisions and overrides", of_kind("decision")),
                ("Notes", of_kind("note")),
                ("What was changed", table(["UTC", "host", "step", "command", "result"], changes(report), "Nothing.")),
                ("Left behind", left_behind(report)),
                ("Durations", SectionBody::List(lengths.collect())),
                ("Timeline", SectionBody::Table { head: ENTRIES, rows: report.timeline.iter().map(entry).collect() }),
                ("Journal head", SectionBody::Code(report.head.clone())),
            ]
            .map(|(heading, body)| PageSection { heading, body }),
        );
        if has_shells {
            let after = sections.iter().position(|section| section.heading == "Notes").map_or(sections.len(), |index| index + 1);
            sections.insert(after, PageSection { heading: "Shells beside the run", body: of_kind("shell") });
        }
        Self { title: format!("{} {}: {}", status.kind(), status.run, status.title), facts, warnings: lost.into_iter().collect(), sections }
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n", escaped(&self.title));
        for (name, fact) in &self.facts {
            let _ = writeln!(text, "- {name}: {}", escaped(fact));
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "- **{warning}**");
        }
        for section in &self.sections {
            let _ = write!(text, "\n## {}\n\n", section.heading);
            match &section.body {
                SectionBody::Fill("") => text.push_str("To fill in.\n"),
                SectionBody::Fill(hint) => {
                    let _ = writeln!(text, "To fill in: {hint}");
                }
                SectionBody::Text(words) => {
                    let _ = writeln!(text, "{words}");
                }
                SectionBody::List(points) => {
                    for point in points {
                        let _ = writeln!(text, "- {}", escaped(point));
                    }
                }
                SectionBody::Table { head, rows } => {
                    let _ = writeln!(text, "| {} |\n|{}", head.join(" | "), " --- |".repeat(head.len()));
                    for row in rows {
                        let _ = writeln!(text, "| {} |", row.each_ref().map(|cell| escaped(cell)).join(" | "));
                    }
                }
                SectionBody::Code(code) => {
                    let _ = writeln!(text, "```text\n{}\n```", visible(code));
                }
            }
        }
        text
    }
}

/// A table, or what is said where it has no rows.
fn table(head: [&'static str; 5], rows: Vec<[String; 5]>, none: &'static str) -> SectionBody {
    if rows.is_empty() { SectionBody::Text(none) } else { SectionBody::Table { head, rows } }
}

fn entry(entry: &TimelineEntry) -> [String; 5] {
    [utc(entry.at), entry.local.clone(), entry.who.clone(), entry.kind.clone(), entry.text.clone()]
}

/// How long something took, beside how long it took in earlier runs.
fn length(length: &NamedLength) -> String {
    let took = Duration::from_millis(length.ms);
    let told = format!("{}: {}", length.what, show_duration(took));
    let Some(earlier) = &length.earlier else { return told };
    let (least, most) = (Duration::from_millis(earlier.least_ms), Duration::from_millis(earlier.most_ms));
    // Less than that is not told.
    let second = Duration::from_secs(1);
    let against = if took > most + second {
        ", longer than"
    } else if took + second < least {
        ", shorter than"
    } else {
        ", as"
    };
    format!("{told}{against} earlier ({}, {} times)", words::between(least, most), earlier.of)
}

fn changes(report: &RunReport) -> Vec<[String; 5]> {
    let row = |change: &ReportedChange| {
        let part = if change.part == Part::Main.name() { String::new() } else { format!(" ({})", change.part) };
        let took = change.took_ms.map(|ms| format!(", {}", show_duration(Duration::from_millis(ms)))).unwrap_or_default();
        let result = change.result.as_ref().map_or_else(|| "no end recorded".to_owned(), |result| format!("{result}{took}"));
        let step = if change.title.is_empty() { change.place.clone() } else { format!("{}: {}", change.place, change.title) };
        [utc(change.at), change.host.clone(), step + &part, change.command.clone(), result]
    };
    report.changes.iter().map(row).collect()
}

fn left_behind(report: &RunReport) -> SectionBody {
    let doubted = report.status.in_doubt.iter().map(|doubt| format!("in doubt: {doubt}"));
    let owed = report.owed.iter().map(|owed| format!("cleanup owed: {}: {}", owed.place, owed.command));
    let left: Vec<String> = doubted.chain(owed).collect();
    if left.is_empty() { SectionBody::Text("Nothing is in doubt, and no cleanup is owed.") } else { SectionBody::List(left) }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn both(at: Timestamp) -> String {
    format!("{} ({})", utc(at), local(at).strftime("%Y-%m-%d %H:%M:%S %:z"))
}
