//! `halligan watch`: the live screen of a run, from another terminal. Read-only.

use std::{path::Path, thread, time::Duration};

use jiff::Timestamp;

use crate::{
    app::{
        command::journal::replayed::Replayed,
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            earlier::paces,
            journal::{journal_directory, journal_failure},
            run_name,
            standing::RunStanding,
        },
    },
    cli::{self, LookCommand, Subcommands},
    event::{Event, RunId, RunState, moment::Moment, state::Phase},
    exec::lock::{RunHold, RunLock},
    journal::{
        JournalError,
        identity::Identity,
        live::{LiveFile, LiveState},
        reader::{Snapshot, runs},
        record::{Glance, Line},
        summary::RunSummary,
    },
    ui::onlooker::Onlooker,
    words::sanitise::line as visible,
};

/// How often it is looked for something new: short for a reader, and nothing beside one step of a run.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows a run until it ends: the one that is named, else the only one that is running. Ends as the run does.
///
/// # Errors
/// There is no such run, or the journal cannot be read.
pub(super) fn watch(context: &Context, args: &cli::Watch) -> Result<ProgramExit, Failure> {
    let directory = journal_directory(context)?;
    let unusable = |error: JournalError| journal_failure(&directory, &error);
    let mut snapshot = Snapshot::take(&directory).map_err(|error| match error {
        JournalError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => none_runs(context),
        error => unusable(error),
    })?;
    let found = runs(&snapshot).map_err(unusable)?.runs;
    let summary = match &args.run {
        Some(given) => run_name::find(found.clone(), given).map_err(|unknown| unknown.failure(context))?,
        None => the_running(context, &directory, found.clone())?,
    };
    let mut watched = Watched::new(context, &directory, summary.id, args.form.is_json());
    watched.header(context, &summary, args.form.is_json());
    watched.records(&snapshot, None).map_err(unusable)?;
    watched.caught_up();
    // Its own items that are over are among them.
    watched.onlooker.learn(paces(&snapshot, found, &summary.runbook, summary.mode, None).map_err(unusable)?);
    loop {
        // What is written before the process ends is there to be read after it has.
        let hold = RunLock::look(&directory.join("locks"), summary.id.number());
        if let Some(now) = snapshot.grown(&directory).map_err(unusable)? {
            watched.records(&now, Some(&snapshot)).map_err(unusable)?;
            snapshot = now;
        }
        let live = watched.figures();
        let closed = match watched.state.phase {
            // What a killed process has left beside the journal says nothing.
            Phase::Closed(outcome) if !live || hold == RunHold::Free => Some(outcome),
            _ => None,
        };
        if let Some(outcome) = closed {
            return Ok(ProgramExit::of_run(outcome, &watched.state));
        }
        if hold == RunHold::Free {
            return Err(ended_without_a_record(context, &directory, summary.id));
        }
        if context.out.stdout.fault().is_some() {
            return Ok(ProgramExit::Completed);
        }
        thread::sleep(PAUSE);
    }
}

fn none_runs(context: &Context) -> Failure {
    Failure::new(ProgramExit::Usage, "no run is running on this host")
        .suggest("see what was left, and what is owed:", context.line(Subcommands::Look(LookCommand::Status(cli::Status::default()))))
        .suggest("list all runs:", context.line(Subcommands::journal_list()))
}

/// The only run that is carried out now.
fn the_running(context: &Context, directory: &Path, runs: Vec<RunSummary>) -> Result<RunSummary, Failure> {
    let boot_id = Identity::read().boot_id;
    let is_running = |run: &RunSummary| match RunStanding::of(directory, run) {
        RunStanding::Running => true,
        RunStanding::Ended(_) => LiveFile::of(directory, run.id).read(&boot_id).is_some(),
        _ => false,
    };
    let mut running: Vec<_> = runs.into_iter().filter(is_running).collect();
    match running.len() {
        0 => Err(none_runs(context)),
        1 => Ok(running.remove(0)),
        count => {
            let mut failure = Failure::new(ProgramExit::Usage, format!("{count} runs are running: name one"));
            for run in running {
                let watch = context.line(Subcommands::Look(LookCommand::watch(run.id)));
                failure = failure.suggest(&visible(&format!("{}:", run.runbook)), watch);
            }
            Err(failure)
        }
    }
}

/// The process is gone, and has recorded no end.
fn ended_without_a_record(context: &Context, directory: &Path, run: RunId) -> Failure {
    let found = Snapshot::take(directory).and_then(|snapshot| runs(&snapshot)).map(|found| found.runs).unwrap_or_default();
    let words = found.iter().find(|summary| summary.id == run).map(|summary| RunStanding::of(directory, summary).words(None));
    Failure::new(ProgramExit::CheckFailed, format!("run {run}: {}", words.as_deref().unwrap_or(crate::words::CRASHED)))
        .suggest("see what is in doubt and owed:", context.line(Subcommands::Look(LookCommand::status(run))))
        .suggest("continue the run:", context.line(Subcommands::resume(run)))
}

/// What has been shown of a run.
struct Watched {
    run: RunId,
    live: LiveFile,
    boot_id: String,
    onlooker: Onlooker,
    replayed: Replayed,
    state: RunState,
    /// What was begun before anybody looked on: when, and the event.
    begun: Vec<(Moment, Event)>,
    caught_up: bool,
    /// What the run has said of itself last.
    said: Option<LiveState>,
}

impl Watched {
    fn new(context: &Context, directory: &Path, run: RunId, json: bool) -> Self {
        Self {
            run,
            live: LiveFile::of(directory, run),
            boot_id: Identity::read().boot_id,
            onlooker: Onlooker::new(context.out.stdout.clone(), run, json),
            replayed: Replayed::from(directory),
            state: RunState::default(),
            begun: Vec::new(),
            caught_up: false,
            said: None,
        }
    }

    /// Says which run this is, and what the keys do here.
    fn header(&self, context: &Context, summary: &RunSummary, json: bool) {
        if json {
            return;
        }
        let pid = self.live.read(&self.boot_id).map(|live| format!(", pid {}", live.pid)).unwrap_or_default();
        context.out.stderr.line(&visible(&format!("watching run {} of {}{pid}; Ctrl-C ends only the watching", self.run, summary.runbook)));
    }

    /// Shows the records of a snapshot that an earlier one lacks.
    fn records(&mut self, snapshot: &Snapshot, earlier: Option<&Snapshot>) -> Result<(), JournalError> {
        let mut lines = earlier.map_or_else(|| snapshot.lines(), |earlier| snapshot.lines_after(earlier));
        while let Some(line) = lines.read().map_err(JournalError::reading)? {
            if Glance::at(line.bytes).is_none_or(|glance| glance.run != self.run) {
                continue;
            }
            // Damage is for `verify` to find; what can be read is shown.
            let Ok(Line::Record(record)) = Line::read(line.bytes) else { continue };
            let at = record.header.moment();
            let Some(event) = self.replayed.event(record.body) else { continue };
            let _ = self.state.apply(&event);
            if self.caught_up {
                self.onlooker.event(at, &event);
                continue;
            }
            self.onlooker.past(at, &event);
            if matches!(event, Event::StepBegan { .. }) {
                self.begun.push((at, event));
            }
        }
        Ok(())
    }

    /// From here on it is looked on live: what was begun before and goes on is drawn.
    fn caught_up(&mut self) {
        self.caught_up = true;
        for (at, event) in std::mem::take(&mut self.begun) {
            let Event::StepBegan { place, part, attempt, command, .. } = &event else { continue };
            let under_way = self.state.under_way.get(&(place.clone(), *part));
            if under_way.is_some_and(|under_way| under_way.attempt == *attempt) && self.live.read(&self.boot_id).is_some() {
                self.onlooker.goes_on(at, place, *part, command);
            }
        }
    }

    /// Shows what the run says of itself, as far as it is new. Whether it says anything.
    fn figures(&mut self) -> bool {
        let Some(now) = self.live.read(&self.boot_id) else { return false };
        let said = self.said.take();
        let new = |asked: &Timestamp| Moment { ts: *asked, ..Moment::now() };
        for question in &now.questions {
            if said.as_ref().is_none_or(|said| !said.questions.contains(question)) {
                // The plan, and what was found of a run, are long: whoever is asked has them.
                let text = if question.place.is_some() { question.text.as_str() } else { "" };
                self.onlooker.question(new(&question.asked), question.place.as_ref(), text, &question.prompt);
            }
        }
        for figures in &now.figures {
            if said.as_ref().is_none_or(|said| !said.figures.contains(figures)) {
                self.onlooker.progress(new(&figures.at), &figures.progress);
            }
        }
        self.said = Some(now);
        true
    }
}
