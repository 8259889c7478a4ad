//! The straight line: one function a command. The only place that sees everything.

pub mod check;
pub mod exit;
pub mod generate;
pub mod journal;
pub mod list;
pub mod show;

mod conduct;
mod debrief;
mod debts;
mod failure;
mod found;
mod junit;
mod left;
mod load;
mod notebook;
mod parallel;
mod parameters;
mod rehearse;
mod replay;
mod resume;
mod run;
mod sentence;
mod story;
mod summary;
mod sweep;
mod tail;
mod talking;
mod test;
mod ticket;
mod trace;
mod trial;
mod view;
mod wrong;

use std::io::ErrorKind;

use exit::Exit;
pub use failure::Failure;

use crate::{
    cli::{Cli, Colour, Command, Format},
    run::signals,
    runbook::library::Library,
    ui::out::Out,
};

/// What every command has at hand.
#[derive(Debug)]
pub struct Context {
    pub out: Out,
    pub global: crate::cli::Global,
}

/// Does what the command line says, and shows what went wrong.
#[must_use]
pub fn main(cli: Cli) -> Exit {
    let out = Out::process(match cli.global.color {
        Colour::Auto => None,
        Colour::Always => Some(true),
        Colour::Never => Some(false),
    });
    trace::install(cli.global.verbose);
    let context = Context { out, global: cli.global };
    if let Err(error) = signals::heed_children() {
        return Failure::of(Exit::Blocked, &error).show(&context.out);
    }
    let acts = matches!(cli.command, Command::Run(_) | Command::Resume(_) | Command::Rollback(_) | Command::Debts(_));
    let exit = match dispatch(&context, cli.command) {
        Ok(exit) => exit,
        Err(failure) => failure.show(&context.out),
    };
    // What was done is what the exit code of a run tells, and its journal has every word.
    if let Some(kind) = context.out.stdout.fault()
        && !acts
        && kind != ErrorKind::BrokenPipe
        && exit == Exit::Completed
    {
        return Failure::new(Exit::CheckFailed, format!("what was written is not whole: {kind}")).show(&context.out);
    }
    exit
}

fn dispatch(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(run) => run::run(context, &run),
        Command::Resume(args) => resume::resume(context, &args),
        Command::Rollback(args) => resume::roll_back(context, &args),
        Command::Debts(args) => debts::debts(context, &args),
        Command::Rehearse(rehearse) => rehearse::rehearse(context, &rehearse),
        Command::Test(test) => test::test(context, &test),
        Command::Scenario { command: crate::cli::Scenario::New { name, from_run, directory } } => {
            replay::new(context, &name, &from_run, directory.as_deref())
        }
        Command::Journal { command } => journal_command(context, &command),
        Command::Check(args) => {
            let page = context.out.stdout.page();
            let manner = check::Manner {
                json: args.format == Format::Json,
                strict: args.strict,
                today: jiff::Zoned::now().date(),
                drawn: context.out.stdout.is_terminal().then_some(&page),
            };
            written(check::check(&Library::standard(), &args.files, manner, &mut &context.out.stdout))
        }
        Command::List(args) => written(list::list(&Library::standard(), args.json, &context.out.stdout.page(), &mut &context.out.stdout)),
        Command::Show(args) => {
            let out = &context.out.stdout;
            written(show::show(&Library::standard(), &args.runbook, &out.page(), out.is_terminal(), args.source, &mut &*out))
        }
        Command::Schema(schema) => {
            context.out.stdout.text(&if schema.inventory {
                crate::inventory::json_schema()
            } else if schema.scenario {
                crate::runbook::schema::text(&crate::runbook::schema::of::<crate::rehearse::document::ScenarioDocument>(
                    "halligan scenario",
                ))
            } else {
                crate::runbook::schema::json()
            });
            Ok(Exit::Completed)
        }
        Command::Generate(generate) => {
            let count = generate::write(&generate.directory).map_err(|error| {
                Failure::new(Exit::Usage, format!("the generated files cannot be written below {}: {error}", generate.directory.display()))
            })?;
            context.out.stdout.line(&format!("{count} files written below {}", generate.directory.display()));
            Ok(Exit::Completed)
        }
    }
}

/// What could not be written out is a failure, though nothing else went wrong.
fn written(done: std::io::Result<Exit>) -> Result<Exit, Failure> {
    done.map_err(|error| Failure::new(Exit::CheckFailed, format!("the output cannot be written: {error}")))
}

fn journal_command(context: &Context, command: &crate::cli::Journal) -> Result<Exit, Failure> {
    use crate::cli::Journal;
    let directory = run::journal_directory(context)?;
    let mut out = &context.out.stdout;
    let page = out.is_terminal().then(|| out.page());
    let done = match command {
        Journal::List { json } => journal::list(&mut out, &directory, *json),
        Journal::Show { run, json } => journal::show(&mut out, &directory, run, *json, page),
        Journal::Verify { export, head, allowed_signers, json } => {
            let stderr = &mut &context.out.stderr;
            ticket::heads(stderr, &directory, head, allowed_signers.as_deref()).and_then(|heads| match export {
                Some(export) => ticket::verify_export(&mut out, export, &heads, *json),
                None => journal::verify(&mut out, &directory, &heads, *json),
            })
        }
        Journal::Sign { key } => ticket::sign(&mut out, &directory, key),
        Journal::Export { run, output } => ticket::write_export(&mut out, &directory, run, output),
        Journal::Tail { number, follow, json } => tail::tail(&mut out, &directory, *number, *json, *follow),
        Journal::Head => journal::head(&mut out, &directory, false),
    };
    match done {
        Ok(0) => Ok(Exit::Completed),
        Ok(_) => Ok(Exit::CheckFailed),
        Err(error) => {
            let exit = match error.exit_code() {
                9 => Exit::Journal,
                2 => Exit::Usage,
                _ => Exit::CheckFailed,
            };
            Err(Failure::of(exit, &error).hint(error.hint()))
        }
    }
}
