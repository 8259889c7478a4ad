//! What only reads is held to reading by the kernel: whatever it tries, it cannot change a file, a process or the machine.
//!
//! Landlock denies writing, creating, deleting and mounting; dropped capabilities and no-new-privileges deny what only root may; a
//! filter of system calls denies what neither of them handles ([`filter`]). All is made ready here, before the fork; in the child
//! only system calls are left.

mod filter;
mod other_user;
mod privileges;
mod ruleset;
mod scratch;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use nix::unistd::Uid;

pub(super) use self::scratch::PREFIX;
use self::{filter::Filter, other_user::OtherUser, privileges::Privileges, scratch::Scratch};
use crate::event::ReadNeeds;

/// What of the operator's environment speaks of the operator, and is not handed to another user.
const OPERATORS_OWN: &[&str] = &["CEPH_ARGS", "CEPH_CONF", "KUBECONFIG", "LVM_SYSTEM_DIR", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"];

/// Whether this kernel can hold anything.
pub(super) fn is_possible() -> bool {
    static POSSIBLE: LazyLock<bool> = LazyLock::new(|| ruleset::Abilities::of_kernel().is_some() && filter::is_possible());
    *POSSIBLE
}

/// Whether a user can be another one without sudo.
pub(super) fn changes_user() -> bool {
    Uid::effective().is_root()
}

/// Holds commands, and keeps what they share.
#[derive(Debug, Default)]
pub(super) struct Holder {
    /// Where commands may write their scratch files to. On a full disk they do without.
    scratch: OnceLock<Option<Scratch>>,
    /// The rules for those that may write nowhere else, by user and by whether they may use sockets.
    rules: Mutex<BTreeMap<(u32, bool), Arc<OwnedFd>>>,
}

/// All that holds one command, ready to be used in the child.
#[derive(Debug)]
pub(crate) struct Hold {
    rules: Arc<OwnedFd>,
    filter: Arc<Filter>,
    privileges: Privileges,
    /// Whom it becomes, if it is another user than ours.
    other: Option<OtherUser>,
    /// Where it may write its scratch files to; goes with the holder.
    scratch: Option<Arc<Path>>,
}

impl Holder {
    /// Makes ready what holds a command that needs no more than this, as this user.
    ///
    /// # Errors
    /// It cannot be held so, and must not be started.
    pub(super) fn hold(&self, reading: &ReadNeeds, user: Option<&str>) -> Result<Arc<Hold>, String> {
        let other = user.map(OtherUser::find).transpose()?;
        let uid = other.as_ref().map_or(Uid::effective().as_raw(), OtherUser::uid);
        let scratch = self.scratch.get_or_init(Scratch::make).as_ref().and_then(|scratch| scratch.of(uid, other.as_ref()));
        let may_write = reading.may_write.iter().filter_map(|path| whole(path, other.as_ref())).collect();
        let rules = self.rules(reading, &may_write, uid, scratch.as_deref()).map_err(|why| {
            // What cannot be held is not started: it would not be what the screen has called it.
            format!("it cannot be held to reading: {why}")
        })?;
        let filter =
            filter::of(!reading.sockets.is_empty(), reading.modes).ok_or("it cannot be held to reading: no filter of system calls")?;
        let privileges = Privileges::keeping(&reading.keeps);
        Ok(Arc::new(Hold { rules, filter, privileges, other, scratch }))
    }

    fn rules(&self, reading: &ReadNeeds, may_write: &BTreeSet<PathBuf>, uid: u32, scratch: Option<&Path>) -> Result<Arc<OwnedFd>, String> {
        let sockets = !reading.sockets.is_empty();
        let make = |may_write: &BTreeSet<PathBuf>| {
            let paths = may_write.iter().map(PathBuf::as_path).chain(scratch);
            ruleset::make(paths, sockets).map(Arc::new)
        };
        // What may be written by name is looked for anew each time: it may have come meanwhile.
        if !may_write.is_empty() {
            return make(may_write);
        }
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = rules.get(&(uid, sockets)) {
            return Ok(Arc::clone(made));
        }
        let made = make(&BTreeSet::new())?;
        rules.insert((uid, sockets), Arc::clone(&made));
        Ok(made)
    }
}

/// A path with `~` put in its place. What is kept in a home is made if it is not there, as the command would: it is not allowed to.
fn whole(path: &Path, user: Option<&OtherUser>) -> Option<PathBuf> {
    let Ok(below) = path.strip_prefix("~") else { return Some(path.to_owned()) };
    let home = user.map_or_else(|| std::env::var_os("HOME").map(PathBuf::from), |user| Some(user.home().to_owned()))?;
    let path = home.join(below);
    if user.is_none() {
        let _ = std::fs::create_dir_all(&path);
    }
    Some(path)
}

impl Hold {
    /// What its environment has beside, or in place of, that of commands which are not held.
    pub(super) fn environment<'a>(&'a self, of_others: &'a BTreeMap<String, String>) -> BTreeMap<&'a str, String> {
        let mut all: BTreeMap<&str, String> = of_others.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        all.remove("TMPDIR");
        if let Some(scratch) = &self.scratch {
            let path = scratch.display();
            all.insert("TMPDIR", path.to_string());
            // What it learns of the server is kept for the next command of this run, and goes with it.
            all.insert("KUBECACHEDIR", format!("{path}/kube"));
        }
        if let Some(other) = &self.other {
            all.retain(|name, _| !OPERATORS_OWN.contains(name));
            all.extend(other.environment());
        }
        all
    }

    /// In the child: becomes the user that it runs as. Before what ends with a change of user is asked for.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn become_user(&self) -> io::Result<()> {
        self.privileges.give_up_for_good()?;
        self.other.as_ref().map_or(Ok(()), OtherUser::assume)
    }

    /// In the child: gives up its rights.
    ///
    /// # Errors
    /// The kernel refuses: the command must not be started.
    pub(super) fn give_up(&self) -> io::Result<()> {
        self.privileges.give_up()
    }

    /// The rules of Landlock that it is put under.
    pub(super) fn rules(&self) -> BorrowedFd<'_> {
        self.rules.as_fd()
    }

    /// In the child, at last: has its system calls filtered. From here on it can only read.
    ///
    /// # Errors
    /// As for `give_up`.
    pub(super) fn filter(&self) -> io::Result<()> {
        self.filter.apply()
    }
}
