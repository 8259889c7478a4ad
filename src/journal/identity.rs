//! Who runs this, where, and when.

use std::{env, io, path::PathBuf};

use nix::unistd::{geteuid, gethostname, getppid, getuid, ttyname};

use crate::procfs::Procfs;

/// What is the same in every record of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Changes with each start of the machine; empty if it cannot be known.
    pub boot_id: String,
    pub host: String,
    pub uid: u32,
    /// Who logged in, before any sudo.
    pub login_uid: Option<u32>,
    pub tty: Option<String>,
    /// `SSH_CONNECTION`: address and port of the client, then of this host.
    pub ssh: Option<String>,
}

impl Identity {
    /// Asks the system once.
    #[must_use]
    pub fn read() -> Self {
        let procfs = Procfs::system();
        Self {
            boot_id: procfs.boot_id().unwrap_or_default(),
            host: gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            uid: getuid().as_raw(),
            login_uid: procfs.login_uid(),
            tty: tty().map(|path| path.to_string_lossy().into_owned()),
            ssh: env::var("SSH_CONNECTION").ok().or_else(ssh_of_ancestors),
        }
    }
}

fn tty() -> Option<PathBuf> {
    ttyname(io::stdin()).or_else(|_| ttyname(io::stderr())).or_else(|_| ttyname(io::stdout())).ok()
}

/// Looks for the connection in the processes above, since sudo clears the environment.
fn ssh_of_ancestors() -> Option<String> {
    let procfs = Procfs::system();
    let mut pid = getppid();
    for _ in 0..16 {
        if pid.as_raw() <= 1 {
            return None;
        }
        if let Some(connection) = procfs.environment(pid).variable("SSH_CONNECTION") {
            return Some(connection);
        }
        pid = procfs.stat(pid)?.parent;
    }
    None
}

/// This process may do everything on this machine.
#[must_use]
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}
