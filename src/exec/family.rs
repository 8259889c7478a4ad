//! Who descends from whom, read from `/proc`: for systems where a step gets no control group.

use std::collections::BTreeSet;

use nix::unistd::{Pid, getpid, getsid};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::procfs::{Procfs, Stat};

/// The variable that every process of a step inherits.
pub(super) const MARK: &str = "HALLIGAN_STEP";

/// Kills a process, and nothing that has its pid by now.
pub(super) fn kill(process: &Stat) {
    let Some(pid) = rustix::process::Pid::from_raw(process.pid.as_raw()) else { return };
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    // Looked at again now that the descriptor holds on to whatever has this pid.
    if Procfs::system().stat(process.pid).is_some_and(|now| now.start_time == process.start_time) {
        let _ = pidfd_send_signal(descriptor, Signal::KILL);
    }
}

/// When a process was started, in clock ticks since boot: with its pid it names a process for good.
#[must_use]
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    Procfs::system().stat(Pid::from_raw(i32::try_from(pid).ok()?)).map(|stat| stat.start_time)
}

/// Whether a process is there and has not ended.
#[cfg(test)]
pub(super) fn is_running(pid: Pid) -> bool {
    Procfs::system().stat(pid).is_some_and(|stat| !stat.has_ended())
}

/// What a process is doing, for an operator who must find out why it does not end: its state, and where in the kernel it is.
#[must_use]
pub(super) fn predicament(pid: Pid) -> String {
    let state = Procfs::system().stat(pid).map_or('?', |stat| stat.state);
    let word = match state {
        'D' => "waiting in the kernel, which nothing can interrupt",
        'T' | 't' => "stopped",
        'Z' => "ended, with threads that have not",
        _ => "running",
    };
    match Procfs::system().waits_in(pid) {
        None => format!("pid {pid}, state {state}: {word}"),
        Some(at) => format!("pid {pid}, state {state}: {word}, in {at}"),
    }
}

/// All processes at one moment.
#[derive(Debug)]
pub(super) struct Table(Vec<Stat>);

impl Table {
    pub(super) fn read() -> Self {
        let procfs = Procfs::system();
        Self(procfs.pids().filter_map(|pid| procfs.stat(pid)).collect())
    }

    /// What is still running of the process that leads a group, and of its session if it leads one: whoever is in either,
    /// descends from somebody who is, or was left to us and carries its mark.
    pub(super) fn family(&self, leader: Pid, session: bool, mark: &str) -> Vec<Stat> {
        let mut found: BTreeSet<Pid> = BTreeSet::from([leader]);
        loop {
            let before = found.len();
            for kin in &self.0 {
                let related = found.contains(&kin.parent) || kin.group == leader || (session && kin.session == leader);
                if !found.contains(&kin.pid) && (related || (kin.parent == getpid() && marked(kin.pid, mark))) {
                    found.insert(kin.pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        self.0.iter().filter(|kin| found.contains(&kin.pid) && !kin.has_ended()).cloned().collect()
    }

    /// Our children in other sessions that have ended and wait to be reaped.
    pub(super) fn ended_children(&self) -> Vec<Pid> {
        let own = getsid(None).ok();
        let ours = |kin: &&Stat| kin.parent == getpid() && kin.has_ended() && Some(kin.session) != own;
        self.0.iter().filter(ours).map(|kin| kin.pid).collect()
    }
}

/// Whether a process has inherited the mark of a step.
fn marked(pid: Pid, mark: &str) -> bool {
    Procfs::system().marked(pid, MARK, mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        assert!(start_time(std::process::id()).unwrap() > 0);
        assert_eq!(start_time(u32::MAX), None);
        assert!(is_running(getpid()) && predicament(getpid()).contains(&format!("pid {}", getpid())));
    }
}
