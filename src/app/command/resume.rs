//! `halligan resume`: going on with a run that was left.

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            adoption::Accepted,
            conduct::{self, Signals, flags},
            findings,
            interrupted::Left,
            owing::remind,
            take_up::{TakeUp, password, show, take_up},
        },
    },
    cli::{self, Subcommands},
    event::{Outcome, state::Phase},
    plan::remaining,
    ui::layout::Page,
    words,
};

/// Goes on with a run.
///
/// # Errors
/// A rule keeps it from being gone on with.
pub(super) fn resume(context: &Context, args: &cli::Resume) -> Result<ProgramExit, Failure> {
    let mut left = Left::find(context, args.run.as_deref(), Accepted::of(&args.how, args.accept_damaged.as_deref()))?;
    let id = left.history.run;
    let past = &left.history.past;
    match &past.state.phase {
        Phase::Closed(Outcome::Completed) => {
            if !past.state.owed.is_empty() {
                let (ended, remains) = words::left(&past.state);
                return Err(Failure::new(ProgramExit::Usage, format!("run {id} {ended}{remains}: nothing to resume"))
                    .suggest("run the cleanups:", context.line(Subcommands::settle())));
            }
            return Err(Failure::new(ProgramExit::Usage, format!("run {id} has completed: nothing to resume"))
                .suggest("to run its runbook again:", context.line(Subcommands::run(&left.opening.runbook))));
        }
        Phase::Closed(Outcome::RolledBack) => {
            return Err(Failure::new(ProgramExit::Usage, format!("run {id} was rolled back: nothing to resume"))
                .suggest("to run its runbook again:", context.line(Subcommands::run(&left.opening.runbook))));
        }
        _ if past.rolled_back => {
            return Err(Failure::new(ProgramExit::Stuck, format!("run {id} was being rolled back and cannot be resumed"))
                .suggest("continue the rollback:", context.line(Subcommands::rollback(id))));
        }
        _ => {}
    }
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let password = password(&args.how, &asking)?;
    let (plan, inherited) = left.plan(context, &args.how, &asking, password.as_deref(), true)?;
    let found = remaining::remaining(&plan, &left.history.past);
    let once = remaining::not_asked_again(&plan, &left.history.past);
    show(context, args.how.form, &findings::screen(&left, &plan, &found, &once, &context.out.stdout.page()));
    left.wait(context, &flags(&args.how.answers, &asking), &signals)?;
    remind(context, Some(id), left.snapshot.take());
    let text = findings::screen(&left, &plan, &found, &once, &Page::recorded());
    let manner = TakeUp {
        how: &args.how,
        again: context.cli(Subcommands::Resume(cli::Resume { run: Some(id.to_string()), ..args.clone() })),
        wanted: Outcome::Completed,
        settles: false,
        password,
        inherited,
    };
    take_up(context, &left, &plan, text, &manner, &signals, crate::run::resume)
}
