//! Runs of this host that have set something and not put it back.

use std::path::Path;

use super::journal::journal_directory;
use crate::{
    app::context::Context,
    cli::{Debts, Subcommands},
    event::RunId,
    exec::lock::{RunHold, RunLock},
    journal::{
        JournalError,
        history::{History, histories, may_owe},
        reader::Snapshot,
        verify::verify_further,
    },
    words::sanitise::line as visible,
};

/// Real runs of a journal that owe something and that nobody carries out now.
///
/// # Errors
/// The journal cannot be read.
pub(crate) fn indebted(directory: &Path, snapshot: &Snapshot) -> Result<Vec<History>, JournalError> {
    let mut order = may_owe(snapshot)?;
    // Where nobody can say whether it is carried out, it is told: better once too often.
    order.retain(|(id, _)| RunLock::look(&directory.join("locks"), id.number()) != RunHold::Held);
    let mut found = histories(snapshot, &order.iter().copied().collect())?;
    Ok(order.iter().filter_map(|(id, _)| found.remove(id)).filter(|history| !history.past.state.owed.is_empty()).collect())
}

/// Why more may be owed than the records of a directory say; nothing if they are whole.
///
/// # Errors
/// The journal cannot be read at all, or is newer than this program.
pub(crate) fn untold(directory: &Path, snapshot: Option<&Snapshot>) -> Result<Option<String>, JournalError> {
    if let Some(snapshot) = snapshot {
        let found = verify_further(directory, snapshot)?;
        // The end of a line that a crash cut off was never acknowledged: nothing had begun on the strength of it.
        if found.torn_tail || found.verdict.holds() && found.records > 0 {
            return Ok(None);
        }
        if !found.verdict.holds() {
            return Ok(Some(found.verdict.to_string()));
        }
    }
    let output = directory.join("output");
    let kept = std::fs::read_dir(&output).map_or(0, |entries| entries.filter_map(Result::ok).count());
    let gone =
        || format!("{} holds {kept} outputs of commands, but no record of them: the journal file was emptied or moved", output.display());
    Ok((kept > 0).then(gone))
}

/// Says in one line that earlier runs owe something, whatever else is done. What cannot be read is not made a fuss of here:
/// the journal itself is opened right after, and says so. `known`: the journal as it was gone through before, if it was.
pub(crate) fn remind(context: &Context, but: Option<RunId>, known: Option<Snapshot>) {
    let Ok(directory) = journal_directory(context) else { return };
    let snapshot = known.map_or_else(|| Snapshot::take(&directory), |known| known.renewed(&directory));
    let Ok(owing) = snapshot.and_then(|snapshot| indebted(&directory, &snapshot)) else { return };
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
