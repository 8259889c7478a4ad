//! What may be compared with what: text with text, numbers with numbers.
//!
//! Every operator, test and filter that compares asks here first. Text and a number are never compared, not even to find them
//! different; two texts that look like numbers are not put in order; a figure that no number holds (`inf`) is compared with nothing.

use std::{collections::HashSet, sync::LazyLock};

use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters, tests as builtin_tests,
    value::{Rest, ValueKind, ValueOrKwargs},
};
use regex::Regex;

use super::{compare, error::defined, figure::is_figure, limit};
use crate::quantity;

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn show(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(40).collect();
    match value.kind() {
        ValueKind::String => format!("the text {}", serde_json::Value::from(short)),
        ValueKind::Number => format!("the number {short}"),
        _ if is_figure(value) => format!("the figure {short}"),
        kind => format!("a {kind}"),
    }
}

fn apart(left: &Value, right: &Value) -> Error {
    let text = |value: &Value| value.kind() == ValueKind::String;
    let advice = if is_figure(left) || is_figure(right) {
        "; ask first whether it is a number with the test `finite`"
    } else if text(left) || text(right) {
        "; turn the text into a number with `| int` or `| float`"
    } else {
        ""
    };
    refuse(format!("{} cannot be compared with {}{advice}", show(left), show(right)))
}

/// Whether text and a number meet, or a figure meets anything.
fn is_mixed(left: &Value, right: &Value) -> bool {
    match (left.kind(), right.kind()) {
        (ValueKind::String, ValueKind::Number) | (ValueKind::Number, ValueKind::String) => true,
        // Most values are one of these, and lists are long: no figure is text or a number.
        (ValueKind::String, ValueKind::String) | (ValueKind::Number, ValueKind::Number) => false,
        _ => is_figure(left) || is_figure(right),
    }
}

/// Whether text reads as a number, a version, a size or a length of time, which text order puts wrong: "10" before "9".
fn looks_like_a_number(text: &str) -> bool {
    static FIGURE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[-+]?(?:[0-9]+(?:\.[0-9]+)*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*%?$|^0[xX][0-9a-fA-F]+$").ok());
    let text = text.trim();
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+')) || text.len() > 64 {
        return false;
    }
    // Without the expression, text is rather refused than put in a wrong order.
    FIGURE.as_ref().is_none_or(|figure| figure.is_match(text)) || quantity::size(text).is_ok() || quantity::duration(text).is_ok()
}

/// How two values stand to each other.
enum Kinship {
    Same,
    Different,
    /// They would be the same but for these two, which cannot be compared.
    Mixed(Value, Value),
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

fn kinship(left: &Value, right: &Value) -> Result<Kinship, Error> {
    if is_mixed(left, right) {
        return Ok(Kinship::Mixed(left.clone(), right.clone()));
    }
    let same = |same: bool| if same { Kinship::Same } else { Kinship::Different };
    let maps = left.kind() == ValueKind::Map && right.kind() == ValueKind::Map;
    let lists = is_list(left) && is_list(right);
    if !maps && !lists {
        return Ok(same(left == right));
    }
    if left.len() != right.len() {
        return Ok(Kinship::Different);
    }
    limit::look_at(left.len().unwrap_or(1))?;
    let mut mixed = None;
    let pairs: Box<dyn Iterator<Item = Option<(Value, Value)>>> = if maps {
        Box::new(left.try_iter()?.map(|key| {
            let other = right.get_item(&key).ok().filter(|other| !other.is_undefined())?;
            Some((left.get_item(&key).ok()?, other))
        }))
    } else {
        Box::new(left.try_iter()?.zip(right.try_iter()?).map(Some))
    };
    for pair in pairs {
        let Some((one, other)) = pair else { return Ok(Kinship::Different) };
        match kinship(&one, &other)? {
            Kinship::Same => {}
            Kinship::Different => return Ok(Kinship::Different),
            found @ Kinship::Mixed(..) => mixed = mixed.or(Some(found)),
        }
    }
    Ok(mixed.unwrap_or_else(|| same(left == right)))
}

/// Returns `left` if it may be compared with `right`. What is undefined is refused by the comparison itself, which knows the name.
fn comparable(left: Value, right: &Value, orders: bool) -> Result<Value, Error> {
    if left.is_undefined() || right.is_undefined() {
        return Ok(left);
    }
    if !orders {
        return match kinship(&left, right)? {
            Kinship::Mixed(one, other) => Err(apart(&one, &other)),
            _ => Ok(left),
        };
    }
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) => Ok(left),
        (ValueKind::String, ValueKind::String) => {
            in_order(&left, right)?;
            Ok(left)
        }
        _ => Err(apart(&left, right)),
    }
}

/// Whether two texts may be put in order.
fn in_order(left: &Value, right: &Value) -> Result<(), Error> {
    let looks = |value: &Value| value.as_str().is_some_and(looks_like_a_number);
    if left == right || !looks(left) || !looks(right) {
        return Ok(());
    }
    Err(refuse(format!(
        "{} and {} look like numbers, and text order puts \"10\" before \"9\"; use `| int`, `| float`, `| size`, `| duration` or the test \
         `version`",
        show(left),
        show(right)
    )))
}

/// Returns `value` if it may be looked for in `all`.
fn containable(value: Value, all: &Value) -> Result<Value, Error> {
    match all.kind() {
        _ if value.is_undefined() => {}
        ValueKind::String if value.kind() != ValueKind::String => {
            return Err(refuse(format!("{} cannot be looked for in text; use `| string`, or split the text into a list", show(&value))));
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            limit::look_at(all.len().unwrap_or(1))?;
            let plain = matches!(value.kind(), ValueKind::String | ValueKind::Number);
            for item in all.try_iter()? {
                // Whether the two are the same is the test's own to find out.
                if plain && item.kind() == value.kind() {
                    continue;
                }
                if let Kinship::Mixed(one, other) = kinship(&value, &item)? {
                    return Err(apart(&one, &other));
                }
            }
        }
        _ => {}
    }
    Ok(value)
}

/// What values that are compared among one another have in common.
#[derive(Debug, Default)]
struct Family {
    text: Option<Value>,
    /// A text that looks like a number.
    numeric_text: Option<Value>,
    number: Option<Value>,
    figure: Option<Value>,
    /// Neither text nor number.
    other: Option<Value>,
    /// Of lists: their first items, their second ones …
    parts: Vec<Self>,
}

impl Family {
    fn of(values: impl Iterator<Item = Value>, orders: bool) -> Result<Self, Error> {
        let mut family = Self::default();
        for value in values {
            family.take(value, orders)?;
        }
        Ok(family)
    }

    fn take(&mut self, value: Value, orders: bool) -> Result<(), Error> {
        let slot = match value.kind() {
            ValueKind::Undefined => return Ok(()),
            ValueKind::String => &mut self.text,
            ValueKind::Number => &mut self.number,
            _ if is_figure(&value) => &mut self.figure,
            _ => &mut self.other,
        };
        if orders && let (ValueKind::String, Some(text)) = (value.kind(), value.as_str()) {
            if let Some(before) = &self.numeric_text {
                in_order(before, &value)?;
            } else if looks_like_a_number(text) {
                self.numeric_text = Some(value.clone());
            }
        }
        if is_list(&value) {
            for (at, part) in value.try_iter()?.enumerate() {
                limit::look_at(1)?;
                if self.parts.len() <= at {
                    self.parts.push(Self::default());
                }
                if let Some(family) = self.parts.get_mut(at) {
                    family.take(part, orders)?;
                }
            }
        }
        if orders && let Some(before) = slot.as_ref().filter(|before| before.kind() != value.kind()) {
            return Err(apart(before, &value));
        }
        slot.get_or_insert(value);
        Ok(())
    }

    /// The first two that cannot be compared.
    fn mixed<'a>(&'a self, with: &'a Self, orders: bool) -> Option<(&'a Value, &'a Value)> {
        let any = |family: &'a Self| family.text.as_ref().or(family.number.as_ref()).or(family.figure.as_ref()).or(family.other.as_ref());
        let both = |one: &'a Option<Value>, other: &'a Option<Value>| one.as_ref().zip(other.as_ref());
        both(&self.text, &with.number)
            .or_else(|| both(&self.number, &with.text))
            .or_else(|| self.figure.as_ref().zip(any(with)))
            .or_else(|| any(self).zip(with.figure.as_ref()))
            .or_else(|| {
                let plain = |family: &'a Self| family.text.as_ref().or(family.number.as_ref());
                plain(self).zip(with.other.as_ref()).filter(|_| orders)
            })
            .or_else(|| self.parts.iter().zip(&with.parts).find_map(|(one, other)| one.mixed(other, orders)))
    }

    fn agree(&self, with: &Self, orders: bool) -> Result<(), Error> {
        self.mixed(with, orders).map_or(Ok(()), |(one, other)| Err(apart(one, other)))
    }
}

/// Values that are compared among one another.
fn alike(values: impl Iterator<Item = Value>, orders: bool) -> Result<(), Error> {
    let mut values = values.peekable();
    let Some(first) = values.next() else { return Ok(()) };
    // One alone is compared with nothing.
    if values.peek().is_none() {
        return Ok(());
    }
    let family = Family::of(std::iter::once(first).chain(values), orders)?;
    family.agree(&family, orders)
}

fn listed(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            limit::list(value.len().unwrap_or(0))?;
            Ok(value.try_iter()?.collect())
        }
        kind => Err(refuse(format!("expected a list, not a {kind}"))),
    }
}

/// Both lists, of which the items of one may be compared with those of the other.
fn two_lists(left: &Value, right: &Value) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let (left, right) = (listed(left)?, listed(right)?);
    limit::look_at(left.len() + right.len())?;
    Family::of(left.iter().cloned(), false)?.agree(&Family::of(right.iter().cloned(), false)?, false)?;
    Ok((left, right))
}

fn difference(left: &Value, right: &Value) -> Result<Vec<Value>, Error> {
    let (left, right) = two_lists(left, right)?;
    let right: HashSet<Value> = right.into_iter().collect();
    Ok(left.into_iter().filter(|item| !right.contains(item)).collect())
}

fn intersect(left: &Value, right: &Value) -> Result<Vec<Value>, Error> {
    let (left, right) = two_lists(left, right)?;
    let right: HashSet<Value> = right.into_iter().collect();
    Ok(left.into_iter().filter(|item| right.contains(item)).collect())
}

fn union(left: &Value, right: &Value) -> Result<Vec<Value>, Error> {
    let (left, right) = two_lists(left, right)?;
    alike(left.iter().chain(&right).cloned(), false)?;
    let mut seen = HashSet::new();
    Ok(left.into_iter().chain(right).filter(|item| seen.insert(item.clone())).collect())
}

/// What stands at a path such as `spec.nodeName` or `1.name`; undefined where nothing does.
fn at_path(value: &Value, path: &str) -> Value {
    path.split('.').fold(value.clone(), |value, part| {
        let found = part.parse().map_or_else(|_| value.get_attr(part), |index| value.get_item_by_index(index));
        found.unwrap_or(Value::UNDEFINED)
    })
}

/// The argument with this name.
fn named(arguments: &[Value], name: &str) -> Option<Value> {
    let kwargs = arguments.iter().find(|value| value.is_kwargs())?;
    kwargs.get_attr(name).ok().filter(|value| !value.is_undefined())
}

/// Holds the items of a list against one another, or what stands at the `attribute` of each.
fn items_alike(list: &Value, attributes: Option<&Value>, orders: bool) -> Result<(), Error> {
    let Ok(items) = list.try_iter() else { return Ok(()) };
    limit::look_at(list.len().unwrap_or(1))?;
    match attributes {
        None => alike(items, orders),
        Some(attributes) => {
            let items: Vec<Value> = items.collect();
            for attribute in attributes.to_string().split(',').map(str::trim).filter(|attribute| !attribute.is_empty()) {
                alike(items.iter().map(|item| at_path(item, attribute)), orders)?;
            }
            Ok(())
        }
    }
}

fn before_order(arguments: &[Value]) -> Result<(), Error> {
    let Some(list) = arguments.first() else { return Ok(()) };
    items_alike(list, named(arguments, "attribute").as_ref(), true)
}

fn before_unique(arguments: &[Value]) -> Result<(), Error> {
    let Some(list) = arguments.first() else { return Ok(()) };
    items_alike(list, named(arguments, "attribute").as_ref(), false)
}

/// The groups are put in order so that equal ones stand together: texts that look like numbers may be.
fn before_groupby(arguments: &[Value]) -> Result<(), Error> {
    let Some(list) = arguments.first() else { return Ok(()) };
    let attribute = arguments.get(1).filter(|value| !value.is_kwargs()).cloned().or_else(|| named(arguments, "attribute"));
    items_alike(list, attribute.as_ref(), false)
}

fn before_dictsort(arguments: &[Value]) -> Result<(), Error> {
    let Some(map) = arguments.first().filter(|map| map.kind() == ValueKind::Map) else { return Ok(()) };
    let keys: Vec<Value> = map.try_iter()?.collect();
    limit::look_at(keys.len())?;
    if named(arguments, "by").is_some_and(|by| by.as_str() == Some("value")) {
        alike(keys.iter().filter_map(|key| map.get_item(key).ok()), true)
    } else {
        alike(keys.into_iter(), false)
    }
}

/// One of Jinja's own filters, of nothing that is undefined; `before` looks at what it is given.
pub(super) fn guarded_filter(
    environment: &mut Environment<'_>,
    name: &'static str,
    builtin: Value,
    before: fn(&[Value]) -> Result<(), Error>,
) {
    environment.add_filter(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = arguments.into_values();
        defined(&arguments)?;
        before(&arguments)?;
        builtin.call(state, &arguments)
    });
}

/// A test of two values.
fn guarded_test(environment: &mut Environment<'_>, names: &[&'static str], orders: bool, builtin: fn(&Value, &Value) -> bool) {
    for name in names {
        environment.add_test(*name, move |left: Value, right: Value| {
            let left = comparable(left, &right, orders)?;
            Ok::<_, Error>(builtin(&left, &right))
        });
    }
}

fn number(value: &Value) -> Result<(), Error> {
    if value.kind() == ValueKind::Number { Ok(()) } else { Err(refuse(format!("{} is not a number", show(value)))) }
}

pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_filter(compare::GUARD, |left: Value, right: Value, orders: bool| comparable(left, &right, orders));
    environment.add_filter(compare::CONTAINED, |value: Value, all: Value| containable(value, &all));
    environment.add_filter("difference", |left: Value, right: Value| difference(&left, &right));
    environment.add_filter("intersect", |left: Value, right: Value| intersect(&left, &right));
    environment.add_filter("union", |left: Value, right: Value| union(&left, &right));
    guarded_filter(environment, "sort", Value::from_function(filters::sort), before_order);
    guarded_filter(environment, "min", Value::from_function(filters::min), before_order);
    guarded_filter(environment, "max", Value::from_function(filters::max), before_order);
    guarded_filter(environment, "unique", Value::from_function(filters::unique), before_unique);
    guarded_filter(environment, "groupby", Value::from_function(filters::groupby), before_groupby);
    guarded_filter(environment, "dictsort", Value::from_function(filters::dictsort), before_dictsort);
    guarded_test(environment, &["eq", "equalto", "=="], false, builtin_tests::is_eq);
    guarded_test(environment, &["ne", "!="], false, builtin_tests::is_ne);
    guarded_test(environment, &["sameas"], false, builtin_tests::is_sameas);
    guarded_test(environment, &["lt", "lessthan", "<"], true, builtin_tests::is_lt);
    guarded_test(environment, &["le", "<="], true, builtin_tests::is_le);
    guarded_test(environment, &["gt", "greaterthan", ">"], true, builtin_tests::is_gt);
    guarded_test(environment, &["ge", ">="], true, builtin_tests::is_ge);
    environment.add_test("in", |state: &State, value: Value, all: &Value| {
        let value = containable(value, all)?;
        builtin_tests::is_in(state, &value, all)
    });
    environment.add_test("odd", |value: Value| number(&value).map(|()| builtin_tests::is_odd(value)));
    environment.add_test("even", |value: Value| number(&value).map(|()| builtin_tests::is_even(value)));
    environment.add_test("divisibleby", |value: Value, by: Value| {
        number(&value)?;
        number(&by)?;
        Ok::<_, Error>(builtin_tests::is_divisibleby(&value, &by))
    });
}

#[cfg(test)]
mod tests {
    use minijinja::{Value, context};
    use proptest::prelude::*;

    use super::{super::text::evaluate, looks_like_a_number};

    fn scope() -> Value {
        context! {
            n => 5, t => "5", numbers => vec![3, 5], lines => vec!["3", "5"], words => vec!["b", "a"],
            rows => vec![context! { id => 1, name => "x" }, context! { id => 2, name => "y" }],
            mixed => vec![context! { id => 1 }, context! { id => "2" }],
            m => context! { a => 1 },
        }
    }

    /// Each of them came to a value that meant nothing.
    const ACCIDENTS: &[&str] = &[
        "n in lines",
        "t in numbers",
        "n not in lines",
        "n in t",
        "5 in m",
        "n in ['a', 5]",
        "n is in(lines)",
        "n is eq('5')",
        "t is ne(5)",
        "t is gt(1000)",
        "t is sameas(5)",
        "t is odd",
        "t is divisibleby(5)",
        "[n] == [t]",
        "{'a': 1} != {'a': '1'}",
        "lines | select('eq', n) | list",
        "lines | reject('==', n) | list",
        "lines | select('gt', 1000) | list",
        "lines | select('in', numbers) | list",
        "rows | selectattr('id', 'eq', '1') | list",
        "rows | rejectattr('id', 'in', lines) | list",
        "numbers | intersect(lines)",
        "numbers | difference(lines)",
        "numbers | union(lines)",
        "[[1, 'a']] | difference([['1', 'a']])",
        "(numbers + lines) | unique | list",
        "(numbers + lines) | sort",
        "(numbers + lines) | max",
        "mixed | sort(attribute='id')",
        "mixed | min(attribute='id')",
        "mixed | unique(attribute='id') | list",
        "mixed | groupby('id') | list",
        "{'a': 1, 'b': '2'} | dictsort(by='value')",
        "[1, none] | sort",
        "['10', '9'] | sort",
        "['10', '9'] | max",
        "['17.2.10', '17.2.9'] | min",
        "['10GiB', '9GiB'] | sort",
        "'10' < '9'",
        "'10' is lt('9')",
        "'17.10' >= '17.9'",
        "'0x10' > '0x9'",
        "' 10 %' > '9 %'",
    ];

    #[test]
    fn nothing_is_compared_by_accident() {
        for text in ACCIDENTS {
            let found = evaluate(text, &scope());
            assert!(found.is_err(), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_alike_is_compared() {
        for text in [
            "n in numbers",
            "t in lines",
            "'a' in 'abc'",
            "'a' in m",
            "7 not in numbers",
            "[1, 'a'] in [[1, 'a'], [2, 'b']]",
            "(rows | selectattr('id', 'gt', 1) | list | length) == 1",
            "(words | sort | first) == 'a'",
            "([3, 1.5, 2] | max) == 3",
            "([[2, 'a'], [1, 'b']] | sort | first | last) == 'b'",
            "(['2026-01-02', '2026-01-10'] | max) == '2026-01-10'",
            "'2026-01-02T10:00' < '2026-01-10'",
            "(numbers | difference([5])) == [3]",
            "({'10': 1, '9': 2} | dictsort | length) == 2",
            "(rows | sort(attribute='id,name') | length) == 2",
            "(['x', none] | unique | list | length) == 2",
            "(['10'] | sort) == ['10']",
            "none != 'x' and true != none",
            "([] | max | default(0)) == 0",
            "{'a': 1, 'b': 2} != {'a': '1', 'b': 3}",
        ] {
            let found = evaluate(text, &scope());
            assert_eq!(found.as_ref().ok(), Some(&Value::from(true)), "{text}: {found:?}");
        }
    }

    proptest! {
        /// Whatever compares them, a number and a text never come to a value.
        #[test]
        fn text_never_meets_a_number(number in any::<i64>(), text in "\\PC{0,12}", way in prop::sample::select(vec![
            "n == t", "t != n", "n < t", "t >= n", "n in [t]", "t not in [n, 1]", "n in t", "n is eq(t)", "t is ne(n)", "[n] | select('eq', t) | list",
            "[t] | reject('lt', n) | list", "[n, t] | sort", "[t, n] | max", "[n, t] | min", "[n, t] | unique | list", "[n] | difference([t])",
            "[t] | intersect([n])", "[t] | union([n])", "[{'a': n}, {'a': t}] | sort(attribute='a')", "[[n]] == [[t]]", "{'a': n} == {'a': t}",
            "[{'a': n}] | selectattr('a', 'eq', t) | list", "[{'a': n}, {'a': t}] | groupby('a') | list",
        ])) {
            let found = evaluate(way, &context! { n => number, t => text });
            prop_assert!(found.is_err(), "{}", way);
        }

        /// Two different numbers are never put in order as text.
        #[test]
        fn numbers_as_text_have_no_order(one in any::<i32>(), other in any::<i32>()) {
            prop_assume!(one != other);
            let scope = context! { a => one.to_string(), b => other.to_string() };
            for way in ["a < b", "a is ge(b)", "[a, b] | sort", "[a, b] | max", "[a, 'x', b] | min"] {
                prop_assert!(evaluate(way, &scope).is_err(), "{}", way);
            }
        }
    }

    #[test]
    fn what_looks_like_a_number() {
        for text in ["10", "-1.5", ".5", "1e9", "17.2.6", "10 %", "4GiB", "1h30m", "0x1f", " 7 ", "+3"] {
            assert!(looks_like_a_number(text), "{text}");
        }
        for text in ["", "a1", "2026-11-01", "12:30", "1.2f", "-", "osd.3", "10.0.0.1/24", "1 2"] {
            assert!(!looks_like_a_number(text), "{text}");
        }
    }
}
