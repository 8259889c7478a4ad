//! A note, and whose it is.

/// What is told of a note: a person's is not taken for what halligan itself has seen.
#[must_use]
pub(crate) fn noted(text: &str, person: bool) -> String {
    let whose = if person { "operator's note" } else { "note" };
    format!("{whose}: {text}")
}
