//! One pass over the YAML before serde sees it: refuses what a runbook never needs, and remembers where every node stands.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{
    character, complaint,
    diagnostic::{Fault, Report},
    model::{Origin, SourceText, Span},
    node::{Entry, Node, NodeKind, PlainScalar, ScalarForm, plain},
};
use crate::digest::Digest;

/// The largest runbook, in bytes.
pub(crate) const SIZE_LIMIT: usize = 1 << 20;
/// The deepest nesting of maps and lists.
pub(crate) const DEPTH_LIMIT: usize = 32;
/// The most values in one file: keys, texts, lists and maps.
pub(crate) const NODE_LIMIT: usize = 60_000;
/// The most keys in one map.
pub(crate) const KEY_LIMIT: usize = 2_000;
/// After so many faults of form there is no use in more.
const FAULT_LIMIT: usize = 200;

/// What the pass has found.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The tree, as far as the text could be read.
    pub root: Option<Node>,
    pub faults: Vec<Fault>,
    /// The text can be given to serde in spite of the faults.
    pub usable: bool,
}

impl SourceText {
    /// Text with its digest.
    #[must_use]
    pub fn new(name: impl Into<String>, origin: Origin, text: &str) -> Self {
        Self { name: name.into(), origin, text: Arc::from(text), sha256: Digest::of(text.as_bytes()).to_string() }
    }

    /// Text from a file's bytes.
    ///
    /// # Errors
    /// It is too large, or not UTF-8.
    pub fn from_bytes(name: impl Into<String>, origin: Origin, bytes: &[u8]) -> Result<Self, Box<Report>> {
        // It is the name of a file, which may be anything, and is there to be shown.
        let name = character::visible(&name.into());
        let refuse = |text: &str, fault: Fault| Box::new(Report::new(Self::new(name.clone(), origin.clone(), text), vec![fault]));
        if bytes.len() > SIZE_LIMIT {
            return Err(refuse("", too_large(bytes.len())));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, origin, text)),
            Err(error) => {
                let text = String::from_utf8_lossy(bytes);
                let span = Span { offset: error.valid_up_to(), len: '\u{fffd}'.len_utf8() };
                let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
                Err(refuse(
                    &text,
                    Fault::error("not-utf8", span, format!("the file is not UTF-8: invalid byte 0x{byte:02x}"))
                        .label("here")
                        .hint("save the file as UTF-8"),
                ))
            }
        }
    }
}

fn too_large(size: usize) -> Fault {
    Fault::error("too-large", Span::default(), format!("the file is too large: {size} bytes, limit {SIZE_LIMIT}"))
        .hint("split it into several runbooks and join them with `call`")
}

/// Reads the text into a tree of nodes, and collects every fault of form.
#[must_use]
pub(crate) fn read(text: &str) -> Parsed {
    if text.len() > SIZE_LIMIT {
        return Parsed { root: None, faults: vec![too_large(text.len())], usable: false };
    }
    let mut reader = YamlReader::new(text);
    reader.hidden_characters();
    reader.events();
    reader.finish()
}

/// A map or list whose end has not come yet.
#[derive(Debug)]
enum Open {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Span)> },
}

#[derive(Debug)]
struct YamlReader<'a> {
    text: &'a str,
    /// The byte at which each character begins: the parser counts characters.
    bytes: Vec<usize>,
    stack: Vec<(Open, usize)>,
    root: Option<Node>,
    faults: Vec<Fault>,
    usable: bool,
}

impl<'a> YamlReader<'a> {
    fn new(text: &'a str) -> Self {
        let bytes = text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len())).collect();
        Self { text, bytes, stack: Vec::new(), root: None, faults: Vec::new(), usable: true }
    }

    fn offset(&self, index: usize) -> usize {
        self.bytes.get(index).copied().unwrap_or(self.text.len())
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let offset = self.offset(span.start.index());
        let end = self.offset(span.end.index()).max(offset);
        let len = self.text.get(offset..end).map_or(0, |part| part.trim_end().len());
        Span { offset, len }
    }

    /// Notes a fault that serde can live with.
    fn note(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Notes a fault after which the text means something else to serde, or nothing.
    fn refuse(&mut self, fault: Fault) {
        self.usable = false;
        self.faults.push(fault);
    }

    /// Hidden characters in the raw text, comments and all; one fault a line.
    fn hidden_characters(&mut self) {
        let mut line_reported = false;
        let mut found = Vec::new();
        for (at, c) in self.text.char_indices() {
            if found.len() >= FAULT_LIMIT {
                break;
            }
            if c == '\n' {
                line_reported = false;
            }
            let Some(why) = character::hidden(c) else { continue };
            if line_reported || (c == '\r' && self.text[at..].starts_with("\r\n")) {
                continue;
            }
            line_reported = true;
            found.push(hidden_character(c, why, Span { offset: at, len: c.len_utf8() }));
        }
        for fault in found {
            self.note(fault);
        }
    }

    fn events(&mut self) {
        let (mut documents, mut nodes) = (0, 0);
        for event in Parser::new_from_str(self.text) {
            if self.faults.len() >= FAULT_LIMIT {
                self.usable = false;
                return;
            }
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = self.offset(error.marker().index());
                    let len = self.text[at..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
                    let open = self.stack.iter().map(|(_, at)| *at);
                    let span = Span { offset: at, len };
                    let fault =
                        complaint::unclosed(self.text, open, at).unwrap_or_else(|| complaint::syntax(error.info(), self.text, span));
                    self.refuse(fault);
                    return;
                }
            };
            let at = self.span(span);
            nodes += usize::from(matches!(event, Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..)));
            let keys = match self.stack.last() {
                Some((Open::Map { entries, .. }, _)) => entries.len(),
                _ => 0,
            };
            if nodes > NODE_LIMIT || keys > KEY_LIMIT {
                let what = if nodes > NODE_LIMIT {
                    format!("the file has more than {NODE_LIMIT} keys and values")
                } else {
                    format!("a map has more than {KEY_LIMIT} keys")
                };
                self.refuse(
                    Fault::error("too-large", Span { len: at.len.min(1), ..at }, what)
                        .label("one too many")
                        .hint("split it into several runbooks and join them with `call`"),
                );
                return;
            }
            match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        self.refuse(
                            Fault::error("several-documents", at, "second YAML document: a file contains one runbook")
                                .label("begins here")
                                .hint("put each runbook into its own file"),
                        );
                        return;
                    }
                }
                Event::Alias(_) => {
                    self.refuse(
                        Fault::error("alias", at, "aliases (`*name`) are not allowed in a runbook")
                            .label("an alias")
                            .hint("write the value out, or define it under `vars`"),
                    );
                    self.attach(Node { span: at, kind: NodeKind::Scalar { text: String::new(), style: ScalarForm::Plain } });
                }
                Event::Scalar(value, style, anchor, tag) => {
                    self.decorations(anchor, tag.as_deref(), at);
                    let style = match style {
                        ScalarStyle::Plain => ScalarForm::Plain,
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => ScalarForm::Quoted,
                        ScalarStyle::Literal | ScalarStyle::Folded => ScalarForm::Block,
                    };
                    self.scalar(value.into_owned(), style, at);
                }
                Event::SequenceStart(anchor, tag) => {
                    self.decorations(anchor, tag.as_deref(), at);
                    self.stack.push((Open::List(Vec::new()), at.offset));
                }
                Event::MappingStart(anchor, tag) => {
                    self.decorations(anchor, tag.as_deref(), at);
                    self.stack.push((Open::Map { entries: Vec::new(), key: None }, at.offset));
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(at),
            }
            if self.stack.len() > DEPTH_LIMIT {
                self.refuse(
                    Fault::error("too-deep", Span { len: 1, ..at }, format!("maps and lists are nested deeper than {DEPTH_LIMIT} levels"))
                        .label("too deep")
                        .hint("split the runbook and join the parts with `call`"),
                );
                return;
            }
        }
    }

    fn decorations(&mut self, anchor: usize, tag: Option<&Tag>, at: Span) {
        if anchor != 0 {
            self.refuse(
                Fault::error("anchor", at, "anchors (`&name`) are not allowed in a runbook")
                    .label("has an anchor")
                    .hint("write the value out where it is needed, or define it under `vars`"),
            );
        }
        if tag.is_some() {
            let raw = self.text.get(at.offset..at.offset + at.len).unwrap_or_default();
            let tag = raw.split(char::is_whitespace).find(|word| word.starts_with('!')).unwrap_or("!");
            self.refuse(
                Fault::error("tag", at, format!("the tag `{tag}` is not allowed in a runbook"))
                    .label("has a tag")
                    .hint("remove the tag; quote a value that should be text"),
            );
        }
    }

    fn scalar(&mut self, text: String, style: ScalarForm, at: Span) {
        if style == ScalarForm::Plain && plain(&text) == PlainScalar::NotFinite {
            self.refuse(
                Fault::error("not-finite", at, format!("`{text}` is not a finite number"))
                    .label("not a number")
                    .hint("write a finite number, or quote it if it is text"),
            );
        }
        if style == ScalarForm::Plain && plain(&text) == PlainScalar::Int && !fits(&text) {
            self.refuse(
                Fault::error("too-large-number", at, format!("`{text}` is too large for a 64-bit number"))
                    .label("too large")
                    .hint("quote it if it should be text"),
            );
        }
        let raw = self.text.get(at.offset..at.offset + at.len).unwrap_or_default();
        if style == ScalarForm::Quoted
            && let Some((c, why)) = text.chars().find_map(|c| character::hidden(c).map(|why| (c, why)))
            && !raw.contains(c)
        {
            self.note(hidden_character(c, why, at));
        }
        self.attach(Node { span: at, kind: NodeKind::Scalar { text, style } });
    }

    fn close(&mut self, at: Span) {
        let Some((open, from)) = self.stack.pop() else { return };
        let kind = match open {
            Open::List(items) => NodeKind::List(items),
            Open::Map { entries, .. } => NodeKind::Map(entries),
        };
        let until = (at.offset + at.len).max(from);
        let len = self.text.get(from..until).map_or(0, |part| part.trim_end().len());
        self.attach(Node { span: Span { offset: from, len }, kind });
    }

    fn attach(&mut self, node: Node) {
        // Taken out so that the reader can note faults while the open map is changed.
        let Some((mut open, from)) = self.stack.pop() else {
            self.root = Some(node);
            return;
        };
        match &mut open {
            Open::List(items) => items.push(node),
            Open::Map { entries, key } => match key.take() {
                None => {
                    let name = self.key(&node);
                    if let (Some(first), Some(name)) = (entries.iter().find(|entry| Some(&entry.key) == name.as_ref()), &name) {
                        self.faults.push(
                            Fault::error("duplicate-key", node.span, format!("duplicate key `{name}`"))
                                .label("second use")
                                .also(first.key_span, format!("first use of `{name}`"))
                                .hint("keep one of them"),
                        );
                    }
                    *key = Some((name.unwrap_or_default(), node.span));
                }
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
            },
        }
        self.stack.push((open, from));
    }

    /// The text of a key, if it is fit to be one.
    fn key(&mut self, node: &Node) -> Option<String> {
        let NodeKind::Scalar { text, style } = &node.kind else {
            let before = node.span.offset.checked_sub(1);
            if let Some(offset) = before.filter(|at| self.text.get(*at..).is_some_and(|text| text.starts_with("{{"))) {
                let span = Span { offset, len: node.span.len + 1 }.first_line(self.text);
                self.refuse(
                    Fault::error("unquoted-template", span, "a value that begins with `{{` must be quoted")
                        .label("read as a map")
                        .hint("put the whole value in quotes: \"{{ ... }}\""),
                );
                return None;
            }
            self.refuse(
                Fault::error("key-not-text", node.span.first_line(self.text), "a key must be text, not a map or a list")
                    .label("used as a key")
                    .hint("quote the key if it should be text; quote a value that begins with `{` or `[`"),
            );
            return None;
        };
        if *style == ScalarForm::Plain {
            if text == "<<" {
                self.refuse(
                    Fault::error("merge-key", node.span, "merge keys (`<<`) are not allowed in a runbook")
                        .label("a merge key")
                        .hint("write the keys out"),
                );
                return None;
            }
            let what = match plain(text) {
                PlainScalar::Null => Some("nothing"),
                PlainScalar::Bool => Some("true or false"),
                PlainScalar::Int | PlainScalar::Float | PlainScalar::NotFinite => Some("a number"),
                PlainScalar::Text => None,
            };
            if let Some(what) = what {
                self.refuse(
                    Fault::error("key-not-text", node.span, format!("a key must be text, but `{text}` is {what}"))
                        .label("not text")
                        .hint(if text.is_empty() { "write the key before the `:`".to_owned() } else { format!("quote it: \"{text}\"") }),
                );
            }
        }
        Some(text.clone())
    }

    fn finish(mut self) -> Parsed {
        let empty = match &self.root {
            None => true,
            Some(root) => matches!(&root.kind, NodeKind::Scalar { text, style: ScalarForm::Plain } if text.is_empty()),
        };
        if empty && self.usable {
            self.refuse(
                Fault::error("empty", Span::default(), "the file is empty")
                    .hint("begin with `halligan: 1`, `name`, `title`, `summary` and `steps`"),
            );
        }
        Parsed { root: self.root, faults: self.faults, usable: self.usable }
    }
}

/// Whether a whole number has room in 64 bits.
fn fits(text: &str) -> bool {
    let (sign, digits) =
        if let Some(digits) = text.strip_prefix('-') { ("-", digits) } else { ("", text.strip_prefix('+').unwrap_or(text)) };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ => (10, digits),
    };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).is_ok()
}

fn hidden_character(c: char, why: &str, span: Span) -> Fault {
    let hint = match c {
        '\r' => "end lines with LF only",
        '\u{feff}' => "save the file without a byte order mark",
        _ => "delete it: it is invisible, and a terminal may act on it",
    };
    Fault::error("hidden-character", span, format!("hidden character U+{:04X}: {why}", u32::from(c))).label("here").hint(hint)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = include_str!("../../tests/good/everything.yaml");

    fn codes(text: &str) -> Vec<&'static str> {
        read(text).faults.iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn what_a_runbook_never_needs_is_refused() {
        assert_eq!(codes("a: &x 1\nb: *x\n"), ["anchor", "alias"]);
        assert_eq!(codes("a: {<<: {b: 1}}"), ["merge-key"]);
        assert_eq!(codes("a: !!str 1"), ["tag"]);
        assert_eq!(codes("a: 1\n---\nb: 2\n"), ["several-documents"]);
        assert_eq!(codes("a: {b: 1, c: 2, b: 3}\na: 2"), ["duplicate-key", "duplicate-key"]);
        assert_eq!(codes("1: a\ntrue: b\n~: c\n[x]: d\n\"2\": e"), ["key-not-text"; 4]);
        assert_eq!(codes("a: .nan\nb: -.inf\nc: '.nan'"), ["not-finite", "not-finite"]);
        assert_eq!(codes("a: \"\\e[2J\"\nb: \u{202e}x"), ["hidden-character", "hidden-character"]);
        assert_eq!(codes(""), ["empty"]);
        assert_eq!(codes("# nothing\n"), ["empty"]);
        assert_eq!(codes("a: [1"), ["syntax"]);
        assert_eq!(codes(&"[".repeat(40)), ["too-deep"]);
        assert_eq!(codes(&"x".repeat(SIZE_LIMIT + 1)), ["too-large"]);
        assert!(codes("a: 1\r\nb: x\r\n").is_empty());
        let report = SourceText::from_bytes("x", Origin::Bundled, b"a: \xff").unwrap_err();
        assert_eq!(report.faults[0].code, "not-utf8");
    }

    #[test]
    fn a_mistake_is_told_on_its_own_line() {
        let place = |text: &str| {
            let fault = read(text).faults.into_iter().next().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(fault.code, "syntax");
            let (line, column) = super::super::diagnostic::position(text, fault.span.offset);
            (line, column, fault.message)
        };
        for (text, line, column) in [
            ("a: 1\nb: [x, y\nc: 2\nd: 3\n", 2, 4),
            ("a: 1\nb: {x: 1\nc: 2\nd: 3\n", 2, 4),
            ("steps:\n- id: a\n  run: [ls, -l\n  effect: read\n- id: b\n  run: [x]\n", 3, 8),
            ("steps:\n- {id: a, run: [ls, -l]\n- {id: b, run: [x]}\n", 2, 3),
            ("a: [1", 1, 4),
            ("a: {x: [1\n", 1, 8),
        ] {
            let (at, from, message) = place(text);
            assert_eq!((at, from), (line, column), "{text}: {message}");
            assert!(message.contains("is not closed"), "{text}: {message}");
        }
        for (text, line) in
            [("a:\n  b: 1\n\tc: 2\n", 3), ("a:\n\tb: 1\n", 2), ("a:\n- x\n\t- y\nb: 1\n", 3), ("a:\n  - x: 1\n\t  y: 2\n", 3)]
        {
            assert_eq!(place(text).0, line, "{text}: {}", place(text).2);
        }
    }

    #[test]
    fn spans_count_bytes_of_any_text() {
        let text = "é: [ü, \"ö\"]\nb: {c: x}\n";
        let root = read(text).root.unwrap();
        let shown = |node: &Node| &text[node.span.offset..node.span.offset + node.span.len];
        assert_eq!(shown(root.get("é").unwrap().item(1).unwrap()), "\"ö\"");
        assert_eq!(shown(root.get("b").unwrap().get("c").unwrap()), "x");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}|[-:#&*!|>'\"%@`{}\\[\\], a\n\t\r]{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = SourceText::from_bytes("x", Origin::Bundled, &bytes).map(|source| read(&source.text));
        }

        #[test]
        fn no_damage_to_a_runbook_makes_it_panic(at in 0..VALID.len(), cut in 0usize..40, with in "\\PC{0,4}|[-:#&*!|>'\"{}\\[\\],\n\t ]{0,4}") {
            let mut bytes = VALID.as_bytes().to_vec();
            bytes.splice(at..(at + cut).min(VALID.len()), with.bytes());
            if let Ok(source) = SourceText::from_bytes("everything.yaml", Origin::Bundled, &bytes) {
                let (runbook, report) = super::super::resolve::resolve(source);
                prop_assert_eq!(runbook.is_some(), report.errors() == 0);
                let _ = (report.plain(), report.graphical(80, false), report.placed());
                if let Some(runbook) = runbook {
                    let _ = super::super::danger::lint(&runbook, jiff::civil::date(2026, 11, 21));
                }
            }
        }
    }
}
