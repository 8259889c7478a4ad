//! The users of this machine, as its own files tell them: passwd(5), group(5). The only reader of them.
//!
//! No name service is asked: it may hang when half the network is down, and a static program cannot load it. So a user whom only a
//! directory server knows has a number and no name.

use std::{ffi::OsStr, fmt, fs, io, os::unix::ffi::OsStrExt, path::PathBuf};

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalAccount {
    pub name: String,
    pub uid: u32,
    /// The group that a login has first.
    pub gid: u32,
    pub home: PathBuf,
    pub shell: String,
}

/// Why nobody is known by a name or a number.
#[derive(Debug)]
pub(crate) enum NoAccount {
    /// A file of the system's cannot be read.
    Unreadable { file: &'static str, error: io::Error },
    /// It can be, and does not have it: a name, or `#` and a number.
    Unknown(String),
}

impl fmt::Display for NoAccount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => write!(out, "{file} cannot be read: {error}"),
            Self::Unknown(name) => write!(out, "there is no user {name} in {USERS}, and no name service is asked"),
        }
    }
}

impl LocalAccount {
    /// By name, or by `#` and a number, as sudo has it.
    ///
    /// # Errors
    /// Nobody is called so, or it cannot be known.
    pub(crate) fn named(name: &str) -> Result<Self, NoAccount> {
        let users = read(USERS)?;
        let found = match name.strip_prefix('#') {
            Some(number) => number.parse().ok().and_then(|uid| by_uid(&users, uid)),
            None => accounts(&users).find(|account| account.name == name),
        };
        found.ok_or_else(|| NoAccount::Unknown(name.to_owned()))
    }

    /// By number.
    ///
    /// # Errors
    /// Nobody has this number, or it cannot be known.
    pub(crate) fn of(uid: u32) -> Result<Self, NoAccount> {
        by_uid(&read(USERS)?, uid).ok_or_else(|| NoAccount::Unknown(format!("#{uid}")))
    }

    /// The groups that a login has, its first one before all.
    ///
    /// # Errors
    /// They cannot be read: fewer than there are could keep a command from reading what it is there to read.
    pub(crate) fn groups(&self) -> Result<Vec<u32>, NoAccount> {
        Ok(memberships(&read(GROUPS)?, self))
    }
}

/// What a user is called: by name if this machine has one. The first number is root's on every Linux, with and without such a file.
#[must_use]
pub(crate) fn name_of(uid: u32) -> Option<String> {
    LocalAccount::of(uid).ok().map(|account| account.name).or_else(|| (uid == 0).then(|| "root".to_owned()))
}

fn read(file: &'static str) -> Result<Vec<u8>, NoAccount> {
    fs::read(file).map_err(|error| NoAccount::Unreadable { file, error })
}

/// The fields of each line. Bytes, since a person's name there may be in any encoding.
fn lines(file: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    // A line that begins so refers to a name service.
    let own = |line: &&[u8]| !line.starts_with(b"+") && !line.starts_with(b"-");
    file.split(|byte| *byte == b'\n').filter(own).map(|line| line.split(|byte| *byte == b':').collect())
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn text(field: &[u8]) -> Option<String> {
    std::str::from_utf8(field).ok().map(str::to_owned)
}

fn accounts(users: &[u8]) -> impl Iterator<Item = LocalAccount> {
    lines(users).filter_map(|fields| {
        let &[name, _, uid, gid, _, home, shell] = fields.as_slice() else { return None };
        let name = text(name).filter(|name| !name.is_empty())?;
        Some(LocalAccount { name, uid: number(uid)?, gid: number(gid)?, home: OsStr::from_bytes(home).into(), shell: text(shell)? })
    })
}

fn by_uid(users: &[u8], uid: u32) -> Option<LocalAccount> {
    accounts(users).find(|account| account.uid == uid)
}

fn memberships(groups: &[u8], account: &LocalAccount) -> Vec<u32> {
    let mut found = vec![account.gid];
    for fields in lines(groups) {
        let &[_, _, gid, members] = fields.as_slice() else { continue };
        if let Some(gid) = number(gid).filter(|gid| !found.contains(gid))
            && members.split(|byte| *byte == b',').any(|member| member == account.name.as_bytes())
        {
            found.push(gid);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside what is well: a directory server, what nobody can read, a person's name in Latin-1, a line that is cut off.
    const SOME: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n+@admins::::::\n-evil::::::\n:x:7:7::/:/bin/sh\nj\xf6rg:x:8:8::/:/bin/sh\n\
        ceph:x:64045:64045:J\xf6rg:/var/lib/ceph:/usr/sbin/nologin\nbad:x:nine:9::/:\nwide:x:4294967296:1::/:\ntwin:x:0:0::/:/bin/sh\ncut:x:5";

    #[test]
    fn a_user_is_found_by_number_and_by_name() {
        let named = |name: &str| accounts(SOME).find(|account| account.name == name);
        let ceph =
            LocalAccount { name: "ceph".into(), uid: 64045, gid: 64045, home: "/var/lib/ceph".into(), shell: "/usr/sbin/nologin".into() };
        assert_eq!((by_uid(SOME, 64045), named("ceph")), (Some(ceph.clone()), Some(ceph)));
        // Of two with one number the first counts, as everywhere.
        assert_eq!(by_uid(SOME, 0).map(|account| account.name), Some("root".to_owned()));
        assert_eq!(named("twin").map(|account| account.uid), Some(0));
        for uid in [5, 7, 8, 9, 1, u32::MAX] {
            assert_eq!(by_uid(SOME, uid), None, "{uid}");
        }
        for name in ["+@admins", "-evil", "", "bad", "wide", "cut"] {
            assert_eq!(named(name), None, "{name}");
        }
        assert_eq!(accounts(b"").count(), 0);
    }

    #[test]
    fn groups_are_those_that_name_the_user() {
        let ceph = by_uid(SOME, 64045).unwrap();
        let groups =
            b"ceph:x:64045:ceph\ndisk:x:6:x,ceph\nadm:x:4:cephadm,xceph\nkvm:x:107:ceph,\ntwice:x:6:ceph\n+:::\nodd:x:y:ceph\ncut:x:9";
        assert_eq!(memberships(groups, &ceph), [64045, 6, 107]);
        assert_eq!(memberships(b"", &ceph), [64045]);
    }

    #[test]
    fn this_machine_s_own_files_are_read() {
        assert_eq!(LocalAccount::named("root").unwrap(), LocalAccount::of(0).unwrap());
        assert_eq!(LocalAccount::named("#0").unwrap().name, name_of(0).unwrap());
        assert!(LocalAccount::named("root").unwrap().groups().unwrap().contains(&0));
        for unknown in ["no-such-user", "#", "#x", "#-1", "#4294967296", "#4294967290"] {
            let why = LocalAccount::named(unknown).unwrap_err().to_string();
            assert_eq!(why, format!("there is no user {unknown} in /etc/passwd, and no name service is asked"));
        }
    }
}
