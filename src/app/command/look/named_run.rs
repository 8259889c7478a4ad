//! A run that is looked at by its name, with what tells of it.

use std::path::PathBuf;

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            journal::{journal_directory, journal_failure},
            looked::Looked,
            run_name,
        },
    },
    event::Opening,
    journal::{
        JournalError,
        reader::{Snapshot, runs},
    },
};

/// A run that was asked for by its name.
pub(super) struct NamedRun {
    pub looked: Looked,
    pub opening: Opening,
    /// The journal's head at its end, as a line of text.
    pub head: String,
    /// The journal's directory.
    pub directory: PathBuf,
    /// The journal as it was read.
    pub snapshot: Snapshot,
}

/// Looks at a run by its name.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub(super) fn named(context: &Context, run: &str) -> Result<NamedRun, Failure> {
    let directory = journal_directory(context)?;
    let unusable = |error: JournalError| journal_failure(&directory, &error);
    let snapshot = Snapshot::take(&directory).map_err(unusable)?;
    let all = runs(&snapshot).map_err(unusable)?.runs;
    let summary = run_name::find(all, run).map_err(|unknown| unknown.failure(context))?;
    let id = summary.id;
    let unreadable = || Failure::new(ProgramExit::Journal, format!("the first record of run {id} cannot be read"));
    let looked = Looked::at(&directory, &snapshot, vec![summary]).map_err(unusable)?.pop().ok_or_else(unreadable)?;
    let opening = looked.chronicle.past.opening.clone().ok_or_else(unreadable)?;
    let head = looked.chronicle.head(&snapshot, &looked.summary.host, &directory).map_err(unusable)?.to_string();
    Ok(NamedRun { looked, opening, head, directory, snapshot })
}
