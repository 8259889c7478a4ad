//! What the far side says of a letter, amid what the command prints: that it was opened, and how the command ended.
//!
//! Each of the two streams has its own marks, so that what is missing of either is seen. A mark is put together on the far side,
//! of words that stand in the letter apart: what sends a letter back, shows it or traces it has not opened it.

use std::{
    io::{self, Write},
    str,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use memchr::{memchr, memmem};

/// So much is kept of what the far side prints before it opens the letter, of each stream, in bytes.
const KEPT_BEFORE: usize = 64 << 10;
/// A mark's end comes within so many bytes of its beginning.
const LONGEST: usize = 32;
/// A longer word, in bytes, of what came instead may be a part of the letter.
const LONGEST_WORD: usize = 64;

/// What was heard of one letter. The readers of both streams share it.
#[derive(Debug)]
pub(crate) struct FarReply {
    mark: String,
    /// What each mark begins with.
    beginning: String,
    said: Mutex<SaidOfLetter>,
}

#[derive(Debug, Default)]
struct SaidOfLetter {
    opened: bool,
    unread: bool,
    /// The exit code, as each stream tells it.
    codes: [Option<i32>; 2],
    /// When both had told it.
    ended: Option<Instant>,
}

/// What one mark says.
#[derive(Debug, PartialEq, Eq)]
enum Notice {
    Opened,
    Ended,
    Unread,
}

impl FarReply {
    /// To the letter with this mark.
    pub(super) fn to(mark: &str) -> Self {
        Self { mark: mark.to_owned(), beginning: format!("[{mark} "), said: Mutex::default() }
    }

    fn said(&self) -> MutexGuard<'_, SaidOfLetter> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The letter was opened: the command may have begun.
    pub(super) fn opened(&self) -> bool {
        self.said().opened
    }

    /// The far shell was there, but what it read was not its letter.
    pub(super) fn unread(&self) -> bool {
        self.said().unread
    }

    /// The command's own exit code, if its end was told on both streams: nothing of its output is missing then.
    pub(super) fn code(&self) -> Option<i32> {
        let said = self.said();
        said.codes[0].filter(|code| said.opened && said.codes[1] == Some(*code))
    }

    /// The command ended at least so long ago.
    pub(super) fn ended_before(&self, grace: Duration) -> bool {
        self.said().ended.is_some_and(|ended| ended.elapsed() >= grace)
    }

    /// Takes what stands between a mark's beginning and its newline; `None` if that is no mark.
    fn hear(&self, words: &[u8]) -> Option<Notice> {
        let words: Vec<&str> = str::from_utf8(words).ok()?.strip_suffix(']')?.split(' ').collect();
        let mut said = self.said();
        match *words.as_slice() {
            ["unread"] => {
                said.unread = true;
                Some(Notice::Unread)
            }
            ["opened", "1" | "2"] => {
                said.opened = true;
                Some(Notice::Opened)
            }
            ["ended", stream @ ("1" | "2"), code] => {
                said.codes[usize::from(stream == "2")] = Some(code.parse().ok()?);
                if said.codes.iter().all(Option::is_some) {
                    said.ended = Some(Instant::now());
                }
                Some(Notice::Ended)
            }
            _ => None,
        }
    }

    /// The text without the letter, where something sent it back: it may hold secrets in a form that nobody masks. So may a part of
    /// it, as a shell shows a command that it does not find: a letter is one long word.
    fn without_letter(&self, text: &[u8]) -> Vec<u8> {
        let letter = |line: &[u8]| {
            memmem::find(line, self.mark.as_bytes())
                .is_some_and(|at| matches!(line.get(at + self.mark.len()..), Some([b' ', digit, ..]) if digit.is_ascii_digit()))
        };
        let mut kept = Vec::with_capacity(text.len());
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if letter(line) {
                kept.extend_from_slice(b"[what halligan had sent]\n");
                continue;
            }
            for word in line.split_inclusive(u8::is_ascii_whitespace) {
                kept.extend_from_slice(if word.len() > LONGEST_WORD { b"[...] " } else { word });
            }
        }
        kept
    }
}

/// Passes a stream on without the marks in it, and without what came before the letter was opened. If it never was, what came
/// instead is passed on at the end.
#[derive(Debug)]
pub(crate) struct Sieve<'a, W> {
    /// `None` if nobody says anything in this stream.
    reply: Option<&'a FarReply>,
    opened: bool,
    before: Vec<u8>,
    /// What could still be the beginning of a mark.
    pending: Vec<u8>,
    /// Not all of what came before was kept.
    cut: bool,
    inner: W,
}

impl<'a, W: Write> Sieve<'a, W> {
    pub(crate) fn new(reply: Option<&'a FarReply>, inner: W) -> Self {
        Self { reply, opened: false, before: Vec::new(), pending: Vec::new(), cut: false, inner }
    }

    /// Writes out what is left. Also says whether something was left out that nobody has kept.
    ///
    /// # Errors
    /// The writer's.
    pub(crate) fn finish(mut self) -> io::Result<(W, bool)> {
        let pending = std::mem::take(&mut self.pending);
        self.pass(&pending)?;
        if let Some(reply) = self.reply.filter(|_| !self.opened) {
            self.inner.write_all(&reply.without_letter(&self.before))?;
        }
        Ok((self.inner, self.cut && !self.opened))
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.opened {
            return self.inner.write_all(bytes);
        }
        let room = KEPT_BEFORE.saturating_sub(self.before.len()).min(bytes.len());
        self.before.extend_from_slice(&bytes[..room]);
        self.cut |= room < bytes.len();
        Ok(())
    }

    fn open(&mut self) {
        if !self.opened && !self.before.is_empty() {
            let text = String::from_utf8_lossy(&self.before[..self.before.len().min(200)]).into_owned();
            tracing::debug!(bytes = self.before.len(), text, "what the far side printed before the command began is left out");
        }
        self.opened = true;
        self.before = Vec::new();
    }

    fn sift(&mut self, reply: &FarReply, bytes: &[u8]) -> io::Result<()> {
        let beginning = reply.beginning.as_bytes();
        let mut from = 0;
        while let Some(at) = memmem::find(&bytes[from..], beginning).map(|found| from + found) {
            self.pass(&bytes[from..at])?;
            let words = &bytes[at + beginning.len()..];
            let end = memchr(b'\n', &words[..words.len().min(LONGEST)]);
            if end.is_none() && words.len() < LONGEST {
                // It has not come whole.
                self.pending = bytes[at..].to_vec();
                return Ok(());
            }
            let notice = end.and_then(|end| Some((end, reply.hear(&words[..end])?)));
            from = at + beginning.len();
            if let Some((end, notice)) = notice {
                if notice == Notice::Opened {
                    self.open();
                }
                from += end + 1;
            } else {
                self.pass(beginning)?;
            }
        }
        let rest = &bytes[from..];
        let most = (beginning.len() - 1).min(rest.len());
        let begun = (1..=most).rev().find(|length| rest.ends_with(&beginning[..*length])).unwrap_or_default();
        self.pass(&rest[..rest.len() - begun])?;
        self.pending = rest[rest.len() - begun..].to_vec();
        Ok(())
    }
}

impl<W: Write> Write for Sieve<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.reply {
            None => self.inner.write_all(bytes)?,
            Some(reply) if self.pending.is_empty() => self.sift(reply, bytes)?,
            Some(reply) => {
                let mut all = std::mem::take(&mut self.pending);
                all.extend_from_slice(bytes);
                self.sift(reply, &all)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sifted(reply: &FarReply, pieces: &[&[u8]]) -> String {
        let mut sieve = Sieve::new(Some(reply), Vec::new());
        for piece in pieces {
            sieve.write_all(piece).unwrap();
        }
        String::from_utf8(sieve.finish().unwrap().0).unwrap()
    }

    const OUT: &str = "noise\n[m opened 1]\none\n[m other]\n[m tw[m ended 1 7]\nleft behind";

    proptest! {
        #[test]
        fn marks_are_taken_out_wherever_the_stream_is_cut(cuts in proptest::collection::vec(0..OUT.len(), 0..8)) {
            let mut cuts: Vec<usize> = cuts.into_iter().chain([0, OUT.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &OUT.as_bytes()[pair[0]..pair[1]]).collect();
            let reply = FarReply::to("m");
            prop_assert_eq!(sifted(&reply, &pieces), "one\n[m other]\n[m twleft behind");
            prop_assert!(reply.opened() && reply.code().is_none());
            prop_assert_eq!(sifted(&reply, &[b"[m opened 2]\nx[m ended 2 7]\n"]), "x");
            prop_assert_eq!(reply.code(), Some(7));
        }
    }

    #[test]
    fn without_a_mark_all_is_told_but_the_letter() {
        let reply = FarReply::to("m");
        let part = format!("sh: {}: no\n", "x0040".repeat(20));
        assert_eq!(
            sifted(&reply, &[b"no such account\n", b"m 12 seal\\0040ed\n", part.as_bytes(), b"m: not found"]),
            "no such account\n[what halligan had sent]\nsh: [...] no\nm: not found"
        );
        assert!(!reply.opened() && !reply.unread());
        assert_eq!(sifted(&reply, &[b"[m unread]\n"]), "");
        assert!(reply.unread() && !reply.opened());
        let flood = b"y\n".repeat(2 * KEPT_BEFORE);
        let mut sieve = Sieve::new(Some(&reply), Vec::new());
        sieve.write_all(&flood).unwrap();
        let (kept, cut) = sieve.finish().unwrap();
        assert_eq!((kept.len(), cut), (KEPT_BEFORE, true));
    }

    #[test]
    fn an_end_that_is_told_on_one_stream_only_is_not_known() {
        let reply = FarReply::to("m");
        sifted(&reply, &[b"[m opened 1]\n[m ended 1 0]\n"]);
        sifted(&reply, &[b"[m opened 2]\nhalf a li"]);
        assert_eq!(reply.code(), None);
        sifted(&reply, &[b"[m ended 2 1]\n"]);
        assert_eq!(reply.code(), None);
    }
}
