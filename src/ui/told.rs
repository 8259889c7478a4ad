//! What is told of an event, in its parts.

use crate::event::{Excerpt, Exit, Shown};

/// What an event has somebody told.
#[derive(Debug)]
pub(super) struct ToldParts {
    /// What was kept until it was known that nothing more comes to it.
    pub before: Vec<String>,
    /// That another section of the run begins.
    pub heading: Vec<String>,
    /// The event itself.
    pub lines: Vec<String>,
}

/// How a probe ended, until its finding is told.
#[derive(Debug)]
pub(super) struct Reply {
    pub command: Option<Shown>,
    pub exit: Exit,
    pub excerpt: Excerpt,
}
