//! What there is to do with the journal.

use std::path::PathBuf;

use clap::Subcommand;

use super::form::Form;

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum JournalCommand {
    /// List the runs
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Tell a run as a story
    Show {
        /// The run's id, or the beginning of it
        run: String,
        #[command(flatten)]
        form: Form,
    },
    /// Recompute everything from the bytes, and say whether it holds
    Verify {
        /// A run's export to verify instead of the journal of this host
        export: Option<PathBuf>,
        /// A head that was kept elsewhere
        #[arg(long, value_name = "FILE")]
        head: Vec<PathBuf>,
        /// Who may sign heads, in OpenSSH's format: signed heads beside the journal count too, and a wrong signature is a fault
        #[arg(long, value_name = "FILE")]
        allowed_signers: Option<PathBuf>,
        #[command(flatten)]
        form: Form,
    },
    /// Print the head: a short text to keep elsewhere
    Head,
    /// Sign the head with your own SSH key, through ssh-keygen: keys in an agent and hardware keys too
    Sign {
        /// The key; a public one if its private half is in an agent
        #[arg(long, short, value_name = "FILE")]
        key: PathBuf,
    },
    /// Write one run into one file for a ticket, which can be verified by itself
    Export {
        /// The run's id, or the beginning of it
        run: String,
        /// The tar to write; it must not be there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Tell the last records of all runs
    Tail {
        /// How many
        #[arg(long, short, default_value_t = Self::TAIL)]
        number: usize,
        /// Go on with each record that comes, until Ctrl-C: to watch a run from another terminal
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        form: Form,
    },
}

impl JournalCommand {
    /// How many records `tail` tells when nobody says.
    pub(super) const TAIL: usize = 20;
}
