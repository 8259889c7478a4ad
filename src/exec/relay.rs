//! Carries what is typed to a shell and what it shows to the operator, until the shell ends or the operator's terminal is gone.

use std::{io, os::fd::AsFd};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::{
    child::Child,
    pseudo_terminal::{OperatorsTerminal, PseudoTerminal},
    shell_marks::ShellMarks,
    signals::SignalCalls,
};
use crate::ports::{FromShell, LedgerError};

/// How much of what is typed may wait for the shell.
const TYPED: usize = 64 << 10;
/// How long the rest of what could be a mark may take to come, in milliseconds.
const MARK: u8 = 100;

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RelayEnd {
    /// The shell has ended.
    Ended,
    /// The operator's terminal is gone.
    Lost,
    /// halligan is to end.
    Called,
}

/// What came of reading what a shell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Showing {
    Something,
    /// Nothing is there now.
    Nothing,
    /// It has let go of its terminal.
    Closed,
}

/// The two terminals, and who is between them.
pub(super) struct Relay<'a> {
    pub operator: &'a OperatorsTerminal,
    pub shell: &'a PseudoTerminal,
    pub child: &'a Child,
    pub calls: &'a SignalCalls,
    pub marks: ShellMarks,
}

impl Relay<'_> {
    /// Carries to and fro until there is an end.
    ///
    /// # Errors
    /// Those of `hear`.
    pub(super) fn run(mut self, hear: &mut dyn FnMut(FromShell<'_>) -> Result<(), LedgerError>) -> Result<RelayEnd, LedgerError> {
        let (mut typed, mut buffer, mut open) = (Vec::new(), vec![0; 64 << 10], true);
        loop {
            let [from_operator, from_shell, ended, resized, called] = self.wait(typed.len(), open);
            if from_shell {
                open = self.shown(&mut buffer, hear)? != Showing::Closed;
            } else if self.marks.is_waiting() {
                let operator = self.operator;
                self.marks.give_up(|from| tell(operator, from, hear))?;
            }
            if !typed.is_empty() {
                match self.shell.write(&typed) {
                    Ok(taken) => drop(typed.drain(..taken)),
                    Err(error) if may_pass(&error) => {}
                    // Nobody reads it any more.
                    Err(_) => typed.clear(),
                }
            }
            if resized && self.calls.take_resized() {
                let size = self.operator.size();
                // One that is gone has no size.
                let _ = self.shell.resize(size);
                hear(FromShell::Resized { columns: size.columns, rows: size.rows })?;
            }
            if ended {
                // What it has shown last.
                while open && self.shown(&mut buffer, hear)? == Showing::Something {}
                return Ok(RelayEnd::Ended);
            }
            if called {
                return Ok(RelayEnd::Called);
            }
            if from_operator {
                match self.operator.read(&mut buffer) {
                    Ok(0) => return Ok(RelayEnd::Lost),
                    Ok(count) => typed.extend_from_slice(&buffer[..count]),
                    Err(error) if may_pass(&error) => {}
                    Err(_) => return Ok(RelayEnd::Lost),
                }
            }
        }
    }

    /// Waits for something to do: from whom there is something, in the order operator, shell, end of the shell, size, call.
    fn wait(&self, typed: usize, open: bool) -> [bool; 5] {
        let or_none = |flags: PollFlags, wanted: bool| if wanted { flags } else { PollFlags::empty() };
        let mut fds = [
            PollFd::new(self.operator.as_fd(), or_none(PollFlags::POLLIN, typed < TYPED)),
            PollFd::new(self.child.ended(), PollFlags::POLLIN),
            PollFd::new(self.calls.resized(), PollFlags::POLLIN),
            PollFd::new(self.calls.called(), PollFlags::POLLIN),
            PollFd::new(self.shell.as_fd(), PollFlags::POLLIN | or_none(PollFlags::POLLOUT, typed > 0)),
        ];
        // A shell that has let go of its terminal, and has not ended, would be ready for ever.
        let fds = if open { &mut fds[..] } else { &mut fds[..4] };
        let within = if self.marks.is_waiting() { PollTimeout::from(MARK) } else { PollTimeout::NONE };
        match poll(fds, within) {
            Ok(0) | Err(Errno::EINTR) => return [false; 5],
            // Where it cannot be waited for, reading itself says why.
            Ok(_) | Err(_) => {}
        }
        let ready = |index: usize| fds.get(index).is_some_and(|fd| fd.any().unwrap_or(true));
        let readable = |index: usize| {
            fds.get(index).is_some_and(|fd: &PollFd<'_>| fd.revents().is_none_or(|events| events.intersects(!PollFlags::POLLOUT)))
        };
        [ready(0), open && readable(4), ready(1), ready(2), ready(3)]
    }

    /// Shows what the shell has printed.
    fn shown(&mut self, buffer: &mut [u8], hear: &mut dyn FnMut(FromShell<'_>) -> Result<(), LedgerError>) -> Result<Showing, LedgerError> {
        match self.shell.read(buffer) {
            Ok(0) => Ok(Showing::Closed),
            Ok(count) => {
                let operator = self.operator;
                self.marks.pass(&buffer[..count], |from| tell(operator, from, hear))?;
                Ok(Showing::Something)
            }
            Err(error) if may_pass(&error) => Ok(Showing::Nothing),
            Err(_) => Ok(Showing::Closed),
        }
    }
}

/// Shows the operator what is for the screen, and hands all on.
fn tell(
    operator: &OperatorsTerminal,
    from: FromShell<'_>,
    hear: &mut dyn FnMut(FromShell<'_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    if let FromShell::Printed(bytes) = from {
        // A terminal that is gone is seen where it is read.
        let _ = operator.show(bytes);
    }
    hear(from)
}

fn may_pass(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
