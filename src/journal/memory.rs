//! A ledger that forgets: for tests of runbooks, which leave nothing behind.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    digest::Digest,
    event::{Captured, Event},
    ports::{Capture, Ledger, LedgerError},
};

type MemoryOutputs = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Keeps events and outputs in memory.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    events: Mutex<Vec<Event>>,
    outputs: MemoryOutputs,
}

impl MemoryLedger {
    /// What was journaled so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, when nothing more comes.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        self.events.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was printed, by its hash.
    #[must_use]
    pub fn output(&self, sha256: &str) -> Option<Vec<u8>> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned()
    }
}

impl Ledger for MemoryLedger {
    fn append(&self, event: &Event) -> Result<(), LedgerError> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        Ok(())
    }

    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Ok(Box::new(Kept { bytes: Vec::new(), outputs: Arc::clone(&self.outputs) }))
    }
}

struct Kept {
    bytes: Vec<u8>,
    outputs: MemoryOutputs,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture for Kept {
    fn finish(self: Box<Self>) -> Result<Captured, LedgerError> {
        if self.bytes.is_empty() {
            // Most commands say nothing on standard error.
            self.outputs.lock().unwrap_or_else(PoisonError::into_inner).entry(Captured::EMPTY.to_owned()).or_default();
            return Ok(Captured::empty());
        }
        let sha256 = Digest::of(&self.bytes).to_string();
        let captured = Captured { sha256: sha256.clone(), bytes: self.bytes.len() as u64, cut: None, redactions: 0 };
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner).insert(sha256, self.bytes);
        Ok(captured)
    }
}
