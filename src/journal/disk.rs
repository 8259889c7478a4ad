//! What the journal asks of the file system, and in what order it becomes durable.

use std::{
    fmt,
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

/// What the journal asks of a file system when it writes. By default each is the machine's own; tests put faults in.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes one directory for its owner alone.
    ///
    /// # Errors
    /// The file system's.
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    /// Makes a file that is not there yet; all that is written to it goes to its end.
    ///
    /// # Errors
    /// The file system's; that it is there already is one.
    fn create(&self, path: &Path) -> io::Result<File> {
        appending().create_new(true).open(path)
    }

    /// Opens a file that is there, to write to its end.
    ///
    /// # Errors
    /// The file system's; a symbolic link is one.
    fn open_append(&self, path: &Path) -> io::Result<File> {
        appending().open(path)
    }

    /// Reads from a place in a file, as far as one call goes.
    ///
    /// # Errors
    /// The file system's.
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    /// Writes to a file's end, as far as one call goes.
    ///
    /// # Errors
    /// The file system's.
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    /// Makes what a file holds durable, and its length.
    ///
    /// # Errors
    /// The file system's. What was written before may be lost, whatever a second call says.
    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The file system's.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Makes sure that so many bytes more can be written at this place, without making the file longer. A file system that
    /// cannot promise that promises nothing.
    ///
    /// # Errors
    /// There is no room.
    fn reserve(&self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        let (Ok(offset), Ok(length)) = (i64::try_from(offset), i64::try_from(length)) else {
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        match fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, offset, length) {
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Gives a file another name, in the place of what has it.
    ///
    /// # Errors
    /// The file system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Takes a file's name away.
    ///
    /// # Errors
    /// The file system's.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Takes an exclusive lock, if nobody else has one.
    ///
    /// # Errors
    /// Somebody has one, or the file system's.
    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        file.try_lock()
    }
}

/// The file systems of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

impl Disk for Local {}

fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o600).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NOCTTY).bits());
    options
}

/// Makes a directory and those above it that are missing, for their owner alone, durably.
///
/// # Errors
/// The file system's.
pub(crate) fn make_dirs(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    make_dirs(disk, parent)?;
    match disk.make_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other?,
    }
    disk.sync_dir(path)?;
    disk.sync_dir(parent)
}

/// Opens a plain file to read it. No link is followed, and nothing that is no plain file is opened: a FIFO would be waited for,
/// and a device has no end.
///
/// # Errors
/// It is a link, not a plain file, or the file system's.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    open_reading(path, &fs::symlink_metadata(path)?, OFlag::O_NOFOLLOW)
}

/// The same for a file that the operator names: a link of his is followed.
///
/// # Errors
/// It is not a plain file, or the file system's.
pub(crate) fn open_named(path: &Path) -> io::Result<File> {
    open_reading(path, &fs::metadata(path)?, OFlag::empty())
}

/// The same for a short text that the operator names, which may come from another command. A pipe that halligan was started with
/// ends when that command does; one that has a name may have nobody at its other end, and is not waited for.
///
/// # Errors
/// It is neither a plain file nor a descriptor that halligan was started with, or the file system's.
pub(crate) fn open_text(path: &Path) -> io::Result<File> {
    let given = path.parent() == Some(Path::new("/dev/fd"));
    if given || path == Path::new("/dev/stdin") { File::open(path) } else { open_named(path) }
}

fn open_reading(path: &Path, looked_at: &fs::Metadata, flags: OFlag) -> io::Result<File> {
    let plain = |metadata: &fs::Metadata| {
        let what = if metadata.is_symlink() { "it is a symbolic link" } else { "it is not a plain file" };
        if metadata.is_file() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, what)) }
    };
    // Looked at before, since to open a device may do something; and after, since another may have taken its place.
    plain(looked_at)?;
    let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    plain(&file.metadata()?)?;
    Ok(file)
}

/// The longest file that is read whole where only a few lines are expected, in bytes.
pub(crate) const SMALL: u64 = 1 << 20;

/// Reads a plain file of a few lines, such as a head.
///
/// # Errors
/// It is longer than [`SMALL`], or as for [`open_plain`].
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    read_whole(open_plain(path)?, SMALL)
}

/// Reads all that comes, if it is no more than so many bytes.
///
/// # Errors
/// There is more, or the file system's.
pub(crate) fn read_whole(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

/// The directory that holds this.
#[must_use]
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens a file that only ever grows, and makes it if it is not there.
///
/// # Errors
/// The file system's; a symbolic link is one.
pub(crate) fn open_append(disk: &dyn Disk, path: &Path) -> io::Result<File> {
    match disk.create(path) {
        Ok(file) => {
            disk.sync_data(&file)?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open_append(path),
        Err(error) => Err(error),
    }
}

/// Whether an open file is the one that has this name.
#[must_use]
pub(crate) fn stands_at(file: &File, path: &Path) -> bool {
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((fs::symlink_metadata(path).map(inode), file.metadata().map(inode)), (Ok(named), Ok(open)) if named == open)
}

/// Why others could write here; `None` if they could not.
#[must_use]
pub(crate) fn exposed(metadata: &fs::Metadata) -> Option<String> {
    let us = geteuid().as_raw();
    if metadata.uid() != us {
        Some(format!("it belongs to user {}, and halligan runs as user {us}", metadata.uid()))
    } else if metadata.mode() & 0o022 != 0 {
        Some(format!("its mode {:04o} lets others write", metadata.mode() & 0o7777))
    } else {
        None
    }
}

/// Calls again what a signal has cut short, though not without end.
///
/// # Errors
/// The call's own.
pub(crate) fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..1000 {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
    // Callers of this try again where they are told of an interruption.
    Err(io::Error::new(io::ErrorKind::TimedOut, "interrupted a thousand times"))
}

/// Writes all of it by one call. A part is a failure.
///
/// # Errors
/// The file system's.
pub(crate) fn write_once(disk: &dyn Disk, file: &File, bytes: &[u8]) -> io::Result<()> {
    // Where nothing was written, the next call is still the first.
    let written = patiently(|| disk.write(file, bytes))?;
    if written == bytes.len() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::StorageFull, format!("only {written} of {} bytes could be written", bytes.len())))
    }
}

/// A file system says so when it is full, or when somebody's share of it is.
#[must_use]
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// An exclusive lock on a file, against other descriptors; ends with this.
#[derive(Debug)]
pub(crate) struct Lock<'f>(&'f File);

impl<'f> Lock<'f> {
    const POLL: Duration = Duration::from_millis(2);

    /// Waits up to `limit` for those who write; `None` if one of them did not let go.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn exclusive(disk: &dyn Disk, file: &'f File, limit: Duration) -> io::Result<Option<Self>> {
        Self::wait(file, limit, |file| disk.try_lock(file))
    }

    /// As `exclusive`, only against those who write.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn shared(file: &'f File, limit: Duration) -> io::Result<Option<Self>> {
        Self::wait(file, limit, File::try_lock_shared)
    }

    fn wait(file: &'f File, limit: Duration, lock: impl Fn(&File) -> Result<(), TryLockError>) -> io::Result<Option<Self>> {
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
pub(crate) struct Window<'f> {
    pub disk: &'f dyn Disk,
    pub file: &'f File,
    pub position: u64,
    pub end: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let limit = left.min(buffer.len());
        let read = patiently(|| self.disk.read_at(self.file, &mut buffer[..limit], self.position))?;
        self.position += read as u64;
        Ok(read)
    }
}
