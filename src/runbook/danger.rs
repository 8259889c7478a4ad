//! Warnings of what is legal and dangerous.

use super::{diagnostic::Fault, model::Runbook};

#[must_use]
pub fn lint(_runbook: &Runbook, _today: jiff::civil::Date) -> Vec<Fault> {
    Vec::new()
}
