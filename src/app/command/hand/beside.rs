//! The run that somebody works beside, and the journal in which that is recorded.

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
    journal::{
        Durability, JournalError,
        reader::{Snapshot, runs},
        summary::RunSummary,
        writer::RunLedger,
    },
};

/// Finds the run, and opens its journal to write to. What is written goes beside what the run itself records: several processes append to
/// one journal, under its lock.
///
/// # Errors
/// The journal cannot be used, or there is no such run.
pub(super) fn beside(context: &Context, run: &str) -> Result<(RunSummary, RunLedger), Failure> {
    let directory = journal_directory(context)?;
    let unusable = |error: JournalError| journal_failure(&directory, &error);
    let snapshot = Snapshot::take(&directory).map_err(unusable)?;
    // This is no reason to go on with a journal here whose original may be in use.
    if let Some(why) = snapshot.copied().map_err(unusable)? {
        return Err(Failure::new(ProgramExit::OperatorNeeded, format!("the journal in {} is a copy: {why}", directory.display()))
            .why("what is recorded here is not seen in the original")
            .next("use the journal on the host of the run"));
    }
    let run = run_name::find(runs(&snapshot).map_err(unusable)?.runs, run).map_err(|unknown| unknown.failure(context))?;
    let ledger = open_journal(context)?.begin_run(run.id, Durability::EachRecord);
    Ok((run, ledger))
}
