//! Names that can only be made well-formed.

use std::{borrow::Borrow, fmt, sync::Arc};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a valid name for {what}: use {rule}")]
pub struct BadName {
    pub name: String,
    pub what: &'static str,
    pub rule: &'static str,
}

/// Names with a meaning of their own in expressions.
pub(crate) const RESERVED: &[&str] = &[
    "params",
    "vars",
    "run",
    "inventory",
    "output",
    "code",
    "stdout",
    "stderr",
    "ok",
    "match",
    "line",
    "loop",
    "self",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "answers",
];

/// Where the probes before the steps of a runbook are asked: a place of halligan's own.
pub(crate) const PREFLIGHT: &str = "preflight";
/// Where what a runbook requires is checked: a place of halligan's own, inside the preflight.
pub(crate) const REQUIRES: &str = "requires";
/// Where taking and giving back the shared locks of a run stands: a place of halligan's own.
pub(crate) const LOCKS: &str = "locks";
/// Where a system is asked which one it is: a place of halligan's own, inside the preflight; and the name of what it answered.
pub(crate) const IDENTITY: &str = "identity";
/// The plan as a whole, where a question or an answer names it: no place, but named beside places.
pub(crate) const PLAN: &str = "plan";
/// Names of halligan's own where steps and probes are named: what a step or probe of that name does would be taken for what
/// halligan does there.
pub(crate) const OWN_NAMES: [&str; 5] = [PREFLIGHT, REQUIRES, LOCKS, PLAN, IDENTITY];

const SNAKE: &str = "lower-case letters, digits and `_`, a letter first, at most 64 characters";

/// Whether an environment variable can be called so.
#[must_use]
pub(crate) fn is_variable(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

fn is_snake(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_kebab(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// # Errors
            /// Says which rule the text breaks.
            pub fn new(text: &str) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(BadName { name: text.to_owned(), what: $what, rule: $rule })
                }
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of a runbook: kebab-case, the stem of its file.
    RunbookName,
    "a runbook",
    "lower-case letters, digits and single `-`, a letter first, at most 64 characters",
    is_kebab
);
name!(
    /// The id of a step or probe: `snake_case`, and not a word of the expression language.
    StepId,
    "a step or probe",
    "lower-case letters, digits and `_`, a letter first, at most 64 characters, not a reserved word",
    |text| is_snake(text) && !RESERVED.contains(&text)
);
name!(
    /// The name of a parameter, variable or loop variable.
    Name,
    "a parameter or variable",
    SNAKE,
    |text| is_snake(text) && !RESERVED.contains(&text)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rules() {
        for good in ["a", "staggered-osd-restart", "x2"] {
            assert!(RunbookName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a--b", "a_b", "../a", "a/b", "é"] {
            assert!(RunbookName::new(bad).is_err(), "{bad}");
        }
        assert!(StepId::new("set_noout").is_ok());
        for bad in ["", "set-noout", "2nd", "params", "output", "Set"] {
            assert!(StepId::new(bad).is_err(), "{bad}");
        }
    }
}
