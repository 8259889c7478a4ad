//! Finds the mark that a journal was begun with.

use std::io::{self, Read};

use super::{lines::Lines, mark::JournalMark, record::Line, shape::Body};

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
