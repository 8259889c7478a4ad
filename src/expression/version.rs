//! Versions, compared like those of Ansible's `version`: `'17.2.6' is version('17.2', '>=')`.

use std::cmp::Ordering;

use minijinja::{Environment, Error, ErrorKind, Value, value::ValueKind};

use super::error::brief;

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// `v17.2.6-1~bpo12`: the numbers at its beginning, and what follows them.
struct Version {
    numbers: Vec<u64>,
    rest: String,
}

impl Version {
    fn read(value: &Value) -> Result<Self, Error> {
        let whole = value.kind() == ValueKind::Number && value.is_integer();
        if value.kind() == ValueKind::Number && !whole {
            return Err(refuse(format!(
                "a version is text, not a number: quote it, since {} may have been written with more digits",
                brief(value)
            )));
        }
        let none = || refuse(format!("`{}` is not a version, such as 17.2.6", brief(value)));
        if value.kind() != ValueKind::String && !whole {
            return Err(none());
        }
        let text = value.to_string();
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut numbers = Vec::new();
        let mut rest = text;
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let Some(number) = rest.get(..end).filter(|digits| !digits.is_empty()) else { return Err(none()) };
            numbers.push(number.parse().map_err(|_| none())?);
            rest = rest.get(end..).unwrap_or_default();
            match rest.strip_prefix('.').filter(|next| next.starts_with(|c: char| c.is_ascii_digit())) {
                Some(next) => rest = next,
                None => break,
            }
        }
        // 17.2 is 17.2.0.
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        Ok(Self { numbers, rest: rest.to_owned() })
    }

    /// Whether `-rc1` comes before or behind the version without it, one scheme says so and another the opposite.
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match self.numbers.cmp(&other.numbers) {
            Ordering::Equal if self.rest == other.rest => Some(Ordering::Equal),
            Ordering::Equal => None,
            decided => Some(decided),
        }
    }
}

fn is_version(value: &Value, other: &Value, operator: Option<&str>) -> Result<bool, Error> {
    let holds: fn(Ordering) -> bool = match operator.unwrap_or("==") {
        "<" | "lt" => Ordering::is_lt,
        "<=" | "le" => Ordering::is_le,
        ">" | "gt" => Ordering::is_gt,
        ">=" | "ge" => Ordering::is_ge,
        "==" | "=" | "eq" => Ordering::is_eq,
        "!=" | "<>" | "ne" => Ordering::is_ne,
        other => return Err(refuse(format!("`version`: unknown operator `{}`; use <, <=, >, >=, == or !=", brief(&Value::from(other))))),
    };
    let order = Version::read(value)?.compare(&Version::read(other)?);
    order.map(holds).ok_or_else(|| {
        refuse(format!(
            "the versions `{}` and `{}` differ only in what follows their numbers, and have no order",
            brief(value),
            brief(other)
        ))
    })
}

pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_test("version", |value: Value, other: Value, operator: Option<String>| is_version(&value, &other, operator.as_deref()));
}

#[cfg(test)]
mod tests {
    use minijinja::{Value, context};
    use proptest::prelude::*;

    use super::super::text::evaluate;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for text in [
            "'17.2.6' is version('17.2', '>=')",
            "'17.10' is version('17.9', '>')",
            "'17.2' is version('17.2.0', '==')",
            "'v1.29.3' is version('1.29', 'ge')",
            "'17.2.6-1~bpo12+1' is version('18', '<')",
            "'18.2.4' is not version('18.2.5', '>=')",
            "'18.2.4-rc1' is version('18.2.4-rc1')",
            "18 is version('17.9', '>')",
            "(['16.2', '17.2.1'] | select('version', '17', '>=') | list) == ['17.2.1']",
        ] {
            assert!(evaluate(text, &Value::UNDEFINED).unwrap().is_true(), "{text}");
        }
        for text in [
            "17.2 is version('17.2', '>=')",
            "'x' is version('1', '>')",
            "'' is version('1', '>')",
            "'1' is version('1', '~')",
            "'1.0-rc1' is version('1.0', '>=')",
            "none is version('1')",
            "'99999999999999999999' is version('1', '>')",
        ] {
            assert!(evaluate(text, &Value::UNDEFINED).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_numbers(a in proptest::collection::vec(0_u32..30, 1..4), b in proptest::collection::vec(0_u32..30, 1..4)) {
            let text = |parts: &[u32]| parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let padded = |parts: &[u32]| { let mut all = parts.to_vec(); all.resize(4, 0); all };
            let less = evaluate("a is version(b, '<')", &context! { a => text(&a), b => text(&b) }).unwrap().is_true();
            prop_assert_eq!(less, padded(&a) < padded(&b));
        }
    }
}
