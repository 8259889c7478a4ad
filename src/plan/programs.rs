//! The programs of this machine that a plan would run.

use std::collections::BTreeSet;

use super::Plan;
use crate::{
    expression,
    runbook::{
        commands,
        model::{Command, Program},
    },
};

/// Every program that the plan names outright and runs here: what is run elsewhere, or named by an expression, is not known yet.
#[must_use]
pub(crate) fn programs(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for runbook in std::iter::once(&plan.runbook).chain(plan.called.values()) {
        found.extend(commands::of_runbook(runbook).into_iter().filter_map(|(_, command)| name(command)));
    }
    found
}

fn name(command: &Command) -> Option<String> {
    if command.on.as_ref().is_some_and(|host| &*host.text != "local") {
        return None;
    }
    match &command.program {
        Program::Shell(_) => Some("bash".to_owned()),
        Program::Argv(words) => {
            let first = &words.first()?.text;
            expression::names_in_template(first).is_ok_and(|names| names.roots().is_empty()).then(|| first.to_string())
        }
    }
}
