//! Where a record says that it belongs in the chain.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Unexpected, Visitor},
};

use super::shape::Torn;
use crate::digest::Digest;

/// Where a record says that it belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    pub seq: u64,
    pub prev: Digest,
    pub sync: Synced,
    /// What it commits, if that is what it is for.
    pub torn: Option<Torn>,
}

impl Join {
    /// Up to which record all was on the disk when this was written.
    #[must_use]
    pub fn synced(&self) -> u64 {
        match self.sync {
            Synced::All => self.seq.saturating_sub(1),
            Synced::Unsaid => 0,
            Synced::UpTo(seq) => seq,
        }
    }

    /// Though intact it does not follow record `expected - 1`, and what is missing was on the disk once: no loss of power
    /// does that.
    pub fn proves_damage(&self, expected: u64) -> bool {
        self.sync != Synced::Unsaid && (self.seq <= expected || self.synced() >= expected)
    }
}

/// What was on the disk when a record was written. What is broken among that was changed later; a loss of power breaks only
/// what was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// `"each"`: all that stands before it.
    All,
    /// `"close"`: nothing is said.
    Unsaid,
    /// A number: that record, and all that stands before it.
    UpTo(u64),
}

impl JsonSchema for Synced {
    fn schema_name() -> Cow<'static, str> {
        "Synced".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "enum": ["each", "close"] }, { "type": "integer", "minimum": 0 }] })
    }
}

impl Serialize for Synced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("each"),
            Self::Unsaid => serializer.serialize_str("close"),
            Self::UpTo(seq) => serializer.serialize_u64(*seq),
        }
    }
}

impl<'de> Deserialize<'de> for Synced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SyncedVisitor;

        impl Visitor<'_> for SyncedVisitor {
            type Value = Synced;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`each`, `close` or the number of a record")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Synced, E> {
                match text {
                    "each" => Ok(Synced::All),
                    "close" => Ok(Synced::Unsaid),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E>(self, seq: u64) -> Result<Synced, E> {
                Ok(Synced::UpTo(seq))
            }
        }

        deserializer.deserialize_any(SyncedVisitor)
    }
}
