//! How far what only reads is held to reading.

use std::collections::BTreeSet;

use crate::event::Holding;

/// Its name, as it is counted.
#[must_use]
pub(crate) fn holding(holding: &Holding) -> &'static str {
    match holding {
        Holding::Held => "held",
        Holding::ButSockets => "held but for sockets",
        Holding::NotHeld { .. } => "not held",
    }
}

/// What is said of a command before it runs that cannot be held.
#[must_use]
pub(crate) fn unheld(why: &str) -> String {
    format!("not held to reading: {why}")
}

/// What the result of a read depends on that a dry run does not run.
#[must_use]
pub(crate) fn passed_over(why: &str) -> String {
    format!("a read that is not held ({why}); --allow-unheld runs it")
}

/// What is said before it runs of what may talk to other programs.
#[must_use]
pub(crate) fn talking(programs: &BTreeSet<String>) -> String {
    let programs = programs.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("held to reading but for sockets, over which others may be told to change something: {programs}")
}
