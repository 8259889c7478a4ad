//! What the scenarios of a runbook have shown.

use std::time::Duration;

use super::{
    sweep::{Broken, Swept},
    trial::Trial,
    wrong::Wrong,
};
use crate::{rehearse::coverage::Coverage, runbook::name::RunbookName};

/// How one scenario went.
pub(crate) struct Went {
    pub scenario: String,
    /// Empty if all is as expected.
    pub wrong: Vec<Wrong>,
    /// In real time.
    pub took: Duration,
    /// Only if it is to be swept.
    pub trial: Option<Trial>,
}

/// What the scenarios of one runbook have shown. Neither the runbook nor the events are kept: those of all would be most of the memory.
pub(crate) struct Tested {
    pub runbook: RunbookName,
    /// As it was given.
    pub name: String,
    pub scenarios: Vec<Went>,
    pub coverage: Coverage,
    pub swept: Option<Swept>,
}

impl Tested {
    pub(crate) fn passed(&self) -> bool {
        self.scenarios.iter().all(|went| went.wrong.is_empty()) && self.broken().is_empty()
    }

    pub(crate) fn broken(&self) -> &[Broken] {
        self.swept.as_ref().map_or(&[], |swept| &swept.broken)
    }
}
