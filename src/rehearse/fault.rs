//! What is wrong with a scenario, found when it is read or while it is rehearsed.

use std::fmt;

use super::line::Spot;
use crate::expression::ExpressionError;

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
    /// No name is near.
    fn from(what: String) -> Self {
        Self { what, near: None }
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
