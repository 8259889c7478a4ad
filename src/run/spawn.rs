//! The one place that needs `unsafe`: what happens in a child between fork and exec.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
};

use nix::{
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
    },
    unistd::{Pid, getpid, getppid, setpgid, setsid, tcsetpgrp, write},
};

/// How a child stands to its parent and its terminal.
#[derive(Debug)]
pub(super) struct Standing {
    /// The terminal that it gets into the foreground of. Without one it gets a session of its own, so that the terminal's
    /// signals do not reach it and it can be ended with all that it has started.
    pub terminal: Option<OwnedFd>,
    /// The door of the control group that it joins.
    pub door: Option<File>,
    /// It is killed when its parent ends, however that ends: nobody would read its answer.
    pub dies_with_parent: bool,
}

/// Makes a command begin so.
pub(super) fn prepare(command: &mut Command, standing: Standing) {
    let parent = getpid();
    // SAFETY: the closure runs in the child after fork. It makes system calls that are async-signal-safe, on descriptors that
    // it owns, touches no memory that the parent's other threads could have left half-written, takes no lock, and neither
    // allocates nor frees: an error is made of its number alone.
    unsafe {
        command.pre_exec(move || begin(&standing, parent));
    }
}

fn begin(standing: &Standing, parent: Pid) -> io::Result<()> {
    if let Some(door) = &standing.door {
        write(door.as_fd(), b"0")?;
    }
    match &standing.terminal {
        None => {
            setsid()?;
        }
        Some(terminal) => {
            let own = Pid::from_raw(0);
            setpgid(own, own)?;
            // Taking the foreground from the background is answered by this signal, which would stop us here.
            let mut ttou = SigSet::empty();
            ttou.add(Signal::SIGTTOU);
            sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ttou), None)?;
            tcsetpgrp(terminal.as_fd(), getpid())?;
            sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&ttou), None)?;
        }
    }
    if standing.dies_with_parent {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // It may have ended before we asked.
        if getppid() != parent {
            return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
        }
    }
    Ok(())
}
