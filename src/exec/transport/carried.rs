//! A command on the far side, under supervision: its signals go there, its end is seen here.

use std::{cell::Cell, time::Duration};

use nix::{errno::Errno, unistd::Pid};

use super::{errand::Far, reply::FarReply};
use crate::exec::{child::Child, supervise::Process};

/// What carries a command, and the far end of it.
pub(crate) struct Carried<'a> {
    child: &'a Child,
    far: &'a Far,
    /// How long a signal may take to get there.
    limit: Duration,
    reply: &'a FarReply,
    /// How long what the command has left behind may hold its session open.
    grace: Duration,
    /// Whether KILL has arrived, once it was sent.
    killed: Cell<Option<bool>>,
    left: Cell<bool>,
}

impl<'a> Carried<'a> {
    pub(crate) fn new(child: &'a Child, far: &'a Far, reply: &'a FarReply, limit: Duration, grace: Duration) -> Self {
        Self { child, far, limit, reply, grace, killed: Cell::default(), left: Cell::default() }
    }

    /// Its session was left although something held it open: the command had ended.
    pub(crate) fn was_left(&self) -> bool {
        self.left.get()
    }
}

impl Process for Carried<'_> {
    fn pid(&self) -> Pid {
        self.child.pid()
    }
    fn has_ended(&self, within: Duration) -> bool {
        if self.child.has_ended(within) {
            return true;
        }
        if self.reply.code().is_some() && self.reply.ended_before(self.grace) && !self.left.replace(true) {
            tracing::debug!("the far command has ended, and something that it left behind holds its session open: left");
            let _ = self.child.kill();
        }
        false
    }
    fn survivors(&self) -> Vec<Pid> {
        self.child.survivors()
    }
    /// What carries it ends when the far command does.
    fn terminate(&self) -> nix::Result<()> {
        if self.far.signal("TERM", self.limit) { Ok(()) } else { Err(Errno::EHOSTUNREACH) }
    }
    fn kill(&self) -> nix::Result<()> {
        let arrived = self.killed.get().unwrap_or_else(|| self.far.signal("KILL", self.limit));
        self.killed.set(Some(arrived));
        self.child.kill()?;
        if arrived { Ok(()) } else { Err(Errno::EHOSTUNREACH) }
    }
}
