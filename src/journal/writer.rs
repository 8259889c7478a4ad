//! Appends records. The order of what is done here is what the journal promises; see `docs/journal.md`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    capture::OutputFile,
    disk::{self, Disk, Local},
    error::JournalError,
    head::Head,
    identity::Identity,
    ladder::Ladder,
    location::FILE,
    month::MonthFile,
    output::Outputs,
    reader::Snapshot,
    record::Durability,
    shape::{Body, Note, Removed},
    shared::{ChainState, NewRecord, Shared, doing, ledger_error, lock},
    tail::Tail,
};
use crate::{
    digest::Digest,
    event::{Effect, Event, RunId, moment::Moment},
    ports::{Capture, Ledger, LedgerError},
};

/// A journal that is open for appending. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(super) shared: Arc<Shared>,
}

impl Journal {
    /// Opens the journal in a directory, and makes both if they are not there.
    ///
    /// # Errors
    /// It cannot be written, it is not ours alone, or its end is damaged or newer than this program.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        Self::open_with(dir, Ladder::default())
    }

    /// The same, with other places for what the journal cannot take.
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_with(dir: &Path, ladder: Ladder) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(Local), dir, ladder, Identity::read())
    }

    /// The same, on a file system of its own, and in another's name.
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_on(on: Arc<dyn Disk>, dir: &Path, ladder: Ladder, identity: Identity) -> Result<Self, JournalError> {
        let output = dir.join("output");
        for dir in [dir, &output, &dir.join("heads")] {
            disk::make_dirs(&*on, dir).map_err(doing("making the directory", dir))?;
            let metadata = fs::metadata(dir).map_err(doing("looking at", dir))?;
            if let Some(why) = disk::exposed(&metadata) {
                return Err(JournalError::Exposed { path: dir.to_owned(), why });
            }
        }
        let path = dir.join(FILE);
        let (file, tail) = Self::open_end(&*on, dir, &path)?;
        tracing::debug!(
            path = %path.display(),
            bytes = tail.size,
            records = tail.chain.records(),
            cut_short = tail.fragment.len(),
            "the journal is open for appending"
        );
        let state = Mutex::new(ChainState { tail, reserved: 0, poison: None, stray: None });
        let outputs = Outputs::on(Arc::clone(&on), output);
        let shared = Shared { disk: on, path, file, identity, ladder, outputs, state };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The file that is written to, and its end.
    fn open_end(on: &dyn Disk, dir: &Path, path: &Path) -> Result<(File, Tail), JournalError> {
        loop {
            let has_records = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > 0);
            if !has_records && !MonthFile::all(dir).map_err(JournalError::reading)?.is_empty() {
                return Err(JournalError::Gone { path: path.to_owned() });
            }
            let file = disk::open_append(on, path).map_err(doing("opening", path))?;
            let metadata = file.metadata().map_err(doing("looking at", path))?;
            let why = if metadata.is_file() { disk::exposed(&metadata) } else { Some("it is not a plain file".to_owned()) };
            if let Some(why) = why {
                return Err(JournalError::Exposed { path: path.to_owned(), why });
            }
            // Whoever made the file, or put it in its place, may not have come to this.
            on.sync_dir(dir).map_err(doing("syncing", dir))?;
            let locked = lock(on, &file)?;
            // Archiving may have put another in its place while this waited.
            if disk::stands_at(&file, path) {
                let tail = Tail::find(on, &file)?;
                drop(locked);
                return Ok((file, tail));
            }
        }
    }

    /// The ledger of one run, new or resumed.
    #[must_use]
    pub fn begin_run(&self, run: RunId, durability: Durability) -> RunLedger {
        RunLedger { journal: Arc::clone(&self.shared), run, durability, unsynced: Arc::default() }
    }

    /// Commits what a crash has left behind, so that the journal verifies again; `run` is who asks for it. The next append
    /// would do it too.
    ///
    /// # Errors
    /// What was left is damage that no crash does, or it cannot be written.
    pub fn mend(&self, run: RunId) -> Result<(), JournalError> {
        let mut state = self.shared.state();
        if let Some(why) = &state.poison {
            return Err(JournalError::Poisoned { why: why.clone() });
        }
        let _lock = lock(&*self.shared.disk, &self.shared.file)?;
        self.shared.still_there()?;
        state.tail.catch_up(&*self.shared.disk, &self.shared.file)?;
        let mended = self.shared.mend_to(&mut state.tail, run);
        if let Err(error) = &mended {
            state.poison = Some(error.to_string());
        }
        mended
    }

    /// Records that this journal is gone on with in this file: as a copy of where it stood before, or as that of a host which this one
    /// takes the place of; `run` is who asks for it. Nothing for a copy of a journal that has no mark.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn settle_here(&self, run: RunId, adopted: Option<&str>) -> Result<(), LedgerError> {
        let cannot = |error: JournalError| ledger_error(error, None);
        let mark = Snapshot::take(self.directory()).and_then(|snapshot| snapshot.mark()).map_err(cannot)?;
        let journal = mark.map(|mark| mark.now_in(&self.shared.file)).transpose().map_err(|error| cannot(JournalError::reading(error)))?;
        let text = match adopted {
            Some(host) => format!("this journal is that of host {host}, and is gone on with here; it is not used there any more"),
            None if journal.is_some() => "this journal is a copy, and is gone on with here; its original is not used any more".to_owned(),
            None => return Ok(()),
        };
        let body = &Body::Note(Note { place: None, text, taken: None, journal, adopted: adopted.map(str::to_owned), person: false });
        self.shared.append(&NewRecord { run, kind: "note", moment: Moment::now(), body, sync: true, change: false })
    }

    /// Records that these files of killed runs are removed now.
    ///
    /// # Errors
    /// It cannot be written, or no run was recorded yet, whose record must be the first.
    pub(crate) fn record_removed(&self, paths: Vec<String>) -> Result<(), JournalError> {
        let mut state = self.shared.state();
        if state.tail.chain.records() == 0 {
            return Err(JournalError::Unreadable { why: "a journal begins with a run".to_owned() });
        }
        let body = &Body::Removed(Removed { paths });
        let entry = NewRecord { run: RunId::NONE, kind: "removed", moment: Moment::now(), body, sync: true, change: false };
        self.shared.append_to(&mut state, &entry)
    }

    /// How long the journal is, and its hash, as of the last record that this process has seen.
    #[must_use]
    pub fn head(&self) -> Head {
        let state = self.shared.state();
        let dir = disk::parent(&self.shared.path);
        let mark = Snapshot::take(dir).and_then(|snapshot| snapshot.mark()).ok().flatten();
        Head::new(&self.shared.identity.host, dir, state.tail.chain.records(), state.tail.chain.head()).of_journal(mark.as_ref())
    }

    /// The file of records.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Where it is kept.
    #[must_use]
    pub(crate) fn directory(&self) -> &Path {
        disk::parent(&self.shared.path)
    }

    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// What a command printed, by the hash in its record.
    ///
    /// # Errors
    /// It is not there, or not what it was.
    pub fn read_output(&self, sha256: &str) -> io::Result<Vec<u8>> {
        self.shared.outputs.read(sha256, u64::MAX - 1)
    }
}

/// Where one run's events go.
#[derive(Debug)]
pub struct RunLedger {
    journal: Arc<Shared>,
    run: RunId,
    durability: Durability,
    /// Outputs that have to be synced when the run is closed.
    unsynced: Arc<Mutex<BTreeSet<Digest>>>,
}

impl RunLedger {
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }
}

/// Nothing is done on the strength of this fact before another is on the disk: it may come there with that one. It is in the
/// file at once all the same, where the end of this process does not reach it.
fn rides_along(event: &Event) -> bool {
    match event {
        // Named by its pid, a process ends with the machine; what settled a step follows from how its command ended.
        Event::StepSpawned { .. } | Event::StepSettled { .. } => true,
        Event::RunOpened(_)
        | Event::Identified { .. }
        | Event::Checked { .. }
        | Event::AnswerShared { .. }
        | Event::Planned { .. }
        | Event::Staggered { .. }
        | Event::BatchBegan { .. } => true,
        // It matters once a step inside begins, and that is synced.
        Event::CleanupDue { .. } => true,
        Event::StepPredicted { .. } | Event::StepSkipped { .. } | Event::StepReached { .. } => true,
        // What keeps a step from beginning, and why it is begun all the same.
        Event::HoldFailed { .. } | Event::HoldOverridden { .. } => false,
        Event::Overridden { .. } | Event::Confirmed { .. } | Event::Declined { .. } | Event::Note { .. } => false,
        Event::StepBegan { .. } | Event::StepSignalled { .. } | Event::StepEnded { .. } => false,
        Event::SettledByHand { .. } | Event::Shell { .. } => false,
        Event::DoubtResolved { .. } | Event::Owed { .. } | Event::Interrupted { .. } | Event::Resumed { .. } | Event::RunClosed { .. } => {
            false
        }
    }
}

impl Ledger for RunLedger {
    fn append(&self, event: &Event) -> Result<(), LedgerError> {
        let body = Body::of(event);
        let change = matches!(event, Event::StepBegan { command, .. } if command.effect != Effect::Read);
        let closes = matches!(event, Event::RunClosed { .. });
        if closes {
            let unsynced = std::mem::take(&mut *self.unsynced.lock().unwrap_or_else(PoisonError::into_inner));
            if let Err(error) = self.journal.outputs.sync(&unsynced) {
                self.journal.poison(&format!("syncing what commands printed failed: {error}"));
            }
        }
        let sync = closes || self.durability == Durability::EachRecord && !rides_along(event);
        let (run, kind, moment, body) = (self.run, event.name(), Moment::now(), &body);
        self.journal.append(&NewRecord { run, kind, moment, body, sync, change })
    }

    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        if let Some(why) = &self.journal.state().poison {
            return Err(ledger_error(JournalError::Poisoned { why: why.clone() }, None));
        }
        let unsynced = match self.durability {
            Durability::EachRecord => None,
            Durability::AtClose => Some(Arc::clone(&self.unsynced)),
        };
        Ok(Box::new(OutputFile::new(Arc::clone(&self.journal), self.run, unsynced)))
    }
}

#[cfg(test)]
mod tests;
