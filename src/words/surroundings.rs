//! What commands are started in.

use std::collections::BTreeSet;

use crate::surroundings::{KeptVariable, Surroundings};

/// The variables that say which system is meant, as they are set.
#[must_use]
pub(crate) fn variables(surroundings: &Surroundings) -> Vec<(String, String)> {
    // Whose home it is says the account, and the header of the run.
    let told = surroundings.variables.iter().filter(|(name, _)| *name != "HOME");
    told.map(|(name, value)| (name.clone(), variable(value))).collect()
}

fn variable(value: &KeptVariable) -> String {
    match value {
        KeptVariable::Value(value) => value.clone(),
        KeptVariable::Sha256(_) => "(may contain a secret)".to_owned(),
    }
}

/// What was other when a run began than it is `now`, in a line each: its commands get what was then.
#[must_use]
pub(crate) fn differences(then: &Surroundings, now: &Surroundings) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(directory) = then.directory.as_ref().filter(|_| then.directory != now.directory) {
        lines.push(format!("commands run in {directory}, where the run began"));
    }
    let names: BTreeSet<&String> = then.variables.keys().chain(now.variables.keys()).collect();
    for name in names.into_iter().filter(|name| then.variables.get(*name) != now.variables.get(*name)) {
        lines.push(match then.variables.get(name) {
            Some(value) => format!("commands get {name} as when the run began: {}", variable(value)),
            None => format!("commands do not get {name}: it was not set when the run began"),
        });
    }
    lines
}
