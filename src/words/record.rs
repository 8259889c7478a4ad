//! What a journal holds beside the facts.

use crate::event::{Captured, Cut};

/// Where the journal keeps what a command printed; nothing for a stream to which it printed nothing. So many `digits` of the file's
/// name are told.
#[must_use]
pub(crate) fn kept(stdout: &Captured, stderr: &Captured, digits: usize) -> Vec<String> {
    [("stdout", stdout), ("stderr", stderr)].into_iter().filter_map(|(name, stream)| kept_stream(name, stream, digits)).collect()
}

fn kept_stream(name: &str, stream: &Captured, digits: usize) -> Option<String> {
    let cut = stream.cut.map(|cut| match cut {
        Cut::HeldOpen => ", truncated (a child process held it open)",
        Cut::NotKept => ", truncated (the journal could not store the rest)",
        Cut::TooLong => ", truncated (too long)",
        Cut::Unsaid => ", truncated",
    });
    let masked = if stream.redactions > 0 { format!(", {} secrets masked", stream.redactions) } else { String::new() };
    let note = cut.unwrap_or_default();
    let file = stream.sha256.get(..digits).map_or_else(|| stream.sha256.clone(), |digits| format!("{digits}*"));
    (stream.bytes > 0 || stream.cut.is_some()).then(|| format!("{name}, {} bytes{note}{masked}: output/{file}", stream.bytes))
}

/// Why nothing is concluded from an output of which `most` bytes are read.
#[must_use]
pub(crate) fn incomplete(cut: Cut, most: usize) -> String {
    match cut {
        Cut::HeldOpen => "the output is incomplete: a child process held it open after the command had ended".to_owned(),
        Cut::NotKept => "the output is incomplete: the journal could not store all of it".to_owned(),
        Cut::TooLong => format!("the output exceeds the limit of {} MiB", most >> 20),
        Cut::Unsaid => "the output is incomplete".to_owned(),
    }
}

/// Why an output is not read as text: the byte at this offset, from 0, begins what is not UTF-8.
#[must_use]
pub(crate) fn not_text(offset: usize) -> String {
    format!("the output is not UTF-8 text: invalid byte at offset {offset}")
}

/// What a crash left half written, and was committed as such.
#[must_use]
pub(crate) fn torn(lines: u64, bytes: u64) -> String {
    format!("a crash had left {lines} lines cut short ({bytes} bytes)")
}

/// Which records stand in archived months from then on.
#[must_use]
pub(crate) fn archived(last: u64) -> String {
    format!("the records up to {last} were archived")
}

/// That so many files and directories which killed runs had left were removed.
#[must_use]
pub(crate) fn removed(count: usize) -> String {
    format!("what killed runs had left was removed ({count})")
}
