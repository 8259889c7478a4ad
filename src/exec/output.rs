//! What a command prints: kept whole while it is hashed, with only its ends in memory.

use std::{
    collections::VecDeque,
    io::{self, PipeReader, Read, Write},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::transport::{FarReply, Sieve};
use crate::{
    event::Cut,
    ports::{Capture, LedgerError, Printed, Site},
    secret::{Masker, Secrets},
};

/// How long a grandchild may hold the output open after its parent has ended.
pub(super) const LEAK_GRACE: Duration = Duration::from_millis(500);
/// How much of a stream may wait in its pipe: as much as the system grants everybody.
const PIPE: i32 = 1 << 20;
/// How much is read at once.
const PIECE: usize = 256 << 10;
/// The longest line that is shown while it is under way.
const LINE: usize = 1000;
/// Of pieces larger than this only the last line is shown: nobody reads a flood.
const FLOOD: usize = 4096;

/// A pipe that holds as much as it may.
///
/// # Errors
/// No descriptors are left.
pub(super) fn pipe() -> io::Result<(PipeReader, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // Only a matter of speed.
    let _ = fcntl(reader.as_fd(), FcntlArg::F_SETPIPE_SZ(PIPE));
    Ok((reader, writer))
}

/// What has been read of a stream, and whether something that the command has left behind still held it open.
pub(super) type StreamRead = Result<(Printed, bool), LedgerError>;

/// One of the two streams of a command, on its way to what keeps it.
struct OutputStream<'a> {
    /// `None` once it is at its end.
    pipe: Option<PipeReader>,
    sieve: Sieve<'a, Masker<'a, Keeper<'a>>>,
    leaked: bool,
    failed: Option<io::Error>,
}

impl<'a> OutputStream<'a> {
    fn new(pipe: PipeReader, capture: Box<dyn Capture>, secrets: &'a Secrets, site: &'a dyn Site, reply: Option<&'a FarReply>) -> Self {
        let sieve = Sieve::new(reply, Masker::new(secrets, Keeper::new(capture, site)));
        Self { pipe: Some(pipe), sieve, leaked: false, failed: None }
    }

    /// Reads what is there. Whatever keeps it from being kept ends it.
    fn advance(&mut self, buffer: &mut [u8]) {
        let Some(pipe) = &mut self.pipe else { return };
        let read = match pipe.read(buffer) {
            Ok(0) => {
                self.pipe = None;
                return;
            }
            Ok(count) => self.sieve.write_all(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            self.failed = Some(error);
            self.pipe = None;
        }
    }

    fn finish(self) -> StreamRead {
        let failed = |source: io::Error| LedgerError::new("a command's output", Some(source));
        if let Some(error) = self.failed {
            return Err(failed(error));
        }
        let (masker, cut) = self.sieve.finish().map_err(failed)?;
        let (keeper, redactions) = masker.finish().map_err(failed)?;
        let mut printed = keeper.finish()?;
        printed.captured.redactions = redactions;
        if self.leaked {
            printed.captured.cut = Some(Cut::HeldOpen);
        } else if cut {
            printed.captured.cut = printed.captured.cut.or(Some(Cut::TooLong));
        }
        Ok((printed, self.leaked))
    }
}

/// Reads both streams of a command, in one thread, to their ends, or until the command has ended and the grace for what it left
/// behind is over; says which. What the far side says in them of its letter goes to `reply`.
///
/// An inner error says that what was printed on that stream cannot be kept.
pub(super) fn read(
    pipes: [(PipeReader, Box<dyn Capture>); 2],
    secrets: &Secrets,
    ended: &AtomicBool,
    site: &dyn Site,
    reply: Option<&FarReply>,
) -> [StreamRead; 2] {
    let mut streams = pipes.map(|(pipe, capture)| OutputStream::new(pipe, capture, secrets, site, reply));
    let mut buffer = vec![0; PIECE];
    let mut deadline = None;
    while streams.iter().any(|stream| stream.pipe.is_some()) {
        if ended.load(Ordering::SeqCst) && Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + LEAK_GRACE) {
            for stream in &mut streams {
                stream.leaked = stream.pipe.take().is_some();
            }
            break;
        }
        let ready = readable(&streams);
        for (stream, ready) in streams.iter_mut().zip(ready) {
            if ready {
                stream.advance(&mut buffer);
            }
        }
    }
    streams.map(OutputStream::finish)
}

/// Which of them have something to read, or are at their end; waits for a moment if none has.
fn readable(streams: &[OutputStream<'_>; 2]) -> [bool; 2] {
    let mut ready = [false; 2];
    let open: Vec<(usize, &PipeReader)> =
        streams.iter().enumerate().filter_map(|(index, stream)| Some((index, stream.pipe.as_ref()?))).collect();
    let mut fds: Vec<PollFd<'_>> = open.iter().map(|(_, pipe)| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)).collect();
    match poll(&mut fds, PollTimeout::from(50u8)) {
        Ok(0) | Err(Errno::EINTR) => {}
        // Where it cannot be waited for, reading itself says why.
        Ok(_) | Err(_) => {
            for ((index, _), fd) in open.iter().zip(&fds) {
                ready[*index] = fd.any().unwrap_or(true);
            }
        }
    }
    ready
}

/// Keeps a stream whole, its ends for expressions and the screen, and shows its lines.
struct Keeper<'a> {
    capture: Box<dyn Capture>,
    site: &'a dyn Site,
    head: Vec<u8>,
    /// `None` as long as `head` is all.
    tail: Option<VecDeque<u8>>,
    /// The line that is not at its end yet.
    line: Vec<u8>,
}

impl<'a> Keeper<'a> {
    fn new(capture: Box<dyn Capture>, site: &'a dyn Site) -> Self {
        Self { capture, site, head: Vec::new(), tail: None, line: Vec::new() }
    }

    fn finish(self) -> Result<Printed, LedgerError> {
        let tail = self.tail.map(Vec::from).unwrap_or_default();
        Ok(Printed { captured: self.capture.finish()?, head: self.head, tail })
    }

    fn remember(&mut self, bytes: &[u8]) {
        if self.tail.is_none() && self.head.len() + bytes.len() <= Printed::LIMIT {
            self.head.extend_from_slice(bytes);
            return;
        }
        let head = &mut self.head;
        let tail = self.tail.get_or_insert_with(|| {
            let tail = head[head.len().saturating_sub(Printed::EDGE)..].iter().copied().collect();
            let room = Printed::EDGE.saturating_sub(head.len()).min(bytes.len());
            head.extend_from_slice(&bytes[..room]);
            head.truncate(Printed::EDGE);
            head.shrink_to_fit();
            tail
        });
        let last = &bytes[bytes.len().saturating_sub(Printed::EDGE)..];
        let surplus = (tail.len() + last.len()).saturating_sub(Printed::EDGE);
        tail.drain(..surplus);
        tail.extend(last);
    }

    fn show(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if bytes.len() >= FLOOD
            && let Some(end) = memchr::memrchr2(b'\n', b'\r', bytes)
        {
            self.line.clear();
            rest = &bytes[end + 1..];
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            self.add(&rest[..end]);
            if !self.line.is_empty() {
                self.site.line(&String::from_utf8_lossy(&self.line));
            }
            self.line.clear();
            rest = &rest[end + 1..];
        }
        self.add(rest);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = LINE.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..room]);
    }
}

impl Write for Keeper<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.capture.write_all(bytes)?;
        self.remember(bytes);
        self.show(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::event::{Captured, SentSignal};

    struct Nowhere(u64);

    impl Write for Nowhere {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Capture for Nowhere {
        fn finish(self: Box<Self>) -> Result<Captured, LedgerError> {
            Ok(Captured { bytes: self.0, ..Captured::empty() })
        }
    }

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Site for Lines {
        fn spawned(&self, _: u32, _: u64) -> Result<(), LedgerError> {
            Ok(())
        }
        fn signalled(&self, _: SentSignal) -> Result<(), LedgerError> {
            Ok(())
        }
        fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
            Ok(Box::new(Nowhere(0)))
        }
        fn line(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
        fn listens(&self) -> bool {
            true
        }
        fn remark(&self, _: &str) -> Result<(), LedgerError> {
            Ok(())
        }
    }

    fn keep(pieces: &[&[u8]]) -> (Printed, Vec<String>) {
        let lines = Lines::default();
        let mut keeper = Keeper::new(Box::new(Nowhere(0)), &lines);
        for piece in pieces {
            keeper.write_all(piece).unwrap();
        }
        let printed = keeper.finish().unwrap();
        (printed, lines.0.into_inner().unwrap())
    }

    #[test]
    fn lines_are_shown_as_they_come() {
        let (printed, lines) = keep(&[b"on", b"e\n\ntw", b"o\rthree"]);
        assert_eq!(lines, ["one", "two"]);
        assert!(printed.cut().is_none() && printed.end() == b"one\n\ntwo\rthree");
        let flood = [b"x\n".repeat(FLOOD), b"last".to_vec()].concat();
        assert_eq!(keep(&[&flood, b" line\n"]).1, ["last line"]);
    }

    #[test]
    fn of_a_flood_only_the_ends_are_remembered() {
        let piece: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
        let pieces: Vec<&[u8]> = vec![&piece; Printed::LIMIT / piece.len() + 2];
        let (printed, _) = keep(&pieces);
        assert_eq!(printed.cut(), Some(Cut::TooLong));
        assert_eq!(printed.head, piece[..Printed::EDGE]);
        assert_eq!(printed.end(), &piece[piece.len() - Printed::EDGE..]);
        assert!(printed.head.capacity() < 2 * Printed::EDGE && printed.tail.capacity() <= 4 * Printed::EDGE);
        let exact = vec![b'x'; Printed::LIMIT];
        assert!(keep(&[&exact]).0.cut().is_none());
        let (printed, _) = keep(&[&exact, b"end"]);
        assert!(printed.end().ends_with(b"xend") && printed.end().len() == Printed::EDGE);
        let once = vec![b'y'; Printed::LIMIT + 1];
        let (printed, _) = keep(&[&once]);
        assert_eq!((printed.head.len(), printed.end().len()), (Printed::EDGE, Printed::EDGE));
    }
}
