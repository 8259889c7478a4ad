//! `halligan note`: what a person has to say of a run, in its journal.

use super::beside::beside;
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli,
    event::Event,
    ports::Ledger,
    words::sanitise::line as visible,
};

/// Records the note.
///
/// # Errors
/// The journal cannot be used, there is no such run, or there is nothing to note.
pub(super) fn note(context: &Context, args: &cli::NoteArgs) -> Result<ProgramExit, Failure> {
    let text = args.text.join(" ");
    if text.trim().is_empty() {
        return Err(Failure::new(ProgramExit::Usage, "the note is empty"));
    }
    let (run, ledger) = beside(context, &args.run)?;
    let event = Event::Note { place: None, text, taken: None, person: true }.cut_to_record();
    ledger.append(&event).map_err(|error| Failure::new(ProgramExit::Journal, format!("the note is not recorded: {error}")))?;
    context.out.stdout.line(&format!("noted in run {}  {}", run.id, visible(&run.runbook)));
    Ok(ProgramExit::Completed)
}
