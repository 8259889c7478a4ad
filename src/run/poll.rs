//! What becomes of one asking of a wait.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use super::{
    engine::{Engine, Refused},
    halt::Halt,
};
use crate::{
    event::{Captured, Event, Part, Place, SentSignal},
    ports::{Capture, LedgerError, Site},
};

/// One asking of a wait: only the last one's output is kept, so that hours of waiting do not fill the disk.
pub(super) struct Poll<'a> {
    /// The wait; `None` before the run and beside it, where nothing is recorded.
    of: Option<(&'a Engine<'a>, &'a Place)>,
    remarks: Mutex<Vec<String>>,
    refused: Refused,
}

impl<'a> Poll<'a> {
    /// Asks for a wait, which has begun.
    pub(super) fn of(engine: &'a Engine<'a>, place: &'a Place) -> Self {
        Self { of: Some((engine, place)), remarks: Mutex::default(), refused: Refused::default() }
    }

    /// Asks before the run, or beside it.
    pub(super) fn beforehand() -> Self {
        Self { of: None, remarks: Mutex::default(), refused: Refused::default() }
    }

    /// Why it could not be asked.
    pub(super) fn halted(&self, error: LedgerError) -> Halt {
        self.refused.or(error)
    }

    /// What else there is to know of the command, such as what it has left behind.
    pub(super) fn remarks(self) -> Vec<String> {
        self.remarks.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site for Poll<'_> {
    fn spawned(&self, _: u32, _: u64) -> Result<(), LedgerError> {
        Ok(())
    }
    fn signalled(&self, signal: SentSignal) -> Result<(), LedgerError> {
        let Some((engine, place)) = self.of else { return Ok(()) };
        engine.keep(Event::StepSignalled { place: place.clone(), part: Part::Main, signal }, &self.refused)
    }
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Ok(Box::new(ByteCount(0)))
    }
    fn line(&self, _: &str) {}
    fn listens(&self) -> bool {
        false
    }
    fn remark(&self, text: &str) -> Result<(), LedgerError> {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
        Ok(())
    }
}

/// Counts bytes and keeps none.
struct ByteCount(u64);

impl Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture for ByteCount {
    fn finish(self: Box<Self>) -> Result<Captured, LedgerError> {
        Ok(Captured { bytes: self.0, ..Captured::empty() })
    }
}
