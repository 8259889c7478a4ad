//! Expressions and templates that are compiled once and evaluated again and again.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use minijinja::{Environment, Expression, Value};

use super::{ENVIRONMENT, ExpressionError, Names, compare, fault, finished, whole};

/// What a text refers to, and what it compiles to.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub names: Names,
    pub compiled: Result<Compiled, ExpressionError>,
}

/// An expression or template that is known to compile. Cheap to clone.
#[derive(Clone)]
pub struct Compiled(Arc<Kind>);

enum Kind {
    Fixed(Value),
    Expression {
        text: String,
        names: Names,
        compiled: Expression<'static, 'static>,
    },
    Template {
        names: Names,
        /// Its one template has no name.
        environment: Box<Environment<'static>>,
    },
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Fixed(value) => write!(f, "Compiled({value:?})"),
            Kind::Expression { text, .. } => write!(f, "Compiled({text})"),
            Kind::Template { .. } => f.write_str("Compiled(template)"),
        }
    }
}

impl Prepared {
    pub(super) fn expression(text: &str) -> Result<Self, ExpressionError> {
        let names = ENVIRONMENT.compile_expression(text).map_err(|error| fault(&error))?.undeclared_variables(true);
        let names = Names::new(names);
        Ok(Self { compiled: Compiled::of_expression(text, names.clone()), names })
    }

    pub(super) fn template(text: &str) -> Result<Self, ExpressionError> {
        let names = ENVIRONMENT.template_from_str(text).map_err(|error| fault(&error))?.undeclared_variables(true);
        let names = Names::new(names);
        Ok(Self { compiled: Compiled::of_template(text, names.clone()), names })
    }

    /// Text in which nothing is to be evaluated.
    pub(super) fn fixed(text: &str) -> Self {
        Self { names: Names::default(), compiled: Ok(Compiled(Arc::new(Kind::Fixed(Value::from(text))))) }
    }
}

impl Compiled {
    /// # Errors
    /// It does not parse. Names of filters are checked by [`super::check_expression`].
    pub fn expression(text: &str) -> Result<Self, ExpressionError> {
        super::expression(text)?.compiled
    }

    /// # Errors
    /// As for [`Compiled::expression`].
    pub fn template(text: &str) -> Result<Self, ExpressionError> {
        super::template(text)?.compiled
    }

    fn of_expression(text: &str, names: Names) -> Result<Self, ExpressionError> {
        let compiled =
            LazyLock::force(&ENVIRONMENT).compile_expression_owned(compare::guarded(text, true)).map_err(|error| fault(&error))?;
        Ok(Self(Arc::new(Kind::Expression { text: text.to_owned(), names, compiled })))
    }

    fn of_template(text: &str, names: Names) -> Result<Self, ExpressionError> {
        if let Some(expression) = whole(text) {
            return Self::of_expression(expression, names);
        }
        let mut environment = ENVIRONMENT.clone();
        environment.add_template_owned("", compare::guarded(text, false)).map_err(|error| fault(&error))?;
        Ok(Self(Arc::new(Kind::Template { names, environment: Box::new(environment) })))
    }

    /// What it refers to.
    pub fn names(&self) -> Option<&Names> {
        match &*self.0 {
            Kind::Fixed(_) => None,
            Kind::Expression { names, .. } | Kind::Template { names, .. } => Some(names),
        }
    }

    /// Whether it is one expression, and no text around it.
    pub(super) fn is_expression(&self) -> bool {
        matches!(&*self.0, Kind::Expression { .. })
    }

    /// As [`super::evaluate`] for an expression and [`super::render`] for a template.
    ///
    /// # Errors
    /// As for those.
    pub fn evaluate(&self, scope: &Value) -> Result<Value, ExpressionError> {
        match &*self.0 {
            Kind::Fixed(value) => Ok(value.clone()),
            Kind::Expression { text, compiled, .. } => finished(text, compiled.eval(scope.clone())),
            Kind::Template { environment, .. } => {
                environment.get_template("").and_then(|template| template.render(scope.clone())).map(Value::from).map_err(|e| fault(&e))
            }
        }
    }

    /// As [`super::evaluate_bool`].
    ///
    /// # Errors
    /// As for that.
    pub fn evaluate_bool(&self, scope: &Value) -> Result<bool, ExpressionError> {
        let value = self.evaluate(scope)?;
        bool::try_from(value.clone())
            .map_err(|_| ExpressionError { message: format!("it must be true or false, and is {} ({value})", value.kind()), at: None })
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::{super::render, Compiled};

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
