//! The commands of an operator who works beside a run, by hand: what they do is recorded in the run's journal.

use clap::{Args, Subcommand};

use super::options::Hosts;

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum HandCommand {
    /// Write a note into a run's journal, while it runs or afterwards
    Note(NoteArgs),
    /// Open a shell beside a run; its commands and all that it shows are recorded
    Shell(ShellArgs),
}

/// Write a note. `note` at a question does the same.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = NOTE)]
pub struct NoteArgs {
    /// Run id, or its first digits
    pub run: String,
    /// The words of the note
    #[arg(required = true, value_name = "TEXT")]
    pub text: Vec<String>,
}

const NOTE: &str = "\
The note is told by journal show, report and handover, with who wrote it and when. It cannot be taken back.
Do not write a secret into it: which values are secret is known to the run alone, so nothing is masked here.

Example:
  halligan note 7f3a called the data centre: sdd is in slot 4";

/// Open a shell. `s` or `shell` at a question of the run does the same, and masks the run's secrets.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = SHELL)]
pub struct ShellArgs {
    /// Run id, or its first digits
    pub run: String,
    /// Open it on this host of the inventory [default: this machine]
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    #[command(flatten)]
    pub hosts: Hosts,
}

const SHELL: &str = "\
The shell is $SHELL. What its terminal shows is recorded (asciicast v3); what is typed and not shown, such as a password, is not. The commands of
bash, zsh and fish are recorded in the journal one by one, with their exit codes; those of another shell only in the recording.
Nothing is masked here: which values are secret is known to the run alone.
What was recorded: halligan play, journal show, report. Exit code 0 when the shell was closed, whatever its own; 1 if it could not be opened.";
