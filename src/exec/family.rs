//! Who descends from whom, read from `/proc`: for systems where a step gets no control group.

use std::{collections::BTreeSet, fs};

use nix::unistd::{Pid, getpid, getsid};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The variable that every process of a step inherits.
pub(super) const MARK: &str = "HALLIGAN_STEP";

/// One process, as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kin {
    pub pid: Pid,
    parent: Pid,
    group: Pid,
    session: Pid,
    state: char,
    /// In clock ticks since boot: with the pid it names a process for good.
    start: u64,
}

impl Kin {
    /// Reads `/proc/PID/stat` (proc(5)).
    fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(pid: i32, stat: &str) -> Option<Self> {
        // The second field is in parentheses and may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse().ok().map(Pid::from_raw);
        Some(Self {
            pid: Pid::from_raw(pid),
            state: fields.first()?.chars().next()?,
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Kills it, and nothing that has its pid by now.
    pub(super) fn kill(&self) {
        let Some(pid) = rustix::process::Pid::from_raw(self.pid.as_raw()) else { return };
        let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        // Looked at again now that the descriptor holds on to whatever has this pid.
        if Self::read(self.pid.as_raw()).is_some_and(|now| now.start == self.start) {
            let _ = pidfd_send_signal(descriptor, Signal::KILL);
        }
    }
}

/// When a process was started, in clock ticks since boot: with its pid it names a process for good.
#[must_use]
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    Kin::read(i32::try_from(pid).ok()?).map(|kin| kin.start)
}

/// Whether a process is there and has not ended.
#[cfg(test)]
pub(super) fn is_running(pid: Pid) -> bool {
    Kin::read(pid.as_raw()).is_some_and(|kin| !kin.has_ended())
}

/// What a process is doing, for an operator who must find out why it does not end: its state, and where in the kernel it is.
#[must_use]
pub(super) fn predicament(pid: Pid) -> String {
    let state = Kin::read(pid.as_raw()).map_or('?', |kin| kin.state);
    let at = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    let at = at.trim().trim_matches('0');
    let word = match state {
        'D' => "waiting in the kernel, which nothing can interrupt",
        'T' | 't' => "stopped",
        'Z' => "ended, with threads that have not",
        _ => "running",
    };
    if at.is_empty() { format!("pid {pid}, state {state}: {word}") } else { format!("pid {pid}, state {state}: {word}, in {at}") }
}

/// All processes at one moment.
#[derive(Debug)]
pub(super) struct Table(Vec<Kin>);

impl Table {
    pub(super) fn read() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        Self(entries.filter_map(|entry| Kin::read(entry.file_name().to_str()?.parse().ok()?)).collect())
    }

    /// What is still running of the process that leads a group, and of its session if it leads one: whoever is in either,
    /// descends from somebody who is, or was left to us and carries its mark.
    pub(super) fn family(&self, leader: Pid, session: bool, mark: &str) -> Vec<Kin> {
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
        let ours = |kin: &&Kin| kin.parent == getpid() && kin.has_ended() && Some(kin.session) != own;
        self.0.iter().filter(ours).map(|kin| kin.pid).collect()
    }
}

/// Whether a process has inherited the mark of a step.
fn marked(pid: Pid, mark: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let mark = format!("{MARK}={mark}");
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let stat = "42 (a) S 1 (b) c) D 7 8 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 0 0";
        let kin = Kin::parse(42, stat).unwrap();
        assert_eq!((kin.state, kin.parent, kin.group, kin.session), ('D', Pid::from_raw(7), Pid::from_raw(8), Pid::from_raw(9)));
        assert_eq!(kin.start, 123_456);
        assert!(start_time(std::process::id()).unwrap() > 0);
        assert_eq!(Kin::parse(1, "garbage"), None);
    }
}
