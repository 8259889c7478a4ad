//! Moves the oldest records of a journal, those of closed runs, into files of their own, one for each month.
//!
//! A kill or a loss of power may come between any two of these steps, and between any two calls of one:
//!
//! 1. What an archiving has left that did not come to its end is taken away: month files that begin where the journal's file does or
//!    later, which nobody reads (see `month`), and a new journal's file that has not taken its place.
//! 2. The month files are written and synced, and then their names. They only double what stands in the journal's file still.
//! 3. The rest is written into a new file, with a record at its end that says what was archived and in which file the journal stands
//!    from then on, and synced. So no journal's file is ever without a record, and the first one tells which month files count.
//! 4. The new file takes the journal's place by one rename. Before it, all stands as it stood. After it, the month files count, which
//!    were on the disk before.
//! 5. The journal's directory is synced. Where the power fails before that, the one file is there or the other, each whole: nobody
//!    has appended to the new one yet, since whoever opens it syncs the directory first (`Journal::open_end`).
//!
//! All of it under the lock of the old file: whoever waits for that opens the new one. No run is under way.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    chain::Chain,
    disk::{self, Disk, Window},
    error::JournalError,
    history::{histories, may_owe},
    lines::Lines,
    mark::JournalMark,
    month::{DIRECTORY, Month, MonthFile},
    reader::{Snapshot, runs},
    record::{Glance, Line},
    shape::{Archived, Body},
    shared::{ChainState, NewRecord, Shared, doing, lock},
    writer::Journal,
};
use crate::event::{Mode, RunId, moment::Moment};

/// The new journal's file until it takes its place.
const NEW: &str = "journal.jsonl.new";

/// What was archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archiving {
    /// The files, in the journal's directory, and the first and the last record of each.
    pub files: Vec<(PathBuf, u64, u64)>,
    /// A run that is not closed or owes something: what is older than asked for stays from its first record on.
    pub kept_by: Option<RunId>,
}

/// Why nothing was archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchivingError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    UnderWay(String),
    #[error("it is a copy: {0}")]
    Copy(&'static str),
}

/// A stretch of the journal's file that becomes a month file.
#[derive(Debug)]
struct MonthCut {
    file: MonthFile,
    /// The number of its last record.
    last: u64,
    /// In bytes.
    from: u64,
    to: u64,
}

/// One of which the end is not known yet.
struct CutBegun {
    cut: MonthCut,
    month: Month,
    /// There is a record of a run in it.
    runs: bool,
}

impl Journal {
    /// Archives what closed runs have recorded before a moment. `under_way` says why it must not be, and is asked while nobody can
    /// append.
    ///
    /// # Errors
    /// A run is under way, the journal is a copy, or it cannot be read or written. Nothing was archived then, or all of it.
    pub fn archive(&self, before: Timestamp, under_way: &dyn Fn() -> Option<String>) -> Result<Archiving, ArchivingError> {
        let (shared, dir) = (&*self.shared, self.directory());
        let snapshot = Snapshot::take(dir)?;
        if let Some(why) = snapshot.copied()? {
            return Err(ArchivingError::Copy(why));
        }
        let Some(first) = snapshot.first_live_record().map_err(JournalError::reading)? else {
            return Ok(Archiving { files: Vec::new(), kept_by: None });
        };
        let open = open_runs(&snapshot)?;
        let mark = snapshot.mark()?;
        let mut state = shared.state();
        let _lock = lock(&*shared.disk, &shared.file)?;
        shared.still_there()?;
        state.tail.catch_up(&*shared.disk, &shared.file)?;
        if let Some(why) = under_way() {
            return Err(ArchivingError::UnderWay(why));
        }
        shared.mend_to(&mut state.tail, RunId::NONE)?;
        shared.clear(dir, first)?;
        let (cuts, kept_by) = shared.cuts(&state, snapshot.live_size(), &open, before).map_err(JournalError::reading)?;
        if cuts.is_empty() {
            return Ok(Archiving { files: Vec::new(), kept_by });
        }
        let moved = shared
            .write_months(dir, &cuts)
            .and_then(|()| shared.write_rest(dir, &cuts, &state, mark.as_ref()))
            .and_then(|()| shared.disk.rename(&dir.join(NEW), &shared.path).map_err(doing("replacing", &shared.path)));
        if let Err(error) = moved {
            // What cannot be taken away now is the next time: nobody reads it.
            let _ = shared.clear(dir, first);
            return Err(error.into());
        }
        shared.disk.sync_dir(dir).map_err(doing("syncing", dir))?;
        Ok(Archiving { files: cuts.iter().map(|cut| (cut.file.path(), cut.file.first, cut.last)).collect(), kept_by })
    }
}

/// Real runs that are not closed, or owe something.
fn open_runs(snapshot: &Snapshot) -> Result<BTreeSet<RunId>, JournalError> {
    let unended = runs(snapshot)?.runs.into_iter().filter(|run| run.mode == Mode::Real && run.outcome.is_none()).map(|run| run.id);
    let owing = histories(snapshot, &may_owe(snapshot)?.into_iter().collect())?;
    let owing = owing.into_values().filter(|history| history.unreadable > 0 || !history.past.state.owed.is_empty());
    Ok(unended.chain(owing.map(|history| history.run)).collect())
}

impl Shared {
    fn window(&self, from: u64, to: u64) -> Window<'_> {
        Window { disk: &*self.disk, file: &self.file, position: from, end: to }
    }

    /// Takes away what an archiving has left that did not come to its end. `first` is the first record of the journal's file.
    fn clear(&self, dir: &Path, first: u64) -> Result<(), JournalError> {
        let remove = |path: &Path| match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(doing("removing", path)(error)),
            _ => Ok(()),
        };
        remove(&dir.join(NEW))?;
        let left: Vec<_> = MonthFile::all(dir).map_err(JournalError::reading)?.into_iter().filter(|month| month.first >= first).collect();
        left.iter().try_for_each(|month| remove(&dir.join(month.path())))
    }

    /// Where the journal's file is cut: before records that nothing older goes on after. What is cut off are the first bytes of it, up
    /// to `end` at most. Beside that, the first open run that keeps what is older than `before` where it is.
    fn cuts(&self, state: &ChainState, end: u64, open: &BTreeSet<RunId>, before: Timestamp) -> io::Result<(Vec<MonthCut>, Option<RunId>)> {
        let mut last_lines: HashMap<RunId, u64> = HashMap::new();
        let mut lines = Lines::new(self.window(0, state.tail.size));
        while let Some(raw) = lines.read()? {
            if let Some(glance) = Glance::at(raw.bytes) {
                last_lines.insert(glance.run, raw.number);
            }
        }
        // The records of no run are about the journal itself, and go with those around them.
        last_lines.remove(&RunId::NONE);
        let (mut cuts, mut begun): (Vec<MonthCut>, Option<CutBegun>) = (Vec::new(), None);
        let (mut chain, mut reach, mut kept_by, mut at): (Option<Chain>, u64, Option<RunId>, u64) = (None, 0, None, 0);
        let mut lines = Lines::new(self.window(0, end));
        while let Some(raw) = lines.read()? {
            if let Ok(Line::Record(record)) = Line::read(raw.bytes) {
                let header = &record.header;
                let chain = chain.get_or_insert_with(|| Chain::before(header.seq, header.prev));
                let (month, whole) = (Month::of(header.ts), reach < raw.number && chain.stretch().is_none());
                let over = header.ts >= before;
                if whole && let Some(CutBegun { cut, month: began, runs: true }) = &mut begun {
                    (cut.last, cut.to) = (header.seq.saturating_sub(1), at);
                    if over || *began != month {
                        cuts.extend(begun.take().map(|begun| begun.cut));
                    }
                }
                if over {
                    break;
                }
                let ours = begun.get_or_insert_with(|| CutBegun {
                    cut: MonthCut { file: MonthFile::new(header.seq, month), last: 0, from: at, to: at },
                    month,
                    runs: false,
                });
                if !ours.runs && header.run != RunId::NONE {
                    // What is said of the journal goes with the run after it, and never alone.
                    (ours.cut.file, ours.month, ours.runs) = (MonthFile::new(ours.cut.file.first, month), month, true);
                }
                if open.contains(&header.run) {
                    kept_by.get_or_insert(header.run);
                    reach = u64::MAX;
                }
                reach = reach.max(last_lines.get(&header.run).copied().unwrap_or(0));
            }
            if let Some(chain) = &mut chain {
                chain.push(raw.bytes);
            }
            at += raw.bytes.len() as u64;
        }
        if let (Some(CutBegun { cut, runs: true, .. }), Some(chain)) = (&mut begun, &chain)
            && at == end
            && reach <= lines.number
            && chain.stretch().is_none()
        {
            (cut.last, cut.to) = (chain.records(), at);
        }
        // One that goes on where the journal cannot be cut ends where it could be cut last.
        cuts.extend(begun.map(|begun| begun.cut).filter(|cut| cut.to > cut.from));
        Ok((cuts, kept_by))
    }

    fn write_months(&self, dir: &Path, cuts: &[MonthCut]) -> Result<(), JournalError> {
        let below = dir.join(DIRECTORY);
        disk::make_dirs(&*self.disk, &below).map_err(doing("making the directory", &below))?;
        for cut in cuts {
            let path = dir.join(cut.file.path());
            let file = self.disk.create(&path).map_err(doing("making", &path))?;
            copy(&*self.disk, self.window(cut.from, cut.to), &file).map_err(doing("writing", &path))?;
            self.disk.sync_data(&file).map_err(doing("syncing", &path))?;
        }
        self.disk.sync_dir(&below).map_err(doing("syncing", &below))
    }

    fn write_rest(&self, dir: &Path, cuts: &[MonthCut], state: &ChainState, mark: Option<&JournalMark>) -> Result<(), JournalError> {
        let Some(last) = cuts.last() else { return Ok(()) };
        let path = dir.join(NEW);
        let file = self.disk.create(&path).map_err(doing("making", &path))?;
        let body = &Body::Archived(Archived {
            last: last.last,
            files: cuts.iter().map(|cut| cut.file.path().display().to_string()).collect(),
            journal: mark.map(|mark| mark.now_in(&file)).transpose().map_err(doing("looking at", &path))?,
        });
        let chain = &state.tail.chain;
        let entry = NewRecord { run: RunId::NONE, kind: "archived", moment: Moment::now(), body, sync: true, change: false };
        // All of the file is synced before it is the journal's.
        let line = self.line(chain, chain.records(), &entry)?;
        copy(&*self.disk, self.window(last.to, state.tail.size), &file).map_err(doing("writing", &path))?;
        disk::write_once(&*self.disk, &file, &line).map_err(doing("writing", &path))?;
        self.disk.sync_data(&file).map_err(doing("syncing", &path))
    }
}

/// Appends all that is to be read.
fn copy(disk: &dyn Disk, mut from: Window<'_>, to: &File) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut left = from.end.saturating_sub(from.position);
    while left > 0 {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        disk::write_once(disk, to, &buffer[..read])?;
        left -= read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
