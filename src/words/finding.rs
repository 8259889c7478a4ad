//! What a check has found.

use super::{list::list, mark::Mark, sanitise};
use crate::event::{Finding, Place};

/// A finding's mark, its name, what was found, and what would help.
#[must_use]
pub(crate) fn finding(finding: &Finding) -> (Mark, &'static str, String, Option<&str>) {
    let text = |message: &str| sanitise::text(message).into_owned();
    match finding {
        Finding::Pass { message } => (Mark::Passed, "passed", text(message), None),
        Finding::Warn { message, hint } => (Mark::Warned, "warning", text(message), hint.as_deref()),
        Finding::Block { message, hint, .. } => (Mark::Failed, "failed", text(message), hint.as_deref()),
        Finding::NotJudged { without, .. } => (Mark::Unknown, "not judged", format!("without {}", quoted(without)), None),
        Finding::Unknown { needs } => {
            (Mark::Unknown, "not checked", format!("cannot be checked in a dry run (depends on {})", list(needs, usize::MAX)), None)
        }
    }
}

/// A check that has not passed, on one line: what is wrong, then which check says so.
#[must_use]
pub(crate) fn failed_check(wrong: &str, title: &str) -> String {
    format!("{wrong} (check: {title})")
}

/// How many checks are not judged for want of what: `not judged without `status`: 14 checks`.
#[must_use]
pub(crate) fn not_judged(without: &[String], count: usize) -> String {
    format!("not judged without {}: {}", quoted(without), checks(count))
}

/// What an override leaves unjudged, by name.
#[must_use]
pub(crate) fn left_unjudged(names: &[String]) -> String {
    format!("leaves {} unjudged: {}", checks(names.len()), list(names, 40))
}

/// Of an override: the checks that its reason speaks for, too.
#[must_use]
pub(crate) fn spoken_for(unjudged: &[Place]) -> String {
    if unjudged.is_empty() {
        return String::new();
    }
    let names: Vec<String> = unjudged.iter().map(check_name).collect();
    format!(" ({})", left_unjudged(&names))
}

/// What a check of the preflight is called by those who know the runbook: its id, and the item that it is made for.
#[must_use]
pub(crate) fn check_name(place: &Place) -> String {
    let item = place.own_item().map(|item| format!("[{}]", sanitise::line(item))).unwrap_or_default();
    format!("{}{item}", place.step())
}

fn checks(count: usize) -> String {
    if count == 1 { "1 check".to_owned() } else { format!("{count} checks") }
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", sanitise::line(name))).collect();
    list(&quoted, usize::MAX)
}
