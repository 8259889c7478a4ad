//! Operators that make more than they are given: `~`, `+` and `*`.
//!
//! As comparisons are (see `compare`), their operands are led through filters before an expression is compiled: what is joined
//! counts, and what is repeated is refused where it would be too much.

use std::collections::BTreeMap;

use minijinja::machinery::{Token, tokenize};

use super::{
    compare::{depth_change, is_boundary},
    error::ExpressionError,
    syntax::syntax,
};

/// Counts an operand; no author can write a name that begins so.
pub(super) const PART: &str = "_part";
/// Looks at both sides of a `*`.
pub(super) const REPEATED: &str = "_repeated";

/// The most words, signs and values of one expression. What is longer is compiled by going deeper and deeper, until there is no
/// stack left.
const TOKENS: usize = 2_000;

/// Whether each expression of a text is short enough to be compiled.
///
/// # Errors
/// One is not.
pub(super) fn short_enough(text: &str, expression: bool) -> Result<(), ExpressionError> {
    // No token is shorter than a byte.
    if text.len() <= TOKENS {
        return Ok(());
    }
    let mut count = 0;
    // What is no token ends it: compiling says why.
    for (token, span) in tokenize(text, expression, syntax()).map_while(Result::ok) {
        count = if matches!(token, Token::VariableStart | Token::BlockStart) { 0 } else { count + 1 };
        if count > TOKENS {
            let at = span.start_offset as usize..span.end_offset as usize;
            let message = format!("too long: an expression has at most {TOKENS} words, signs and values");
            return Err(ExpressionError { message, near: None, at: Some(at) });
        }
    }
    Ok(())
}

fn joins(token: &Token<'_>) -> bool {
    matches!(token, Token::Tilde | Token::Plus)
}

fn is_operator(token: &Token<'_>) -> bool {
    joins(token) || matches!(token, Token::Minus | Token::Mul | Token::Div | Token::FloorDiv | Token::Pow | Token::Mod)
}

/// Binds less than `*`.
fn is_looser(token: &Token<'_>) -> bool {
    joins(token) || matches!(token, Token::Minus)
}

/// The text with every operand counted. Text that does not parse comes back as it is: compiling it says why.
pub(super) fn guarded(text: &str, expression: bool) -> String {
    if !text.contains(['~', '+', '*']) {
        return text.to_owned();
    }
    let Ok(tokens) = tokenize(text, expression, syntax()).collect::<Result<Vec<_>, _>>() else {
        return text.to_owned();
    };
    // What to insert before which byte: a filter behind an operand, and parentheses around one.
    let mut behind: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let start = |at: usize| tokens[at].1.start_offset as usize;
    let end = |at: usize| tokens[at].1.end_offset as usize;
    // The last token of what begins after `from`, until one at the same depth that ends it.
    let last = |from: usize| {
        let mut depth = 0;
        let mut last = from;
        for (at, (token, _)) in tokens.iter().enumerate().skip(from + 1) {
            depth += depth_change(token);
            let sign = at == from + 1 && matches!(token, Token::Minus);
            let ends = depth == 0 && depth_change(token) == 0 && (is_boundary(&tokens, at) || (is_operator(token) && !sign));
            if depth < 0 || ends {
                break;
            }
            last = at;
        }
        last
    };
    for (index, (token, _)) in tokens.iter().enumerate() {
        let right = last(index);
        let signs = |at: usize| is_boundary(&tokens, at) || is_operator(&tokens[at].0) || depth_change(&tokens[at].0) > 0;
        if index == 0 || right == index || signs(index - 1) {
            continue;
        }
        if joins(token) {
            for operand in [index - 1, right] {
                let filters = behind.entry(end(operand)).or_default();
                if !filters.iter().any(|filter| filter == "|_part") {
                    filters.push(format!("|{PART}"));
                }
            }
        } else if matches!(token, Token::Mul) {
            let mut depth = 0;
            let mut first = index;
            for (at, (token, _)) in tokens[..index].iter().enumerate().rev() {
                depth -= depth_change(token);
                if depth < 0 || (depth == 0 && depth_change(token) == 0 && (is_boundary(&tokens, at) || is_looser(token))) {
                    break;
                }
                first = at;
            }
            let Some(times) = text.get(start(index + 1)..end(right)).filter(|_| first < index) else { continue };
            *before.entry(start(first)).or_default() += 1;
            behind.entry(end(index - 1)).or_default().push(format!(")|{REPEATED}({times})"));
        }
    }
    let mut guarded = String::with_capacity(text.len() * 2);
    let mut from = 0;
    let places: std::collections::BTreeSet<usize> = behind.keys().chain(before.keys()).copied().collect();
    for at in places {
        let Some(part) = text.get(from..at) else { return text.to_owned() };
        guarded.push_str(part);
        for filter in behind.get(&at).into_iter().flatten() {
            guarded.push_str(filter);
        }
        guarded.extend(std::iter::repeat_n('(', before.get(&at).copied().unwrap_or(0)));
        from = at;
    }
    guarded.push_str(&text[from..]);
    guarded
}

#[cfg(test)]
mod tests {
    use super::{super::check_expression, guarded};

    #[test]
    fn what_is_too_long_to_be_compiled_is_refused() {
        for text in [
            "1 + ".repeat(100_000) + "1",
            "1".to_owned() + &"|int".repeat(100_000),
            "not ".repeat(100_000) + "1",
            "1 < ".repeat(100_000) + "1",
        ] {
            assert!(check_expression(&text).unwrap_err().to_string().contains("too long"), "{}", &text[..20]);
        }
        check_expression(&("1 + ".repeat(200) + "1")).unwrap();
    }

    #[test]
    fn operands_are_counted() {
        assert_eq!(guarded("a ~ b", true), "a|_part ~ b|_part");
        assert_eq!(guarded("a.b | int + f(c ~ d)", true), "a.b | int|_part + f(c|_part ~ d|_part)|_part");
        assert_eq!(guarded("a + b + -c", true), "a|_part + b|_part + -c|_part");
        assert_eq!(guarded("a * 3", true), "(a)|_repeated(3) * 3");
        assert_eq!(guarded("a * b * c", true), "((a)|_repeated(b) * b)|_repeated(c) * c");
        assert_eq!(guarded("a + b * c", true), "a|_part + (b|_part)|_repeated(c) * c");
        assert_eq!(guarded("x {{ a ~ '+' }} ~ {{ b }}", false), "x {{ a|_part ~ '+'|_part }} ~ {{ b }}");
        assert_eq!(guarded("a if b else c ~ d", true), "a if b else c|_part ~ d|_part");
        for text in ["a - b", "-a", "~", "a ~", "'a + b'", "* a"] {
            assert_eq!(guarded(text, true), text);
        }
    }
}
