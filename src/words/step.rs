//! What a step is, why it was passed over, and what a dry run says of it.

use super::{command::command, list::list, mark::Mark, sanitise};
use crate::event::{Effect, Place, Prediction, Skip, StepKind};

/// What a command does to the world.
#[must_use]
pub(crate) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Change => "change",
        // Stands out without colour too.
        Effect::Destroy => "DESTROY",
    }
}

/// What kind of thing a step is: of a command its effect, which says more.
#[must_use]
pub(crate) fn kind(kind: StepKind, of: Effect) -> &'static str {
    if kind == StepKind::Run { effect(of) } else { kind.word() }
}

/// A name in a runbook or a record, as a person speaks of what has no title: `wait_up` is `wait up`.
#[must_use]
pub(crate) fn aloud(name: &str) -> String {
    name.replace('_', " ")
}

/// The title of a step, unless it says no more than its id.
#[must_use]
pub(crate) fn title<'a>(place: &Place, title: &'a str) -> &'a str {
    if title == place.step() || title == aloud(place.step()) { "" } else { title }
}

/// An item of a loop, as a person speaks of it: a bare number says nothing without what it is the number of.
#[must_use]
pub(crate) fn item(variable: &str, item: &str) -> String {
    let item = sanitise::line(item);
    if item.chars().all(|c| c.is_ascii_digit()) { format!("{} {item}", aloud(variable)) } else { item.into_owned() }
}

/// What became of a step since what must hold around it does not.
#[must_use]
pub(crate) fn not_held(before: &Place, waiting: bool) -> String {
    if waiting { format!("{before} was ended: nothing further was begun") } else { format!("{before} was not begun") }
}

/// Why a step was passed over.
#[must_use]
pub(crate) fn skip(skip: &Skip) -> String {
    match skip {
        Skip::When { expression } => format!("skipped (condition false: {})", sanitise::line(expression)),
        Skip::AlreadyDone { message } if message.is_empty() => "skipped (already done)".to_owned(),
        Skip::AlreadyDone { message } => format!("skipped (already done: {})", sanitise::text(message)),
        Skip::Operator => "skipped by the operator".to_owned(),
        Skip::Empty => "skipped (no items)".to_owned(),
    }
}

#[must_use]
fn at_run_time(needs: &[String]) -> String {
    format!("known only at run time (depends on {})", list(needs, usize::MAX))
}

/// What a dry run says: in short, and in full.
#[must_use]
pub(crate) fn prediction(prediction: &Prediction) -> (Mark, &'static str, String) {
    match prediction {
        Prediction::WouldRun { command: shown } => (Mark::Noted, "would run", command(shown)),
        Prediction::AtRunTime { needs } => (Mark::Unknown, "at run time", at_run_time(needs)),
        Prediction::WouldAsk { question } => (Mark::Noted, "would ask", sanitise::text(question).into_owned()),
    }
}
