//! The way by which an operator leaves the script of a run for a shell of his own.

use super::ledger::{Capture, LedgerError};
use crate::{event::ShellFact, secret::Secrets};

/// What is heard of a shell while it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FromShell<'b> {
    /// It is there, on a terminal of this size.
    Started {
        columns: u16,
        rows: u16,
    },
    /// What its terminal shows.
    Printed(&'b [u8]),
    Resized {
        columns: u16,
        rows: u16,
    },
    /// A hook in this shell tells its commands from now on.
    Hooked(String),
    /// A command line was typed.
    Began(String),
    /// It has ended, with this exit code.
    Ended(i32),
}

/// Where it is recorded what happens in a shell.
pub struct ShellRecords<'a> {
    /// Makes a fact of something. What cannot be recorded ends the shell.
    pub record: &'a dyn Fn(ShellFact) -> Result<(), LedgerError>,
    /// For its recording.
    pub capture: Box<dyn Capture>,
    /// What is masked in that.
    pub secrets: &'a Secrets,
}

impl std::fmt::Debug for ShellRecords<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellRecords").finish_non_exhaustive()
    }
}

/// Opens shells on the operator's terminal.
pub trait OffScript: Sync {
    /// A name for the next shell that no other shell beside the same run has while it is open.
    fn name(&self) -> String;
    /// Opens a shell of this name, on this machine or on another host, and returns when it is closed; whether it was opened at all.
    ///
    /// # Errors
    /// The journal does not take what happens in it.
    fn open(&self, shell: &str, host: Option<&str>, records: ShellRecords<'_>) -> Result<bool, LedgerError>;
}
