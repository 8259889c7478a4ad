//! `halligan journal verify` and `head`: whether the record holds, and how long it is.

use std::{io::Write, path::Path};

use schemars::JsonSchema;
use serde::Serialize;

use super::error::{Result, within};
use crate::{
    app::command::printed,
    journal::{
        Head,
        reader::Snapshot,
        verify::{self, JournalVerdict},
    },
    words::sanitise::line as visible,
};

/// What `halligan journal verify --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct VerifyReport {
    verdict: &'static str,
    /// The line of the journal that is not as it was written.
    line: Option<u64>,
    /// Where that line stands.
    file: Option<String>,
    file_line: Option<u64>,
    fault: Option<String>,
    records: u64,
    /// Of the whole journal: what a head holds.
    sha256: String,
    /// Lines that crashes have cut short.
    torn_lines: u64,
    runs: usize,
}

/// What `halligan journal head --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct HeadReport {
    /// The head as it is stored elsewhere, and given to `journal verify --head`.
    head: String,
    origin: String,
    records: u64,
    sha256: String,
}

impl HeadReport {
    pub(super) fn of(head: &Head) -> Self {
        Self { head: head.to_string(), origin: head.origin.clone(), records: head.size, sha256: head.hash.to_string() }
    }
}

/// Recomputes the journal, and holds it against these heads. 0 if it is valid, else 1.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn verify(out: &mut dyn Write, dir: &Path, heads: &[Head], json: bool) -> Result<u8> {
    let found = within(dir, verify::verify(dir, heads))?;
    if json {
        let fault = if let JournalVerdict::Invalid { fault, .. } = &found.verdict { Some(fault.to_string()) } else { None };
        let report = VerifyReport {
            verdict: found.verdict.name(),
            line: found.verdict.line(),
            file: found.place.as_ref().map(|(path, _)| path.display().to_string()),
            file_line: found.place.as_ref().map(|(_, line)| *line),
            fault,
            records: found.records,
            sha256: found.hash.to_string(),
            torn_lines: found.torn_lines,
            runs: found.runs,
        };
        writeln!(out, "{}", printed::line(&report)?)?;
    } else {
        writeln!(out, "{}", visible(&found.verdict.to_string()))?;
        if let (Some(line), Some((path, there))) = (found.verdict.line(), &found.place) {
            writeln!(out, "{}", visible(&format!("line {line} of the journal is line {there} of {}", path.display())))?;
        }
        if found.torn_lines > 0 {
            writeln!(out, "{} lines were cut short by crashes and are marked as such", found.torn_lines)?;
        }
    }
    Ok(u8::from(!found.verdict.holds()))
}

/// Prints the head, to be kept elsewhere.
///
/// # Errors
/// The journal cannot be read, or its end is damaged.
pub(super) fn head(out: &mut dyn Write, dir: &Path, json: bool) -> Result<u8> {
    let head = within(dir, Snapshot::take(dir).and_then(|snapshot| snapshot.head(dir)))?;
    if json {
        writeln!(out, "{}", printed::line(&HeadReport::of(&head))?)?;
    } else {
        writeln!(out, "{}", visible(&head.to_string()))?;
    }
    Ok(0)
}
