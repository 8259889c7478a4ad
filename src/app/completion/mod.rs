//! Completes arguments for bash, fish and zsh: a shell asks what could be typed where its cursor stands, and halligan answers.
//!
//! What options there are and which value is being typed clap's own engine finds out. Only the values are halligan's, and the form in
//! which each shell takes them.

mod typed;
mod values;

use std::{ffi::OsString, io::Write, process::ExitCode};

use clap::CommandFactory;
use clap_complete::engine::{self, CompletionCandidate};

use self::typed::{BashLine, TypedWords};
use super::exit::ProgramExit;
use crate::{
    cli::{Cli, CompletionShell},
    ui::out::Out,
    words::sanitise,
};

/// The variable by which a shell asks: its name. What is typed stands behind `--`.
const ASKED_BY: &str = "HALLIGAN_COMPLETE";

/// What makes a shell ask.
#[must_use]
pub(crate) fn script(shell: CompletionShell) -> &'static str {
    match shell {
        CompletionShell::Bash => include_str!("../../../completions/halligan.bash"),
        CompletionShell::Fish => include_str!("../../../completions/halligan.fish"),
        CompletionShell::Zsh => include_str!("../../../completions/_halligan"),
    }
}

/// Answers a shell that asks; `None` where none does, and halligan is to do what its arguments say.
#[must_use]
pub(super) fn answer() -> Option<ExitCode> {
    let shell = match std::env::var(ASKED_BY).ok()?.as_str() {
        "bash" => CompletionShell::Bash,
        "fish" => CompletionShell::Fish,
        "zsh" => CompletionShell::Zsh,
        _ => return None,
    };
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != "--" {
        return None;
    }
    let lines = match shell {
        CompletionShell::Bash => {
            let line = BashLine::of(&arguments.next()?, &arguments.next().unwrap_or_default());
            line.map(|line| candidates(&line.words).iter().filter_map(|candidate| line.told(&value(candidate))).collect())
                .unwrap_or_default()
        }
        CompletionShell::Fish | CompletionShell::Zsh => {
            candidates(&arguments.collect::<Vec<_>>()).iter().map(described).collect::<Vec<_>>()
        }
    };
    let text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
    // All of it was made visible, but for the tabs in it, which the shell needs.
    let written = Out::process(None, true).stdout.unchanged().write_all(text.as_bytes());
    Some(if written.is_ok() { ProgramExit::Completed } else { ProgramExit::CheckFailed }.into())
}

/// What could stand in place of the last word.
fn candidates(words: &[OsString]) -> Vec<CompletionCandidate> {
    let Some((word, before)) = words.split_last() else { return Vec::new() };
    // The engine would ask a name service for the home behind `~`.
    if word.as_encoded_bytes().contains(&b'~') && std::env::var_os("HOME").is_none_or(|home| home.is_empty()) {
        return Vec::new();
    }
    let mut command = values::known(Cli::command(), &TypedWords::of(before).into());
    // What cannot be completed is not, and the shell says nothing of it either.
    let mut found =
        engine::complete(&mut command, words.to_vec(), before.len(), std::env::current_dir().ok().as_deref()).unwrap_or_default();
    // Where a value is wanted, options are offered once they are begun.
    let is_option = |candidate: &CompletionCandidate| candidate.get_value().as_encoded_bytes().starts_with(b"-");
    if word.is_empty() && !found.iter().all(is_option) {
        found.retain(|candidate| !is_option(candidate));
    }
    found
}

fn value(candidate: &CompletionCandidate) -> String {
    sanitise::line(&candidate.get_value().to_string_lossy()).into_owned()
}

/// The value and what it is, with a tab between.
fn described(candidate: &CompletionCandidate) -> String {
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    match help.lines().next() {
        Some(help) if !help.is_empty() => format!("{}\t{}", value(candidate), sanitise::line(help)),
        _ => value(candidate),
    }
}
