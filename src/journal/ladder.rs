//! Where a record goes that the journal cannot take.

use std::{
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::disk::{self, Disk, Local};
use crate::event::RunId;

/// The places, in order: a second directory, if the operator named one; `/run/halligan`; standard error.
pub struct Ladder {
    dirs: Vec<PathBuf>,
    last: Mutex<Box<dyn Write + Send>>,
}

impl fmt::Debug for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ladder").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

/// Where a record was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refuge {
    File(PathBuf),
    /// Shown in full, and kept nowhere.
    Screen,
    Nowhere,
}

impl fmt::Display for Refuge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the record was kept in {}", path.display()),
            Self::Screen => f.write_str("the record was printed in full, and is kept nowhere else"),
            Self::Nowhere => f.write_str("the record is lost"),
        }
    }
}

impl Default for Ladder {
    fn default() -> Self {
        Self::new(None, Box::new(io::stderr()))
    }
}

impl Ladder {
    /// `last` takes what no directory does: one line of ASCII a record.
    #[must_use]
    pub fn new(second: Option<PathBuf>, last: Box<dyn Write + Send>) -> Self {
        let dirs = second.into_iter().chain([PathBuf::from("/run/halligan")]).collect();
        Self { dirs, last: Mutex::new(last) }
    }

    /// Without any directory.
    #[cfg(test)]
    pub(super) fn nowhere(last: Box<dyn Write + Send>) -> Self {
        Self { dirs: Vec::new(), last: Mutex::new(last) }
    }

    /// The directories, in the order in which they are tried.
    #[must_use]
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// The file that a run's records go to.
    #[must_use]
    pub fn file_name(run: RunId) -> String {
        format!("emergency-{run}.jsonl")
    }

    /// Keeps one line, as durably as may be.
    pub(super) fn keep(&self, run: RunId, line: &[u8]) -> Refuge {
        for dir in &self.dirs {
            match store(dir, run, line) {
                Ok(path) => return Refuge::File(path),
                Err(error) => tracing::debug!(directory = %dir.display(), %error, "no record can be kept here"),
            }
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.write_all(ascii(line).as_bytes()).and_then(|()| last.flush()) {
            Ok(()) => Refuge::Screen,
            Err(_) => Refuge::Nowhere,
        }
    }
}

fn store(dir: &Path, run: RunId, line: &[u8]) -> io::Result<PathBuf> {
    disk::make_dirs(&Local, dir)?;
    if let Some(why) = disk::exposed(&std::fs::symlink_metadata(dir)?) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let path = dir.join(Ladder::file_name(run));
    let file = disk::open_append(&Local, &path)?;
    disk::write_once(&Local, &file, line)?;
    Local.sync_data(&file)?;
    Local.sync_dir(dir)?;
    Ok(path)
}

/// The same JSON, in characters that no terminal takes for anything else.
fn ascii(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for c in String::from_utf8_lossy(line).chars() {
        if c == '\n' || (' '..='~').contains(&c) {
            text.push(c);
        } else {
            let mut units = [0; 2];
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(std::sync::Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn takes_the_first_place_that_works() {
        let temp = tempfile::tempdir().unwrap();
        let run = "0000007f".parse().unwrap();
        let screen = Screen::default();
        let second = temp.path().join("second");
        let ladder = Ladder { dirs: vec![second.clone()], last: Mutex::new(Box::new(screen.clone())) };

        assert_eq!(ladder.keep(run, b"{\"a\":1}\n"), Refuge::File(second.join("emergency-0000007f.jsonl")));
        assert_eq!(std::fs::read(second.join("emergency-0000007f.jsonl")).unwrap(), b"{\"a\":1}\n");

        std::fs::set_permissions(&second, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(ladder.keep(run, "{\"a\":\"\u{202e}\u{1f600}\"}\n".as_bytes()), Refuge::Screen);
        assert_eq!(*screen.0.lock().unwrap(), b"{\"a\":\"\\u202e\\ud83d\\ude00\"}\n");
    }
}
