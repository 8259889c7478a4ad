//! One line of the journal: `{"crc":"…","v":1,"seq":…,"prev":"…","type":"…",…}` and a newline.
//!
//! `crc` comes first in every version: the CRC-32 (as in gzip) of all that follows it on the line, newline apart. It tells
//! damage from change: `prev` of the next record would find damage too, but not in the last line, and not which of two
//! lines it is in. The common fields follow in this order, then those of the record's type.

use std::{borrow::Cow, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    fault::RecordFault,
    join::{Join, Synced},
    shape::Body,
};
use crate::{
    digest::Digest,
    event::{RunId, moment::Moment},
};

/// The latest version of the format that this program reads and writes: 2 has what 1 has, and says of each step what it is
/// when it is reached. A record bears the version that its type came with.
pub(crate) const VERSION: u32 = 2;

/// No line is longer, in bytes.
pub(crate) const LONGEST: usize = 16 << 20;

const OPEN: &[u8] = b"{\"crc\":\"";
const COVERED: usize = OPEN.len() + 8 + 1;

/// Text that is taken from the line where it can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When the records of a run have to be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What must not be lost, before `append` returns; what only explains it, with the next of those.
    EachRecord,
    /// When the run is closed: for runs that change nothing.
    AtClose,
}

/// What every record holds.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Header<'a> {
    pub v: u32,
    /// 1 for the first record, one more for each.
    pub seq: u64,
    /// Of the whole line before this one.
    pub prev: Digest,
    #[serde(rename = "type")]
    pub kind: Text<'a>,
    /// Shown, never reasoned with.
    #[schemars(with = "String")]
    pub ts: jiff::Timestamp,
    /// Since the machine was started, in nanoseconds.
    pub mono_ns: u64,
    pub boot_id: Text<'a>,
    pub run: RunId,
    pub sync: Synced,
    pub host: Text<'a>,
    pub uid: u32,
    /// Who logged in, before any sudo.
    pub login_uid: Option<u32>,
    pub tty: Option<Text<'a>>,
    /// Addresses and ports of the connection the operator came by.
    pub ssh: Option<Text<'a>>,
}

impl Header<'_> {
    #[must_use]
    pub(crate) fn moment(&self) -> Moment {
        Moment { ts: self.ts, mono_ns: self.mono_ns }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<'a> {
    pub header: Header<'a>,
    pub body: Body,
}

/// An undamaged line.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    Record(Box<Record<'a>>),
    /// Written by a program newer than this one.
    Newer {
        v: u32,
        seq: u64,
        prev: Digest,
    },
}

impl<'a> Line<'a> {
    /// Reads one line, which ends with its newline.
    ///
    /// # Errors
    /// Says what is damaged.
    pub fn read(bytes: &'a [u8]) -> Result<Self, RecordFault> {
        if bytes.len() > LONGEST {
            return Err(RecordFault::TooLong);
        }
        let Some(bytes) = bytes.strip_suffix(b"\n") else { return Err(RecordFault::Unterminated) };
        let framed = bytes.len() > COVERED && bytes.starts_with(OPEN) && bytes[COVERED - 1] == b'"';
        if !framed {
            return Err(RecordFault::Shape { what: "it does not begin as a record does".to_owned() });
        }
        let (frame, covered) = bytes.split_at(COVERED);
        if frame[OPEN.len()..COVERED - 1] != *checksum(covered).as_bytes() {
            return Err(RecordFault::Checksum);
        }
        serde_json::from_slice(bytes).map_err(|error| RecordFault::Shape { what: error.to_string() })
    }
}

impl Record<'_> {
    /// Where it says that it belongs.
    #[must_use]
    pub fn join(&self) -> Join {
        let torn = if let Body::Torn(torn) = &self.body { Some(torn.clone()) } else { None };
        Join { seq: self.header.seq, prev: self.header.prev, sync: self.header.sync, torn }
    }

    /// The line, newline included.
    ///
    /// # Errors
    /// It could not be read back: too long, or not JSON.
    pub fn line(&self) -> Result<Vec<u8>, RecordFault> {
        #[derive(Serialize)]
        struct Flat<'r> {
            #[serde(flatten)]
            header: &'r Header<'r>,
            #[serde(flatten)]
            body: &'r Body,
        }
        let flat = Flat { header: &self.header, body: &self.body };
        let mut json = serde_json::to_vec(&flat).map_err(|error| RecordFault::Shape { what: error.to_string() })?;
        // The brace gives way to the checksum.
        json[0] = b',';
        let mut line = Vec::with_capacity(COVERED + json.len() + 1);
        line.extend_from_slice(OPEN);
        line.extend_from_slice(checksum(&json).as_bytes());
        line.push(b'"');
        line.append(&mut json);
        line.push(b'\n');
        if line.len() > LONGEST {
            return Err(RecordFault::TooLong);
        }
        Ok(line)
    }
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

impl<'de: 'a, 'a> Deserialize<'de> for Line<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LineVisitor;

        impl<'de> Visitor<'de> for LineVisitor {
            type Value = Line<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
                let _: Text<'de> = field(&mut map, "crc")?;
                let v = field(&mut map, "v")?;
                let seq = field(&mut map, "seq")?;
                let prev = field(&mut map, "prev")?;
                if v > VERSION {
                    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    return Ok(Line::Newer { v, seq, prev });
                }
                if v == 0 {
                    return Err(serde::de::Error::custom(format_args!("there is no version {v}")));
                }
                let header = Header {
                    v,
                    seq,
                    prev,
                    kind: field(&mut map, "type")?,
                    ts: field(&mut map, "ts")?,
                    mono_ns: field(&mut map, "mono_ns")?,
                    boot_id: field(&mut map, "boot_id")?,
                    run: field(&mut map, "run")?,
                    sync: field(&mut map, "sync")?,
                    host: field(&mut map, "host")?,
                    uid: field(&mut map, "uid")?,
                    login_uid: field(&mut map, "login_uid")?,
                    tty: field(&mut map, "tty")?,
                    ssh: field(&mut map, "ssh")?,
                };
                let body = Body::read(header.v, &header.kind.0, MapAccessDeserializer::new(map))?;
                Ok(Line::Record(Box::new(Record { header, body })))
            }
        }

        deserializer.deserialize_map(LineVisitor)
    }
}

/// The next field, which must be this one.
fn field<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: &mut A, name: &'static str) -> Result<T, A::Error> {
    match map.next_key::<Text<'de>>()? {
        Some(key) if key.0 == name => map.next_value(),
        _ => Err(serde::de::Error::custom(format_args!("its field `{name}` is not where it belongs"))),
    }
}

/// The parts of a line that say whether it is of interest, found without reading all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glance<'a> {
    pub kind: &'a [u8],
    pub run: RunId,
}

impl<'a> Glance<'a> {
    /// `None` for a line that is not laid out as records are.
    #[must_use]
    pub(crate) fn at(line: &'a [u8]) -> Option<Self> {
        let rest = line.get(COVERED..)?.strip_prefix(b",\"v\":")?;
        let rest = rest.strip_prefix(b"1").or_else(|| rest.strip_prefix(b"2"))?.strip_prefix(b",\"seq\":")?;
        let rest = rest.get(memchr::memchr(b',', rest)?..)?;
        let rest = rest.strip_prefix(b",\"prev\":\"")?.get(64..)?.strip_prefix(b"\",\"type\":\"")?;
        let (kind, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
        // What stands between the type and the run is never text from outside.
        let run = rest.get(memchr::memmem::find(rest, b"\"run\":\"")? + 7..)?.get(..8)?;
        let run = std::str::from_utf8(run).ok()?.parse().ok()?;
        Some(Self { kind, run })
    }
}
