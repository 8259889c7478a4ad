//! A group of checks.

/// Checks of the preflight that stand together under a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightGroup {
    pub title: String,
    /// Where the first of its checks stands in the preflight, from 0.
    pub first: usize,
    pub count: usize,
}
