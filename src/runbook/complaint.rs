//! What the YAML parser complains of, told where the mistake is.

use super::{diagnostic::Fault, model::Span};

/// The bracket that is not closed, if a line behind it begins a key or an item beside it: the parser goes on inside the bracket,
/// and complains of what comes there.
pub(super) fn unclosed(text: &str, open: impl DoubleEndedIterator<Item = usize>, found: usize) -> Option<Fault> {
    let opens = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(['[', '{']));
    let at = open.rev().find(opens)?;
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let own = indent(&text[line..]);
    let until = text[found..].find('\n').map_or(text.len(), |end| found + end);
    let behind = text.get(at..until)?.lines().skip(1);
    let beside = |line: &str| indent(line) <= own && !line.trim_start().is_empty() && !line.trim_start().starts_with([']', '}', '#']);
    let (open, close) = if text[at..].starts_with('[') { ('[', ']') } else { ('{', '}') };
    let at_the_end = until >= text.trim_end().len() && !text[at..].contains(close);
    if !at_the_end && !behind.into_iter().any(beside) {
        return None;
    }
    Some(
        Fault::error("syntax", Span { offset: at, len: 1 }, format!("invalid YAML: this `{open}` is not closed"))
            .label("opened here")
            .hint(format!("close it with `{close}`, or quote the value if the bracket is part of a text")),
    )
}

/// The parser's complaint, with advice for the mistakes that people make.
pub(super) fn syntax(info: &str, text: &str, span: Span) -> Fault {
    let from = text[..span.offset].rfind('\n').map_or(0, |at| at + 1);
    let mut span = span;
    // What the parser cannot go on with may be on the line before, or come first on the next.
    let before = text[..from.saturating_sub(1)].rfind('\n').map_or(0, |at| at + 1);
    let next = text[from..].find('\n').map(|end| from + end + 1);
    let tab = [Some(from), (before < from).then_some(before), next].into_iter().flatten().find_map(|from| {
        let line = text[from..].lines().next().unwrap_or_default();
        line[..line.len() - line.trim_start().len()].find('\t').map(|tab| from + tab)
    });
    let line = text[from..].lines().next().unwrap_or_default();
    let value = line.split_once(": ").map(|(_, value)| value.trim());
    let hint = if let Some(tab) = tab {
        span = Span { offset: tab, len: 1 };
        "indent with spaces: YAML allows no tabs in indentation"
    } else if line.trim_start().starts_with(['@', '`', '%']) || value.is_some_and(|value| value.starts_with(['@', '`', '%'])) {
        "quote a value that begins with `@`, `%` or a back-quote"
    } else if value.is_some_and(|value| value.starts_with("{{")) {
        "quote a value that begins with `{{`"
    } else if value.is_some_and(|value| value.starts_with(['"', '\'']) || value.contains(": ")) {
        "check the quotes: close each one, and quote a value that contains `: `"
    } else {
        "check indentation, quotes and brackets on this line and the one before it"
    };
    Fault::error("syntax", span, format!("invalid YAML: {info}")).label("found here").hint(hint)
}
