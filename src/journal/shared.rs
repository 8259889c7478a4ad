//! What a journal's writers share: the file, its chain, its outputs.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    chain::{Chain, Link},
    disk::{self, Disk, Lock},
    error::JournalError,
    identity::Identity,
    join::Synced,
    ladder::Ladder,
    mark::JournalMark,
    output::Outputs,
    record::{Header, Record, Text},
    shape::{Body, RunOpened},
    tail::Tail,
};
use crate::{
    event::{RunId, moment::Moment},
    ports::LedgerError,
};

/// How long another process may take over its append.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Kept free for what has to be recorded of a change once it has begun, in bytes.
pub(super) const RESERVE: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub path: PathBuf,
    pub file: File,
    pub identity: Identity,
    pub ladder: Ladder,
    pub outputs: Outputs,
    pub state: Mutex<ChainState>,
}

#[derive(Debug)]
pub(super) struct ChainState {
    pub tail: Tail,
    /// Space is reserved up to here.
    pub reserved: u64,
    /// Why nothing may be written any more.
    pub poison: Option<String>,
    /// Continues the chain with the records that went to the ladder.
    pub stray: Option<Chain>,
}

/// One record, before it has its place in the chain.
#[derive(Clone, Copy)]
pub(super) struct NewRecord<'e> {
    pub run: RunId,
    pub kind: &'static str,
    pub moment: Moment,
    pub body: &'e Body,
    /// It has to be on the disk before anything else is done.
    pub sync: bool,
    /// Begins something that changes the world.
    pub change: bool,
}

pub(super) fn doing(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let doing = format!("{verb} {}", path.display());
    move |source| JournalError::Io { doing, source }
}

pub(super) fn lock<'f>(disk: &dyn Disk, file: &'f File) -> Result<Lock<'f>, JournalError> {
    let locked = Lock::exclusive(disk, file, PATIENCE);
    locked
        .map_err(|source| JournalError::Io { doing: "locking the journal".to_owned(), source })?
        .ok_or(JournalError::Busy { seconds: PATIENCE.as_secs() })
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, ChainState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn poison(&self, why: &str) {
        self.state().poison.get_or_insert_with(|| why.to_owned());
    }

    /// The next line of a chain of which this much is on the disk.
    pub(super) fn line(&self, chain: &Chain, synced: u64, entry: &NewRecord<'_>) -> Result<Vec<u8>, JournalError> {
        let who = &self.identity;
        let header = Header {
            v: entry.body.version(),
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
    pub(super) fn append(&self, entry: &NewRecord<'_>) -> Result<(), LedgerError> {
        let mut state = self.state();
        let failure = match &state.poison {
            Some(why) => JournalError::Poisoned { why: why.clone() },
            None => match self.append_to(&mut state, entry) {
                Ok(()) => return Ok(()),
                // Nothing was written, and what is there is as it was: the next record may follow.
                Err(error @ (JournalError::NoRoom { .. } | JournalError::Unreadable { .. })) => return Err(ledger_error(error, None)),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                    let why = format!("{error}{}", source.unwrap_or_default());
                    tracing::debug!(why, "the journal takes no record any more");
                    state.poison = Some(why);
                    error
                }
            },
        };
        let mut chain = state.stray.take().unwrap_or_else(|| state.tail.chain.clone());
        let fate = match self.line(&chain, state.tail.synced, entry) {
            Ok(line) => {
                chain.push(&line);
                let refuge = self.ladder.keep(entry.run, &line).to_string();
                tracing::debug!(kind = entry.kind, refuge, "a record outside the journal");
                refuge
            }
            Err(error) => error.to_string(),
        };
        state.stray = Some(chain);
        Err(ledger_error(failure, Some(fate)))
    }

    pub(super) fn append_to(&self, state: &mut ChainState, entry: &NewRecord<'_>) -> Result<(), JournalError> {
        let ChainState { tail, reserved, .. } = state;
        let _lock = lock(&*self.disk, &self.file)?;
        self.still_there()?;
        tail.catch_up(&*self.disk, &self.file)?;

        // The first record says which journal this is.
        let marked = if tail.chain.records() == 0 { self.marked(entry.body)? } else { None };
        let entry = &NewRecord { body: marked.as_ref().unwrap_or(entry.body), ..*entry };

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

    /// The first record of a journal, with the journal's mark.
    fn marked(&self, body: &Body) -> Result<Option<Body>, JournalError> {
        let Body::RunOpened(opening) = body else { return Ok(None) };
        let mark = JournalMark::begun_in(&self.file).map_err(doing("marking", &self.path))?;
        Ok(Some(Body::RunOpened(RunOpened { journal: Some(mark), ..opening.clone() })))
    }

    /// Closes a line that was cut short, and commits what does not follow.
    pub(super) fn mend_to(&self, tail: &mut Tail, run: RunId) -> Result<(), JournalError> {
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
            let entry = NewRecord { run, kind: "torn", moment: Moment::now(), body: &body, sync: true, change: false };
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

    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), JournalError> {
        disk::write_once(&*self.disk, &self.file, bytes).map_err(doing("writing to", &self.path))
    }

    pub(super) fn sync(&self) -> Result<(), JournalError> {
        self.disk.sync_data(&self.file).map_err(doing("syncing", &self.path))
    }

    /// The file we write to is the one that others will look for.
    pub(super) fn still_there(&self) -> Result<(), JournalError> {
        if disk::stands_at(&self.file, &self.path) { Ok(()) } else { Err(JournalError::Replaced { path: self.path.clone() }) }
    }
}

pub(super) fn ledger_error(error: JournalError, fate: Option<String>) -> LedgerError {
    let what = error.to_string();
    match error {
        JournalError::Io { source, .. } | JournalError::NoRoom { source, .. } => LedgerError { what, fate, source: Some(source) },
        _ => LedgerError { what, fate, source: None },
    }
}
