//! The terminal, lent to a command that talks with the operator, and taken back afterwards.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use nix::{
    sys::{
        signal::{SigSet, Signal},
        termios::{SetArg, Termios, tcsetattr},
    },
    unistd::{Pid, getpgrp, tcsetpgrp},
};

use super::{child::Child, controlling_terminal::controlling_terminal, signals, supervise::Process};
use crate::ports::Interrupts;

/// Our terminal, with its settings as they were. Dropped, it is ours again.
#[derive(Debug)]
pub(super) struct Foreground {
    terminal: File,
    settings: Termios,
}

impl Foreground {
    /// Our controlling terminal, if we are in its foreground.
    ///
    /// # Errors
    /// There is none, or somebody else has it.
    pub(super) fn find() -> Result<Self, String> {
        let (terminal, settings) = controlling_terminal()?;
        Ok(Self { terminal, settings })
    }

    /// A descriptor for the child, which takes the foreground by itself before it begins.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.terminal.as_fd().try_clone_to_owned()
    }

    fn give(&self, group: Pid) {
        // From the background this is answered by a signal that stops us, unless this thread does not hear it.
        let mut ttou = SigSet::empty();
        ttou.add(Signal::SIGTTOU);
        let blocked = ttou.thread_block();
        // A terminal that is gone has no foreground.
        let _ = tcsetpgrp(&self.terminal, group);
        if group == getpgrp() {
            let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.settings);
        }
        if blocked.is_ok() {
            let _ = ttou.thread_unblock();
        }
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        self.give(getpgrp());
    }
}

/// A child in the foreground. When the operator stops it, we stop with it.
pub(super) struct Attended<'a> {
    pub child: &'a Child,
    pub foreground: &'a Foreground,
    pub stop: &'a Interrupts,
}

impl Process for Attended<'_> {
    fn pid(&self) -> Pid {
        self.child.pid()
    }

    fn has_ended(&self, within: Duration) -> bool {
        if self.child.has_stopped() {
            self.foreground.give(getpgrp());
            signals::stand_still(self.stop, || self.foreground.give(self.child.pid()));
        }
        self.child.has_ended(within)
    }

    fn survivors(&self) -> Vec<Pid> {
        self.child.survivors()
    }

    fn terminate(&self) -> nix::Result<()> {
        Process::terminate(self.child)
    }

    fn kill(&self) -> nix::Result<()> {
        Process::kill(self.child)
    }
}
