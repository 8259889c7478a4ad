//! The operator leaves the script for a shell of his own.

use super::engine::{Engine, Refused};
use crate::{
    event::{Event, Place, ShellFact},
    ports::{LedgerError, ShellRecords},
};

impl Engine<'_> {
    /// Opens a shell, and returns when it is closed. What was asked before then is old: somebody may have changed anything.
    pub(super) fn off_script(&self, place: Option<&Place>, host: Option<&str>) -> Result<(), LedgerError> {
        let Some(off_script) = self.ports.off_script else { return Ok(()) };
        let (shell, refused) = (off_script.name(), Refused::default());
        let record = |fact: ShellFact| self.keep(Event::Shell { place: place.cloned(), shell: shell.clone(), fact }, &refused);
        let records = ShellRecords { record: &record, capture: self.ports.ledger.capture()?, secrets: &self.secrets };
        let closed = off_script.open(&shell, host, records);
        self.together.turned();
        closed.map(drop)
    }
}
