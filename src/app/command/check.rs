//! `halligan check`: every fault of every file, at once.

use std::io::{self, Write};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::printed;
use crate::{
    app::{exit::ProgramExit, failure::explain},
    cli::CheckFormat,
    runbook::{
        called,
        diagnostic::{PlacedFault, Report},
        library::{Library, LibraryError},
        resolve,
        sarif::SarifLog,
    },
    ui::layout::Page,
    words::sanitise,
};

/// How to check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckManner<'a> {
    pub format: CheckFormat,
    /// A warning is a failure too.
    pub strict: bool,
    /// The day against which reviews are old.
    pub today: Date,
    /// Faults are drawn for a terminal; else they are plain text.
    pub drawn: Option<&'a Page>,
}

/// What `halligan check --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct CheckReport {
    files: Vec<CheckedFile>,
}

/// A runbook that was checked.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckedFile {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// It can be carried out.
    ok: bool,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    faults: Vec<PlacedFault>,
}

/// Checks runbooks, given by path or by name, and says everything that is wrong with them.
///
/// # Errors
/// The output cannot be written.
pub(crate) fn check(library: &Library, runbooks: &[String], manner: CheckManner<'_>, out: &mut dyn Write) -> io::Result<ProgramExit> {
    let mut exit = ProgramExit::Completed;
    let json = manner.format == CheckFormat::Json;
    let told = matches!(manner.format, CheckFormat::Text | CheckFormat::Plain);
    let (mut files, mut reports, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    for what in runbooks {
        let (report, whole) = match library.find(what) {
            Ok(source) => {
                let (runbook, report) = resolve(source);
                match runbook {
                    Some(runbook) => {
                        let report = resolve::warnings(&runbook, report, manner.today).with(called::faults(&runbook, library));
                        let whole = report.errors() == 0;
                        (report, whole)
                    }
                    None => (report, false),
                }
            }
            Err(LibraryError::Refused(report)) => (*report, false),
            Err(error) => {
                if exit == ProgramExit::Completed {
                    exit = ProgramExit::Usage;
                }
                unread.push(explain(&error));
                if json {
                    let (error, hint) = (Some(explain(&error)), error.hint());
                    files.push(CheckedFile { file: what.clone(), sha256: None, ok: false, error, hint, faults: Vec::new() });
                } else if told {
                    write!(out, "{}", refused(&error))?;
                }
                continue;
            }
        };
        if !whole {
            exit = ProgramExit::BadRunbook;
        } else if manner.strict && report.warnings() > 0 && exit == ProgramExit::Completed {
            exit = ProgramExit::CheckFailed;
        }
        if json {
            let (file, sha256) = (report.source.name.clone(), Some(report.source.sha256.clone()));
            files.push(CheckedFile { file, sha256, ok: whole, error: None, hint: None, faults: report.placed() });
        } else if told {
            write!(out, "{}", faults(&report, manner.drawn))?;
            writeln!(out, "{}", verdict(&report))?;
        }
        reports.push(report);
    }
    if manner.format == CheckFormat::Sarif {
        writeln!(out, "{}", printed::page(&SarifLog::of(&reports, &unread))?)?;
    }
    if json {
        writeln!(out, "{}", printed::page(&CheckReport { files })?)?;
    }
    Ok(exit)
}

/// Why there is no runbook to look at, and what would be right. It names files and what was typed, which may be anything.
#[must_use]
pub(crate) fn refused(error: &LibraryError) -> String {
    let hint = error.hint().map(|hint| format!("  = help: {}\n", sanitise::line(&hint))).unwrap_or_default();
    format!("error: {}\n{hint}", sanitise::line(&explain(error)))
}

/// The faults of a file, drawn for a terminal or as plain text.
#[must_use]
pub(crate) fn faults(report: &Report, drawn: Option<&Page>) -> String {
    match drawn {
        Some(page) if page.style.unicode => report.graphical(page.width, page.style.colour),
        _ => report.plain(),
    }
}

fn verdict(report: &Report) -> String {
    if report.errors() + report.warnings() == 0 { format!("{}: OK", report.source.name) } else { report.to_string() }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::runbook::library::Shelf;

    #[test]
    fn every_file_is_checked_and_the_worst_decides() {
        let folder = tempfile::tempdir().unwrap();
        let good =
            "halligan: 1\nname: good\ntitle: Good\nsummary: Good\nreviewed: 2026-01-01\nsteps:\n- {id: a, run: [true], effect: read}\n";
        std::fs::write(folder.path().join("good.yaml"), good.replace("[true]", "['true']")).unwrap();
        std::fs::write(folder.path().join("bad.yaml"), good).unwrap();
        let library = Library::new(vec![Shelf::Folder(folder.path().to_owned())]);
        let run = |names: &[&str], json| {
            let format = if json { CheckFormat::Json } else { CheckFormat::Text };
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut out = Vec::new();
            let exit =
                check(&library, &names, CheckManner { format, strict: true, today: date(2026, 2, 1), drawn: None }, &mut out).unwrap();
            (exit, String::from_utf8(out).unwrap())
        };
        assert_eq!(run(&["good"], false).0, ProgramExit::Completed);
        std::fs::write(folder.path().join("old.yaml"), good.replace("good", "old").replace("2026", "2020").replace("[true]", "[x]"))
            .unwrap();
        assert_eq!(run(&["old"], false).0, ProgramExit::CheckFailed);
        assert_eq!(run(&["nowhere"], false).0, ProgramExit::Usage);
        let (exit, text) = run(&["good", "bad", "nowhere"], false);
        assert_eq!(exit, ProgramExit::BadRunbook);
        assert!(text.contains("good.yaml: OK") && text.contains("error[wrong-type]") && text.contains("error: runbook `"), "{text}");
        let (_, text) = run(&["bad"], true);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(
            value
                .pointer("/files/0/faults")
                .unwrap()
                .as_array()
                .unwrap()
                .iter()
                .any(|fault| fault["line"] == 7 && fault["code"] == "wrong-type")
        );
    }
}
