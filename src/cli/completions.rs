//! Which shell is to complete arguments.

use clap::{Args, ValueEnum};

const AFTER: &str = "\
Load what is printed in the file that your shell reads when it begins:
  bash (~/.bashrc)                   source <(halligan completions bash)
  zsh (~/.zshrc, below compinit)     source <(halligan completions zsh)
  fish (~/.config/fish/config.fish)  halligan completions fish | source
Nothing is run to find a value: choices that a runbook looks for by a command are not completed.";

/// Print what makes a shell complete.
#[derive(Debug, Clone, Copy, PartialEq, Args)]
#[command(after_help = AFTER)]
pub struct Completions {
    /// Shell
    #[arg(value_enum)]
    pub shell: CompletionShell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompletionShell {
    Bash,
    Fish,
    Zsh,
}

impl CompletionShell {
    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Fish => "fish",
            Self::Zsh => "zsh",
        }
    }
}
