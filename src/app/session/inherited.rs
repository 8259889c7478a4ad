//! What the operator must know of what commands inherit, before anything is started.

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    inheritance::Inheritance,
    secret::Secrets,
    surroundings::Surroundings,
    words::{self, sanitise::line as visible},
};

/// What commands inherit of this process. Says in a line each what is not passed on to them.
///
/// # Errors
/// A variable decides on what would be acted, and somebody else than root could have a say in it.
pub(crate) fn tell(context: &Context) -> Result<Inheritance, Failure> {
    told(context, Inheritance::of_process())
}

/// What the commands of a run that is taken up are started in: what it was begun in, if that is known. Says where that differs from now.
///
/// # Errors
/// As for [`tell`]; or what was kept is not there any more.
pub(crate) fn kept(context: &Context, surroundings: Option<&Surroundings>) -> Result<Inheritance, Failure> {
    let now = Inheritance::of_process();
    let Some(kept) = surroundings else { return told(context, now) };
    let inheritance = Inheritance::of_run(kept, &now)
        .map_err(|why| Failure::new(ProgramExit::Usage, why).next("take the run up where it was begun, with the same variables"))?;
    let inheritance = told(context, inheritance)?;
    let (then, now) = (inheritance.surroundings(&Secrets::default()), now.surroundings(&Secrets::default()));
    for line in words::differences(&then, &now) {
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
