//! What halligan says of itself, for whoever looks for a fault in it.
//!
//! At `-v` about a line for each thing that it decides; at `-vv` what it asks and finds on the way. No line holds the words of a
//! command or what one printed, but for what a wait or a probe says it has seen. All lines go through the masks of secrets.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::{OnceLock, PoisonError, RwLock},
};

use tracing_subscriber::filter::LevelFilter;

use crate::{secret::Secrets, ui::terminal::Screen, words::sanitise};

/// What is masked in every line from now on. `None` as long as no secret is known.
static CONCEALED: RwLock<Option<Secrets>> = RwLock::new(None);

/// What is drawn on the terminal, once something is: a line that is written beside it is drawn over.
static DRAWN: OnceLock<Screen> = OnceLock::new();

/// Sends traces to standard error: none by default, more with each `-v`.
pub(super) fn install(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // A second subscriber in one process is refused, which leaves the first in place: nothing is lost.
    let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(|| Masked(AboveDrawn)).with_target(false).try_init();
}

/// Masks these in every line that is still to come.
pub(super) fn conceal(secrets: &Secrets) {
    *CONCEALED.write().unwrap_or_else(PoisonError::into_inner) = Some(secrets.clone());
}

/// Lines are told on this screen from now on.
pub(super) fn show_on(screen: &Screen) {
    // The first stays: a run that is taken up again in one process has the same terminal.
    let _ = DRAWN.set(screen.clone());
}

/// Standard error; above what is drawn there, if anything is. Gets one line a write.
struct AboveDrawn;

impl Write for AboveDrawn {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match DRAWN.get() {
            Some(screen) => {
                screen.line(String::from_utf8_lossy(line).trim_end_matches('\n'));
                Ok(line.len())
            }
            None => io::stderr().write_all(line).map(|()| line.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Gets one line a write.
struct Masked<W>(W);

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let concealed = CONCEALED.read().unwrap_or_else(PoisonError::into_inner);
        let masked = match &*concealed {
            Some(secrets) => secrets.mask(&text),
            None => Cow::Borrowed(&*text),
        };
        // What a command has printed may be in it: it must not move the cursor, nor pass for a line of halligan's own.
        // One write, so that lines of several threads stay whole.
        self.0.write_all(format!("{}\n", sanitise::line(masked.trim_end_matches('\n'))).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_masked_once_the_secret_is_known() {
        conceal(&Secrets::new(["hunter22/x"].into_iter()));
        let mut masked = Masked(Vec::new());
        masked.write_all(b"why=cannot log in with hunter22/x\n").unwrap();
        masked.write_all(b"why=hunter22%2Fx\n").unwrap();
        masked.write_all(b"why=a\nb\x1b[2J\n").unwrap();
        let told = String::from_utf8(masked.0).unwrap();
        assert_eq!(told, "why=cannot log in with [secret]\nwhy=[secret]\nwhy=a\\nb\\e[2J\n");
    }
}
