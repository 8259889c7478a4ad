//! Joins everything: commands, and what they share. The only folder that sees all others.

pub(crate) mod command;
mod command_line;
mod completion;
mod context;
mod exit;
mod failure;
mod rehearsal;
mod session;
mod settled;
mod trace;

use std::{collections::BTreeSet, io::ErrorKind, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};

use context::Context;
use exit::ProgramExit;
use failure::Failure;

use crate::{
    cli::{Cli, Colour, Format, Subcommands},
    defect::{self, Defect, caught},
    exec::{core_dump, signals},
    ui::out::Out,
    words::sanitise,
};

/// Ends with what clap says of the arguments: help, the version, or an error. An error repeats arguments, in which nothing may be
/// obeyed by the terminal.
fn refuse(error: &clap::Error) -> ! {
    let said = error.render().to_string();
    if sanitise::text(&said) == said {
        error.exit();
    }
    Out::process(None, false).stderr.text(&sanitise::text(&said));
    std::process::exit(error.exit_code())
}

/// Does what the command line of this process says, and shows what went wrong, be it halligan itself.
#[must_use]
pub fn main() -> ExitCode {
    defect::keep_quiet();
    let told = |defect: Defect| {
        let out = Out::process(None, false);
        Failure::new(ProgramExit::Bug, defect.to_string()).next(failure::REPORT).show(&out, false).into()
    };
    let ended = caught(as_the_line_says);
    ended.unwrap_or_else(|defect| caught(|| told(defect)).unwrap_or_else(|_| ProgramExit::Bug.into()))
}

/// Whether there is to be colour; `None` where that depends on what is written to.
fn forced(colour: Option<Colour>) -> Option<bool> {
    match colour? {
        Colour::Auto => None,
        Colour::Always => Some(true),
        Colour::Never => Some(false),
    }
}

fn as_the_line_says() -> ExitCode {
    if let Some(answered) = completion::answer() {
        return answered;
    }
    let matches = command_line::command_line().try_get_matches().unwrap_or_else(|error| refuse(&error));
    // What clap has taken fits its own types, so nobody is expected to see this error.
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut Cli::command()).exit());
    carry_out(cli, command_line::by_variable(&matches)).into()
}

fn carry_out(cli: Cli, by_variable: BTreeSet<String>) -> ProgramExit {
    let format = cli.command.format();
    let (plain, json) = (format == Format::Plain, format == Format::Json);
    let out = Out::process(forced(cli.global.color), plain);
    trace::install(cli.global.verbose);
    tracing::debug!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "halligan begins");
    let settings = match settled::read(&cli, &out) {
        Ok(settings) => settings,
        Err(failure) => return failure.show(&out, json),
    };
    let out = match &settings.color {
        Some(said) if settled::colour_is_open(&cli.global) => Out::process(forced(Some(said.value)), plain),
        _ => out,
    };
    let context = Context { out, global: cli.global, settings, by_variable };
    let begun = core_dump::off().and_then(|()| signals::begin_plainly());
    if let Err(error) = begun.and_then(|()| signals::end_when_out_of_memory(ProgramExit::Exhausted as i32)) {
        return Failure::of(ProgramExit::Blocked, &error).show(&context.out, json);
    }
    let acts = matches!(cli.command, Subcommands::Run(_) | Subcommands::Resume(_) | Subcommands::Rollback(_) | Subcommands::Debts(_));
    let exit = match command::dispatch(&context, cli.command) {
        Ok(exit) => exit,
        Err(failure) => failure.show(&context.out, json),
    };
    tracing::debug!(exit = ?exit, "halligan ends");
    if let Some(kind) = context.out.stdout.fault()
        && kind != ErrorKind::BrokenPipe
        && exit == ProgramExit::Completed
    {
        let failure = Failure::new(ProgramExit::CheckFailed, format!("what was written to standard output is not whole: {kind}"));
        let failure =
            if acts { failure.why("the run itself completed; its journal has every word: halligan journal show") } else { failure };
        return failure.show(&context.out, false);
    }
    exit
}
