//! Output that no expression reads: not all of it is there, or it is no text.
//!
//! An error as a value would be too little: some filters look at fields without asking whether they are one, and would take it for
//! a value that is merely another one. So whoever comes upon such an output, by whatever way, makes the whole evaluation fail.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::Arc,
};

use minijinja::{
    Error, ErrorKind, Value,
    value::{Enumerator, Object, ObjectRepr, ValueKind},
};

use super::error::ExpressionError;

thread_local! {
    static EVALUATION: RefCell<Evaluation> = const { RefCell::new(Evaluation::None) };
    /// How often this thread has come upon something that is withheld.
    static MET: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has come upon something that is withheld: whether a failure has to do with that shows a change.
pub(crate) fn times_met() -> u64 {
    MET.get()
}

/// What is evaluated on this thread.
#[derive(Debug)]
enum Evaluation {
    /// Nothing.
    None,
    /// Something that has come upon nothing that is withheld.
    Unmet,
    /// Something that must fail, and why: it has come upon what is withheld.
    Met(String),
}

/// An output that is withheld.
#[derive(Debug)]
struct Withheld {
    why: String,
    /// What a person may see in its place.
    shown: Option<String>,
}

impl Withheld {
    /// Somebody has come upon it: inside an evaluation that fails now, else there is an error in its place.
    fn met(&self) -> Value {
        MET.set(MET.get().wrapping_add(1));
        EVALUATION.with_borrow_mut(|evaluation| match evaluation {
            Evaluation::Unmet => {
                *evaluation = Evaluation::Met(self.why.clone());
                Value::UNDEFINED
            }
            Evaluation::Met(_) => Value::UNDEFINED,
            Evaluation::None => Value::from(Error::new(ErrorKind::InvalidOperation, self.why.clone())),
        })
    }
}

impl Object for Withheld {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.met();
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.met();
        write!(f, "({})", self.why)
    }
}

/// The fields of a result, some of which are withheld.
#[derive(Debug)]
struct WithheldFields(Vec<(&'static str, Value)>);

impl Object for WithheldFields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| looked_at(value))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Value::from(*name)).collect())
    }
}

/// An output that no expression reads, why, and what people may be shown in its place.
#[must_use]
pub(crate) fn withheld(why: String, shown: Option<String>) -> Value {
    Value::from_object(Withheld { why, shown })
}

/// Why this is withheld, if it is.
#[must_use]
pub(crate) fn why_withheld(value: &Value) -> Option<&str> {
    value.downcast_object_ref::<Withheld>().map(|withheld| withheld.why.as_str())
}

/// The result of a command, as expressions see it.
#[must_use]
pub(crate) fn result(fields: Vec<(&'static str, Value)>) -> Value {
    if fields.iter().any(|(_, value)| why_withheld(value).is_some()) {
        Value::from_object(WithheldFields(fields))
    } else {
        Value::from_pairs(fields)
    }
}

/// The fields of a result; of one that another module has made, none.
#[must_use]
pub(crate) fn fields_of(result: &Value, names: &[&'static str]) -> Vec<(&'static str, Value)> {
    if let Some(fields) = result.downcast_object_ref::<WithheldFields>() {
        return fields.0.iter().filter(|(name, _)| names.contains(name)).cloned().collect();
    }
    let field = |name: &&'static str| Some((*name, result.get_attr(name).ok().filter(|value| !value.is_undefined())?));
    names.iter().filter_map(field).collect()
}

/// What an expression gets that asks for this value.
#[must_use]
pub(crate) fn looked_at(value: &Value) -> Value {
    value.downcast_object_ref::<Withheld>().map_or_else(|| value.clone(), Withheld::met)
}

/// The same for people's eyes, who may see what stands for a text; `None` if nothing of it differs.
#[must_use]
pub(crate) fn for_people(value: &Value) -> Option<Value> {
    if let Some(withheld) = value.downcast_object_ref::<Withheld>() {
        return withheld.shown.as_deref().map(Value::from);
    }
    if let Some(WithheldFields(fields)) = value.downcast_object_ref::<WithheldFields>() {
        let seen = fields.iter().map(|(name, value)| (*name, for_people(value).unwrap_or_else(|| value.clone())));
        return Some(result(seen.collect()));
    }
    match value.kind() {
        ValueKind::Seq => {
            let items: Vec<Value> = value.try_iter().ok()?.collect();
            let seen: Vec<Option<Value>> = items.iter().map(for_people).collect();
            seen.iter().any(Option::is_some).then(|| seen.into_iter().zip(items).map(|(seen, item)| seen.unwrap_or(item)).collect())
        }
        ValueKind::Map => {
            let pairs: Vec<(Value, Value)> =
                value.try_iter().ok()?.filter_map(|key| value.get_item(&key).ok().map(|value| (key, value))).collect();
            let seen: Vec<Option<Value>> = pairs.iter().map(|(_, value)| for_people(value)).collect();
            let differs = seen.iter().any(Option::is_some);
            differs.then(|| Value::from_pairs(seen.into_iter().zip(pairs).map(|(seen, (key, value))| (key, seen.unwrap_or(value)))))
        }
        _ => None,
    }
}

/// Puts back what an outer evaluation has come upon.
struct OuterEvaluation(Evaluation);

impl Drop for OuterEvaluation {
    fn drop(&mut self) {
        EVALUATION.replace(std::mem::replace(&mut self.0, Evaluation::None));
    }
}

/// Evaluates something, which fails if it comes upon what is withheld.
pub(super) fn watched<T>(evaluate: impl FnOnce() -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
    let outer = OuterEvaluation(EVALUATION.replace(Evaluation::Unmet));
    let result = evaluate();
    let met = EVALUATION.replace(Evaluation::None);
    drop(outer);
    if let Evaluation::Met(why) = met { Err(ExpressionError::new(why)) } else { result }
}

/// A value as JSON, written by one of `serde_json`'s functions: those alone would write `null` for what is withheld.
///
/// # Errors
/// It holds what is withheld, or cannot be written.
pub(crate) fn json<'v, T>(value: &'v Value, write: impl FnOnce(&'v Value) -> serde_json::Result<T>) -> Result<T, ExpressionError> {
    watched(|| write(value).map_err(|error| ExpressionError::new(error.to_string())))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::{super::text::render, *};

    fn scope(people: bool) -> Value {
        let output = || withheld("not text".to_owned(), Some("a\u{fffd}".to_owned()));
        let one = |name: &'static str| result(vec![("ok", Value::from(true)), ("name", Value::from(name)), ("output", output())]);
        let scope = context! { p => one("p"), q => one("p"), r => context! { results => vec![one("a"), one("b")] } };
        if people { for_people(&scope).unwrap() } else { scope }
    }

    const LOOKS: [&str; 22] = [
        "{{ p.output }}",
        "{{ p.output == 'x' }}",
        "{{ p['output'] != 'x' }}",
        "{{ p.output is defined }}",
        "{{ p.output | default('x') }}",
        "{{ p | tojson }}",
        "{{ p | to_json }}",
        "{{ p == q }}",
        "{{ p | items | list }}",
        "{{ p | dictsort }}",
        "say {{ p }}",
        "say {{ r }}",
        "{% for name, value in p | items %}{{ name }}{% endfor %}",
        "{{ r.results | map(attribute='output') | list }}",
        "{{ r.results | map(attribute='output') }}",
        "{{ r.results | map(attribute='output') | join(',') }}",
        "{{ r.results | selectattr('output') | list }}",
        "{{ r.results | selectattr('output', 'ne', 'x') | list | length }}",
        "{{ r.results | rejectattr('output', 'eq', 'x') | list | length }}",
        "{{ r.results | groupby('output') | list | length }}",
        "{{ r.results | sort(attribute='output') | length }}",
        "{{ r.results | unique(attribute='output') | list | length }}",
    ];

    #[test]
    fn no_expression_reads_it_by_any_way() {
        for text in LOOKS {
            let found = render(text, &scope(false));
            assert_eq!(found.map(|value| value.to_string()).map_err(|error| error.message), Err("not text".to_owned()), "{text}");
        }
        for (text, value) in [
            ("{{ p.ok }}", "True"),
            ("{{ p.ok or p.output == 'x' }}", "True"),
            ("{{ r.results | selectattr('ok') | list | length }}", "2"),
            ("{{ r.results | map(attribute='name') | join(',') }}", "a,b"),
            ("{{ r.results | groupby('name') | list | length }}", "2"),
        ] {
            assert_eq!(render(text, &scope(false)).unwrap().to_string(), value, "{text}");
        }
    }

    #[test]
    fn what_comes_upon_it_elsewhere_gets_an_error() {
        let scope = scope(false);
        let p = scope.get_attr("p").unwrap();
        for held in [&p, &scope] {
            assert!(json(held, serde_json::to_string).is_err() && json(held, serde_json::to_value).is_err());
        }
        assert_eq!(json(&p.get_attr("name").unwrap(), serde_json::to_string).unwrap(), "\"p\"");
        assert_eq!(p.get_attr("output").unwrap().kind(), ValueKind::Invalid);
        assert_eq!(fields_of(&p, &["ok", "output"]).len(), 2);
    }

    #[test]
    fn people_may_see_what_stands_for_it() {
        for text in LOOKS {
            let found = render(text, &scope(true));
            assert!(found.is_ok(), "{text}: {found:?}");
        }
        assert_eq!(render("{{ p.output }}, {{ r.results[1].output }}", &scope(true)).unwrap().as_str(), Some("a\u{fffd}, a\u{fffd}"));
        assert!(for_people(&context! { a => vec![1, 2], b => context! { c => "x" } }).is_none());
        let cut = result(vec![("output", withheld("cut".to_owned(), None))]);
        assert!(render("{{ p.output }}", &context! { p => for_people(&cut).unwrap() }).is_err());
    }
}
