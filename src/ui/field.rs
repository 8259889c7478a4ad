//! A line of text that a person types and edits, with what was typed before at hand.

use tui_input::{Input, InputRequest};

use super::{
    layout,
    panel::{Panel, Response, Room, View, refused_paste},
    stroke::Stroke,
};
use crate::words::sanitise;

/// Longer than any answer.
const LONGEST: usize = 4096;
/// There is a line of its own for what is typed where there would be fewer columns than this.
const LEAST: usize = 16;

/// A line to type.
#[derive(Debug)]
pub(crate) struct TextField {
    label: String,
    input: Input,
    /// Not shown while it is typed.
    secret: bool,
    /// What was typed before, the last at the end.
    history: Vec<String>,
    /// Where in the history the person is; at its end stands what is being typed.
    at: usize,
    /// What was being typed before the person went into the history.
    draft: String,
}

impl TextField {
    #[must_use]
    pub(crate) fn new(label: &str, secret: bool, history: Vec<String>) -> Self {
        let at = history.len();
        Self { label: label.to_owned(), input: Input::default(), secret, history, at, draft: String::new() }
    }

    #[must_use]
    pub(crate) fn value(&self) -> &str {
        self.input.value()
    }

    fn recall(&mut self, at: usize) {
        if self.at == self.history.len() {
            self.input.value().clone_into(&mut self.draft);
        }
        self.at = at;
        self.input = Input::new(self.history.get(at).unwrap_or(&self.draft).clone());
    }

    /// Takes text in at the cursor, if a person can see all of it.
    fn insert(&mut self, text: &str) -> bool {
        let fits = self.value().len() + text.len() <= LONGEST && !text.chars().any(sanitise::is_hidden);
        if fits {
            for c in text.chars() {
                self.input.handle(InputRequest::InsertChar(c));
            }
        }
        fits
    }

    /// What is seen of the text in so many columns, and where in it the cursor stands.
    fn window(&self, columns: usize) -> (String, usize) {
        if self.secret {
            return (String::new(), 0);
        }
        let from = self.input.visual_scroll(columns.saturating_sub(1));
        let (mut shown, mut column) = (String::new(), 0);
        for c in self.value().chars() {
            let wide = layout::width(c.encode_utf8(&mut [0; 4]));
            if column >= from && column + wide <= from + columns {
                shown.push(c);
            }
            column += wide;
        }
        (shown, self.input.visual_cursor().saturating_sub(from).min(columns))
    }
}

impl Panel for TextField {
    fn view(&self, room: Room) -> View {
        let width = room.page.width;
        let mut lines = layout::wrap(&self.label, width, "", "  ");
        let last = lines.pop().unwrap_or_default();
        let mut before = format!("{last} ");
        if layout::width(&before) + LEAST > width {
            lines.push(last);
            "  ".clone_into(&mut before);
        }
        let taken = layout::width(&before);
        let (shown, cursor) = self.window(width.saturating_sub(taken + 1));
        lines.push(format!("{before}{shown}"));
        View { cursor: (lines.len() - 1, taken + cursor), lines }
    }

    fn hear(&mut self, stroke: Stroke) -> Response {
        match stroke {
            Stroke::Enter => return Response::Taken,
            Stroke::Finish if self.value().is_empty() => return Response::Ended,
            Stroke::Escape if self.value().is_empty() => return Response::Left,
            Stroke::Escape => self.input.reset(),
            Stroke::Char(c) => {
                self.insert(c.encode_utf8(&mut [0; 4]));
            }
            Stroke::Pasted(text) => {
                if !self.insert(text.strip_suffix('\n').unwrap_or(&text)) {
                    return Response::Say(refused_paste(&text));
                }
            }
            Stroke::Edit(request) => {
                self.input.handle(request);
            }
            Stroke::Up if self.at > 0 => self.recall(self.at - 1),
            Stroke::Down if self.at < self.history.len() => self.recall(self.at + 1),
            Stroke::Up | Stroke::Down | Stroke::PageUp | Stroke::PageDown | Stroke::Finish | Stroke::Suspend | Stroke::Redraw => {}
        }
        Response::Stay
    }

    fn remains(&self) -> String {
        if self.secret { self.label.clone() } else { format!("{} {}", self.label, self.value()) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::{
        super::{layout::Page, stroke::strokes, style::Style},
        *,
    };

    pub(crate) fn room(width: usize, height: usize) -> Room {
        Room { page: Page::new(width, Style { colour: false, unicode: true }), height }
    }

    fn typed(field: &mut TextField, keys: &str) -> Response {
        strokes(keys.as_bytes()).into_iter().map(|stroke| field.hear(stroke)).last().unwrap_or(Response::Stay)
    }

    #[test]
    fn a_line_is_edited() {
        let mut field = TextField::new("Reason:", false, vec![]);
        assert_eq!(typed(&mut field, "the rack\u{1b}[D\u{1b}[D\u{7f}l\u{1b}[Fs"), Response::Stay);
        assert_eq!(field.value(), "the rlcks");
        typed(&mut field, "\u{1}\u{b}");
        assert_eq!(field.value(), "");
        assert_eq!(typed(&mut field, "größe\r"), Response::Taken);
        assert_eq!((field.value(), field.remains().as_str()), ("größe", "Reason: größe"));
        assert_eq!(typed(&mut field, "\u{4}"), Response::Stay);
        assert_eq!(typed(&mut field, "\u{1b}"), Response::Stay);
        assert_eq!(field.value(), "");
        assert_eq!(typed(&mut field, "\u{4}"), Response::Ended);
        assert_eq!(typed(&mut field, "\u{1b}"), Response::Left);
    }

    #[test]
    fn what_was_typed_before_is_at_hand() {
        let mut field = TextField::new("Reason:", false, vec!["one".into(), "two".into()]);
        typed(&mut field, "dra\u{1b}[A");
        assert_eq!(field.value(), "two");
        typed(&mut field, "\u{1b}[A");
        typed(&mut field, "\u{1b}[A");
        assert_eq!(field.value(), "one");
        typed(&mut field, "\u{1b}[B");
        typed(&mut field, "\u{1b}[B");
        assert_eq!(field.value(), "dra");
    }

    #[test]
    fn a_paste_of_lines_is_not_taken() {
        let mut field = TextField::new("Reason:", false, vec![]);
        let Response::Say(said) = typed(&mut field, "a\rb\rc\rd\re\r") else { panic!() };
        assert_eq!(said, "5 lines came at once: nothing was taken. Type the answer, or paste one line.");
        assert_eq!(field.value(), "");
        assert_eq!(typed(&mut field, "\u{1b}[200~one line\r\u{1b}[201~"), Response::Stay);
        assert_eq!(field.value(), "one line");
        assert!(matches!(field.hear(Stroke::Pasted("a\u{202e}b".into())), Response::Say(_)));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let mut field = TextField::new("token:", true, vec![]);
        typed(&mut field, "hush");
        assert_eq!(field.view(room(60, 24)), View { lines: vec!["token: ".into()], cursor: (0, 7) });
        assert_eq!((field.value(), field.remains().as_str()), ("hush", "token:"));
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_the_cursor_is_in_it(label in "[a-zé日 ]{0,80}", text in "[a-z日é ]{0,120}", back in 0usize..130, width in 20usize..130) {
            let mut field = TextField::new(&label, false, vec![]);
            field.insert(&text);
            for _ in 0..back {
                field.hear(Stroke::Edit(InputRequest::GoToPrevChar));
            }
            let view = field.view(room(width, 24));
            for line in &view.lines {
                prop_assert!(layout::width(line) <= width, "{line:?}");
            }
            prop_assert!(view.cursor.0 < view.lines.len() && view.cursor.1 <= width, "{view:?}");
        }
    }
}
