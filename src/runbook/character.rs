//! Characters that a reader does not see, and that therefore have no place in a runbook.

use std::fmt::Write as _;

use crate::character;

/// Why a character is refused, if it is.
#[must_use]
pub(crate) fn hidden(c: char) -> Option<&'static str> {
    if matches!(c, '\n' | '\t') { None } else { character::hidden(c) }
}

/// The text with every hidden character written out, so that it can do nothing to a terminal.
#[must_use]
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c).is_some() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else if c == '\n' || c == '\t' {
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

/// A visible character in the place of a hidden one.
#[must_use]
pub(crate) fn stand_in(c: char) -> char {
    if hidden(c).is_some() { '\u{fffd}' } else { c }
}

/// Visible characters of the same length in bytes, so that offsets stay true.
pub(crate) fn stand_in_bytes(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match (hidden(c).is_some() && c != '\r', c.len_utf8()) {
        (false, _) => (c, None),
        (true, 1) => ('?', None),
        (true, 2) => ('¿', None),
        (true, 3) => ('\u{fffd}', None),
        (true, _) => ('\u{fffd}', Some('?')),
    };
    std::iter::once(first).chain(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_as_long_as_what_it_stands_for() {
        for c in ['a', 'é', '\u{1b}', '\u{85}', '\u{202e}', '\u{e0001}', '\r'] {
            assert_eq!(stand_in_bytes(c).map(char::len_utf8).sum::<usize>(), c.len_utf8(), "{c:?}");
        }
        assert_eq!(visible("a\u{1b}[2J\nb"), "a\\u{1b}[2J b");
    }
}
