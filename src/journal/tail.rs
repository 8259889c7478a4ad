//! Finds, from the end of the journal, where the next record links to.
//!
//! What was not synced may be gone in part after a loss of power, wherever it stood. All that stands before a record of
//! `EachRecord` was synced before that was written, and so was a closed run before anybody wrote again: from such a record
//! on, the chain is walked.

use std::{fs::File, io, os::unix::fs::FileExt};

use super::{
    JournalError,
    chain::{Chain, Link},
    digest::Digest,
    disk::Window,
    reader::Lines,
    record::{Durability, LONGEST, Line},
    shape::Body,
};

/// How far the journal is known to this process.
#[derive(Debug, Clone)]
pub struct Tail {
    pub chain: Chain,
    /// The bytes that the chain has walked: whole lines.
    pub size: u64,
    /// What stands after them: a line without its end.
    pub fragment: Vec<u8>,
    /// This process does not know all of it to be on the disk.
    pub dirty: bool,
}

fn cannot(source: io::Error) -> JournalError {
    JournalError::Io { doing: "reading the end of the journal".to_owned(), source }
}

impl Tail {
    pub fn find(file: &File) -> Result<Self, JournalError> {
        let size = file.metadata().map_err(cannot)?.len();
        let mut lines = Backward { file, base: size, window: Vec::new() };
        let mut followed = false;
        let mut tail = Self { chain: Chain::start(), size: 0, fragment: Vec::new(), dirty: true };
        while let Some((start, line)) = lines.read().map_err(cannot)? {
            match Line::read(&line) {
                Ok(Line::Record(record)) => {
                    let closed = followed && matches!(record.body, Body::RunClosed(_));
                    if closed || record.header.sync == Durability::EachRecord {
                        tail.chain = Chain::after(record.header.seq, Digest::of(&line));
                        tail.size = start + line.len() as u64;
                        break;
                    }
                    followed = true;
                }
                Ok(Line::Newer { v, .. }) => return Err(JournalError::Newer { version: v }),
                Err(_) => followed = false,
            }
        }
        tail.catch_up(file)?;
        Ok(tail)
    }

    /// Takes in what was appended since.
    pub fn catch_up(&mut self, file: &File) -> Result<(), JournalError> {
        let end = file.metadata().map_err(cannot)?.len();
        self.fragment.clear();
        if end < self.size {
            let source = io::Error::new(io::ErrorKind::InvalidData, "it has become shorter");
            return Err(cannot(source));
        }
        self.dirty |= end > self.size;
        let mut lines = Lines::new(Window { file, position: self.size, end });
        while self.size < end {
            let Some(raw) = lines.read().map_err(cannot)? else { break };
            if raw.bytes.len() > LONGEST {
                return Err(JournalError::Damaged);
            }
            if !raw.terminated() {
                self.fragment.extend_from_slice(raw.bytes);
                break;
            }
            if let Link::Newer(version) = self.chain.push(raw.bytes) {
                return Err(JournalError::Newer { version });
            }
            self.size += raw.bytes.len() as u64;
        }
        // A crash leaves pieces, and records of runs that were not synced; nothing else.
        if self.chain.stretch().is_some_and(|stretch| stretch.damage) { Err(JournalError::Damaged) } else { Ok(()) }
    }
}

/// Lines from the last to the first.
struct Backward<'f> {
    file: &'f File,
    /// Where the window begins in the file.
    base: u64,
    window: Vec<u8>,
}

impl Backward<'_> {
    /// Where the line begins, and the line.
    fn read(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let before_end = self.window.len().saturating_sub(1);
            if let Some(newline) = memchr::memrchr(b'\n', &self.window[..before_end]) {
                let line = self.window.split_off(newline + 1);
                return Ok(Some((self.base + newline as u64 + 1, line)));
            }
            if self.base == 0 {
                let line = std::mem::take(&mut self.window);
                return Ok(if line.is_empty() { None } else { Some((0, line)) });
            }
            if self.window.len() > LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it has a line longer than any record"));
            }
            let more = (self.window.len() as u64).max(1 << 16).min(self.base);
            let mut window = vec![0; usize::try_from(more).map_err(io::Error::other)?];
            self.file.read_exact_at(&mut window, self.base - more)?;
            window.append(&mut self.window);
            self.window = window;
            self.base -= more;
        }
    }
}
