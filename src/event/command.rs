//! A command as it is recorded and shown: all there is to know of it without its secrets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::holding::Holding;
use crate::runbook::document::Effect;

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Words {
    /// Word by word. Empty for a wait that runs no command, and nowhere else.
    Argv(Vec<String>),
    /// A bash script.
    Script(String),
}

impl Words {
    /// What starts bash for a script, which is the word after these.
    const BASH: [&str; 4] = ["bash", "-euo", "pipefail", "-c"];

    /// The words that are started.
    pub(crate) fn each(&self) -> impl Iterator<Item = &str> {
        let (before, own): (&[&str], &[String]) = match self {
            Self::Argv(argv) => (&[], argv),
            Self::Script(script) => (&Self::BASH, std::slice::from_ref(script)),
        };
        before.iter().copied().chain(own.iter().map(String::as_str))
    }

    /// The same, as what starts a program takes them.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        self.each().map(str::to_owned).collect()
    }

    /// No command at all.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Argv(argv) if argv.is_empty())
    }

    /// The program that is started.
    #[must_use]
    pub(crate) fn program(&self) -> Option<&str> {
        match self {
            Self::Argv(argv) => argv.first().map(String::as_str),
            Self::Script(_) => Some(Self::BASH[0]),
        }
    }

    /// Each text in it, to be masked.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        match self {
            Self::Argv(argv) => argv.iter_mut(),
            Self::Script(script) => std::slice::from_mut(script).iter_mut(),
        }
    }

    /// Reads them from a record.
    fn recorded(mut argv: Vec<String>, script: Option<bool>) -> Result<Self, &'static str> {
        let bash = argv.len() == Self::BASH.len() + 1 && Self::BASH.iter().zip(&argv).all(|(known, word)| known == word);
        // The first records of version 1 have no `script`: their words are all that tells.
        if !script.unwrap_or(bash) {
            return Ok(Self::Argv(argv));
        }
        match argv.pop() {
            Some(script) if bash => Ok(Self::Script(script)),
            _ => Err("the words of a script are `bash -euo pipefail -c` and the script"),
        }
    }
}

/// A command as it is recorded and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "CommandForm", try_from = "CommandForm")]
pub struct Shown {
    pub words: Words,
    pub effect: Effect,
    /// `None` is this machine.
    pub host: Option<String>,
    pub user: Option<String>,
    pub cwd: Option<String>,
    /// Names only.
    pub env: Vec<String>,
    pub stdin: bool,
    pub timeout_ms: Option<u64>,
    /// How far it is held to reading. `None` of what changes something, of what is not really run, and of old records.
    pub held: Option<Holding>,
    /// The fencing tokens of the leases that the run holds, by lock. Nothing of what is not really run.
    pub fences: BTreeMap<String, u64>,
}

/// Its form in records and in JSON, which never changes.
#[derive(Serialize, Deserialize, JsonSchema)]
struct CommandForm {
    argv: Vec<String>,
    /// Whether the last word is a script that bash carries out; absent from the first records of version 1.
    script: Option<bool>,
    effect: Effect,
    host: Option<String>,
    user: Option<String>,
    cwd: Option<String>,
    env: Vec<String>,
    stdin: bool,
    timeout_ms: Option<u64>,
    // Came later, and stands only where something is really run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Holding>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    fences: BTreeMap<String, u64>,
}

impl From<Shown> for CommandForm {
    fn from(shown: Shown) -> Self {
        let Shown { words, effect, host, user, cwd, env, stdin, timeout_ms, held, fences } = shown;
        let script = Some(matches!(words, Words::Script(_)));
        Self { argv: words.argv(), script, effect, host, user, cwd, env, stdin, timeout_ms, held, fences }
    }
}

impl TryFrom<CommandForm> for Shown {
    type Error = &'static str;

    fn try_from(recorded: CommandForm) -> Result<Self, &'static str> {
        let CommandForm { argv, script, effect, host, user, cwd, env, stdin, timeout_ms, held, fences } = recorded;
        Ok(Self { words: Words::recorded(argv, script)?, effect, host, user, cwd, env, stdin, timeout_ms, held, fences })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(argv: &[&str], script: Option<bool>) -> Result<Words, String> {
        let mut json = json!({"argv": argv, "effect": "read", "host": null, "user": null, "cwd": null, "env": [], "stdin": false});
        json["timeout_ms"] = json!(null);
        if let Some(script) = script {
            json["script"] = json!(script);
        }
        let shown: Shown = serde_json::from_value(json).map_err(|error| error.to_string())?;
        let written = serde_json::to_value(&shown).unwrap();
        assert_eq!(written["argv"], json!(argv), "the words that were recorded stay");
        assert_eq!(serde_json::from_value::<Shown>(written).unwrap(), shown);
        Ok(shown.words)
    }

    #[test]
    fn a_script_is_one_because_its_record_says_so() {
        let bash = ["bash", "-euo", "pipefail", "-c", "set -x\nreboot"];
        assert_eq!(read(&bash, Some(true)), Ok(Words::Script(bash[4].to_owned())));
        assert_eq!(read(&bash, Some(false)), Ok(Words::Argv(bash.map(String::from).to_vec())));
        assert!(read(&["ls"], Some(true)).unwrap_err().contains("the words of a script"));
        assert!(read(&[], Some(true)).is_err());
    }

    #[test]
    fn the_first_records_of_version_1_tell_it_by_their_words() {
        assert_eq!(read(&["bash", "-euo", "pipefail", "-c", "x"], None), Ok(Words::Script("x".to_owned())));
        for argv in [&["bash", "-c", "x"][..], &["bash", "-euo", "pipefail", "-c"], &["bash", "-euo", "pipefail", "-c", "x", "y"], &[]] {
            assert!(matches!(read(argv, None), Ok(Words::Argv(words)) if words == argv));
        }
    }
}
