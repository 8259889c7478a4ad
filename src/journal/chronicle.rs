//! The facts of runs in their order, each with when and by whom it was recorded: what is told of a run beyond its state.

use std::{collections::BTreeMap, path::Path};

use super::{
    error::JournalError,
    extent::Extent,
    head::Head,
    reader::Snapshot,
    record::{Glance, Line},
};
use crate::{
    digest::Digest,
    event::{Event, Past, Place, RunId, moment::Moment},
};

/// One fact as it was recorded.
#[derive(Debug, Clone)]
pub(crate) struct RecordedFact {
    pub at: Moment,
    /// Of the start of the machine: lengths are measured within one only.
    pub boot_id: String,
    pub uid: u32,
    /// Who logged in, before any sudo.
    pub login_uid: Option<u32>,
    pub event: Event,
}

/// All that is recorded of a run.
#[derive(Debug, Clone)]
pub(crate) struct Chronicle {
    pub facts: Vec<RecordedFact>,
    pub past: Past,
    /// What each step and check is called.
    pub titles: BTreeMap<Place, String>,
    /// Records that could not be read, or that cannot have followed.
    pub unreadable: u64,
    /// Its last record: how many stand in the journal up to it, and its hash.
    last: (u64, Digest),
}

impl Chronicle {
    /// Reads several runs at once, each where it stands. Those are left out of whose opening the journal has no readable record.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn read(snapshot: &Snapshot, wanted: &BTreeMap<RunId, Extent>) -> Result<BTreeMap<RunId, Self>, JournalError> {
        let mut found: BTreeMap<RunId, Self> = BTreeMap::new();
        let mut lines = snapshot.stretches(wanted.values().copied());
        while let Some(raw) = lines.read().map_err(JournalError::reading)? {
            let Some(run) = Glance::at(raw.bytes).map(|glance| glance.run).filter(|run| wanted.contains_key(run)) else { continue };
            let Ok(Line::Record(record)) = Line::read(raw.bytes) else {
                if let Some(chronicle) = found.get_mut(&run) {
                    chronicle.unreadable += 1;
                }
                continue;
            };
            let (header, last) = (&record.header, (record.header.seq, Digest::of(raw.bytes)));
            let at = header.moment();
            let boot_id = header.boot_id.0.as_ref().to_owned();
            let (uid, login_uid) = (header.uid, header.login_uid);
            let Some(event) = record.body.into_event() else { continue };
            if !found.contains_key(&run) && !matches!(event, Event::RunOpened(_)) {
                continue;
            }
            let chronicle = found.entry(run).or_insert_with(|| Self {
                facts: Vec::new(),
                past: Past::default(),
                titles: BTreeMap::new(),
                unreadable: 0,
                last,
            });
            chronicle.take(RecordedFact { at, boot_id, uid, login_uid, event });
            chronicle.last = last;
        }
        Ok(found)
    }

    fn take(&mut self, fact: RecordedFact) {
        if self.past.fold(&fact.event).is_err() {
            self.unreadable += 1;
        }
        if let Event::StepReached { place, title, .. } | Event::Checked { place, title, .. } | Event::HoldFailed { place, title, .. } =
            &fact.event
        {
            self.titles.insert(place.clone(), title.clone());
        }
        self.facts.push(fact);
    }

    /// The journal's head as of its last record, as it stands at the end of the run.
    ///
    /// # Errors
    /// The journal's mark cannot be read.
    pub(crate) fn head(&self, snapshot: &Snapshot, host: &str, directory: &Path) -> Result<Head, JournalError> {
        Ok(Head::new(host, directory, self.last.0, self.last.1).of_journal(snapshot.mark()?.as_ref()))
    }
}
