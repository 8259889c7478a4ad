//! One stream of output on its way to the disk.

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    io::Write,
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest as _, Sha256};

use super::{disk, output::Outputs, shared::Shared};
use crate::{
    digest::Digest,
    event::{Captured, Cut, RunId},
    ports::{Capture, LedgerError},
};

/// One stream on its way to the disk. It is under a name of its own until all of it is there.
pub(super) struct OutputFile {
    pub journal: Arc<Shared>,
    pub run: RunId,
    /// Made with the first byte: most commands print nothing on one of their streams.
    pub file: Option<(PathBuf, File)>,
    pub hasher: Sha256,
    pub bytes: u64,
    pub truncated: bool,
    /// `None` to sync at once.
    pub unsynced: Option<Arc<Mutex<BTreeSet<Digest>>>>,
}

impl OutputFile {
    pub(super) fn new(journal: Arc<Shared>, run: RunId, unsynced: Option<Arc<Mutex<BTreeSet<Digest>>>>) -> Self {
        Self { journal, run, file: None, hasher: Sha256::new(), bytes: 0, truncated: false, unsynced }
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (_, file) = match &mut self.file {
            Some(open) => open,
            None => self.file.insert(disk::patiently(|| create(&self.journal.outputs, self.run))?),
        };
        disk::patiently(|| self.journal.outputs.disk.write(file, bytes))
    }

    pub(super) fn store(&mut self, digest: Digest) -> io::Result<()> {
        let Some((path, file)) = self.file.take() else { return Ok(()) };
        let outputs = &self.journal.outputs;
        if outputs.is_durable(&digest) {
            return outputs.disk.remove(&path);
        }
        if self.unsynced.is_none() {
            outputs.disk.sync_data(&file)?;
        }
        // Takes the place of the same bytes, or of what a crash has left of them.
        outputs.disk.rename(&path, &outputs.dir.join(digest.to_string()))?;
        match &self.unsynced {
            None => {
                outputs.disk.sync_dir(&outputs.dir)?;
                outputs.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
            }
            Some(unsynced) => {
                unsynced.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
            }
        }
        Ok(())
    }
}

pub(super) fn create(outputs: &Outputs, run: RunId) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let path = outputs.dir.join(format!(".{run}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        match outputs.disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|file| (path, file)),
        }
    }
}

impl Write for OutputFile {
    /// What cannot be kept is let go, so that the command can go on to its end. If anything but room is wanting, the journal
    /// takes nothing more, and how the command ended is kept elsewhere.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.truncated || bytes.is_empty() {
            return Ok(bytes.len());
        }
        match self.keep(bytes) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(kept) => {
                self.hasher.update(&bytes[..kept]);
                self.bytes += kept as u64;
                Ok(kept)
            }
            Err(error) if disk::is_full(&error) => {
                self.truncated = true;
                Ok(bytes.len())
            }
            Err(error) => {
                self.journal.poison(&format!("writing what a command printed failed: {error}"));
                self.truncated = true;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture for OutputFile {
    fn finish(mut self: Box<Self>) -> Result<Captured, LedgerError> {
        let digest = Digest::finish(self.hasher.clone());
        if let Err(error) = self.store(digest) {
            // The journal refuses the record that would name it.
            self.journal.poison(&format!("storing what a command printed failed: {error}"));
            return Ok(Captured { cut: Some(Cut::NotKept), ..Captured::empty() });
        }
        Ok(Captured { sha256: digest.to_string(), bytes: self.bytes, cut: self.truncated.then_some(Cut::NotKept), redactions: 0 })
    }
}
