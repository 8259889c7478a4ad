//! The mark of a journal: which one it is, and which file it stands in. A copy bears the mark of its original, and stands in another file.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    time::UNIX_EPOCH,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a journal's first record says of it, and each that was written when a person had it gone on with as a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalMark {
    /// 32 hexadecimal digits, chosen at random when the journal was begun. Copies have the same.
    pub id: String,
    /// Names the machine, as far as it has a `machine-id`: of that only a hash, since the id itself is not to be told around.
    pub machine: Option<String>,
    /// Of the file of records. The number of its device is no part of this: that may change when the machine is started.
    pub inode: u64,
    /// When that file was made, in nanoseconds since 1970, if its file system knows: an inode may be given to another file.
    pub born_ns: Option<u64>,
}

impl JournalMark {
    /// The mark of a journal that is begun in this file.
    ///
    /// # Errors
    /// The system gives no random bytes, or the file system's.
    pub(super) fn begun_in(file: &File) -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let id = format!("{:032x}", u128::from_be_bytes(random));
        Ok(Self::standing(id, &file.metadata()?))
    }

    /// The mark of this journal where it stands now.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn now_in(&self, file: &File) -> io::Result<Self> {
        Ok(Self::standing(self.id.clone(), &file.metadata()?))
    }

    fn standing(id: String, metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let born_ns = born.and_then(|born| u64::try_from(born.as_nanos()).ok());
        Self { id, machine: machine(), inode: metadata.ino(), born_ns }
    }

    /// Why this cannot be where the journal stood when that was recorded; `None` if it may be. What is not known tells nothing.
    pub(crate) fn elsewhere(&self, now: &Self) -> Option<&'static str> {
        let differ = |then: Option<&str>, now: Option<&str>| then.zip(now).is_some_and(|(then, now)| then != now);
        if differ(self.machine.as_deref(), now.machine.as_deref()) {
            Some("it was written on another machine")
        } else if self.inode != now.inode || self.born_ns.zip(now.born_ns).is_some_and(|(then, now)| then != now) {
            Some("it was written in another file")
        } else {
            None
        }
    }
}

/// A hash that names this machine, as far as it has a `machine-id`.
pub(crate) fn machine() -> Option<String> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    let plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = || Digest::of(format!("halligan journal {id}").as_bytes());
    plain.then(|| format!("{:.32}", hash()))
}
