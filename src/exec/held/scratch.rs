//! Where commands that only read may write what they need for themselves: a private directory of this process, with one in it for each
//! user. It goes with the process; what one that was killed has left is removed by the next.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use nix::{
    fcntl::{Flock, FlockArg},
    unistd::chown,
};
use tempfile::TempDir;

use super::other_user::OtherUser;
use crate::exec::abandoned::{Abandoned, open};

/// How their names begin.
pub(in crate::exec) const PREFIX: &str = "halligan-reads-";
/// So often one is made anew that another process has taken for abandoned before it was locked.
const TRIES: usize = 8;

/// The directory of this process.
#[derive(Debug)]
pub(super) struct Scratch {
    users: Mutex<BTreeMap<u32, Option<Arc<Path>>>>,
    /// Held as long as the directory is needed: it goes with the process, however that ends.
    _lock: Flock<File>,
    directory: TempDir,
}

impl Scratch {
    /// Makes it, and removes those that nobody needs any more. On a full disk there is none.
    pub(super) fn make() -> Option<Self> {
        let place = env::temp_dir();
        remove_abandoned(&place);
        (0..TRIES).find_map(|_| Self::try_make(&place).transpose()).and_then(Result::ok)
    }

    /// `None` if somebody has removed it before it was locked.
    fn try_make(place: &Path) -> io::Result<Option<Self>> {
        // Whoever a command runs as gets through to his own.
        let directory = tempfile::Builder::new().prefix(PREFIX).permissions(Permissions::from_mode(0o711)).tempdir_in(place)?;
        let opened = match open(directory.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let lock = Flock::lock(opened, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno))?;
        let there = fs::symlink_metadata(directory.path()).is_ok_and(|there| lock.metadata().is_ok_and(|own| own.ino() == there.ino()));
        Ok(there.then(|| Self { users: Mutex::default(), _lock: lock, directory }))
    }

    /// The directory of a user's commands; `other` is whom they become.
    pub(super) fn of(&self, uid: u32, other: Option<&OtherUser>) -> Option<Arc<Path>> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.entry(uid).or_insert_with(|| make_for(&self.directory.path().join(uid.to_string()), other).ok()).clone()
    }
}

fn make_for(path: &Path, other: Option<&OtherUser>) -> io::Result<Arc<Path>> {
    DirBuilder::new().mode(0o700).create(path)?;
    if let Some(other) = other {
        chown(path, Some(other.user()), Some(other.group()))?;
    }
    Ok(path.into())
}

/// Removes our own directories there whose processes are gone.
fn remove_abandoned(place: &Path) {
    for abandoned in Abandoned::all(place, PREFIX) {
        let directory = abandoned.path().display();
        match abandoned.remove() {
            Ok(()) => tracing::debug!(%directory, "removed: whoever needed it is gone"),
            Err(error) => tracing::debug!(%directory, %error, "cannot be removed, though whoever needed it is gone"),
        }
    }
}
