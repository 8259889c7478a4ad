//! JSON as real tools print it: with `inf` and `nan`, which JSON does not have, and with numbers of any size.
//!
//! A whole number of up to 128 bits is read as it is. What no number holds becomes a figure: it is shown as it was printed, and
//! compared with nothing.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

use minijinja::{
    Environment, Error, ErrorKind, Value,
    value::{Enumerator, Object, ObjectRepr, ValueKind},
};

/// A figure that no number holds: `inf`, `nan`, `1e999`.
#[derive(Debug)]
struct Figure(String);

impl Object for Figure {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn is_figure(value: &Value) -> bool {
    value.kind() == ValueKind::Plain && value.downcast_object_ref::<Figure>().is_some()
}

/// What stands in JSON outside of texts and is neither a number that is read exactly nor a word of JSON.
fn special(token: &str) -> Option<Value> {
    let bare = token.strip_prefix(['-', '+']).unwrap_or(token);
    if matches!(bare.to_ascii_lowercase().as_str(), "inf" | "infinity" | "nan") {
        return Some(Value::from_object(Figure(token.to_owned())));
    }
    // What is no number of JSON, such as `007`, stays: its reader says what is wrong.
    let digits = token.strip_prefix('-').unwrap_or(token);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || (digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")) {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        if token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() {
            return None;
        }
        let large = token.parse::<i128>().map(Value::from).or_else(|_| token.parse::<u128>().map(Value::from));
        return Some(large.unwrap_or_else(|_| Value::from_object(Figure(token.to_owned()))));
    }
    token.parse::<f64>().ok().filter(|number| number.is_infinite()).map(|_| Value::from_object(Figure(token.to_owned())))
}

/// The text with a placeholder for each special figure, and the figures; `None` if it has none.
fn replaced(text: &str) -> Option<(String, String, Vec<Value>)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(next) = bytes.get(at).copied().filter(|byte| *byte != b'"') {
                    at += 1 + usize::from(next == b'\\');
                }
                at += 1;
            }
            b'-' | b'+' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                let from = at;
                while bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')) {
                    at += 1;
                }
                let token = text.get(from..at).unwrap_or_default();
                // A key is no figure.
                let is_key = text.get(at..).is_some_and(|rest| rest.trim_start().starts_with(':'));
                if let Some(value) = special(token).filter(|_| !is_key) {
                    found.push((from..at, value));
                }
            }
            _ => at += 1,
        }
    }
    if found.is_empty() {
        return None;
    }
    // A text of the output that began so would be taken for a placeholder; one that is spelt with escapes can do no more than
    // name one of the figures that stand there. A text holds fewer marks than it has bytes.
    let mark = (0..=text.len()).map(|n| format!("figure-{n}:")).find(|mark| !text.contains(mark.as_str()))?;
    let mut out = String::with_capacity(text.len() + found.len() * 24);
    let mut from = 0;
    let mut figures = Vec::new();
    for (range, value) in found {
        out.push_str(text.get(from..range.start)?);
        // Writing to a String cannot fail.
        let _ = write!(out, "\"{mark}{}\"", figures.len());
        figures.push(value);
        from = range.end;
    }
    out.push_str(text.get(from..)?);
    Some((out, mark, figures))
}

/// Puts the figures where their placeholders are.
fn put_back(value: Value, mark: &str, figures: &[Value]) -> Value {
    match value.kind() {
        ValueKind::String => {
            let index = value.as_str().and_then(|text| text.strip_prefix(mark)).and_then(|index| index.parse::<usize>().ok());
            index.and_then(|index| figures.get(index).cloned()).unwrap_or(value)
        }
        ValueKind::Seq => match value.try_iter() {
            Ok(items) => Value::from(items.map(|item| put_back(item, mark, figures)).collect::<Vec<_>>()),
            Err(_) => value,
        },
        ValueKind::Map => match value.try_iter() {
            Ok(keys) => Value::from_pairs(keys.map(|key| {
                let item = value.get_item(&key).unwrap_or_default();
                (key, put_back(item, mark, figures))
            })),
            Err(_) => value,
        },
        _ => value,
    }
}

/// What a tool printed before its JSON, if that is all that is wrong: as much of it as an error shows.
fn noise(text: &str) -> Option<String> {
    let starts = text.match_indices('\n').map(|(at, _)| at + 1);
    let json = |at: &usize| text[*at..].starts_with(['{', '[']);
    // Noise has few lines; and looking at each again would take long.
    let at = starts.take(1000).filter(json).take(8).find(|at| read(&text[*at..]).is_ok())?;
    let before = text[..at].trim();
    let shown: String = before.chars().take(60).collect();
    let more = if shown.len() < before.len() { "…" } else { "" };
    Some(format!("{}{more}", serde_json::Value::from(shown)))
}

fn read(text: &str) -> Result<Value, serde_json::Error> {
    match replaced(text) {
        None => serde_json::from_str(text),
        Some((text, mark, figures)) => Ok(put_back(serde_json::from_str(&text)?, &mark, &figures)),
    }
}

/// Reads JSON as tools print it.
///
/// # Errors
/// It is no JSON; the text says what stands before it, if that is what is wrong.
pub(crate) fn read_json(text: &str) -> Result<Value, String> {
    read(text).map_err(|error| match noise(text) {
        Some(noise) => format!("there is other text before the JSON: {noise}"),
        None if text.trim().is_empty() => "it is empty".to_owned(),
        None => error.to_string(),
    })
}

pub(super) fn install(environment: &mut Environment<'_>) {
    let test = |of: fn(&str) -> bool| {
        move |value: &Value| match value.kind() {
            ValueKind::Number => Ok(of(&f64::try_from(value.clone()).unwrap_or_default().to_string().to_ascii_lowercase())),
            _ if is_figure(value) => Ok(of(value.to_string().trim_start_matches(['-', '+']).to_ascii_lowercase().as_str())),
            kind => Err(Error::new(ErrorKind::InvalidOperation, format!("`finite` asks of a number, not of a {kind}"))),
        }
    };
    environment.add_test("finite", test(|text| text.bytes().any(|byte| byte.is_ascii_digit())));
    environment.add_test("nan", test(|text| text == "nan"));
}

#[cfg(test)]
mod tests {
    use minijinja::{Value, context};
    use proptest::prelude::*;

    use super::{
        super::text::{evaluate, render},
        read_json,
    };

    #[test]
    fn figures_of_real_tools_are_read() {
        let value =
            read_json(r#"{"a": inf, "b": [-inf, nan, -nan, NaN, Infinity, 1e999], "c": "inf, nan", "d": "\"inf", "e": 1.5, "f": true}"#)
                .unwrap();
        let scope = context! { v => value };
        let shown = |text: &str| render(text, &scope).unwrap().to_string();
        assert_eq!(
            shown("{{ v.a }} {{ v.b | join(' ') }}|{{ v.c }}|{{ v.d }}|{{ v.e }}"),
            "inf -inf nan -nan NaN Infinity 1e999|inf, nan|\"inf|1.5"
        );
        for text in ["v.a is not finite", "v.e is finite", "v.b[1] is nan", "v.a is not nan", "v.f == true"] {
            assert!(evaluate(text, &scope).unwrap().is_true(), "{text}");
        }
        for text in [
            "v.a > 1",
            "v.a == v.a",
            "v.b[1] != 1",
            "v.a < 'x'",
            "v.b | max",
            "v.b | sort",
            "1 in v.b",
            "v.a in [1]",
            "v.a is gt(1)",
            "v.b | unique | list",
            "[v.a] | difference([1])",
            "v.a | int",
            "v.a | float",
            "v.a + 1",
            "-v.a",
            "v.b | sum",
            "v.a | round",
            "v.a | abs",
            "v.a | size",
            "v.a | human",
            "[v] | selectattr('a', 'gt', 1) | list",
            "v.a | duration",
            "v.c is finite",
            "v.a * 2",
            "[v.a, 1] | min",
        ] {
            let found = evaluate(text, &scope);
            assert!(found.is_err(), "{text}: {found:?}");
        }
    }

    #[test]
    fn numbers_of_any_size_are_told_apart() {
        let value = read_json("[18446744073709551615, 18446744073709551616, 18446744073709551617, -9223372036854775809, 9007199254740993]")
            .unwrap();
        let scope = context! { v => value };
        for text in ["v[1] != v[2]", "v[0] < v[1]", "v[2] - v[1] == 1", "v[3] < 0", "v[4] == 9007199254740993", "v[4] != 9007199254740992"]
        {
            assert!(evaluate(text, &scope).unwrap().is_true(), "{text}");
        }
        let huge = "9".repeat(60);
        let scope = context! { v => read_json(&huge).unwrap() };
        assert_eq!(render("{{ v }}", &scope).unwrap().to_string(), huge);
        assert!(evaluate("v > 1", &scope).is_err());
    }

    #[test]
    fn what_is_no_json_says_why() {
        let error = |text: &str| read_json(text).unwrap_err();
        assert_eq!(error("2026 WARNING: x\n{\"a\": 1}"), "there is other text before the JSON: \"2026 WARNING: x\"");
        assert_eq!(error(" \n"), "it is empty");
        for text in ["{\"a\": informed}", "{a: 1}", "[007]", "[1", "{\"a\": inf inf}", "inf: 1", "{inf: 1}", "[--1]", "[1.2.3]"] {
            assert!(error(text).contains("line 1"), "{text}: {}", error(text));
        }
    }

    proptest! {
        /// What JSON's own reader takes, and holds, is read the same.
        #[test]
        fn plain_json_is_read_as_it_is(text in "[\\[\\]{}:,\" a-z0-9.\\\\-]{0,40}") {
            if let Ok(plain) = serde_json::from_str::<serde_json::Value>(&text) && !text.contains(|c: char| c.is_ascii_digit()) {
                prop_assert_eq!(read_json(&text).unwrap(), Value::from(minijinja::value::Serde(&plain)));
            }
            let _ = read_json(&text);
        }

        #[test]
        fn whole_numbers_are_exact(number in any::<i128>(), other in any::<i128>()) {
            let value = read_json(&format!("[{number}, {other}]")).unwrap();
            let same = evaluate("v[0] == v[1]", &context! { v => value.clone() }).unwrap().is_true();
            prop_assert_eq!(same, number == other);
            prop_assert_eq!(i128::try_from(value.get_item_by_index(0).unwrap()).unwrap(), number);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(inf|nan|-|\\+|\"|\\\\|[0-9]{1,30}|\\{|\\}|:|,|\\[|\\]|é|\n| |figure-0:){0,30}") {
            let _ = read_json(&text);
        }
    }
}
