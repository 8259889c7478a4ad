//! Whether a file says what root has written: nobody else could have changed it, or any directory on the way to it.
//!
//! As sudo and sshd have it. Each directory is opened from the one before, each symbolic link is followed here and not by the
//! kernel, and everything is judged by the descriptor that is then used: what is checked is what is read.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fmt,
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open as open_at_root, openat, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat},
    unistd::geteuid,
};

/// As many symbolic links as the kernel would follow.
const LINKS: usize = 40;

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum Distrust {
    /// The file system's own error.
    Unreadable(io::Error),
    /// Somebody else could write here.
    Exposed(Exposed),
}

/// A place where somebody else could write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    pub at: PathBuf,
    pub why: String,
    /// It is a regular file, in directories that are root's alone.
    pub is_file: bool,
}

impl std::error::Error for Exposed {}

impl Exposed {
    /// What would be right. Never to take a directory from whoever has it: it may be somebody's home or the system's, and what he
    /// has left in it, links and all, would be trusted then.
    #[must_use]
    pub fn hint(&self) -> String {
        let at = shlex::try_quote(&self.at.to_string_lossy()).map_or_else(|_| self.at.display().to_string(), std::borrow::Cow::into_owned);
        if self.is_file {
            format!("read it, then: chown root:root {at} && chmod go-w {at}")
        } else {
            "keep it where root alone can write, such as /etc/halligan or /var/lib/halligan, and not below that directory".to_owned()
        }
    }
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "somebody else than root could write {}: {}", self.at.display(), self.why)
    }
}

impl Distrust {
    /// In the words of an error of the file system.
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Unreadable(error) => error,
            Self::Exposed(exposed) => io::Error::new(io::ErrorKind::PermissionDenied, exposed),
        }
    }
}

impl From<Errno> for Distrust {
    fn from(errno: Errno) -> Self {
        Self::Unreadable(errno.into())
    }
}

/// Whether this process has to be careful about what it reads.
#[must_use]
pub(crate) fn needed() -> bool {
    geteuid().is_root()
}

/// Opens a regular file that only root can have written.
///
/// # Errors
/// Somebody else could have, or it cannot be opened.
pub(crate) fn open(path: &Path) -> Result<File, Distrust> {
    match walk(path)? {
        OnTheWay::File(file) => Ok(file),
        OnTheWay::Directory { .. } | OnTheWay::Other => Err(Distrust::Unreadable(io::ErrorKind::IsADirectory.into())),
    }
}

/// Checks that only root can write in a directory, and in those on the way to it. What is not there yet is not looked at.
///
/// # Errors
/// Somebody else could, or it cannot be looked at.
pub(crate) fn directory(path: &Path) -> Result<(), Distrust> {
    match walk(path) {
        Err(Distrust::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(distrust) => Err(distrust),
        Ok(_) => Ok(()),
    }
}

/// What only root can have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RootsPlace {
    /// It is a directory in which everybody may make files of his own.
    pub open: bool,
}

/// Checks that only root can have made what a path names, whatever it is, and could make it where nothing is there yet.
///
/// # Errors
/// Somebody else could, or it cannot be looked at.
pub(crate) fn place(path: &Path) -> Result<RootsPlace, Distrust> {
    walk_to(path, Wanted::Anything).map(|found| RootsPlace { open: matches!(found, OnTheWay::Directory { open: true }) })
}

/// A directory that is ours alone, for files that are: made if it is not there, and no link. As root all on the way to it counts.
///
/// # Errors
/// Somebody else could write it, or the file system's.
pub(crate) fn own_directory(path: &Path) -> io::Result<OwnedFd> {
    let root = || -> io::Result<()> { if needed() { directory(path).map_err(Distrust::into_io) } else { Ok(()) } };
    root()?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // Somebody may have been faster where everybody may make one.
    root()?;
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = open_at_root(path, flags, Mode::empty())?;
    ours(&fstat(&directory)?).map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, format!("{}: {why}", path.display())))?;
    Ok(directory)
}

/// A regular file in such a directory, to be read and written. Made if it is not there with `make`; else it must be there. No link
/// is followed, and none of its other names counts.
///
/// # Errors
/// It is something else or not ours alone, or the file system's.
pub(crate) fn own_file(directory: &OwnedFd, name: &str, make: bool) -> io::Result<File> {
    let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let flags = if make { flags | OFlag::O_CREAT } else { flags };
    let file = openat(directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|errno| match errno {
        Errno::ELOOP => io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is a symbolic link")),
        errno => errno.into(),
    })?;
    let stat = fstat(&file)?;
    let why = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG if stat.st_nlink > 1 => Err("it has another name elsewhere".to_owned()),
        SFlag::S_IFREG => ours(&stat),
        _ => Err("it is no regular file".to_owned()),
    };
    why.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, format!("{name}: {why}")))?;
    Ok(File::from(file))
}

/// A regular file that is there to be looked at, in our directory or another user's; `None` if it is not there. No link is followed, and
/// what anybody could write is refused: it would say nothing.
///
/// # Errors
/// It is something else, or cannot be opened.
pub(crate) fn plain_file(directory: &Path, name: &str) -> io::Result<Option<File>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let open = || -> Result<OwnedFd, Errno> {
        let directory = open_at_root(directory, flags | OFlag::O_DIRECTORY, Mode::empty())?;
        openat(&directory, name, flags | OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY, Mode::empty())
    };
    let file = match open() {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let stat = fstat(&file)?;
    let plain = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG && stat.st_nlink == 1;
    if !plain || stat.st_mode & 0o022 != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is no regular file that one user alone can write")));
    }
    Ok(Some(File::from(file)))
}

/// Why something is not ours alone.
fn ours(stat: &FileStat) -> Result<(), String> {
    let us = geteuid().as_raw();
    if stat.st_uid != us {
        return Err(format!("it belongs to user {}, and halligan runs as user {us}", stat.st_uid));
    }
    if stat.st_mode & 0o022 != 0 { Err(format!("its mode {:04o} lets others write", stat.st_mode & 0o7777)) } else { Ok(()) }
}

fn exposed(at: &Path, why: String, is_file: bool) -> Distrust {
    Distrust::Exposed(Exposed { at: at.to_owned(), why, is_file })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// To be read.
    File,
    /// To be looked at, be it a socket or a device.
    Anything,
}

enum OnTheWay {
    File(File),
    Directory {
        /// Others may make files in it.
        open: bool,
    },
    /// No regular file, and only looked at.
    Other,
}

/// A directory on the way.
struct Level {
    fd: OwnedFd,
    path: PathBuf,
    /// Others may write in it, and take away only what is theirs.
    sticky: bool,
}

impl Level {
    fn new(fd: OwnedFd, path: PathBuf) -> Result<Self, Distrust> {
        let stat = fstat(&fd)?;
        let sticky = judge_directory(stat.st_uid, stat.st_mode).map_err(|why| exposed(&path, why, false))?;
        Ok(Self { fd, path, sticky })
    }
}

fn walk(path: &Path) -> Result<OnTheWay, Distrust> {
    walk_to(path, Wanted::File)
}

fn walk_to(path: &Path, wanted: Wanted) -> Result<OnTheWay, Distrust> {
    let path = std::path::absolute(path).map_err(Distrust::Unreadable)?;
    let look = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let top = || -> Result<Level, Distrust> { Level::new(open_at_root("/", look, Mode::empty())?, PathBuf::from("/")) };
    let mut levels = vec![top()?];
    let mut left: VecDeque<OsString> = parts(&path);
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            if levels.len() > 1 {
                levels.pop();
            }
            continue;
        }
        // The first level is never taken off.
        let Some(level) = levels.last() else { break };
        let at = level.path.join(&name);
        let fd = match openat(&level.fd, name.as_os_str(), look, Mode::empty()) {
            Err(Errno::ENOENT) if wanted == Wanted::Anything => {
                let why = "it is not there, and everybody could make it".to_owned();
                return if level.sticky { Err(exposed(&at, why, false)) } else { Ok(OnTheWay::Other) };
            }
            fd => fd?,
        };
        let stat = fstat(&fd)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if level.sticky && stat.st_uid != 0 {
            let why = format!("it belongs to user {} and lies in a directory where everybody may", stat.st_uid);
            return Err(exposed(&at, why, kind == SFlag::S_IFREG));
        }
        if kind == SFlag::S_IFLNK {
            links += 1;
            if links > LINKS {
                return Err(Errno::ELOOP.into());
            }
            let target = PathBuf::from(readlinkat(&fd, "")?);
            if target.is_absolute() {
                levels = vec![top()?];
            }
            parts(&target).into_iter().rev().for_each(|part| left.push_front(part));
        } else if kind == SFlag::S_IFDIR {
            levels.push(Level::new(fd, at)?);
        } else if left.is_empty() && wanted == Wanted::Anything {
            judge_owner(&stat).map_err(|why| exposed(&at, why, kind == SFlag::S_IFREG))?;
            return Ok(OnTheWay::Other);
        } else if left.is_empty() {
            let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            if kind != SFlag::S_IFREG {
                return Err(Distrust::Unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
            }
            let file = openat(&level.fd, name.as_os_str(), flags, Mode::empty())?;
            // What is read is this descriptor, so this is what is judged.
            judge_file(&fstat(file.as_fd())?).map_err(|why| exposed(&at, why, true))?;
            return Ok(OnTheWay::File(File::from(file)));
        } else {
            return Err(Errno::ENOTDIR.into());
        }
    }
    Ok(OnTheWay::Directory { open: levels.last().is_some_and(|level| level.sticky) })
}

/// The parts of a path that matter, from the top.
fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

/// Whether others may write in a directory that is sticky. The error says who could write in one that is not.
fn judge_directory(owner: u32, mode: u32) -> Result<bool, String> {
    let sticky = mode & 0o1000 != 0;
    if owner != 0 {
        return Err(format!("the directory belongs to user {owner}"));
    }
    match mode & 0o022 {
        0 => Ok(false),
        _ if sticky => Ok(true),
        _ => Err(format!("its mode is {:04o}", mode & 0o7777)),
    }
}

fn judge_file(stat: &FileStat) -> Result<(), String> {
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFREG {
        return Err("it is no regular file".to_owned());
    }
    judge_owner(stat)
}

fn judge_owner(stat: &FileStat) -> Result<(), String> {
    if stat.st_uid != 0 {
        return Err(format!("it belongs to user {}", stat.st_uid));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(format!("its mode is {:04o}", stat.st_mode & 0o7777));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn directories_are_judged_as_sudo_does() {
        assert_eq!(judge_directory(0, 0o040_755), Ok(false));
        assert_eq!(judge_directory(0, 0o041_777), Ok(true));
        assert!(judge_directory(0, 0o040_775).is_err());
        assert!(judge_directory(0, 0o040_777).is_err());
        assert!(judge_directory(1000, 0o040_700).is_err());
        assert!(judge_directory(1000, 0o041_777).is_err());
    }

    #[test]
    fn every_directory_and_link_on_the_way_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let (inner, file) = (folder.path().join("inner"), folder.path().join("inner/file"));
        fs::create_dir(&inner).unwrap();
        fs::write(&file, "text").unwrap();
        symlink("inner/../inner/file", folder.path().join("link")).unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        let exposed = |path: &str| match open(&folder.path().join(path)) {
            Err(Distrust::Exposed(exposed)) => exposed.at,
            other => panic!("{path}: {other:?}"),
        };
        if !needed() {
            // Whoever is not root owns the directory of the test, which is just what is refused.
            assert_eq!(exposed("inner/file"), folder.path());
            return;
        }
        assert!(open(&file).is_ok() && open(&folder.path().join("link")).is_ok() && directory(&inner).is_ok());
        assert!(matches!(open(&folder.path().join("loop")), Err(Distrust::Unreadable(_))));
        assert!(matches!(open(&inner), Err(Distrust::Unreadable(_))));
        assert!(directory(&inner.join("not/yet")).is_ok());
        mode(&file, 0o664);
        assert_eq!(exposed("link"), file);
        mode(&file, 0o644);
        mode(&inner, 0o777);
        assert_eq!(exposed("inner/file"), inner);
        assert_eq!(exposed("link"), inner);
        // Where everybody may write but take away only what is theirs, root's file is root's still.
        mode(&inner, 0o1777);
        assert!(open(&file).is_ok());
        std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
        assert_eq!(exposed("inner/file"), file);
        mode(&inner, 0o755);
        assert_eq!(exposed("inner/file"), file);
    }
}
