//! What a program under test begins with: the same, whatever the tests themselves were started from.

use std::{os::unix::process::CommandExt, process::Command};

use halligan::door::heed_children;
use nix::sys::{
    signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask},
    stat::{Mode, umask},
};

/// Lets a command begin as from an operator's shell: no signal is ignored or blocked. What is started with `nohup`, from a
/// script's background or from another program may have inherited either.
pub(crate) fn plain(command: &mut Command) -> &mut Command {
    // SAFETY: system calls between fork and exec, all of them async-signal-safe; nothing is allocated.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            for each in Signal::iterator() {
                // KILL and STOP cannot be anything else.
                let _ = signal(each, SigHandler::SigDfl);
            }
            Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
        })
    }
}

/// The same for the process of the tests: it can ask how its children ended, and its files are not for others to write.
pub(crate) fn settle() {
    heed_children().unwrap();
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
}
