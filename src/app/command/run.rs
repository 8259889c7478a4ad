//! `halligan run`.

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            beforehand,
            conduct::{self, Occasion, Screens, Signals},
            inherited,
            journal::open_journal,
            load,
            locks::{carried_out, holder, lock_names, locks, shared_locks},
            notice::{Notifier, ToTell},
            operator::{hostname, operator},
            owing::remind,
            parameters::{self, Gathering, Reality},
            unheld,
        },
    },
    cli,
    event::{Mode, RunId, RunState},
    exec::{
        clock::RealClock,
        dry::{DryExecutor, DryPrompt},
        lock::Locks,
        process::ProcessExecutor,
    },
    journal::{Durability, mark::machine},
    ports::{Executor, Ledger, Prompt},
    run::{Setting, foretell},
};

/// Carries out a runbook, or tells what it would do.
///
/// # Errors
/// Something is wrong before it can begin.
pub(crate) fn run(context: &Context, args: &cli::Run) -> Result<ProgramExit, Failure> {
    let loaded = load::load_for_run(context, &args.runbook, args.expect_sha256.as_deref())?;
    let to_tell = ToTell::of(context, &args.notify)?;
    let inherited = inherited::tell(context, &loaded)?;
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let inventory = load::inventory(context, &args.hosts)?;
    let password = if args.ask_sudo_password { Some(parameters::sudo_password(&asking)?) } else { None };
    let gathering = Gathering {
        context,
        loaded: &loaded,
        inventory: inventory.clone(),
        asking: &asking,
        world: Reality::Real(&inherited),
        password: password.as_deref(),
        allow_unheld: !args.dry_run || args.allow_unheld,
    };
    let plan = gathering.plan([], &args.params)?;
    beforehand::held(&plan, &args.answers)?;
    let journal = open_journal(context)?;
    let id = RunId::new().map_err(|error| Failure::new(ProgramExit::Bug, format!("the operating system gives no randomness: {error}")))?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Real };
    let operator = operator();
    tracing::debug!(run = %id, mode = ?mode, runbook = %plan.runbook.name, operator, "a new run");
    let mut setting = Setting {
        run_id: id,
        operator: operator.clone(),
        host: hostname(),
        mode,
        step_by_step: args.answers.step,
        shared_locks: Vec::new(),
        surroundings: Some(inherited::surroundings(context, &inherited, plan.secrets())?),
        machine: machine().filter(|_| plan.changes_this_machine()),
    };
    let _locks = match mode {
        Mode::Real => {
            let names = lock_names(&plan)?;
            setting.shared_locks = shared_locks(&plan, &names);
            locks(context, &names, &holder(&setting, &plan))?
        }
        Mode::DryRun | Mode::Rehearsal => Locks::default(),
    };
    if mode == Mode::Real {
        remind(context, None, None);
    }
    let _run = carried_out(context, id)?;
    let ledger = journal.begin_run(id, Durability::EachRecord);
    let screens = Screens::new(context, args.form, id, RunState::default());
    let prompt = conduct::terminal_prompt(context, &stdin, &signals, Some(&screens));
    let process = ProcessExecutor::in_surroundings(inherited, plan.secrets().clone(), inventory, password).of_run(&id.to_string());
    let allow_unheld = args.dry_run && unheld::may_run(&foretell(&plan, &process), args.allow_unheld, &prompt);
    let dry = DryExecutor { executor: &process, allow_unheld };
    let (executor, silent): (&dyn Executor, Option<&dyn Prompt>) = if args.dry_run { (&dry, Some(&DryPrompt)) } else { (&process, None) };
    let clock = RealClock::start(&signals.interrupts);
    let notifier = Notifier::start(context, &to_tell, &setting, &plan);
    let stage = Occasion {
        plan: &plan,
        setting,
        journal: journal.directory(),
        ledger: &ledger as &dyn Ledger,
        executor,
        shells: (!args.dry_run).then(|| (&process, prompt.turn())),
        clock: &clock,
        silent,
        notifier: &notifier,
        again: context.cli(cli::Subcommands::Run(args.clone())),
    };
    let (ending, mut told) = conduct::conduct(context, &stage, &screens, &args.answers, &prompt, &signals, crate::run::run);
    told.head = Some(journal.head().short());
    notifier.end(&mut told);
    conduct::last_screen(context, args.form, &told);
    Ok(ProgramExit::from(&ending))
}
