//! What the journal asks of the file system, and in what order it becomes durable.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, OFlag, fallocate},
    unistd::geteuid,
};

/// Makes a directory and those above it that are missing, for their owner alone, durably.
///
/// # Errors
/// The file system's.
pub fn make_dir(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    make_dir(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other?,
    }
    sync_dir(path)?;
    sync_dir(parent)
}

/// The directory that holds this.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a directory durable.
///
/// # Errors
/// The file system's.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Opens a file that only ever grows, and makes it if it is not there.
///
/// # Errors
/// The file system's; a symbolic link is one.
pub fn open_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o600).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NOCTTY).bits());
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            file.sync_all()?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

/// Makes a file that is not there yet.
///
/// # Errors
/// The file system's; that it is there already is one.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Why others could write here; `None` if they could not.
#[must_use]
pub fn exposed(metadata: &fs::Metadata) -> Option<String> {
    let us = geteuid().as_raw();
    if metadata.uid() != us {
        Some(format!("it belongs to user {}, and halligan runs as user {us}", metadata.uid()))
    } else if metadata.mode() & 0o022 != 0 {
        Some(format!("its mode {:04o} lets others write", metadata.mode() & 0o7777))
    } else {
        None
    }
}

/// Makes sure that so many bytes more can be written at this place, without making the file longer. A file system that
/// cannot promise that promises nothing.
///
/// # Errors
/// There is no room.
pub fn reserve(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let (Ok(offset), Ok(length)) = (i64::try_from(offset), i64::try_from(length)) else {
        return Err(io::ErrorKind::FileTooLarge.into());
    };
    loop {
        match fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, offset, length) {
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Writes all of it by one call. A part is a failure.
///
/// # Errors
/// The file system's.
pub fn write_once(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    let written = loop {
        match file.write(bytes) {
            // Nothing was written, so this is still the first.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if written == bytes.len() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::StorageFull, format!("only {written} of {} bytes could be written", bytes.len())))
    }
}

/// A file system says so when it is full, or when somebody's share of it is.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// An exclusive lock on a file, against other descriptors; ends with this.
#[derive(Debug)]
pub struct Lock<'f>(&'f File);

impl<'f> Lock<'f> {
    const POLL: Duration = Duration::from_millis(2);

    /// Waits up to `limit` for those who write; `None` if one of them did not let go.
    ///
    /// # Errors
    /// The file system's.
    pub fn exclusive(file: &'f File, limit: Duration) -> io::Result<Option<Self>> {
        Self::wait(file, limit, File::try_lock)
    }

    /// As `exclusive`, only against those who write.
    ///
    /// # Errors
    /// The file system's.
    pub fn shared(file: &'f File, limit: Duration) -> io::Result<Option<Self>> {
        Self::wait(file, limit, File::try_lock_shared)
    }

    fn wait(file: &'f File, limit: Duration, lock: fn(&File) -> Result<(), TryLockError>) -> io::Result<Option<Self>> {
        let begin = Instant::now();
        loop {
            match lock(file) {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Err(_) if begin.elapsed() > limit => return Ok(None),
                Err(_) => thread::sleep(Self::POLL),
            }
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // Closing the file would end the lock too, if this failed.
        let _ = self.0.unlock();
    }
}

/// A stretch of a file, read from its beginning, without moving the file's own position.
#[derive(Debug)]
pub struct Window<'f> {
    pub file: &'f File,
    pub position: u64,
    pub end: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let limit = left.min(buffer.len());
        let read = self.file.read_at(&mut buffer[..limit], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
