//! What is noted down of a rehearsal for its debrief: every fact, and how long each question stood.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    event::{Captured, Event, Place},
    journal::MemoryLedger,
    ports::{Answer, Capture, Ledger, LedgerError, NoAnswer, Prompt, Question},
};

/// What marks a rehearsal, and every question of it.
pub(crate) const MARK: &str = "REHEARSAL";

/// Hands everything on to the journal, and keeps it.
pub(crate) struct Copying<'a> {
    inner: &'a dyn Ledger,
    pub kept: MemoryLedger,
}

impl<'a> Copying<'a> {
    #[must_use]
    pub(crate) fn new(inner: &'a dyn Ledger) -> Self {
        Self { inner, kept: MemoryLedger::default() }
    }
}

impl Ledger for Copying<'_> {
    fn append(&self, event: &Event) -> Result<(), LedgerError> {
        self.inner.append(event)?;
        self.kept.append(event)
    }

    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Ok(Box::new(Both { journaled: self.inner.capture()?, kept: self.kept.capture()? }))
    }
}

/// What a command prints, to the journal and to memory.
struct Both {
    journaled: Box<dyn Capture>,
    kept: Box<dyn Capture>,
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.journaled.write(bytes)?;
        self.kept.write_all(bytes.get(..count).unwrap_or_default())?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.journaled.flush()
    }
}

impl Capture for Both {
    fn finish(self: Box<Self>) -> Result<Captured, LedgerError> {
        self.kept.finish()?;
        self.journaled.finish()
    }
}

/// A question that was asked at the terminal.
#[derive(Debug, Clone)]
pub(crate) struct Stood {
    /// `None` for the plan.
    pub place: Option<Place>,
    pub stood: Duration,
}

/// Takes the time of questions.
pub(crate) struct Notebook<'a> {
    inner: &'a dyn Prompt,
    stood: Mutex<Vec<Stood>>,
}

impl<'a> Notebook<'a> {
    #[must_use]
    pub(crate) fn new(inner: &'a dyn Prompt) -> Self {
        Self { inner, stood: Mutex::default() }
    }

    /// The questions so far, in order.
    #[must_use]
    pub(crate) fn stood(&self) -> Vec<Stood> {
        self.stood.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Prompt for Notebook<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let began = Instant::now();
        let answer = self.inner.ask(question);
        if answer.is_ok() {
            let stood = Stood { place: question.place.clone(), stood: began.elapsed() };
            self.stood.lock().unwrap_or_else(PoisonError::into_inner).push(stood);
        }
        answer
    }
}
