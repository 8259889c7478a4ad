//! Comparisons that never decide by accident.
//!
//! Jinja orders values of different types by type, so that `"5" > 100` is true, and `5 in ["5"]` is merely false: a check on a line of
//! text would pass because somebody forgot `| int`. Before an expression is compiled, the left side of each comparison is therefore
//! led through [`GUARD`] or [`CONTAINED`], which refuse what `alike` refuses. A comparison that cannot be led through them is an error.

use std::ops::Range;

use minijinja::machinery::{Token, tokenize};

use super::{error::ExpressionError, syntax::syntax};

/// The guard's name as a filter; no author can write a name that begins so by accident.
pub(super) const GUARD: &str = "_comparable";
/// The guard of `in`.
pub(super) const CONTAINED: &str = "_contained";

/// A token with its place.
pub(super) type Spanned<'a> = (Token<'a>, minijinja::machinery::Span);

/// What stands between two operands, and is guarded.
#[derive(Clone, Copy)]
enum Comparing {
    Order,
    Equality,
    Membership,
}

fn symbol(token: &Token<'_>) -> Option<Comparing> {
    match token {
        Token::Lt | Token::Lte | Token::Gt | Token::Gte => Some(Comparing::Order),
        Token::Eq | Token::Ne => Some(Comparing::Equality),
        _ => None,
    }
}

/// Whether this word is only the name of a field: `osd.in`, `x.not`; or of an argument: `f(if=1)`.
fn is_name(tokens: &[Spanned<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    matches!(before, Some((Token::Dot, _))) || matches!(tokens.get(at + 1), Some((Token::Assign, _)))
}

fn comparison(tokens: &[Spanned<'_>], at: usize) -> Option<Comparing> {
    let before = |back: usize| at.checked_sub(back).and_then(|before| tokens.get(before)).map(|(token, _)| token);
    let (token, _) = tokens.get(at)?;
    if !matches!(token, Token::Ident("in")) || is_name(tokens, at) {
        return symbol(token);
    }
    // The test `is in` guards itself.
    let test = matches!(before(1), Some(Token::Ident("is")))
        || (matches!(before(1), Some(Token::Ident("not"))) && matches!(before(2), Some(Token::Ident("is"))));
    (!test && !is_loop(tokens, at)).then_some(Comparing::Membership)
}

/// Whether this `in` is that of `{% for x in … %}`: the first one behind the `for`.
fn is_loop(tokens: &[Spanned<'_>], at: usize) -> bool {
    let block = tokens[..at].iter().rposition(|(token, _)| matches!(token, Token::BlockStart));
    let Some(block) = block else { return false };
    let is_for = matches!(tokens.get(block + 1), Some((Token::Ident("for"), _)));
    is_for && !(block + 2..at).any(|before| matches!(tokens[before].0, Token::Ident("in")) && !is_name(tokens, before))
}

/// Whether an operand of a comparison ends at this token.
pub(super) fn is_boundary(tokens: &[Spanned<'_>], at: usize) -> bool {
    let Some((token, _)) = tokens.get(at) else { return true };
    match token {
        // What a statement begins with.
        Token::Ident(_) if at > 0 && matches!(tokens[at - 1].0, Token::BlockStart) => true,
        Token::Ident(word) => matches!(*word, "and" | "or" | "not" | "if" | "else" | "in" | "elif" | "set") && !is_name(tokens, at),
        Token::Comma | Token::Colon | Token::Assign => true,
        Token::VariableStart | Token::VariableEnd | Token::BlockStart | Token::BlockEnd | Token::TemplateData(_) => true,
        other => symbol(other).is_some(),
    }
}

pub(super) fn depth_change(token: &Token<'_>) -> i32 {
    match token {
        Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => 1,
        Token::ParenClose | Token::BracketClose | Token::BraceClose => -1,
        _ => 0,
    }
}

fn unguarded(span: Range<usize>) -> ExpressionError {
    ExpressionError {
        message: "both sides of this comparison cannot be told: put each into parentheses".to_owned(),
        near: None,
        at: Some(span),
    }
}

fn ends(tokens: &[Spanned<'_>], depth: i32, at: usize) -> bool {
    depth < 0 || (depth == 0 && depth_change(&tokens[at].0) == 0 && is_boundary(tokens, at))
}

/// The tokens of the operand that ends before this token; an empty range if there is none.
pub(super) fn operand_before(tokens: &[Spanned<'_>], operator: usize) -> Range<usize> {
    let mut depth = 0;
    let mut first = operator;
    for at in (0..operator).rev() {
        depth -= depth_change(&tokens[at].0);
        if ends(tokens, depth, at) {
            break;
        }
        first = at;
    }
    first..operator
}

/// The tokens of both operands of the comparison at this token, neither of them empty; `None` if it is none.
pub(super) fn sides(tokens: &[Spanned<'_>], index: usize) -> Option<(Range<usize>, Range<usize>)> {
    let found = comparison(tokens, index)?;
    // `a not in b`: the `not` belongs to the operator.
    let negated = matches!(found, Comparing::Membership) && index > 0 && matches!(tokens[index - 1].0, Token::Ident("not"));
    let left = operand_before(tokens, index - usize::from(negated));
    let mut depth = 0;
    let mut last = index;
    for (at, (token, _)) in tokens.iter().enumerate().skip(index + 1) {
        depth += depth_change(token);
        if ends(tokens, depth, at) {
            break;
        }
        last = at;
    }
    (!left.is_empty() && last > index).then_some((left, index + 1..last + 1))
}

/// The text with every comparison guarded. Text that is no sequence of tokens comes back as it is: compiling it says why.
///
/// # Errors
/// A comparison has a side that cannot be found.
pub(super) fn guarded(text: &str, expression: bool) -> Result<String, ExpressionError> {
    let Ok(tokens) = tokenize(text, expression, syntax()).collect::<Result<Vec<_>, _>>() else {
        return Ok(text.to_owned());
    };
    let start = |at: usize| tokens[at].1.start_offset as usize;
    let end = |at: usize| tokens[at].1.end_offset as usize;
    // What to insert, and before which byte.
    let mut inserts: Vec<(usize, String)> = Vec::new();
    for index in 0..tokens.len() {
        let Some(found) = comparison(&tokens, index) else { continue };
        let parts = sides(&tokens, index).and_then(|(left, right)| Some((left, text.get(start(right.start)..end(right.end - 1))?)));
        let Some((left, right)) = parts else { return Err(unguarded(start(index)..end(index))) };
        // The left operand may be what an earlier comparison compares with: its parenthesis then opens inside.
        inserts.push((start(left.start), "(".to_owned()));
        inserts.push((
            end(left.end - 1),
            match found {
                Comparing::Membership => format!(")|{CONTAINED}({right})"),
                Comparing::Order => format!(")|{GUARD}({right}, true)"),
                Comparing::Equality => format!(")|{GUARD}({right}, false)"),
            },
        ));
    }
    inserts.sort_by_key(|(at, _)| *at);
    let mut guarded = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (at, insert) in inserts {
        let Some(part) = text.get(from..at) else { return Err(unguarded(at..at + 1)) };
        guarded.push_str(part);
        guarded.push_str(&insert);
        from = at;
    }
    guarded.push_str(&text[from..]);
    Ok(guarded)
}

#[cfg(test)]
mod tests {
    use super::guarded;

    fn of(text: &str, expression: bool) -> String {
        guarded(text, expression).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_left_side_is_led_through_the_guard() {
        assert_eq!(of("a < b", true), "(a)|_comparable(b, true) < b");
        assert_eq!(of("x.y | int < 0.5 * (b | int) and c", true), "(x.y | int)|_comparable(0.5 * (b | int), true) < 0.5 * (b | int) and c");
        assert_eq!(of("f(a == 1, b)", true), "f((a)|_comparable(1, false) == 1, b)");
        assert_eq!(of("a < b < c", true), "(a)|_comparable(b, true) < (b)|_comparable(c, true) < c");
        assert_eq!(of("x {{ a > 1 }} y", false), "x {{ (a)|_comparable(1, true) > 1 }} y");
        assert_eq!(of("not a < 2", true), "not (a)|_comparable(2, true) < 2");
        assert_eq!(of("a if b > 1 else c", true), "a if (b)|_comparable(1, true) > 1 else c");
    }

    #[test]
    fn membership_is_a_comparison() {
        assert_eq!(of("a in b", true), "(a)|_contained(b) in b");
        assert_eq!(of("x and a.b not in c | list", true), "x and (a.b)|_contained(c | list) not in c | list");
        assert_eq!(of("a is in(b) or a is not in b", true), "a is in(b) or a is not in b");
        assert_eq!(
            of("{% for x in xs if x in ys %}{{ x in z }}{% endfor %}", false),
            "{% for x in xs if (x)|_contained(ys) in ys %}{{ (x)|_contained(z) in z }}{% endfor %}"
        );
    }

    /// A field may be called like a word of the language: `ceph osd dump` has `in`.
    #[test]
    fn a_field_is_no_word_of_the_language() {
        assert_eq!(
            of("osd.in == 1 and x.not < x.set", true),
            "(osd.in)|_comparable(1, false) == 1 and (x.not)|_comparable(x.set, true) < x.set"
        );
        assert_eq!(of("f(if=a < 1)", true), "f(if=(a)|_comparable(1, true) < 1)");
    }

    #[test]
    fn what_cannot_be_guarded_is_an_error() {
        for text in ["< 3", "a <", "a in", "in a", "(not in b)"] {
            assert!(guarded(text, true).is_err(), "{text}");
        }
        for text in ["'", ""] {
            assert_eq!(of(text, true), text);
        }
    }
}
