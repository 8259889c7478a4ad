//! So many of the items of a loop, or such a part of them.

use super::template::Template;

/// So many of the items of a loop, or such a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Portion {
    Count(u64),
    /// Of all items.
    Percent(u8),
    /// Yields either, when the loop is reached: `3`, or `20%`.
    Template(Template),
}

impl Portion {
    /// What stands in a runbook, or has come of a template: a whole number, or a whole percentage up to 100.
    #[must_use]
    pub(crate) fn of(text: &str) -> Option<Self> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.strip_suffix('%').map(str::trim_end) {
            None if digits(text) => text.parse().ok().map(Self::Count),
            Some(percent) if digits(percent) => percent.parse().ok().filter(|percent| *percent <= 100).map(Self::Percent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Portion;

    #[test]
    fn a_number_or_a_percentage_is_read() {
        for (text, portion) in [
            ("3", Some(Portion::Count(3))),
            ("0%", Some(Portion::Percent(0))),
            ("20 %", Some(Portion::Percent(20))),
            ("100%", Some(Portion::Percent(100))),
        ] {
            assert_eq!(Portion::of(text), portion, "{text}");
        }
        for text in ["", "%", "-1", "+1", "1.5", "101%", "300%", "x", "1 2"] {
            assert_eq!(Portion::of(text), None, "{text}");
        }
    }
}
