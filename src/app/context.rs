//! What every command has at hand.

use crate::{
    cli::{Cli, Global, Subcommands},
    ui::out::Out,
};

/// Where a command writes, and the options that stand before every command.
#[derive(Debug)]
pub(crate) struct Context {
    pub out: Out,
    pub global: Global,
}

impl Context {
    /// Another command, with the options that were given to this one: what is suggested must find the same journal.
    #[must_use]
    pub(crate) fn cli(&self, command: Subcommands) -> Cli {
        Cli { global: self.global.clone(), command }
    }
}
