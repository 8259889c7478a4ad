//! The command line as it is read here and now.

use std::collections::BTreeSet;

use clap::{Arg, ArgMatches, Command, CommandFactory, parser::ValueSource};

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

/// The names of options of the command that have their value from a variable.
#[must_use]
pub(super) fn by_variable(matches: &ArgMatches) -> BTreeSet<String> {
    if let Some((_, inner)) = matches.subcommand() {
        return by_variable(inner);
    }
    let from_variable = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::EnvVariable);
    matches.ids().filter(from_variable).map(ToString::to_string).collect()
}
