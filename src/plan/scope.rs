//! What the names in an expression stand for, and which of them nobody knows yet.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use indexmap::IndexMap;
use minijinja::{
    Value,
    value::{Object, ValueKind},
};

use crate::{
    expression::{self, ExpressionError, Names, Prepared},
    runbook::{
        model::{Expr, Template},
        resolve::variable::VARIABLE_DEPTH,
    },
};

/// A value, or the names that it would take to know it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Evaluated<T> {
    Known(T),
    /// What is not known before the run; never empty.
    Unknown(Vec<String>),
}

impl<T> Evaluated<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Evaluated<U> {
        match self {
            Self::Known(value) => Evaluated::Known(change(value)),
            Self::Unknown(needs) => Evaluated::Unknown(needs),
        }
    }
}

#[derive(Debug, Clone)]
enum Known {
    Value(Value),
    /// Nobody knows it before the run.
    Unknown,
}

/// The names in scope at one point of a run. Cheap to clone: values are shared.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    names: Layers,
    /// Some name may be one that nobody knows yet: in a plan and in a dry run.
    foretells: bool,
    vars: Arc<IndexMap<String, Template>>,
    /// What each variable speaks of in the end, other variables gone through.
    roots: Arc<HashMap<String, BTreeSet<String>>>,
    /// The variables that speak of a name, by where they stand.
    spoken_of: Arc<HashMap<String, Vec<usize>>>,
    /// Checks that failed and left no result: what speaks of one cannot be evaluated.
    failed: Arc<BTreeSet<String>>,
    /// What variables have come to, as many as there are. Shared by scopes in which everything that a variable speaks of is the same.
    known: Arc<Mutex<Vec<Option<Evaluated<Value>>>>>,
}

/// How many names are kept apart before they are laid down with the others.
const APART: usize = 32;

/// Names with what they stand for. Every look of a wait clones them and sets a few anew: those are kept apart, so that the many
/// others are not copied.
#[derive(Debug, Clone, Default)]
struct Layers {
    settled: Arc<BTreeMap<Arc<str>, Known>>,
    /// Each once; they come before those that are settled.
    fresh: Vec<(Arc<str>, Known)>,
}

impl Layers {
    fn get(&self, name: &str) -> Option<(&Arc<str>, &Known)> {
        let fresh = self.fresh.iter().find(|(fresh, _)| **fresh == *name).map(|(name, known)| (name, known));
        fresh.or_else(|| self.settled.get_key_value(name))
    }

    fn insert(&mut self, name: &str, known: Known) {
        if let Some((_, before)) = self.fresh.iter_mut().find(|(fresh, _)| **fresh == *name) {
            *before = known;
            return;
        }
        if self.fresh.len() == APART {
            Arc::make_mut(&mut self.settled).extend(self.fresh.drain(..));
        }
        self.fresh.push((name.into(), known));
    }
}

/// The few names that an expression refers to. A map would be dearer to make than the expression is to evaluate.
#[derive(Debug)]
struct ScopeObject(Vec<(Arc<str>, Value)>);

impl Object for ScopeObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let (_, value) = self.0.iter().find(|(name, _)| **name == *key)?;
        // A loop asks for it in each of its turns: the one place where it can be told that its time is over.
        Some(expression::limit::in_time().map_or_else(Value::from, |()| expression::looked_at(value)))
    }
}

impl Scope {
    /// A scope with nothing in it but variables.
    #[must_use]
    pub(crate) fn new(vars: Arc<IndexMap<String, Template>>) -> Self {
        let mut roots = HashMap::new();
        for name in vars.keys() {
            let mut found = BTreeSet::new();
            roots_of(&vars, name, &mut BTreeSet::new(), &mut found);
            roots.insert(name.clone(), found);
        }
        let mut spoken_of: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, name) in vars.keys().enumerate() {
            for root in roots.get(name).into_iter().flatten() {
                spoken_of.entry(root.clone()).or_default().push(index);
            }
        }
        Self {
            names: Layers::default(),
            foretells: false,
            known: Arc::new(Mutex::new(vec![None; vars.len()])),
            vars,
            roots: Arc::new(roots),
            spoken_of: Arc::new(spoken_of),
            failed: Arc::default(),
        }
    }

    /// Makes a name known.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.forget(name);
        if self.failed.contains(name) {
            Arc::make_mut(&mut self.failed).remove(name);
        }
        self.names.insert(name, Known::Value(value.into()));
    }

    /// Remembers that the check with this name failed and left no result, until the name is set anew.
    pub(crate) fn set_failed(&mut self, name: &str) {
        Arc::make_mut(&mut self.failed).insert(name.to_owned());
    }

    /// Makes it known that nobody knows this before the run.
    pub(crate) fn set_unknown(&mut self, name: &str) {
        self.forget(name);
        self.foretells = true;
        self.names.insert(name, Known::Unknown);
    }

    /// A name changes: what speaks of it is evaluated anew, here and not in the scopes that this one was cloned from.
    fn forget(&mut self, name: &str) {
        let Some(speak_of_it) = self.spoken_of.get(name) else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for variable in speak_of_it {
            known[*variable] = None;
        }
        self.known = Arc::new(Mutex::new(known));
    }

    /// What a name stands for, if that is known.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        match self.names.get(name) {
            Some((_, Known::Value(value))) => Some(value),
            _ => None,
        }
    }

    /// The values of these names, and of the variables among them.
    fn context(&self, names: &Names, depth: usize) -> Result<Evaluated<Value>, ExpressionError> {
        if depth > VARIABLE_DEPTH {
            return Err(ExpressionError::new("variables refer to one another in a circle"));
        }
        let mut needs: Vec<String> = Vec::new();
        let mut found: Vec<(Arc<str>, Value)> = Vec::with_capacity(names.roots().len());
        for root in names.roots().iter().map(String::as_str) {
            if root == "vars" {
                match self.variables(names, depth)? {
                    Evaluated::Known(value) => found.push(("vars".into(), value)),
                    Evaluated::Unknown(more) => needs.extend(more),
                }
                continue;
            }
            match self.names.get(root) {
                Some((name, Known::Value(value))) => found.push((Arc::clone(name), value.clone())),
                Some((_, Known::Unknown)) => {
                    needs.extend(names.iter().filter(|name| name.split('.').next() == Some(root)).map(str::to_owned));
                }
                // Strict minijinja then says that it is undefined, with its place.
                None => {}
            }
        }
        if needs.is_empty() {
            Ok(Evaluated::Known(Value::from_object(ScopeObject(found))))
        } else {
            needs.sort();
            needs.dedup();
            Ok(Evaluated::Unknown(needs))
        }
    }

    /// Where those variables stand that are referred to, in the order of the runbook; all of them if it cannot be told which.
    fn named(&self, names: &Names) -> BTreeSet<usize> {
        match names.variables() {
            Some(named) => named.iter().filter_map(|name| self.vars.get_index_of(name)).collect(),
            None => (0..self.vars.len()).collect(),
        }
    }

    /// Those variables that are referred to.
    fn variables(&self, names: &Names, depth: usize) -> Result<Evaluated<Value>, ExpressionError> {
        let mut needs = Vec::new();
        let mut found = Vec::new();
        for (index, (name, template)) in self.named(names).into_iter().filter_map(|index| Some((index, self.vars.get_index(index)?))) {
            match self.variable(index, name, template, depth)? {
                Evaluated::Known(value) => found.push((name.as_str(), value)),
                Evaluated::Unknown(more) => needs.extend(more),
            }
        }
        Ok(if needs.is_empty() { Evaluated::Known(Value::from_pairs(found)) } else { Evaluated::Unknown(needs) })
    }

    fn variable(&self, index: usize, name: &str, template: &Template, depth: usize) -> Result<Evaluated<Value>, ExpressionError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &known()[index] {
            return Ok(known.clone());
        }
        let value =
            self.render_text(&template.text, depth + 1).map_err(|error| ExpressionError::new(format!("in vars.{name}: {error}")))?;
        known()[index] = Some(value.clone());
        Ok(value)
    }

    fn render_text(&self, text: &str, depth: usize) -> Result<Evaluated<Value>, ExpressionError> {
        if !expression::is_dynamic(text) {
            return Ok(Evaluated::Known(Value::from(text)));
        }
        let Prepared { names, compiled } = expression::template(text)?;
        match self.context(&names, depth)? {
            Evaluated::Known(context) => {
                expression::render_with(text, &compiled?, &context).map(Evaluated::Known).map_err(|error| self.told(&names, error))
            }
            Evaluated::Unknown(needs) => Ok(Evaluated::Unknown(needs)),
        }
    }

    /// The value of a template: one that is a whole expression keeps its type.
    ///
    /// # Errors
    /// It cannot be evaluated, though all names are known.
    pub(crate) fn render(&self, template: &Template) -> Result<Evaluated<Value>, ExpressionError> {
        self.render_text(&template.text, 0)
    }

    /// The text of a template.
    ///
    /// # Errors
    /// As for [`Scope::render`]; also when it yields a list or a map, which has no one text.
    pub(crate) fn text(&self, template: &Template) -> Result<Evaluated<String>, ExpressionError> {
        Ok(match self.render(template)? {
            Evaluated::Known(value) => Evaluated::Known(scalar_text(&value, &template.text)?),
            Evaluated::Unknown(needs) => Evaluated::Unknown(needs),
        })
    }

    /// The text of a template that is only shown to people, who may see what stands for output that is no text.
    ///
    /// # Errors
    /// As for [`Scope::text`].
    pub(crate) fn message(&self, template: &Template) -> Result<Evaluated<String>, ExpressionError> {
        let met = expression::times_met();
        match self.text(template) {
            // Only then is there anything to put in its place, and all that is known is looked through for it.
            Err(error) if expression::times_met() != met => self.for_people().map_or(Err(error), |scope| scope.text(template)),
            text => text,
        }
    }

    /// With what people may see in the place of what no expression reads; `None` if there is nothing of that kind.
    fn for_people(&self) -> Option<Self> {
        let settled = self.names.settled.iter().filter(|(name, _)| self.names.fresh.iter().all(|(fresh, _)| fresh != *name));
        let known = self.names.fresh.iter().map(|(name, known)| (name, known)).chain(settled);
        let seen: Vec<(Arc<str>, Value)> = known
            .filter_map(|(name, known)| match known {
                Known::Value(value) => expression::for_people(value).map(|value| (Arc::clone(name), value)),
                Known::Unknown => None,
            })
            .collect();
        if seen.is_empty() {
            return None;
        }
        let mut scope = self.clone();
        for (name, value) in seen {
            scope.set(&name, value);
        }
        Some(scope)
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// It cannot be evaluated, though all names are known.
    pub(crate) fn evaluate(&self, expr: &Expr) -> Result<Evaluated<Value>, ExpressionError> {
        let Prepared { names, compiled } = expression::expression(&expr.text)?;
        match self.context(&names, 0)? {
            Evaluated::Known(context) => compiled?.evaluate(&context).map(Evaluated::Known).map_err(|error| self.told(&names, error)),
            Evaluated::Unknown(needs) => Ok(Evaluated::Unknown(needs)),
        }
    }

    /// An error, with why a field is undefined where that is known: what was not run has no output.
    fn told(&self, names: &Names, mut error: ExpressionError) -> ExpressionError {
        let fields = names.iter().filter_map(|name| {
            let (root, rest) = name.split_once('.')?;
            Some((root, rest.split('.').next().unwrap_or(rest)))
        });
        for (root, field) in fields {
            let undefined = error.message.ends_with(&format!("`{root}.{field}` is undefined"));
            let ran = self.get(root).and_then(|value| value.get_attr("ran").ok());
            if undefined && ran == Some(Value::from(false)) {
                error.message.extend(["; `", root, "` was not run, so it has no `", field, "`"]);
                break;
            }
        }
        error
    }

    /// What one of these expressions speaks of and nobody knows before the run, once these names are known; nothing if all of it is
    /// known, or it cannot be read.
    #[must_use]
    pub(crate) fn needs_beside<'e>(&self, names: &[&str], exprs: impl IntoIterator<Item = &'e Expr>) -> Option<Vec<String>> {
        if !self.foretells {
            return None;
        }
        let mut then = self.clone();
        for name in names {
            then.set(name, 0);
        }
        exprs.into_iter().find_map(|expr| match then.context(&expression::expression(&expr.text).ok()?.names, 0) {
            Ok(Evaluated::Unknown(needs)) => Some(needs),
            _ => None,
        })
    }

    /// Why an expression has no value: the failed checks that it depends on, else the error.
    #[must_use]
    pub(crate) fn why_no_value(&self, expr: &Expr, error: &ExpressionError) -> String {
        let names = expression::expression(&expr.text).ok().map(|prepared| prepared.names);
        names.and_then(|names| self.failed_in([&names])).unwrap_or_else(|| format!("`{expr}` cannot be evaluated: {error}"))
    }

    /// The failed checks that templates depend on, as a reason why the templates have no value; `None` if there are none.
    #[must_use]
    pub(crate) fn failed_for<'a>(&self, templates: impl IntoIterator<Item = &'a Template>) -> Option<String> {
        if self.failed.is_empty() {
            return None;
        }
        let names: Vec<_> = templates.into_iter().filter_map(|template| expression::names_in_template(&template.text).ok()).collect();
        self.failed_in(&names)
    }

    /// The names that an expression refers to, and those that its variables refer to.
    #[must_use]
    pub(crate) fn all_names(&self, names: &Names) -> BTreeSet<String> {
        let (mut all, mut gone_through) = (BTreeSet::new(), BTreeSet::new());
        let mut left: Vec<Names> = vec![names.clone()];
        while let Some(names) = left.pop() {
            all.extend(names.iter().map(str::to_owned));
            for variable in self.named(&names) {
                if gone_through.insert(variable) {
                    let template = self.vars.get_index(variable).map(|(_, template)| template);
                    left.extend(template.and_then(|template| expression::names_in_template(&template.text).ok()));
                }
            }
        }
        all
    }

    fn failed_in<'a>(&self, names: impl IntoIterator<Item = &'a Names>) -> Option<String> {
        let mut found = BTreeSet::new();
        for names in names {
            found.extend(names.roots().iter().filter(|root| self.failed.contains(*root)));
            for name in names.iter() {
                match name.strip_prefix("vars.").map(|rest| rest.split('.').next().unwrap_or(rest)) {
                    Some(variable) => {
                        found.extend(self.roots.get(variable).into_iter().flatten().filter(|root| self.failed.contains(*root)));
                    }
                    None if name == "vars" => found.extend(self.roots.values().flatten().filter(|root| self.failed.contains(*root))),
                    None => {}
                }
            }
        }
        let found: Vec<_> = found.into_iter().map(|name| format!("`{name}`")).collect();
        (!found.is_empty()).then(|| format!("depends on {}, which failed", found.join(" and ")))
    }

    /// Whether an expression holds.
    ///
    /// # Errors
    /// As for [`Scope::evaluate`]; also when it is neither true nor false.
    pub(crate) fn holds(&self, expr: &Expr) -> Result<Evaluated<bool>, ExpressionError> {
        match self.evaluate(expr)? {
            Evaluated::Known(value) => expression::truth(&expr.text, value).map(Evaluated::Known),
            Evaluated::Unknown(needs) => Ok(Evaluated::Unknown(needs)),
        }
    }
}

/// Adds what a variable speaks of. `seen` are the variables that were gone through.
fn roots_of(vars: &IndexMap<String, Template>, name: &str, seen: &mut BTreeSet<String>, found: &mut BTreeSet<String>) {
    let Some(template) = vars.get(name).filter(|_| seen.insert(name.to_owned())) else { return };
    // What cannot be read is never known either.
    let Ok(names) = expression::names_in_template(&template.text) else { return };
    found.extend(names.roots().iter().filter(|root| *root != "vars").cloned());
    for name in names.iter() {
        match name.strip_prefix("vars.") {
            Some(rest) => roots_of(vars, rest.split('.').next().unwrap_or(rest), seen, found),
            None if name == "vars" => vars.keys().for_each(|every| roots_of(vars, every, seen, found)),
            None => {}
        }
    }
}

/// The text of a value that has one.
///
/// # Errors
/// A list or a map has no one text; `none` is no text either.
pub(crate) fn scalar_text(value: &Value, source: &str) -> Result<String, ExpressionError> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    match value.kind() {
        ValueKind::Number => Ok(value.to_string()),
        // As YAML and JSON write it, and every program that reads flags: not `True`.
        ValueKind::Bool => Ok(value.is_true().to_string()),
        kind => Err(ExpressionError::new(format!("`{source}` must be text or a number here, not a {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;
    use proptest::prelude::*;

    use super::*;

    fn template(text: &str) -> Template {
        Template { text: text.into(), span: crate::runbook::model::Span::default() }
    }

    fn expr(text: &str) -> Expr {
        Expr { text: text.into(), span: crate::runbook::model::Span::default() }
    }

    fn scope() -> Scope {
        let vars = [("all", "{{ dump.output.osds }}"), ("chosen", "{{ params.osds or vars.all }}"), ("loose", "{{ later.output }}")];
        let mut scope = Scope::new(Arc::new(vars.into_iter().map(|(name, text)| (name.to_owned(), template(text))).collect()));
        scope.set("params", context! { osds => Vec::<i32>::new(), name => "a" });
        scope.set("dump", context! { output => context! { osds => vec![1, 2] } });
        scope.set_unknown("later");
        scope
    }

    #[test]
    fn variables_are_evaluated_when_used() {
        assert_eq!(scope().render(&template("{{ vars.chosen }}")).unwrap(), Evaluated::Known(Value::from(vec![1, 2])));
    }

    #[test]
    fn what_a_variable_has_come_to_changes_with_what_it_speaks_of_and_only_there() {
        let mut scope = scope();
        let chosen = |scope: &Scope| scope.render(&template("{{ vars.chosen }}")).unwrap();
        assert_eq!(chosen(&scope), Evaluated::Known(Value::from(vec![1, 2])));
        let mut inner = scope.clone();
        inner.set("dump", context! { output => context! { osds => vec![3] } });
        assert_eq!(chosen(&inner), Evaluated::Known(Value::from(vec![3])));
        assert_eq!(chosen(&scope), Evaluated::Known(Value::from(vec![1, 2])), "the outer one is as it was");
        inner.set("output", "of no matter");
        assert!(Arc::ptr_eq(&inner.known, &inner.clone().known));
        scope.set_unknown("params");
        assert!(matches!(chosen(&scope), Evaluated::Unknown(_)));
    }

    #[test]
    fn one_unknown_name_makes_all_unknown() {
        let scope = scope();
        let unknown = |needs: &str| Evaluated::Unknown(vec![needs.to_owned()]);
        assert_eq!(scope.render(&template("{{ params.name }} {{ later.output.x }}")).unwrap(), unknown("later.output.x"));
        assert_eq!(scope.holds(&expr("true or later.ok")).unwrap(), Evaluated::Unknown(vec!["later.ok".into()]));
        assert_eq!(scope.holds(&expr("params.name == 'a' and later.ok is defined")).unwrap(), Evaluated::Unknown(vec!["later.ok".into()]));
        assert_eq!(scope.render(&template("{{ vars.loose }}")).unwrap(), unknown("later.output"));
        assert_eq!(scope.holds(&expr("(later.output | default('')) == ''")).unwrap(), Evaluated::Unknown(vec!["later.output".into()]));
    }

    #[test]
    fn what_depends_on_a_failed_check_says_so() {
        let why = |scope: &Scope, text: &str| {
            let expr = expr(text);
            let error = scope.holds(&expr).unwrap_err();
            scope.why_no_value(&expr, &error)
        };
        let mut scope = scope();
        scope.set("dump", context! { ran => true, ok => false });
        assert!(why(&scope, "vars.all | length > 0").starts_with("`vars.all | length > 0` cannot be evaluated: "));
        scope.set_failed("dump");
        assert_eq!(why(&scope, "vars.all | length > 0"), "depends on `dump`, which failed");
        assert_eq!(scope.failed_for([&template("{{ vars.all[0] }}")]).as_deref(), Some("depends on `dump`, which failed"));
        assert_eq!(scope.failed_for([&template("{{ params.name }}")]), None);
        scope.set("dump", context! { output => context! { osds => vec![1] } });
        assert_eq!(scope.failed_for([&template("{{ vars.all[0] }}")]), None, "until it is set anew");
    }

    #[test]
    fn a_list_is_no_text() {
        assert!(scope().text(&template("{{ vars.all }}")).is_err());
        assert_eq!(scope().text(&template("osd.{{ vars.all[0] }}")).unwrap(), Evaluated::Known("osd.1".to_owned()));
    }

    proptest! {
        #[test]
        fn an_unknown_name_never_becomes_a_value(tail in prop::sample::select(vec!["", " | default('x')", " is defined", " or true", " and false", " ~ 'a'", " | length", " == 1"])) {
            let evaluated = scope().evaluate(&expr(&format!("later.output{tail}")));
            prop_assert!(matches!(evaluated, Ok(Evaluated::Unknown(_))), "{evaluated:?}");
        }
    }
}
