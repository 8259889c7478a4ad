//! What every command has at hand.

use crate::{
    cli::{Cli, Global, Subcommands},
    ui::out::Out,
    words::quote::CommandLine,
};

/// Where a command writes, and the options that stand before every command.
#[derive(Debug)]
pub(crate) struct Context {
    pub out: Out,
    pub global: Global,
}

impl Context {
    /// A command to suggest: it finds the same journal.
    #[must_use]
    pub(crate) fn line(&self, command: Subcommands) -> CommandLine {
        self.cli(command).line()
    }

    /// Another command, with the options that were given to this one: what is suggested must find the same journal.
    #[must_use]
    pub(crate) fn cli(&self, command: Subcommands) -> Cli {
        Cli { global: self.global.clone(), command }
    }
}
