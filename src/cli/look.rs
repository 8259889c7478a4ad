//! The commands that only look: at runs, and at what is recorded of them.

use clap::{Args, Subcommand, ValueEnum};

use super::{
    form::{Form, Format},
    options::{Hosts, Notify, seconds, speed},
};
use crate::event::RunId;

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum LookCommand {
    /// Show what is running, what was left, and what is owed on this host
    Status(Status),
    /// Show a running run live, from another terminal; read-only
    Watch(Watch),
    /// Print one page for whoever takes a run over: state, in doubt, owed, next steps
    Handover(Handover),
    /// Print a run's timeline for the post-mortem, as Markdown, HTML or JSON
    Report(ReportArgs),
    /// Play the recording of a shell that was opened beside a run
    Play(PlayArgs),
    /// Print a runbook drafted from what was typed in shells beside a run, to be looked at
    Draft(DraftArgs),
    /// Check whether a run could be carried out on this machine now
    Doctor(Doctor),
    /// Show each setting, its value, and where it comes from: an option, the environment, a file or the default
    Config(ConfigArgs),
}

impl LookCommand {
    /// Shows how one run stands.
    #[must_use]
    pub(crate) fn status(run: RunId) -> Self {
        Self::Status(Status { run: Some(run.to_string()), ..Status::default() })
    }

    /// Shows one run live.
    #[must_use]
    pub(crate) fn watch(run: RunId) -> Self {
        Self::Watch(Watch { run: Some(run.to_string()), ..Watch::default() })
    }

    /// Plays the last shell of a run.
    #[must_use]
    pub(crate) fn play(run: RunId) -> Self {
        Self::Play(PlayArgs { run: run.to_string(), ..PlayArgs::default() })
    }

    /// How it is to print.
    #[must_use]
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Status(Status { json: true, .. })
            | Self::Config(ConfigArgs { json: true, .. })
            | Self::Report(ReportArgs { format: ReportFormat::Json, .. }) => Format::Json,
            Self::Status(Status { form, .. })
            | Self::Watch(Watch { form, .. })
            | Self::Handover(Handover { form, .. })
            | Self::Doctor(Doctor { form, .. })
            | Self::Config(ConfigArgs { form, .. }) => form.format,
            Self::Report(ReportArgs { format: ReportFormat::Md | ReportFormat::Html, .. }) => Format::Plain,
            Self::Play(_) | Self::Draft(_) => Format::Text,
        }
    }
}

/// Show how runs stand.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(
    after_help = "Exit code 1 if something needs a person: a run has crashed or was left, is in doubt, owes a cleanup, or waits for an answer."
)]
pub struct Status {
    /// Run id, or its first digits [default: all that run, were left, or owe something]
    pub run: Option<String>,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    #[command(flatten)]
    pub form: Form,
}

/// Watch a run.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = "The exit code is that of the run; 1 if the run ends without recording an end.")]
pub struct Watch {
    /// Run id, or its first digits [default: the only run that is running]
    pub run: Option<String>,
    #[command(flatten)]
    pub form: Form,
}

/// Hand a run over.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Handover {
    /// Run id, or its first digits
    pub run: String,
    #[command(flatten)]
    pub form: Form,
}

/// Report a run.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ReportArgs {
    /// Run id, or its first digits
    pub run: String,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub format: ReportFormat,
}

/// Play what was recorded.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = PLAY)]
pub struct PlayArgs {
    /// Run id, or its first digits
    pub run: String,
    /// Which of the run's shells; 1 is the first [default: the last]
    pub number: Option<usize>,
    /// Speed of time, as a multiple of real time [default: 1]
    #[arg(long, value_name = "TIMES", value_parser = speed)]
    pub speed: Option<f64>,
    /// The longest pause, in seconds of the recording [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub idle: Option<f64>,
    /// List the shells of the run instead
    #[arg(long, conflicts_with_all = ["number", "cast"])]
    pub list: bool,
    /// Print the recording itself, for another player (asciicast v3)
    #[arg(long)]
    pub cast: bool,
}

/// Draft a runbook: a step for each command that bash, zsh or fish told, in the order in which they were typed.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = DRAFT)]
pub struct DraftArgs {
    /// Run id, or its first digits
    pub run: String,
    /// Only this of the run's shells; 1 is the first [default: all]
    pub number: Option<usize>,
    /// Name of the drafted runbook
    #[arg(long, value_name = "NAME", default_value = "draft")]
    pub name: String,
}

const DRAFT: &str = "\
The draft has no errors, and is no runbook yet: each TODO is for a person to decide. Commands that failed, and those that mean something to
the shell alone, stand in it as comments. What is not known to read is taken to change something.
  halligan draft 7f3a > runbooks/draft.yaml; halligan check draft";

const PLAY: &str = "\
Ctrl-C ends it. Without a terminal all of it is printed at once. Only what draws is played: titles, clipboards and questions to the
terminal are left out. A recording whose hash is not the recorded one is refused.";

/// Check this machine: journal, room, clock, terminal, holding of reads, sudo, programs and their versions, owed cleanups.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = DOCTOR)]
pub struct Doctor {
    /// Also check what this runbook needs: name or path
    pub runbook: Option<String>,
    /// Instead, tell what can still be done without this program, host, file, $VARIABLE or user
    #[arg(long, value_name = "WHAT")]
    pub without: Vec<String>,
    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub form: Form,
}

const DOCTOR: &str = "\
Exit code 1 if something keeps a run from being carried out; with --without, if not every runbook can be run whole.

Without something, each runbook that is found is gone through (or the one that is named), with what it calls and the inventory; nothing is run.
WHAT is a program or a host by its name, /PATH, $VARIABLE, or program:, host:, file:, env: or user: and a name:
  halligan doctor --without ceph
  halligan doctor --without host:ns1 --without /etc/resolv.conf";

/// Show settings. The options are those of `run`: what a run with them would use is shown.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = CONFIG)]
pub struct ConfigArgs {
    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub notify: Notify,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    #[command(flatten)]
    pub form: Form,
}

const CONFIG: &str = "\
Keys of a file of settings, all of them optional:
  journal_dir = \"/var/lib/halligan\"
  inventory = \"/etc/halligan/inventory.yaml\"
  notify = \"/usr/local/bin/page\"      # a program
  bell = true                         # ring the terminal and set its title
  color = \"auto\"                      # auto, always or never
  runbooks = [\"/srv/runbooks\"]        # looked through after ./runbooks
An option goes before the environment, that before your own file, and that before the file in /etc.";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Markdown, with fields to fill in
    #[default]
    Md,
    /// One self-contained file with the course of the run as a drawing
    Html,
    /// For programs
    Json,
}
