//! The few styles and marks there are. Colour only supports what words and marks already say.

use console::Style as Colour;

use crate::{
    event::{Effect, StepKind},
    words::{self, mark::Mark},
};

/// What the terminal at hand can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    pub colour: bool,
    /// The locale is UTF-8; otherwise marks and bars are ASCII.
    pub unicode: bool,
}

impl Style {
    fn paint(self, colour: &Colour, text: &str) -> String {
        if self.colour { colour.clone().force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }

    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.paint(&Colour::new().green(), text)
    }

    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.paint(&Colour::new().yellow(), text)
    }

    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.paint(&Colour::new().red().bold(), text)
    }

    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.paint(&Colour::new().dim(), text)
    }

    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.paint(&Colour::new().bold(), text)
    }

    /// One column wide.
    #[must_use]
    pub(crate) fn mark(self, mark: Mark) -> String {
        let (sign, plain) = match mark {
            Mark::Passed => ("✓", "+"),
            Mark::Warned => ("!", "!"),
            Mark::Failed => ("✗", "x"),
            Mark::Noted => ("·", "-"),
            Mark::Unknown => ("?", "?"),
        };
        let sign = if self.unicode { sign } else { plain };
        match mark {
            Mark::Passed => self.good(sign),
            Mark::Warned | Mark::Unknown => self.warn(sign),
            Mark::Failed => self.bad(sign),
            Mark::Noted => self.dim(sign),
        }
    }

    /// What kind of thing a step is.
    #[must_use]
    pub(crate) fn kind(self, kind: StepKind, effect: Effect) -> String {
        let word = words::kind(kind, effect);
        match (kind, effect) {
            (StepKind::Run, Effect::Destroy) => self.bad(word),
            (StepKind::Run, Effect::Change) => self.bold(word),
            _ => self.dim(word),
        }
    }

    /// What stands between names of one thing.
    #[must_use]
    pub(crate) fn separator(self) -> &'static str {
        if self.unicode { " · " } else { ", " }
    }

    #[must_use]
    pub fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// A digest or another long name, by its beginning and end.
    #[must_use]
    pub fn short(self, digest: &str) -> String {
        match (digest.is_ascii(), digest.len()) {
            (true, 13..) => format!("{}{}{}", &digest[..4], self.ellipsis(), &digest[digest.len() - 4..]),
            _ => digest.to_owned(),
        }
    }

    /// A bar `width` columns wide, its ends included.
    #[must_use]
    pub fn bar(self, width: usize, done: f64, total: f64) -> String {
        let inside = width.saturating_sub(2).max(1);
        let fraction = if total > 0.0 { (done / total).clamp(0.0, 1.0) } else { 0.0 };
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `inside`")]
        let full = ((inside as f64 * fraction).floor() as usize).min(inside);
        let (open, block, close) = if self.unicode { ("▕", "█", "▏") } else { ("[", "#", "]") };
        format!("{open}{}{}{close}", block.repeat(full), " ".repeat(inside - full))
    }

    /// How much of it is done, in whole percent; 100 only when all of it is.
    #[must_use]
    pub fn percent(done: f64, total: f64) -> Option<u8> {
        let fraction = done / total;
        if !fraction.is_finite() || total <= 0.0 {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
        Some((fraction.clamp(0.0, 1.0) * 100.0).floor() as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_same_without_colour_and_unicode() {
        let rich = Style { colour: true, unicode: true };
        assert_eq!(rich.mark(Mark::Passed), "\u{1b}[32m✓\u{1b}[0m");
        let poor = Style::default();
        let marks = [Mark::Passed, Mark::Warned, Mark::Failed, Mark::Noted, Mark::Unknown].map(|mark| poor.mark(mark));
        assert_eq!(marks.concat(), "+!x-?");
        assert_eq!(poor.bar(12, 1.0, 2.0), "[#####     ]");
        assert_eq!(poor.short("0123456789abcdef"), "0123...cdef");
    }

    #[test]
    fn bars_stand_odd_figures() {
        let style = Style::default();
        for (done, total) in [(0.0, 0.0), (f64::NAN, 1.0), (1.0, f64::NAN), (-1.0, 5.0), (9.0, 5.0), (f64::INFINITY, 1.0), (1.0, -1.0)] {
            assert_eq!(style.bar(10, done, total).len(), 10);
            let _ = Style::percent(done, total);
        }
        assert_eq!(Style::percent(999.0, 1000.0), Some(99));
        assert_eq!(Style::percent(1.0, 0.0), None);
    }
}
