//! A command on the far side, under supervision: its signals go there, its end is seen here.

use std::{cell::Cell, time::Duration};

use nix::{errno::Errno, unistd::Pid};

use super::errand::Far;
use crate::exec::{child::Child, supervise::Process};

/// What carries a command, and the far end of it.
pub(crate) struct Carried<'a> {
    child: &'a Child,
    far: &'a Far,
    /// How long a signal may take to get there.
    limit: Duration,
    killed: Cell<bool>,
}

impl<'a> Carried<'a> {
    pub(crate) fn new(child: &'a Child, far: &'a Far, limit: Duration) -> Self {
        Self { child, far, limit, killed: Cell::new(false) }
    }
}

impl Process for Carried<'_> {
    fn pid(&self) -> Pid {
        self.child.pid()
    }
    fn has_ended(&self, within: Duration) -> bool {
        self.child.has_ended(within)
    }
    fn survivors(&self) -> Vec<Pid> {
        self.child.survivors()
    }
    /// What carries it ends when the far command does.
    fn terminate(&self) -> nix::Result<()> {
        if self.far.signal("TERM", self.limit) { Ok(()) } else { Err(Errno::EHOSTUNREACH) }
    }
    fn kill(&self) -> nix::Result<()> {
        let arrived = self.killed.replace(true) || self.far.signal("KILL", self.limit);
        self.child.kill()?;
        if arrived { Ok(()) } else { Err(Errno::EHOSTUNREACH) }
    }
}
