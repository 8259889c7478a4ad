//! `halligan journal verify` and `head`: whether the record holds, and how long it is.

use std::{io::Write, path::Path};

use super::error::{Result, within};
use crate::{
    journal::{
        Head,
        reader::Snapshot,
        verify::{self, JournalVerdict},
    },
    words::sanitise::{self, line as visible},
};

/// Recomputes the journal, and holds it against these heads. 0 if it is valid, else 1.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn verify(out: &mut dyn Write, dir: &Path, heads: &[Head], json: bool) -> Result<u8> {
    let found = within(dir, verify::verify(dir, heads))?;
    if json {
        let fault = if let JournalVerdict::Invalid { fault, .. } = &found.verdict { Some(fault.to_string()) } else { None };
        let value = serde_json::json!({
            "verdict": found.verdict.name(),
            "line": found.verdict.line(),
            "file": found.place.as_ref().map(|(path, _)| path.display().to_string()),
            "file_line": found.place.as_ref().map(|(_, line)| line),
            "fault": fault,
            "records": found.records,
            "sha256": found.hash,
            "torn_lines": found.torn_lines,
            "runs": found.runs,
        });
        writeln!(out, "{}", sanitise::json(&value.to_string()))?;
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
pub(super) fn head(out: &mut dyn Write, dir: &Path) -> Result<u8> {
    let head = within(dir, Snapshot::take(dir).and_then(|snapshot| snapshot.head(dir)))?;
    writeln!(out, "{}", visible(&head.to_string()))?;
    Ok(0)
}
