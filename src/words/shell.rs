//! What is told of a shell beside a run.

use crate::{event::ShellFact, quantity::show_duration};

/// A fact of it in words.
#[must_use]
pub(crate) fn shell(fact: &ShellFact) -> String {
    match fact {
        ShellFact::Opened { host: None, .. } => "shell opened on this host, recorded".to_owned(),
        ShellFact::Opened { host: Some(host), .. } => format!("shell opened on {host}, recorded"),
        ShellFact::Command { text, .. } => format!("shell: {text}"),
        ShellFact::CommandEnded { number, code, took } => {
            format!("shell: command {number} ended, exit {code}, after {}", show_duration(*took))
        }
        ShellFact::Closed { code, why, recording, hook } => {
            let ended = match (code, why) {
                (_, Some(why)) => format!(": {why}"),
                (Some(code), None) => format!(", exit {code}"),
                (None, None) => String::new(),
            };
            let cut = if recording.cut.is_some() { ", not whole" } else { "" };
            let commands = if hook.is_some() { "" } else { "; its commands are told by the recording alone" };
            format!(
                "shell closed{ended}; recording {} ({} bytes{cut}){commands}",
                recording.sha256.get(..8).unwrap_or_default(),
                recording.bytes
            )
        }
    }
}
