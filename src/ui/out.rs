//! The one place that writes to standard output and standard error.
//!
//! A reader that went away (`| head`, a closed terminal) never ends a run: what cannot be written is dropped, and
//! [`Stream::fault`] tells whoever wants to know.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{layout::Page, style::Style};
use crate::words::sanitise;

/// What a stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits {
    pub terminal: bool,
    /// The cursor can be moved: lines may be drawn over.
    pub redraws: bool,
    /// Its window has a title that can be set.
    pub titled: bool,
    pub style: Style,
    /// Columns; `None` asks the terminal each time, since its window may change.
    pub width: Option<usize>,
}

/// A place to write to. Clones write to the same place.
#[derive(Clone)]
pub struct Stream(Arc<Inner>);

struct Inner {
    sink: Mutex<Box<dyn Write + Send>>,
    size: Option<console::Term>,
    traits: Traits,
    fault: OnceLock<io::ErrorKind>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.0.traits).finish()
    }
}

impl Stream {
    #[must_use]
    pub fn new(sink: Box<dyn Write + Send>, traits: Traits) -> Self {
        Self(Arc::new(Inner { sink: Mutex::new(sink), size: None, traits, fault: OnceLock::new() }))
    }

    fn process(sink: Box<dyn Write + Send>, term: console::Term, terminal: bool, colour: Option<bool>) -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut traits = traits(terminal, &var);
        traits.style.colour = colour.unwrap_or(traits.style.colour);
        Self(Arc::new(Inner { sink: Mutex::new(sink), size: terminal.then_some(term), traits, fault: OnceLock::new() }))
    }

    /// Writes text. What comes from outside should be clean already; what is not is made visible here, but for colours, which
    /// halligan's own may be.
    pub fn text(&self, text: &str) {
        self.bytes(sanitise::drawn(text).as_bytes());
    }

    /// Writes what moves the cursor, too: for what was made of clean text alone.
    pub(super) fn picture(&self, picture: &str) {
        self.bytes(picture.as_bytes());
    }

    /// Writes every byte as it is: for what somebody has asked for byte for byte, and no terminal.
    #[must_use]
    pub(crate) fn unchanged(&self) -> Unchanged<'_> {
        Unchanged(self)
    }

    fn bytes(&self, bytes: &[u8]) {
        if self.0.fault.get() == Some(&io::ErrorKind::BrokenPipe) {
            return;
        }
        let mut sink = self.0.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = sink.write_all(bytes).and_then(|()| sink.flush()) {
            let _ = self.0.fault.set(error.kind());
        }
    }

    /// Writes a line in one piece, so that lines of several threads do not mix.
    pub fn line(&self, line: &str) {
        self.text(&format!("{line}\n"));
    }

    /// Writes lines in one piece.
    pub fn lines(&self, lines: &[String]) {
        if !lines.is_empty() {
            self.line(&lines.join("\n"));
        }
    }

    pub fn is_terminal(&self) -> bool {
        self.0.traits.terminal
    }

    /// Lines may be drawn over: a terminal, and not a dumb one.
    pub fn redraws(&self) -> bool {
        self.0.traits.redraws
    }

    /// Its window has a title that can be set.
    pub(super) fn has_title(&self) -> bool {
        self.0.traits.titled
    }

    pub fn style(&self) -> Style {
        self.0.traits.style
    }

    /// In columns: `COLUMNS`, else the terminal's, else 80.
    pub fn width(&self) -> usize {
        self.0.traits.width.or_else(|| self.columns()).unwrap_or(80)
    }

    /// Where the terminal itself wraps, whatever `COLUMNS` says: what is drawn over must know.
    pub fn edge(&self) -> usize {
        self.columns().unwrap_or_else(|| self.width())
    }

    fn columns(&self) -> Option<usize> {
        self.0.size.as_ref().and_then(console::Term::size_checked).map(|(_, columns)| usize::from(columns))
    }

    /// In lines.
    pub fn height(&self) -> usize {
        self.0.size.as_ref().and_then(console::Term::size_checked).map_or(24, |(rows, _)| usize::from(rows))
    }

    pub fn page(&self) -> Page {
        Page::new(self.width(), self.style())
    }

    /// The first thing that went wrong with writing.
    pub fn fault(&self) -> Option<io::ErrorKind> {
        self.0.fault.get().copied()
    }
}

/// The variable that says whether there is to be colour, if one does.
#[must_use]
pub(crate) fn colour_variable() -> Option<&'static str> {
    ["NO_COLOR", "CLICOLOR_FORCE"].into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn traits(terminal: bool, var: &dyn Fn(&str) -> Option<String>) -> Traits {
    let term = var("TERM").unwrap_or_default();
    let dumb = term.is_empty() || term == "dumb";
    // Consoles and serial lines: the first show what follows `OSC` as text, or did so.
    let untitled = ["linux", "vt", "ansi", "cons"].iter().any(|kind| term.starts_with(kind));
    let forced = var("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    let colour = var("NO_COLOR").is_none() && (forced || (terminal && !dumb));
    let locale = var("LC_ALL").or_else(|| var("LC_CTYPE")).or_else(|| var("LANG")).unwrap_or_default().to_ascii_lowercase();
    let unicode = locale.contains("utf-8") || locale.contains("utf8");
    let width = var("COLUMNS").and_then(|columns| columns.parse().ok()).filter(|columns| (1..=10_000).contains(columns));
    let redraws = terminal && !dumb;
    Traits { terminal, redraws, titled: redraws && !untitled, style: Style { colour, unicode }, width }
}

/// A reader that is gone is no error: what is printed then is printed to nobody.
impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    /// In one piece: a colour is not torn apart, and lines of several threads do not mix.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.text(&text.to_string());
        Ok(())
    }

    /// All is written through already: this tells whether something could not be.
    fn flush(&mut self) -> io::Result<()> {
        self.fault().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

/// A stream to which every byte goes as it is.
#[derive(Debug)]
pub(crate) struct Unchanged<'a>(&'a Stream);

impl Write for Unchanged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut stream = self.0;
        stream.flush()
    }
}

/// Standard output and standard error, and whether somebody sits at standard input.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    pub stdout: Stream,
    pub stderr: Stream,
    /// Standard input is a terminal.
    pub attended: bool,
}

impl Out {
    /// Those of this process. `colour` goes before what the environment says; with `plain`, standard output is written to as if
    /// it were no terminal.
    #[must_use]
    pub(crate) fn process(colour: Option<bool>, plain: bool) -> Self {
        let terminal = io::stdout().is_terminal() && !plain;
        Self {
            stdout: Stream::process(Box::new(io::stdout()), console::Term::stdout(), terminal, colour),
            stderr: Stream::process(Box::new(io::stderr()), console::Term::stderr(), io::stderr().is_terminal(), colour),
            attended: io::stdin().is_terminal(),
        }
    }

    /// Somebody can be asked: questions are read from standard input and shown on standard error, so both must be
    /// terminals.
    pub(crate) fn can_ask(&self) -> bool {
        self.attended && self.stderr.is_terminal()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Keeps what is written.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Memory(pub(crate) Arc<Mutex<Vec<u8>>>);

    impl Memory {
        pub(crate) fn stream(&self, traits: Traits) -> Stream {
            Stream::new(Box::new(self.clone()), traits)
        }

        pub(crate) fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_noted_and_survived() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
            let stream = Stream::new(Box::new(Closed(kind)), Traits::default());
            assert_eq!(stream.fault(), None);
            stream.line("one");
            stream.line("two");
            assert_eq!(stream.fault(), Some(kind));
            assert_eq!((&stream).flush().unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn what_was_forgotten_is_made_visible_at_the_door() {
        let memory = Memory::default();
        let stream = memory.stream(Traits::default());
        stream.text("\u{1b}]0;title\u{7} \u{9b}2J \u{1b}[2J\u{202e}\n");
        stream.line("\u{1b}[31mred\u{1b}[0m \u{1b}[8mgone");
        let mut door = &stream;
        writeln!(door, "\u{1b}[{}m\u{7f}\u{1b}[0m", 31).unwrap();
        door.write_all(b"\x1b[1A\xff\n").unwrap();
        assert_eq!(
            memory.take(),
            "\\e]0;title\\u{7} \\u{9b}2J \\e[2J\\u{202e}\n\u{1b}[31mred\u{1b}[0m \\e[8mgone\n\u{1b}[31m\\u{7f}\u{1b}[0m\n\\e[1A\u{fffd}\n"
        );
        stream.unchanged().write_all(b"\x1b[1A\t\n").unwrap();
        assert_eq!(memory.take(), "\u{1b}[1A\t\n");
    }

    #[test]
    fn the_environment_decides_on_colour() {
        let with = |terminal, vars: &[(&str, &str)]| {
            let found = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            traits(terminal, &found)
        };
        assert!(with(true, &[("TERM", "xterm")]).style.colour);
        assert!(!with(false, &[("TERM", "xterm")]).style.colour);
        assert!(!with(true, &[("TERM", "dumb")]).style.colour);
        assert!(!with(true, &[("TERM", "dumb")]).redraws);
        assert!(!with(true, &[]).redraws);
        for (term, titled) in [("xterm-256color", true), ("tmux", true), ("linux", false), ("vt220", false), ("dumb", false)] {
            assert_eq!(with(true, &[("TERM", term)]).titled, titled, "{term}");
        }
        assert!(with(true, &[("TERM", "xterm"), ("NO_COLOR", "1")]).titled);
        assert!(!with(false, &[("TERM", "xterm")]).titled);
        assert!(!with(true, &[("TERM", "xterm"), ("NO_COLOR", "1")]).style.colour);
        assert!(with(false, &[("CLICOLOR_FORCE", "1")]).style.colour);
        assert!(!with(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).style.colour);
        assert!(with(true, &[("LANG", "de_DE.UTF-8")]).style.unicode);
        assert!(!with(true, &[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).style.unicode);
        assert_eq!(with(true, &[("COLUMNS", "40")]).width, Some(40));
        assert_eq!(with(true, &[("COLUMNS", "0")]).width, None);
    }
}
