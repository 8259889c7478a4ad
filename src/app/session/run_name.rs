//! The run that is meant by a name on the command line.

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli::Subcommands,
    event::{Mode, RunId},
    journal::summary::RunSummary,
};

/// No run, or no one run, has this name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownRun {
    #[error("there is no run `{given}` in the journal")]
    None { given: String },
    #[error("`{given}` could be any of these runs: {}", candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Many { given: String, candidates: Vec<RunId> },
    #[error("there is no real run in the journal")]
    Empty,
}

impl UnknownRun {
    /// A refusal, with what would help.
    #[must_use]
    pub(crate) fn failure(&self, context: &Context) -> Failure {
        let failure = Failure::of(ProgramExit::Usage, self);
        match self {
            Self::None { .. } | Self::Empty => failure.suggest("list all runs:", context.line(Subcommands::journal_list())),
            Self::Many { .. } => failure.next("give more digits of the run id"),
        }
    }
}

/// The run with this name, or the only one whose name begins so.
///
/// # Errors
/// There is none, or more than one.
pub(crate) fn find(runs: Vec<RunSummary>, given: &str) -> Result<RunSummary, UnknownRun> {
    let mut matching: Vec<_> = runs.into_iter().filter(|run| !given.is_empty() && run.id.to_string().starts_with(given)).collect();
    match matching.len() {
        1 => Ok(matching.remove(0)),
        0 => Err(UnknownRun::None { given: given.to_owned() }),
        _ => {
            let candidates = matching.iter().map(|run| run.id).collect();
            Err(UnknownRun::Many { given: given.to_owned(), candidates })
        }
    }
}

/// The run that is named; else the latest real one.
///
/// # Errors
/// As for [`find`]; or there is no real run.
pub(crate) fn find_or_latest(runs: Vec<RunSummary>, given: Option<&str>) -> Result<RunSummary, UnknownRun> {
    match given {
        Some(given) => find(runs, given),
        None => runs.into_iter().rfind(|run| run.mode == Mode::Real).ok_or(UnknownRun::Empty),
    }
}
