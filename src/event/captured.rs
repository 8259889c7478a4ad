//! What a command printed, as it is recorded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a stream of output was not kept whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// A child process held it open after its command had ended, and was not waited for.
    HeldOpen,
    /// The journal had no room for the rest, or could not be written.
    NotKept,
    /// It is longer than what is kept of an asking of a wait.
    TooLong,
    /// The first records of version 1 do not say.
    Unsaid,
}

/// A stream of output, kept whole beside the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "CapturedForm", from = "CapturedForm")]
pub struct Captured {
    /// SHA-256 of the bytes kept, in lower-case hex.
    pub sha256: String,
    pub bytes: u64,
    /// Why this is not all of it; `None` if it is.
    pub cut: Option<Cut>,
    /// How many times a secret was masked in it.
    pub redactions: u32,
}

/// Its form in records and in JSON, which never changes.
#[derive(Serialize, Deserialize, JsonSchema)]
struct CapturedForm {
    sha256: String,
    bytes: u64,
    truncated: bool,
    redactions: u32,
    /// Only beside `truncated`; absent from the first records of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
}

impl From<Captured> for CapturedForm {
    fn from(Captured { sha256, bytes, cut, redactions }: Captured) -> Self {
        Self { sha256, bytes, truncated: cut.is_some(), redactions, cut: cut.filter(|cut| *cut != Cut::Unsaid) }
    }
}

impl From<CapturedForm> for Captured {
    fn from(CapturedForm { sha256, bytes, truncated, redactions, cut }: CapturedForm) -> Self {
        Self { sha256, bytes, cut: truncated.then(|| cut.unwrap_or(Cut::Unsaid)), redactions }
    }
}

impl Captured {
    /// SHA-256 of nothing.
    pub const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Nothing was printed.
    #[must_use]
    pub fn empty() -> Self {
        Self { sha256: Self::EMPTY.to_owned(), bytes: 0, cut: None, redactions: 0 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_records_do_not_say_why_an_output_was_truncated() {
        let old = json!({"sha256": "00", "bytes": 3, "truncated": true, "redactions": 1});
        let captured: Captured = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(captured.cut, Some(Cut::Unsaid));
        assert_eq!(serde_json::to_value(&captured).unwrap(), old);
        let whole = Captured::empty();
        let written = serde_json::to_string(&whole).unwrap();
        assert_eq!(written, format!(r#"{{"sha256":"{}","bytes":0,"truncated":false,"redactions":0}}"#, Captured::EMPTY));
        assert_eq!(serde_json::from_str::<Captured>(&written).unwrap(), whole);
        let held = Captured { cut: Some(Cut::HeldOpen), ..Captured::empty() };
        assert_eq!(serde_json::from_value::<Captured>(serde_json::to_value(&held).unwrap()).unwrap(), held);
        assert_eq!(serde_json::to_value(&held).unwrap()["truncated"], true);
    }
}
