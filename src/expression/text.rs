//! Expressions and templates: checked, compiled once, evaluated.

use minijinja::Value;

use super::{
    cache::Cache,
    compiled::{Compiled, TEXTS, expression, is_dynamic, template},
    error::ExpressionError,
    name::{self, Names},
};

/// Those of which it is known that everything they call exists.
pub(super) static CHECKED_EXPRESSIONS: Cache<Names> = Cache::new(TEXTS);

pub(super) static CHECKED_TEMPLATES: Cache<Names> = Cache::new(TEXTS);

/// Checks that an expression parses, and returns the names it refers to.
///
/// # Errors
/// It does not parse, or calls a filter, test or function that does not exist.
pub(crate) fn check_expression(text: &str) -> Result<Names, ExpressionError> {
    CHECKED_EXPRESSIONS.get(text, |text| {
        let names = names_in_expression(text)?;
        name::check_calls(text, true)?;
        Ok(names)
    })
}

/// Checks that a template parses, and returns the names it refers to.
///
/// # Errors
/// As for [`check_expression`].
pub(crate) fn check_template(text: &str) -> Result<Names, ExpressionError> {
    if !is_dynamic(text) {
        return Ok(Names::default());
    }
    CHECKED_TEMPLATES.get(text, |text| {
        name::no_comment(text)?;
        let names = names_in_template(text)?;
        name::check_calls(text, false)?;
        Ok(names)
    })
}

/// The names that an expression refers to. It has been checked before.
///
/// # Errors
/// It does not parse.
pub(crate) fn names_in_expression(text: &str) -> Result<Names, ExpressionError> {
    Ok(expression(text)?.names)
}

/// The names that a template refers to. It has been checked before.
///
/// # Errors
/// It does not parse.
pub(crate) fn names_in_template(text: &str) -> Result<Names, ExpressionError> {
    if !is_dynamic(text) {
        return Ok(Names::default());
    }
    Ok(template(text)?.names)
}

/// An expression that is evaluated once, for tests.
#[cfg(test)]
pub(crate) fn evaluate(text: &str, scope: &Value) -> Result<Value, ExpressionError> {
    Compiled::expression(text)?.evaluate(scope)
}

/// An expectation that is evaluated once, for tests.
#[cfg(test)]
pub(crate) fn evaluate_bool(text: &str, scope: &Value) -> Result<bool, ExpressionError> {
    super::compiled::truth(text, evaluate(text, scope)?)
}

/// A template that is rendered once, for tests.
#[cfg(test)]
pub(crate) fn render(template: &str, scope: &Value) -> Result<Value, ExpressionError> {
    if !is_dynamic(template) {
        return Ok(Value::from(template));
    }
    render_with(template, &Compiled::template(template)?, scope)
}

/// Renders a template. One that is a whole expression keeps its value's type; everything else becomes text.
///
/// # Errors
/// As for [`Compiled::evaluate`].
pub(crate) fn render_with(template: &str, compiled: &Compiled, scope: &Value) -> Result<Value, ExpressionError> {
    let value = compiled.evaluate(scope)?;
    // Around text, white space belongs to the text; around a list or a map it is only how the author wrote it down.
    let trimmed = template.trim();
    match value.as_str() {
        Some(text) if trimmed.len() != template.len() && compiled.is_expression() => Ok(Value::from(template.replacen(trimmed, text, 1))),
        _ => Ok(value),
    }
}
