//! A line of a journal, taken apart for what has to be verified of it.

use crate::{
    digest::Digest,
    event::{Event, RunId},
    journal::{
        chain::SeenRecord,
        fault::RecordFault,
        record::{Line, Record},
        verified::LineSum,
    },
};

/// A line that was taken apart.
pub(super) struct Passed {
    pub hash: Digest,
    pub seen: SeenRecord,
    /// `None` if it is no record.
    pub fact: Option<Fact>,
    /// `None` where nobody has asked for it.
    pub sum: Option<LineSum>,
}

/// What a record tells.
pub(super) struct Fact {
    pub run: RunId,
    /// `None` if it is about the journal itself.
    pub event: Result<Option<Event>, RecordFault>,
}

impl Passed {
    pub(super) fn of(line: &[u8], summed: bool) -> Self {
        let hash = Digest::of(line);
        let read = Line::read(line);
        let seen = SeenRecord::from(&read);
        let fact = match read {
            Ok(Line::Record(record)) => Some(Fact::of(*record)),
            Ok(Line::Newer { .. }) | Err(_) => None,
        };
        Self { hash, seen, fact, sum: summed.then(|| LineSum::of(line)) }
    }
}

impl Fact {
    pub(super) fn of(record: Record<'_>) -> Self {
        let Record { header, body } = record;
        let event = match body.into_event() {
            Some(event) if event.name() != header.kind.0 => {
                Err(RecordFault::Misnamed { kind: header.kind.0.into_owned(), event: event.name() })
            }
            event => Ok(event),
        };
        Self { run: header.run, event }
    }
}
