//! `halligan run`.

use std::sync::Arc;

use super::{
    Context, Failure,
    conduct::{self, Screens, Signals, Stage},
    debts,
    exit::Exit,
    failure::explain,
    load, parameters,
};
use crate::{
    cli,
    event::{Mode, RunId},
    inventory::SharedLock,
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
    let inventory = load::inventory(context, &args.hosts)?;
    let choices = ProcessExecutor::new(Secrets::default(), inventory.clone(), None);
    let plan = parameters::plan(context, &loaded, inventory.clone(), [], &args.params, &asking, &choices)?;
    drop(choices);
    let password = if args.ask_sudo_password { Some(parameters::sudo_password(&asking)?) } else { None };
    let journal = open_journal(context)?;
    let id = RunId::new().map_err(|error| Failure::new(Exit::Bug, format!("the operating system gives no randomness: {error}")))?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Real };
    let operator = parameters::operator();
    let mut setting = Setting {
        run_id: id.to_string(),
        operator: operator.clone(),
        host: hostname(),
        mode,
        step_by_step: args.answers.step,
        shared_locks: Vec::new(),
    };
    let _locks = match mode {
        Mode::Real => {
            let names = lock_names(&plan)?;
            setting.shared_locks = shared_locks(&plan, &names);
            let holder = format!("run {id} of {} by {operator} on {}, pid {}", plan.runbook.name, setting.host, std::process::id());
            locks(context, &names, &holder)?
        }
        Mode::DryRun | Mode::Rehearsal => Locks::default(),
    };
    let _run = match mode {
        Mode::Real => {
            debts::remind(context, None);
            Some(carried_out(context, id)?)
        }
        Mode::DryRun | Mode::Rehearsal => None,
    };
    let secrets = Secrets::new(plan.bound.secret_values().chain(password.as_deref()));
    let ledger = journal.begin_run(id, Durability::EachRecord);
    let screens = Screens::new(context, args.output);
    let prompt = conduct::terminal_prompt(context, &stdin, &signals, Some(&screens));
    let process = ProcessExecutor::new(secrets, inventory, password).of_run(&id.to_string());
    let dry = DryExecutor(&process);
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
    RunLock::take(&directory, id.number()).map_err(|error| cannot(explain(&error)))?.ok_or_else(|| cannot("it is held".to_owned()))
}

/// Those of a run's locks that the inventory says are shared.
pub(super) fn shared_locks(plan: &Plan, names: &[String]) -> Vec<(String, SharedLock)> {
    let known = plan.inventory.iter().flat_map(|inventory| &inventory.locks);
    let mut shared: Vec<_> = known.filter(|(name, _)| names.contains(name)).map(|(name, lock)| (name.clone(), lock.clone())).collect();
    // In one order for everybody, so that two runs cannot wait for each other.
    shared.sort_by(|(a, _), (b, _)| a.cmp(b));
    shared
}

/// The names of the locks that a plan needs, those of the runbooks that it calls too.
pub(super) fn lock_names(plan: &Plan) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut scope = Scope::new(Arc::new(plan.runbook.vars.clone()));
    scope.set("params", plan.bound.scope_value());
    scope.set("inventory", plan.inventory_value());
    let own = (scope, &plan.runbook);
    let called = plan.called.values().map(|runbook| {
        // What a called runbook is given is known only when it is called, and a lock is held from the beginning.
        let mut scope = Scope::new(Arc::new(runbook.vars.clone()));
        scope.set_unknown("params");
        scope.set("inventory", plan.inventory_value());
        (scope, runbook)
    });
    for (scope, runbook) in std::iter::once(own).chain(called) {
        for template in &runbook.locks {
            let bad = |why: String| Failure::new(Exit::BadRunbook, format!("the lock `{template}` of {} {why}", runbook.name));
            match scope.text(template) {
                Ok(Evaluated::Known(name)) => names.push(name),
                Ok(Evaluated::Unknown(needs)) => {
                    return Err(bad(format!("needs {}, which is not known before the run", needs.join(", ")))
                        .next("give it a name without parameters"));
                }
                Err(error) => return Err(bad(format!("cannot be named: {error}"))),
            }
        }
    }
    Ok(names)
}

pub(super) fn locks(context: &Context, names: &[String], holder: &str) -> Result<Locks, Failure> {
    Locks::take(&journal_directory(context)?.join("locks"), names, holder).map_err(|error| match &error {
        LockError::Held { holder, .. } => {
            let run = holder.strip_prefix("run ").and_then(|rest| rest.split(' ').next()).unwrap_or("RUN").to_owned();
            Failure::new(Exit::Stopped, error.to_string())
                .why("two runs that hold one lock never run at once")
                .next(format!("see what it is doing, and wait for it:  halligan journal show {}", quote::word(&run)))
                .next("have its operator press Ctrl-C there: the lock goes with its process, and nothing else needs to be released")
        }
        LockError::Unusable { .. } => Failure::of(Exit::Journal, &error),
    })
}

/// The command line, to be given again with another flag.
fn again(args: &cli::Run) -> String {
    let mut words = vec!["halligan".to_owned(), "run".to_owned(), args.runbook.clone()];
    if let Some(inventory) = &args.hosts.inventory {
        words.extend(["--inventory".to_owned(), inventory.display().to_string()]);
    }
    words.extend(conduct::flags_again(&args.params, &args.answers));
    words.iter().map(|word| quote::word(word).into_owned()).collect::<Vec<_>>().join(" ")
}
