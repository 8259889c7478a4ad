//! What an operator does by hand beside a run, recorded in its journal.

mod beside;
mod note;
mod shell;

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli::HandCommand,
};

/// Does what one of them says.
///
/// # Errors
/// The journal cannot be used, or there is no such run.
pub(super) fn hand(context: &Context, command: &HandCommand) -> Result<ProgramExit, Failure> {
    match command {
        HandCommand::Note(args) => note::note(context, args),
        HandCommand::Shell(args) => shell::shell(context, args),
    }
}
