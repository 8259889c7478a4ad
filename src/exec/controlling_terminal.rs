//! The terminal that the operator sits at.

use std::{
    fs::{File, OpenOptions},
    io,
};

use nix::{
    sys::termios::{Termios, tcgetattr},
    unistd::{getpgrp, tcgetpgrp},
};

/// Our controlling terminal with its settings, if we are in its foreground.
///
/// # Errors
/// There is none, or somebody else has it.
pub(super) fn controlling_terminal() -> Result<(File, Termios), String> {
    let none = |error: io::Error| format!("needs a terminal: {error}");
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(none)?;
    let settings = tcgetattr(&terminal).map_err(|errno| none(errno.into()))?;
    match tcgetpgrp(&terminal) {
        Ok(group) if group == getpgrp() => Ok((terminal, settings)),
        _ => Err("needs a terminal, but halligan runs in the background".to_owned()),
    }
}
