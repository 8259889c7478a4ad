//! Another user, whom a command becomes without sudo.

use std::ffi::CString;
use std::{io, path::Path};

use nix::unistd::{Gid, Uid, User, getgrouplist};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// A user of this machine, with all groups.
#[derive(Debug)]
pub(super) struct OtherUser {
    user: User,
    groups: Vec<rustix::process::Gid>,
}

impl OtherUser {
    /// Looks a user up: by name, or as `#` and a number.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn find(name: &str) -> Result<Self, String> {
        let found = match name.strip_prefix('#').map(str::parse) {
            Some(Ok(number)) => User::from_uid(Uid::from_raw(number)),
            Some(Err(_)) => Ok(None),
            None => User::from_name(name),
        };
        let user = found.map_err(|errno| format!("the user {name} cannot be looked up: {errno}"))?;
        let user = user.ok_or_else(|| format!("there is no user {name} on this machine"))?;
        let known = CString::new(user.name.as_str()).map_err(|error| error.to_string())?;
        let groups = getgrouplist(&known, user.gid).map_err(|errno| format!("the groups of {name} cannot be looked up: {errno}"))?;
        let groups = groups.into_iter().map(|group| rustix::process::Gid::from_raw(group.as_raw())).collect();
        Ok(Self { user, groups })
    }

    pub(super) fn user(&self) -> Uid {
        self.user.uid
    }

    pub(super) fn uid(&self) -> u32 {
        self.user.uid.as_raw()
    }

    pub(super) fn group(&self) -> Gid {
        self.user.gid
    }

    pub(super) fn home(&self) -> &Path {
        &self.user.dir
    }

    /// What a login as this user would set.
    pub(super) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("HOME", self.user.dir.display().to_string()),
            ("SHELL", self.user.shell.display().to_string()),
            ("LOGNAME", self.user.name.clone()),
            ("USER", self.user.name.clone()),
        ]
    }

    /// In the child: becomes this user for good. Each is a system call of its own thread, which is the only one there.
    pub(super) fn assume(&self) -> io::Result<()> {
        let group = rustix::process::Gid::from_raw(self.user.gid.as_raw());
        let user = rustix::process::Uid::from_raw(self.user.uid.as_raw());
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        Ok(())
    }
}
