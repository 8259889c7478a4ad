//! What was found, for programs.

use serde::Serialize;

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    words::sanitise,
};

/// Prints `what` was found as a line of JSON.
pub(super) fn print_json(context: &Context, what: &str, found: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(found)
        .map_err(|error| Failure::new(ProgramExit::Bug, format!("the {what} cannot be written as JSON: {error}")))?;
    context.out.stdout.line(&sanitise::json(&text));
    Ok(())
}
