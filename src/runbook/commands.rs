//! The commands of a runbook, wherever they stand in it.

use super::model::{Choices, Command, Kind, Probe, Runbook, Step, Undo};

/// Every command of a runbook but those that list choices, each with the id of its probe or step.
#[must_use]
pub(crate) fn of_runbook(runbook: &Runbook) -> Vec<(&str, &Command)> {
    let preflight =
        runbook.identity.iter().chain(&runbook.preflight).filter_map(|probe| Some((probe.id.as_ref()?.as_str(), probe.command.as_ref()?)));
    let steps = runbook.all_steps().flat_map(|step| of_step(step).into_iter().map(|command| (step.id.as_str(), command)));
    preflight.chain(steps).collect()
}

/// The commands of a step, whatever they are for.
fn of_step(step: &Step) -> Vec<&Command> {
    let mut probes: Vec<&Probe> = step.done_if.iter().chain(&step.verify).chain(&step.holds).collect();
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

/// The commands that list what a parameter may be chosen from.
pub(crate) fn of_choices(runbook: &Runbook) -> impl Iterator<Item = &Command> {
    runbook.params.iter().filter_map(|parameter| match &parameter.choices {
        Some(Choices::Live { command, .. }) => Some(command),
        Some(Choices::Fixed(_)) | None => None,
    })
}
