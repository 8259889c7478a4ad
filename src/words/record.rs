//! What a journal holds beside the facts.

use crate::event::{Captured, Cut};

/// Where the journal keeps what a command printed; `None` if it printed nothing.
#[must_use]
pub(crate) fn kept(name: &str, stream: &Captured) -> Option<String> {
    let cut = stream.cut.map(|cut| match cut {
        Cut::HeldOpen => ", truncated (a child process held it open)",
        Cut::NotKept => ", truncated (the journal could not store the rest)",
        Cut::TooLong => ", truncated (too long)",
        Cut::Unsaid => ", truncated",
    });
    let masked = if stream.redactions > 0 { format!(", {} secrets masked", stream.redactions) } else { String::new() };
    let note = cut.unwrap_or_default();
    (stream.bytes > 0 || stream.cut.is_some()).then(|| format!("{name}, {} bytes{note}{masked}: output/{}", stream.bytes, stream.sha256))
}

/// What a crash left half written, and was committed as such.
#[must_use]
pub(crate) fn torn(lines: u64, bytes: u64) -> String {
    format!("a crash had left {lines} lines cut short ({bytes} bytes)")
}
