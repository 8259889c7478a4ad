//! `halligan journal`: what was done on this host, and whether the record of it holds.

mod archive;
mod error;
mod export;
mod leftovers;
mod list;
mod raw;
pub(super) mod replayed;
mod show;
mod tail;
mod verify;

pub(super) use archive::ArchiveReport;
pub(super) use export::{ExportReport, ExportVerdict, SignReport};
pub(super) use leftovers::LeftoversReport;
pub(super) use verify::{HeadReport, VerifyReport};

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure, session::journal::journal_directory},
    cli::JournalCommand,
};

/// Does what one of its commands says.
///
/// # Errors
/// The journal cannot be used, or there is no such run.
pub(crate) fn journal(context: &Context, command: &JournalCommand) -> Result<ProgramExit, Failure> {
    let directory = journal_directory(context)?;
    let mut out = &context.out.stdout;
    let page = out.is_terminal().then(|| out.page());
    // A record as it stands is the same bytes for a program.
    let mut unchanged = out.unchanged();
    let done = match command {
        JournalCommand::List { filter, form } => list::list(&mut out, &directory, filter, form.is_json()),
        JournalCommand::Show { run, form } if form.is_json() && page.is_none() => show::show(&mut unchanged, &directory, run, true, None),
        JournalCommand::Show { run, form } => show::show(&mut out, &directory, run, form.is_json(), page),
        JournalCommand::Verify { export, head, allowed_signers, form } => {
            let (stderr, signers) = (&mut &context.out.stderr, allowed_signers.as_deref());
            match export {
                Some(path) => export::verify_export(&mut out, stderr, path, head, signers, form.is_json()),
                None => export::heads(stderr, &directory, head, signers)
                    .and_then(|heads| verify::verify(&mut out, &directory, &heads, form.is_json())),
            }
        }
        JournalCommand::Sign { key, form } => export::sign(&mut out, &directory, key, form.is_json()),
        JournalCommand::Export { run, to, through, form } => export::write_export(&mut out, &directory, run, to, *through, form.is_json()),
        JournalCommand::Tail { number, follow, form } if form.is_json() && page.is_none() => {
            tail::tail(&mut unchanged, &directory, *number, true, *follow, false)
        }
        JournalCommand::Tail { number, follow, form } => tail::tail(&mut out, &directory, *number, form.is_json(), *follow, page.is_some()),
        // These two write to the journal.
        JournalCommand::Archive { before, form } => return archive::archive(context, &directory, before.as_ref(), *form),
        JournalCommand::Leftovers { remove, yes, form } => return leftovers::leftovers(context, &directory, *remove, *yes, *form),
        JournalCommand::Head { form } => verify::head(&mut out, &directory, form.is_json()),
    };
    match done {
        Ok(0) => Ok(ProgramExit::Completed),
        Ok(_) => Ok(ProgramExit::CheckFailed),
        Err(error::JournalCommandError::Run(unknown)) => Err(unknown.failure(context)),
        Err(error) => Err(Failure::of(error.exit(), &error).hint(error.hint())),
    }
}

#[cfg(test)]
mod tests;
