//! Answers that are given in advance: held against what a runbook has before anything is run, and those that are still wanting.

use crate::{
    app::{exit::ProgramExit, failure::Failure},
    cli,
    event::Place,
    plan::{
        Plan,
        coming::{Coming, WantedAnswer},
    },
    ports::Beforehand,
    rehearse::reference,
    ui::flags::Flags,
    words,
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

/// What would answer the questions that are to come and that no flag answers. One answer serves for all items of a loop that want the same.
#[must_use]
pub(super) fn open(coming: &[Coming], flags: &Flags<'_>) -> Vec<Beforehand> {
    let coming: Vec<&Coming> = coming.iter().filter(|one| flags.leaves_open(&one.place, one.wants == WantedAnswer::Yes)).collect();
    let phrase = |one: &Coming| match &one.wants {
        WantedAnswer::Yes => Some("yes".to_owned()),
        WantedAnswer::Phrase(phrase) => Some(phrase.clone()),
        WantedAnswer::Words => None,
    };
    let alike = |one: &Coming| coming.iter().filter(|other| other.place.step() == one.place.step()).all(|other| other.wants == one.wants);
    let mut answers: Vec<Beforehand> = Vec::new();
    for one in &coming {
        let place = if alike(one) { Place::top(one.place.step()) } else { one.place.clone() };
        let answer = Beforehand::Confirm { place, phrase: phrase(one) };
        if !answers.contains(&answer) {
            answers.push(answer);
        }
    }
    answers
}

/// Questions that nobody can be asked, with what answers each: `consent=restart 6 osds`.
#[must_use]
pub(super) fn wanting(open: &[Beforehand]) -> Option<String> {
    let one = |one: &Beforehand| match one {
        Beforehand::Confirm { place, phrase: Some(phrase) } => Some(format!("{place}={phrase}")),
        Beforehand::Confirm { place, phrase: None } => Some(format!("{place} (work by hand, to be told once it is done)")),
        _ => None,
    };
    let all: Vec<String> = open.iter().filter_map(one).collect();
    (!all.is_empty()).then(|| words::list(&all, usize::MAX))
}

/// What to give beforehand once a run has stopped because `asked` was not given: that, and all that is still to be asked. What is done by hand
/// is told when it is done, and not before.
#[must_use]
pub(super) fn together<'a>(asked: &'a Beforehand, open: &'a [Beforehand]) -> Vec<&'a Beforehand> {
    let later: Vec<&Beforehand> = open.iter().filter(|one| matches!(one, Beforehand::Confirm { phrase: Some(_), .. })).collect();
    let foreseen = match asked {
        Beforehand::Confirm { place: asked, .. } => {
            later.iter().any(|one| matches!(one, Beforehand::Confirm { place, .. } if asked.is_named(place.as_str())))
        }
        _ => false,
    };
    (!foreseen).then_some(asked).into_iter().chain(later).collect()
}
