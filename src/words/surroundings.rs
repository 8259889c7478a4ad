//! What commands are started in.

use std::collections::BTreeSet;

use crate::surroundings::{KeptVariable, PassedOn, Surroundings};

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

/// How many variables that are not set are named. A runbook for several clouds names dozens, of which most operators have a few.
const NAMED: usize = 3;

/// What the runbook has passed on, by name; `None` where it passes on nothing.
#[must_use]
pub(crate) fn passed_on(surroundings: &Surroundings) -> Option<String> {
    let PassedOn { set, not_set, .. } = surroundings.passed_on.as_ref()?;
    let names = set.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let set = (!set.is_empty()).then(|| format!("passed on: {names}"));
    let not_set = match (not_set.len(), set.is_some()) {
        (0, _) => None,
        (1..=NAMED, _) => Some(format!("not set: {}", not_set.join(", "))),
        (count, true) => Some(format!("not set: {count} others that the runbook names")),
        (count, false) => Some(format!("not set: all {count} that the runbook names")),
    };
    Some(set.into_iter().chain(not_set).collect::<Vec<_>>().join("; ")).filter(|told| !told.is_empty())
}

/// What of the variables that a runbook passes on was other when a run began than it is `now`, in a line each: commands get it as it is now.
#[must_use]
pub(crate) fn passed_differently(then: &PassedOn, now: &PassedOn) -> Vec<String> {
    let names: BTreeSet<&String> = then.set.keys().chain(now.set.keys()).collect();
    let line = |name: &String| match (then.set.get(name), now.set.get(name)) {
        (Some(_), None) => Some(format!("{name} was set when the run began, and is not set now: commands do not get it")),
        (None, Some(_)) => Some(format!("{name} is set now, and was not when the run began: commands get it")),
        (Some(_), Some(_)) if then.key.is_none() || then.key != now.key => {
            Some(format!("{name} is set, as when the run began; unknown whether its value is the same"))
        }
        (Some(then), Some(now)) if then == now => None,
        (Some(_), Some(_)) => Some(format!("{name} has another value than when the run began: commands get the one of now")),
        (None, None) => None,
    };
    names.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_named_and_of_the_rest_a_few() {
        let told = |set: &[&str], not_set: &[&str]| {
            let set = set.iter().map(|name| ((*name).to_owned(), None)).collect();
            let passed = PassedOn { key: None, set, not_set: not_set.iter().map(|name| (*name).to_owned()).collect() };
            passed_on(&Surroundings { passed_on: Some(passed), ..Surroundings::default() })
        };
        assert_eq!(told(&[], &[]), None);
        assert_eq!(told(&["A"], &[]).as_deref(), Some("passed on: A"));
        assert_eq!(told(&["A"], &["B", "C_*", "D"]).as_deref(), Some("passed on: A; not set: B, C_*, D"));
        assert_eq!(told(&["A"], &["B", "C_*", "D", "E"]).as_deref(), Some("passed on: A; not set: 4 others that the runbook names"));
        assert_eq!(told(&[], &["B", "C_*", "D", "E"]).as_deref(), Some("not set: all 4 that the runbook names"));
    }

    #[test]
    fn each_difference_is_told_by_name() {
        let passed = |key: Option<&str>, set: &[(&str, &str)]| PassedOn {
            key: key.map(str::to_owned),
            set: set.iter().map(|(name, digest)| ((*name).to_owned(), Some((*digest).to_owned()))).collect(),
            not_set: Vec::new(),
        };
        let then = passed(Some("k"), &[("A", "1"), ("B", "1"), ("C", "1")]);
        let now = passed(Some("k"), &[("A", "1"), ("B", "2"), ("D", "1")]);
        let told = passed_differently(&then, &now);
        assert_eq!(told.iter().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(), ["B", "C", "D"], "{told:?}");
        assert_eq!(passed_differently(&then, &then), [""; 0]);
        for key in [None, Some("another")] {
            let told = passed_differently(&then, &passed(key, &[("A", "1"), ("B", "1"), ("C", "1")]));
            assert!(told.len() == 3 && told.iter().all(|line| line.contains("unknown whether")), "{told:?}");
        }
    }
}
