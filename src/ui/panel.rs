//! Something on the terminal that a person works with, redrawn in place with each key: a field, a list.

use super::{
    layout::{self, Page},
    stroke::Stroke,
};

/// How something looks now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// None is wider than the page, so that no terminal wraps them.
    pub lines: Vec<String>,
    /// In which of them the cursor stands, and behind how many columns.
    pub cursor: (usize, usize),
}

/// Where a panel is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub page: Page,
    /// Lines of the terminal.
    pub height: usize,
}

/// What a keystroke has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Response {
    /// It is drawn anew.
    Stay,
    /// This is to be said above it.
    Say(String),
    /// The person is done, and what is shown as chosen counts.
    Taken,
    /// The person wants no part of the question.
    Left,
    /// The person ended the input.
    Ended,
}

/// What a person works with.
pub(crate) trait Panel {
    fn view(&self, room: Room) -> View;
    fn hear(&mut self, stroke: Stroke) -> Response;
    /// What stays on the screen once it is over.
    fn remains(&self) -> String;
}

/// What is said of pasted text that is not taken.
pub(crate) fn refused_paste(text: &str) -> String {
    match text.trim_end_matches('\n').split('\n').count() {
        1 => "The pasted text contains control characters: nothing was taken.".to_owned(),
        lines => format!("{lines} lines came at once: nothing was taken. Type the answer, or paste one line."),
    }
}

impl View {
    /// What draws it where the cursor stands, which is at the beginning of a line, and puts the cursor in its place.
    pub(crate) fn drawn(&self) -> String {
        use std::fmt::Write;
        let (row, column) = self.cursor;
        let mut picture = self.lines.join("\n");
        let up = self.lines.len().saturating_sub(row + 1);
        // Writing to a String cannot fail.
        if up > 0 {
            let _ = write!(picture, "\u{1b}[{up}A");
        }
        picture.push('\r');
        if column > 0 {
            let _ = write!(picture, "\u{1b}[{column}C");
        }
        picture
    }

    /// What takes it away again, from where its cursor stands; on a terminal of so many columns, which may have been others when it was
    /// drawn.
    pub(crate) fn erased(&self, columns: usize) -> String {
        let rows = |line: &String| layout::width(line).saturating_sub(1) / columns.max(1);
        let above: usize = self.lines.iter().take(self.cursor.0).map(|line| rows(line) + 1).sum();
        let up = above + self.cursor.1 / columns.max(1);
        if up > 0 { format!("\r\u{1b}[{up}A\u{1b}[J") } else { "\r\u{1b}[J".to_owned() }
    }
}
