//! Signals: those that ask a run to end, and those that halligan sends to a command.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signal by which a run is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StopSignal {
    /// Ctrl-C. The frozen journal of version 1 calls it `INT`.
    #[serde(rename = "SIGINT", alias = "INT")]
    Interrupt,
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// The terminal is lost.
    #[serde(rename = "SIGHUP")]
    HangUp,
}

impl fmt::Display for StopSignal {
    /// Its name, as in records.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        })
    }
}

/// A signal that ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSignal {
    Term,
    Kill,
}

impl EndSignal {
    /// Its name, as in records.
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Kill => "KILL",
        }
    }
}

/// A signal that halligan sent to a command, or could not send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub struct SentSignal {
    pub signal: EndSignal,
    /// What kept it from its goal.
    pub unsent: Option<String>,
}

/// What a record says between a signal's name and why it could not be sent.
const UNSENT: &str = ", which could not be sent: ";

impl fmt::Display for SentSignal {
    /// Its form in records, which never changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.signal.name())?;
        match &self.unsent {
            Some(why) => write!(f, "{UNSENT}{why}"),
            None => Ok(()),
        }
    }
}

impl From<SentSignal> for String {
    fn from(sent: SentSignal) -> Self {
        sent.to_string()
    }
}

/// A text that is not what a record says of a signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a signal that halligan sends")]
pub struct UnknownSignal(pub String);

impl FromStr for SentSignal {
    type Err = UnknownSignal;

    /// Reads the form in records, which holds both facts in one text.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let (name, unsent) = text.split_once(UNSENT).map_or((text, None), |(name, why)| (name, Some(why.to_owned())));
        let signal = [EndSignal::Term, EndSignal::Kill].into_iter().find(|signal| signal.name() == name);
        Ok(Self { signal: signal.ok_or_else(|| UnknownSignal(text.to_owned()))?, unsent })
    }
}

impl TryFrom<Cow<'_, str>> for SentSignal {
    type Error = UnknownSignal;

    fn try_from(text: Cow<'_, str>) -> Result<Self, UnknownSignal> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_hold_what_they_always_held() {
        for (signal, text) in [(StopSignal::Interrupt, "SIGINT"), (StopSignal::Terminate, "SIGTERM"), (StopSignal::HangUp, "SIGHUP")] {
            assert_eq!((serde_json::to_value(signal).unwrap(), signal.to_string()), (json!(text), text.to_owned()));
            assert_eq!(serde_json::from_value::<StopSignal>(json!(text)).unwrap(), signal);
        }
        assert_eq!(serde_json::from_value::<StopSignal>(json!("INT")).unwrap(), StopSignal::Interrupt);
        let why = || Some("Operation not permitted".to_owned());
        for (signal, unsent, text) in [
            (EndSignal::Term, None, "TERM"),
            (EndSignal::Kill, None, "KILL"),
            (EndSignal::Kill, why(), "KILL, which could not be sent: Operation not permitted"),
        ] {
            let sent = SentSignal { signal, unsent };
            assert_eq!(serde_json::to_value(&sent).unwrap(), json!(text));
            assert_eq!(serde_json::from_value::<SentSignal>(json!(text)).unwrap(), sent);
        }
        for other in ["", "SIGTERM", "TERM,"] {
            assert!(serde_json::from_value::<SentSignal>(json!(other)).is_err(), "{other}");
        }
    }
}
