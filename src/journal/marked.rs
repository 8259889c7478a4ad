//! Finds the marks that a journal bears among its records.

use std::io::{self, Read};

use super::{
    lines::Lines,
    mark::JournalMark,
    record::Line,
    shape::{Archived, Body, Note},
};

/// The mark that a journal was begun with; `None` if it was begun by a halligan that wrote none.
///
/// # Errors
/// The file system's.
pub(super) fn first<R: Read>(mut lines: Lines<R>) -> io::Result<Option<JournalMark>> {
    // A crash may have left a piece before it, and the record that commits the piece.
    for _ in 0..4 {
        let Some(raw) = lines.read()? else { return Ok(None) };
        if let Ok(Line::Record(record)) = Line::read(raw.bytes)
            && let Body::RunOpened(opening) = record.body
        {
            return Ok(opening.journal);
        }
    }
    Ok(None)
}

/// The mark that was recorded last, of a journal that was begun with this one.
///
/// # Errors
/// The file system's.
pub(super) fn last<R: Read>(mut mark: JournalMark, mut lines: Lines<R>) -> io::Result<JournalMark> {
    while let Some(raw) = lines.read()? {
        if memchr::memmem::find(raw.bytes, b"\"journal\":{").is_some()
            && let Ok(Line::Record(record)) = Line::read(raw.bytes)
            && let Body::Note(Note { journal, .. }) | Body::Archived(Archived { journal, .. }) = record.body
            && let Some(later) = journal.filter(|later| later.id == mark.id)
        {
            mark = later;
        }
    }
    Ok(mark)
}

/// Whether the journal of this host was adopted by one that was called `here` then.
///
/// # Errors
/// The file system's.
pub(super) fn adopted<R: Read>(mut lines: Lines<R>, host: &str, here: &str) -> io::Result<bool> {
    while let Some(raw) = lines.read()? {
        if memchr::memmem::find(raw.bytes, b"\"adopted\":").is_some()
            && let Ok(Line::Record(record)) = Line::read(raw.bytes)
            && let Body::Note(note) = &record.body
            && note.adopted.as_deref() == Some(host)
            && record.header.host.0 == here
        {
            return Ok(true);
        }
    }
    Ok(false)
}
