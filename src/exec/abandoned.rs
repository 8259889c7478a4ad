//! Private directories of this program: each process holds its own locked, and the kernel lets go of the lock when it ends, however it
//! ends. One that nobody holds was left by a process that was killed.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{Flock, FlockArg, OFlag},
    unistd::Uid,
};

/// A directory of ours that no process needs any more. Nobody takes it while this is there.
#[derive(Debug)]
pub(crate) struct Abandoned {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Abandoned {
    /// Those in a place whose names begin so. What is somebody else's, or cannot be looked at, is none.
    #[must_use]
    pub(crate) fn all(place: &Path, prefix: &str) -> Vec<Self> {
        let ours = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == Uid::effective().as_raw());
        let named = fs::read_dir(place).into_iter().flatten().flatten();
        let named = named.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)));
        let free = |path: PathBuf| {
            let lock = Flock::lock(open(&path).ok()?, FlockArg::LockExclusiveNonblock).ok()?;
            Some(Self { path, _lock: lock })
        };
        let mut all: Vec<Self> = named.map(|entry| entry.path()).filter(|path| ours(path)).filter_map(free).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that is in it.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

/// A directory, and no link to one.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_nobodys_to_take_and_what_is_not_goes_with_all_that_is_in_it() {
        let place = tempfile::tempdir().unwrap();
        for name in ["ours-a", "ours-b", "other"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        fs::write(place.path().join("ours-file"), "").unwrap();
        std::os::unix::fs::symlink("other", place.path().join("ours-link")).unwrap();
        fs::write(place.path().join("ours-b/0.log"), "").unwrap();
        let names = |found: &[Abandoned]| found.iter().map(|found| found.path().to_owned()).collect::<Vec<_>>();
        let held = Flock::lock(open(&place.path().join("ours-a")).unwrap(), FlockArg::LockExclusive).unwrap();
        let found = Abandoned::all(place.path(), "ours-");
        assert_eq!(names(&found), [place.path().join("ours-b")]);
        assert_eq!(names(&Abandoned::all(place.path(), "ours-")), Vec::<PathBuf>::new(), "it is taken");
        found[0].remove().unwrap();
        assert!(!place.path().join("ours-b").exists());
        drop((held, found));
        assert_eq!(names(&Abandoned::all(place.path(), "ours-")), [place.path().join("ours-a")]);
    }
}
