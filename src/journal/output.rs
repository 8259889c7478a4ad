//! What commands printed: one file for each content, named by its hash.

use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest as _, Sha256};

use super::{
    digest::Digest,
    disk::{self, Disk, Local},
    writer::Shared,
};
use crate::{
    event::{Captured, RunId},
    ports::{Capture, LedgerError},
};

/// The directory of outputs.
#[derive(Debug)]
pub struct Outputs {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    /// What this process knows to be durable.
    durable: Mutex<HashSet<Digest>>,
}

impl Outputs {
    #[must_use]
    pub fn at(dir: PathBuf) -> Self {
        Self::on(Arc::new(Local), dir)
    }

    /// The same, on a file system of its own.
    pub(super) fn on(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { dir, disk, durable: Mutex::default() }
    }

    /// Reads one whole, and checks it.
    ///
    /// # Errors
    /// It is not there, or not what its name says.
    pub fn read(&self, sha256: &str) -> io::Result<Vec<u8>> {
        let digest: Digest = sha256.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if sha256 == Captured::EMPTY {
            return Ok(Vec::new());
        }
        let bytes = fs::read(self.dir.join(sha256))?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("output/{sha256} has been altered")))
        }
    }

    /// Says what is wrong with one; `None` if it is there as it was. Memory is bounded.
    #[must_use]
    pub fn fault(&self, captured: &Captured) -> Option<String> {
        let Ok(digest) = captured.sha256.parse::<Digest>() else {
            return Some("is not the name of an output".to_owned());
        };
        if captured.sha256 == Captured::EMPTY {
            return (captured.bytes != 0).then(|| format!("is that of no bytes, and the record says {}", captured.bytes));
        }
        match hash_file(&self.dir.join(&captured.sha256)) {
            Ok((found, bytes)) if found == digest && bytes == captured.bytes => None,
            Ok((found, bytes)) if found == digest => Some(format!("holds {bytes} bytes, and the record says {}", captured.bytes)),
            Ok(_) => Some("has been altered".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is missing".to_owned()),
            Err(error) => Some(format!("cannot be read: {error}")),
        }
    }

    /// Makes outputs durable that were not when they were stored.
    pub(super) fn sync(&self, digests: &BTreeSet<Digest>) -> io::Result<()> {
        if digests.is_empty() {
            return Ok(());
        }
        for digest in digests {
            let file = self.disk.open_append(&self.dir.join(digest.to_string()))?;
            self.disk.sync_data(&file)?;
        }
        self.disk.sync_dir(&self.dir)?;
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).extend(digests);
        Ok(())
    }

    fn is_durable(&self, digest: &Digest) -> bool {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }
}

fn hash_file(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((Digest::finish(hasher), bytes)),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// One stream on its way to the disk. It is under a name of its own until all of it is there.
pub(super) struct OutputFile {
    journal: Arc<Shared>,
    run: RunId,
    /// Made with the first byte: most commands print nothing on one of their streams.
    file: Option<(PathBuf, File)>,
    hasher: Sha256,
    bytes: u64,
    truncated: bool,
    /// `None` to sync at once.
    unsynced: Option<Arc<Mutex<BTreeSet<Digest>>>>,
}

impl OutputFile {
    pub fn new(journal: Arc<Shared>, run: RunId, unsynced: Option<Arc<Mutex<BTreeSet<Digest>>>>) -> Self {
        Self { journal, run, file: None, hasher: Sha256::new(), bytes: 0, truncated: false, unsynced }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (_, file) = match &mut self.file {
            Some(open) => open,
            None => self.file.insert(disk::patiently(|| create(&self.journal.outputs, self.run))?),
        };
        disk::patiently(|| self.journal.outputs.disk.write(file, bytes))
    }

    fn store(&mut self, digest: Digest) -> io::Result<()> {
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

fn create(outputs: &Outputs, run: RunId) -> io::Result<(PathBuf, File)> {
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
            return Ok(Captured { truncated: true, ..Captured::empty() });
        }
        Ok(Captured { sha256: digest.to_string(), bytes: self.bytes, truncated: self.truncated, redactions: 0 })
    }
}
