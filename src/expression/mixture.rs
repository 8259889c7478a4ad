//! Text that is certainly compared with a number, told before anything runs.

use std::ops::Range;

use minijinja::machinery::{Token, tokenize};

use super::{
    compare::{Spanned, depth_change, operand_before, sides},
    syntax::syntax,
};

/// What is known of a value from its text alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StaticKind {
    Text,
    Number,
    /// A list of texts
    Texts,
    /// A list of numbers
    Numbers,
}

use StaticKind::{Number, Numbers, Text, Texts};

/// Whether two values that are compared, or one that is looked for in the other, are text and a number.
fn mixed(left: StaticKind, right: StaticKind) -> bool {
    let is_text = |kind| matches!(kind, Text | Texts);
    is_text(left) != is_text(right)
}

/// What a filter makes of such a value; `None` if that cannot be told.
fn filtered(kind: StaticKind, filter: &str, first: Option<&str>) -> Option<StaticKind> {
    match filter {
        "int" | "float" | "length" | "count" | "duration" | "size" | "hex_int" | "sum" | "abs" | "round" => Some(Number),
        "trim" | "lower" | "upper" | "title" | "replace" | "regex_replace" | "string" | "join" | "basename" | "dirname" | "human" => {
            Some(Text)
        }
        "split" | "lines" | "regex_findall" => Some(Texts),
        "map" if matches!(first, Some("int" | "float" | "hex_int" | "length" | "duration" | "size")) => Some(Numbers),
        "map" if matches!(first, Some("trim" | "lower" | "upper" | "string" | "regex_replace")) => Some(Texts),
        "list" | "sort" | "unique" | "reverse" | "select" | "reject" | "difference" | "intersect" | "union" => Some(kind),
        "first" | "last" | "min" | "max" => match kind {
            Texts => Some(Text),
            Numbers => Some(Number),
            Text | Number => None,
        },
        _ => None,
    }
}

/// The token that closes the bracket at `open`.
fn closing(tokens: &[Spanned<'_>], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, (token, _)) in tokens.iter().enumerate().skip(open) {
        depth += depth_change(token);
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// What is known of the members of a list, if all are of one kind.
fn members(tokens: &[Spanned<'_>], of_name: &dyn Fn(&str) -> Option<StaticKind>) -> Option<StaticKind> {
    let (mut depth, mut from, mut found) = (0, 0, None);
    for at in 0..=tokens.len() {
        let ends = match tokens.get(at) {
            Some((token, _)) => {
                depth += depth_change(token);
                depth == 0 && matches!(token, Token::Comma)
            }
            None => from < at,
        };
        if ends {
            let member = kind(tokens.get(from..at)?, of_name)?;
            if found.is_some_and(|found| found != member) {
                return None;
            }
            (found, from) = (Some(member), at + 1);
        }
    }
    match found? {
        Text => Some(Texts),
        Number => Some(Numbers),
        Texts | Numbers => None,
    }
}

/// What is known of an operand.
fn kind(tokens: &[Spanned<'_>], of_name: &dyn Fn(&str) -> Option<StaticKind>) -> Option<StaticKind> {
    let number = |token: &Token<'_>| matches!(token, Token::Int(_) | Token::Float(_));
    let text = |token: &Token<'_>| matches!(token, Token::Str(_) | Token::String(_));
    let (first, _) = tokens.first()?;
    let (mut found, mut at) = match first {
        Token::Minus if tokens.get(1).is_some_and(|(token, _)| number(token)) => (Number, 2),
        token if number(token) => (Number, 1),
        token if text(token) => (Text, 1),
        Token::ParenOpen => {
            let close = closing(tokens, 0)?;
            (kind(tokens.get(1..close)?, of_name)?, close + 1)
        }
        Token::BracketOpen => {
            let close = closing(tokens, 0)?;
            (members(tokens.get(1..close)?, of_name)?, close + 1)
        }
        Token::Ident(name) => {
            let mut name = (*name).to_owned();
            let mut at = 1;
            while let (Some((Token::Dot, _)), Some((Token::Ident(field), _))) = (tokens.get(at), tokens.get(at + 1)) {
                name.push('.');
                name.push_str(field);
                at += 2;
            }
            (of_name(&name)?, at)
        }
        _ => return None,
    };
    while at < tokens.len() {
        let (Some((Token::Pipe, _)), Some((Token::Ident(filter), _))) = (tokens.get(at), tokens.get(at + 1)) else { return None };
        at += 2;
        let mut argument = None;
        if let Some((Token::ParenOpen, _)) = tokens.get(at) {
            argument = match tokens.get(at + 1) {
                Some((Token::Str(text), _)) => Some(*text),
                _ => None,
            };
            at = closing(tokens, at)? + 1;
        }
        found = filtered(found, filter, argument)?;
    }
    Some(found)
}

/// The one value after a test that has no parentheses: `is eq 5`.
fn value_at(tokens: &[Spanned<'_>], from: usize) -> Option<Range<usize>> {
    let (first, _) = tokens.get(from)?;
    let end = match first {
        Token::Int(_) | Token::Float(_) | Token::Str(_) | Token::String(_) => from + 1,
        Token::BracketOpen => closing(tokens, from)? + 1,
        Token::Ident(_) => {
            let mut end = from + 1;
            while let (Some((Token::Dot, _)), Some((Token::Ident(_), _))) = (tokens.get(end), tokens.get(end + 1)) {
                end += 2;
            }
            end
        }
        _ => return None,
    };
    Some(from..end)
}

const TESTS: &[&str] =
    &["eq", "equalto", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge", "in", "sameas", "==", "!=", "<", "<=", ">", ">="];

/// The first place at which text is certainly compared with a number; `of_name` says what is known of a name with its dots.
#[must_use]
pub(crate) fn mixture(text: &str, expression: bool, of_name: &dyn Fn(&str) -> Option<StaticKind>) -> Option<Range<usize>> {
    let tokens = tokenize(text, expression, syntax()).collect::<Result<Vec<_>, _>>().ok()?;
    let place = |range: Range<usize>| {
        let (first, last) = (tokens.get(range.start)?, tokens.get(range.end.checked_sub(1)?)?);
        Some(first.1.start_offset as usize..last.1.end_offset as usize)
    };
    let compared = |left: Range<usize>, right: Range<usize>| {
        let (one, other) = (kind(tokens.get(left.clone())?, of_name)?, kind(tokens.get(right.clone())?, of_name)?);
        if mixed(one, other) { place(left.start..right.end) } else { None }
    };
    // Behind an argument list, from `(` on.
    let arguments = |open: usize| {
        matches!(tokens.get(open), Some((Token::ParenOpen, _))).then_some(())?;
        Some(open + 1..closing(&tokens, open)?)
    };
    let named_test = |at: usize| match tokens.get(at) {
        Some((Token::Ident(name) | Token::Str(name), _)) => TESTS.contains(name),
        _ => false,
    };
    for at in 0..tokens.len() {
        let found = if let Some((left, right)) = sides(&tokens, at) {
            compared(left, right)
        } else {
            match (&tokens[at].0, tokens.get(at + 1).map(|(token, _)| token)) {
                (Token::Ident("is"), Some(next)) => {
                    let test = if matches!(next, Token::Ident("not")) { at + 2 } else { at + 1 };
                    let alone = || value_at(&tokens, test + 1);
                    named_test(test).then(|| compared(operand_before(&tokens, at), arguments(test + 1).or_else(alone)?)).flatten()
                }
                (Token::Pipe, Some(Token::Ident("difference" | "intersect" | "union"))) => {
                    arguments(at + 2).and_then(|right| compared(operand_before(&tokens, at), right))
                }
                (Token::Pipe, Some(Token::Ident("select" | "reject"))) => arguments(at + 2).and_then(|inner| {
                    let is_test = named_test(inner.start) && matches!(tokens.get(inner.start + 1), Some((Token::Comma, _)));
                    is_test.then(|| compared(operand_before(&tokens, at), inner.start + 2..inner.end)).flatten()
                }),
                _ => None,
            }
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        let of_name = |name: &str| match name {
            "output" | "a.output" | "params.t" => Some(Text),
            "b.output" | "params.ts" => Some(Texts),
            "code" | "params.n" => Some(Number),
            "params.ns" => Some(Numbers),
            _ => None,
        };
        mixture(text, true, &of_name).and_then(|at| text.get(at))
    }

    #[test]
    fn what_certainly_fails_is_found() {
        for (text, place) in [
            ("output < 5", "output < 5"),
            ("x and output | trim == -5", "output | trim == -5"),
            ("params.n in b.output", "params.n in b.output"),
            ("params.n not in b.output | sort", "params.n not in b.output | sort"),
            ("params.ns | intersect(b.output) | length == 0", "params.ns | intersect(b.output"),
            ("b.output | select('eq', params.n) | list | length == 0", "b.output | select('eq', params.n"),
            ("not (output is gt(80))", "output is gt(80"),
            ("output is not eq(params.n)", "output is not eq(params.n"),
            ("output is eq 5 or x", "output is eq 5"),
            ("output is in [5]", "output is in [5]"),
            ("[params.n] | difference(b.output) == []", "[params.n] | difference(b.output"),
            ("b.output | intersect([params.n, 2]) == []", "b.output | intersect([params.n, 2]"),
            ("(output | trim) in [1, 2]", "(output | trim) in [1, 2]"),
            ("b.output | first > 3", "b.output | first > 3"),
            ("code == '0'", "code == '0'"),
        ] {
            assert_eq!(found(text), Some(place), "{text}");
        }
    }

    #[test]
    fn what_may_be_right_is_not() {
        for text in [
            "output | int < 5",
            "output == 'x'",
            "params.n in b.output | map('int') | list",
            "output | regex_search('x') == none",
            "x.y < 5",
            "output | default(5) == 5",
            "output ~ 5 == 'x5'",
            "b.output | length > 3",
            "params.ns | difference([1, 2]) | length == 0",
            "output in ['a', 'b']",
            "b.output | select('match', 'x') | list | length == 3",
            "params.n + 1 == code",
            "output is match('5')",
            "output is eq other",
            "output is in [params.n, 'x']",
            "[x, output] | difference(params.ns) == []",
            "output[0] < 5",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
