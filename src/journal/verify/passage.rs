//! Reads a journal from end to end on as many threads as there are processors, and gives its lines back in their order.
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

use crate::{
    defect::caught,
    digest::Digest,
    event::{Event, RunId},
    journal::{
        chain::SeenRecord,
        fault::RecordFault,
        reader::{Snapshot, SnapshotReader},
        record::{LONGEST, Line, Record},
    },
};

/// About how much a thread is given at once, in bytes.
const BLOCK: usize = 256 << 10;

/// About how much is held at once, in bytes.
const HELD: usize = 2 << 20;

/// A line that was taken apart.
pub(super) struct Passed {
    pub hash: Digest,
    pub seen: SeenRecord,
    /// `None` if it is no record.
    pub fact: Option<Fact>,
}

/// What a record tells.
pub(super) struct Fact {
    pub run: RunId,
    /// `None` if it is about the journal itself.
    pub event: Result<Option<Event>, RecordFault>,
}

/// Whole lines, and perhaps the last one's beginning.
struct WholeLines {
    bytes: Vec<u8>,
    lines: Vec<(Range<usize>, Passed)>,
}

/// Shows each line to `visit`, until that says why it is enough.
///
/// # Errors
/// The file system's.
pub(super) fn through<S>(snapshot: &Snapshot, mut visit: impl FnMut(&[u8], Passed) -> Option<S>) -> io::Result<Option<S>> {
    let count = thread::available_parallelism().map_or(1, usize::from).min(8);
    thread::scope(|threads| {
        // As many as can be had; with none, this thread does it all.
        let workers: Vec<_> = (0..count)
            .map_while(|_| {
                let (give, work) = mpsc::channel::<Vec<u8>>();
                let (done, take) = mpsc::channel();
                let labour = move || {
                    // One that fails is gone, and whoever waits for it is told.
                    let _ = caught(|| work.into_iter().try_for_each(|bytes| done.send(WholeLines::of(bytes))));
                };
                thread::Builder::new().spawn_scoped(threads, labour).ok().map(|_| (give, take))
            })
            .collect();
        let gone = || io::Error::other("a thread that reads the journal has failed");
        let mut blocks = Blocks { from: snapshot.from(0), rest: Vec::new() };
        let mut under_way: VecDeque<(usize, usize)> = VecDeque::new();
        let mut turns = (0..workers.len()).cycle();
        let mut ended = false;
        loop {
            while !ended && (under_way.is_empty() || under_way.iter().map(|(_, size)| size).sum::<usize>() < HELD) {
                let Some(bytes) = blocks.read()? else {
                    ended = true;
                    break;
                };
                let Some(turn) = turns.next() else {
                    if let Some(stop) = WholeLines::of(bytes).shown_to(&mut visit) {
                        return Ok(Some(stop));
                    }
                    continue;
                };
                under_way.push_back((turn, bytes.len()));
                workers[turn].0.send(bytes).map_err(|_| gone())?;
            }
            let Some((turn, _)) = under_way.pop_front() else { return Ok(None) };
            if let Some(stop) = workers[turn].1.recv().map_err(|_| gone())?.shown_to(&mut visit) {
                return Ok(Some(stop));
            }
        }
    })
}

/// Cuts a journal into blocks of whole lines.
struct Blocks<'s> {
    from: SnapshotReader<'s>,
    /// The beginning of the next line.
    rest: Vec<u8>,
}

impl Blocks<'_> {
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

impl WholeLines {
    fn of(bytes: Vec<u8>) -> Self {
        let mut lines = Vec::with_capacity(bytes.len() / 256);
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |newline| start + newline + 1);
            lines.push((start..end, Passed::of(&bytes[start..end])));
            start = end;
        }
        Self { bytes, lines }
    }

    fn shown_to<S>(self, mut visit: impl FnMut(&[u8], Passed) -> Option<S>) -> Option<S> {
        let Self { bytes, lines } = self;
        lines.into_iter().find_map(|(range, passed)| visit(&bytes[range], passed))
    }
}

impl Passed {
    fn of(line: &[u8]) -> Self {
        let hash = Digest::of(line);
        let read = Line::read(line);
        let seen = SeenRecord::from(&read);
        let fact = match read {
            Ok(Line::Record(record)) => Some(Fact::of(*record)),
            Ok(Line::Newer { .. }) | Err(_) => None,
        };
        Self { hash, seen, fact }
    }
}

impl Fact {
    fn of(record: Record<'_>) -> Self {
        let Record { header, body } = record;
        let event = match body.into_event() {
            Some(event) if event.name() != header.kind.0 => {
                Err(RecordFault::Misnamed { kind: header.kind.0.into_owned(), event: event.name() })
            }
            event => Ok(event),
        };
        Self { run: header.run, event }
    }
}
