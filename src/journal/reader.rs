//! Reads a journal from its first byte, in bounded memory, beside those who write.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use indexmap::IndexMap;
use serde::Serialize;

use super::{
    disk::{self, Local, Lock, Window},
    error::JournalError,
    head::Head,
    identity::Identity,
    lines::Lines,
    mark::JournalMark,
    marked,
    record::{Glance, Line, Record},
    shape::Body,
    tail::Tail,
};
use crate::event::{Mode, Outcome, RunId};

/// The journal file of a directory, as long as it is now.
#[derive(Debug)]
pub struct Snapshot {
    file: File,
    size: u64,
}

impl Snapshot {
    /// # Errors
    /// It is not there, or not for us to read.
    pub fn take(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(super::location::FILE);
        let cannot = |source| JournalError::Io { doing: format!("reading {}", path.display()), source };
        let file = disk::open_plain(&path).map_err(cannot)?;
        // Who writes holds the lock for as long as a line is half there. One who holds it for longer is stuck.
        let lock = Lock::shared(&file, Duration::from_secs(2)).map_err(cannot)?;
        let size = file.metadata().map_err(cannot)?.len();
        drop(lock);
        Ok(Self { file, size })
    }

    pub fn lines(&self) -> Lines<Window<'_>> {
        Lines::new(self.window())
    }

    /// Where this journal stood when it was written, and why that was not here; `None` if it was, or if nobody can say.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn copied(&self) -> Result<Option<&'static str>, JournalError> {
        let Some(begun) = self.mark()? else { return Ok(None) };
        let mark = marked::last(begun, self.lines()).map_err(JournalError::reading)?;
        let now = mark.now_in(&self.file).map_err(JournalError::reading)?;
        Ok(mark.elsewhere(&now))
    }

    /// Whether this journal is known to have been written on this machine, in this file.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn is_of_this_machine(&self) -> Result<bool, JournalError> {
        let Some(begun) = self.mark()? else { return Ok(false) };
        let mark = marked::last(begun, self.lines()).map_err(JournalError::reading)?;
        let now = mark.now_in(&self.file).map_err(JournalError::reading)?;
        Ok(mark.machine.is_some() && mark.machine == now.machine && mark.elsewhere(&now).is_none())
    }

    /// The mark that the journal was begun with, if it was.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn mark(&self) -> Result<Option<JournalMark>, JournalError> {
        marked::first(self.lines()).map_err(JournalError::reading)
    }

    /// The journal as it is now, if anything was written since.
    ///
    /// # Errors
    /// Another file is in its place, or it is shorter, which no halligan does to it; or the file system's.
    pub fn grown(&self, dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = dir.join(super::location::FILE);
        let cannot = |source| JournalError::Io { doing: format!("reading {}", path.display()), source };
        let (now, then) = (fs::symlink_metadata(&path).map_err(cannot)?, self.file.metadata().map_err(cannot)?);
        if (now.dev(), now.ino()) != (then.dev(), then.ino()) {
            return Err(cannot(io::Error::other("another file has taken its place")));
        }
        if now.len() < self.size {
            return Err(cannot(io::Error::other(format!("it had {} bytes, and has {}", self.size, now.len()))));
        }
        if now.len() == self.size { Ok(None) } else { Self::take(dir).map(Some) }
    }

    /// What it has beyond an earlier one of the same directory.
    pub fn lines_after(&self, earlier: &Self) -> Lines<Window<'_>> {
        Lines::new(Window { position: earlier.size, ..self.window() })
    }

    pub(super) fn window(&self) -> Window<'_> {
        Window { disk: &Local, file: &self.file, position: 0, end: self.size }
    }

    /// How many lines seem to be of each run, at a glance.
    pub(super) fn records_of_runs(&self) -> io::Result<HashMap<RunId, u64>> {
        let mut counts = HashMap::new();
        let mut lines = self.lines();
        while let Some(raw) = lines.read()? {
            if let Some(glance) = Glance::at(raw.bytes) {
                *counts.entry(glance.run).or_insert(0) += 1;
            }
        }
        Ok(counts)
    }

    /// The journal's head, found from its end.
    ///
    /// # Errors
    /// The end is damaged or newer than this program.
    pub fn head(&self, dir: &Path) -> Result<Head, JournalError> {
        let chain = Tail::find(&Local, &self.file)?.chain;
        let mark = marked::first(self.lines()).map_err(JournalError::reading)?;
        Ok(Head::new(&Identity::read().host, dir, chain.records(), chain.head()).of_journal(mark.as_ref()))
    }
}

/// A run in a few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunSummary {
    pub id: RunId,
    pub runbook: String,
    pub title: String,
    pub mode: Mode,
    pub opened: jiff::Timestamp,
    pub boot_id: String,
    pub host: String,
    pub uid: u32,
    pub login_uid: Option<u32>,
    pub tty: Option<String>,
    pub ssh: Option<String>,
    /// Whether its clock was kept in step with others; `None` if nobody knew.
    pub clock_synchronised: Option<bool>,
    /// `None` while it is open, or if it crashed (no end recorded).
    pub outcome: Option<Outcome>,
    /// How often the operator has interrupted it since it was begun or resumed.
    pub interruptions: usize,
    /// Its last record of an end says that it owes something.
    pub owes: bool,
    /// Steps of its plan; `None` if it did not come so far.
    pub planned: Option<usize>,
    /// Steps that were settled or skipped; each item of a loop counts.
    pub settled: usize,
}

/// All runs, in the order of their opening.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Runs {
    pub runs: Vec<RunSummary>,
    /// Lines that are damaged or newer, as far as a glance shows.
    pub unreadable: u64,
}

/// Lists all runs. Only glances at most lines: `verify` is what finds damage.
///
/// # Errors
/// The file system's.
pub(crate) fn runs(snapshot: &Snapshot) -> Result<Runs, JournalError> {
    let mut runs: IndexMap<RunId, RunSummary> = IndexMap::new();
    let mut unreadable = 0;
    let mut lines = snapshot.lines();
    while let Some(raw) = lines.read().map_err(JournalError::reading)? {
        let Some(glance) = Glance::at(raw.bytes) else {
            unreadable += 1;
            continue;
        };
        match glance.kind {
            b"step_settled" | b"step_skipped" => {
                if let Some(run) = runs.get_mut(&glance.run) {
                    run.settled += 1;
                }
            }
            b"interrupted" => {
                if let Some(run) = runs.get_mut(&glance.run) {
                    run.interruptions += 1;
                }
            }
            b"run_opened" | b"planned" | b"resumed" | b"run_closed" => match Line::read(raw.bytes) {
                Ok(Line::Record(record)) => summarise(&mut runs, *record),
                Ok(Line::Newer { .. }) | Err(_) => unreadable += 1,
            },
            _ => {}
        }
    }
    Ok(Runs { runs: runs.into_values().collect(), unreadable })
}

fn summarise(runs: &mut IndexMap<RunId, RunSummary>, record: Record<'_>) {
    let Record { header, body } = record;
    if let Body::RunOpened(opening) = body {
        runs.entry(header.run).or_insert_with(|| RunSummary {
            id: header.run,
            runbook: opening.runbook,
            title: opening.title,
            mode: opening.mode,
            opened: header.ts,
            boot_id: header.boot_id.0.into_owned(),
            host: header.host.0.into_owned(),
            uid: header.uid,
            login_uid: header.login_uid,
            tty: header.tty.map(|text| text.0.into_owned()),
            ssh: header.ssh.map(|text| text.0.into_owned()),
            clock_synchronised: opening.clock_synchronised,
            outcome: None,
            interruptions: 0,
            owes: false,
            planned: None,
            settled: 0,
        });
        return;
    }
    let Some(run) = runs.get_mut(&header.run) else { return };
    match body {
        Body::Planned(plan) => run.planned = Some(plan.steps),
        Body::Resumed(_) => {
            run.outcome = None;
            run.interruptions = 0;
            run.boot_id = header.boot_id.0.into_owned();
        }
        Body::RunClosed(closing) => {
            run.outcome = Some(closing.outcome);
            run.owes = !closing.owed.is_empty();
        }
        _ => {}
    }
}
