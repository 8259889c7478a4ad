//! The command line, as types. Nothing is read or written here.

mod journal;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{ports::Choice, rehearse::injection::Injection};

use crate::event::place::assignment;

pub use journal::Journal;

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
#[derive(Debug, Parser)]
#[command(name = "halligan", version, max_term_width = 100, after_help = EXIT_CODES, propagate_version = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]
    #[arg(long, global = true, env = "HALLIGAN_JOURNAL_DIR", value_name = "DIR", hide_env_values = true)]
    pub journal_dir: Option<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Say more about what halligan itself does; twice for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        })
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
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
        command: Scenario,
    },
    /// Look for every fault in runbooks, without running anything
    Check(Check),
    /// List the runbooks that are at hand, and where they come from
    List(List),
    /// Describe a runbook: what it is for, what it asks, what it does
    Show(Show),
    /// Read and verify the journal
    Journal {
        #[command(subcommand)]
        command: Journal,
    },
    /// Print the JSON Schema of runbooks or scenarios, for editors
    Schema(Schema),
    /// Write the shell completions, manual pages and schemas into a directory
    Generate(Generate),
}

/// Carry out a runbook.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
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
    /// What to print: for a person, one line an event, or one JSON object an event
    #[arg(long, value_enum, default_value_t = Output::Auto, value_name = "FORM")]
    pub output: Output,
    /// Refuse a runbook whose text has another SHA-256 than this
    #[arg(long, value_name = "HEX")]
    pub expect_sha256: Option<String>,
}

/// Go on with a run.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Resume {
    /// The run's id, or the beginning of it [default: the latest real run]
    pub run: Option<String>,
    #[command(flatten)]
    pub hosts: Hosts,
    /// Ask once for the password that sudo wants where a step names a user
    #[arg(long)]
    pub ask_sudo_password: bool,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub answers: Answers,
    /// What to print: for a person, one line an event, or one JSON object an event
    #[arg(long, value_enum, default_value_t = Output::Auto, value_name = "FORM")]
    pub output: Output,
    /// Go on by a journal that does not hold; the refusal names the digest
    #[arg(long, value_name = "DIGEST")]
    pub accept_damaged: Option<String>,
}

/// Take a run back.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Rollback {
    /// The run's id, or the beginning of it
    pub run: String,
    #[command(flatten)]
    pub hosts: Hosts,
    /// Ask once for the password that sudo wants where a step names a user
    #[arg(long)]
    pub ask_sudo_password: bool,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub answers: Answers,
    /// What to print: for a person, one line an event, or one JSON object an event
    #[arg(long, value_enum, default_value_t = Output::Auto, value_name = "FORM")]
    pub output: Output,
    /// Go by a journal that does not hold; the refusal names the digest
    #[arg(long, value_name = "DIGEST")]
    pub accept_damaged: Option<String>,
}

/// List and settle debts.
#[derive(Debug, Args)]
pub struct Debts {
    /// Only those of this run
    pub run: Option<String>,
    /// Run the cleanups that are owed, each confirmed
    #[arg(long)]
    pub settle: bool,
    #[command(flatten)]
    pub hosts: Hosts,
    /// Ask once for the password that sudo wants where a step names a user
    #[arg(long)]
    pub ask_sudo_password: bool,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub answers: Answers,
    /// Print one JSON object a debt
    #[arg(long, conflicts_with = "settle")]
    pub json: bool,
}

/// Where steps may run.
#[derive(Debug, Clone, Default, Args)]
pub struct Hosts {
    /// Which hosts there are and how each is reached [default: `/etc/halligan/inventory.yaml`, if it is there]
    #[arg(long, env = "HALLIGAN_INVENTORY", value_name = "FILE", hide_env_values = true)]
    pub inventory: Option<PathBuf>,
}

/// Values for parameters.
#[derive(Debug, Clone, Default, Args)]
pub struct Params {
    /// A value for a parameter; a list is written with commas
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// A YAML file of parameters; `--set` goes before it
    #[arg(long = "params", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Answers given beforehand.
#[derive(Debug, Clone, Default, Args)]
pub struct Answers {
    /// Ask before each step that does something
    #[arg(long, conflicts_with = "yes")]
    pub step: bool,
    /// Approve the plan and plain questions; never what destroys
    #[arg(long, short)]
    pub yes: bool,
    /// Answer the question of a step with the phrase that it asks for
    #[arg(long, value_name = "STEP=PHRASE", value_parser = place_pair)]
    pub confirm: Vec<(String, String)>,
    /// Override a blocking probe, for a reason that is journaled
    #[arg(long = "override", value_name = "PROBE=REASON", value_parser = place_pair)]
    pub overrides: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person on a terminal, plain otherwise
    Auto,
    /// One line an event, with its time
    Plain,
    /// One JSON object an event
    Json,
}

/// Practise a runbook on a simulated world.
#[derive(Debug, Args)]
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
    /// What to print: for a person, one line an event, or one JSON object an event
    #[arg(long, value_enum, default_value_t = Output::Auto, value_name = "FORM")]
    pub output: Output,
}

/// Run scenarios.
#[derive(Debug, Args)]
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
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What the operator chooses in a test when a step has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Then {
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
#[derive(Debug, Args)]
pub struct Check {
    /// Files, or names of runbooks
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// How to print what is found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Fail on warnings too
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// List runbooks.
#[derive(Debug, Args)]
pub struct List {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Describe a runbook.
#[derive(Debug, Args)]
pub struct Show {
    /// A runbook's name, or a path to one
    pub runbook: String,
    /// Print its text as it stands
    #[arg(long)]
    pub source: bool,
}

/// Print a schema.
#[derive(Debug, Args)]
pub struct Schema {
    /// Of scenarios, not runbooks
    #[arg(long, conflicts_with = "inventory")]
    pub scenario: bool,
    /// Of inventories, not runbooks
    #[arg(long)]
    pub inventory: bool,
}

/// Write generated files.
#[derive(Debug, Args)]
pub struct Generate {
    /// Where the folders `completions`, `man` and `runbooks` are
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

/// The shells that completions are made for.
pub const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

#[derive(Debug, Subcommand)]
pub enum Scenario {
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

/// How many times as fast as real time.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(times) if (0.01..=1e9).contains(&times) => Ok(times),
        _ => Err("write how many times as fast as it really goes, such as 60".to_owned()),
    }
}

/// `name=value`
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// `step=phrase`, where the step may be a whole place such as `each[disk=sdb].wipe`
fn place_pair(text: &str) -> Result<(String, String), String> {
    assignment(text).map(|(place, value)| (place.to_owned(), value.to_owned())).ok_or_else(|| "write STEP=TEXT".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
