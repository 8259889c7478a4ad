//! A head: how long a journal is and its hash. Kept elsewhere, it shows whether the journal was cut or rewritten since.
//!
//! One line, fit for a ticket or a chat message: `halligan-head v1 RECORDS SHA256 HOST:DIRECTORY#ID`.

use std::{fmt, path::Path, str::FromStr};

use super::mark::JournalMark;
use crate::digest::Digest;

/// How long a journal was, and the hash of its last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `HOST:DIRECTORY` for people, and `#ID` of the journal if it has one. What the journal is recognised by is its hash.
    pub origin: String,
    /// In records.
    pub size: u64,
    pub hash: Digest,
}

/// Text without a head in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    #[error("there is no head in it: a head begins with `halligan-head v1` and is printed by `halligan journal head`")]
    Missing,
    #[error("the head in it is incomplete: after `halligan-head v1` come the number of records and a SHA-256")]
    Incomplete,
    #[error("there is a head of another version in it")]
    Version,
}

const MARK: &str = "halligan-head";

impl Head {
    #[must_use]
    pub fn new(host: &str, dir: &Path, size: u64, hash: Digest) -> Self {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let origin = format!("{host}:{}", dir.display());
        let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        Self { origin: origin.chars().map(plain).collect(), size, hash }
    }

    /// The same, with the id of the journal that it is of, behind its origin: `HOST:DIRECTORY#ID`.
    #[must_use]
    pub(crate) fn of_journal(mut self, mark: Option<&JournalMark>) -> Self {
        if let Some(mark) = mark {
            self.origin = format!("{}#{}", self.origin, mark.id);
        }
        self
    }

    /// The id of the journal that it is of, if it says so.
    #[must_use]
    pub fn journal(&self) -> Option<&str> {
        let (_, id) = self.origin.rsplit_once('#')?;
        (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    }

    /// For a line on the screen: `118:9c1e5d3b`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}:{:.8}", self.size, self.hash)
    }

    /// All heads in a text, such as a ticket.
    ///
    /// # Errors
    /// There is none, or one that is not whole.
    pub fn find_all(text: &str) -> Result<Vec<Self>, BadHead> {
        let mut words = text.split_whitespace().peekable();
        let mut heads = Vec::new();
        while let Some(word) = words.next() {
            if word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()) != MARK {
                continue;
            }
            if words.next() != Some("v1") {
                return Err(BadHead::Version);
            }
            let size = words.next().and_then(|word| word.parse().ok()).ok_or(BadHead::Incomplete)?;
            let hash = words.next().and_then(|word| word.parse().ok()).ok_or(BadHead::Incomplete)?;
            let origin = words.next_if(|word| !word.ends_with(MARK)).unwrap_or_default().to_owned();
            heads.push(Self { origin, size, hash });
        }
        if heads.is_empty() { Err(BadHead::Missing) } else { Ok(heads) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} v1 {} {} {}", self.size, self.hash, self.origin)
    }
}

impl FromStr for Head {
    type Err = BadHead;

    /// The first head in a text.
    fn from_str(text: &str) -> Result<Self, BadHead> {
        Self::find_all(text)?.into_iter().next().ok_or(BadHead::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_found_in_a_ticket() {
        let head = Head::new("db 3", Path::new("/var/lib/no such"), 118, Digest::of(b"x"));
        assert_eq!(head.origin, "db?3:/var/lib/no?such");
        assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
        let ticket = format!("run ended.\n> {head}\nand later\n`{head}\n");
        assert_eq!(Head::find_all(&ticket).unwrap(), [head.clone(), head.clone()]);
        assert_eq!(head.short(), "118:2d711642");
    }

    #[test]
    fn half_a_head_is_an_error() {
        assert_eq!("nothing here".parse::<Head>(), Err(BadHead::Missing));
        assert_eq!("halligan-head v1 118 2d71".parse::<Head>(), Err(BadHead::Incomplete));
        assert_eq!("halligan-head v1".parse::<Head>(), Err(BadHead::Incomplete));
        assert_eq!("halligan-head v2 118".parse::<Head>(), Err(BadHead::Version));
    }
}
