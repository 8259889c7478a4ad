//! `halligan resume` and `halligan rollback`: going on with a run that was left, or taking it back.

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            conduct::{self, Signals},
            findings,
            interrupted::Left,
            owing::remind,
            take_up::{self, TakeUp, flags, password, show, take_up},
        },
    },
    cli::{self, Subcommands},
    event::{Outcome, state::Phase},
    plan::remaining,
};

/// Goes on with a run.
///
/// # Errors
/// A rule keeps it from being gone on with.
pub(super) fn resume(context: &Context, args: &cli::Resume) -> Result<ProgramExit, Failure> {
    let mut left = Left::find(context, args.run.as_deref(), args.accept_damaged.as_deref())?;
    let id = left.history.run;
    let past = &left.history.past;
    match &past.state.phase {
        Phase::Closed(Outcome::Completed) => {
            return Err(Failure::new(ProgramExit::Usage, format!("run {id} has completed: there is nothing to go on with"))
                .suggest("to carry its runbook out anew:", context.line(Subcommands::run(&left.opening.runbook))));
        }
        Phase::Closed(Outcome::RolledBack) => {
            return Err(Failure::new(ProgramExit::Usage, format!("run {id} was rolled back: there is nothing to go on with"))
                .suggest("to carry its runbook out anew:", context.line(Subcommands::run(&left.opening.runbook))));
        }
        _ if past.rolled_back => {
            return Err(Failure::new(ProgramExit::Stuck, format!("run {id} was being taken back, and is not gone on with"))
                .suggest("go on taking it back:", context.line(Subcommands::rollback(id))));
        }
        _ => {}
    }
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = left.plan(context, &args.hosts, &args.params, &asking, true)?;
    let found = remaining::remaining(&plan, &left.history.past);
    let once = remaining::not_asked_again(&plan, &left.history.past);
    show(context, args.form, &findings::screen(&left, &plan, &found, &once, &context.out.stdout.page()));
    left.wait(context, &flags(&args.answers, &asking), &signals)?;
    remind(context, Some(id));
    let text = findings::screen(&left, &plan, &found, &once, &take_up::plain());
    let manner = TakeUp {
        answers: &args.answers,
        form: args.form,
        again: context.cli(Subcommands::Resume(cli::Resume { run: Some(id.to_string()), ..args.clone() })),
        wanted: Outcome::Completed,
        password: password(args.ask_sudo_password, &asking)?,
    };
    take_up(context, &left, &plan, text, &manner, &signals, crate::run::resume)
}
