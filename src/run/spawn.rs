//! The one place that needs `unsafe`: what happens in a child between fork and exec.

use std::{io, os::unix::process::CommandExt, process::Command};

/// Gives the command a session of its own, so that the terminal's signals do not reach it and it can be ended with all that
/// it has started.
pub fn in_own_session(command: &mut Command) {
    // SAFETY: the closure runs in the child after fork; it makes one system call, which is async-signal-safe, touches no
    // memory of the parent and allocates nothing.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(|_| ()).map_err(io::Error::from));
    }
}
