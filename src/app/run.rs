//! `halligan run`.

use super::{
    Context, Failure,
    conduct::{self, Screens, Signals, Stage},
    debts,
    exit::Exit,
    load, parameters,
};
use crate::{
    cli,
    event::{Mode, RunId},
    journal::{self, Durability, Journal, JournalError},
    plan::{Evaluated, Plan, Scope},
    ports::{Executor, Ledger, Prompt},
    run::{
        Setting,
        clock::RealClock,
        dry::{DryExecutor, DryPrompt},
        lock::{LockError, Locks, RunLock},
        mask::Secrets,
        process::ProcessExecutor,
    },
    trust::{self, Distrust},
    ui::quote,
};

/// Carries out a runbook, or tells what it would do.
///
/// # Errors
/// Something is wrong before it can begin.
pub fn run(context: &Context, args: &cli::Run) -> Result<Exit, Failure> {
    let loaded = load::load_for_run(context, &args.runbook, args.expect_sha256.as_deref())?;
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = parameters::plan(context, &loaded, [], &args.params, &asking, &ProcessExecutor::new(Secrets::default()))?;
    let journal = open_journal(context)?;
    let id = RunId::new().map_err(|error| Failure::new(Exit::Bug, format!("the operating system gives no randomness: {error}")))?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Real };
    let operator = parameters::operator();
    let setting = Setting { run_id: id.to_string(), operator: operator.clone(), host: hostname(), mode, step_by_step: args.answers.step };
    let _locks = match mode {
        Mode::Real => locks(context, &plan, &format!("run {id} of {} by {operator}, pid {}", plan.runbook.name, std::process::id()))?,
        Mode::DryRun | Mode::Rehearsal => Locks::default(),
    };
    let _run = match mode {
        Mode::Real => {
            debts::remind(context, None);
            Some(carried_out(context, id)?)
        }
        Mode::DryRun | Mode::Rehearsal => None,
    };
    let secrets = Secrets::new(plan.bound.secret_values());
    let ledger = journal.begin_run(id, Durability::EachRecord);
    let screens = Screens::new(context, args.output);
    let prompt = conduct::terminal_prompt(context, &stdin, &signals, Some(&screens));
    let process = ProcessExecutor::new(secrets).of_run(&id.to_string());
    let dry = DryExecutor(ProcessExecutor::new(Secrets::new(plan.bound.secret_values())));
    let (executor, silent): (&dyn Executor, Option<&dyn Prompt>) = if args.dry_run { (&dry, Some(&DryPrompt)) } else { (&process, None) };
    let clock = RealClock::start(&signals.interrupts);
    let stage = Stage { plan: &plan, setting, ledger: &ledger as &dyn Ledger, executor, clock: &clock, silent, again: again(args) };
    let (ending, mut told) = conduct::conduct(context, &stage, &screens, &args.answers, &prompt, &signals, crate::run::run);
    told.head = Some(journal.head().short());
    conduct::last_screen(context, args.output, &told);
    Ok(Exit::from(&ending))
}

/// Opens the journal of this host.
///
/// # Errors
/// It cannot be kept, and nothing that changes anything runs unjournaled.
pub fn open_journal(context: &Context) -> Result<Journal, Failure> {
    let directory = journal_directory(context)?;
    if trust::needed()
        && let Err(Distrust::Exposed(exposed)) = trust::directory(&directory)
    {
        return Err(Failure::new(Exit::Journal, format!("the journal in {} cannot be trusted: {exposed}", directory.display()))
            .next(exposed.hint())
            .next("or name another directory with --journal-dir"));
    }
    Journal::open(&directory).map_err(|error| journal_failure(&directory, &error))
}

/// Why the journal cannot be used, and what helps.
pub(super) fn journal_failure(directory: &std::path::Path, error: &JournalError) -> Failure {
    let mut failure = Failure::new(Exit::Journal, format!("the journal in {} cannot be used: {error}", directory.display()));
    if let Some(source) = std::error::Error::source(error) {
        failure = failure.why(source.to_string());
    }
    failure.next(error.hint())
}

/// Where the journal is kept.
///
/// # Errors
/// Nobody says, and there is no home.
pub fn journal_directory(context: &Context) -> Result<std::path::PathBuf, Failure> {
    context.global.journal_dir.clone().or_else(journal::default_dir).ok_or_else(|| {
        Failure::new(Exit::Journal, "there is no home directory to keep the journal in").next("name a directory with --journal-dir")
    })
}

/// The name of this host.
#[must_use]
pub fn hostname() -> String {
    nix::unistd::gethostname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Shows others that the run is under way, for as long as this process lives.
fn carried_out(context: &Context, id: RunId) -> Result<RunLock, Failure> {
    let cannot = |why: String| Failure::new(Exit::Journal, format!("the lock of run {id} cannot be taken: {why}"));
    let directory = journal_directory(context)?.join("locks");
    RunLock::take(&directory, id.number()).map_err(|error| cannot(error.to_string()))?.ok_or_else(|| cannot("it is held".to_owned()))
}

pub(super) fn locks(context: &Context, plan: &Plan, holder: &str) -> Result<Locks, Failure> {
    let mut scope = Scope::new(std::sync::Arc::new(plan.runbook.vars.clone()));
    scope.set("params", plan.bound.scope_value());
    let mut names = Vec::new();
    for template in &plan.runbook.locks {
        match scope.text(template) {
            Ok(Evaluated::Known(name)) => names.push(name),
            Ok(Evaluated::Unknown(needs)) => {
                return Err(Failure::new(
                    Exit::BadRunbook,
                    format!("the lock `{template}` needs {}, which is not known before the run", needs.join(", ")),
                ));
            }
            Err(error) => return Err(Failure::new(Exit::BadRunbook, format!("the lock `{template}` cannot be named: {error}"))),
        }
    }
    Locks::take(&journal_directory(context)?.join("locks"), &names, holder).map_err(|error| match &error {
        LockError::Held { .. } => Failure::new(Exit::Stopped, error.to_string())
            .why("two runs that hold one lock never run at once")
            .next("wait for it, or see with that operator what it is doing; the lock goes with its process"),
        LockError::Unusable { source, .. } => Failure::new(Exit::Journal, format!("{error}: {source}")),
    })
}

/// The command line, to be given again with another flag.
fn again(args: &cli::Run) -> String {
    let mut words = vec!["halligan".to_owned(), "run".to_owned(), args.runbook.clone()];
    words.extend(conduct::flags_again(&args.params, &args.answers));
    words.iter().map(|word| quote::word(word).into_owned()).collect::<Vec<_>>().join(" ")
}
