//! A run that was left: found in the journal, held against what is so now, and made ready to be taken up.

use std::{path::PathBuf, sync::Arc};

use super::{
    adoption::{self, Accepted},
    conduct::Signals,
    inherited,
    journal::{journal_directory, journal_failure, open_journal},
    load,
    parameters::{Gathering, Reality},
    recorded::recorded_text,
    run_name,
};
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli::{self, Subcommands},
    event::{Effect, Event, Mode, Opening, Place, RunId},
    exec::{
        alive::{Alive, alive, of_run},
        lock::RunLock,
    },
    inheritance::Inheritance,
    inventory::Inventory,
    journal::{
        Durability, JournalError,
        history::{History, history},
        mark::machine,
        reader::{Snapshot, runs},
        salvage::salvage,
        verify::verify_further,
    },
    plan::Plan,
    ports::{Ask, Behind, Ledger, LedgerError, Prompt, Question, Urgency},
    runbook::{
        library::LibraryError,
        model::{Runbook, SourceText},
        resolve,
    },
    ui::{flags::Flags, prompt::TerminalPrompt},
    words,
};

/// A run that was left. Nobody else takes it up while this is there.
pub(crate) struct Left {
    pub history: History,
    pub opening: Opening,
    pub directory: PathBuf,
    /// The journal does not verify, and the operator accepts that.
    pub doubted: bool,
    /// The machine was started anew since its last record.
    pub rebooted: bool,
    /// What was found of its records outside the journal, in words.
    elsewhere: Vec<String>,
    /// Commands of it that are still running.
    pub running: Vec<(Place, Alive)>,
    /// The journal as it was gone through for this.
    pub snapshot: Option<Snapshot>,
    _lock: RunLock,
}

/// How often a command that is still running is looked at.
const GLANCE: std::time::Duration = std::time::Duration::from_millis(200);

impl Left {
    /// Finds the run that is meant: by its id or the beginning of it, else the latest real one.
    ///
    /// # Errors
    /// The first rule that keeps it from being taken up.
    pub(crate) fn find(context: &Context, given: Option<&str>, accepted: Accepted<'_>) -> Result<Self, Failure> {
        let directory = journal_directory(context)?;
        let unusable = |error: JournalError| journal_failure(&directory, &error);
        let snapshot = Snapshot::to_verify(&directory).map_err(unusable)?;
        let found = runs(&snapshot).map_err(unusable)?.runs;
        let summary = run_name::find_or_latest(found, given).map_err(|unknown| unknown.failure(context))?;
        if summary.mode != Mode::Real {
            return Err(Failure::new(
                ProgramExit::Usage,
                format!("run {} is a rehearsal or a dry run; only real runs can be resumed or rolled back", summary.id),
            )
            .suggest("run its runbook for real:", context.line(Subcommands::run(&summary.runbook))));
        }
        Self::take(context, summary.id, accepted, Some(snapshot))
    }

    /// Takes one run up. `known`: the journal as it was gone through before, if it was.
    ///
    /// # Errors
    /// As for [`Left::find`].
    pub(crate) fn take(context: &Context, id: RunId, accepted: Accepted<'_>, known: Option<Snapshot>) -> Result<Self, Failure> {
        let directory = journal_directory(context)?;
        let unusable = |error: JournalError| journal_failure(&directory, &error);
        let lock = RunLock::take(&directory.join("locks"), id.number())
            .map_err(|error| Failure::new(ProgramExit::Journal, format!("the lock of run {id} cannot be taken: {error}")))?
            .ok_or_else(|| {
                Failure::new(ProgramExit::Stopped, format!("run {id} is still running in another halligan process"))
                    .why("one run is never executed twice at once")
                    .next("wait until that process ends; its lock is released then")
            })?;
        // What its holder wrote last is there by now.
        let snapshot = known.map_or_else(|| Snapshot::to_verify(&directory), |known| known.renewed(&directory)).map_err(unusable)?;
        let doubted = intact(context, &directory, &snapshot, id, accepted.damaged)?;
        let snapshot = snapshot.renewed(&directory).map_err(unusable)?;
        let history = history(&snapshot, id).map_err(unusable)?;
        let found = history.and_then(|history| Some((history.past.opening.clone()?, history)));
        let Some((opening, mut history)) = found else {
            return Err(Failure::new(ProgramExit::Journal, format!("the first record of run {id} cannot be read")));
        };
        if !accepted.by_hand {
            same_system(id, &opening)?;
        }
        adoption::ours(context, &directory, &snapshot, &history, &accepted)?;
        let elsewhere = if doubted { Vec::new() } else { take_over(context, &directory, &mut history)? };
        let boot_id = crate::journal::identity::Identity::read().boot_id;
        let running = still_running(&history, &boot_id);
        let rebooted = history.boot_id != boot_id;
        Ok(Self { history, opening, directory, doubted, rebooted, elsewhere, running, snapshot: Some(snapshot), _lock: lock })
    }

    /// Rebuilds the plan as it was recorded, and what its commands are started in. With `as_it_is_now`, the runbook must not have
    /// changed since.
    ///
    /// # Errors
    /// The runbook or a parameter differs from what was recorded.
    pub(crate) fn plan(
        &mut self,
        context: &Context,
        how: &cli::TakingUp,
        asking: &TerminalPrompt<'_>,
        password: Option<&str>,
        as_it_is_now: bool,
    ) -> Result<(Plan, Inheritance), Failure> {
        let id = self.history.run;
        let recorded = &self.opening.plan;
        let runbook = recorded
            .text
            .as_deref()
            .and_then(|text| recorded_text(&self.opening.source, text, &self.opening.runbook_sha256))
            .ok_or_else(|| Failure::new(ProgramExit::BadRunbook, format!("the records of run {id} do not contain its runbook")))?;
        let mut called = std::collections::BTreeMap::new();
        for (name, about) in recorded.called.iter().flatten() {
            let source = recorded_text(&about.source, &about.text, &about.sha256).ok_or_else(|| {
                Failure::new(ProgramExit::BadRunbook, format!("the records of run {id} do not contain the runbook {name}"))
            })?;
            if as_it_is_now {
                unchanged(context, id, &source)?;
            }
            let inner = checked(context, source)?;
            called.insert(inner.name.clone(), inner);
        }
        if as_it_is_now {
            unchanged(context, id, &runbook)?;
        }
        let loaded = load::Loaded { runbook: checked(context, runbook)?, called };
        // A secret was not recorded, and no value that held one: it is given again, or asked for.
        let whole = |(name, value): &(&String, &serde_json::Value)| !value.is_null() && !recorded.masked.contains(*name);
        let values = self.opening.params.iter().filter(whole).map(|(name, value)| (name.clone(), value.clone()));
        let inherited = inherited::kept(context, self.opening.surroundings.as_ref(), &loaded)?;
        let inventory = self.inventory(context, &how.hosts)?;
        let plan =
            Gathering { context, loaded: &loaded, inventory, asking, world: Reality::Real(&inherited), password, allow_unheld: true }
                .plan(values, &how.params)?;
        let secrets = plan.secrets();
        for (_, alive) in &mut self.running {
            // It may stand in the arguments of what a command has started.
            secrets.hide(&mut alive.command);
        }
        let now = plan.shown_params();
        // What was recorded before all secrets were masked may hold one.
        let was = |was: &serde_json::Value| secrets.mask_value(was);
        if let Some((name, was)) =
            self.opening.params.iter().map(|(name, value)| (name, was(value))).find(|(name, was)| now.get(*name) != Some(was))
        {
            let other = Failure::new(ProgramExit::Usage, format!("run {id} was started with other parameters"));
            if recorded.masked.contains(name) {
                // What is given now may hold the secret of then, which nobody knows here.
                return Err(other
                    .why(format!("a secret was masked in the recorded value of {name}, and the value is another now"))
                    .next(format!("give {name} and the secrets again as they were, in a file: --params FILE"))
                    .next("give --ask-sudo-password again, if it was given"));
            }
            let is = now.get(name).map_or_else(|| "not there".to_owned(), ToString::to_string);
            return Err(other
                .why(format!("{name} was {was}, and is {is} now"))
                .suggest("leave out --set, or start a new run:", context.line(Subcommands::run(&self.opening.runbook))));
        }
        Ok((plan, inherited))
    }

    /// The inventory that the run was begun with, by path and SHA-256.
    fn begun_with(&self) -> Option<(&str, &str)> {
        let inventory = self.opening.plan.inventory.as_ref()?;
        Some((&inventory.name, &inventory.sha256))
    }

    /// The inventory that is named; else the one that the run was begun with, which must be as it was: another one may send what
    /// is left of a run to other hosts.
    fn inventory(&self, context: &Context, hosts: &cli::Hosts) -> Result<Option<Arc<Inventory>>, Failure> {
        if hosts.inventory.is_some() {
            return load::inventory(context, hosts);
        }
        let Some((path, sha256)) = self.begun_with() else { return Ok(None) };
        let meant = |failure: Failure| {
            failure.next("name the inventory to continue with:  --inventory FILE").why(format!(
                "run {} was started with {path}, sha256 {sha256}: with another inventory a step could reach another host",
                self.history.run
            ))
        };
        match load::inventory(context, &cli::Hosts { inventory: Some(path.into()) }).map_err(meant)? {
            Some(now) if now.source.sha256 == sha256 => Ok(Some(now)),
            _ => Err(meant(Failure::new(ProgramExit::Usage, "the inventory has changed since the run began"))),
        }
    }

    /// What the operator must know before anything else, with a label each: records outside the journal, other hosts.
    #[must_use]
    pub(crate) fn remarks(&self, plan: &Plan) -> Vec<(&'static str, String)> {
        let elsewhere = self.elsewhere.iter().map(|text| ("elsewhere", text.clone()));
        let systems = self.history.past.state.systems.values();
        let systems = systems.map(|system| ("system", format!("{}; asked first whether it is still the same", system.name)));
        systems.chain(elsewhere).chain(self.other_inventory(plan).map(|text| ("hosts", text))).collect()
    }

    /// That the inventory is another one than at the beginning.
    fn other_inventory(&self, plan: &Plan) -> Option<String> {
        let now = plan.inventory.as_ref().map(|inventory| &inventory.source);
        match (self.begun_with(), now) {
            (Some((_, was)), Some(now)) if now.sha256 == was => None,
            (was, Some(now)) => {
                let was = was.map_or_else(|| "none".to_owned(), |(path, _)| format!("{path} as it was then"));
                Some(format!("those of {}; the run was started with {was}", now.name))
            }
            (_, None) => None,
        }
    }

    /// Waits for what is still running, if the operator says so.
    ///
    /// # Errors
    /// It goes on running, and nothing may be started beside it.
    pub(crate) fn wait(&mut self, context: &Context, prompt: &Flags<'_>, signals: &Signals) -> Result<(), Failure> {
        for (place, alive) in std::mem::take(&mut self.running) {
            let text = format!(
                "{place} is still running, as process {}:  {}\nyes: wait for that process to finish, then continue. no: stop here, the process keeps running.",
                alive.pid, alive.command
            );
            let question = Question { place: Some(place.clone()), ask: Ask::YesNo, text, behind: Behind::default() };
            match prompt.ask(&question) {
                Ok(crate::ports::Answer::Yes { .. }) => {}
                _ => {
                    return Err(Failure::new(ProgramExit::OperatorNeeded, format!("{place} is still running, as process {}", alive.pid))
                        .why(alive.command)
                        .why("halligan started nothing else")
                        .next("wait for the process or end it yourself, then repeat this command"));
                }
            }
            context.out.stderr.line(&format!("waiting for process {}; Ctrl-C stops waiting and leaves the process running", alive.pid));
            while let Some((_, still)) = still_running(&self.history, &self.history.boot_id).into_iter().find(|(other, _)| *other == place)
            {
                signals.interrupts.sleep(GLANCE, Urgency::None);
                if signals.interrupts.urgency() > Urgency::None {
                    return Err(Failure::new(
                        ProgramExit::Interrupted,
                        format!("process {} is still running; nothing was started", still.pid),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Commands that began in this start of the machine, never ended, and are there still.
fn still_running(history: &History, boot_id: &str) -> Vec<(Place, Alive)> {
    if history.boot_id != boot_id || boot_id.is_empty() {
        return Vec::new();
    }
    let changes = history.past.state.under_way.iter().filter(|(_, was)| was.effect != Effect::Read);
    let found = changes.filter_map(|((place, _), was)| {
        let alive = match was.process {
            Some((pid, start)) => alive(pid, start),
            // It may have been started, and halligan killed before it could say so.
            None => of_run(&history.run.to_string()),
        };
        alive.map(|alive| (place.clone(), alive))
    });
    found.collect()
}

/// A run that changes something on this machine alone is bound to it. Nothing overrides that, `--accept-copy` neither.
fn same_system(id: RunId, opening: &Opening) -> Result<(), Failure> {
    let Some(was) = opening.machine.as_deref().filter(|was| !adoption::is_here(Some(was))) else { return Ok(()) };
    let now = machine().map_or_else(|| "this machine has no machine-id".to_owned(), |now| format!("and this is:         machine {now}"));
    Err(Failure::new(ProgramExit::Blocked, "this is another system than the run is bound to")
        .why(format!("the run is bound to: machine {was}"))
        .why(now)
        .next(format!("take run {id} up on the machine that it changes"))
        .next("or record here what was put back by hand: debts --settled-by-hand PLACE=REASON"))
}

/// Rule 0: what a run has done is known only from a journal that holds. Says whether the operator accepts one that does not.
fn intact(
    context: &Context,
    directory: &std::path::Path,
    snapshot: &Snapshot,
    run: RunId,
    accepted: Option<&str>,
) -> Result<bool, Failure> {
    let found = verify_further(directory, snapshot).map_err(|error| journal_failure(directory, &error))?;
    if found.verdict.holds() {
        return Ok(false);
    }
    if found.torn_tail {
        // A line may lack nothing but its newline: what is read from here on is what stays.
        open_journal(context)?.mend(run).map_err(|error| journal_failure(directory, &error))?;
        return Ok(false);
    }
    let digest = found.hash.to_string();
    if accepted.is_some_and(|accepted| accepted.eq_ignore_ascii_case(&digest)) {
        return Ok(true);
    }
    Err(Failure::new(ProgramExit::Journal, "the journal failed verification, so what was done is unknown")
        .why(found.verdict.to_string())
        .next("find out what happened to the journal: `halligan journal verify`, with a head or a copy that was stored elsewhere")
        .next(format!("continue anyway; you are asked about every change:  --accept-damaged {digest}")))
}

/// Takes over into the journal what was kept elsewhere while it could not be written: what began then and has ended is not in
/// doubt. Each record is preceded by a note that says where it is from. Tells what was found.
fn take_over(context: &Context, directory: &std::path::Path, history: &mut History) -> Result<Vec<String>, Failure> {
    let unusable = |error: JournalError| journal_failure(directory, &error);
    let snapshot = Snapshot::take(directory).map_err(unusable)?;
    let Some(found) = salvage(directory, &snapshot, history).map_err(unusable)? else { return Ok(Vec::new()) };
    let path = found.path.display();
    let mut told = Vec::new();
    if !found.records.is_empty() {
        let ledger = open_journal(context)?.begin_run(history.run, Durability::EachRecord);
        let cannot =
            |error: LedgerError| Failure::new(ProgramExit::Journal, format!("the records kept in {path} cannot be imported: {error}"));
        for (hash, at, event) in &found.records {
            let text = format!("the journal could not be written then; the next record was kept elsewhere, at {at}, in {path}");
            ledger.append(&Event::Note { place: None, text, taken: Some(hash.to_string()), person: false }).map_err(cannot)?;
            ledger.append(event).map_err(cannot)?;
            told.push(match event {
                Event::StepEnded { place, part, verdict, .. } => format!("{place} {}", words::part_outcome(*part, verdict)),
                other => words::aloud(other.name()),
            });
        }
        told = vec![format!("{}; kept in {path} while the journal could not be written, imported now", told.join(", "))];
        let (last, boot_id) = (history.last, history.boot_id.clone());
        let snapshot = Snapshot::take(directory).map_err(unusable)?;
        if let Some(now) = crate::journal::history::history(&snapshot, history.run).map_err(unusable)? {
            *history = History { last, boot_id, ..now };
        }
    }
    if let Some(why) = found.refused {
        told.push(format!("{path} holds more records of this run, which cannot be trusted: {why}. Read that file before you answer"));
    }
    Ok(told)
}

/// Rule 1: the runbook is still what was begun. One that is no longer there has not been changed.
fn unchanged(context: &Context, id: RunId, source: &SourceText) -> Result<(), Failure> {
    let name = source.bundled_runbook().unwrap_or(&source.name);
    match context.library().find(name) {
        Ok(now) if now.sha256 == source.sha256 => Ok(()),
        Err(LibraryError::NotFound { .. }) => Ok(()),
        Ok(now) => Err(Failure::new(ProgramExit::BadRunbook, format!("{} has changed since run {id} was started", source.name))
            .why(format!("its SHA-256 was {}", source.sha256))
            .why(format!("and is now    {}", now.sha256))
            .next("restore the old text, which is in the run's first record")
            .suggest("or roll back and start a new run:", context.line(Subcommands::rollback(id)))),
        Err(error) => Err(Failure::new(ProgramExit::BadRunbook, format!("{} cannot be read: {error}", source.name))),
    }
}

fn checked(context: &Context, source: SourceText) -> Result<Arc<Runbook>, Failure> {
    let name = source.name.clone();
    let (runbook, report) = resolve(source);
    runbook.map(Arc::new).ok_or_else(|| {
        load::show_report(&context.out, &report);
        Failure::new(ProgramExit::BadRunbook, format!("this version of halligan finds errors in {name} and cannot run it"))
            .next("use the halligan version that started the run")
    })
}
