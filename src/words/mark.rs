//! What stands before a line, as a fact: how it is drawn is for the screen.

/// What stands before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Passed,
    Warned,
    Failed,
    /// Neither good nor bad: under way, skipped, told.
    Noted,
    Unknown,
}
