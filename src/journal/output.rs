//! What commands printed: one file for each content, named by its hash.

use std::{
    collections::{BTreeSet, HashSet},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::disk::{self, Disk, Local};
use crate::{digest::Digest, event::Captured};

/// The directory of outputs.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(super) dir: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    /// What this process knows to be durable.
    pub(super) durable: Mutex<HashSet<Digest>>,
}

impl Outputs {
    #[must_use]
    pub(crate) fn at(dir: PathBuf) -> Self {
        Self::on(Arc::new(Local), dir)
    }

    /// The same, on a file system of its own.
    pub(super) fn on(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { dir, disk, durable: Mutex::default() }
    }

    /// Reads one whole, of no more than so many bytes, and checks it.
    ///
    /// # Errors
    /// It is not there, longer, or not what its name says.
    pub(crate) fn read(&self, sha256: &str, most: u64) -> io::Result<Vec<u8>> {
        let digest: Digest = sha256.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if sha256 == Captured::EMPTY {
            return Ok(Vec::new());
        }
        let bytes = disk::read_whole(disk::open_plain(&self.dir.join(sha256))?, most)?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("output/{sha256} has been altered")))
        }
    }

    /// Says what is wrong with one; `None` if it is there as it was. Memory is bounded.
    #[must_use]
    pub(crate) fn fault(&self, captured: &Captured) -> Option<String> {
        let Ok(digest) = captured.sha256.parse::<Digest>() else {
            return Some("is not the name of an output".to_owned());
        };
        if captured.sha256 == Captured::EMPTY {
            return (captured.bytes != 0).then(|| format!("is that of no bytes, and the record says {}", captured.bytes));
        }
        match hash_file(&self.dir.join(&captured.sha256), captured.bytes) {
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

    pub(super) fn is_durable(&self, digest: &Digest) -> bool {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }
}

/// Hashes a file of so many bytes. Of what is longer, no more than one byte is read: its hash is another one.
fn hash_file(path: &Path, bytes: u64) -> io::Result<(Digest, u64)> {
    let mut file = disk::open_plain(path)?.take(bytes.saturating_add(1));
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
