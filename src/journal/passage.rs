//! Reads a journal on as many threads as there are processors, and gives its lines back in their order.
//!
//! Hashing a line, checking it and taking it apart need nothing but the line. Only what follows from it has to wait for those
//! before it.

use std::{
    collections::VecDeque,
    io::{self, Read},
    ops::Range,
    sync::mpsc,
    thread,
};

use super::record::LONGEST;
use crate::defect::caught;

/// About how much a thread is given at once, in bytes.
const BLOCK: usize = 256 << 10;

/// About how much is held at once, in bytes.
const HELD: usize = 2 << 20;

/// Whole lines, and perhaps the last one's beginning.
struct WholeLines<T> {
    bytes: Vec<u8>,
    /// Where each ends, and what was made of it.
    lines: Vec<(usize, T)>,
}

/// Has each line of these bytes, which stand there in a journal, taken apart, told where it begins, and shows it with what was made of it
/// to `visit`, until that says why it is enough.
///
/// # Errors
/// The file system's.
pub(super) fn through<T: Send, S>(
    bytes: impl Read,
    span: Range<u64>,
    take_apart: impl Fn(u64, &[u8]) -> T + Sync,
    mut visit: impl FnMut(&[u8], T) -> Option<S>,
) -> io::Result<Option<S>> {
    let take_apart = &take_apart;
    // What is no more than one block is read before a thread has been started.
    let few = span.end.saturating_sub(span.start) <= BLOCK as u64;
    let count = if few { 0 } else { thread::available_parallelism().map_or(1, usize::from).min(8) };
    thread::scope(|threads| {
        // As many as can be had; with none, this thread does it all.
        let workers: Vec<_> = (0..count)
            .map_while(|_| {
                let (give, work) = mpsc::channel::<(u64, Vec<u8>)>();
                let (done, take) = mpsc::channel();
                let labour = move || {
                    // One that fails is gone, and whoever waits for it is told.
                    let _ = caught(|| work.into_iter().try_for_each(|(at, bytes)| done.send(WholeLines::of(at, bytes, take_apart))));
                };
                thread::Builder::new().spawn_scoped(threads, labour).ok().map(|_| (give, take))
            })
            .collect();
        let gone = || io::Error::other("a thread that reads the journal has failed");
        let mut blocks = Blocks { from: bytes, rest: Vec::new() };
        let mut at = span.start;
        let mut under_way: VecDeque<(usize, usize)> = VecDeque::new();
        let mut turns = (0..workers.len()).cycle();
        let mut ended = false;
        loop {
            while !ended && (under_way.is_empty() || under_way.iter().map(|(_, size)| size).sum::<usize>() < HELD) {
                let Some(bytes) = blocks.read()? else {
                    ended = true;
                    break;
                };
                let (here, size) = (at, bytes.len());
                at += size as u64;
                let Some(turn) = turns.next() else {
                    if let Some(stop) = WholeLines::of(here, bytes, take_apart).shown_to(&mut visit) {
                        return Ok(Some(stop));
                    }
                    continue;
                };
                under_way.push_back((turn, size));
                workers[turn].0.send((here, bytes)).map_err(|_| gone())?;
            }
            let Some((turn, _)) = under_way.pop_front() else { return Ok(None) };
            if let Some(stop) = workers[turn].1.recv().map_err(|_| gone())?.shown_to(&mut visit) {
                return Ok(Some(stop));
            }
        }
    })
}

/// Cuts a journal into blocks of whole lines.
struct Blocks<R> {
    from: R,
    /// The beginning of the next line.
    rest: Vec<u8>,
}

impl<R: Read> Blocks<R> {
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = std::mem::take(&mut self.rest);
        loop {
            let before = bytes.len();
            (&mut self.from).take(BLOCK as u64).read_to_end(&mut bytes)?;
            if bytes.len() == before {
                // What stands after the last newline is a line too.
                return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
            }
            if let Some(newline) = memchr::memrchr(b'\n', &bytes[before..]) {
                self.rest.reserve(BLOCK + 4096);
                self.rest.extend_from_slice(&bytes[before + newline + 1..]);
                bytes.truncate(before + newline + 1);
                return Ok(Some(bytes));
            }
            // No record is so long, and how long it is does not matter.
            if bytes.len() > LONGEST {
                return Ok(Some(bytes));
            }
        }
    }
}

impl<T> WholeLines<T> {
    fn of(at: u64, bytes: Vec<u8>, take_apart: &impl Fn(u64, &[u8]) -> T) -> Self {
        let mut lines = Vec::with_capacity(bytes.len() / 256);
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |newline| start + newline + 1);
            lines.push((end, take_apart(at + start as u64, &bytes[start..end])));
            start = end;
        }
        Self { bytes, lines }
    }

    fn shown_to<S>(self, mut visit: impl FnMut(&[u8], T) -> Option<S>) -> Option<S> {
        let Self { bytes, lines } = self;
        let mut start = 0;
        lines.into_iter().find_map(|(end, made)| visit(&bytes[std::mem::replace(&mut start, end)..end], made))
    }
}
