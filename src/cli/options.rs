//! Options that several commands share.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum, builder::FalseyValueParser};

use super::form::Form;
use crate::{event::place::assignment, ports::Beforehand};

/// What every command understands.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Global {
    /// Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]
    #[arg(long, global = true, env = "HALLIGAN_JOURNAL_DIR", value_name = "DIR", hide_env_values = true)]
    pub journal_dir: Option<PathBuf>,
    /// When to use colour [default: auto]
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<Colour>,
    /// Read settings from this file alone; /dev/null for none [default: `/etc/halligan/config.toml` and `$XDG_CONFIG_HOME/halligan/config.toml`]
    #[arg(long, global = true, env = "HALLIGAN_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Log what halligan does and tell every step as it happens; -vv for debug
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    #[default]
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

/// Where steps may run.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Hosts {
    /// Inventory: hosts and how each is reached [default: `/etc/halligan/inventory.yaml`, if it exists]
    #[arg(long, env = "HALLIGAN_INVENTORY", value_name = "FILE", hide_env_values = true)]
    pub inventory: Option<PathBuf>,
}

/// What is not to be heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Quiet {
    /// Neither ring the terminal's bell nor set its title when a question waits, a wait stands still or the run ends
    #[arg(
        long, env = "HALLIGAN_NO_BELL", value_parser = FalseyValueParser::new(), hide_env_values = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true
    )]
    pub no_bell: Option<bool>,
}

/// Whom to tell while nobody looks.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Notify {
    /// Program to start when a question waits, a wait stands still or the run ends; it reads what happened as JSON
    #[arg(long = "notify", env = "HALLIGAN_NOTIFY", value_name = "PROGRAM", value_parser = program, hide_env_values = true)]
    pub program: Option<PathBuf>,
    #[command(flatten)]
    pub quiet: Quiet,
}

/// Values for parameters.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Params {
    /// Set a parameter; separate list items with commas
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// YAML file of parameters; `--set` overrides it
    #[arg(long = "params", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Answers given beforehand.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Answers {
    /// Ask before each step that changes something
    #[arg(long, conflicts_with = "yes")]
    pub step: bool,
    /// Approve the plan and yes/no questions; never a typed confirmation
    #[arg(long, short)]
    pub yes: bool,
    /// Give a step the phrase that it asks for
    #[arg(long, value_name = "STEP=PHRASE", value_parser = place_pair)]
    pub confirm: Vec<(String, String)>,
    /// Override a failed preflight check, or once a check of `holds`; the reason is recorded
    #[arg(long = "override", value_name = "PROBE=REASON", value_parser = place_pair)]
    pub overrides: Vec<(String, String)>,
}

impl Answers {
    /// With a reason to override a probe.
    pub fn overriding(&mut self, probe: &str, reason: &str) {
        self.overrides.push((probe.to_owned(), reason.to_owned()));
    }

    /// With what would have answered a question; what no flag answers adds nothing.
    pub fn add(&mut self, beforehand: &Beforehand) {
        match beforehand {
            Beforehand::Yes => {
                self.yes = true;
                // Who answers everything beforehand is not asked before each step.
                self.step = false;
            }
            Beforehand::Confirm { place, phrase } => {
                let phrase = phrase.clone().unwrap_or_else(|| "WHAT WAS DONE".to_owned());
                self.confirm.push((place.to_string(), phrase));
            }
            Beforehand::Override { place } => self.overriding(place.as_str(), "the reason"),
            Beforehand::Parameter { .. } | Beforehand::Nothing { .. } => {}
        }
    }
}

/// How a run that was left is taken up.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct TakingUp {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Ask once for the sudo password, for steps that run as another user
    #[arg(long)]
    pub ask_sudo_password: bool,
    /// Go on with a journal that was copied or restored, when nobody uses the original any more
    #[arg(long)]
    pub accept_copy: bool,
    /// Go on with the journal of this host under another name or in a rescue system, when nobody uses it there any more; the name is that in its records
    #[arg(long, value_name = "HOST")]
    pub adopt: Option<String>,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub notify: Notify,
    #[command(flatten)]
    pub form: Form,
}

/// How many times as fast as real time.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(times) if (0.01..=1e9).contains(&times) => Ok(times),
        _ => Err("write a multiple of real time, such as 60".to_owned()),
    }
}

/// A length of time in a recording.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("write seconds, such as 0.5".to_owned()),
    }
}

/// The whole path of a program that is there: whoever is to be told must not be missed hours later.
fn program(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err("write its whole path, such as /usr/local/bin/page".to_owned());
    }
    is_program(&path).map(|()| path)
}

/// Whether there is a program.
///
/// # Errors
/// Why not.
pub(crate) fn is_program(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err("this is no program: it must be a file that may be executed".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// `name=value`
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// `step=phrase`, where the step may be a whole place such as `each[disk=sdb].wipe`
pub(super) fn place_pair(text: &str) -> Result<(String, String), String> {
    assignment(text).map(|(place, value)| (place.to_owned(), value.to_owned())).ok_or_else(|| "write STEP=TEXT".to_owned())
}
