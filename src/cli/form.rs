//! How something is printed.

use clap::{Args, ValueEnum};

/// How something is printed; the same flag on every command that has more than one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Form {
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub format: Format,
}

impl Form {
    #[must_use]
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }
}

/// What `check` finds, printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people: drawn on a terminal, plain text otherwise
    #[default]
    Text,
    /// As in a pipe or a log
    Plain,
    /// For programs
    Json,
    /// SARIF 2.1.0, for editors and CI
    Sarif,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: live display on a terminal, plain lines otherwise
    #[default]
    Text,
    /// One line per event, no colour, no wrapping: as in a pipe or a log
    Plain,
    /// For programs
    Json,
}
