//! The programs of this machine that a plan would run.

use std::collections::BTreeSet;

use super::Plan;
use crate::{
    expression,
    runbook::{
        commands,
        model::{Command, Program, Runbook},
    },
};

/// Every program that the plan names outright and runs here: what is run elsewhere, or named by an expression, is not known yet.
#[must_use]
pub(crate) fn programs(plan: &Plan) -> BTreeSet<String> {
    programs_of(std::iter::once(&plan.runbook).chain(plan.called.values()).map(|runbook| &**runbook))
}

/// The same of some runbooks.
#[must_use]
pub(crate) fn programs_of<'r>(runbooks: impl IntoIterator<Item = &'r Runbook>) -> BTreeSet<String> {
    let commands = runbooks.into_iter().flat_map(commands::of_runbook);
    commands.filter_map(|(_, command)| name(command)).collect()
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
