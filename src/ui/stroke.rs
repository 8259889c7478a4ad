//! The bytes of a terminal as keystrokes. The only file that names terminput.
//!
//! What comes in one burst was not typed key by key: several lines of it are a paste, and stay together so that nobody takes the first of
//! them for an answer.

use terminput::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::InputRequest;

/// A key that somebody pressed, or text that was pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stroke {
    Char(char),
    /// Text that came at once; its lines end with `\n`.
    Pasted(String),
    Enter,
    Escape,
    Up,
    Down,
    PageUp,
    PageDown,
    /// Moves the cursor in a line, or takes something out of it.
    Edit(InputRequest),
    /// Ctrl-D.
    Finish,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L.
    Redraw,
}

/// How a terminal says that a paste begins; see "Bracketed Paste Mode" in xterm's `ctlseqs`.
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Whether a burst ends in the middle of a paste: the rest is still to come.
#[must_use]
pub(crate) fn is_within_paste(burst: &[u8]) -> bool {
    holds(burst, PASTE_BEGINS) && !holds(burst, PASTE_ENDS)
}

/// Whether something may follow at once that changes what a burst means.
#[must_use]
pub(crate) fn is_open(burst: &[u8]) -> bool {
    burst.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0x1b))
        || std::str::from_utf8(burst).is_err_and(|error| error.error_len().is_none())
}

/// Text with the ends of its lines as `\n`.
fn lines(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n")
}

/// What a burst means. What is not understood takes the rest of the burst with it: a piece of an unknown sequence is no text.
#[must_use]
pub(crate) fn strokes(burst: &[u8]) -> Vec<Stroke> {
    if !holds(burst, PASTE_BEGINS) {
        let text = lines(burst);
        if text.strip_suffix('\n').unwrap_or(&text).contains('\n') {
            return vec![Stroke::Pasted(text)];
        }
        if burst.ends_with(b"\r\n") {
            return strokes(&burst[..burst.len() - 1]);
        }
    }
    let (mut strokes, mut key) = (Vec::new(), Vec::new());
    for (index, byte) in burst.iter().enumerate() {
        key.push(*byte);
        let more = index + 1 < burst.len();
        if key == b"\x1b" && more {
            continue;
        }
        if key == b"\x1b\x1b" {
            strokes.push(Stroke::Escape);
            key.truncate(1);
            if more {
                continue;
            }
        }
        match Event::parse_from(&key) {
            Ok(None) => {}
            Ok(Some(event)) => {
                strokes.extend(stroke(event));
                key.clear();
            }
            Err(_) => return strokes,
        }
    }
    strokes
}

fn stroke(event: Event) -> Option<Stroke> {
    let key = match event {
        Event::Paste(text) => return Some(Stroke::Pasted(lines(text.as_bytes()))),
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        _ => return None,
    };
    let word = key.modifiers.intersects(KeyModifiers::CTRL | KeyModifiers::ALT);
    Some(match key.code {
        KeyCode::Char(c) if !word => Stroke::Char(c),
        KeyCode::Char(c) => return command(c, key),
        KeyCode::Enter => Stroke::Enter,
        KeyCode::Esc => Stroke::Escape,
        KeyCode::Up => Stroke::Up,
        KeyCode::Down => Stroke::Down,
        KeyCode::PageUp => Stroke::PageUp,
        KeyCode::PageDown => Stroke::PageDown,
        KeyCode::Left if word => Stroke::Edit(InputRequest::GoToPrevWord),
        KeyCode::Left => Stroke::Edit(InputRequest::GoToPrevChar),
        KeyCode::Right if word => Stroke::Edit(InputRequest::GoToNextWord),
        KeyCode::Right => Stroke::Edit(InputRequest::GoToNextChar),
        KeyCode::Home => Stroke::Edit(InputRequest::GoToStart),
        KeyCode::End => Stroke::Edit(InputRequest::GoToEnd),
        KeyCode::Backspace if word => Stroke::Edit(InputRequest::DeletePrevWord),
        KeyCode::Backspace => Stroke::Edit(InputRequest::DeletePrevChar),
        KeyCode::Delete => Stroke::Edit(InputRequest::DeleteNextChar),
        _ => return None,
    })
}

/// Letters with Ctrl or Alt, as in readline.
fn command(c: char, key: KeyEvent) -> Option<Stroke> {
    let ctrl = key.modifiers.contains(KeyModifiers::CTRL);
    let request = match (c, ctrl) {
        ('j' | 'm', true) => return Some(Stroke::Enter),
        ('d', true) => return Some(Stroke::Finish),
        ('z', true) => return Some(Stroke::Suspend),
        ('l', true) => return Some(Stroke::Redraw),
        ('p', true) => return Some(Stroke::Up),
        ('n', true) => return Some(Stroke::Down),
        ('a', true) => InputRequest::GoToStart,
        ('e', true) => InputRequest::GoToEnd,
        ('b', true) => InputRequest::GoToPrevChar,
        ('f', true) => InputRequest::GoToNextChar,
        ('h', true) => InputRequest::DeletePrevChar,
        ('w', true) => InputRequest::DeletePrevWord,
        ('u', true) => InputRequest::DeleteFromStart,
        ('k', true) => InputRequest::DeleteTillEnd,
        ('y', true) => InputRequest::Yank,
        ('b', false) => InputRequest::GoToPrevWord,
        ('f', false) => InputRequest::GoToNextWord,
        ('d', false) => InputRequest::DeleteNextWord,
        _ => return None,
    };
    Some(Stroke::Edit(request))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(strokes(b"y\r"), [Stroke::Char('y'), Stroke::Enter]);
        assert_eq!(strokes("ö".as_bytes()), [Stroke::Char('ö')]);
        assert_eq!(strokes(b"\x1b[B\x1bOA\r\n"), [Stroke::Down, Stroke::Up, Stroke::Enter]);
        assert_eq!(strokes(b"\x1b"), [Stroke::Escape]);
        assert_eq!(strokes(b"\x1b\x1b[A"), [Stroke::Escape, Stroke::Up]);
        assert_eq!(strokes(b"\x1b[1;5D\x15"), [Stroke::Edit(InputRequest::GoToPrevWord), Stroke::Edit(InputRequest::DeleteFromStart)]);
        assert_eq!(strokes(b"\x04\x1a"), [Stroke::Finish, Stroke::Suspend]);
        // Alt and a letter that means nothing is no letter.
        assert_eq!(strokes(b"\x1by"), []);
    }

    #[test]
    fn lines_that_come_at_once_are_a_paste() {
        assert_eq!(strokes(b"y\ry\r"), [Stroke::Pasted("y\ny\n".into())]);
        assert_eq!(strokes(b"\ry"), [Stroke::Pasted("\ny".into())]);
        assert_eq!(strokes(b"\r\r"), [Stroke::Pasted("\n\n".into())]);
        assert_eq!(strokes(b"\x1b[200~a\r\nb\x1b[201~"), [Stroke::Pasted("a\nb".into())]);
        assert!(is_within_paste(b"\x1b[200~a\r") && !is_within_paste(b"\x1b[200~a\x1b[201~"));
    }

    #[test]
    fn an_unknown_sequence_is_no_text() {
        assert_eq!(strokes(b"a\x1b[>0;276;0c"), [Stroke::Char('a')]);
        assert_eq!(strokes(b"\x1b[?1;2c"), []);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail_and_one_burst_has_one_enter_at_most(bytes in "([ -~]|\\x1b|\\r|\\n|\\PC){0,40}") {
            let found = strokes(bytes.as_bytes());
            if !bytes.contains("\u{1b}[200~") {
                prop_assert!(found.iter().filter(|stroke| **stroke == Stroke::Enter).count() <= 1);
            }
        }

        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = strokes(&bytes);
        }
    }
}
