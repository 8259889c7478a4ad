//! What happened is kept, and what was put out.

use std::io;

use crate::event::{Captured, Event};

/// Keeps what happened. An event counts only once this has taken it.
pub trait Ledger: Sync {
    /// Returns when the event is as durable as this ledger makes anything.
    ///
    /// # Errors
    /// The event may be lost: nothing new may start.
    fn append(&self, event: &Event) -> Result<(), LedgerError>;

    /// A place for one stream of output.
    ///
    /// # Errors
    /// As for `append`.
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError>;
}

/// Takes one stream of output, whole.
pub trait Capture: io::Write + Send {
    /// Makes what was written durable, and names it.
    ///
    /// # Errors
    /// What was written may be lost.
    fn finish(self: Box<Self>) -> Result<Captured, LedgerError>;
}

/// The record cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the journal cannot be written: {what}{}", fate.as_ref().map(|fate| format!("; {fate}")).unwrap_or_default())]
pub struct LedgerError {
    pub what: String,
    /// What has become of the record, if that can be said.
    pub fate: Option<String>,
    #[source]
    pub source: Option<io::Error>,
}

impl LedgerError {
    /// No more is known than what could not be done, and why.
    pub fn new(what: impl Into<String>, source: Option<io::Error>) -> Self {
        Self { what: what.into(), fate: None, source }
    }
}
