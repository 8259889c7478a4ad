//! A command as it is shown. Its quoting is in `quote`.

use super::{quote, sanitise};
use crate::event::{Shown, Words};

/// The script of a command that is one.
#[must_use]
pub(crate) fn script(command: &Shown) -> Option<&str> {
    match &command.words {
        Words::Script(script) => Some(script),
        Words::Argv(_) => None,
    }
}

/// Where a command runs and as whom: ` on osd-host-1 as ceph in /tmp`; nothing for here, as oneself.
#[must_use]
pub(crate) fn place_of(command: &Shown) -> String {
    let mut text = String::new();
    for (word, value) in [("on", &command.host), ("as", &command.user), ("in", &command.cwd)] {
        if let Some(value) = value {
            text.extend(["  ", word, " ", &sanitise::line(value)]);
        }
    }
    text
}

/// A command on one line; empty for a wait that runs none.
#[must_use]
pub(crate) fn command(command: &Shown) -> String {
    format!("{}{}", quote::argv(&command.words.argv()), place_of(command))
}

/// The same in short, where a command is only named: of a script of several lines the first stands for it.
#[must_use]
pub(crate) fn brief(command: &Shown) -> String {
    match script(command).and_then(|script| script.trim().split_once('\n')) {
        Some((first, _)) => format!("{} …{}", sanitise::line(first.trim_start_matches(['#', ' '])), place_of(command)),
        None => self::command(command),
    }
}
