//! A terminal of its own for a shell, and the operator's, to which it is shown.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
};

use nix::{
    fcntl::OFlag,
    pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt},
    sys::termios::{SetArg, Termios, cfmakeraw, tcsetattr},
};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

use super::controlling_terminal::controlling_terminal;

/// How large a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowSize {
    pub columns: u16,
    pub rows: u16,
}

impl WindowSize {
    fn of(terminal: impl AsFd) -> Self {
        match tcgetwinsize(terminal) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Self { columns: size.ws_col, rows: size.ws_row },
            // A serial line does not know.
            _ => Self { columns: 80, rows: 24 },
        }
    }
}

/// The end of a pseudo-terminal that is ours. Dropped, it hangs up on whoever has the other.
#[derive(Debug)]
pub(super) struct PseudoTerminal(PtyMaster);

impl PseudoTerminal {
    /// Opens one of this size, and its other end. Reading and writing at our end waits for nothing.
    ///
    /// # Errors
    /// The system gives none.
    pub(super) fn open(size: WindowSize) -> io::Result<(Self, OwnedFd)> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let other = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(Path::new(&ptsname_r(&master)?))?;
        let terminal = Self(master);
        terminal.resize(size)?;
        Ok((terminal, other.into()))
    }

    /// Gives it another size; whoever has its foreground is told by the kernel.
    ///
    /// # Errors
    /// It is gone.
    pub(super) fn resize(&self, size: WindowSize) -> io::Result<()> {
        let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.0, size)?)
    }

    /// # Errors
    /// Nothing is there, or nobody has the other end any more.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    /// # Errors
    /// It takes nothing now, or nobody has the other end any more.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }
}

impl AsFd for PseudoTerminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The terminal that the operator sits at.
#[derive(Debug)]
pub(super) struct OperatorsTerminal {
    terminal: File,
    settings: Termios,
}

impl OperatorsTerminal {
    /// Our controlling terminal, if we are in its foreground.
    ///
    /// # Errors
    /// There is none, or somebody else has it.
    pub(super) fn find() -> Result<Self, String> {
        let (terminal, settings) = controlling_terminal()?;
        Ok(Self { terminal, settings })
    }

    pub(super) fn size(&self) -> WindowSize {
        WindowSize::of(&self.terminal)
    }

    /// Every key goes through as it is, as long as this lives: Ctrl-C is for whoever runs in the shell.
    ///
    /// # Errors
    /// It is gone.
    pub(super) fn raw(&self) -> io::Result<RawTerminal<'_>> {
        let mut raw = self.settings.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&self.terminal, SetArg::TCSADRAIN, &raw)?;
        Ok(RawTerminal(self))
    }

    /// # Errors
    /// It is gone.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.terminal).read(buffer)
    }

    /// # Errors
    /// It is gone.
    pub(super) fn show(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.terminal).write_all(bytes)
    }
}

impl AsFd for OperatorsTerminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }
}

/// The operator's terminal without keys of its own. Dropped, it is as it was.
pub(super) struct RawTerminal<'a>(&'a OperatorsTerminal);

impl Drop for RawTerminal<'_> {
    fn drop(&mut self) {
        // One that is gone has no settings.
        let _ = tcsetattr(&self.0.terminal, SetArg::TCSADRAIN, &self.0.settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_size_that_it_is_given() {
        let (terminal, other) = PseudoTerminal::open(WindowSize { columns: 100, rows: 30 }).unwrap();
        assert_eq!(WindowSize::of(&other), WindowSize { columns: 100, rows: 30 });
        terminal.resize(WindowSize { columns: 60, rows: 20 }).unwrap();
        assert_eq!(WindowSize::of(&other), WindowSize { columns: 60, rows: 20 });
        let mut buffer = [0; 8];
        assert_eq!(terminal.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        terminal.write(b"a\n").unwrap();
        drop(other);
    }
}
