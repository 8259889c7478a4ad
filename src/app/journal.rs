//! `halligan journal`: what was done on this host, and whether the record of it holds.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::story::{self, Story};
use crate::{
    event::{Mode, Outcome, RunId},
    journal::{
        Digest, Head, JournalError,
        export::ExportError,
        head::BadHead,
        identity::{Identity, name_of},
        reader::{RunSummary, Runs, Snapshot, runs},
        record::{Glance, Line},
        signature::SignatureError,
        verify::{self, Verdict},
    },
    ui::{layout::Page, sanitise::line as visible},
};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum JournalCommandError {
    #[error("the journal in {} cannot be used: {source}", dir.display())]
    Journal { dir: PathBuf, source: JournalError },
    #[error("there is no run `{given}` in the journal")]
    NoSuchRun { given: String },
    #[error("`{given}` could be any of these runs: {}", candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Ambiguous { given: String, candidates: Vec<RunId> },
    #[error("{} holds no head", path.display())]
    Head { path: PathBuf, source: BadHead },
    #[error("{} cannot be read", path.display())]
    HeadFile { path: PathBuf, source: io::Error },
    #[error("{} cannot be written", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Signature(#[from] SignatureError),
    #[error("the run cannot be exported: {0}")]
    Export(#[from] ExportError),
    /// What there is to show cannot be written out.
    #[error("writing the output failed")]
    Output(#[from] io::Error),
}

impl JournalCommandError {
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Journal { .. } => 9,
            Self::NoSuchRun { .. } | Self::Ambiguous { .. } | Self::Head { .. } | Self::HeadFile { .. } => 2,
            Self::File { .. } => 2,
            Self::Signature(_) | Self::Export(_) | Self::Output(_) => 1,
        }
    }

    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Journal { source: JournalError::Io { source, .. }, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("nothing was run with this directory yet; name another with --journal-dir")
            }
            Self::Journal { source: JournalError::Io { .. }, .. } => {
                Some("see what the system says of that disk (dmesg); `halligan journal verify` tells what can be read")
            }
            Self::Journal { source, .. } => Some(source.hint()),
            Self::NoSuchRun { .. } => Some("`halligan journal list` shows all runs"),
            Self::Ambiguous { .. } => Some("give more of its digits"),
            Self::Head { .. } => Some("a head is what `halligan journal head` prints, and what stands at the end of each run"),
            Self::Signature(SignatureError::Unsigned { .. }) => Some(
                "put the signature beside it, with `.sig` at the end of its name; or leave out --allowed-signers to take the head at its word",
            ),
            Self::Signature(_) => {
                Some("name the key with --key, and load it into your agent if it is there; `ssh-keygen -Y` does the rest")
            }
            Self::HeadFile { .. } | Self::File { .. } | Self::Export(_) | Self::Output(_) => None,
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, JournalCommandError>;

pub(super) fn within<T>(dir: &Path, result: std::result::Result<T, JournalError>) -> Result<T> {
    result.map_err(|source| JournalCommandError::Journal { dir: dir.to_owned(), source })
}

/// All runs, the latest last; one JSON object a line with `json`.
///
/// # Errors
/// The journal cannot be read.
pub fn list(out: &mut dyn Write, dir: &Path, json: bool) -> Result<u8> {
    let Runs { runs, unreadable } = within(dir, Snapshot::take(dir).and_then(|snapshot| runs(&snapshot)))?;
    if json {
        for run in &runs {
            serde_json::to_writer(&mut *out, run).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        return Ok(0);
    }
    let boot_id = Identity::read().boot_id;
    let mut rows = vec![["RUN", "BEGAN", "RUNBOOK", "MODE", "DONE", "WHO", "ENDED"].map(String::from)];
    rows.extend(runs.iter().map(|run| {
        // A step in a loop counts once for each of its items, and a plan counts it once: one is not a part of the other.
        let steps = run.planned.map_or_else(|| "-".to_owned(), |_| run.settled.to_string());
        [
            run.id.to_string(),
            story::local(run.opened).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            visible(&run.runbook).into_owned(),
            mode(run.mode).to_owned(),
            steps,
            visible(&who(run.uid, run.login_uid)).into_owned(),
            ending(run, &boot_id).to_owned(),
        ]
    }));
    let widths: Vec<usize> = (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    if unreadable > 0 {
        writeln!(out, "{unreadable} lines could not be read: `halligan journal verify` says why")?;
    }
    Ok(0)
}

/// Tells one run as a story; with `json`, its records as they stand. `run` is its name or the beginning of it; `page`, the
/// terminal, if it goes to one.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub fn show(out: &mut dyn Write, dir: &Path, run: &str, json: bool, page: Option<Page>) -> Result<u8> {
    let snapshot = within(dir, Snapshot::take(dir))?;
    let found = within(dir, runs(&snapshot))?;
    let summary = choose(found.runs, run)?;
    let mut story = Story::new(dir, page);
    let mut head = None;
    let mut lines = snapshot.lines();
    while let Some(raw) = within(dir, lines.read().map_err(JournalError::reading))? {
        if Glance::at(raw.bytes).is_none_or(|glance| glance.run != summary.id) {
            continue;
        }
        if json {
            out.write_all(raw.bytes)?;
            continue;
        }
        match Line::read(raw.bytes) {
            Ok(Line::Record(record)) => {
                head = Some((record.header.seq, Digest::of(raw.bytes)));
                story.tell(out, &record)?;
            }
            Ok(Line::Newer { v, .. }) => {
                writeln!(out, "          line {} is in format {v}, which is newer than this halligan", raw.number)?;
            }
            Err(fault) => writeln!(out, "          line {} cannot be told: {}", raw.number, visible(&fault.to_string()))?,
        }
    }
    if !json {
        let head = head.map(|(seq, hash)| Head::new(&summary.host, dir, seq, hash).to_string());
        story.end(out, ending(&summary, &Identity::read().boot_id), head.as_deref())?;
    }
    Ok(0)
}

/// The run with this name, or the only one whose name begins so.
///
/// # Errors
/// There is none, or more than one.
pub fn choose(runs: Vec<RunSummary>, given: &str) -> Result<RunSummary> {
    let mut matching: Vec<_> = runs.into_iter().filter(|run| !given.is_empty() && run.id.to_string().starts_with(given)).collect();
    match matching.len() {
        1 => Ok(matching.remove(0)),
        0 => Err(JournalCommandError::NoSuchRun { given: given.to_owned() }),
        _ => {
            let candidates = matching.iter().map(|run| run.id).collect();
            Err(JournalCommandError::Ambiguous { given: given.to_owned(), candidates })
        }
    }
}

/// Recomputes the journal, and holds it against these heads. 0 if it is valid, else 1.
///
/// # Errors
/// The journal cannot be read.
pub fn verify(out: &mut dyn Write, dir: &Path, heads: &[Head], json: bool) -> Result<u8> {
    let found = within(dir, verify::verify(dir, heads))?;
    if json {
        let fault = if let Verdict::Invalid { fault, .. } = &found.verdict { Some(fault.to_string()) } else { None };
        let value = serde_json::json!({
            "verdict": found.verdict.name(),
            "line": found.verdict.line(),
            "fault": fault,
            "records": found.records,
            "sha256": found.hash,
            "torn_lines": found.torn_lines,
            "runs": found.runs,
        });
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}", visible(&found.verdict.to_string()))?;
        if found.torn_lines > 0 {
            writeln!(out, "{} lines were cut short by crashes, and committed as such", found.torn_lines)?;
        }
    }
    Ok(u8::from(!found.verdict.holds()))
}

/// Prints the head, to be kept elsewhere.
///
/// # Errors
/// The journal cannot be read, or its end is damaged.
pub fn head(out: &mut dyn Write, dir: &Path, json: bool) -> Result<u8> {
    let head = within(dir, Snapshot::take(dir).and_then(|snapshot| snapshot.head(dir)))?;
    if json {
        let value = serde_json::json!({ "origin": head.origin, "size": head.size, "sha256": head.hash });
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{head}")?;
    }
    Ok(0)
}

/// Who ran it: the one who logged in, if that is known.
pub(super) fn who(uid: u32, login_uid: Option<u32>) -> String {
    let name = |uid| name_of(uid).unwrap_or_else(|| format!("user {uid}"));
    match login_uid {
        Some(login) if login != uid => format!("{} as {}", name(login), name(uid)),
        _ => name(uid),
    }
}

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Real => "real",
        Mode::DryRun => "dry run",
        Mode::Rehearsal => "rehearsal",
    }
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Blocked => "blocked",
        Outcome::Declined => "declined",
        Outcome::Stopped => "stopped",
        Outcome::RolledBack => "rolled back",
        Outcome::Stuck => "stuck",
    }
}

fn ending(run: &RunSummary, boot_id: &str) -> &'static str {
    match run.outcome {
        Some(closed) => outcome(closed),
        None if run.boot_id == boot_id => "still open, or without a word",
        None => "without a word; restarted since",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn frozen() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/v1")
    }

    fn said(command: impl FnOnce(&mut dyn Write) -> Result<u8>) -> (u8, String) {
        let mut out = Vec::new();
        let code = command(&mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn lists_runs_with_how_they_ended() {
        let (code, text) = said(|out| list(out, &frozen(), false));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((code, lines.len()), (0, 5), "{text}");
        assert!(lines[1].starts_with("00000001") && lines[1].ends_with("stuck"), "{text}");
        assert!(lines[2].contains("dry run") && lines[2].ends_with("completed"), "{text}");
        assert!(lines[4].contains("1 lines could not be read"), "{text}");
        let (_, json) = said(|out| list(out, &frozen(), true));
        let values: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values.len(), 3);
    }

    #[test]
    fn tells_a_story_that_no_terminal_is_fooled_by() {
        let (code, text) = said(|out| show(out, &frozen(), "00000001", false, None));
        assert_eq!(code, 0);
        assert!(!text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text}");
        for part in [
            "the plan was confirmed at the terminal, typing `y`; shown was:\n          | Run 8 steps?\n          | Really?",
            "Restart \\u{202e}Ceph OSDs",
            "from 10.1.0.7",
            "param    token = (not shown)",
            "set_noout ended well (exit 0, took 1.2s, asked 3 times)",
            "ended    stuck: ok-to-stop said no",
            "in doubt try_6",
            "owed     nothing",
            "head     halligan-head v1 ",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(!text.contains("out of order"), "{text}");
    }

    #[test]
    fn gives_the_records_of_one_run_as_they_stand() {
        let (_, json) = said(|out| show(out, &frozen(), "00000003", true, None));
        let whole = fs::read_to_string(frozen().join("journal.jsonl")).unwrap();
        assert_eq!(json.lines().count(), 6);
        assert!(whole.ends_with(&json));
    }

    #[test]
    fn a_run_is_named_by_its_beginning_if_that_is_enough() {
        let failed = |given| show(&mut io::sink(), &frozen(), given, false, None).unwrap_err();
        assert!(matches!(failed("0"), JournalCommandError::Ambiguous { candidates, .. } if candidates.len() == 3));
        assert!(matches!(failed("7"), JournalCommandError::NoSuchRun { .. }));
        assert_eq!(failed("").exit_code(), 2);
    }

    #[test]
    fn says_whether_it_holds() {
        let (code, text) = said(|out| {
            let head = fs::read_to_string(frozen().join("head")).unwrap().parse().unwrap();
            verify(out, &frozen(), &[head], false)
        });
        assert_eq!(code, 0);
        assert!(text.starts_with("valid, anchored to ") && text.contains("1 lines were cut short"), "{text}");
        let (code, text) = said(|out| verify(out, &frozen(), &[], true));
        assert_eq!((code, serde_json::from_str::<serde_json::Value>(&text).unwrap()["verdict"].as_str()), (0, Some("valid_unanchored")));

        let temp = tempfile::tempdir().unwrap();
        let mut bytes = fs::read(frozen().join("journal.jsonl")).unwrap();
        let third = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 100;
        bytes[third] ^= 1;
        fs::write(temp.path().join("journal.jsonl"), bytes).unwrap();
        let (code, text) = said(|out| verify(out, temp.path(), &[], false));
        assert_eq!((code, text.starts_with("invalid at line 3: ")), (1, true), "{text}");

        let missing = verify(&mut io::sink(), &temp.path().join("none"), &[], false).unwrap_err();
        assert_eq!((missing.exit_code(), missing.hint().is_some()), (9, true));
    }

    #[test]
    fn the_head_is_the_same_from_the_end_as_from_the_beginning() {
        let kept: Head = fs::read_to_string(frozen().join("head")).unwrap().parse().unwrap();
        let (_, text) = said(|out| head(out, &frozen(), false));
        let found: Head = text.parse().unwrap();
        assert_eq!((found.size, found.hash), (kept.size, kept.hash));
    }
}
