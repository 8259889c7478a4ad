//! What the operator must know of what commands inherit, before anything is started.

use super::{journal::journal_directory, load::Loaded};
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    inheritance::Inheritance,
    journal::environment_key::EnvironmentKey,
    secret::Secrets,
    surroundings::Surroundings,
    words::{self, sanitise::line as visible},
};

/// What the commands of a runbook inherit of this process. Says in a line each what is not passed on to them.
///
/// # Errors
/// A variable decides on what would be acted, and somebody else than root could have a say in it.
pub(crate) fn tell(context: &Context, loaded: &Loaded) -> Result<Inheritance, Failure> {
    told(context, Inheritance::of_process(&loaded.environment()))
}

/// What of it is kept with a run.
///
/// # Errors
/// Nobody says where the journal is.
pub(crate) fn surroundings(context: &Context, inherited: &Inheritance, secrets: &Secrets) -> Result<Surroundings, Failure> {
    if !inherited.passes_on() {
        return Ok(inherited.surroundings(secrets, |_, _| None));
    }
    let key = EnvironmentKey::of(&journal_directory(context)?);
    if let Err(error) = &key {
        tracing::warn!(%error, "the journal has no key: a resume cannot tell whether variables have the same values");
    }
    Ok(inherited.surroundings(secrets, |name, value| key.as_ref().ok()?.digest(name, value)))
}

/// What the commands of a run that is taken up are started in: what it was begun in, if that is known. Says where that differs from now.
///
/// # Errors
/// As for [`tell`]; or what was kept is not there any more.
pub(crate) fn kept(context: &Context, surroundings: Option<&Surroundings>, loaded: &Loaded) -> Result<Inheritance, Failure> {
    let passed = loaded.environment();
    let now = Inheritance::of_process(&passed);
    let Some(kept) = surroundings else { return told(context, now) };
    let inheritance = Inheritance::of_run(kept, &now, &passed)
        .map_err(|why| Failure::new(ProgramExit::Usage, why).next("take the run up where it was begun, with the same variables"))?;
    let inheritance = told(context, inheritance)?;
    let now = self::surroundings(context, &now, &Secrets::default())?;
    let mut lines = words::differences(&inheritance.surroundings(&Secrets::default(), |_, _| None), &now);
    lines.extend(words::passed_differently(&kept.passed_on.clone().unwrap_or_default(), &now.passed_on.unwrap_or_default()));
    for line in lines {
        context.out.stderr.line(&visible(&line));
    }
    Ok(inheritance)
}

fn told(context: &Context, inheritance: Inheritance) -> Result<Inheritance, Failure> {
    if let Some(refused) = inheritance.refused.first() {
        return Err(Failure::new(ProgramExit::Usage, refused.line())
            .why("it decides on what is acted, so without it something else would be")
            .next(format!(
                "keep what it names where root alone can write, or start halligan without it: env -u {} halligan ...",
                refused.name
            )));
    }
    for line in &inheritance.left_out {
        context.out.stderr.line(&visible(line));
    }
    Ok(inheritance)
}
