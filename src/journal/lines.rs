//! A journal's lines, one after the other.

use std::{
    io,
    io::{BufRead, BufReader, Read},
};

use super::record::LONGEST;

/// One line as it stands.
#[derive(Debug, Clone, Copy)]
pub struct RawLine<'l> {
    /// From 1.
    pub number: u64,
    /// Where it begins, in bytes from where the first line does.
    pub position: u64,
    /// With its newline, if it has one. At most one byte more than [`LONGEST`].
    pub bytes: &'l [u8],
}

impl RawLine<'_> {
    #[must_use]
    pub fn terminated(&self) -> bool {
        self.bytes.ends_with(b"\n")
    }
}

/// Lines, one at a time.
#[derive(Debug)]
pub struct Lines<R> {
    pub from: BufReader<R>,
    pub line: Vec<u8>,
    pub number: u64,
    /// Where the next one begins.
    pub position: u64,
}

impl<R: Read> Lines<R> {
    pub fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(1 << 18, from), line: Vec::new(), number: 0, position: 0 }
    }

    /// The next line; not an iterator, since each line replaces the one before. One that is longer than any record is the last:
    /// what follows is no journal, however long it goes on.
    ///
    /// # Errors
    /// The file system's.
    pub fn read(&mut self) -> io::Result<Option<RawLine<'_>>> {
        if self.line.len() > LONGEST {
            return Ok(None);
        }
        self.line.clear();
        if (&mut self.from).take(LONGEST as u64 + 1).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        let position = self.position;
        self.number += 1;
        self.position += self.line.len() as u64;
        Ok(Some(RawLine { number: self.number, position, bytes: &self.line }))
    }
}
