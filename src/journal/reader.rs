//! Reads a journal from its first byte, in bounded memory, beside those who write.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    disk::{self, Local, Lock, Window},
    error::JournalError,
    extent::{Extent, Extents, Stretches},
    head::Head,
    identity::Identity,
    lines::Lines,
    mark::JournalMark,
    marked,
    month::MonthFile,
    record::{Glance, Line, Record},
    shape::Body,
    tail::Tail,
};
use crate::event::{Mode, Outcome, RunId};

/// The journal of a directory, as long as it is now: its archived months, and the file that is written to.
#[derive(Debug)]
pub struct Snapshot {
    archived: Vec<JournalPart>,
    live: JournalPart,
}

/// A file of a journal.
#[derive(Debug)]
struct JournalPart {
    /// In the journal's directory.
    path: PathBuf,
    file: File,
    size: u64,
}

impl JournalPart {
    fn window(&self) -> Window<'_> {
        Window { disk: &Local, file: &self.file, position: 0, end: self.size }
    }

    /// The number of its first record; `None` if it has none that can be read.
    fn first_record(&self) -> io::Result<Option<u64>> {
        let mut lines = Lines::new(self.window());
        // A crash may have left a piece before it, and damage more.
        for _ in 0..4 {
            let Some(raw) = lines.read()? else { break };
            match Line::read(raw.bytes) {
                Ok(Line::Record(record)) => return Ok(Some(record.header.seq)),
                Ok(Line::Newer { seq, .. }) => return Ok(Some(seq)),
                Err(_) => {}
            }
        }
        Ok(None)
    }
}

impl Snapshot {
    /// # Errors
    /// It is not there, or not for us to read.
    pub fn take(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(super::location::FILE);
        let cannot = |source| JournalError::Io { doing: format!("reading {}", path.display()), source };
        // In this order: what was archived before this file took its place is there.
        let file = disk::open_plain(&path);
        let mut months = MonthFile::all(dir).map_err(JournalError::reading)?;
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !months.is_empty() => return Err(JournalError::Gone { path }),
            file => file.map_err(cannot)?,
        };
        // Who writes holds the lock for as long as a line is half there. One who holds it for longer is stuck.
        let lock = Lock::shared(&file, Duration::from_secs(2)).map_err(cannot)?;
        let size = file.metadata().map_err(cannot)?.len();
        drop(lock);
        let live = JournalPart { path: super::location::FILE.into(), file, size };
        if !months.is_empty() {
            if size == 0 {
                return Err(JournalError::Gone { path });
            }
            let first = live.first_record().map_err(cannot)?.unwrap_or(u64::MAX);
            months.retain(|month| month.first < first);
        }
        let archived = months.into_iter().map(|month| {
            let path = month.path();
            let cannot = |source| JournalError::Io { doing: format!("reading {}", dir.join(&path).display()), source };
            let file = disk::open_plain(&dir.join(&path)).map_err(cannot)?;
            let size = file.metadata().map_err(cannot)?.len();
            Ok(JournalPart { path, file, size })
        });
        Ok(Self { archived: archived.collect::<Result<_, _>>()?, live })
    }

    pub fn lines(&self) -> Lines<SnapshotReader<'_>> {
        Lines::new(self.from(0))
    }

    /// The lines in these extents of it.
    pub(crate) fn stretches(&self, extents: impl IntoIterator<Item = Extent>) -> Stretches<SnapshotReader<'_>> {
        Stretches::new(self.from(0), extents)
    }

    /// Where this journal stood when it was written, and why that was not here; `None` if it was, or if nobody can say.
    ///
    /// # Errors
    /// The file system's.
    pub fn copied(&self) -> Result<Option<&'static str>, JournalError> {
        Ok(self.standing()?.and_then(|(mark, now)| mark.elsewhere(&now)))
    }

    /// Whether this journal is known to have been written on this machine, in this file.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn is_of_this_machine(&self) -> Result<bool, JournalError> {
        let ours = |(mark, now): (JournalMark, JournalMark)| {
            mark.machine.is_some() && mark.machine == now.machine && mark.elsewhere(&now).is_none()
        };
        Ok(self.standing()?.is_some_and(ours))
    }

    /// Whether this journal was begun on this machine, in this file, as far as anybody can say. It may have been gone on with elsewhere.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn begun_here(&self) -> Result<bool, JournalError> {
        let Some(begun) = self.mark()? else { return Ok(true) };
        let now = begun.now_in(&self.live.file).map_err(JournalError::reading)?;
        Ok(begun.elsewhere(&now).is_none())
    }

    /// Where it stood as of its records, and where it stands now; `None` for one that was begun without a mark.
    fn standing(&self) -> Result<Option<(JournalMark, JournalMark)>, JournalError> {
        let Some(begun) = self.mark()? else { return Ok(None) };
        let mark = marked::last(begun, self.lines()).map_err(JournalError::reading)?;
        let now = mark.now_in(&self.live.file).map_err(JournalError::reading)?;
        Ok(Some((mark, now)))
    }

    /// Whether a person has said on a host called `here` that it takes the place of this other one.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn adopted(&self, host: &str, here: &str) -> Result<bool, JournalError> {
        marked::adopted(self.lines(), host, here).map_err(JournalError::reading)
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
    /// Another file is in its place that does not go on with it, or it is shorter, which no halligan does to it; or the file system's.
    pub fn grown(&self, dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = dir.join(super::location::FILE);
        let cannot = |source| JournalError::Io { doing: format!("reading {}", path.display()), source };
        let (now, then) = (fs::symlink_metadata(&path).map_err(cannot)?, self.live.file.metadata().map_err(cannot)?);
        if (now.dev(), now.ino()) != (then.dev(), then.ino()) {
            let now = Self::take(dir)?;
            // Archiving moves records from file to file, and changes none.
            let archived = now.archived.len() > self.archived.len() && now.size() >= self.size();
            return if archived { Ok(Some(now)) } else { Err(cannot(io::Error::other("another file has taken its place"))) };
        }
        if now.len() < self.live.size {
            return Err(cannot(io::Error::other(format!("it had {} bytes, and has {}", self.live.size, now.len()))));
        }
        if now.len() == self.live.size { Ok(None) } else { Self::take(dir).map(Some) }
    }

    /// What it has beyond an earlier one of the same directory.
    pub fn lines_after(&self, earlier: &Self) -> Lines<SnapshotReader<'_>> {
        Lines::new(self.from(earlier.size()))
    }

    fn parts(&self) -> impl Iterator<Item = &JournalPart> {
        self.archived.iter().chain([&self.live])
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.parts().map(|part| part.size).sum()
    }

    /// How many bytes the file has that is written to.
    pub(super) fn live_size(&self) -> u64 {
        self.live.size
    }

    /// The number of the first record in the file that is written to; `None` if it has none that can be read.
    pub(super) fn first_live_record(&self) -> io::Result<Option<u64>> {
        self.live.first_record()
    }

    /// Reads its bytes from this one on.
    pub(super) fn from(&self, position: u64) -> SnapshotReader<'_> {
        SnapshotReader { snapshot: self, position }
    }

    /// In which file a line stands, and the how manyth it is there; `None` for a journal of one file.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn place_of(&self, line: u64) -> io::Result<Option<(PathBuf, u64)>> {
        if self.archived.is_empty() {
            return Ok(None);
        }
        let mut before = 0;
        for part in &self.archived {
            let mut lines = Lines::new(part.window());
            while lines.read()?.is_some() {}
            if line <= before + lines.number {
                return Ok(Some((part.path.clone(), line - before)));
            }
            before += lines.number;
        }
        Ok(Some((self.live.path.clone(), line - before)))
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
        let chain = Tail::find(&Local, &self.live.file)?.chain;
        let mark = self.mark()?;
        Ok(Head::new(&Identity::read().host, dir, chain.records(), chain.head()).of_journal(mark.as_ref()))
    }
}

/// Reads the files of a journal, one after the other.
#[derive(Debug)]
pub struct SnapshotReader<'s> {
    snapshot: &'s Snapshot,
    position: u64,
}

impl Read for SnapshotReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut begin = 0;
        for part in self.snapshot.parts() {
            let end = begin + part.size;
            if self.position >= end {
                begin = end;
                continue;
            }
            let read = Window { position: self.position - begin, ..part.window() }.read(buffer)?;
            if read == 0 && !buffer.is_empty() {
                // What follows in the next file does not follow from here.
                let what = format!("{} has become shorter", part.path.display());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
            self.position += read as u64;
            return Ok(read);
        }
        Ok(0)
    }
}

impl Seek for SnapshotReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(position) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.position = position;
        Ok(position)
    }
}

/// A run in a few words.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct RunSummary {
    pub id: RunId,
    pub runbook: String,
    pub title: String,
    pub mode: Mode,
    #[schemars(with = "String")]
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
    /// Where its records stand in the snapshot that it was found in.
    #[serde(skip)]
    pub extent: Extent,
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
    let mut extents = Extents::default();
    let mut unreadable = 0;
    let mut lines = snapshot.lines();
    while let Some(raw) = lines.read().map_err(JournalError::reading)? {
        let Some(glance) = Glance::at(raw.bytes) else {
            unreadable += 1;
            continue;
        };
        extents.note(glance.run, &raw);
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
    for (run, extent) in extents {
        if let Some(run) = runs.get_mut(&run) {
            run.extent = extent;
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
            extent: Extent::NONE,
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
