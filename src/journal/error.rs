//! Why a journal cannot be used.

use std::{io, path::PathBuf};

use super::record;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{doing} failed")]
    Io { doing: String, source: io::Error },
    #[error("{} is not safe for a journal: {why}", path.display())]
    Exposed { path: PathBuf, why: String },
    #[error("its last record is in format {version}, and this halligan knows no format after {}", record::VERSION)]
    Newer { version: u32 },
    #[error("records near its end are damaged, and no crash does that")]
    Damaged,
    #[error("the file at {} is no longer the one that was opened", path.display())]
    Replaced { path: PathBuf },
    #[error("{} is gone or empty, and archived months of it are there", path.display())]
    Gone { path: PathBuf },
    #[error("another process has held the journal's lock for {seconds} s")]
    Busy { seconds: u64 },
    #[error("there is no room on the disk to record how a change ends ({bytes} bytes are needed)")]
    NoRoom { bytes: u64, source: io::Error },
    #[error("a record cannot be written so that it can be read again: {why}")]
    Unreadable { why: String },
    #[error("an earlier failure has made it unusable: {why}")]
    Poisoned { why: String },
}

impl JournalError {
    /// The journal's file cannot be read.
    pub fn reading(source: io::Error) -> Self {
        Self::Io { doing: "reading the journal".to_owned(), source }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Exposed { .. } => "name a directory that is yours alone with --journal-dir",
            Self::Newer { .. } => "use the newer halligan, or name another directory with --journal-dir",
            Self::Damaged => "see what `halligan journal verify` says, and name another directory with --journal-dir to go on",
            Self::Busy { .. } => "see which halligan hangs (its disk may be dying), or name another directory with --journal-dir",
            Self::NoRoom { .. } => "free some space, or name a directory on another disk with --journal-dir",
            Self::Replaced { .. } => "it may just have been archived: repeat the command; else name another directory with --journal-dir",
            Self::Gone { .. } => "put the file back, which has the records since; or name another directory with --journal-dir to go on",
            Self::Io { .. } | Self::Unreadable { .. } | Self::Poisoned { .. } => "name a directory on another disk with --journal-dir",
        }
    }
}
