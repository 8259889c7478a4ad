//! Which system a run is bound to.

use super::{mark::Mark, sanitise};
use crate::event::{Place, SystemAnswer};

/// What a system has answered that was asked which one it is.
#[must_use]
pub(crate) fn system_answer(answer: &SystemAnswer) -> (Mark, String) {
    match answer {
        SystemAnswer::Known { system } => (Mark::Passed, format!("system: {}", sanitise::line(system))),
        SystemAnswer::Unknown { why } => (Mark::Failed, format!("system unknown: {}", sanitise::text(why))),
    }
}

/// Why nothing may be done to a system that cannot be asked any more.
#[must_use]
pub(crate) fn not_asked_which_system(place: &Place) -> String {
    format!("the system was not asked whether it is still the same, at {place}")
}

/// Why nothing may be done on the strength of this answer: it is not that of the system that the run is `bound` to, or there is none.
#[must_use]
pub(crate) fn other_system(bound: Option<&str>, answer: &SystemAnswer) -> Option<Vec<String>> {
    match (bound, answer) {
        (None, SystemAnswer::Known { .. }) => None,
        (None, SystemAnswer::Unknown { why }) => {
            Some(vec!["the system does not say which one it is".to_owned(), why.clone(), "nothing else was asked".to_owned()])
        }
        (Some(bound), SystemAnswer::Unknown { why }) => {
            Some(vec!["the system does not say which one it is".to_owned(), format!("the run is bound to: {bound}"), why.clone()])
        }
        (Some(bound), SystemAnswer::Known { system }) if bound == system => None,
        (Some(bound), SystemAnswer::Known { system }) => Some(vec![
            "this is another system than the run is bound to".to_owned(),
            format!("the run is bound to: {bound}"),
            format!("and this is:         {system}"),
        ]),
    }
}

/// The systems that something is done on, in one line; nothing where a run is bound to none.
#[must_use]
pub(crate) fn on_system<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().collect();
    (!names.is_empty()).then(|| format!("System: {}", names.join(", and ")))
}
