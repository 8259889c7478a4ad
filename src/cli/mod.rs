//! The command line, as types. Nothing is read or written here.

mod form;
mod journal;
mod options;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use form::{Form, Format};
pub(crate) use journal::JournalCommand;
use options::speed;
pub(crate) use options::{Answers, Colour, Global, Hosts, Params, TakingUp};

use crate::{event::RunId, ports::Choice, rehearse::injection::Injection};

/// Every exit code, for the help and the manual.
const EXIT_CODES: &str = "\
Exit codes:
  0  completed                       6  stopped
  1  a check or scenario failed      7  rolled back
  2  usage                           8  stuck: an undo failed
  3  bad runbook                     9  the journal cannot be used
  4  blocked in preflight           10  an operator is needed
  5  not confirmed                  70  a bug      130  interrupted";

/// Carries out recovery runbooks step by step, and keeps a journal of everything.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "halligan", version, max_term_width = 100, after_help = EXIT_CODES, propagate_version = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Subcommands,
}

impl Cli {
    /// The same, with more answers given beforehand; unchanged where a command takes none.
    #[must_use]
    pub fn answering(&self, add: impl FnOnce(&mut Answers)) -> Self {
        let mut cli = self.clone();
        match &mut cli.command {
            Subcommands::Run(run) => add(&mut run.answers),
            Subcommands::Resume(resume) => add(&mut resume.how.answers),
            Subcommands::Rollback(rollback) => add(&mut rollback.how.answers),
            Subcommands::Debts(debts) => add(&mut debts.how.answers),
            Subcommands::Rehearse(rehearse) => add(&mut rehearse.answers),
            Subcommands::Test(_)
            | Subcommands::Scenario { .. }
            | Subcommands::Check(_)
            | Subcommands::List(_)
            | Subcommands::Show(_)
            | Subcommands::Journal { .. }
            | Subcommands::Schema(_)
            | Subcommands::Generate(_) => {}
        }
        cli
    }
}

impl Subcommands {
    /// Goes on with a run, and nothing else said.
    #[must_use]
    pub(crate) fn resume(run: RunId) -> Self {
        Self::Resume(Resume { run: Some(run.to_string()), ..Resume::default() })
    }

    /// Takes a run back.
    #[must_use]
    pub(crate) fn rollback(run: RunId) -> Self {
        Self::Rollback(Rollback { run: run.to_string(), ..Rollback::default() })
    }

    /// Carries out a runbook.
    #[must_use]
    pub(crate) fn run(runbook: &str) -> Self {
        Self::Run(Run { runbook: runbook.to_owned(), ..Run::default() })
    }

    /// Settles what runs of this host owe.
    #[must_use]
    pub(crate) fn settle() -> Self {
        Self::Debts(Debts { settle: true, ..Debts::default() })
    }

    /// Shows one run.
    #[must_use]
    pub(crate) fn journal_show(run: &str) -> Self {
        Self::Journal { command: JournalCommand::Show { run: run.to_owned(), form: Form::default() } }
    }

    /// Lists all runs.
    #[must_use]
    pub(crate) fn journal_list() -> Self {
        Self::Journal { command: JournalCommand::List { form: Form::default() } }
    }

    /// How it is to print.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Self::Run(Run { form, .. })
            | Self::Rehearse(Rehearse { form, .. })
            | Self::Test(Test { form, .. })
            | Self::Check(CheckArgs { form, .. })
            | Self::List(List { form })
            | Self::Journal {
                command:
                    JournalCommand::List { form }
                    | JournalCommand::Show { form, .. }
                    | JournalCommand::Verify { form, .. }
                    | JournalCommand::Tail { form, .. },
            } => form.format,
            Self::Resume(Resume { how, .. }) | Self::Rollback(Rollback { how, .. }) | Self::Debts(Debts { how, .. }) => how.form.format,
            Self::Journal { command: JournalCommand::Head | JournalCommand::Sign { .. } | JournalCommand::Export { .. } }
            | Self::Scenario { .. }
            | Self::Show(_)
            | Self::Schema(_)
            | Self::Generate(_) => Format::Text,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Subcommands {
    /// Carry out a runbook: preflight, plan, confirmation, steps
    Run(Run),
    /// Go on with a run that was left, by what the journal says of it
    Resume(Resume),
    /// Take back what a run has done: its undos, the last first, each confirmed
    Rollback(Rollback),
    /// List what runs of this host have set and not put back, and settle it
    Debts(Debts),
    /// Practise a runbook on a simulated world; nothing real is touched
    Rehearse(Rehearse),
    /// Run the scenarios of runbooks and hold them against their expectations
    Test(Test),
    /// Write scenarios
    Scenario {
        #[command(subcommand)]
        command: ScenarioCommand,
    },
    /// Look for every fault in runbooks, without running anything
    Check(CheckArgs),
    /// List the runbooks that are at hand, and where they come from
    List(List),
    /// Describe a runbook: what it is for, what it asks, what it does
    Show(Show),
    /// Read and verify the journal
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Print the JSON Schema of runbooks or scenarios, for editors
    Schema(Schema),
    /// Write the shell completions, manual pages and schemas into a directory
    Generate(Generate),
}

/// Carry out a runbook.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
#[expect(clippy::struct_field_names, reason = "`--dry-run` is what it is called")]
pub struct Run {
    /// A runbook's name, or a path to one
    pub runbook: String,
    #[command(flatten)]
    pub params: Params,
    /// Run what only reads, tell the rest, change nothing
    #[arg(long, conflicts_with_all = ["yes", "step"])]
    pub dry_run: bool,
    #[command(flatten)]
    pub hosts: Hosts,
    /// Ask once for the password that sudo wants where a step names a user
    #[arg(long)]
    pub ask_sudo_password: bool,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub form: Form,
    /// Refuse a runbook whose text has another SHA-256 than this
    #[arg(long, value_name = "HEX")]
    pub expect_sha256: Option<String>,
}

/// Go on with a run.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Resume {
    /// The run's id, or the beginning of it [default: the latest real run]
    pub run: Option<String>,
    #[command(flatten)]
    pub how: TakingUp,
    /// Go on by a journal that does not hold; the refusal names the digest
    #[arg(long, value_name = "DIGEST")]
    pub accept_damaged: Option<String>,
}

/// Take a run back.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Rollback {
    /// The run's id, or the beginning of it
    pub run: String,
    #[command(flatten)]
    pub how: TakingUp,
    /// Go by a journal that does not hold; the refusal names the digest
    #[arg(long, value_name = "DIGEST")]
    pub accept_damaged: Option<String>,
}

/// List and settle debts.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Debts {
    /// Only those of this run
    pub run: Option<String>,
    /// Run the cleanups that are owed, each confirmed
    #[arg(long)]
    pub settle: bool,
    #[command(flatten)]
    pub how: TakingUp,
}

/// Practise a runbook on a simulated world.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Rehearse {
    /// A runbook's name, or a path to one
    pub runbook: String,
    /// The scenario's name, or a path to one [default: all-well]
    #[arg(long, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// Instead of a scenario, what the commands of this run in the journal had answered
    #[arg(long, value_name = "RUN", conflicts_with = "scenario")]
    pub from_run: Option<String>,
    /// Let this go wrong, besides what the scenario says (see `halligan test --help`)
    #[arg(long = "fault", value_name = "STEP[:PART]=KIND[@N]")]
    pub faults: Vec<Injection>,
    /// Let time pass so many times as fast as it really does [default: waits pass at once]
    #[arg(long, value_name = "TIMES", value_parser = speed)]
    pub speed: Option<f64>,
    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub form: Form,
}

/// Run scenarios.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = FAULTS)]
pub struct Test {
    /// Names of runbooks, or paths to them [default: all]
    pub runbooks: Vec<String>,
    /// Only scenarios whose name contains this, or the one that is called so
    #[arg(long, value_name = "TEXT")]
    pub scenario: Option<String>,
    /// Let this go wrong, and look only at what holds all the same
    #[arg(long = "fault", value_name = "STEP[:PART]=KIND[@N]")]
    pub faults: Vec<Injection>,
    /// What is chosen when a step has failed and the scenario does not say
    #[arg(long, value_enum, value_name = "CHOICE", default_value_t = Then::Stop, requires = "faults")]
    pub then: Then,
    /// Leave a run that a fault has ended as it is, instead of going on with it
    #[arg(long, requires = "faults")]
    pub leave: bool,
    /// Try each kind of fault at each step (or only at these), one at a time, and tell which break something
    #[arg(long, value_name = "STEP", num_args = 0.., require_equals = true, value_delimiter = ',', conflicts_with = "faults")]
    pub fault_sweep: Option<Vec<String>>,
    /// Also tell what no scenario has exercised
    #[arg(long)]
    pub coverage: bool,
    /// Fail if less of a runbook is exercised, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min: Option<u8>,
    /// Also write the results to a file, as `JUnit` XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    #[command(flatten)]
    pub form: Form,
}

/// What the operator chooses in a test when a step has failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Then {
    #[default]
    Stop,
    Rollback,
    Retry,
}

impl From<Then> for Choice {
    fn from(then: Then) -> Self {
        match then {
            Then::Stop => Self::Stop,
            Then::Rollback => Self::Rollback,
            Then::Retry => Self::Retry,
        }
    }
}

/// What may go wrong in a rehearsal, for the help and the manual.
const FAULTS: &str = "\
Faults:
  fail         it fails and does nothing
  hang         it does nothing and never ends
  slow         it takes as long as its timeout lets it
  garble       it does its work, and what it prints is cut and damaged
  cut          it does its work, and what it prints ends half way
  lie          it says that all is well, and has done nothing
  drop         it does its work, and the connection is lost before anybody hears of it
  kill         halligan itself is killed while it is under way
  kill_before  halligan itself is killed before it has done anything
  disk_full    the journal's disk is full when its outcome is to be recorded
PART is main, done_if, verify, gate, show, undo or cleanup; @2 is the second call, @every each.";

/// Look for faults.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct CheckArgs {
    /// Files, or names of runbooks
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    #[command(flatten)]
    pub form: Form,
    /// Fail on warnings too
    #[arg(long)]
    pub strict: bool,
}

/// List runbooks.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct List {
    #[command(flatten)]
    pub form: Form,
}

/// Describe a runbook.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Show {
    /// A runbook's name, or a path to one
    pub runbook: String,
    /// Print its text as it stands
    #[arg(long)]
    pub source: bool,
}

/// Print a schema.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Schema {
    /// Of scenarios, not runbooks
    #[arg(long, conflicts_with = "inventory")]
    pub scenario: bool,
    /// Of inventories, not runbooks
    #[arg(long)]
    pub inventory: bool,
}

/// Write generated files.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Generate {
    /// Where the folders `completions`, `man` and `runbooks` are
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

/// The shells that completions are made for.
pub(crate) const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum ScenarioCommand {
    /// Write a scenario from a run in the journal, for a person to generalise
    New {
        /// What to call it: the stem of its file, in kebab-case
        name: String,
        /// The run's id, or the beginning of it
        #[arg(long, value_name = "RUN")]
        from_run: String,
        /// Where to write it [default: scenarios/RUNBOOK beside the runbook]
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
