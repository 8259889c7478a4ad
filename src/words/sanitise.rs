//! Nothing that comes from outside reaches the terminal raw: what could move the cursor, hide text or turn it around is
//! made visible.

use std::{borrow::Cow, fmt::Write as _};

use crate::character;

/// What a tab becomes: where it would end depends on what stands before it, and columns must not.
const TAB: &str = "    ";

/// Whether a character shows nothing of its own, or changes how others show.
#[must_use]
pub(crate) fn is_hidden(c: char) -> bool {
    character::hidden(c).is_some()
}

/// JSON with every hidden character of its strings escaped: a terminal obeys none of it, and it means the same. Newlines between its
/// parts stay.
#[must_use]
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    let kept = |c: char| c == '\n' || !is_hidden(c);
    if json.chars().all(kept) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if kept(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    Cow::Owned(text)
}

fn show(c: char, shown: &mut String) {
    match c {
        '\t' => shown.push_str(TAB),
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\u{1b}' => shown.push_str("\\e"),
        c if is_hidden(c) => shown.extend(c.escape_unicode()),
        c => shown.push(c),
    }
}

fn clean(text: &str, newlines: bool) -> Cow<'_, str> {
    let kept = |c: char| (newlines && c == '\n') || !is_hidden(c);
    if text.chars().all(kept) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if kept(c) {
            shown.push(c);
        } else {
            show(c, &mut shown);
        }
    }
    Cow::Owned(shown)
}

/// Text of several lines: newlines stay, everything else that is hidden is shown as an escape, tabs become spaces.
#[must_use]
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    clean(text, true)
}

/// Text that must stay on one line: as [`text`], and a newline is shown as `\n`.
#[must_use]
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    clean(text, false)
}

/// What halligan itself draws: as [`text`], and its colours stay. For the door to the outside, where all else has been made visible
/// already: what somebody has forgotten to.
#[must_use]
pub(crate) fn drawn(text: &str) -> Cow<'_, str> {
    let kept = |c: char| c == '\n' || !is_hidden(c);
    if text.chars().all(kept) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = match colour_sequence(rest) {
            Some((codes, tail)) if harmless(codes) => {
                shown.push_str(&rest[..rest.len() - tail.len()]);
                tail
            }
            _ => {
                if kept(c) {
                    shown.push(c);
                } else {
                    show(c, &mut shown);
                }
                &rest[c.len_utf8()..]
            }
        };
        rest = tail;
    }
    Cow::Owned(shown)
}

/// What a command printed: as [`text`], but its colours stay when `colour` is on and vanish when it is off. A carriage
/// return begins a new line, so that a progress display hides nothing.
#[must_use]
pub(crate) fn output(text: &str, colour: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut coloured = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((codes, tail)) = colour_sequence(rest) {
            if colour && harmless(codes) {
                shown.push_str(&rest[..rest.len() - tail.len()]);
                coloured = !matches!(codes, "" | "0");
            }
            rest = tail;
            continue;
        }
        let tail = &rest[c.len_utf8()..];
        match c {
            '\r' if tail.starts_with('\n') || tail.is_empty() => {}
            '\n' | '\r' => shown.push('\n'),
            c => show(c, &mut shown),
        }
        rest = tail;
    }
    if coloured {
        shown.push_str("\u{1b}[0m");
    }
    shown
}

/// `ESC [ codes m` at the start: its codes, and what follows it.
fn colour_sequence(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let end = inside.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    inside[end..].strip_prefix('m').map(|tail| (&inside[..end], tail))
}

/// Weight and foreground colour only: concealed text and backgrounds can hide what is printed.
fn harmless(codes: &str) -> bool {
    let mut codes = codes.split(';');
    while let Some(code) = codes.next() {
        let fine = match code {
            "" | "0" | "1" | "2" | "4" | "22" | "24" | "39" => true,
            "38" => match codes.next() {
                Some("5") => codes.next().is_some(),
                Some("2") => codes.by_ref().take(3).count() == 3,
                _ => false,
            },
            code => code.parse::<u8>().is_ok_and(|code| (31..=37).contains(&code) || (90..=97).contains(&code)),
        };
        if !fine {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_hidden_is_shown() {
        assert_eq!(text("a\u{1b}[2Jb\tc\nd\r"), "a\\e[2Jb    c\nd\\r");
        assert_eq!(line("a\nb"), "a\\nb");
        assert_eq!(text("user\u{202e}txt\u{200b}\u{9b}"), "user\\u{202e}txt\\u{200b}\\u{9b}");
        assert!(matches!(text("Größe 日本 ✓"), Cow::Borrowed(_)));
    }

    #[test]
    fn output_keeps_only_colours() {
        assert_eq!(output("\u{1b}[31mred\u{1b}[0m", true), "\u{1b}[31mred\u{1b}[0m");
        assert_eq!(output("\u{1b}[1;38;5;200mx", true), "\u{1b}[1;38;5;200mx\u{1b}[0m");
        assert_eq!(output("\u{1b}[31mred\u{1b}[0m", false), "red");
        assert_eq!(output("\u{1b}[8mgone\u{1b}[40mblack", true), "goneblack");
        assert_eq!(output("\u{1b}]0;title\u{7}\u{1b}[2K", true), "\\e]0;title\\u{7}\\e[2K");
        assert_eq!(output("10%\r20%\r\nend\r", true), "10%\n20%\nend");
    }

    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,20}", "(\u{1b}|\u{9b}|\\[|[0-9;:]|m|\n|\r|\t|[\u{0}-\u{9f}]|\u{202e}|\u{200b}|x){0,40}", any::<String>()]
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(input in nasty()) {
            prop_assert!(!text(&input).chars().any(|c| c != '\n' && is_hidden(c)));
            prop_assert!(!line(&input).chars().any(is_hidden));
            prop_assert!(!output(&input, false).chars().any(|c| c != '\n' && is_hidden(c)));
            let mut rest = output(&input, true);
            while let Some(at) = rest.find('\u{1b}') {
                let (codes, tail) = colour_sequence(&rest[at..]).unwrap();
                prop_assert!(harmless(codes));
                rest = rest[..at].to_owned() + tail;
            }
            prop_assert!(!rest.chars().any(|c| c != '\n' && is_hidden(c)));
            let mut rest = drawn(&input).into_owned();
            while let Some(at) = rest.find('\u{1b}') {
                prop_assert!(!rest[..at].chars().any(|c| c != '\n' && is_hidden(c)));
                let (codes, tail) = colour_sequence(&rest[at..]).unwrap();
                prop_assert!(harmless(codes));
                rest = tail.to_owned();
            }
            prop_assert!(!rest.chars().any(|c| c != '\n' && is_hidden(c)));
        }
    }
}
