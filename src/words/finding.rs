//! What a check has found.

use super::{list::list, mark::Mark, sanitise};
use crate::event::Finding;

/// A finding's mark, its name, what was found, and what would help.
#[must_use]
pub(crate) fn finding(finding: &Finding) -> (Mark, &'static str, String, Option<&str>) {
    let text = |message: &str| sanitise::text(message).into_owned();
    match finding {
        Finding::Pass { message } => (Mark::Passed, "passed", text(message), None),
        Finding::Warn { message, hint } => (Mark::Warned, "warning", text(message), hint.as_deref()),
        Finding::Block { message, hint, .. } => (Mark::Failed, "failed", text(message), hint.as_deref()),
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
