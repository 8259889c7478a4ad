//! The straight line: one function a command. The only place that sees everything.

pub mod check;
pub mod exit;
pub mod generate;
pub mod journal;
pub mod list;
pub mod show;

mod conduct;
mod failure;
mod load;
mod parameters;
mod rehearse;
mod run;
mod story;
mod summary;
mod test;
mod trace;
mod view;

use exit::Exit;
pub use failure::Failure;

use crate::{
    cli::{Cli, Colour, Command},
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
    let mut out = Out::process();
    match cli.global.color {
        Colour::Auto => {}
        Colour::Always => out.set_colour(true),
        Colour::Never => out.set_colour(false),
    }
    trace::install(cli.global.verbose);
    let context = Context { out, global: cli.global };
    match dispatch(&context, cli.command) {
        Ok(exit) => exit,
        Err(failure) => failure.show(&context.out),
    }
}

fn dispatch(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(run) => run::run(context, &run),
        Command::Rehearse(rehearse) => rehearse::rehearse(context, &rehearse),
        Command::Test(test) => test::test(context, &test),
        Command::Check(check) => check::check(context, &check),
        Command::List(list) => list::list(context, &list),
        Command::Show(show) => show::show(context, &show),
        Command::Journal { command } => journal::journal(context, &command),
        Command::Schema(schema) => {
            context.out.stdout.text(&if schema.scenario { crate::rehearse::schema() } else { crate::runbook::schema::json() });
            Ok(Exit::Completed)
        }
        Command::Generate(generate) => {
            let count = generate::write(&generate.directory)
                .map_err(|error| Failure::new(Exit::Usage, format!("the generated files cannot be written below {}: {error}", generate.directory.display())))?;
            context.out.stdout.line(&format!("{count} files written below {}", generate.directory.display()));
            Ok(Exit::Completed)
        }
    }
}
