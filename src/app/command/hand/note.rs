//! `halligan note`: what a person has to say of a run, in its journal.

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            journal::{journal_directory, journal_failure, open_journal},
            run_name,
        },
    },
    cli,
    event::Event,
    journal::{
        Durability, JournalError,
        reader::{Snapshot, runs},
    },
    ports::Ledger,
    words::sanitise::line as visible,
};

/// Records the note. It goes beside what the run itself records: several processes append to one journal, under its lock.
///
/// # Errors
/// The journal cannot be used, there is no such run, or there is nothing to note.
pub(super) fn note(context: &Context, args: &cli::NoteArgs) -> Result<ProgramExit, Failure> {
    let text = args.text.join(" ");
    if text.trim().is_empty() {
        return Err(Failure::new(ProgramExit::Usage, "the note is empty"));
    }
    let directory = journal_directory(context)?;
    let unusable = |error: JournalError| journal_failure(&directory, &error);
    let snapshot = Snapshot::take(&directory).map_err(unusable)?;
    // To note something is no reason to go on with a journal here whose original may be in use.
    if let Some(why) = snapshot.copied().map_err(unusable)? {
        return Err(Failure::new(ProgramExit::OperatorNeeded, format!("the journal in {} is a copy: {why}", directory.display()))
            .why("what is noted here is not seen in the original")
            .next("write the note on the host of the run"));
    }
    let run = run_name::find(runs(&snapshot).map_err(unusable)?.runs, &args.run).map_err(|unknown| unknown.failure(context))?;
    let ledger = open_journal(context)?.begin_run(run.id, Durability::EachRecord);
    let event = Event::Note { place: None, text, taken: None, person: true }.cut_to_record();
    ledger.append(&event).map_err(|error| Failure::new(ProgramExit::Journal, format!("the note is not recorded: {error}")))?;
    context.out.stdout.line(&format!("noted in run {}  {}", run.id, visible(&run.runbook)));
    Ok(ProgramExit::Completed)
}
