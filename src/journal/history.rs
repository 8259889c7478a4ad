//! One run as the journal has it, and the runs that may owe something.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::Path,
};

use super::{
    cast,
    error::JournalError,
    extent::Extent,
    reader::Snapshot,
    record::{Glance, Line},
};
use crate::event::{Event, Past, RunId};

/// A run, from its first record to its last.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub run: RunId,
    pub past: Past,
    pub opened: jiff::Timestamp,
    pub last: jiff::Timestamp,
    /// Of the start of the machine under which its last record was written.
    pub boot_id: String,
    pub host: String,
    pub uid: u32,
    pub login_uid: Option<u32>,
    pub ssh: Option<String>,
    /// Its records that could not be read, or that cannot have followed.
    pub unreadable: u64,
}

/// Reads one run. `None` if the journal has no readable record of its opening.
///
/// # Errors
/// The file system's.
pub(crate) fn history(snapshot: &Snapshot, run: RunId) -> Result<Option<History>, JournalError> {
    let Some(extent) = snapshot.survey()?.extent(run) else { return Ok(None) };
    Ok(histories(snapshot, &BTreeMap::from([(run, extent)]))?.remove(&run))
}

/// Reads several runs at once, each where it stands. Those are left out of whose opening the journal has no readable record.
///
/// # Errors
/// The file system's.
pub(crate) fn histories(snapshot: &Snapshot, wanted: &BTreeMap<RunId, Extent>) -> Result<BTreeMap<RunId, History>, JournalError> {
    let mut found: BTreeMap<RunId, History> = BTreeMap::new();
    let mut lines = snapshot.stretches(wanted.values().copied());
    while let Some(raw) = lines.read().map_err(JournalError::reading)? {
        let Some(run) = Glance::at(raw.bytes).map(|glance| glance.run).filter(|run| wanted.contains_key(run)) else { continue };
        let Ok(Line::Record(record)) = Line::read(raw.bytes) else {
            if let Some(history) = found.get_mut(&run) {
                history.unreadable += 1;
            }
            continue;
        };
        let header = record.header;
        let Some(event) = record.body.into_event() else { continue };
        let history = match found.entry(run) {
            Entry::Occupied(history) => history.into_mut(),
            Entry::Vacant(entry) if matches!(event, Event::RunOpened(_)) => entry.insert(History {
                run,
                past: Past::default(),
                opened: header.ts,
                last: header.ts,
                boot_id: String::new(),
                host: header.host.0.clone().into_owned(),
                uid: header.uid,
                login_uid: header.login_uid,
                ssh: header.ssh.as_ref().map(|text| text.0.clone().into_owned()),
                unreadable: 0,
            }),
            Entry::Vacant(_) => continue,
        };
        if history.past.fold(&event).is_err() {
            history.unreadable += 1;
        }
        history.last = header.ts;
        header.boot_id.0.as_ref().clone_into(&mut history.boot_id);
    }
    Ok(found)
}

/// Real runs that may owe something, in the order of their opening: those that crashed (no end recorded), and those that said that
/// they do.
///
/// # Errors
/// The file system's.
pub(crate) fn may_owe(snapshot: &Snapshot) -> Result<Vec<(RunId, Extent)>, JournalError> {
    Ok(snapshot.survey()?.owing())
}

/// What the commands that were under way when a run died had printed by then: the end of it, at most this much.
const TAIL: usize = 4096;

/// Reads what the commands of a run had printed that never ended. Nothing that cannot be read keeps anybody from going on.
#[must_use]
pub(crate) fn unfinished(dir: &Path, run: RunId) -> Vec<u8> {
    let begin = format!(".{run}-");
    let Ok(entries) = fs::read_dir(dir.join("output")) else { return Vec::new() };
    let mut left: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&begin))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        // A shell beside the run was recorded, and is no command of it.
        .filter(|(_, path)| !cast::is_recorded_in(path))
        .collect();
    left.sort();
    let Some((_, last)) = left.last() else { return Vec::new() };
    // Those of the process that died last: `.RUN-PID-NUMBER`.
    let process = |path: &Path| path.file_name().and_then(|name| name.to_str()?.rsplit_once('-').map(|(process, _)| process.to_owned()));
    let wanted = process(last);
    let texts = left.iter().filter(|(_, path)| process(path) == wanted).filter_map(|(_, path)| fs::read(path).ok());
    let printed: Vec<u8> = texts.flatten().collect();
    printed[printed.len().saturating_sub(TAIL)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Outcome, state::Phase};

    fn frozen() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/v1")
    }

    #[test]
    fn a_journal_of_version_1_tells_what_was_done() {
        let snapshot = Snapshot::take(&frozen()).unwrap();
        let history = history(&snapshot, "00000001".parse().unwrap()).unwrap().unwrap();
        assert_eq!((history.unreadable, history.host.as_str()), (0, "db3"));
        assert_eq!(history.past.state.phase, Phase::Closed(Outcome::Stuck));
        assert!(history.past.planned && history.past.rolled_back && history.past.state.owed.is_empty());
        assert!(history.past.commands.keys().any(|place| place.as_str() == "try_6"));
        assert!(super::history(&snapshot, "000000ff".parse().unwrap()).unwrap().is_none());
    }

    #[test]
    fn only_real_runs_that_say_so_or_say_nothing_may_owe() {
        let snapshot = Snapshot::take(&frozen()).unwrap();
        let owing: Vec<_> = may_owe(&snapshot).unwrap().into_iter().map(|(run, _)| run).collect();
        assert_eq!(owing, ["00000001".parse().unwrap()]);
    }
}
