//! Columns and wrapping by display width, for wide and narrow terminals.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use super::style::Style;

/// Where something is shown: how wide it is and what it can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// In columns; never under [`Page::LEAST`].
    pub width: usize,
    pub style: Style,
    /// Steps are told by their titles and the items of their loops, as on a screen; otherwise by their places, as in a record.
    pub titles: bool,
}

impl Page {
    /// For text that is kept: one width and no colour, whatever the terminal.
    #[must_use]
    pub(crate) fn recorded() -> Self {
        Self::new(100, Style { colour: false, unicode: true })
    }

    /// Narrower than this nothing can be laid out; a terminal that claims it gets lines that it must wrap itself.
    pub const LEAST: usize = 20;
    /// What belongs together is not torn further apart than this.
    pub const MEASURE: usize = 100;

    #[must_use]
    pub fn new(width: usize, style: Style) -> Self {
        Self { width: width.max(Self::LEAST), style, titles: false }
    }

    /// The same, with steps told by their titles.
    #[must_use]
    pub(crate) fn titled(self) -> Self {
        Self { titles: true, ..self }
    }

    /// As wide as text should be set.
    #[must_use]
    pub fn measure(&self) -> usize {
        self.width.min(Self::MEASURE)
    }

    /// `left` and, at the right edge of the measure, `right`; on a line of its own where there is no room.
    #[must_use]
    pub fn spread(&self, left: &str, right: &str, indent: usize) -> Vec<String> {
        if right.is_empty() {
            return vec![left.trim_end().to_owned()];
        }
        let used = width(left) + width(right);
        if used + 3 <= self.measure() {
            return vec![format!("{left}{}{right}", " ".repeat(self.measure() - used))];
        }
        if used + 2 <= self.width {
            return vec![format!("{left}  {right}")];
        }
        vec![left.trim_end().to_owned(), format!("{}{right}", " ".repeat(indent))]
    }

    /// A labelled text, wrapped: the label stands in a column `column` wide after `indent`.
    #[must_use]
    pub fn field(&self, indent: usize, column: usize, label: &str, text: &str) -> Vec<String> {
        let first = format!("{}{}", " ".repeat(indent), pad(label, column));
        wrap(text, self.width, &first, &" ".repeat(indent + column))
    }
}

/// Columns that the text takes on a terminal; colours take none.
#[must_use]
pub(crate) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Filled up with spaces to `columns`; longer text is left as it is.
#[must_use]
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Cut to `columns`, with a sign that it was.
#[must_use]
pub(crate) fn fit(text: &str, columns: usize, style: Style) -> String {
    console::truncate_str(text, columns, style.ellipsis()).into_owned()
}

/// Wraps each line of a text. `first` stands before the first line, `rest` before the others; a line's own indentation
/// is kept for what is wrapped off it. Words end at spaces alone, so that a path or an address stays whole; they are cut only where one alone is
/// too wide, and no address: it would not be found again.
#[must_use]
pub(crate) fn wrap(text: &str, columns: usize, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for part in text.split('\n') {
        let before = if lines.is_empty() { first } else { rest };
        let words = part.trim_start_matches(' ');
        // Deep indentation must leave room for the text itself.
        let own = (part.len() - words.len()).min(columns.saturating_sub(width(rest) + 8));
        if words.is_empty() {
            lines.push(before.trim_end().to_owned());
            continue;
        }
        let initial = format!("{before}{}", " ".repeat(own));
        let following = format!("{rest}{}", " ".repeat(own));
        let options = Options::new(columns.max(1))
            .initial_indent(&initial)
            .subsequent_indent(&following)
            .break_words(!words.contains("://"))
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit);
        lines.extend(textwrap::wrap(words, options).into_iter().map(|line| line.trim_end().to_owned()));
    }
    lines
}

/// Sets items side by side, `gap` apart, as many in a line as there is room for.
#[must_use]
pub(crate) fn flow(items: &[String], columns: usize, indent: usize, gap: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let margin = " ".repeat(indent);
    for item in items {
        match lines.last_mut() {
            Some(line) if width(line) + gap + width(item) <= columns => {
                line.push_str(&" ".repeat(gap));
                line.push_str(item);
            }
            _ => lines.extend(wrap(item, columns, &margin, &format!("{margin}  "))),
        }
    }
    lines
}

/// The widest of some texts, up to a limit.
pub(crate) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, limit: usize) -> usize {
    texts.into_iter().map(width).max().unwrap_or(0).min(limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_and_keeps_indentation() {
        assert_eq!(wrap("one two three\n  four five six", 12, "- ", "  "), ["- one two", "  three", "    four", "    five six"]);
        assert_eq!(wrap("a-very-long-word", 8, "", ""), ["a-very-l", "ong-word"]);
        assert_eq!(wrap("", 10, "  x", ""), ["  x"]);
        assert_eq!(wrap("see /var/lib/a", 12, "", "  "), ["see", "  /var/lib/a"]);
        assert_eq!(wrap("at https://host/a/b-c now", 12, "", "  "), ["at", "  https://host/a/b-c", "  now"]);
        assert_eq!(wrap("日本語日本語", 6, "", ""), ["日本語", "日本語"]);
    }

    #[test]
    fn spreads_where_there_is_room() {
        let page = Page::new(30, Style::default());
        assert_eq!(page.spread("left", "right", 4), ["left                     right"]);
        assert_eq!(page.spread("left that is rather long", "right", 4), ["left that is rather long", "    right"]);
        assert_eq!(Page::new(200, Style::default()).spread("a", "b", 0)[0].len(), 100);
    }

    #[test]
    fn flows() {
        assert_eq!(flow(&["aaa".into(), "bbb".into(), "ccc".into()], 12, 2, 3), ["  aaa   bbb", "  ccc"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_too_wide(text in "[ a-zé日\\-{}\n]{0,120}", columns in 20usize..200, indent in 0usize..9) {
            let margin = " ".repeat(indent);
            let lines = wrap(&text, columns, &margin, &margin);
            for line in &lines {
                prop_assert!(width(line) <= columns, "{line:?}");
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn fits(text in "\\PC{0,60}", columns in 1usize..60) {
            let style = Style { colour: false, unicode: true };
            prop_assert!(width(&fit(&text, columns, style)) <= columns);
        }
    }
}
