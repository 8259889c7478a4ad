//! The command line as it is read here and now.

use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;

/// The command line, for which a variable that is set to nothing is one that is not set.
#[must_use]
pub(super) fn command_line() -> Command {
    without_empty_variables(Cli::command())
}

fn without_empty_variables(command: Command) -> Command {
    let set = |arg: Arg| {
        let empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        if empty { arg.env(None::<&'static str>) } else { arg }
    };
    command.mut_args(set).mut_subcommands(without_empty_variables)
}
