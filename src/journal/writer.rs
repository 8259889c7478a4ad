//! Appends records. The order of what is done here is what the journal promises; see `docs/journal.md`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    FILE, JournalError,
    chain::{Chain, Link},
    digest::Digest,
    disk::{self, Disk, Local, Lock},
    head::Head,
    identity::{Identity, Moment},
    ladder::Ladder,
    output::{OutputFile, Outputs},
    record::{Durability, Header, Record, Synced, Text, VERSION},
    shape::Body,
    tail::Tail,
};
use crate::{
    event::{Effect, Event, RunId},
    ports::{Capture, Ledger, LedgerError},
};

/// How long another process may take over its append.
const PATIENCE: Duration = Duration::from_secs(30);

/// Kept free for what has to be recorded of a change once it has begun, in bytes.
const RESERVE: u64 = 64 << 10;

/// A journal that is open for appending. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: File,
    identity: Identity,
    ladder: Ladder,
    pub(super) outputs: Outputs,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tail: Tail,
    /// Space is reserved up to here.
    reserved: u64,
    /// Why nothing may be written any more.
    poison: Option<String>,
    /// Continues the chain with the records that went to the ladder.
    stray: Option<Chain>,
}

/// One record, before it has its place in the chain.
struct Entry<'e> {
    run: RunId,
    kind: &'static str,
    moment: Moment,
    body: &'e Body,
    /// It has to be on the disk before anything else is done.
    sync: bool,
    /// Begins something that changes the world.
    change: bool,
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
        let file = disk::open_append(&*on, &path).map_err(doing("opening", &path))?;
        let metadata = file.metadata().map_err(doing("looking at", &path))?;
        let why = if metadata.is_file() { disk::exposed(&metadata) } else { Some("it is not a plain file".to_owned()) };
        if let Some(why) = why {
            return Err(JournalError::Exposed { path, why });
        }
        // Whoever made the file may not have come to this.
        on.sync_dir(dir).map_err(doing("syncing", dir))?;

        let tail = {
            let _lock = lock(&*on, &file)?;
            Tail::find(&*on, &file)?
        };
        let state = Mutex::new(State { tail, reserved: 0, poison: None, stray: None });
        let outputs = Outputs::on(Arc::clone(&on), output);
        let shared = Shared { disk: on, path, file, identity, ladder, outputs, state };
        Ok(Self { shared: Arc::new(shared) })
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

    /// How long the journal is, and its hash, as of the last record that this process has seen.
    #[must_use]
    pub fn head(&self) -> Head {
        let state = self.shared.state();
        let dir = disk::parent(&self.shared.path);
        Head::new(&self.shared.identity.host, dir, state.tail.chain.records(), state.tail.chain.head())
    }

    /// The file of records.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
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
        self.shared.outputs.read(sha256)
    }
}

fn doing(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let doing = format!("{verb} {}", path.display());
    move |source| JournalError::Io { doing, source }
}

fn lock<'f>(disk: &dyn Disk, file: &'f File) -> Result<Lock<'f>, JournalError> {
    let locked = Lock::exclusive(disk, file, PATIENCE);
    locked
        .map_err(|source| JournalError::Io { doing: "locking the journal".to_owned(), source })?
        .ok_or(JournalError::Busy { seconds: PATIENCE.as_secs() })
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn poison(&self, why: &str) {
        self.state().poison.get_or_insert_with(|| why.to_owned());
    }

    /// The next line of a chain of which this much is on the disk.
    fn line(&self, chain: &Chain, synced: u64, entry: &Entry<'_>) -> Result<Vec<u8>, JournalError> {
        let who = &self.identity;
        let header = Header {
            v: VERSION,
            seq: chain.next_seq(),
            prev: chain.last(),
            kind: entry.kind.into(),
            ts: entry.moment.ts,
            mono_ns: entry.moment.mono_ns,
            boot_id: who.boot_id.as_str().into(),
            run: entry.run,
            sync: if synced == chain.records() { Synced::All } else { Synced::UpTo(synced) },
            host: who.host.as_str().into(),
            uid: who.uid,
            login_uid: who.login_uid,
            tty: who.tty.as_deref().map(Text::from),
            ssh: who.ssh.as_deref().map(Text::from),
        };
        let record = Record { header, body: entry.body.clone() };
        record.line().map_err(|fault| JournalError::Unreadable { why: fault.to_string() })
    }

    /// Appends one record; gives the error and what became of the record otherwise.
    fn append(&self, entry: &Entry<'_>) -> Result<(), LedgerError> {
        let mut state = self.state();
        let failure = match &state.poison {
            Some(why) => JournalError::Poisoned { why: why.clone() },
            None => match self.append_to(&mut state, entry) {
                Ok(()) => return Ok(()),
                // Nothing was written, and nothing has begun that would have to be recorded.
                Err(error @ JournalError::NoRoom { .. }) => return Err(ledger_error(error, "")),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                    state.poison = Some(format!("{error}{}", source.unwrap_or_default()));
                    error
                }
            },
        };
        let mut chain = state.stray.take().unwrap_or_else(|| state.tail.chain.clone());
        let fate = match self.line(&chain, state.tail.synced, entry) {
            Ok(line) => {
                chain.push(&line);
                self.ladder.keep(entry.run, &line).to_string()
            }
            Err(error) => error.to_string(),
        };
        state.stray = Some(chain);
        Err(ledger_error(failure, &fate))
    }

    fn append_to(&self, state: &mut State, entry: &Entry<'_>) -> Result<(), JournalError> {
        let State { tail, reserved, .. } = state;
        let _lock = lock(&*self.disk, &self.file)?;
        self.still_there()?;
        tail.catch_up(&*self.disk, &self.file)?;

        self.mend_to(tail, entry.run)?;

        let mut chain = tail.chain.clone();
        let mut synced = tail.synced;
        let line = self.line(&chain, synced, entry)?;
        if !matches!(chain.push(&line), Link::Record { .. }) {
            let why = chain.stretch().map_or_else(String::new, |stretch| stretch.fault.to_string());
            return Err(JournalError::Unreadable { why });
        }
        let end = tail.size + line.len() as u64;
        if entry.change && *reserved < end + RESERVE {
            let bytes = line.len() as u64 + 2 * RESERVE;
            let reserve = disk::patiently(|| self.disk.reserve(&self.file, tail.size, bytes));
            reserve.map_err(|source| JournalError::NoRoom { bytes, source })?;
            *reserved = tail.size + bytes;
        }
        self.write(&line)?;
        if entry.sync {
            self.sync()?;
            synced = chain.records();
        }
        *tail = Tail { chain, size: end, fragment: Vec::new(), synced };
        Ok(())
    }

    /// Closes a line that was cut short, and commits what does not follow.
    fn mend_to(&self, tail: &mut Tail, run: RunId) -> Result<(), JournalError> {
        if tail.fragment.is_empty() && tail.chain.stretch().is_none() {
            return Ok(());
        }
        let mut chain = tail.chain.clone();
        let mut size = tail.size + tail.fragment.len() as u64;
        let mut text = Vec::new();
        if !tail.fragment.is_empty() {
            // Its writer was killed or out of space. If only its newline is missing, this makes it whole.
            text.push(b'\n');
            chain.push(&[tail.fragment.as_slice(), b"\n"].concat());
        }
        if let Some(torn) = chain.torn() {
            let body = Body::Torn(torn);
            let entry = Entry { run, kind: "torn", moment: Moment::now(), body: &body, sync: true, change: false };
            let line = self.line(&chain, tail.synced, &entry)?;
            chain.push(&line);
            text.extend(line);
        }
        // What is committed must be what is found again.
        self.sync()?;
        self.write(&text)?;
        self.sync()?;
        size += text.len() as u64;
        let synced = chain.records();
        *tail = Tail { chain, size, fragment: Vec::new(), synced };
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), JournalError> {
        disk::write_once(&*self.disk, &self.file, bytes).map_err(doing("writing to", &self.path))
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.disk.sync_data(&self.file).map_err(doing("syncing", &self.path))
    }

    /// The file we write to is the one that others will look for.
    fn still_there(&self) -> Result<(), JournalError> {
        let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (fs::symlink_metadata(&self.path).map(inode), self.file.metadata().map(inode)) {
            (Ok(named), Ok(open)) if named == open => Ok(()),
            _ => Err(JournalError::Replaced { path: self.path.clone() }),
        }
    }
}

fn ledger_error(error: JournalError, fate: &str) -> LedgerError {
    let what = if fate.is_empty() { error.to_string() } else { format!("{error}; {fate}") };
    match error {
        JournalError::Io { source, .. } | JournalError::NoRoom { source, .. } => LedgerError { what, source: Some(source) },
        _ => LedgerError { what, source: None },
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
        Event::RunOpened(_) | Event::Checked { .. } | Event::Planned { .. } | Event::Staggered { .. } | Event::BatchBegan { .. } => true,
        // It matters once a step inside begins, and that is synced.
        Event::CleanupDue { .. } => true,
        Event::StepPredicted { .. } | Event::StepSkipped { .. } | Event::StepReached { .. } => true,
        Event::Overridden { .. } | Event::Confirmed { .. } | Event::Declined { .. } | Event::Note { .. } => false,
        Event::StepBegan { .. } | Event::StepSignalled { .. } | Event::StepEnded { .. } => false,
        Event::DoubtResolved { .. } | Event::Owed { .. } | Event::Interrupted { .. } | Event::Resumed { .. } | Event::RunClosed { .. } => {
            false
        }
    }
}

impl Ledger for RunLedger {
    fn append(&self, event: &Event) -> Result<(), LedgerError> {
        let Some(body) = Body::of(event) else { return Ok(()) };
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
        self.journal.append(&Entry { run, kind, moment, body, sync, change })
    }

    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        if let Some(why) = &self.journal.state().poison {
            return Err(ledger_error(JournalError::Poisoned { why: why.clone() }, ""));
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
