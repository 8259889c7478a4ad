//! Figures as a person reads them: `4.5 GiB`, `12,345,678`, `1h 12m`.

use std::time::Duration;

use minijinja::{Environment, Error, ErrorKind, Value, value::ValueKind};

use super::error::brief;
use crate::quantity;

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn count(value: &Value) -> String {
    let text = value.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    match digits.split_once('.') {
        Some((whole, "0")) if whole.bytes().all(|byte| byte.is_ascii_digit()) => format!("{sign}{}", grouped(whole)),
        Some((whole, part)) if whole.bytes().all(|byte| byte.is_ascii_digit()) => format!("{sign}{}.{part}", grouped(whole)),
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => format!("{sign}{}", grouped(digits)),
        _ => text,
    }
}

fn size(bytes: f64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut figure = bytes;
    let mut unit = 0;
    // What would be shown as 1024 of a unit is 1 of the next.
    while (figure * 10.0).round() >= 10240.0 && unit + 1 < UNITS.len() {
        figure /= 1024.0;
        unit += 1;
    }
    let shown = format!("{figure:.1}");
    format!("{} {}", shown.strip_suffix(".0").unwrap_or(&shown), UNITS.get(unit).copied().unwrap_or_default())
}

fn human(value: &Value, kind: Option<&str>) -> Result<String, Error> {
    let number = f64::try_from(value.clone()).ok().filter(|number| value.kind() == ValueKind::Number && number.is_finite());
    let Some(number) = number else { return Err(refuse(format!("`human`: `{}` is not a number", brief(value)))) };
    match kind.unwrap_or("count") {
        "count" => Ok(count(value)),
        "size" if number >= 0.0 => Ok(size(number)),
        "time" => Duration::try_from_secs_f64(number)
            .map(quantity::show_duration)
            .map_err(|_| refuse(format!("`human`: `{}` is not a length of time in seconds", brief(value)))),
        "size" => Err(refuse(format!("`human`: `{}` is not a size in bytes", brief(value)))),
        other => Err(refuse(format!("`human`: unknown kind `{}`; use 'size', 'count' or 'time'", brief(&Value::from(other))))),
    }
}

pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_filter("human", |value: Value, kind: Option<String>| human(&value, kind.as_deref()));
}

#[cfg(test)]
mod tests {
    use minijinja::Value;
    use proptest::prelude::*;

    use super::super::text::evaluate;

    #[test]
    fn figures_read_well() {
        for (text, shown) in [
            ("12345678 | human", "12,345,678"),
            ("-1234 | human", "-1,234"),
            ("999 | human('count')", "999"),
            ("1234.5 | human", "1,234.5"),
            ("2000.0 | human", "2,000"),
            ("0 | human('size')", "0 B"),
            ("1023 | human('size')", "1023 B"),
            ("1536 | human('size')", "1.5 KiB"),
            ("1048575 | human('size')", "1 MiB"),
            ("'4GiB' | size | human('size')", "4 GiB"),
            ("4320 | human('time')", "1h 12m"),
            ("0.35 | human('time')", "350ms"),
            ("'90m' | duration | human('time')", "1h 30m"),
        ] {
            assert_eq!(evaluate(text, &Value::UNDEFINED).unwrap().as_str(), Some(shown), "{text}");
        }
        for text in ["'5' | human", "none | human", "5 | human('miles')", "-1 | human('time')", "-1 | human('size')", "true | human"] {
            assert!(evaluate(text, &Value::UNDEFINED).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_count_keeps_its_digits(number in any::<i64>()) {
            let shown = super::human(&Value::from(number), None).unwrap();
            prop_assert_eq!(shown.replace(',', ""), number.to_string());
        }

        #[test]
        fn a_size_is_less_than_the_next_unit(bytes in 0.0..1e18_f64) {
            let shown = super::size(bytes);
            prop_assert!(shown.split(' ').next().unwrap().parse::<f64>().unwrap() < 1024.0, "{}", shown);
        }
    }
}
