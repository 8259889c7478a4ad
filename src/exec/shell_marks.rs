//! What the hooks of a shell say of its commands, among all else that it prints.
//!
//! They say it in a sequence that only this shell knows how to begin, so that nothing that is merely shown, such as a file with such a
//! sequence in it, is taken for it. What they say is shown to nobody.

use crate::ports::FromShell;

/// How each of them begins: a command to the terminal (OSC) that none knows.
const OPEN: &str = "\u{1b}]6973;";
/// How each ends.
const CLOSE: u8 = 0x07;
/// The longest that is waited for, in bytes.
const LONGEST: usize = 256 << 10;

/// Takes out of a stream what hooks say.
#[derive(Debug)]
pub(super) struct ShellMarks {
    begin: Vec<u8>,
    /// What could still be the beginning of a mark.
    pending: Vec<u8>,
}

impl ShellMarks {
    /// The marks of the shell that was told this secret word.
    pub(super) fn of(word: &str) -> Self {
        Self { begin: format!("{OPEN}{word};").into_bytes(), pending: Vec::new() }
    }

    /// Whether something is held back.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Goes through what was printed next, and hands on each piece of it and each mark, in order.
    ///
    /// # Errors
    /// Those of `hear`.
    pub(super) fn pass<E>(&mut self, bytes: &[u8], mut hear: impl FnMut(FromShell<'_>) -> Result<(), E>) -> Result<(), E> {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some(at) = memchr::memchr(self.begin[0], rest) {
            let (before, from) = rest.split_at(at);
            print(before, &mut hear)?;
            rest = from;
            if let Some(said) = rest.strip_prefix(self.begin.as_slice()) {
                match memchr::memchr(CLOSE, said) {
                    Some(end) => {
                        if let Some(mark) = mark(&said[..end]) {
                            hear(mark)?;
                        }
                        rest = &said[end + 1..];
                        continue;
                    }
                    None if said.len() < LONGEST => {
                        self.pending = rest.to_vec();
                        return Ok(());
                    }
                    // Nobody ends it: then it is none.
                    None => {}
                }
            } else if self.begin.starts_with(rest) {
                self.pending = rest.to_vec();
                return Ok(());
            }
            print(&rest[..1], &mut hear)?;
            rest = &rest[1..];
        }
        print(rest, &mut hear)
    }

    /// Nothing more came for a while, or ever will: what is held back is what it looks like.
    ///
    /// # Errors
    /// Those of `hear`.
    pub(super) fn give_up<E>(&mut self, mut hear: impl FnMut(FromShell<'_>) -> Result<(), E>) -> Result<(), E> {
        // What has begun as a mark is one, and its end is on its way.
        if self.pending.starts_with(&self.begin) {
            return Ok(());
        }
        print(&std::mem::take(&mut self.pending), &mut hear)
    }
}

fn print<E>(bytes: &[u8], hear: &mut impl FnMut(FromShell<'_>) -> Result<(), E>) -> Result<(), E> {
    if bytes.is_empty() { Ok(()) } else { hear(FromShell::Printed(bytes)) }
}

/// What a hook says: a letter, and what belongs to it.
fn mark(said: &[u8]) -> Option<FromShell<'static>> {
    let said = String::from_utf8_lossy(said);
    let (kind, what) = said.split_once(';')?;
    match kind {
        "H" if !what.is_empty() => Some(FromShell::Hooked(what.to_owned())),
        "B" => Some(unescaped(what)).filter(|text| !text.trim().is_empty()).map(FromShell::Began),
        "E" => what.parse().ok().map(FromShell::Ended),
        _ => None,
    }
}

/// A command line as it was typed. Hooks escape what would end a mark, and newlines, before which the terminal puts something.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char, (char == '\\').then(|| chars.next()).flatten()) {
            (_, Some('n')) => plain.push('\n'),
            (_, Some('r')) => plain.push('\r'),
            (_, Some('a')) => plain.push('\u{7}'),
            (_, Some('e')) => plain.push('\u{1b}'),
            (_, Some(other)) => plain.push(other),
            (char, None) => plain.push(char),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(pieces: &[&[u8]]) -> (String, Vec<FromShell<'static>>) {
        let (mut marks, mut shown, mut said) = (ShellMarks::of("w0rd"), Vec::new(), Vec::new());
        let mut hear = |from: FromShell<'_>| {
            match from {
                FromShell::Printed(bytes) => shown.extend_from_slice(bytes),
                FromShell::Began(text) => said.push(FromShell::Began(text)),
                FromShell::Ended(code) => said.push(FromShell::Ended(code)),
                FromShell::Hooked(shell) => said.push(FromShell::Hooked(shell)),
                other => panic!("{other:?}"),
            }
            Ok::<_, ()>(())
        };
        for piece in pieces {
            marks.pass(piece, &mut hear).unwrap();
        }
        marks.give_up(&mut hear).unwrap();
        (String::from_utf8(shown).unwrap(), said)
    }

    const STREAM: &[u8] =
        b"$ \x1b]6973;w0rd;H;bash\x07\x1b[1mls\x1b[0m\r\n\x1b]6973;w0rd;B;echo \\\\n a\\nb\\a\x07out\x1b]6973;w0rd;E;-1\x07$ \x1b";

    #[test]
    fn marks_are_heard_and_not_shown_however_they_come() {
        let expected = (
            "$ \u{1b}[1mls\u{1b}[0m\r\nout$ \u{1b}".to_owned(),
            vec![FromShell::Hooked("bash".into()), FromShell::Began("echo \\n a\nb\u{7}".into()), FromShell::Ended(-1)],
        );
        assert_eq!(heard(&[STREAM]), expected);
        for at in 0..STREAM.len() {
            assert_eq!(heard(&[&STREAM[..at], &STREAM[at..]]), expected, "{at}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(heard(&bytes), expected);
    }

    #[test]
    fn what_does_not_know_the_word_is_shown() {
        for text in ["\u{1b}]6973;other;B;rm -rf /\u{7}", "\u{1b}]6973;B;x\u{7}", "\u{1b}]0;title\u{7}", "\u{1b}]6973;w0rd"] {
            assert_eq!(heard(&[text.as_bytes()]), (text.to_owned(), Vec::new()));
        }
        let (shown, said) = heard(&[b"a\x1b]6973;w0rd;E;x\x07b\x1b]6973;w0rd;B;  \x07c"]);
        assert_eq!((shown.as_str(), said), ("abc", Vec::new()), "what cannot be understood says nothing");
    }

    #[test]
    fn a_mark_that_nobody_ends_is_let_go() {
        let mut text = b"\x1b]6973;w0rd;B;".to_vec();
        text.resize(LONGEST + 100, b'x');
        assert_eq!(heard(&[&text]).0.len(), text.len());
    }

    proptest! {
        #[test]
        fn nothing_else_is_lost(text in "[ -~\\x1b\\]\\n]{0,60}") {
            prop_assert_eq!(heard(&[text.as_bytes()]), (text, Vec::new()));
        }
    }
}
