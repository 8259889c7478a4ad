//! What an operator does off script: in a shell of his own beside a run, which is recorded.

use std::time::Duration;

use super::captured::Captured;

/// One fact of such a shell.
#[derive(Debug, Clone, PartialEq)]
pub enum ShellFact {
    /// About to be opened. Durable before it is.
    Opened {
        /// `None` is this machine.
        host: Option<String>,
        /// The halligan that records it.
        recorder: u32,
    },
    /// A command line was typed, and goes to the shell at this moment; the first is 1.
    Command { number: u32, text: String },
    /// It has ended, with this exit code.
    CommandEnded { number: u32, code: i32, took: Duration },
    /// It is closed, and its recording is whole.
    Closed {
        /// Of the shell itself, if it has ended by itself.
        code: Option<i32>,
        /// Why it has ended otherwise.
        why: Option<String>,
        /// In the form asciicast v3.
        recording: Captured,
        /// Whose hook told its commands: `bash`, `zsh` or `fish`. Without one, only the recording tells of them.
        hook: Option<String>,
    },
}

impl ShellFact {
    /// Its name in records.
    #[must_use]
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "shell_opened",
            Self::Command { .. } => "shell_command",
            Self::CommandEnded { .. } => "shell_command_ended",
            Self::Closed { .. } => "shell_closed",
        }
    }
}
