//! Expressions and templates that are compiled once and evaluated again and again.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use minijinja::{Environment, Expression, Value, value::ValueKind};

use super::{
    cache::Cache,
    compare,
    environment::ENVIRONMENT,
    error::{ExpressionError, brief, fault},
    growth, limit,
    name::Names,
    withheld::watched,
};

/// What a text refers to, and what it compiles to.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub names: Names,
    pub compiled: Result<Compiled, ExpressionError>,
}

/// An expression or template that is known to compile. Cheap to clone.
#[derive(Clone)]
pub struct Compiled(Arc<CompiledKind>);

enum CompiledKind {
    Fixed(Value),
    Expression {
        text: String,
        names: Names,
        compiled: Expression<'static, 'static>,
    },
    Template {
        text: String,
        names: Names,
        /// Its one template has no name.
        environment: Box<Environment<'static>>,
    },
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            CompiledKind::Fixed(value) => write!(f, "Compiled({value:?})"),
            CompiledKind::Expression { text, .. } => write!(f, "Compiled({text})"),
            CompiledKind::Template { .. } => f.write_str("Compiled(template)"),
        }
    }
}

impl Prepared {
    pub(super) fn expression(text: &str) -> Result<Self, ExpressionError> {
        growth::short_enough(text, true)?;
        let names = Names::of(text, true)?;
        Ok(Self { compiled: Compiled::of_expression(text, names.clone()), names })
    }

    pub(super) fn template(text: &str) -> Result<Self, ExpressionError> {
        growth::short_enough(text, false)?;
        let names = Names::of(text, false)?;
        Ok(Self { compiled: Compiled::of_template(text, names.clone()), names })
    }

    /// Text in which nothing is to be evaluated.
    pub(super) fn fixed(text: &str) -> Self {
        Self { names: Names::default(), compiled: Ok(Compiled(Arc::new(CompiledKind::Fixed(Value::from(text))))) }
    }
}

impl Compiled {
    /// # Errors
    /// It does not parse. Names of filters are checked by [`super::text::check_expression`].
    pub fn expression(text: &str) -> Result<Self, ExpressionError> {
        expression(text)?.compiled
    }

    /// # Errors
    /// As for [`Compiled::expression`].
    pub fn template(text: &str) -> Result<Self, ExpressionError> {
        template(text)?.compiled
    }

    fn of_expression(text: &str, names: Names) -> Result<Self, ExpressionError> {
        let compiled = LazyLock::force(&ENVIRONMENT)
            .compile_expression_owned(compare::guarded(&growth::guarded(text, true), true)?)
            .map_err(|error| fault(&error))?;
        Ok(Self(Arc::new(CompiledKind::Expression { text: text.to_owned(), names, compiled })))
    }

    fn of_template(text: &str, names: Names) -> Result<Self, ExpressionError> {
        if let Some(expression) = whole(text) {
            return Self::of_expression(expression, names);
        }
        let mut environment = ENVIRONMENT.clone();
        environment.add_template_owned("", compare::guarded(&growth::guarded(text, false), false)?).map_err(|error| fault(&error))?;
        Ok(Self(Arc::new(CompiledKind::Template { text: text.to_owned(), names, environment: Box::new(environment) })))
    }

    /// What it refers to.
    pub fn names(&self) -> Option<&Names> {
        match &*self.0 {
            CompiledKind::Fixed(_) => None,
            CompiledKind::Expression { names, .. } | CompiledKind::Template { names, .. } => Some(names),
        }
    }

    /// Whether it is one expression, and no text around it.
    pub(super) fn is_expression(&self) -> bool {
        matches!(&*self.0, CompiledKind::Expression { .. })
    }

    /// The value of an expression, or of a template; white space around a template that is one expression is not in it yet, see
    /// [`super::text::render_with`].
    ///
    /// # Errors
    /// An undefined name, a filter that refuses its input, or too much work.
    pub fn evaluate(&self, scope: &Value) -> Result<Value, ExpressionError> {
        match &*self.0 {
            CompiledKind::Fixed(value) => Ok(value.clone()),
            CompiledKind::Expression { text, compiled, .. } => {
                watched(|| limit::within(text, || finished(text, compiled.eval(scope.clone()).and_then(limit::bounded))))
            }
            CompiledKind::Template { text, environment, .. } => watched(|| {
                limit::within(text, || {
                    let mut rendered = limit::Rendered::default();
                    let template = environment.get_template("").map_err(|error| fault(&error))?;
                    template.render_captured_to(scope.clone(), &mut rendered).map_err(|error| fault(&error))?;
                    // Only text is written to it.
                    Ok(Value::from(String::from_utf8_lossy(&rendered.0)))
                })
            }),
        }
    }

    /// The value of an expression that must be true or false.
    ///
    /// # Errors
    /// As for [`Self::evaluate`]; also when the value is neither `true` nor `false`: an expectation that yields text is a mistake, not a
    /// yes.
    pub fn evaluate_bool(&self, scope: &Value) -> Result<bool, ExpressionError> {
        let value = self.evaluate(scope)?;
        bool::try_from(value.clone()).map_err(|_| ExpressionError::new(format!("must be true or false, but is {} ({value})", value.kind())))
    }
}

/// Whether the text holds anything to evaluate.
#[must_use]
pub(crate) fn is_dynamic(text: &str) -> bool {
    // Most words of commands have no brace at all.
    text.contains('{') && ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
}

/// The expression inside, if the template is nothing but one.
#[must_use]
pub(crate) fn whole(template: &str) -> Option<&str> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    // `{{ a }} {{ b }}` also begins and ends so, but what is inside is then no expression.
    ENVIRONMENT.compile_expression(inner).is_ok().then_some(inner)
}

/// What an evaluation came to: nothing undefined is ever a value.
pub(super) fn finished(text: &str, result: Result<Value, minijinja::Error>) -> Result<Value, ExpressionError> {
    let value = result.map_err(|error| fault(&error))?;
    if value.is_undefined() {
        return Err(ExpressionError::new(format!("undefined value: `{text}` has no value")));
    }
    if value.kind() == ValueKind::Invalid {
        return Err(ExpressionError::new(value.to_string()));
    }
    // What is still to be gone through is gone through here, where it can fail.
    if value.kind() == ValueKind::Iterable {
        let items: Vec<Value> = value.try_iter().map_err(|error| fault(&error))?.collect();
        return match items.iter().find(|item| item.kind() == ValueKind::Invalid) {
            Some(invalid) => Err(ExpressionError::new(invalid.to_string())),
            None => Ok(Value::from(items)),
        };
    }
    Ok(value)
}

/// A value that must be true or false.
///
/// # Errors
/// It is neither.
pub(crate) fn truth(text: &str, value: Value) -> Result<bool, ExpressionError> {
    match value.kind() {
        ValueKind::Bool => Ok(value.is_true()),
        kind => Err(ExpressionError::new(format!("`{text}` must be true or false, but is {kind} ({})", brief(&value)))),
    }
}

/// More texts than any one runbook has; each takes some 8 KiB. When they are exceeded all is forgotten, and compiled again when it is met.
pub(super) const TEXTS: usize = 1024;

pub(super) static EXPRESSIONS: Cache<Prepared> = Cache::new(TEXTS);

pub(super) static TEMPLATES: Cache<Prepared> = Cache::new(TEXTS);

/// An expression with what it refers to.
///
/// # Errors
/// It does not parse.
pub(crate) fn expression(text: &str) -> Result<Prepared, ExpressionError> {
    EXPRESSIONS.get(text, Prepared::expression)
}

/// A template with what it refers to.
///
/// # Errors
/// It does not parse.
pub(crate) fn template(text: &str) -> Result<Prepared, ExpressionError> {
    if is_dynamic(text) { TEMPLATES.get(text, Prepared::template) } else { Ok(Prepared::fixed(text)) }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::{super::text::render, Compiled};

    #[test]
    fn compiled_once_means_the_same() {
        let scope = context! { l => vec![1, 2], n => 3, t => "x" };
        for text in ["plain", "{{ l }}", "{{ n < 4 }}", "a {{ n }} b", "{{ t }}{{ n }}", "{% for i in l %}{{ i }},{% endfor %}\n"] {
            assert_eq!(Compiled::template(text).unwrap().evaluate(&scope).unwrap(), render(text, &scope).unwrap(), "{text}");
        }
        for text in ["{{ nothing }}", "a {{ nothing }}", "{{ t < 4 }}", "a {{ t < 4 }}"] {
            assert!(Compiled::template(text).unwrap().evaluate(&scope).is_err(), "{text}");
        }
        assert!(Compiled::expression("l[7]").unwrap().evaluate(&scope).is_err());
        assert!(Compiled::expression("n").unwrap().evaluate_bool(&scope).is_err());
        assert!(Compiled::template("{{ a").is_err() && Compiled::expression("a b").is_err());
    }
}
