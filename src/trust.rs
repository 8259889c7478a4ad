//! Whether a file says what root has written: nobody else could have changed it, or any directory on the way to it.
//!
//! As sudo and sshd have it. Each directory is opened from the one before, each symbolic link is followed here and not by the
//! kernel, and everything is judged by the descriptor that is then used: what is checked is what is read.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fmt,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
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
}

impl Exposed {
    /// What would be right.
    #[must_use]
    pub fn hint(&self) -> String {
        let at = shlex::try_quote(&self.at.to_string_lossy()).map_or_else(|_| self.at.display().to_string(), std::borrow::Cow::into_owned);
        format!("chown root:root {at} && chmod go-w {at}")
    }
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "somebody else than root could write {}: {}", self.at.display(), self.why)
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
        OnTheWay::Directory => Err(Distrust::Unreadable(io::ErrorKind::IsADirectory.into())),
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

enum OnTheWay {
    File(File),
    Directory,
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
        let sticky = judge_directory(stat.st_uid, stat.st_mode).map_err(|why| Distrust::Exposed(Exposed { at: path.clone(), why }))?;
        Ok(Self { fd, path, sticky })
    }
}

fn walk(path: &Path) -> Result<OnTheWay, Distrust> {
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
        let fd = openat(&level.fd, name.as_os_str(), look, Mode::empty())?;
        let stat = fstat(&fd)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if level.sticky && stat.st_uid != 0 {
            let why = format!("it belongs to user {} and lies in a directory where everybody may", stat.st_uid);
            return Err(Distrust::Exposed(Exposed { at, why }));
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
        } else if left.is_empty() {
            let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            if kind != SFlag::S_IFREG {
                return Err(Distrust::Unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
            }
            let file = openat(&level.fd, name.as_os_str(), flags, Mode::empty())?;
            // What is read is this descriptor, so this is what is judged.
            judge_file(&fstat(file.as_fd())?).map_err(|why| Distrust::Exposed(Exposed { at, why }))?;
            return Ok(OnTheWay::File(File::from(file)));
        } else {
            return Err(Errno::ENOTDIR.into());
        }
    }
    Ok(OnTheWay::Directory)
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
        let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let (inner, file) = (folder.path().join("inner"), folder.path().join("inner/file"));
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(&file, "text").unwrap();
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
