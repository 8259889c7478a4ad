//! How the parts of a place are written, and read again.

/// Whether a text can be the id of a step or the name of a variable, as far as a place could otherwise be misread.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| matches!(c, '.' | '[' | ']' | '=' | '\\') || c.is_control() || c.is_whitespace())
}

/// Writes an item as it stands in a place after its `=`, without the `]` at its end.
pub(super) fn write_item(item: &str, text: &mut String) {
    for c in item.chars() {
        match c {
            '\\' | ']' => text.extend(['\\', c]),
            c if c.is_control() => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
}

/// Reads an item as it is written after its `=`, up to its `]`: how many bytes that takes, and the item if it has escapes.
pub(super) fn read_item(text: &str) -> Result<(usize, Option<Box<str>>), &'static str> {
    let mut plain: Option<String> = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let (meant, length) = match c {
            ']' => return Ok((at, plain.map(Into::into))),
            '\\' => read_escape(&text[at..]).ok_or("after `\\` stands `\\`, `]` or the number of a control character, as `u{a}`")?,
            c if c.is_control() => return Err("a control character in it is not written as `\\u{..}`"),
            c => (c, c.len_utf8()),
        };
        if c == '\\' {
            plain.get_or_insert_with(|| text[..at].to_owned()).push(meant);
        } else if let Some(plain) = &mut plain {
            plain.push(meant);
        }
        at += length;
    }
    Err("an item has no `]` at its end")
}

/// Reads an escape, its `\` included: the character, and how many bytes it takes. Each character has one escape, so that
/// a place that was read is written as it stood.
fn read_escape(text: &str) -> Option<(char, usize)> {
    let escape = &text[1..];
    if let Some(c @ ('\\' | ']')) = escape.chars().next() {
        return Some((c, 2));
    }
    let (digits, _) = escape.strip_prefix("u{")?.split_once('}')?;
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?).filter(|c| c.is_control())?;
    let written = c.escape_unicode().to_string();
    text.starts_with(&written).then_some((c, written.len()))
}
