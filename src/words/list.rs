//! Values and rows of them.

use serde_json::Value;

use super::sanitise;

/// A list, cut after so many items.
#[must_use]
pub(crate) fn list(items: &[String], most: usize) -> String {
    let shown: Vec<_> = items.iter().take(most).map(|item| sanitise::line(item)).collect();
    let more = items.len().saturating_sub(most);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// The value of a parameter as a person would write it; a secret is `null` here.
#[must_use]
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "(secret)".to_owned(),
        Value::String(text) => sanitise::line(text).into_owned(),
        Value::Array(items) if items.is_empty() => "(none)".to_owned(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        other => sanitise::line(&other.to_string()).into_owned(),
    }
}

/// `first 1, then 1, then 2`, or `in batches of 2`; long ones are cut. How many of a batch are under way at once is another matter.
#[must_use]
pub(crate) fn batches(sizes: &[usize]) -> String {
    match sizes {
        [] => String::new(),
        [1] => "one at a time".to_owned(),
        [_] => "in one batch".to_owned(),
        [first, rest @ ..] if rest[..rest.len() - 1].iter().all(|size| size == first) && rest[rest.len() - 1] <= *first => {
            if *first == 1 {
                "one at a time".to_owned()
            } else {
                format!("in batches of {first}")
            }
        }
        sizes => {
            let text: Vec<_> = sizes.iter().take(6).map(ToString::to_string).collect();
            let more = if sizes.len() > 6 { format!(" and so on, {} batches", sizes.len()) } else { String::new() };
            format!("first {}{more}", text.join(", then "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_read_well() {
        for (sizes, text) in [
            (&[4][..], "in one batch"),
            (&[1], "one at a time"),
            (&[1, 1, 1], "one at a time"),
            (&[3, 3, 2], "in batches of 3"),
            (&[1, 1, 2], "first 1, then 1, then 2"),
            (&[1, 5], "first 1, then 5"),
        ] {
            assert_eq!(batches(sizes), text);
        }
    }

    #[test]
    fn values_read_well() {
        assert_eq!(value(&serde_json::json!([0, 1, "a\u{1b}b"])), "0, 1, a\\eb");
        assert_eq!(value(&Value::Null), "(secret)");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()], 2), "a, b and 1 more");
    }
}
