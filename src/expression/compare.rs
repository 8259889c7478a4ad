//! Comparisons that never decide by accident.
//!
//! Jinja orders values of different types by type, so that `"5" > 100` is true: a check on a line of text would pass because
//! somebody forgot `| int`. Before an expression is compiled, the left side of each comparison is therefore led through
//! [`guard`], which refuses to compare text with a number and to order anything but two numbers or two texts.

use minijinja::{
    Error, ErrorKind, Value,
    machinery::{Token, tokenize},
    value::ValueKind,
};

/// The guard's name as a filter; no author can write a name that begins so by accident.
pub(super) const FILTER: &str = "_comparable";

fn compares(token: &Token<'_>) -> Option<bool> {
    match token {
        Token::Lt | Token::Lte | Token::Gt | Token::Gte => Some(true),
        Token::Eq | Token::Ne => Some(false),
        _ => None,
    }
}

/// Whether an operand of a comparison ends at this token.
pub(super) fn is_boundary(token: &Token<'_>) -> bool {
    match token {
        Token::Ident(word) => matches!(*word, "and" | "or" | "not" | "if" | "else" | "in" | "elif" | "set"),
        Token::Comma | Token::Colon | Token::Assign => true,
        Token::VariableStart | Token::VariableEnd | Token::BlockStart | Token::BlockEnd | Token::TemplateData(_) => true,
        other => compares(other).is_some(),
    }
}

pub(super) fn depth_change(token: &Token<'_>) -> i32 {
    match token {
        Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => 1,
        Token::ParenClose | Token::BracketClose | Token::BraceClose => -1,
        _ => 0,
    }
}

/// The text with every comparison guarded. Text that does not parse comes back as it is: compiling it says why.
pub(super) fn guarded(text: &str, expression: bool) -> String {
    let Ok(tokens) = tokenize(text, expression, minijinja::syntax::SyntaxConfig::default()).collect::<Result<Vec<_>, _>>() else {
        return text.to_owned();
    };
    // What to insert, and before which byte.
    let mut inserts: Vec<(usize, String)> = Vec::new();
    for (index, (token, _)) in tokens.iter().enumerate() {
        let Some(orders) = compares(token) else { continue };
        let mut depth = 0;
        let mut first = index;
        for (at, (token, _)) in tokens[..index].iter().enumerate().rev() {
            depth -= depth_change(token);
            if depth < 0 || (depth == 0 && depth_change(token) == 0 && is_boundary(token)) {
                break;
            }
            first = at;
        }
        depth = 0;
        let mut last = index;
        for (at, (token, _)) in tokens.iter().enumerate().skip(index + 1) {
            depth += depth_change(token);
            if depth < 0 || (depth == 0 && depth_change(token) == 0 && is_boundary(token)) {
                break;
            }
            last = at;
        }
        if first == index || last == index {
            return text.to_owned();
        }
        let start = |at: usize| tokens[at].1.start_offset as usize;
        let end = |at: usize| tokens[at].1.end_offset as usize;
        let Some(right) = text.get(start(index + 1)..end(last)) else { return text.to_owned() };
        // The left operand may be what an earlier comparison compares with: its parenthesis then opens inside.
        inserts.push((start(first), "(".to_owned()));
        inserts.push((end(index - 1), format!(")|{FILTER}({right}, {orders})")));
    }
    inserts.sort_by_key(|(at, _)| *at);
    let mut guarded = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (at, insert) in inserts {
        let Some(part) = text.get(from..at) else { return text.to_owned() };
        guarded.push_str(part);
        guarded.push_str(&insert);
        from = at;
    }
    guarded.push_str(&text[from..]);
    guarded
}

/// Returns `left` if it may be compared with `right`.
pub(super) fn guard(left: Value, right: &Value, orders: bool) -> Result<Value, Error> {
    let (a, b) = (left.kind(), right.kind());
    let mixed = matches!((a, b), (ValueKind::String, ValueKind::Number) | (ValueKind::Number, ValueKind::String));
    let orderable = matches!((a, b), (ValueKind::Number, ValueKind::Number) | (ValueKind::String, ValueKind::String));
    let undefined = a == ValueKind::Undefined || b == ValueKind::Undefined;
    // Undefined is refused by the comparison itself, which knows the name.
    if undefined || (!mixed && (!orders || orderable)) {
        return Ok(left);
    }
    let show = |value: &Value| {
        let text = value.to_string();
        let short: String = text.chars().take(40).collect();
        match value.kind() {
            ValueKind::String => format!("the text {}", serde_json::Value::from(short)),
            ValueKind::Number => format!("the number {short}"),
            kind => format!("a {kind}"),
        }
    };
    let advice = if mixed { "; turn the text into a number with `| int` or `| float`" } else { "" };
    Err(Error::new(ErrorKind::InvalidOperation, format!("{} cannot be compared with {}{advice}", show(&left), show(right))))
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn the_left_side_is_led_through_the_guard() {
        assert_eq!(guarded("a < b", true), "(a)|_comparable(b, true) < b");
        assert_eq!(
            guarded("x.y | int < 0.5 * (b | int) and c", true),
            "(x.y | int)|_comparable(0.5 * (b | int), true) < 0.5 * (b | int) and c"
        );
        assert_eq!(guarded("f(a == 1, b)", true), "f((a)|_comparable(1, false) == 1, b)");
        assert_eq!(guarded("a < b < c", true), "(a)|_comparable(b, true) < (b)|_comparable(c, true) < c");
        assert_eq!(guarded("x {{ a > 1 }} y", false), "x {{ (a)|_comparable(1, true) > 1 }} y");
        assert_eq!(guarded("not a < 2", true), "not (a)|_comparable(2, true) < 2");
        assert_eq!(guarded("a if b > 1 else c", true), "a if (b)|_comparable(1, true) > 1 else c");
    }

    #[test]
    fn what_does_not_parse_stays() {
        for text in ["< 3", "a <", "a ===", "'", ""] {
            assert_eq!(guarded(text, true), text);
        }
    }
}
