//! What there is to do with the journal.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    form::{Form, Format},
    when::When,
};

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum JournalCommand {
    /// List the runs
    List {
        #[command(flatten)]
        filter: RunFilter,
        #[command(flatten)]
        form: Form,
    },
    /// Show one run's timeline
    Show {
        /// Run id, or its first digits
        run: String,
        #[command(flatten)]
        form: Form,
    },
    /// Verify checksums, hash chain and outputs
    Verify {
        /// Verify this export of one run instead of this host's journal
        export: Option<PathBuf>,
        /// Head that was stored elsewhere; detects truncation
        #[arg(long, value_name = "FILE")]
        head: Vec<PathBuf>,
        /// OpenSSH `allowed_signers` file; the signed heads beside the journal, or in the export, are checked. No signed head, or one signature that is wrong or missing, is an error
        #[arg(long, value_name = "FILE")]
        allowed_signers: Option<PathBuf>,
        #[command(flatten)]
        form: Form,
    },
    /// Move the records of closed runs into one file for each month; `list`, `show` and `verify` go on to read them
    Archive {
        /// Archive what is older than this (`30d`, `2026-11-29`) [default: the beginning of this month, UTC]
        #[arg(long, value_name = "WHEN")]
        before: Option<When>,
        #[command(flatten)]
        form: Form,
    },
    /// List what killed runs have left on this machine, and remove it
    Leftovers {
        /// Remove what nobody needs; asked, and recorded in the journal
        #[arg(long)]
        remove: bool,
        /// Remove without being asked
        #[arg(long, short, requires = "remove")]
        yes: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Print the head, a short text to store elsewhere
    Head {
        #[command(flatten)]
        form: Form,
    },
    /// Sign the head with your SSH key (by ssh-keygen; agent and hardware keys work)
    Sign {
        /// Key file; the public key if the private key is in an agent
        #[arg(long, short, value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Export one run to a tar file that can be verified on its own
    Export {
        /// Run id, or its first digits
        run: String,
        /// Tar file to write; must not exist yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Export the journal from the run's first record to its end, so that every head of now or before can be checked; the records of later runs are in it too
        #[arg(long)]
        through: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Show the last records of all runs
    Tail {
        /// Number of records
        #[arg(long, short, default_value_t = Self::TAIL)]
        number: usize,
        /// Follow new records until Ctrl-C, to watch a run from another terminal
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        form: Form,
    },
}

impl JournalCommand {
    /// How many records `tail` tells when nobody says.
    pub(super) const TAIL: usize = 20;

    /// How it is to print.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::List { form, .. }
            | Self::Show { form, .. }
            | Self::Verify { form, .. }
            | Self::Archive { form, .. }
            | Self::Leftovers { form, .. }
            | Self::Head { form }
            | Self::Sign { form, .. }
            | Self::Export { form, .. }
            | Self::Tail { form, .. } => form.format,
        }
    }
}

/// Which runs are listed.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct RunFilter {
    /// Only the last N of the runs that are left by the other options
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Only runs that have ended and did not complete, or that owe a cleanup
    #[arg(long)]
    pub failed: bool,
    /// Only real runs: no dry runs, no rehearsals
    #[arg(long)]
    pub real: bool,
    /// Only runs that began at this moment or later: `2h` ago, `23:00`, `2026-11-29`, `2026-11-29 02:30`
    #[arg(long, value_name = "WHEN")]
    pub since: Option<When>,
}
