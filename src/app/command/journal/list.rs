//! `halligan journal list`: every run, and how it ended.

use std::{
    io::{self, Write},
    path::Path,
};

use super::error::{Result, within};
use crate::{
    app::session::operator::who,
    event::{Outcome, RunState},
    exec::lock::RunLock,
    journal::{
        history::histories,
        identity::Identity,
        reader::{RunSummary, Runs, Snapshot, runs},
    },
    words::{
        self,
        moment::local,
        sanitise::{self, line as visible},
    },
};

/// All runs, the latest last; one JSON object a line with `json`.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn list(out: &mut dyn Write, dir: &Path, json: bool) -> Result<u8> {
    let snapshot = within(dir, Snapshot::take(dir))?;
    let Runs { runs, unreadable } = within(dir, runs(&snapshot))?;
    if json {
        for run in &runs {
            let json = serde_json::to_string(run).map_err(io::Error::from)?;
            writeln!(out, "{}", sanitise::json(&json))?;
        }
        return Ok(0);
    }
    // What a run leaves behind that has not simply ended stands in its other records.
    let untold =
        |run: &&RunSummary| run.owes || !matches!(run.outcome, None | Some(Outcome::Completed | Outcome::Blocked | Outcome::Declined));
    let histories = within(dir, histories(&snapshot, &runs.iter().filter(untold).map(|run| run.id).collect()))?;
    let mut rows = vec![["RUN", "BEGAN", "RUNBOOK", "MODE", "DONE", "WHO", "ENDED"].map(String::from)];
    rows.extend(runs.iter().map(|run| {
        // A step in a loop counts once for each of its items, and a plan counts it once: one is not a part of the other.
        let steps = run.planned.map_or_else(|| "-".to_owned(), |_| run.settled.to_string());
        [
            run.id.to_string(),
            local(run.opened).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
            visible(&run.runbook).into_owned(),
            words::mode_name(run.mode).to_owned(),
            steps,
            visible(&who(run.uid, run.login_uid)).into_owned(),
            ending(run, histories.get(&run.id).filter(|history| history.unreadable == 0).map(|history| &history.past.state), dir),
        ]
    }));
    let widths: Vec<usize> = (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    if unreadable > 0 {
        writeln!(out, "{unreadable} lines could not be read: `halligan journal verify` says why")?;
    }
    Ok(0)
}

/// How a run of this journal ended, or that it has not. What it leaves behind is told where its `state` is known.
#[must_use]
pub(super) fn ending(run: &RunSummary, state: Option<&RunState>, dir: &Path) -> String {
    match (run.outcome, state) {
        (Some(_), Some(state)) => {
            let (ended, remains) = words::left(state);
            ended + &remains
        }
        (Some(closed), None) => words::outcome(closed).1.to_owned(),
        (None, _) if RunLock::held(&dir.join("locks"), run.id.number()) => "running".to_owned(),
        (None, _) if run.boot_id == Identity::read().boot_id => words::CRASHED.to_owned(),
        (None, _) => "interrupted (host rebooted)".to_owned(),
    }
}
