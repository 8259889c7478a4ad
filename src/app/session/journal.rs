//! The journal of this host: where it is, opened for a run, and why it cannot be used.

use std::path::{Path, PathBuf};

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    journal::{self, Journal, JournalError},
    trust::{self, Distrust},
};

/// Opens the journal of this host.
///
/// # Errors
/// It cannot be kept, and nothing that changes anything runs unjournaled.
pub(crate) fn open_journal(context: &Context) -> Result<Journal, Failure> {
    let directory = journal_directory(context)?;
    if trust::needed()
        && let Err(Distrust::Exposed(exposed)) = trust::directory(&directory)
    {
        return Err(Failure::new(ProgramExit::Journal, format!("the journal in {} cannot be trusted: {exposed}", directory.display()))
            .next(exposed.hint())
            .next("or name another directory with --journal-dir"));
    }
    Journal::open(&directory).map_err(|error| journal_failure(&directory, &error))
}

/// Why the journal cannot be used, and what helps.
pub(crate) fn journal_failure(directory: &Path, error: &JournalError) -> Failure {
    let mut failure = Failure::new(ProgramExit::Journal, format!("the journal in {} cannot be used: {error}", directory.display()));
    if let Some(source) = std::error::Error::source(error) {
        failure = failure.why(source.to_string());
    }
    failure.next(error.hint())
}

/// Where the journal is kept.
///
/// # Errors
/// Nobody says, and there is no home.
pub(crate) fn journal_directory(context: &Context) -> Result<PathBuf, Failure> {
    let settled = context.settings.journal_dir.as_ref().map(|said| said.value.clone());
    let directory = context.global.journal_dir.clone().or(settled).or_else(journal::default_dir);
    if let Some(directory) = &directory {
        tracing::trace!(directory = %directory.display(), named = context.global.journal_dir.is_some(), "the journal is kept here");
    }
    directory.ok_or_else(|| {
        Failure::new(ProgramExit::Journal, "there is no home directory to keep the journal in").next("name a directory with --journal-dir")
    })
}
