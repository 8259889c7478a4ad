//! How long the steps of a runbook took in earlier runs of it on this host.

use std::{collections::BTreeSet, path::Path, thread};

use crate::{
    event::{Mode, Paces, RunId},
    journal::{
        JournalError,
        reader::{Snapshot, runs},
        record::{Glance, Line},
        summary::RunSummary,
    },
    ui::terminal::Screen,
};

/// So many runs are looked at, the latest.
const RUNS: usize = 30;

/// Lets a screen know of the earlier runs, as soon as they are read: nothing waits for that. A journal that cannot be read teaches nothing, and
/// what is wrong with it is said where it matters.
pub(super) fn teach(screen: &Screen, journal: &Path, runbook: &str, mode: Mode, but: RunId) {
    let (screen, journal, runbook) = (screen.clone(), journal.to_owned(), runbook.to_owned());
    let learn = move || {
        let paces = Snapshot::take(&journal).and_then(|snapshot| {
            let all = runs(&snapshot)?.runs;
            paces(&snapshot, all, &runbook, mode, Some(but))
        });
        match paces {
            Ok(paces) => screen.learn(paces),
            Err(error) => tracing::debug!(%error, "how long steps took before is not known"),
        }
    };
    if let Err(error) = thread::Builder::new().name("earlier".to_owned()).spawn(learn) {
        tracing::debug!(%error, "how long steps took before is not looked up");
    }
}

/// How long steps took in the latest of these runs, `but` this one: only in those in the same mode, since the times of a rehearsal say nothing of a real run.
///
/// # Errors
/// The journal cannot be read.
pub(crate) fn paces(
    snapshot: &Snapshot,
    all: Vec<RunSummary>,
    runbook: &str,
    mode: Mode,
    but: Option<RunId>,
) -> Result<Paces, JournalError> {
    let mut alike: Vec<RunSummary> =
        all.into_iter().filter(|run| run.runbook == runbook && run.mode == mode && Some(run.id) != but).collect();
    alike.drain(..alike.len().saturating_sub(RUNS));
    let ids: BTreeSet<RunId> = alike.iter().map(|run| run.id).collect();
    let mut paces = Paces::default();
    let mut lines = snapshot.stretches(alike.iter().map(|run| run.extent));
    while let Some(raw) = lines.read().map_err(JournalError::reading)? {
        if !Glance::at(raw.bytes).is_some_and(|glance| glance.kind == b"step_ended" && ids.contains(&glance.run)) {
            continue;
        }
        if let Ok(Line::Record(record)) = Line::read(raw.bytes)
            && let Some(event) = record.body.into_event()
        {
            paces.note(&event);
        }
    }
    Ok(paces)
}
