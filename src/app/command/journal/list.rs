//! `halligan journal list`: every run, and how it ended.

use std::{io::Write, path::Path};

use super::error::{JournalCommandError, Result, within};
use crate::{
    app::{
        command::printed,
        session::{operator::who, owing::untold, standing::RunStanding},
    },
    cli::RunFilter,
    event::{Mode, Outcome},
    journal::{
        history::histories,
        reader::{Runs, Snapshot, runs},
        summary::RunSummary,
    },
    words::{self, moment::local, sanitise::line as visible},
};

/// The runs that are asked for, the latest last; one JSON object a line with `json`.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn list(out: &mut dyn Write, dir: &Path, filter: &RunFilter, json: bool) -> Result<u8> {
    let snapshot = match within(dir, Snapshot::take(dir)) {
        Err(JournalCommandError::None { .. }) if within(dir, untold(dir, None))?.is_none() => {
            if !json {
                writeln!(out, "No runs: nothing was recorded yet in {}", visible(&dir.display().to_string()))?;
            }
            return Ok(0);
        }
        snapshot => snapshot?,
    };
    let Runs { mut runs, unreadable } = within(dir, runs(&snapshot))?;
    let there = runs.len();
    retain(&mut runs, filter, dir);
    if !json && runs.is_empty() && there > 0 {
        writeln!(out, "None of the {there} runs fits.")?;
        return told_unreadable(out, unreadable);
    }
    if json {
        for run in &runs {
            writeln!(out, "{}", printed::line(run)?)?;
        }
        return Ok(0);
    }
    // What a run leaves behind that has not simply ended stands in its other records.
    let untold =
        |run: &&RunSummary| run.owes || !matches!(run.outcome, None | Some(Outcome::Completed | Outcome::Blocked | Outcome::Declined));
    let histories = within(dir, histories(&snapshot, &runs.iter().filter(untold).map(|run| (run.id, run.extent)).collect()))?;
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
            RunStanding::of(dir, run)
                .words(histories.get(&run.id).filter(|history| history.unreadable == 0).map(|history| &history.past.state)),
        ]
    }));
    let widths: Vec<usize> = (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    told_unreadable(out, unreadable)
}

fn told_unreadable(out: &mut dyn Write, unreadable: u64) -> Result<u8> {
    if unreadable > 0 {
        writeln!(out, "{unreadable} lines could not be read: `halligan journal verify` says why")?;
    }
    Ok(0)
}

/// Leaves the runs that are asked for.
fn retain(runs: &mut Vec<RunSummary>, filter: &RunFilter, dir: &Path) {
    let RunFilter { last, failed, real, since } = filter;
    let since = since.as_ref().map(|since| since.moment(&jiff::Zoned::now()));
    runs.retain(|run| {
        let fits = (!real || run.mode == Mode::Real) && since.is_none_or(|since| run.opened >= since);
        fits && (!failed || has_failed(run, dir))
    });
    if let Some(last) = last {
        runs.drain(..runs.len().saturating_sub(*last));
    }
}

/// It has ended, and not as it should have.
fn has_failed(run: &RunSummary, dir: &Path) -> bool {
    match RunStanding::of(dir, run) {
        RunStanding::Running | RunStanding::Unknown { .. } => false,
        RunStanding::Ended(outcome) => outcome != Outcome::Completed || run.owes,
        RunStanding::Left | RunStanding::Crashed | RunStanding::Rebooted => true,
    }
}
