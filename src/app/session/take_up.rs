//! Taking up a run that was left: what resuming it, rolling it back and settling what it owes have in common.

use super::{
    beforehand,
    conduct::{self, Occasion, Screens, Signals},
    interrupted::Left,
    journal::open_journal,
    locks::{holder, lock_names, locks, shared_locks},
    notice::{Notifier, ToTell},
    operator::{hostname, operator},
    parameters,
};
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli::{self, Cli, TakingUp},
    event::{Mode, Outcome, Place},
    exec::{clock::RealClock, process::ProcessExecutor},
    inheritance::Inheritance,
    inventory::SharedLock,
    journal::{Durability, history::unfinished},
    plan::Plan,
    ports::Ledger,
    run::{Before, Ending, Ports, Setting, shared_lock::lock_place},
    ui::prompt::TerminalPrompt,
    words,
};

/// How a run is taken up.
type How = fn(&Plan, &Setting, Ports<'_>, &Before<'_>) -> Ending;

/// Everything about taking up that is not the run's own.
pub(crate) struct TakeUp<'a> {
    pub how: &'a TakingUp,
    /// The command to give again.
    pub again: Cli,
    /// How it ends if all goes as it was asked for.
    pub wanted: Outcome,
    /// Only what it owes is settled: the run stays as it is.
    pub settles: bool,
    /// For sudo, if the operator wants to give it.
    pub password: Option<String>,
    /// What its commands are started in.
    pub inherited: Inheritance,
}

/// Carries out what was agreed to, and shows how it ended.
pub(crate) fn take_up(
    context: &Context,
    left: &Left,
    plan: &Plan,
    text: String,
    manner: &TakeUp<'_>,
    signals: &Signals,
    how: How,
) -> Result<ProgramExit, Failure> {
    beforehand::held(plan, &manner.how.answers)?;
    let to_tell = ToTell::of(context, &manner.how.notify)?;
    let id = left.history.run;
    let operator = operator();
    let names = lock_names(plan)?;
    let shared_locks = shared_locks(plan, &names);
    still_shared(left, &shared_locks)?;
    let setting = Setting {
        run_id: id,
        operator,
        host: hostname(),
        mode: Mode::Real,
        step_by_step: manner.how.answers.step,
        shared_locks,
        surroundings: left.opening.surroundings.clone(),
        machine: left.opening.machine.clone(),
    };
    let _locks = locks(context, &names, &holder(&setting, plan))?;
    let journal = open_journal(context)?;
    let output =
        |sha256: &str| journal.read_output(sha256).map_err(|error| format!("the recorded output of a command cannot be read: {error}"));
    let before = Before {
        past: &left.history.past,
        output: &output,
        printed: unfinished(&left.directory, id),
        opened: left.history.opened,
        from: format!("where it was left at {}", left.history.last),
        text,
        doubted: left.doubted,
    };
    let ledger = journal.begin_run(id, Durability::EachRecord);
    let screens = Screens::new(context, manner.how.form, left.history.run, left.history.past.state.clone());
    let stdin = std::io::stdin();
    let prompt = conduct::terminal_prompt(context, &stdin, signals, Some(&screens));
    let (inherited, secrets) = (manner.inherited.clone(), plan.secrets().clone());
    let executor =
        ProcessExecutor::in_surroundings(inherited, secrets, plan.inventory.clone(), manner.password.clone()).of_run(&id.to_string());
    let clock = RealClock::start(&signals.interrupts);
    let notifier = Notifier::start(context, &to_tell, &setting, plan);
    let stage = Occasion {
        plan,
        setting,
        journal: journal.directory(),
        ledger: &ledger as &dyn Ledger,
        executor: &executor,
        shells: Some((&executor, prompt.turn())),
        clock: &clock,
        silent: None,
        notifier: &notifier,
        again: manner.again.clone(),
    };
    let carry_out = |plan: &Plan, setting: &Setting, ports: Ports<'_>| how(plan, setting, ports, &before);
    let (ending, mut told) = conduct::conduct(context, &stage, &screens, &manner.how.answers, &prompt, signals, carry_out);
    told.head = Some(journal.head().short());
    let sound = !ending.journal_failed && !ending.bug && ending.owed.is_empty();
    let exit = if sound && ending.outcome == manner.wanted {
        // It is what was asked for.
        told.completed = true;
        told.what.clear();
        told.why.clear();
        told.exit = Some(ProgramExit::Completed as u8);
        ProgramExit::Completed
    } else {
        ProgramExit::from(&ending)
    };
    if manner.settles {
        told.closing = format!("run {id} {}", words::settled(ending.owed.len()));
    }
    notifier.end(&mut told);
    conduct::last_screen(context, manner.how.form, &told);
    Ok(exit)
}

/// A shared lock that still stands in the run's name is given back before it is taken anew, and only the inventory says how.
fn still_shared(left: &Left, shared: &[(String, SharedLock)]) -> Result<(), Failure> {
    let known = |place: &Place| shared.iter().any(|(name, _)| *place == lock_place(name));
    match left.history.past.state.owed.keys().find(|place| place.is_lock() && !known(place)) {
        None => Ok(()),
        Some(place) => Err(Failure::new(
            ProgramExit::Usage,
            format!("run {} holds a shared lock that is in no inventory now: {place}", left.history.run),
        )
        .next("name the inventory that the run was started with:  --inventory FILE")),
    }
}

/// The password for sudo, where the operator wants to give it.
pub(crate) fn password(how: &TakingUp, asking: &TerminalPrompt<'_>) -> Result<Option<String>, Failure> {
    how.ask_sudo_password.then(|| parameters::sudo_password(asking)).transpose()
}

/// Shows what was found: beside JSON on standard error.
pub(crate) fn show(context: &Context, form: cli::Form, text: &str) {
    let stream = if form.is_json() { &context.out.stderr } else { &context.out.stdout };
    stream.text(text);
}
