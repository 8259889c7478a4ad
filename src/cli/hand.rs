//! The commands of an operator who works beside a run, by hand: what they do is recorded in the run's journal.

use clap::{Args, Subcommand};

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum HandCommand {
    /// Write a note into a run's journal, while it runs or afterwards
    Note(NoteArgs),
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
