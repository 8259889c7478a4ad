//! The recording of a shell, in the form asciicast v3 of asciinema (docs.asciinema.org/manual/asciicast/v3): a line of JSON that says what it
//! is, and one for each thing that its terminal showed. What was typed is in it only as far as it was shown: a password that is asked for is not.

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::disk;
use crate::{
    event::Captured,
    ports::{Capture, LedgerError},
    secret::{Masker, Secrets},
};

/// How the file of a recording begins: none of a command's output is taken for one, or it for output, while it is being written.
const BEGINS: &[u8; 28] = b"{\"version\":3,\"term\":{\"cols\":";
const VERSION: u32 = 3;
/// No line of one is longer, in bytes.
const LONGEST: u64 = 4 << 20;

/// What a recording says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CastHeader {
    pub version: u32,
    pub term: CastTerm,
    /// In seconds since 1970.
    pub timestamp: i64,
    /// Of which shell it is.
    #[serde(default)]
    pub title: String,
}

impl CastHeader {
    /// What the recording of a shell says that is opened now.
    #[must_use]
    pub(crate) fn new(columns: u16, rows: u16, timestamp: i64, title: String) -> Self {
        Self { version: VERSION, term: CastTerm { cols: columns, rows }, timestamp, title }
    }
}

/// The size of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CastTerm {
    pub cols: u16,
    pub rows: u16,
}

/// One thing that happened, so many seconds after the one before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CastEvent {
    pub after: f64,
    pub what: CastKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CastKind {
    Shown(String),
    Resized {
        columns: u16,
        rows: u16,
    },
    /// A command began, or whatever else somebody has marked.
    Marked(String),
    /// Of no interest here.
    Other,
}

/// The title of the recording of a shell beside a run.
#[must_use]
pub(crate) fn title(run: &str, shell: &str) -> String {
    format!("halligan run {run}, shell {shell}")
}

/// Whether a file holds a recording.
#[must_use]
pub(crate) fn is_recorded_in(path: &Path) -> bool {
    let begins = || {
        let mut bytes = [0; BEGINS.len()];
        disk::open_plain(path)?.read_exact(&mut bytes)?;
        Ok::<_, io::Error>(bytes == *BEGINS)
    };
    begins().unwrap_or(false)
}

/// A recording that is being written.
pub(crate) struct CastWriter<'a>(Masker<'a, CastLines>);

impl<'a> CastWriter<'a> {
    /// Begins one, in which these secrets are masked.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn begin(capture: Box<dyn Capture>, secrets: &'a Secrets, header: &CastHeader) -> Result<Self, LedgerError> {
        let mut lines = CastLines { capture, began: Instant::now(), told: 0, partial: Vec::new() };
        let header = serde_json::to_string(header).map_err(|error| LedgerError::new(error.to_string(), None))?;
        lines.line(&header).map_err(failed)?;
        Ok(Self(Masker::new(secrets, lines)))
    }

    /// What the terminal shows next.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn shown(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        self.0.write_all(bytes).map_err(failed)
    }

    /// # Errors
    /// It cannot be kept.
    pub(crate) fn resized(&mut self, columns: u16, rows: u16) -> Result<(), LedgerError> {
        self.0.inner().event("r", &format!("{columns}x{rows}")).map_err(failed)
    }

    /// Marks where something begins; without a secret in it.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn marked(&mut self, text: &str) -> Result<(), LedgerError> {
        self.0.inner().event("m", text).map_err(failed)
    }

    /// Ends it with the exit code of the shell, if it has one, and names it.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn finish(self, code: Option<i32>) -> Result<Captured, LedgerError> {
        let (mut lines, redactions) = self.0.finish().map_err(failed)?;
        let rest = std::mem::take(&mut lines.partial);
        if !rest.is_empty() {
            lines.event("o", &String::from_utf8_lossy(&rest)).map_err(failed)?;
        }
        if let Some(code) = code {
            lines.event("x", &code.to_string()).map_err(failed)?;
        }
        Ok(Captured { redactions, ..lines.capture.finish()? })
    }
}

impl fmt::Debug for CastWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CastWriter").finish_non_exhaustive()
    }
}

fn failed(source: io::Error) -> LedgerError {
    LedgerError::new("the recording of a shell", Some(source))
}

/// Writes what is shown as lines of a recording.
struct CastLines {
    capture: Box<dyn Capture>,
    began: Instant,
    /// When the last event was, in milliseconds since then: what is rounded off one is not lost to the next.
    told: u64,
    /// The beginning of a character.
    partial: Vec<u8>,
}

impl CastLines {
    fn line(&mut self, json: &str) -> io::Result<()> {
        self.capture.write_all(format!("{json}\n").as_bytes())
    }

    fn event(&mut self, kind: &str, data: &str) -> io::Result<()> {
        // Thousandths of a second tell enough, and make short lines.
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let after = Duration::from_millis(now - self.told).as_secs_f64();
        self.told = now;
        self.line(&json!([after, kind, data]).to_string())
    }
}

impl Write for CastLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend_from_slice(bytes);
        let (mut text, mut rest) = (String::new(), self.partial.as_slice());
        loop {
            match std::str::from_utf8(rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (whole, broken) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(whole));
                    rest = broken;
                    // Its rest may come.
                    let Some(length) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[length..];
                }
            }
        }
        self.partial = rest.to_vec();
        if !text.is_empty() {
            self.event("o", &text)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A recording that is read.
#[derive(Debug)]
pub(crate) struct CastReader<R> {
    pub header: CastHeader,
    from: R,
    /// It ends in the midst of a line: its writer was killed.
    pub torn: bool,
}

impl<R: BufRead> CastReader<R> {
    /// Reads what it says of itself.
    ///
    /// # Errors
    /// It cannot be read, or is none of this form.
    pub(crate) fn open(mut from: R) -> io::Result<Self> {
        let (line, torn) = line(&mut from)?;
        let header: CastHeader = serde_json::from_slice(&line).map_err(unreadable)?;
        if header.version != VERSION {
            return Err(unreadable(format!("version {} of asciicast is not known", header.version)));
        }
        Ok(Self { header, from, torn })
    }

    /// The next event; none at its end.
    ///
    /// # Errors
    /// It cannot be read, or is not of this form.
    pub(crate) fn next(&mut self) -> io::Result<Option<CastEvent>> {
        let (line, torn) = line(&mut self.from)?;
        if torn && serde_json::from_slice::<serde_json::Value>(&line).is_err() {
            self.torn |= !line.is_empty();
            return Ok(None);
        }
        let (after, kind, data): (f64, String, String) = serde_json::from_slice(&line).map_err(unreadable)?;
        let what = match kind.as_str() {
            "o" => CastKind::Shown(data),
            "m" => CastKind::Marked(data),
            "r" => {
                let (columns, rows) = data.split_once('x').ok_or_else(|| unreadable("a size without x"))?;
                let number = |text: &str| text.parse().map_err(unreadable);
                CastKind::Resized { columns: number(columns)?, rows: number(rows)? }
            }
            _ => CastKind::Other,
        };
        Ok(Some(CastEvent { after, what }))
    }
}

/// One line without its newline, and whether that is missing.
fn line(from: &mut impl BufRead) -> io::Result<(Vec<u8>, bool)> {
    let mut line = Vec::new();
    from.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    let torn = line.pop_if(|last| *last == b'\n').is_none();
    if torn && line.len() as u64 == LONGEST {
        return Err(unreadable("a line is too long"));
    }
    Ok((line, torn))
}

fn unreadable(why: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is no recording of a shell: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::MemoryLedger, ports::Ledger};

    fn header() -> CastHeader {
        CastHeader::new(80, 24, 0, title("7f3a", "4711-0"))
    }

    fn written(secrets: &Secrets, write: impl FnOnce(&mut CastWriter<'_>)) -> (Captured, Vec<u8>) {
        let ledger = MemoryLedger::default();
        let mut cast = CastWriter::begin(ledger.capture().unwrap(), secrets, &header()).unwrap();
        write(&mut cast);
        let captured = cast.finish(Some(0)).unwrap();
        let bytes = ledger.output(&captured.sha256).unwrap();
        (captured, bytes)
    }

    fn events(bytes: &[u8]) -> (Vec<CastKind>, bool) {
        let mut cast = CastReader::open(bytes).unwrap();
        let mut events = Vec::new();
        while let Some(event) = cast.next().unwrap() {
            events.push(event.what);
        }
        (events, cast.torn)
    }

    #[test]
    fn what_is_shown_is_read_back_and_a_torn_end_is_told() {
        let (captured, bytes) = written(&Secrets::default(), |cast| {
            cast.shown(b"$ \xc3").unwrap();
            cast.shown(b"\xa4\xff\x1b[1m\r\n").unwrap();
            cast.resized(60, 20).unwrap();
            cast.marked("ls").unwrap();
            cast.shown(b"\xc3").unwrap();
        });
        let shown = |text: &str| CastKind::Shown(text.to_owned());
        let all = vec![
            shown("$ "),
            shown("ä\u{fffd}\u{1b}[1m\r\n"),
            CastKind::Resized { columns: 60, rows: 20 },
            CastKind::Marked("ls".to_owned()),
            shown("\u{fffd}"),
            CastKind::Other,
        ];
        assert_eq!(events(&bytes), (all.clone(), false));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_recorded_in(file.path()));
        std::fs::write(file.path(), &bytes).unwrap();
        assert!(is_recorded_in(file.path()) && captured.cut.is_none());
        std::fs::write(file.path(), "{\"version\": 3, \"of\": \"something else\"}").unwrap();
        assert!(!is_recorded_in(file.path()));
        assert_eq!(events(&bytes[..bytes.len() - 3]), (all[..5].to_vec(), true));
        assert_eq!(CastReader::open(bytes.as_slice()).unwrap().header, header());
        assert!(CastReader::open(&b"{\"version\":2,\"width\":1,\"height\":1,\"timestamp\":0}\n"[..]).is_err());
        assert!(CastReader::open(&b"hello\n"[..]).is_err());
    }

    #[test]
    fn no_secret_is_recorded_however_it_comes() {
        let secrets = Secrets::new(["hunter2-hunter2"].into_iter());
        let (captured, bytes) = written(&secrets, |cast| {
            for byte in b"password=hunter2-hunter2;" {
                cast.shown(&[*byte]).unwrap();
            }
        });
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(captured.redactions, 1);
    }
}
