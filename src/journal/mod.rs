//! The journal: the one source of truth on what was done. See `docs/journal.md`.

use std::{
    env, io,
    path::{Path, PathBuf},
};

pub mod chain;
pub mod digest;
pub mod disk;
pub mod export;
pub mod fault;
pub mod head;
pub mod history;
pub mod identity;
pub mod ladder;
pub mod memory;
pub mod output;
pub mod reader;
pub mod record;
pub mod salvage;
#[cfg(test)]
mod sample;
pub mod shape;
pub mod signature;
mod tail;
pub mod verify;
pub mod writer;

pub use digest::Digest;
pub use head::Head;
pub use ladder::Ladder;
pub use memory::MemoryLedger;
pub use record::Durability;
pub use writer::{Journal, RunLedger};

/// The file of records in a journal's directory.
pub const FILE: &str = "journal.jsonl";

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
            Self::Exposed { .. } => "make it yours alone (chown, chmod go-w), or name another directory with --journal-dir",
            Self::Newer { .. } => "use the newer halligan, or name another directory with --journal-dir",
            Self::Damaged => "see what `halligan journal verify` says, and name another directory with --journal-dir to go on",
            Self::Busy { .. } => "see which halligan hangs (its disk may be dying), or name another directory with --journal-dir",
            Self::NoRoom { .. } => "free some space, or name a directory on another disk with --journal-dir",
            Self::Io { .. } | Self::Replaced { .. } | Self::Unreadable { .. } | Self::Poisoned { .. } => {
                "name a directory on another disk with --journal-dir"
            }
        }
    }
}

/// Where the journal is kept when nobody says otherwise: `$HALLIGAN_JOURNAL_DIR`; `/var/lib/halligan` for root;
/// `$XDG_STATE_HOME/halligan`, or `~/.local/state/halligan`.
///
/// `None` if there is no home either.
#[must_use]
pub fn default_dir() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    if let Some(named) = env::var_os("HALLIGAN_JOURNAL_DIR").filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    if identity::is_root() {
        return Some(Path::new("/var/lib/halligan").to_owned());
    }
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("halligan"))
}
