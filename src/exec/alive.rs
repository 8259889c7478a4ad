//! Whether a command that a run has started is still there, though halligan is not.

use nix::unistd::Pid;

use crate::procfs::{Procfs, Stat};

/// A command that is still running, or something that it has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alive {
    pub pid: u32,
    /// As it stands in the process list.
    pub command: String,
}

/// Looks for the process that was started as `pid` at `start_time`, or for any other of the session that it led: a script
/// may be dead and what it has started go on. Only the records of this start of the machine may be asked about.
#[must_use]
pub(crate) fn alive(pid: u32, start_time: u64) -> Option<Alive> {
    let alive = alive_in(Procfs::system(), pid, start_time);
    tracing::debug!(pid, start_time, alive = ?alive.as_ref().map(|alive| alive.pid), "looked whether a command of before is still there");
    alive
}

/// The variable by which every command knows which run it belongs to.
pub(crate) const MARK: &str = "HALLIGAN_RUN";

/// Looks for any process of a run: for a command that was killed over before its number was recorded. Only one of the user who
/// runs halligan counts: any other could be started by anybody, to hold the run up.
#[must_use]
pub(crate) fn of_run(run: &str) -> Option<Alive> {
    let procfs = Procfs::system();
    let ours = |pid: &Pid| procfs.marked(*pid, MARK, run);
    procfs.pids().find(|pid| ours(pid) && procfs.stat(*pid).is_some_and(|stat| !stat.has_ended())).map(|pid| Alive::of(procfs, pid))
}

impl Alive {
    fn of(procfs: Procfs<'_>, pid: Pid) -> Self {
        Self { pid: u32::try_from(pid.as_raw()).unwrap_or_default(), command: procfs.command(pid) }
    }
}

fn alive_in(procfs: Procfs<'_>, pid: u32, start_time: u64) -> Option<Alive> {
    // A number that no process can have is that of none.
    let pid = Pid::from_raw(i32::try_from(pid).ok()?);
    let leader = procfs.stat(pid);
    if leader.as_ref().is_some_and(|stat| stat.start_time == start_time && !stat.has_ended()) {
        return Some(Alive::of(procfs, pid));
    }
    // Its number went to another process: then nothing of its session is left, since a session keeps its number.
    if leader.is_some_and(|stat| stat.start_time != start_time) {
        return None;
    }
    let of_its_session = |stat: &Stat| stat.session == pid && !stat.has_ended() && stat.start_time >= start_time;
    procfs.pids().filter_map(|other| procfs.stat(other)).find(of_its_session).map(|stat| Alive::of(procfs, stat.pid))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn process(proc: &Path, pid: u32, state: &str, session: u32, start_time: u64) {
        let dir = proc.join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        let zeros = ["0"; 15].join(" ");
        fs::write(dir.join("stat"), format!("{pid} (a) b) {state} 1 {pid} {session} {zeros} {start_time} 0\n")).unwrap();
        fs::write(dir.join("cmdline"), b"ddrescue\0/dev/sdc\0").unwrap();
    }

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 100, "S", 100, 5000);
        assert_eq!(alive_in(Procfs::at(proc.path()), 100, 5000).unwrap().command, "ddrescue /dev/sdc");
        assert_eq!(alive_in(Procfs::at(proc.path()), 100, 4000), None, "the number was given to another");
        assert_eq!(alive_in(Procfs::at(proc.path()), 101, 5000), None);
        process(proc.path(), 100, "Z", 100, 5000);
        assert_eq!(alive_in(Procfs::at(proc.path()), 100, 5000), None, "dead and not asked about");
    }

    #[test]
    fn what_it_has_started_may_outlive_it() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 107, "R", 100, 5007);
        process(proc.path(), 108, "R", 99, 5007);
        assert_eq!(alive_in(Procfs::at(proc.path()), 100, 5000).unwrap().pid, 107);
        process(proc.path(), 107, "R", 100, 4999);
        assert_eq!(alive_in(Procfs::at(proc.path()), 100, 5000), None, "older than what was started");
    }

    #[test]
    fn this_very_process_is_alive() {
        let pid = std::process::id();
        let start = super::super::process::start_time(pid).unwrap();
        assert!(alive(pid, start).is_some());
    }
}
