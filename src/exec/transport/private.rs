//! Where the sockets and logs of connections are: a directory that nobody else may enter, and whose files are reached by its
//! descriptor. Whoever could put another in its place would be every host of the run.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag, openat},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};

use crate::trust;

/// Where root's is. Its path is short, since a socket's may not be long.
const ROOTS: &str = "/run/halligan";
/// Where everybody may make one, and take away only what is his.
const SHARED: &str = "/tmp";
/// A path of a socket may have 108 bytes.
const LONGEST: usize = 50;
/// How their names begin.
pub(in crate::exec) const PREFIX: &str = "halligan-ssh-";

/// Where such directories may be.
#[must_use]
pub(in crate::exec) fn places(runtime: Option<&Path>) -> Vec<PathBuf> {
    let of_root = trust::needed().then_some(Path::new(ROOTS));
    of_root.or(runtime).into_iter().chain([Path::new(SHARED)]).map(Path::to_owned).collect()
}

/// Removed when dropped.
#[derive(Debug)]
pub(super) struct PrivateDirectory {
    directory: tempfile::TempDir,
    /// Locked: one that nobody holds was left by a process that is gone.
    descriptor: Flock<OwnedFd>,
}

impl PrivateDirectory {
    /// Makes one: for root below `/run/halligan`, for others in their runtime directory, which was found to be theirs alone; else
    /// in `/tmp`.
    ///
    /// # Errors
    /// It cannot be made, or would not be ours alone.
    pub(super) fn make(runtime: Option<&Path>) -> io::Result<Self> {
        let preferred = if trust::needed() {
            let held = trust::own_directory(Path::new(ROOTS));
            held.inspect_err(|error| tracing::debug!(%error, "{ROOTS} is not used")).is_ok().then(|| Path::new(ROOTS))
        } else {
            runtime.filter(|path| path.as_os_str().len() < LONGEST)
        };
        let make =
            |parent: &Path| tempfile::Builder::new().prefix(PREFIX).permissions(fs::Permissions::from_mode(0o700)).tempdir_in(parent);
        let directory = if let Some(Ok(directory)) = preferred.map(make) {
            directory
        } else {
            if trust::needed() {
                trust::place(Path::new(SHARED)).map_err(trust::Distrust::into_io)?;
            }
            make(Path::new(SHARED))?
        };
        let descriptor = Flock::lock(trust::own_directory(directory.path())?, FlockArg::LockExclusive);
        let descriptor = descriptor.map_err(|(_, errno)| io::Error::from(errno))?;
        // Somebody who removes what others have left may have been faster.
        fs::symlink_metadata(directory.path())?;
        Ok(Self { directory, descriptor })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A new file in it, in the place of one of before.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn fresh(&self, path: &Path) -> io::Result<File> {
        let name = name_in(path)?;
        match unlinkat(&*self.descriptor, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(File::from(openat(&*self.descriptor, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?))
    }

    /// All that is in a file of it.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mut bytes = Vec::new();
        File::from(openat(&*self.descriptor, name_in(path)?, flags, Mode::empty())?).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn name_in(path: &Path) -> io::Result<&std::ffi::OsStr> {
    path.file_name().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn it_is_ours_alone_and_no_link_in_it_is_followed() {
        let aim = tempfile::NamedTempFile::new().unwrap();
        fs::write(aim.path(), "precious").unwrap();
        let runtime = tempfile::tempdir().unwrap();
        let private = PrivateDirectory::make(Some(runtime.path())).unwrap();
        let parent = private.path().parent().unwrap();
        // Root has one of his own, whatever a variable says.
        assert_eq!(parent, if trust::needed() { Path::new(ROOTS) } else { runtime.path() });
        let found = fs::metadata(private.path()).unwrap();
        assert_eq!((found.mode() & 0o7777, found.uid()), (0o700, nix::unistd::geteuid().as_raw()));
        let log = private.path().join("0.log");
        symlink(aim.path(), &log).unwrap();
        assert!(private.read(&log).is_err());
        drop(private.fresh(&log).unwrap());
        assert_eq!((fs::read_to_string(aim.path()).unwrap().as_str(), private.read(&log).unwrap()), ("precious", Vec::new()));
        let path = private.path().to_owned();
        drop(private);
        assert!(!path.exists());
    }
}
