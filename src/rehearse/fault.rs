//! What is wrong with a scenario, found when it is read or while it is rehearsed.

use std::fmt;

use super::line::Spot;
use crate::expression::{ExpressionError, name::nearest};

/// One thing that is wrong, with its place. A rehearsal with a fault has shown nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioFault {
    /// The scenario's file, or the runbook's where the fault is about a step.
    pub file: String,
    /// From 1, where it is known.
    pub line: Option<usize>,
    pub what: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl ScenarioFault {
    /// A fault at this place, or somewhere in this file.
    #[must_use]
    pub fn at(file: &str, spot: Option<Spot>, what: impl Into<String>) -> Self {
        let (file, line) = spot.map_or_else(|| (file.to_owned(), None), |spot| (spot.file.to_string(), Some(spot.line)));
        Self { file, line, what: what.into(), hint: None }
    }
}

impl fmt::Display for ScenarioFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what)?,
            None => write!(f, "{}: {}", self.file, self.what)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with something that is written, and the name that was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct Mistake {
    /// In one sentence.
    pub what: String,
    pub near: Option<String>,
}

impl Mistake {
    /// The same as the fault of a scenario, at this place.
    #[must_use]
    pub(super) fn at(self, file: &str, spot: Option<Spot>, path: &str) -> ScenarioFault {
        let hint = self.near.map(|near| format!("did you mean `{near}`?"));
        ScenarioFault { hint, ..ScenarioFault::at(file, spot, format!("{path}: {}", self.what)) }
    }
}

impl From<String> for Mistake {
    /// Of an unknown key or word the nearest that is known is near; serde lists those.
    fn from(what: String) -> Self {
        let unknown = ["unknown field `", "unknown variant `"].iter().find_map(|said| what.strip_prefix(said));
        let near = unknown.and_then(|rest| rest.split_once('`')).and_then(|(word, rest)| {
            let known = rest.split('`').skip(1).step_by(2);
            nearest(word, known).map(str::to_owned)
        });
        Self { what, near }
    }
}

impl From<ExpressionError> for Mistake {
    fn from(ExpressionError { message, near, .. }: ExpressionError) -> Self {
        Self { what: message, near }
    }
}

/// A scenario that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    /// The scenario's name or path, as it was given.
    pub name: String,
    /// Never empty.
    pub faults: Vec<ScenarioFault>,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

#[cfg(test)]
mod tests {
    use super::super::scenario::Scenario;

    /// A scenario's fault has its line, and what would be right.
    #[test]
    fn a_fault_has_its_line_and_a_hint() {
        let head = "halligan_scenario: 1\nrunbook: x\ntitle: t\n";
        for (text, line, hint) in [
            ("commands:\n- {match: [x]}\n- {match: [y], stdot: a}\n", 6, "did you mean `stdout`?"),
            ("world: {a: 1\ncommands:\n- {match: [x]}\n", 4, "close it with `}`"),
            ("world:\n\ta: 1\n", 5, "indent with spaces"),
            ("expect: {outcome: complete}\n", 4, "did you mean `completed`?"),
        ] {
            let error = Scenario::read("s.yaml", &format!("{head}{text}"), &|_: &str| Err("no".to_owned())).unwrap_err();
            let fault = error.faults.first().unwrap();
            assert_eq!(fault.line, Some(line), "{text}: {error}");
            assert!(fault.hint.as_ref().is_some_and(|said| said.contains(hint)), "{text}: {error}");
        }
    }
}
