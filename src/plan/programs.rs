//! The programs of this machine that a plan would run.

use std::collections::BTreeSet;

use super::Plan;
use crate::{
    expression,
    runbook::model::{Command, Kind, Probe, Program, Runbook, Step, Undo},
};

/// Every program that the plan names outright and runs here: what is run elsewhere, or named by an expression, is not known yet.
#[must_use]
pub(crate) fn programs(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for runbook in std::iter::once(&plan.runbook).chain(plan.called.values()) {
        of_runbook(runbook, &mut found);
    }
    found
}

fn of_runbook(runbook: &Runbook, found: &mut BTreeSet<String>) {
    let mut add = |command: &Command| found.extend(name(command));
    runbook.preflight.iter().filter_map(|probe| probe.command.as_ref()).for_each(&mut add);
    for step in runbook.all_steps() {
        commands(step).into_iter().for_each(&mut add);
    }
}

/// The commands of a step, whatever they are for.
fn commands(step: &Step) -> Vec<&Command> {
    let mut probes: Vec<&Probe> = step.done_if.iter().chain(&step.verify).collect();
    let mut all: Vec<&Command> = step.cleanup.iter().map(|remedy| &remedy.command).collect();
    if let Undo::Command(remedy) = &step.undo {
        all.push(&remedy.command);
    }
    match &step.kind {
        Kind::Command(command) => all.push(command),
        Kind::Wait(wait) => all.extend(&wait.command),
        Kind::Probe(probe) => probes.push(probe),
        Kind::Confirm(confirm) => probes.extend(&confirm.show),
        Kind::Manual(manual) => probes.extend(&manual.verify),
        Kind::ForEach(each) => probes.extend(&each.before_batch),
        // Its cases are looked at one by one.
        Kind::Group { .. } | Kind::Call(_) | Kind::Choose(_) => {}
    }
    all.extend(probes.into_iter().filter_map(|probe| probe.command.as_ref()));
    all
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
