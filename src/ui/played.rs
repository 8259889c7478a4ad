//! What a recorded terminal showed, made fit to be shown on another: what draws goes through, and what would act on that terminal does not,
//! such as its title, its clipboard, and questions that it would answer as if somebody typed.

use super::out::Stream;

/// Goes through what was shown, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Played {
    state: PlayState,
    /// A sequence that is not at its end.
    pending: String,
    /// It draws on the other screen now.
    elsewhere: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum PlayState {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and characters that say for what the next one stands.
    Charset,
    /// ESC [ and what follows.
    Control,
    /// A text for the terminal: OSC, DCS, SOS, PM, APC. Nothing of it is shown.
    Silent,
    /// In such a text, after ESC: its end may follow.
    SilentEscape,
}

/// What ends a control sequence that draws: moves of the cursor, what is erased, inserted and scrolled, colours, modes.
const DRAWS: &str = "@ABCDEFGHIJKLMPSTXZ`adefghlmrsu";
/// The longest sequence, in bytes: a longer one is none.
const LONGEST: usize = 256;

impl Played {
    /// Shows what may be shown of this.
    pub(crate) fn show(&mut self, stream: &Stream, text: &str) {
        stream.picture(&self.pass(text));
    }

    /// Leaves the terminal as it was before: on its own screen, with a cursor, without colours, and in no mode of a program.
    pub(crate) fn leave(&self, stream: &Stream) {
        if self.elsewhere {
            stream.picture(OTHER_SCREEN.1);
        }
        stream.picture(AFTERWARDS);
    }

    /// What may be shown of this.
    fn pass(&mut self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        for char in text.chars() {
            self.take(char, &mut shown);
        }
        shown
    }

    fn take(&mut self, char: char, shown: &mut String) {
        self.state = match (self.state, char) {
            (PlayState::Silent, '\u{7}' | '\u{9c}') => PlayState::Text,
            (PlayState::Silent, '\u{1b}') => PlayState::SilentEscape,
            (PlayState::SilentEscape, '\\') => PlayState::Text,
            // Another sequence begins: the text was not ended, and is over all the same.
            (PlayState::SilentEscape, char) => return self.begin(char, shown),
            (PlayState::Silent, _) => PlayState::Silent,
            (_, '\u{1b}') => {
                self.pending.clear();
                PlayState::Escape
            }
            (PlayState::Escape, char) => return self.begin(char, shown),
            (PlayState::Charset, char) => {
                if char.is_ascii_alphanumeric() {
                    shown.push_str(&self.pending);
                    shown.push(char);
                }
                PlayState::Text
            }
            (PlayState::Control, char @ '\u{20}'..='\u{3f}') if self.pending.len() < LONGEST => {
                self.pending.push(char);
                PlayState::Control
            }
            (PlayState::Control, char) => {
                // One with `>`, `=`, `$` or such in it is a question, or about keys.
                let plain = self.pending.chars().skip(2).all(|char| char.is_ascii_digit() || ";:?".contains(char));
                if plain && DRAWS.contains(char) {
                    self.pending.push(char);
                    self.elsewhere = match self.pending.as_str() {
                        sequence if sequence == OTHER_SCREEN.0 => true,
                        sequence if sequence == OTHER_SCREEN.1 => false,
                        _ => self.elsewhere,
                    };
                    shown.push_str(&self.pending);
                }
                PlayState::Text
            }
            (PlayState::Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => PlayState::Silent,
            (PlayState::Text, char) => {
                if !char.is_control() || "\n\r\t\u{8}\u{b}\u{c}\u{e}\u{f}".contains(char) {
                    shown.push(char);
                }
                PlayState::Text
            }
        };
    }

    /// What follows ESC.
    fn begin(&mut self, char: char, shown: &mut String) {
        self.pending = format!("\u{1b}{char}");
        self.state = match char {
            '[' => PlayState::Control,
            ']' | 'P' | 'X' | '^' | '_' => PlayState::Silent,
            '(' | ')' => PlayState::Charset,
            '7' | '8' | 'D' | 'E' | 'M' => {
                shown.push_str(&self.pending);
                PlayState::Text
            }
            _ => PlayState::Text,
        };
    }
}

/// Leaves the other screen, on which programs draw that take all of it.
const OTHER_SCREEN: (&str, &str) = ("\u{1b}[?1049h", "\u{1b}[?1049l");
/// Shows the cursor, ends modes of pastes, mice, keys, scrolling and character sets, and colours. The cursor stays where it is.
const AFTERWARDS: &str =
    "\u{1b}[?25h\u{1b}[?2004l\u{1b}[?1000l\u{1b}[?1002l\u{1b}[?1003l\u{1b}[?1006l\u{1b}[?1l\u{1b}7\u{1b}[r\u{1b}8\u{1b}(B\u{1b}[0m\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_draws_goes_through_and_what_acts_does_not() {
        for (text, expected) in [
            ("a\r\n\tb", "a\r\n\tb"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            ("\u{1b}[?1049h\u{1b}[2J\u{1b}[H\u{1b}M", "\u{1b}[?1049h\u{1b}[2J\u{1b}[H\u{1b}M"),
            ("\u{1b}(0q\u{1b}(B", "\u{1b}(0q\u{1b}(B"),
            // Title, clipboard, a link, a picture, a string of a device.
            ("\u{1b}]0;title\u{7}a", "a"),
            ("\u{1b}]52;c;aGk=\u{1b}\\b", "b"),
            ("\u{1b}Pq#0\u{1b}\\c\u{1b}_x\u{1b}\\", "c"),
            ("\u{9d}0;title\u{9c}d\u{90}x\u{9c}", "d"),
            // What a terminal answers, and what resizes it or changes its keys.
            ("\u{1b}[c\u{1b}[>c\u{1b}[6n\u{1b}[8;3;3te\u{1b}[>4;1m\u{1b}[!p\u{1b}Zf\u{1b}c", "ef"),
            ("\u{7}\u{5}g", "g"),
            // A text that another sequence ends.
            ("\u{1b}]0;x\u{1b}[1mh", "\u{1b}[1mh"),
        ] {
            assert_eq!(Played::default().pass(text), expected, "{text:?}");
            let mut played = Played::default();
            let pieces: String = text.chars().map(|char| played.pass(&char.to_string())).collect();
            assert_eq!(pieces, expected, "{text:?}");
        }
    }

    #[test]
    fn the_other_screen_is_left_where_it_was_entered() {
        let mut played = Played::default();
        for (text, elsewhere) in [("a\u{1b}[?104", false), ("9hb", true), ("\u{1b}[1m", true), ("\u{1b}[?1049l", false)] {
            played.pass(text);
            assert_eq!(played.elsewhere, elsewhere, "{text:?}");
        }
    }

    #[test]
    fn a_sequence_without_an_end_is_let_go() {
        let text = format!("\u{1b}[{}mx", "1;".repeat(LONGEST));
        assert!(Played::default().pass(&text).len() <= text.len() - LONGEST);
    }
}
