//! How something is printed.

use clap::{Args, ValueEnum};

/// How something is printed; the same flag on every command that has more than one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Form {
    /// How to print
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub format: Format,
}

impl Form {
    #[must_use]
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person: drawn on a terminal, plain otherwise
    #[default]
    Text,
    /// As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event
    Plain,
    /// For a program
    Json,
}
