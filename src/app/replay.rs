//! From the journal to the stage: rehearsing what a run had recorded, and writing a scenario from it.

use std::{fs, io, path::Path, sync::Arc};

use super::{
    Context, Failure,
    exit::Exit,
    journal as command,
    load::{self, Loaded},
    run,
    trial::{Manner, Trial},
    wrong::Wrong,
};
use crate::{
    event::{Captured, Event},
    journal::{
        Digest,
        reader::{Snapshot, runs},
        record::{Glance, Line},
    },
    rehearse::{
        Fault, Scenario,
        recorded::{Recorded, Written},
    },
    runbook::{library, model::Origin, name::RunbookName},
};

/// A run as the journal has it.
struct Run {
    id: String,
    runbook: String,
    began: jiff::Timestamp,
    events: Vec<Event>,
}

/// The scenario that answers as the run's own commands did, with its name.
///
/// # Errors
/// The run cannot be read, or is one of another runbook. The inner error is what is wrong with the scenario.
pub fn scenario(context: &Context, given: &str, loaded: &Loaded) -> Result<(String, Result<Scenario, Vec<Fault>>), Failure> {
    let run = read(context, given)?;
    if run.runbook != loaded.runbook.name.as_str() {
        return Err(Failure::new(Exit::Usage, format!("run {} is one of {}, not of {}", run.id, run.runbook, loaded.runbook.name)));
    }
    let name = format!("run-{}", run.id);
    let written = written(context, &run, &name, loaded)?;
    Ok((name.clone(), parsed(&name, &written).map_err(|error| error.faults)))
}

/// Writes a scenario from a run, for a person to generalise, and says whether it holds as it is.
///
/// # Errors
/// The run cannot be read, or the files cannot be written.
pub fn new(context: &Context, name: &str, given: &str, directory: Option<&Path>) -> Result<Exit, Failure> {
    RunbookName::new(name).map_err(|error| Failure::new(Exit::Usage, format!("a scenario's name is like a runbook's: {error}")))?;
    let run = read(context, given)?;
    let loaded = load::load(context, &run.runbook)?;
    let directory = match (directory, &loaded.runbook.source.origin) {
        (Some(directory), _) => directory.to_owned(),
        (None, Origin::File(path)) => path.parent().unwrap_or(Path::new(".")).join("scenarios").join(loaded.runbook.name.as_str()),
        (None, Origin::Bundled) => {
            return Err(Failure::new(Exit::Usage, format!("{} is bundled, and has no folder to write to", loaded.runbook.name))
                .next("say where to write it with --directory"));
        }
    };
    let written = written(context, &run, name, &loaded)?;
    let file = directory.join(format!("{name}.yaml"));
    let cannot = |path: &Path, error: &io::Error| Failure::new(Exit::Usage, format!("{} cannot be written: {error}", path.display()));
    for (path, bytes) in
        written.files.iter().map(|(path, bytes)| (directory.join(path), bytes.as_slice())).chain([(file.clone(), written.text.as_bytes())])
    {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
        // What somebody has written there is never written over.
        let mut new = fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| cannot(&path, &error))?;
        io::Write::write_all(&mut new, bytes).map_err(|error| cannot(&path, &error))?;
    }
    let out = &context.out.stdout;
    out.line(&format!("{} written, with {} files of output", file.display(), written.files.len()));
    let wrong = held(&file.display().to_string(), &written, &loaded);
    for one in &wrong {
        out.line(&one.told(&loaded, &context.out));
    }
    if wrong.is_empty() {
        out.line("it holds as it is; give it a world, and rules that hold for more than this one run");
        return Ok(Exit::Completed);
    }
    out.line("it does not hold as it is: what differs stands above");
    Ok(Exit::CheckFailed)
}

fn parsed(name: &str, written: &Written) -> Result<Scenario, crate::rehearse::ScenarioError> {
    Scenario::read(name, &written.text, &|path: &str| written.files.get(path).cloned().ok_or_else(|| format!("there is no {path}")))
}

/// What keeps a scenario that was written from holding.
fn held(name: &str, written: &Written, loaded: &Loaded) -> Vec<Wrong> {
    let scenario = match parsed(name, written) {
        Ok(scenario) => scenario,
        Err(error) => return error.faults.iter().map(Wrong::from).collect(),
    };
    match Trial::of(name, Arc::new(scenario), loaded) {
        Ok(trial) => trial.run(&Manner::default()).held_against_expectations(),
        Err(wrong) => wrong,
    }
}

fn written(context: &Context, run: &Run, name: &str, loaded: &Loaded) -> Result<Written, Failure> {
    let outputs = run::journal_directory(context)?.join("output");
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
    let cannot = |why| Failure::new(Exit::CheckFailed, format!("no scenario can be made of run {}: {why}", run.id));
    let whole = recorded.written(true).map_err(cannot)?;
    // Where a run ended is a matter of judgement for some endings: it is left out where it would not hold.
    if held(name, &whole, loaded).iter().any(|wrong| wrong.what.starts_with("at\n")) {
        return recorded.written(false).map_err(cannot);
    }
    Ok(whole)
}

fn read(context: &Context, given: &str) -> Result<Run, Failure> {
    let directory = run::journal_directory(context)?;
    let journal = |error: crate::journal::JournalError| {
        Failure::new(Exit::Journal, format!("the journal in {} cannot be used: {error}", directory.display())).next(error.hint())
    };
    let snapshot = Snapshot::take(&directory).map_err(journal)?;
    let found = runs(&snapshot).map_err(journal)?;
    let summary = command::choose(found.runs, given).map_err(|error| Failure::of(Exit::Usage, &error).hint(error.hint()))?;
    let mut events = Vec::new();
    let mut lines = snapshot.lines();
    let cannot = |why: String| Failure::new(Exit::Journal, format!("the records of run {} cannot be read: {why}", summary.id));
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
    Ok(Run { id: summary.id.to_string(), runbook, began: summary.opened, events })
}
