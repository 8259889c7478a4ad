//! Runs of this host that have set something and not put it back.

use std::path::Path;

use super::journal::journal_directory;
use crate::{
    app::context::Context,
    cli::{Debts, Subcommands},
    event::RunId,
    exec::lock::RunLock,
    journal::{
        JournalError,
        history::{History, history, may_owe},
        reader::Snapshot,
    },
    words::sanitise::line as visible,
};

/// Real runs of a journal that owe something and that nobody carries out now.
///
/// # Errors
/// The journal cannot be read.
pub(crate) fn indebted(directory: &Path, snapshot: &Snapshot) -> Result<Vec<History>, JournalError> {
    let mut found = Vec::new();
    for id in may_owe(snapshot)? {
        if RunLock::held(&directory.join("locks"), id.number()) {
            continue;
        }
        if let Some(history) = history(snapshot, id)?
            && !history.past.state.owed.is_empty()
        {
            found.push(history);
        }
    }
    Ok(found)
}

/// Says in one line that earlier runs owe something, whatever else is done. What cannot be read is not made a fuss of here:
/// the journal itself is opened right after, and says so.
pub(crate) fn remind(context: &Context, but: Option<RunId>) {
    let Ok(directory) = journal_directory(context) else { return };
    let Ok(owing) = Snapshot::take(&directory).and_then(|snapshot| indebted(&directory, &snapshot)) else { return };
    let owing: Vec<String> = owing
        .iter()
        .filter(|history| Some(history.run) != but)
        .map(|history| {
            let places: Vec<_> = history.past.state.owed.keys().map(ToString::to_string).collect();
            format!("run {} owes {}", history.run, places.join(", "))
        })
        .collect();
    if !owing.is_empty() {
        context.out.stderr.line(&format!(
            "cleanups owed on this host: {}   (list: {})",
            visible(&owing.join("; ")),
            context.line(Subcommands::Debts(Debts::default()))
        ));
    }
}
