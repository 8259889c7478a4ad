//! What every command has at hand.

use std::collections::BTreeSet;

use crate::{
    cli::{Cli, Global, Subcommands},
    runbook::library::Library,
    settings::Settings,
    ui::out::Out,
    words::quote::CommandLine,
};

/// Where a command writes, and the options that stand before every command.
#[derive(Debug)]
pub(crate) struct Context {
    pub out: Out,
    pub global: Global,
    /// What is used where neither an option nor a variable says otherwise.
    pub settings: Settings,
    /// Names of options that have their value from a variable.
    pub by_variable: BTreeSet<String>,
}

impl Context {
    /// The places where runbooks are found.
    #[must_use]
    pub(crate) fn library(&self) -> Library {
        Library::standard(self.settings.runbook_directories())
    }

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
