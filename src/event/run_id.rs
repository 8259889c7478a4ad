//! What a run is called.

use std::{fmt, io, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a run: eight lower-case hexadecimal digits, drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(try_from = "String", into = "String")]
pub struct RunId(u32);

/// Text that names no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a run: a run is eight digits of 0-9 and a-f, as `halligan journal list` shows")]
pub struct BadRunId {
    pub text: String,
}

impl RunId {
    /// That of a run which no journal knows: a scenario in memory. In a journal, records about the journal itself bear it.
    pub const NONE: Self = Self(0);

    /// Draws a new one.
    ///
    /// # Errors
    /// The operating system gives no randomness.
    pub fn new() -> io::Result<Self> {
        getrandom::u32().map(|number| Self(number.max(1))).map_err(io::Error::other)
    }

    /// As a number, for locks.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:08x}", self.0))
    }
}

impl FromStr for RunId {
    type Err = BadRunId;

    fn from_str(text: &str) -> Result<Self, BadRunId> {
        let well_formed = text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let bad = || BadRunId { text: text.to_owned() };
        if well_formed { u32::from_str_radix(text, 16).map(Self).map_err(|_| bad()) } else { Err(bad()) }
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = RunId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a run")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RunId, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::RunId;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let id = RunId::new().unwrap();
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert_eq!("0000007f".parse::<RunId>().unwrap().to_string(), "0000007f");
        for bad in ["", "7f3a", "7F3A0000", "+7f3a000", "7f3a00000", "7f3a000g"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
        assert_ne!(id, RunId::new().unwrap());
    }
}
