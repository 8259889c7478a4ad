//! How a command ends in a rehearsal.

use std::time::Duration;

use crate::event::Exit;

/// How a command ends.
#[derive(Debug, Clone)]
pub(super) struct CommandEnding {
    pub exit: Exit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub rule: Option<usize>,
}

impl CommandEnding {
    pub(super) fn silent(exit: Exit) -> Self {
        Self { exit, stdout: Vec::new(), stderr: Vec::new(), rule: None }
    }

    pub(super) fn not_started(why: impl Into<String>) -> Self {
        Self::silent(Exit::NotStarted { why: why.into() })
    }

    /// There is no such program: it is not started here, and on a host its shell says so.
    pub(super) fn not_found(host: Option<&str>, program: &str) -> Self {
        if host.is_none() {
            return Self::not_started(format!("{program}: command not found"));
        }
        Self { stderr: format!("sh: 1: {program}: not found\n").into_bytes(), ..Self::silent(Exit::Code(127)) }
    }

    /// Over time, and killed.
    pub(super) fn late(limit: Duration) -> Self {
        Self::silent(Exit::TimedOut { after_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX), killed: true })
    }
}
