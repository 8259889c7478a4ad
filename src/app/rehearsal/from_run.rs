//! From the journal to the stage: a scenario of what a run had recorded.

use std::{fs, sync::Arc};

use super::{
    trial::{Gone, Trial, TrialManner},
    wrong::Wrong,
};
use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{journal::journal_directory, load::Loaded, run_name},
    },
    digest::Digest,
    event::{Captured, Event},
    journal::{
        reader::{Snapshot, runs},
        record::{Glance, Line},
    },
    rehearse::{
        Scenario, ScenarioFault,
        recorded::{Recorded, WrittenScenario},
    },
    runbook::library,
};

/// A run as the journal has it.
pub(crate) struct RecordedRun {
    pub id: String,
    pub runbook: String,
    began: jiff::Timestamp,
    events: Vec<Event>,
}

/// The scenario that answers as the run's own commands did, with its name.
///
/// # Errors
/// The run cannot be read, or is one of another runbook. The inner error is what is wrong with the scenario.
pub(crate) fn scenario(context: &Context, given: &str, loaded: &Loaded) -> Result<(String, Result<Scenario, Vec<ScenarioFault>>), Failure> {
    let run = read(context, given)?;
    if run.runbook != loaded.runbook.name.as_str() {
        return Err(Failure::new(ProgramExit::Usage, format!("run {} is one of {}, not of {}", run.id, run.runbook, loaded.runbook.name)));
    }
    let name = format!("run-{}", run.id);
    let written = written(context, &run, &name, loaded)?;
    Ok((name.clone(), parsed(&name, &written).map_err(|error| error.faults)))
}

fn parsed(name: &str, written: &WrittenScenario) -> Result<Scenario, crate::rehearse::ScenarioError> {
    Scenario::read(name, &written.text, &|path: &str| written.files.get(path).cloned().ok_or_else(|| format!("there is no {path}")))
}

/// What keeps a scenario that was written from holding.
pub(crate) fn held(name: &str, written: &WrittenScenario, loaded: &Loaded) -> Vec<Wrong> {
    tried(name, written, loaded).map_or_else(|wrong| wrong, |gone| gone.held_against_expectations())
}

/// Rehearses a scenario that was written.
fn tried(name: &str, written: &WrittenScenario, loaded: &Loaded) -> Result<Gone, Vec<Wrong>> {
    let scenario = parsed(name, written).map_err(|error| error.faults.iter().map(Wrong::from).collect::<Vec<_>>())?;
    Ok(Trial::of(name, Arc::new(scenario), loaded)?.run(&TrialManner::default()))
}

/// The scenario of a run, with the files of what its commands had printed.
///
/// # Errors
/// It cannot be made.
pub(crate) fn written(context: &Context, run: &RecordedRun, name: &str, loaded: &Loaded) -> Result<WrittenScenario, Failure> {
    let outputs = journal_directory(context)?.join("output");
    let output = |captured: &Captured| {
        if captured.sha256 == Captured::EMPTY || captured.bytes == 0 {
            return Ok(Vec::new());
        }
        let bytes = fs::read(outputs.join(&captured.sha256)).map_err(|error| format!("output/{}: {error}", captured.sha256))?;
        if Digest::of(&bytes).to_string() == captured.sha256 {
            Ok(bytes)
        } else {
            Err(format!("output/{} has been altered", captured.sha256))
        }
    };
    let recorded = Recorded {
        name,
        run: run.id.clone(),
        events: &run.events,
        began: run.began,
        output: &output,
        programs: &loaded.runbook.requires.commands,
    };
    let cannot = |why| Failure::new(ProgramExit::CheckFailed, format!("no scenario can be made of run {}: {why}", run.id));
    let whole = recorded.written(true).map_err(cannot)?;
    // Where a run ended is a matter of judgement for some endings: it is left out where it would not hold.
    if tried(name, &whole, loaded).is_ok_and(|gone| gone.ended_elsewhere()) {
        return recorded.written(false).map_err(cannot);
    }
    Ok(whole)
}

/// Reads a run.
///
/// # Errors
/// There is no such run, or a record of it cannot be read.
pub(crate) fn read(context: &Context, given: &str) -> Result<RecordedRun, Failure> {
    let directory = journal_directory(context)?;
    let journal = |error: crate::journal::JournalError| {
        Failure::new(ProgramExit::Journal, format!("the journal in {} cannot be used: {error}", directory.display())).next(error.hint())
    };
    let snapshot = Snapshot::take(&directory).map_err(journal)?;
    let found = runs(&snapshot).map_err(journal)?;
    let summary = run_name::find(found.runs, given).map_err(|unknown| unknown.failure(context))?;
    let mut events = Vec::new();
    let mut lines = snapshot.stretches([summary.extent]);
    let cannot = |why: String| Failure::new(ProgramExit::Journal, format!("the records of run {} cannot be read: {why}", summary.id));
    while let Some(raw) = lines.read().map_err(|error| cannot(error.to_string()))? {
        if Glance::at(raw.bytes).is_none_or(|glance| glance.run != summary.id) {
            continue;
        }
        match Line::read(raw.bytes) {
            Ok(Line::Record(record)) => events.extend(record.body.into_event()),
            Ok(Line::Newer { v, .. }) => return Err(cannot(format!("line {} is in format {v}", raw.number))),
            Err(fault) => return Err(cannot(format!("line {}: {fault}", raw.number))),
        }
    }
    let runbook = if library::is_path(&summary.runbook) { String::new() } else { summary.runbook };
    Ok(RecordedRun { id: summary.id.to_string(), runbook, began: summary.opened, events })
}
