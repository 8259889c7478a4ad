//! Another user, whom a command becomes without sudo.

use std::{io, path::Path};

use nix::unistd::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::account::LocalAccount;

/// A user of this machine, with all groups.
#[derive(Debug)]
pub(super) struct OtherUser {
    account: LocalAccount,
    groups: Vec<rustix::process::Gid>,
}

impl OtherUser {
    /// Looks a user up: by name, or as `#` and a number.
    ///
    /// # Errors
    /// There is none of this name on this machine, or it cannot be known.
    pub(super) fn find(name: &str) -> Result<Self, String> {
        let account = LocalAccount::named(name).map_err(|why| why.to_string())?;
        let groups = account.groups().map_err(|why| format!("the groups of {name} cannot be looked up: {why}"))?;
        let groups = groups.into_iter().map(rustix::process::Gid::from_raw).collect();
        Ok(Self { account, groups })
    }

    pub(super) fn user(&self) -> Uid {
        Uid::from_raw(self.account.uid)
    }

    pub(super) fn uid(&self) -> u32 {
        self.account.uid
    }

    pub(super) fn group(&self) -> Gid {
        Gid::from_raw(self.account.gid)
    }

    pub(super) fn home(&self) -> &Path {
        &self.account.home
    }

    /// What a login as this user would set.
    pub(super) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("HOME", self.account.home.display().to_string()),
            ("SHELL", self.account.shell.clone()),
            ("LOGNAME", self.account.name.clone()),
            ("USER", self.account.name.clone()),
        ]
    }

    /// In the child: becomes this user for good. Each is a system call of its own thread, which is the only one there.
    pub(super) fn assume(&self) -> io::Result<()> {
        let group = rustix::process::Gid::from_raw(self.account.gid);
        let user = rustix::process::Uid::from_raw(self.account.uid);
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        Ok(())
    }
}
