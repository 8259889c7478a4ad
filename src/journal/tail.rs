//! Finds, from the end of the journal, where the next record links to.
//!
//! What was not synced may be gone in part after a loss of power, wherever it stood. Each record says up to which record all
//! was on the disk when it was written: from there on, the chain is walked.

use std::{
    fs::File,
    io::{self, Read},
};

use super::{
    chain::{Chain, Link},
    disk::{Disk, Window},
    error::JournalError,
    lines::Lines,
    record::{LONGEST, Line},
};
use crate::digest::Digest;

/// How far the journal is known to this process.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    pub chain: Chain,
    /// The bytes that the chain has walked: whole lines.
    pub size: u64,
    /// What stands after them: a line without its end.
    pub fragment: Vec<u8>,
    /// Up to this record all is known to be on the disk.
    pub synced: u64,
}

fn cannot(source: io::Error) -> JournalError {
    JournalError::Io { doing: "reading the end of the journal".to_owned(), source }
}

impl Tail {
    pub(super) fn find(disk: &dyn Disk, file: &File) -> Result<Self, JournalError> {
        let size = file.metadata().map_err(cannot)?.len();
        let mut lines = Backward { window: Window { disk, file, position: 0, end: size }, base: size, held: Vec::new() };
        let mut tail = Self { chain: Chain::start(), size: 0, fragment: Vec::new(), synced: 0 };
        while let Some((start, line)) = lines.read().map_err(cannot)? {
            match Line::read(&line) {
                Ok(Line::Record(record)) => {
                    tail.synced = tail.synced.max(record.join().synced());
                    if record.header.seq <= tail.synced {
                        tail.chain = Chain::after(record.header.seq, Digest::of(&line));
                        tail.size = start + line.len() as u64;
                        break;
                    }
                    // What stands before it was archived, and was on the disk before this file took the journal's place.
                    if start == 0 && record.header.seq > 1 {
                        tail.chain = Chain::before(record.header.seq, record.header.prev);
                        tail.synced = tail.synced.max(tail.chain.records());
                    }
                }
                Ok(Line::Newer { v, .. }) => return Err(JournalError::Newer { version: v }),
                Err(_) => {}
            }
        }
        tail.catch_up(disk, file)?;
        Ok(tail)
    }

    /// Takes in what was appended since.
    pub(super) fn catch_up(&mut self, disk: &dyn Disk, file: &File) -> Result<(), JournalError> {
        let end = file.metadata().map_err(cannot)?.len();
        self.fragment.clear();
        if end < self.size {
            let source = io::Error::new(io::ErrorKind::InvalidData, "it has become shorter");
            return Err(cannot(source));
        }
        let mut lines = Lines::new(Window { disk, file, position: self.size, end });
        while self.size < end {
            let Some(raw) = lines.read().map_err(cannot)? else { break };
            if raw.bytes.len() > LONGEST {
                return Err(JournalError::Damaged);
            }
            if !raw.terminated() {
                self.fragment.extend_from_slice(raw.bytes);
                break;
            }
            match self.chain.push(raw.bytes) {
                Link::Newer(version) => return Err(JournalError::Newer { version }),
                Link::Record { synced } => self.synced = self.synced.max(synced),
                Link::Loose => {}
            }
            self.size += raw.bytes.len() as u64;
        }
        // A crash leaves pieces, and records of runs that were not synced; nothing else.
        if self.chain.stretch().is_some_and(|stretch| stretch.damage) { Err(JournalError::Damaged) } else { Ok(()) }
    }
}

/// Lines from the last to the first.
struct Backward<'f> {
    window: Window<'f>,
    /// Where what is held begins in the file.
    base: u64,
    held: Vec<u8>,
}

impl Backward<'_> {
    /// Where the line begins, and the line.
    fn read(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let before_end = self.held.len().saturating_sub(1);
            if let Some(newline) = memchr::memrchr(b'\n', &self.held[..before_end]) {
                let line = self.held.split_off(newline + 1);
                return Ok(Some((self.base + newline as u64 + 1, line)));
            }
            if self.base == 0 {
                let line = std::mem::take(&mut self.held);
                return Ok(if line.is_empty() { None } else { Some((0, line)) });
            }
            if self.held.len() > LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it has a line longer than any record"));
            }
            let more = (self.held.len() as u64).max(1 << 16).min(self.base);
            let mut held = vec![0; usize::try_from(more).map_err(io::Error::other)?];
            self.window.position = self.base - more;
            self.window.read_exact(&mut held)?;
            held.append(&mut self.held);
            self.held = held;
            self.base -= more;
        }
    }
}
