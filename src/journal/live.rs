//! What a run is doing at this moment, in a file beside the journal: the questions that are open, and the figures of what is under way.
//!
//! For whoever looks on, and for nobody else: it is no record, is not chained or synced, and no run reads it back. It is gone with
//! the process that writes it; one that is left by a process which was killed is told apart by the run's lock.

use std::{
    fs,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Place, Progress, RunId},
    trust,
};

/// What is longer is none of ours, in bytes.
const LONGEST: u64 = 1 << 20;

/// What a run is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LiveState {
    pub run: RunId,
    pub pid: u32,
    /// Of the start of the machine in which this is so.
    pub boot_id: String,
    /// The first that was asked first.
    pub questions: Vec<OpenQuestion>,
    /// The last that was told of each place.
    pub figures: Vec<LiveFigures>,
}

/// A question that nobody has answered yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenQuestion {
    pub asked: Timestamp,
    /// `None` for the plan, and for going on with a run.
    pub place: Option<Place>,
    /// What stands above the prompt.
    pub text: String,
    /// What stands before the cursor.
    pub prompt: String,
}

/// What was told last of something under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LiveFigures {
    pub at: Timestamp,
    pub progress: Progress,
}

/// Where a run tells what it is doing.
#[derive(Debug)]
pub(crate) struct LiveFile {
    directory: PathBuf,
    name: String,
}

impl LiveFile {
    #[must_use]
    pub(crate) fn of(journal: &Path, run: RunId) -> Self {
        Self { directory: journal.join("live"), name: run.to_string() }
    }

    /// Puts this in the place of what was told before, so that nobody reads the half of it.
    ///
    /// # Errors
    /// The file system's, or the directory is not ours alone.
    pub(crate) fn write(&self, state: &LiveState) -> io::Result<()> {
        let new = format!(".{}.new", self.name);
        let directory = trust::own_directory(&self.directory)?;
        let mut file = trust::own_file(&directory, &new, true)?;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&serde_json::to_vec(state)?)?;
        fs::rename(self.directory.join(new), self.directory.join(&self.name))
    }

    /// Takes it away. What cannot be taken away is told apart by the run's lock.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(self.directory.join(&self.name));
    }

    /// What was told last in this start of the machine; `None` where nothing was, or nothing that can be read.
    #[must_use]
    pub(crate) fn read(&self, boot_id: &str) -> Option<LiveState> {
        let file = trust::plain_file(&self.directory, &self.name).ok().flatten()?;
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text).ok()?;
        let state: LiveState = serde_json::from_slice(&text).ok()?;
        (state.boot_id == boot_id && state.run.to_string() == self.name).then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn state() -> LiveState {
        let progress = Progress::Line { place: Place::top("copy"), text: "7 %".into() };
        LiveState {
            run: "0000000a".parse().unwrap(),
            pid: 7,
            boot_id: "this".into(),
            questions: vec![OpenQuestion { asked: Timestamp::UNIX_EPOCH, place: None, text: "plan".into(), prompt: "Run? ".into() }],
            figures: vec![LiveFigures { at: Timestamp::UNIX_EPOCH, progress }],
        }
    }

    #[test]
    fn what_is_told_last_is_read() {
        let journal = tempfile::tempdir().unwrap();
        let file = LiveFile::of(journal.path(), state().run);
        assert_eq!(file.read("this"), None);
        file.write(&state()).unwrap();
        let answered = LiveState { questions: Vec::new(), figures: Vec::new(), ..state() };
        file.write(&answered).unwrap();
        assert_eq!(file.read("this"), Some(answered));
        assert_eq!(file.read("another start"), None, "its process is gone");
        assert_eq!(fs::metadata(journal.path().join("live/0000000a")).unwrap().permissions().mode() & 0o777, 0o600);
        file.remove();
        assert_eq!((file.read("this"), fs::read_dir(journal.path().join("live")).unwrap().count()), (None, 0));
    }

    #[test]
    fn what_is_no_such_file_is_nothing() {
        let journal = tempfile::tempdir().unwrap();
        let file = LiveFile::of(journal.path(), state().run);
        file.write(&state()).unwrap();
        let path = journal.path().join("live/0000000a");
        for text in ["", "{", "[]", "{\"run\": \"0000000a\"}"] {
            fs::write(&path, text).unwrap();
            assert_eq!(file.read("this"), None, "{text}");
        }
        fs::write(&path, serde_json::to_vec(&LiveState { run: "0000000b".parse().unwrap(), ..state() }).unwrap()).unwrap();
        assert_eq!(file.read("this"), None, "another run's");
        fs::remove_file(&path).unwrap();
        fs::write(journal.path().join("aside"), serde_json::to_vec(&state()).unwrap()).unwrap();
        std::os::unix::fs::symlink("../aside", &path).unwrap();
        assert_eq!(file.read("this"), None, "no link is followed");
    }
}
