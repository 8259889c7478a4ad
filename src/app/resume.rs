//! `halligan resume` and `halligan rollback`: going on with a run that was left, or taking it back.

use std::collections::BTreeMap;

use super::{
    Context, Failure,
    conduct::{self, Screens, Signals, Stage},
    debts,
    exit::Exit,
    found,
    left::{self, Left},
    parameters, run,
};
use crate::{
    cli,
    event::{Mode, Outcome, Place, state::Phase},
    inventory::SharedLock,
    journal::{Durability, history::unfinished},
    plan::{Plan, remaining},
    ports::Ledger,
    run::{Before, Ending, Ports, Setting, clock::RealClock, lock_place, mask::Secrets, process::ProcessExecutor},
    runbook::model::Undo,
    ui::{flags::Flags, layout::Page, prompt::TerminalPrompt, quote, style::Style},
};

/// How a run is taken up.
type How = fn(&Plan, &Setting, Ports<'_>, &Before<'_>) -> Ending;

/// Everything about taking up that is not the run's own.
pub(super) struct Manner<'a> {
    pub answers: &'a cli::Answers,
    pub output: cli::Output,
    /// The command to give again.
    pub again: String,
    /// How it ends if all goes as it was asked for.
    pub wanted: Outcome,
    /// For sudo, if the operator wants to give it.
    pub password: Option<String>,
}

/// Goes on with a run.
///
/// # Errors
/// A rule keeps it from being gone on with.
pub fn resume(context: &Context, args: &cli::Resume) -> Result<Exit, Failure> {
    let mut left = Left::find(context, args.run.as_deref(), args.accept_damaged.as_deref())?;
    let id = left.history.run;
    let past = &left.history.past;
    match &past.state.phase {
        Phase::Closed(Outcome::Completed) => {
            return Err(Failure::new(Exit::Usage, format!("run {id} has completed: there is nothing to go on with"))
                .next(format!("halligan run {}", left.opening.runbook)));
        }
        Phase::Closed(Outcome::RolledBack) => {
            return Err(Failure::new(Exit::Usage, format!("run {id} was rolled back: there is nothing to go on with"))
                .next(format!("halligan run {}", left.opening.runbook)));
        }
        _ if past.rolled_back => {
            return Err(Failure::new(Exit::Stuck, format!("run {id} was being taken back, and is not gone on with"))
                .next(format!("halligan rollback {id}")));
        }
        _ => {}
    }
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = left.plan(context, &args.hosts, &args.params, &asking, true)?;
    let found = remaining::remaining(&plan, &left.history.past);
    let once = remaining::not_asked_again(&plan, &left.history.past);
    show(context, args.output, &found::screen(&left, &plan, &found, &once, &context.out.stdout.page()));
    left.wait(context, &flags(&args.answers, &asking), &signals)?;
    debts::remind(context, Some(id));
    let text = found::screen(&left, &plan, &found, &once, &plain());
    let manner = Manner {
        answers: &args.answers,
        output: args.output,
        again: again("resume", id, &args.params, &args.answers),
        wanted: Outcome::Completed,
        password: password(args.ask_sudo_password, &asking)?,
    };
    take_up(context, &left, &plan, text, &manner, &signals, crate::run::resume)
}

/// Takes a run back.
///
/// # Errors
/// A rule keeps it from being taken back.
pub fn roll_back(context: &Context, args: &cli::Rollback) -> Result<Exit, Failure> {
    let mut left = Left::find(context, Some(&args.run), args.accept_damaged.as_deref())?;
    let id = left.history.run;
    if left.history.past.state.phase == Phase::Closed(Outcome::RolledBack) {
        return Err(Failure::new(Exit::Usage, format!("run {id} is rolled back already")));
    }
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = left.plan(context, &args.hosts, &args.params, &asking, false)?;
    show(context, args.output, &to_take_back(&left, &plan, &context.out.stdout.page()));
    left.wait(context, &flags(&args.answers, &asking), &signals)?;
    let text = to_take_back(&left, &plan, &plain());
    let manner = Manner {
        answers: &args.answers,
        output: args.output,
        again: again("rollback", id, &args.params, &args.answers),
        wanted: Outcome::RolledBack,
        password: password(args.ask_sudo_password, &asking)?,
    };
    take_up(context, &left, &plan, text, &manner, &signals, crate::run::roll_back)
}

/// Carries out what was agreed to, and shows how it ended.
pub(super) fn take_up(
    context: &Context,
    left: &Left,
    plan: &Plan,
    text: String,
    manner: &Manner<'_>,
    signals: &Signals,
    how: How,
) -> Result<Exit, Failure> {
    let id = left.history.run;
    let operator = parameters::operator();
    let holder = format!("run {id} of {} by {operator}, pid {}", plan.runbook.name, std::process::id());
    let names = run::lock_names(plan)?;
    let shared_locks = run::shared_locks(plan, &names);
    still_shared(left, &shared_locks)?;
    let _locks = run::locks(context, &names, &holder)?;
    let journal = left::journal(context)?;
    let setting = Setting {
        run_id: id.to_string(),
        operator,
        host: run::hostname(),
        mode: Mode::Real,
        step_by_step: manner.answers.step,
        shared_locks,
    };
    let output =
        |sha256: &str| journal.read_output(sha256).map_err(|error| format!("what a command had printed cannot be read back: {error}"));
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
    let screens = Screens::new(context, manner.output);
    let stdin = std::io::stdin();
    let prompt = conduct::terminal_prompt(context, &stdin, signals, Some(&screens));
    let password = manner.password.clone();
    let secrets = Secrets::new(plan.bound.secret_values().chain(password.as_deref()));
    let executor = ProcessExecutor::new(secrets, plan.inventory.clone(), password).of_run(&id.to_string());
    let clock = RealClock::start(&signals.interrupts);
    let stage = Stage {
        plan,
        setting,
        ledger: &ledger as &dyn Ledger,
        executor: &executor,
        clock: &clock,
        silent: None,
        again: manner.again.clone(),
    };
    let carry_out = |plan: &Plan, setting: &Setting, ports: Ports<'_>| how(plan, setting, ports, &before);
    let (ending, mut told) = conduct::conduct(context, &stage, &screens, manner.answers, &prompt, signals, carry_out);
    told.head = Some(journal.head().short());
    let sound = !ending.journal_failed && !ending.bug && ending.owed.is_empty();
    let exit = if sound && ending.outcome == manner.wanted {
        // It is what was asked for.
        told.completed = true;
        told.what.clear();
        told.why.clear();
        told.exit = Exit::Completed as u8;
        Exit::Completed
    } else {
        Exit::from(&ending)
    };
    conduct::last_screen(context, manner.output, &told);
    Ok(exit)
}

/// A shared lock that still stands in the run's name is given back before it is taken anew, and only the inventory says how.
fn still_shared(left: &Left, shared: &[(String, SharedLock)]) -> Result<(), Failure> {
    let known = |place: &Place| shared.iter().any(|(name, _)| *place == lock_place(name));
    match left.history.past.state.owed.keys().find(|place| place.step() == "locks" && !known(place)) {
        None => Ok(()),
        Some(place) => {
            Err(Failure::new(Exit::Usage, format!("run {} holds a shared lock that no inventory names now: {place}", left.history.run))
                .next("name the inventory that it was begun with:  --inventory FILE"))
        }
    }
}

/// The password for sudo, where the operator wants to give it.
pub(super) fn password(wanted: bool, asking: &TerminalPrompt<'_>) -> Result<Option<String>, Failure> {
    wanted.then(|| parameters::sudo_password(asking)).transpose()
}

/// Answers from the flags, else from the terminal.
pub(super) fn flags<'a>(answers: &cli::Answers, asking: &'a dyn crate::ports::Prompt) -> Flags<'a> {
    let pairs = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    Flags::new(answers.yes, pairs(&answers.confirm), pairs(&answers.overrides), asking)
}

/// Shows what was found: beside JSON on standard error.
pub(super) fn show(context: &Context, output: cli::Output, text: &str) {
    let stream = if output == cli::Output::Json { &context.out.stderr } else { &context.out.stdout };
    stream.text(text);
}

/// For the record.
pub(super) fn plain() -> Page {
    Page::new(100, Style { colour: false, unicode: true })
}

pub(super) fn again(command: &str, id: crate::event::RunId, params: &cli::Params, answers: &cli::Answers) -> String {
    let mut words = vec!["halligan".to_owned(), command.to_owned(), id.to_string()];
    words.extend(conduct::flags_again(params, answers));
    words.iter().map(|word| quote::word(word).into_owned()).collect::<Vec<_>>().join(" ")
}

/// What a rollback would do, the last first, and what it cannot.
fn to_take_back(left: &Left, plan: &Plan, page: &Page) -> String {
    let mut lines = crate::ui::layout::wrap(&crate::ui::sanitise::text(&found::headline(left)), page.width, "", "  ");
    let mut field = |label: &str, text: String| lines.extend(page.field(2, 11, label, &crate::ui::sanitise::text(&text)));
    for (label, text) in left.remarks(plan) {
        field(label, text);
    }
    let state = &left.history.past.state;
    let places: Vec<&Place> = state.took_effect.iter().rev().collect();
    for place in &places {
        let undo = left::step_of(plan, place).map(|step| &step.undo);
        match undo {
            Some(Undo::Command(_)) => field("undo", format!("{place}  you are shown the command first")),
            Some(Undo::Impossible { why }) => field("stays", format!("{place}  nothing takes it back: {why}")),
            Some(Undo::Unsaid) | None if state.owed.contains_key(*place) => {}
            Some(Undo::Unsaid) | None => field("stays", format!("{place}  its runbook does not say what takes it back")),
        }
    }
    for (place, command) in &state.owed {
        field("put back", format!("{place}  {}", command.brief()));
    }
    if places.is_empty() && state.owed.is_empty() {
        field("nothing", "it has changed nothing that is not put back already".to_owned());
    }
    for (place, alive) in &left.running {
        field("running", format!("{place}  still, as process {}:  {}", alive.pid, alive.command));
    }
    lines.join("\n") + "\n"
}
