//! How much one evaluation may make and compare, and how long it may take.
//!
//! minijinja's fuel counts instructions, and one filter is one instruction, however much it makes. So whatever can make more than
//! it is given says beforehand how much, and is refused beyond the limit.

use std::{
    cell::{Cell, RefCell},
    io,
    time::{Duration, Instant},
};

use minijinja::{Error, ErrorKind, Value, value::ValueKind};

use super::error::{ExpressionError, brief};

/// How much work one evaluation may do, in minijinja's instructions: enough for a listing of 100,000 placement groups. A filter is
/// one of them, whatever it makes.
pub(crate) const FUEL: u64 = 50_000_000;
/// The longest text that an expression may come to, in bytes: as much as is read of a command's output.
pub(crate) const LONGEST_TEXT: usize = 8 << 20;
/// The longest list that an expression may come to.
pub(crate) const LONGEST_LIST: usize = 1 << 20;
/// What one evaluation may make in all, in bytes.
const MADE: usize = 64 << 20;
/// How many items one evaluation may look at inside filters and tests.
const LOOKED_AT: usize = 200_000_000;
/// How long one evaluation may take.
const TIME: Duration = Duration::from_secs(10);

/// What is left of the limits.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    made: usize,
    looked_at: usize,
    /// When its time is over; known once the clock was looked at.
    until: Option<Instant>,
}

impl Allowance {
    const fn new() -> Self {
        Self { made: MADE, looked_at: LOOKED_AT, until: None }
    }
}

/// Whether the time of the evaluation is over. Most ask a few times and are over at once, so the clock is looked at now and then.
fn is_late() -> bool {
    let asked = ASKED.get().wrapping_add(1);
    ASKED.set(asked);
    if !asked.is_multiple_of(ASKED_BETWEEN) {
        return false;
    }
    let Some(mut left) = LEFT.get() else { return false };
    let now = Instant::now();
    let until = *left.until.get_or_insert_with(|| now + TIME);
    LEFT.set(Some(left));
    now > until
}

/// How often it is asked whether there is time left between two looks at the clock.
const ASKED_BETWEEN: u32 = 64;

thread_local! {
    /// Of the evaluation that is under way in this thread.
    static LEFT: Cell<Option<Allowance>> = const { Cell::new(None) };
    /// How often it was asked whether there is time left.
    static ASKED: Cell<u32> = const { Cell::new(0) };
    /// Which limit that evaluation has exceeded.
    static EXCEEDED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The error of an evaluation that goes beyond a limit; `what` begins with "it".
pub(super) fn exceeded(what: String) -> Error {
    EXCEEDED.with(|exceeded| exceeded.borrow_mut().get_or_insert_with(|| what.clone()).clone_from(&what));
    Error::new(ErrorKind::InvalidOperation, what)
}

fn spend(take: impl FnOnce(&mut Allowance) -> Result<(), String>) -> Result<(), Error> {
    let mut left = LEFT.get().unwrap_or_else(Allowance::new);
    take(&mut left).map_err(exceeded)?;
    LEFT.set(Some(left));
    in_time()
}

fn too_late() -> Error {
    exceeded(format!("it takes longer than {} s", TIME.as_secs()))
}

fn too_long_a_text() -> String {
    format!("it makes a text longer than {} MiB", LONGEST_TEXT >> 20)
}

fn too_long_a_list() -> Error {
    exceeded(format!("it makes a list of more than {LONGEST_LIST} items"))
}

/// So many bytes are about to be made, or were.
pub(super) fn make(bytes: usize) -> Result<(), Error> {
    spend(|left| {
        if bytes > LONGEST_TEXT {
            return Err(too_long_a_text());
        }
        left.made = left.made.checked_sub(bytes).ok_or_else(|| format!("it makes more than {} MiB in all", MADE >> 20))?;
        Ok(())
    })
}

/// So many items are about to be put into a list, or were.
pub(super) fn list(items: usize) -> Result<(), Error> {
    if items > LONGEST_LIST {
        return Err(too_long_a_list());
    }
    make(items.saturating_mul(size_of::<Value>()).min(LONGEST_TEXT))
}

/// So many items are about to be looked at.
pub(super) fn look_at(items: usize) -> Result<(), Error> {
    spend(|left| {
        left.looked_at = left.looked_at.checked_sub(items).ok_or_else(|| format!("it compares more than {LOOKED_AT} items"))?;
        Ok(())
    })
}

/// Whether there is time left: asked wherever an evaluation asks for something.
pub(crate) fn in_time() -> Result<(), Error> {
    if is_late() { Err(too_late()) } else { Ok(()) }
}

/// A value that was made: what it is and how much of it there is counts.
pub(super) fn made(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Bytes => make(value.len().max(value.as_str().map(str::len)).unwrap_or(0))?,
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => list(value.len().unwrap_or(0))?,
        _ => {}
    }
    Ok(value)
}

/// The value of a whole expression, which is never larger than what is kept.
pub(super) fn bounded(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String if value.as_str().is_some_and(|text| text.len() > LONGEST_TEXT) => Err(exceeded(too_long_a_text())),
        ValueKind::Seq | ValueKind::Map if value.len().is_some_and(|items| items > LONGEST_LIST) => Err(too_long_a_list()),
        _ => Ok(value),
    }
}

/// Refuses a text that is repeated so often that nobody could want it.
pub(super) fn repeated(left: Value, right: &Value) -> Result<Value, Error> {
    let count = |value: &Value| usize::try_from(value.clone()).ok();
    for (thing, times) in [(&left, right), (right, &left)] {
        let Some(times) = count(times).filter(|_| thing.kind() != ValueKind::Number) else { continue };
        match thing.kind() {
            ValueKind::String => make(thing.as_str().map_or(0, str::len).saturating_mul(times))?,
            ValueKind::Seq | ValueKind::Iterable => list(thing.len().unwrap_or(0).saturating_mul(times))?,
            _ => {}
        }
    }
    Ok(left)
}

/// Evaluates within the limits; an error about one of them names the expression.
pub(super) fn within<T>(text: &str, evaluate: impl FnOnce() -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
    let outer = LEFT.replace(Some(Allowance::new()));
    EXCEEDED.with(|exceeded| exceeded.borrow_mut().take());
    let result = evaluate();
    LEFT.set(outer);
    let what = EXCEEDED.with(|exceeded| exceeded.borrow_mut().take());
    let fuel = |error: &ExpressionError| {
        let out = error.message.starts_with(&ErrorKind::OutOfFuel.to_string());
        out.then(|| format!("it takes more than {FUEL} instructions"))
    };
    let what = what.or_else(|| result.as_ref().err().and_then(fuel));
    match (result, what) {
        (Err(error), Some(what)) => Err(ExpressionError {
            message: format!("too much for one expression: {what}: `{}`", brief(&Value::from(text.trim()))),
            ..error
        }),
        (result, _) => result,
    }
}

/// Where a template is rendered to.
#[derive(Debug, Default)]
pub(super) struct Rendered(pub Vec<u8>);

impl io::Write for Rendered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_TEXT {
            return Err(io::Error::other(exceeded(too_long_a_text())));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a value is larger than anything that is kept: texts are too long in all, or there are too many items.
#[must_use]
pub(crate) fn is_too_large(value: &Value) -> bool {
    fn count(value: &Value, bytes: &mut usize, items: &mut usize) -> bool {
        *items += 1;
        *bytes += value.as_str().map_or(0, str::len);
        if *items > LONGEST_LIST / 8 || *bytes > LONGEST_TEXT {
            return true;
        }
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => value.try_iter().is_ok_and(|mut all| all.any(|item| count(&item, bytes, items))),
            ValueKind::Map => {
                value.try_iter().is_ok_and(|mut keys| keys.any(|key| value.get_item(&key).is_ok_and(|item| count(&item, bytes, items))))
            }
            _ => false,
        }
    }
    count(value, &mut 0, &mut 0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use minijinja::{Value, context};

    use super::super::{Compiled, check_template, text::evaluate};
    use crate::expression::from_json;

    /// Each of them made gigabytes, or took minutes.
    const BOMBS: &[&str] = &[
        "('x' * 90000000) * 1000",
        "t * 100000000",
        "100000000 * t",
        "[1] * 90000000",
        "big ~ big ~ big",
        "(big ~ 'x') ~ (big ~ 'x')",
        "big + big",
        "big | replace('x', big)",
        "big | replace('', 'xxxxxxxxxx')",
        "'a\nb\nc' | indent(1000000000)",
        "lines | join('\n') | indent(width=100000)",
        "'%1000000000d' | format(1)",
        "'%*d' | format(1000000000, 1)",
        "'%.1000000000f' | format(1.5)",
        "'%s%s%s%s' | format(big, big, big, big)",
        "[1] | slice(1000000000) | list",
        "[1] | slice(1000000000, 1) | list",
        "[1] | batch(1000000000, 1) | list",
        "lines | join(big)",
        "big | regex_replace('x', big)",
        "big | regex_replace('x', 'yyyyyyyyyy')",
        "quotes | tojson | tojson | tojson | tojson | tojson",
        "quotes | pprint | pprint | pprint | pprint | pprint | pprint",
        "many | select('in', many) | list | length",
    ];

    fn scope() -> Value {
        let many: Vec<u64> = (0..100_000).collect();
        let lines: Vec<String> = (0..100_000).map(|line| format!("line {line}")).collect();
        context! { t => "text", big => "x".repeat(7 << 20), quotes => "\"\\".repeat(1 << 20), many => many, lines => lines }
    }

    #[test]
    fn what_makes_too_much_or_takes_too_long_is_an_error_that_names_it() {
        let scope = scope();
        for bomb in BOMBS {
            let began = Instant::now();
            let error = evaluate(bomb, &scope).map(|value| value.len()).expect_err(bomb).to_string();
            assert!(error.contains("too much for one expression: it ") && error.contains(bomb.get(..2).unwrap_or(bomb)), "{bomb}: {error}");
            assert!(began.elapsed().as_secs() < 20, "{bomb} took {:?}", began.elapsed());
        }
        for bomb in [
            "{% for a in many %}{% for b in many %}some text that stands there{% endfor %}{% endfor %}",
            "{% for a in many %}{{ big }}{% endfor %}",
            "{% set x = t %}{% for a in range(60) %}{% set x = x ~ x %}{% endfor %}{% for a in many %}{{ big ~ a }}{% endfor %}",
            "{% for a in many %}{% for b in many %}{% if a == -1 %}{% endif %}{% endfor %}{% endfor %}",
        ] {
            let error = Compiled::template(bomb).unwrap().evaluate(&scope).expect_err(bomb).to_string();
            assert!(error.contains("too much for one expression: it "), "{bomb}: {error}");
        }
    }

    #[test]
    fn what_is_large_and_honest_has_a_value() {
        let scope = scope();
        let value = |text: &str| evaluate(text, &scope).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value("many | difference(many | batch(1) | map('first') | list) | length"), Value::from(0));
        assert_eq!(value("(many | union(many)) | length"), Value::from(100_000));
        assert_eq!(value("many | intersect([5, 7, 200000]) | length"), Value::from(2));
        assert_eq!(value("lines | join(', ') | length > 1000000"), Value::from(true));
        assert_eq!(value("(lines | join('\n') | indent(4)) | length > 1000000"), Value::from(true));
        assert_eq!(value("'-' * 20 ~ t + '!' ~ 2 * 3"), Value::from("--------------------text!6"));
        assert_eq!(value("1 + 2 * 3 - -4 + many[0] ** 2"), Value::from(11));
        assert_eq!(value("([1] + [2] * 2) | length"), Value::from(3));
    }

    #[test]
    fn a_value_that_grows_is_found_too_large() {
        assert!(!super::is_too_large(&from_json(&serde_json::json!({"a": [1, 2, {"b": "x"}]}))));
        assert!(super::is_too_large(&Value::from("x".repeat((8 << 20) + 1))));
        assert!(super::is_too_large(&Value::from(vec![0; 200_000])));
    }

    #[test]
    fn statements_that_gather_text_unseen_are_refused() {
        for text in ["{% set x %}a{% endset %}{{ x }}", "{% macro m() %}a{% endmacro %}", "{% filter upper %}a{% endfilter %}"] {
            assert!(check_template(text).unwrap_err().to_string().contains("is not allowed"), "{text}");
        }
        check_template("{% set x = 1 %}{% for a in range(3) %}{{ a + x }}{% endfor %}").unwrap();
    }
}
