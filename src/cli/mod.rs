//! The command line, as types. Nothing is read or written here.

mod completions;
mod form;
mod hand;
mod inventory;
mod journal;
mod look;
mod options;
mod scenario;
pub(crate) mod when;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use completions::{CompletionShell, Completions};
pub(crate) use form::{CheckFormat, Form, Format};
pub(crate) use hand::{HandCommand, NoteArgs, ShellArgs};
pub(crate) use inventory::{Ansible, InventoryCommand};
pub(crate) use journal::{JournalCommand, RunFilter};
pub(crate) use look::{ConfigArgs, Doctor, DraftArgs, Handover, LookCommand, PlayArgs, ReportArgs, ReportFormat, Status, Watch};
pub(crate) use options::is_program;
pub(crate) use options::{Answers, Colour, Global, Hosts, Notify, Params, Quiet, TakingUp};
use options::{place_pair, speed};
pub(crate) use scenario::ScenarioCommand;

use crate::{event::RunId, ports::Choice, rehearse::injection::Injection};

/// Every exit code, for the help and the manual.
const EXIT_CODES: &str = "\
Exit codes:
  0  completed                       6  stopped
  1  a check or scenario failed      7  rolled back
  2  usage                           8  stuck: an undo failed
  3  bad runbook                     9  the journal cannot be used
  4  blocked in preflight           10  an operator is needed
  5  not confirmed                  70  a bug
 71  no memory                     130  interrupted";

/// Runs recovery runbooks step by step and records everything in a journal.
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
        if let Some((_, answers)) = cli.command.given() {
            add(answers);
        }
        cli
    }
}

impl Subcommands {
    /// The parameters and the answers that were given; `None` for a command that takes none.
    fn given(&mut self) -> Option<(&mut Params, &mut Answers)> {
        match self {
            Self::Run(run) => Some((&mut run.params, &mut run.answers)),
            Self::Resume(resume) => Some((&mut resume.how.params, &mut resume.how.answers)),
            Self::Rollback(rollback) => Some((&mut rollback.how.params, &mut rollback.how.answers)),
            Self::Debts(debts) => Some((&mut debts.how.params, &mut debts.how.answers)),
            Self::Rehearse(rehearse) => Some((&mut rehearse.params, &mut rehearse.answers)),
            Self::Test(_)
            | Self::Scenario { .. }
            | Self::Check(_)
            | Self::List(_)
            | Self::Show(_)
            | Self::Look(_)
            | Self::Hand(_)
            | Self::Journal { .. }
            | Self::Inventory { .. }
            | Self::Schema(_)
            | Self::Completions(_) => None,
        }
    }
}

impl Cli {
    /// The same without values that hold a secret, and the flags that are left out for it: `--set who`.
    #[must_use]
    pub(crate) fn without(&self, secret: impl Fn(&str) -> bool) -> (Self, Vec<String>) {
        let mut cli = self.clone();
        let mut gone = Vec::new();
        let mut leave_out = |flag: &str, pairs: &mut Vec<(String, String)>| {
            pairs.retain(|(name, value)| {
                let told = secret(value);
                if told {
                    gone.push(format!("{flag} {name}"));
                }
                !told
            });
        };
        if let Some((params, answers)) = cli.command.given() {
            leave_out("--set", &mut params.set);
            leave_out("--confirm", &mut answers.confirm);
            leave_out("--override", &mut answers.overrides);
        }
        (cli, gone)
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
        Self::Journal { command: JournalCommand::List { filter: RunFilter::default(), form: Form::default() } }
    }

    /// Verifies this host's journal.
    #[must_use]
    pub(crate) fn journal_verify() -> Self {
        Self::Journal { command: JournalCommand::Verify { export: None, head: Vec::new(), allowed_signers: None, form: Form::default() } }
    }

    /// How it is to print.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Self::Run(Run { form, .. })
            | Self::Rehearse(Rehearse { form, .. })
            | Self::Test(Test { form, .. })
            | Self::List(List { form }) => form.format,
            Self::Look(look) => look.format(),
            Self::Journal { command } => command.format(),
            Self::Check(CheckArgs { format, .. }) => match format {
                CheckFormat::Text => Format::Text,
                CheckFormat::Plain => Format::Plain,
                CheckFormat::Json | CheckFormat::Sarif => Format::Json,
            },
            Self::Resume(Resume { how, .. }) | Self::Rollback(Rollback { how, .. }) | Self::Debts(Debts { how, .. }) => how.form.format,
            Self::Hand(_) | Self::Scenario { .. } | Self::Show(_) | Self::Inventory { .. } | Self::Schema(_) | Self::Completions(_) => {
                Format::Text
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Subcommands {
    /// Run a runbook: preflight checks, plan, confirmation, steps
    Run(Run),
    /// Continue a stopped or interrupted run from its journal
    Resume(Resume),
    /// Undo what a run changed, last step first; each undo is confirmed
    Rollback(Rollback),
    /// List debts: cleanups that runs on this host still owe; --settle runs them
    Debts(Debts),
    #[command(flatten)]
    Look(LookCommand),
    #[command(flatten)]
    Hand(HandCommand),
    /// Rehearse a runbook in a simulated world; nothing real is touched
    Rehearse(Rehearse),
    /// Run the scenarios of runbooks and check their expectations
    Test(Test),
    /// Generate scenarios
    Scenario {
        #[command(subcommand)]
        command: ScenarioCommand,
    },
    /// Check runbooks for errors without running anything
    Check(CheckArgs),
    /// List available runbooks and where they come from
    List(List),
    /// Describe a runbook: purpose, parameters, checks, steps
    Show(Show),
    /// Read and verify the journal
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Write an inventory
    Inventory {
        #[command(subcommand)]
        command: InventoryCommand,
    },
    /// Print the JSON Schema of runbooks, scenarios or inventories
    Schema(Schema),
    /// Print what makes a shell complete arguments: runbooks, parameters, steps, scenarios, runs
    Completions(Completions),
}

/// Carry out a runbook.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
#[expect(clippy::struct_field_names, reason = "`--dry-run` is what it is called")]
pub struct Run {
    /// Runbook name or path
    pub runbook: String,
    #[command(flatten)]
    pub params: Params,
    /// Execute read-only commands, held to reading, and print the others
    #[arg(long, conflicts_with_all = ["yes", "step"])]
    pub dry_run: bool,
    /// In a dry run, execute read-only commands also where they cannot be held to reading
    #[arg(long, requires = "dry_run")]
    pub allow_unheld: bool,
    #[command(flatten)]
    pub hosts: Hosts,
    /// Ask once for the sudo password, for steps that run as another user
    #[arg(long)]
    pub ask_sudo_password: bool,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub notify: Notify,
    #[command(flatten)]
    pub form: Form,
    /// Refuse the runbook unless its text has this SHA-256
    #[arg(long, value_name = "HEX")]
    pub expect_sha256: Option<String>,
}

/// Go on with a run.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Resume {
    /// Run id, or its first digits [default: the latest real run]
    pub run: Option<String>,
    #[command(flatten)]
    pub how: TakingUp,
    /// Continue although the journal failed verification; the refusal prints the digest
    #[arg(long, value_name = "DIGEST")]
    pub accept_damaged: Option<String>,
}

/// Take a run back.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Rollback {
    /// Run id, or its first digits
    pub run: String,
    #[command(flatten)]
    pub how: TakingUp,
    /// Roll back although the journal failed verification; the refusal prints the digest
    #[arg(long, value_name = "DIGEST")]
    pub accept_damaged: Option<String>,
}

/// List and settle debts.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Debts {
    /// Only the debts of this run
    pub run: Option<String>,
    /// Run the owed cleanups; each is confirmed
    #[arg(long)]
    pub settle: bool,
    /// Record that a person has put back what a step owes, and how; nothing is run
    #[arg(long, value_name = "PLACE=REASON", value_parser = place_pair, conflicts_with = "settle")]
    pub settled_by_hand: Vec<(String, String)>,
    #[command(flatten)]
    pub how: TakingUp,
}

/// Practise a runbook on a simulated world.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Rehearse {
    /// Runbook name or path
    pub runbook: String,
    /// Scenario name or path [default: all-well]
    #[arg(long, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// Replay what the commands of this recorded run answered, instead of a scenario
    #[arg(long, value_name = "RUN", conflicts_with = "scenario")]
    pub from_run: Option<String>,
    /// Inject this fault, besides those of the scenario (see `halligan test --help`)
    #[arg(long = "fault", value_name = "STEP[:PART]=KIND[@N]")]
    pub faults: Vec<Injection>,
    /// Speed of time, as a multiple of real time [default: waits take no time]
    #[arg(long, value_name = "TIMES", value_parser = speed)]
    pub speed: Option<f64>,
    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub quiet: Quiet,
    #[command(flatten)]
    pub form: Form,
}

/// Run scenarios.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_long_help = FAULTS)]
pub struct Test {
    /// Runbook names or paths [default: all]
    pub runbooks: Vec<String>,
    /// Only scenarios whose name contains this text; an exact name selects one
    #[arg(long, value_name = "TEXT")]
    pub scenario: Option<String>,
    /// Inject this fault; check only what must be true in spite of faults
    #[arg(long = "fault", value_name = "STEP[:PART]=KIND[@N]")]
    pub faults: Vec<Injection>,
    /// Answer to a failed step where the scenario gives none
    #[arg(long, value_enum, value_name = "CHOICE", default_value_t = Then::Stop, requires = "faults")]
    pub then: Then,
    /// Do not resume a run that a fault has killed
    #[arg(long, requires = "faults")]
    pub leave: bool,
    /// Inject each kind of fault at each step (or only at these steps), one at a time, and report which break something
    #[arg(long, value_name = "STEP", num_args = 0.., require_equals = true, value_delimiter = ',', conflicts_with = "faults")]
    pub fault_sweep: Option<Vec<String>>,
    /// Also list what no scenario exercises
    #[arg(long)]
    pub coverage: bool,
    /// Fail if coverage of a runbook is below this percentage
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min: Option<u8>,
    /// Also write the results to this file, as `JUnit` XML
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
  fail         the command fails and does nothing
  hang         the command does nothing and never ends
  slow         the command takes as long as its timeout allows
  garble       the command does its work; its output is cut and damaged
  cut          the command does its work; its output ends half way
  lie          the command reports success and does nothing
  drop         the command does its work; the connection is lost before the answer
  kill         halligan is killed while the command runs
  kill_before  halligan is killed before the command has done anything
  disk_full    the journal's disk is full when the outcome is to be recorded
  hands        right after the command, somebody else changes the world: STEP=hands:PATH=VALUE
PART is main, done_if, verify, gate, holds, show, undo or cleanup; @2 is the second call, @every each.";

/// Look for faults.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct CheckArgs {
    /// Runbook files or names
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub format: CheckFormat,
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
    /// Runbook name or path
    pub runbook: String,
    /// Print the source text
    #[arg(long)]
    pub source: bool,
    /// Print the runbook as YAML with every query in the places where it is asked
    #[arg(long, conflicts_with = "source")]
    pub expanded: bool,
    /// Print a page of Markdown, as `docs/runbooks` holds for those that are shipped
    #[arg(long, conflicts_with_all = ["source", "expanded"])]
    pub markdown: bool,
}

/// Print a schema.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Schema {
    /// Schema of scenarios
    #[arg(long, conflicts_with = "inventory")]
    pub scenario: bool,
    /// Schema of inventories
    #[arg(long)]
    pub inventory: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
