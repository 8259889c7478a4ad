//! The shells that operators have opened beside a run, from its records.

use jiff::Timestamp;

use super::operator::who;
use crate::{
    event::{Captured, Event, Place, ShellFact},
    journal::chronicle::Chronicle,
};

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct RecordedShell {
    pub shell: String,
    /// At which question it was opened.
    pub place: Option<Place>,
    pub host: Option<String>,
    /// The halligan that recorded it.
    pub recorder: u32,
    pub opened: Timestamp,
    pub who: String,
    pub commands: Vec<TypedCommand>,
    /// Its recording; `None` as long as it is open, and for good where whoever recorded it was killed.
    pub recording: Option<Captured>,
}

/// A command that was typed in a shell.
#[derive(Debug, Clone)]
pub(crate) struct TypedCommand {
    pub number: u32,
    pub text: String,
    /// `None` where no end is recorded.
    pub code: Option<i32>,
}

impl RecordedShell {
    /// All of a run, in the order of their opening.
    pub(crate) fn all(chronicle: &Chronicle) -> Vec<Self> {
        let mut shells: Vec<Self> = Vec::new();
        for fact in &chronicle.facts {
            let Event::Shell { place, shell, fact: said } = &fact.event else { continue };
            if let ShellFact::Opened { host, recorder } = said {
                shells.push(Self {
                    shell: shell.clone(),
                    place: place.clone(),
                    host: host.clone(),
                    recorder: *recorder,
                    opened: fact.at.ts,
                    who: who(fact.uid, fact.login_uid),
                    commands: Vec::new(),
                    recording: None,
                });
                continue;
            }
            // One that was never closed may have had the same name.
            let Some(open) = shells.iter_mut().rfind(|open| open.shell == *shell) else { continue };
            match said {
                ShellFact::Opened { .. } => {}
                ShellFact::Command { number, text } => {
                    open.commands.push(TypedCommand { number: *number, text: text.clone(), code: None });
                }
                ShellFact::CommandEnded { number, code, .. } => {
                    if let Some(command) = open.commands.iter_mut().rfind(|command| command.number == *number) {
                        command.code = Some(*code);
                    }
                }
                ShellFact::Closed { recording, .. } => open.recording = Some(recording.clone()),
            }
        }
        shells
    }

    /// Where it was opened.
    pub(crate) fn on(&self) -> &str {
        self.host.as_deref().unwrap_or("this host")
    }
}
