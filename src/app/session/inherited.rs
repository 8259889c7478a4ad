//! What the operator must know of what commands inherit, before anything is started.

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    inheritance::Inheritance,
    words::sanitise::line as visible,
};

/// Says in a line each what is not passed on to commands.
///
/// # Errors
/// A variable decides on what would be acted, and somebody else than root could have a say in it.
pub(crate) fn tell(context: &Context) -> Result<(), Failure> {
    let inheritance = Inheritance::of_process();
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
    Ok(())
}
