//! Reads back what went to the ladder when the journal could not be written, so that it can be taken over into the journal.
//!
//! Only what is beyond doubt is taken: whole records of this run in a file that is ours alone, each linked to the journal or to
//! the one before it, which could have followed, and whose outputs are kept as they were. The rest is for a person to read.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    disk,
    error::JournalError,
    history::History,
    ladder::Ladder,
    output::Outputs,
    reader::Snapshot,
    record::{Glance, Line},
};
use crate::{
    digest::Digest,
    event::{Event, RunId},
};

/// Records of a run that are not in its journal.
#[derive(Debug, Default)]
pub(crate) struct Salvage {
    pub path: PathBuf,
    /// What can be taken over, in order, with the hash of its line.
    pub records: Vec<(Digest, jiff::Timestamp, Event)>,
    /// Why the rest of the file is not.
    pub refused: Option<String>,
}

/// What the ladder has kept of a run, as far as its journal does not have it.
///
/// # Errors
/// The journal cannot be read.
pub(crate) fn salvage(dir: &Path, snapshot: &Snapshot, history: &History) -> Result<Option<Salvage>, JournalError> {
    for place in Ladder::default().dirs() {
        let path = place.join(Ladder::file_name(history.run));
        let Some(bytes) = read(place, &path) else {
            tracing::trace!(path = %path.display(), "nothing of this run was kept here, or not by us alone");
            continue;
        };
        if bytes.is_empty() {
            continue;
        }
        let known = AlreadyThere::of(snapshot, history.run, &bytes).map_err(JournalError::reading)?;
        let salvage = known.sort(dir, path, &bytes, history);
        let (records, refused) = (salvage.records.len(), salvage.refused.as_deref().unwrap_or("nothing"));
        tracing::debug!(path = %salvage.path.display(), records, refused, "records of this run outside its journal");
        if !salvage.records.is_empty() || salvage.refused.is_some() {
            return Ok(Some(salvage));
        }
    }
    Ok(None)
}

/// The longest file that is taken over, in bytes: nothing is started once a record has gone there, so it holds a few.
const LONGEST_FILE: u64 = 256 << 20;

/// A file that only we can have written.
fn read(dir: &Path, path: &Path) -> Option<Vec<u8>> {
    let ours = |path: &Path| fs::symlink_metadata(path).ok().filter(|metadata| disk::exposed(metadata).is_none());
    let plain = ours(dir).is_some_and(|metadata| metadata.is_dir()) && ours(path).is_some_and(|metadata| metadata.is_file());
    plain.then(|| disk::open_plain(path).and_then(|file| disk::read_whole(file, LONGEST_FILE)).ok()).flatten()
}

/// What the journal knows of the records in a file.
struct AlreadyThere {
    /// Lines that are in the journal, of those that are in the file or that the file links to.
    lines: HashSet<Digest>,
    /// Taken over before.
    taken: HashSet<String>,
}

impl AlreadyThere {
    fn of(snapshot: &Snapshot, run: RunId, bytes: &[u8]) -> io::Result<Self> {
        let mut wanted = HashSet::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            wanted.insert(Digest::of(line));
            if let Ok(Line::Record(record)) = Line::read(line) {
                wanted.insert(record.header.prev);
            }
        }
        let mut known = Self { lines: HashSet::new(), taken: HashSet::new() };
        let mut lines = snapshot.lines();
        while let Some(raw) = lines.read()? {
            let hash = Digest::of(raw.bytes);
            if wanted.contains(&hash) {
                known.lines.insert(hash);
            }
            if Glance::at(raw.bytes).is_some_and(|glance| glance.run == run && glance.kind == b"note")
                && let Ok(Line::Record(record)) = Line::read(raw.bytes)
                && let Some(Event::Note { taken, .. }) = record.body.into_event()
            {
                known.taken.extend(taken);
            }
        }
        Ok(known)
    }

    fn sort(mut self, dir: &Path, path: PathBuf, bytes: &[u8], history: &History) -> Salvage {
        let outputs = Outputs::at(dir.join("output"));
        let mut past = history.past.clone();
        let mut found = Salvage { path, ..Salvage::default() };
        for (line, number) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
            let hash = Digest::of(line);
            if self.lines.contains(&hash) || self.taken.contains(&hash.to_string()) {
                self.lines.insert(hash);
                continue;
            }
            let refused = |why: String| Some(format!("line {number}: {why}"));
            let record = match Line::read(line) {
                Ok(Line::Record(record)) => *record,
                Ok(Line::Newer { v, .. }) => {
                    found.refused = refused(format!("it is in format {v}, which is newer than this halligan"));
                    break;
                }
                Err(fault) => {
                    found.refused = refused(fault.to_string());
                    break;
                }
            };
            let header = &record.header;
            if header.run != history.run || header.host.0 != history.host || header.boot_id.0 != history.boot_id {
                found.refused = refused("it is of another run, host or start of the host".to_owned());
                break;
            }
            if !self.lines.contains(&header.prev) {
                found.refused = refused("it links to no record of this journal".to_owned());
                break;
            }
            let ts = header.ts;
            self.lines.insert(hash);
            let Some(event) = record.body.into_event() else { continue };
            // The journal did not take its begin, so it was never started.
            if matches!(event, Event::StepBegan { .. }) {
                continue;
            }
            if let Some(what) = event.kept().into_iter().find_map(|captured| outputs.fault(captured)) {
                found.refused = refused(format!("what its command printed {what}"));
                break;
            }
            if let Err(error) = past.fold(&event) {
                found.refused = refused(error.to_string());
                break;
            }
            found.records.push((hash, ts, event));
        }
        found
    }
}
