//! Text in Markdown: nothing in it is taken for markup that was not meant as such.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use crate::words::sanitise::line as visible;

/// How wide lines are, in columns.
const WIDTH: usize = 140;
/// Stands for a space at which no line ends.
const BOUND: char = '\u{a0}';

/// Text in a line: nothing in it is markup, and it stays in the cell of a table.
pub(in crate::app) fn escaped(text: &str) -> String {
    plain(&one_line(text))
}

/// Text in a line, in which code stands between backticks, as runbooks write it; nothing else in it is markup.
pub(super) fn prose(text: &str) -> String {
    let line = one_line(text);
    if line.matches('`').count() % 2 == 1 {
        return plain(&line);
    }
    let parts = line.split('`').enumerate();
    // A bar is markup in a table alone.
    parts.map(|(index, part)| if index % 2 == 0 { plain(part).replace("\\|", "|") } else { format!("`{}`", visible(part)) }).collect()
}

/// A line of code.
pub(super) fn code(text: &str) -> String {
    let line = one_line(text);
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let apart = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{apart}{}{apart}{fence}", visible(&line))
}

/// A paragraph, of text that is Markdown already.
pub(super) fn paragraph(text: &str) -> String {
    wrapped(text, "", "")
}

/// A list: each point with how deep it is, from 0, and its text, which is Markdown already.
pub(super) fn list(points: &[(usize, String)]) -> String {
    let point = |(depth, text): &(usize, String)| {
        let indent = "  ".repeat(*depth);
        wrapped(text, &format!("{indent}- "), &format!("{indent}  "))
    };
    points.iter().map(point).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in visible(line).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let mut bound = String::with_capacity(text.len());
    for word in text.split(' ') {
        if !bound.is_empty() {
            bound.push(if begins_a_block(word) { BOUND } else { ' ' });
        }
        bound.push_str(word);
    }
    let options = Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        // An address is no text to be broken at its slashes.
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(&bound, options).replace(BOUND, " ")
}

/// Whether a line that begins with this word would be something else than text, even within code.
fn begins_a_block(word: &str) -> bool {
    let number = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = number.len() < word.len() && number.starts_with(['.', ')']);
    numbered || word.starts_with(['-', '+', '*', '#', '>', '=', '|', '<', '~']) || word.starts_with("```")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup() {
        assert_eq!(escaped("a | b\n<script> *x* [y](z) `q` \u{202e}"), "a \\| b \\<script\\> \\*x\\* \\[y\\](z) \\`q\\` \\\\u{202e}");
        assert_eq!(prose("set `a_b` or c_d | <x>"), "set `a_b` or c\\_d | \\<x\\>");
        assert_eq!(prose("a ` alone"), "a \\` alone");
        assert_eq!((code("a  b"), code("a `b`"), code("`")), ("`a b`".to_owned(), "`` a `b` ``".to_owned(), "`` ` ``".to_owned()));
    }

    #[test]
    fn no_line_begins_what_is_no_list() {
        let text = format!("{} - b 1. c `{} + d > e`", "a".repeat(136), "f ".repeat(70));
        for line in list(&[(0, text.clone()), (1, text)]).lines() {
            assert!(!begins_a_block(line.trim_start()) || line.trim_start().starts_with("- a"), "{line}");
        }
        assert_eq!(list(&[(0, "a".to_owned()), (1, "b".to_owned())]), "- a\n  - b");
        let address = format!("https://example.org/{}", "path/".repeat(30));
        assert_eq!(paragraph(&format!("see {address}")), format!("see\n{address}"));
    }
}
