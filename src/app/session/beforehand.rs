//! Answers that were given in advance, held against what a runbook has before anything is run.

use crate::{
    app::{exit::ProgramExit, failure::Failure},
    cli,
    event::Place,
    plan::Plan,
    rehearse::reference,
};

/// Whether each answer names a step or a check that is there: one that is misspelt would answer nothing, hours later.
///
/// # Errors
/// Names every one that is not, with the nearest that is.
pub(crate) fn held(plan: &Plan, answers: &cli::Answers) -> Result<(), Failure> {
    let confirms = answers.confirm.iter().map(|(name, _)| ("--confirm", name));
    let overrides = answers.overrides.iter().map(|(name, _)| ("--override", name));
    let mut unknown = Vec::new();
    for (flag, name) in confirms.chain(overrides) {
        if name.parse::<Place>().is_ok_and(|place| place.is_lock()) {
            continue;
        }
        let runbooks = std::iter::once(&*plan.runbook).chain(plan.called.values().map(|called| &**called));
        if let Err(wrong) = reference::known(name, runbooks) {
            unknown.push((format!("{flag} {name}: {}", wrong.what), wrong.near));
        }
    }
    let mut unknown = unknown.into_iter();
    let Some((what, near)) = unknown.next() else { return Ok(()) };
    let meant = |near: String| format!("did you mean `{near}`?");
    let failure = Failure::new(ProgramExit::Usage, what).why("nothing was run");
    let failure = failure.next(near.map_or_else(|| format!("`halligan show {}` names its steps and checks", plan.runbook.name), meant));
    Err(unknown.fold(failure, |failure, (what, near)| failure.why(what).hint(near.map(meant))))
}
