//! The expression language: Jinja, by minijinja, with undefined names an error.
//!
//! An expression is `a < b`; a template is text with `{{ expressions }}` in it. A template that is one whole expression keeps
//! its value's type, so that a list stays a list.

pub(crate) mod cache;
mod compare;
mod compiled;
mod filter;
pub mod name;

use std::sync::LazyLock;

use minijinja::{
    AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
    value::{Serde, ValueKind},
};

pub use compiled::{Compiled, Prepared};
pub use name::Names;

/// How much work one evaluation may do, in minijinja's instructions: enough for a listing of 100,000 placement groups, and
/// an end for everything else.
const FUEL: u64 = 50_000_000;

/// An expression or template that does not parse, or cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where in the text, in bytes, if it is known.
    pub at: Option<std::ops::Range<usize>>,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(write_value);
    // A random list or a date would make a plan that cannot be repeated.
    environment.remove_global("debug");
    filter::install(&mut environment);
    environment
});

/// A JSON value as the expression language sees it.
#[must_use]
pub fn from_json(value: &serde_json::Value) -> Value {
    Value::from(Serde(value))
}

/// Writes a value into text as YAML and JSON would: `true`, not `True`. What has no text is an error, not a word.
fn write_value(out: &mut minijinja::Output<'_>, state: &mut minijinja::State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.kind() {
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }).map_err(Into::into),
        ValueKind::None => {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, "the value is none, which has no text; use `| default(…, true)`"))
        }
        ValueKind::Undefined => Err(minijinja::Error::from(ErrorKind::UndefinedError)),
        ValueKind::Seq | ValueKind::Map => {
            let text =
                serde_json::to_string(value).map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
            out.write_str(&text).map_err(Into::into)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn fault(error: &minijinja::Error) -> ExpressionError {
    let mut message = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        message = format!("{message}: {inner}");
        source = inner.source();
    }
    ExpressionError { message, at: error.range() }
}

/// Checks that an expression parses, and returns the names it refers to.
///
/// # Errors
/// It does not parse, or calls a filter, test or function that does not exist.
pub fn check_expression(text: &str) -> Result<Names, ExpressionError> {
    cache::CHECKED_EXPRESSIONS.get(text, |text| {
        let names = names_in_expression(text)?;
        name::check_calls(text, true)?;
        Ok(names)
    })
}

/// Checks that a template parses, and returns the names it refers to.
///
/// # Errors
/// As for [`check_expression`].
pub fn check_template(text: &str) -> Result<Names, ExpressionError> {
    if !is_dynamic(text) {
        return Ok(Names::default());
    }
    cache::CHECKED_TEMPLATES.get(text, |text| {
        let names = names_in_template(text)?;
        name::check_calls(text, false)?;
        Ok(names)
    })
}

/// The names that an expression refers to. It has been checked before.
///
/// # Errors
/// It does not parse.
pub fn names_in_expression(text: &str) -> Result<Names, ExpressionError> {
    Ok(expression(text)?.names)
}

/// An expression with what it refers to.
///
/// # Errors
/// It does not parse.
pub fn expression(text: &str) -> Result<Prepared, ExpressionError> {
    cache::EXPRESSIONS.get(text, Prepared::expression)
}

/// A template with what it refers to.
///
/// # Errors
/// It does not parse.
pub fn template(text: &str) -> Result<Prepared, ExpressionError> {
    if is_dynamic(text) { cache::TEMPLATES.get(text, Prepared::template) } else { Ok(Prepared::fixed(text)) }
}

/// The names that a template refers to. It has been checked before.
///
/// # Errors
/// It does not parse.
pub fn names_in_template(text: &str) -> Result<Names, ExpressionError> {
    if !is_dynamic(text) {
        return Ok(Names::default());
    }
    Ok(template(text)?.names)
}

/// Whether the text holds anything to evaluate.
#[must_use]
pub fn is_dynamic(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The expression inside, if the template is nothing but one.
#[must_use]
pub fn whole(template: &str) -> Option<&str> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    // `{{ a }} {{ b }}` also begins and ends so, but what is inside is then no expression.
    ENVIRONMENT.compile_expression(inner).is_ok().then_some(inner)
}

/// Evaluates an expression.
///
/// # Errors
/// An undefined name, a filter that refuses its input, or too much work.
pub fn evaluate(text: &str, scope: &Value) -> Result<Value, ExpressionError> {
    Compiled::expression(text)?.evaluate(scope)
}

/// What an evaluation came to: nothing undefined is ever a value.
fn finished(text: &str, result: Result<Value, minijinja::Error>) -> Result<Value, ExpressionError> {
    let value = result.map_err(|error| fault(&error))?;
    if value.is_undefined() {
        return Err(ExpressionError { message: format!("undefined value: `{text}` has no value"), at: None });
    }
    if value.kind() == ValueKind::Invalid {
        return Err(ExpressionError { message: value.to_string(), at: None });
    }
    Ok(value)
}

/// Evaluates an expression that must be true or false.
///
/// # Errors
/// As for [`evaluate`]; also when the value is neither `true` nor `false`: an expectation that yields text is a mistake, not a yes.
pub fn evaluate_bool(text: &str, scope: &Value) -> Result<bool, ExpressionError> {
    truth(text, evaluate(text, scope)?)
}

/// A value that must be true or false.
///
/// # Errors
/// It is neither.
pub fn truth(text: &str, value: Value) -> Result<bool, ExpressionError> {
    match value.kind() {
        ValueKind::Bool => Ok(value.is_true()),
        kind => Err(ExpressionError { message: format!("`{text}` must be true or false, and is {kind} ({value})"), at: None }),
    }
}

/// Renders a template. One that is a whole expression keeps its value's type; everything else becomes text.
///
/// # Errors
/// As for [`evaluate`].
pub fn render(template: &str, scope: &Value) -> Result<Value, ExpressionError> {
    if !is_dynamic(template) {
        return Ok(Value::from(template));
    }
    render_with(template, &Compiled::template(template)?, scope)
}

/// As [`render`], for one that is compiled.
///
/// # Errors
/// As for that.
pub fn render_with(template: &str, compiled: &Compiled, scope: &Value) -> Result<Value, ExpressionError> {
    let value = compiled.evaluate(scope)?;
    // Around text, white space belongs to the text; around a list or a map it is only how the author wrote it down.
    let trimmed = template.trim();
    match value.as_str() {
        Some(text) if trimmed.len() != template.len() && compiled.is_expression() => Ok(Value::from(template.replacen(trimmed, text, 1))),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_undefined_is_ever_an_answer() {
        let scope = context! { output => context! { a => 1 } };
        for text in [
            "output.b < 5",
            "output.b != 'x'",
            "output.b == none",
            "not output.b",
            "output.b",
            "missing",
            "output.b or true",
            "output.b.c | default(0)",
        ] {
            assert!(evaluate(text, &scope).is_err(), "{text}");
        }
        assert_eq!(evaluate("output.b | default(0)", &scope).unwrap(), Value::from(0));
        assert!(render("x {{ output.b }}", &scope).is_err());
    }

    #[test]
    fn an_expectation_is_true_or_false() {
        let scope = context! { n => 3 };
        assert!(evaluate_bool("n == 3", &scope).unwrap());
        assert!(evaluate_bool("n", &scope).is_err());
        assert!(evaluate_bool("'yes'", &scope).is_err());
    }

    #[test]
    fn text_and_number_are_never_ordered() {
        let scope = context! { lines => vec!["99"], n => 5 };
        assert!(evaluate("lines[0] > 100", &scope).is_err());
        assert!(!evaluate_bool("lines[0] | int > 100", &scope).unwrap());
    }

    #[test]
    fn values_are_written_as_json_writes_them() {
        let scope = context! { yes => true, list => vec!["a"], nothing => () };
        assert_eq!(render("{{ yes }}/{{ list }}", &scope).unwrap().as_str(), Some("true/[\"a\"]"));
        assert!(render("x{{ nothing }}", &scope).is_err());
        assert!(render("x{{ missing }}", &scope).is_err());
    }

    #[test]
    fn whole_expressions_keep_their_type() {
        let scope = context! { l => vec![1, 2], a => "x", b => "y" };
        assert_eq!(render("{{ l }}", &scope).unwrap().len(), Some(2));
        assert_eq!(render("{{ a }}{{ b }}", &scope).unwrap().as_str(), Some("xy"));
        assert_eq!(render("{{ a }} {{ b }}", &scope).unwrap().as_str(), Some("x y"));
        assert_eq!(render("plain", &scope).unwrap().as_str(), Some("plain"));
        assert_eq!(render("{{ a }}\n", &scope).unwrap().as_str(), Some("x\n"));
        assert_eq!(render(" {{ l }}\n", &scope).unwrap().len(), Some(2));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = check_expression(&text);
            let _ = check_template(&text);
            let _ = render(&text, &Value::from(1));
        }

        #[test]
        fn no_expression_makes_it_panic(parts in proptest::collection::vec(prop::sample::select(vec![
            "a", ".b", "[0]", "[-1]", "(", ")", " | ", "int", "duration", "size", "regex_search('a')", "length", " + ", " < ", " in ", "'x'", "1", "99999999999999999999", "~", " if ", " else ", "not ", "[1,2]", "{'k': 1}", "%", "**", "//", "-"]), 0..12)) {
            let text = parts.concat();
            let scope = context! { a => context! { b => vec![1, 2] } };
            let _ = check_expression(&text);
            let _ = evaluate(&text, &scope);
        }
    }
}
