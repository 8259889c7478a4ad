//! A process that was started here, with all that it has started in turn.
//!
//! Nothing is signalled by a number that could mean another process by now: a child keeps its pid, and that of the group it
//! leads, until it is reaped, which only [`Child::reap`] does; what is no child of ours is signalled through a descriptor.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{self, Command, ExitStatus},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};

use super::{
    cgroup::{Cgroup, Cgroups},
    family::{self, MARK, Table},
    held::Hold,
    spawn::{self, GroupStanding},
};
use crate::procfs::Stat;

/// The children that are not reaped yet. Held while one is reaped.
static REGISTER: Mutex<Vec<Arc<Member>>> = Mutex::new(Vec::new());

/// Held while a child is started: until it is in the register, it looks like one that was left to us, and no signal reaches it.
static STARTING: RwLock<()> = RwLock::new(());

fn register() -> MutexGuard<'static, Vec<Arc<Member>>> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What must be known of a child to reach it.
#[derive(Debug)]
struct Member {
    pid: Pid,
    /// It leads a session of its own.
    session: bool,
    /// What everything that it starts inherits in its environment; empty where a control group holds it together.
    mark: String,
}

impl Member {
    fn signal(&self, signal: Signal) -> nix::Result<()> {
        // With a session of its own or without, it leads a process group.
        killpg(self.pid, signal)
    }

    fn family(&self) -> Vec<Stat> {
        Table::read().family(self.pid, self.session, &self.mark)
    }
}

/// A child that is not reaped.
#[derive(Debug)]
pub(crate) struct Child {
    /// Readable once it has ended.
    ended: OwnedFd,
    member: Arc<Member>,
    cgroup: Option<Cgroup>,
}

/// How a child is to be started.
#[derive(Debug, Default)]
pub(crate) struct StartManner {
    /// It is given the foreground of this terminal, and no session of its own.
    pub terminal: Option<OwnedFd>,
    /// Its standard input is a terminal that becomes that of its session.
    pub takes_terminal: bool,
    pub dies_with_parent: bool,
    /// What holds it to reading.
    pub hold: Option<Arc<Hold>>,
}

impl Child {
    /// Starts a command. `make` is asked again if its first try cannot join a control group.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(make: impl Fn() -> io::Result<Command>, manner: &StartManner, cgroups: &Cgroups) -> io::Result<Self> {
        let cgroup = cgroups.make();
        if cgroup.is_none() {
            // What loses its parent becomes our child, and so stays within reach.
            let _ = prctl::set_child_subreaper(true);
        }
        match Self::start_in(make()?, manner, cgroup) {
            Err((error, Some(cgroup))) => {
                tracing::debug!(%error, "a command cannot be started in a control group: tried again without");
                cgroup.remove();
                Self::start_in(make()?, manner, None).map_err(|(error, _)| error)
            }
            other => other.map_err(|(error, _)| error),
        }
    }

    fn start_in(mut command: Command, manner: &StartManner, cgroup: Option<Cgroup>) -> Result<Self, (io::Error, Option<Cgroup>)> {
        let standing = || {
            Ok(GroupStanding {
                terminal: manner.terminal.as_ref().map(OwnedFd::try_clone).transpose()?,
                takes_terminal: manner.takes_terminal,
                door: cgroup.as_ref().map(Cgroup::door).transpose()?,
                dies_with_parent: manner.dies_with_parent,
                hold: manner.hold.clone(),
            })
        };
        let standing = match standing() {
            Ok(standing) => standing,
            Err(error) => return Err((error, cgroup)),
        };
        let mark = if cgroup.is_some() { String::new() } else { mark() };
        if !mark.is_empty() {
            command.env(MARK, &mark);
        }
        let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
        let pid = match spawn::spawn(command, standing) {
            Ok(pid) => pid,
            Err(error) => return Err((error, cgroup)),
        };
        let ended = match rustix::process::Pid::from_raw(pid.as_raw()).ok_or(rustix::io::Errno::INVAL) {
            Ok(pid) => rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()),
            Err(errno) => Err(errno),
        };
        match ended {
            Ok(ended) => {
                let member = Arc::new(Member { pid, session: manner.terminal.is_none(), mark });
                register().push(Arc::clone(&member));
                tracing::trace!(%pid, session = member.session, control_group = cgroup.is_some(), "process started");
                Ok(Self { ended, member, cgroup })
            }
            // Linux before 5.3, or no descriptors left. What cannot be watched must not run.
            Err(errno) => {
                let _ = kill(pid, Signal::SIGKILL);
                let _ = spawn::wait(pid);
                Err((errno.into(), cgroup))
            }
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.member.pid
    }

    /// Readable once it has ended.
    pub(super) fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// Waits so long for its end; says whether it has ended.
    pub(crate) fn has_ended(&self, within: Duration) -> bool {
        let mut fds = [PollFd::new(self.ended.as_fd(), PollFlags::POLLIN)];
        let within = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
        matches!(poll(&mut fds, within), Ok(1..))
    }

    /// It was stopped, by the terminal's Ctrl-Z for instance. Tells of each stop once.
    pub(crate) fn has_stopped(&self) -> bool {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        matches!(waitid(Id::Pid(self.member.pid), flags), Ok(WaitStatus::Stopped(..)))
    }

    /// Signals its whole group.
    ///
    /// # Errors
    /// Nothing of it could be signalled: it belongs to another user, for instance.
    pub(crate) fn signal(&self, signal: Signal) -> nix::Result<()> {
        self.member.signal(signal)
    }

    /// Kills it and everything that it has started.
    ///
    /// # Errors
    /// As for `signal`.
    pub(crate) fn kill(&self) -> nix::Result<()> {
        let killed = self.signal(Signal::SIGKILL);
        match &self.cgroup {
            Some(cgroup) => {
                if cgroup.kill().is_ok() {
                    return Ok(());
                }
            }
            None => self.member.family().iter().for_each(family::kill),
        }
        killed
    }

    /// What it has started and is still running, apart from itself.
    pub(crate) fn survivors(&self) -> Vec<Pid> {
        let mut all = match &self.cgroup {
            Some(cgroup) => cgroup.members(),
            None => self.member.family().iter().map(|kin| kin.pid).collect(),
        };
        all.retain(|pid| *pid != self.member.pid);
        all
    }

    /// Learns how it ended, and lets go of it and of its group. What it has left behind goes on.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(crate) fn reap(mut self) -> io::Result<ExitStatus> {
        // Waited for before anybody else is kept from the register: one that stands still needs it to be let go on.
        let _ = waitid(Id::Pid(self.member.pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        let status = {
            let mut register = register();
            let status = spawn::wait(self.member.pid);
            register.retain(|member| !Arc::ptr_eq(member, &self.member));
            reap_adopted(&register);
            status
        };
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove();
        }
        status
    }

    /// Gives up waiting for it. It stays in the register, so that its pid is never taken for that of something adopted.
    pub(crate) fn abandon(self) {
        drop(self);
    }
}

/// A text that no other process has in its environment.
fn mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Reaps what was left to us by children that ended before it. Ours themselves are left to whoever waits for them.
fn reap_adopted(register: &[Arc<Member>]) {
    if prctl::get_child_subreaper() != Ok(true) {
        return;
    }
    // Another time, if one is being started right now.
    let Ok(_starting) = STARTING.try_write() else { return };
    for pid in Table::read().ended_children() {
        // What is in our own session was started by somebody else in this process, who waits for it.
        if !register.iter().any(|member| member.pid == pid) {
            let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
        }
    }
}

/// Stops every child with its group, or lets all of them go on: they follow us when the operator suspends us.
pub(super) fn signal_all(signal: Signal) {
    // One that is being started right now would be missed: it runs before it is in the register.
    let _starting = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    for member in register().iter() {
        // One that cannot be signalled goes on by itself, which `kill` would not change.
        let _ = member.signal(signal);
    }
}

/// Whether a process group is there for us to be in: somebody could let us go on again if we stopped.
pub(super) fn has_job_control() -> bool {
    use nix::unistd::{getpgid, getpgrp, getppid, getsid};
    let parent = Some(getppid());
    let same_session = matches!((getsid(parent), getsid(None)), (Ok(theirs), Ok(ours)) if theirs == ours);
    same_session && getpgid(parent).is_ok_and(|theirs| theirs != getpgrp())
}

#[cfg(test)]
mod tests {
    use std::{process::Stdio, time::Instant};

    use nix::sys::signal::SigSet;

    use super::{
        super::{alone::alone, signals},
        *,
    };

    /// As from an operator's shell: whatever the tests were started from, no signal is ignored or blocked.
    fn start(script: &str, cgroups: &Cgroups) -> Child {
        signals::heed_children().unwrap();
        SigSet::empty().thread_set_mask().unwrap();
        let make = || {
            let mut command = Command::new("env");
            command.args(["--default-signal", "sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::null());
            Ok(command)
        };
        // A test that fails leaves none behind.
        Child::start(make, &StartManner { dies_with_parent: true, ..StartManner::default() }, cgroups).unwrap()
    }

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn running(pid: Pid) -> bool {
        family::is_running(pid)
    }

    /// With groups where this machine has them, and without in any case.
    fn both() -> [Cgroups; 2] {
        [Cgroups::find(), Cgroups::default()]
    }

    #[test]
    fn nothing_slips_away_from_a_kill() {
        for cgroups in both() {
            // In the group, in a session of its own, and in one whose parent is gone.
            let script = "trap : TERM; sleep 100 & setsid sleep 100 & (setsid setsid sleep 100 &) ; wait; wait; sleep 100";
            let child = start(script, &cgroups);
            // What is forked and no program yet has the shell's trap still, and would take the signal for it.
            let asleep = |pid: &Pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
            let mut all = Vec::new();
            until("all of them begin", || {
                all = child.survivors();
                all.len() == 3 && all.iter().all(asleep)
            });
            child.signal(Signal::SIGTERM).unwrap();
            until("the one in the group ends", || child.survivors().len() < 3 || !running(all[0]));
            until("all of them end", || {
                child.kill().unwrap();
                child.has_ended(Duration::from_millis(5)) && child.survivors().is_empty()
            });
            // A group no longer names what is ending, which takes the kernel another moment.
            until("none of them runs", || all.iter().all(|pid| !running(*pid)));
            let pid = child.pid();
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.reap().unwrap()), Some(9));
            assert!(!running(pid));
        }
    }

    #[test]
    fn what_is_left_behind_goes_on_and_is_nobodys_child_to_wait_for() {
        for cgroups in both() {
            let child = start("setsid sleep 100 >/dev/null 2>&1 & exit 3", &cgroups);
            until("it ends", || child.has_ended(Duration::from_millis(5)) && child.survivors().len() == 1);
            let left = child.survivors()[0];
            assert_eq!(child.reap().unwrap().code(), Some(3));
            assert!(running(left));
            kill(left, Signal::SIGKILL).unwrap();
            // The next one that is reaped takes it along, if it was left to us.
            until("it is gone", || {
                start("exit 0", &cgroups).reap().unwrap();
                !std::path::Path::new(&format!("/proc/{left}")).exists()
            });
        }
    }

    #[test]
    fn a_group_stands_still_and_goes_on() {
        // All children of a process stand still with it, those of its other tests as well.
        alone("exec::child::tests::a_group_stands_still_and_goes_on", || {
            // One process: a shell that has just begun to start another (vfork) cannot be stopped before that is done, which it
            // never is if that one has been stopped.
            let child = start("exec sleep 100", &Cgroups::default());
            signal_all(Signal::SIGSTOP);
            until("it stops", || child.has_stopped());
            assert!(!child.has_stopped(), "it is told of once");
            signal_all(Signal::SIGCONT);
            child.kill().unwrap();
            child.reap().unwrap();
        });
    }

    #[test]
    fn what_stands_still_while_it_is_waited_for_can_be_let_go_on() {
        alone("exec::child::tests::what_stands_still_while_it_is_waited_for_can_be_let_go_on", || {
            // So often that some of it falls into the time in which the other thread waits.
            let child = start("for turn in $(seq 50); do kill -STOP $$; done; exit 4", &Cgroups::default());
            let waiting = std::thread::spawn(|| child.reap());
            until("it ends", || {
                signal_all(Signal::SIGCONT);
                waiting.is_finished()
            });
            assert_eq!(waiting.join().unwrap().unwrap().code(), Some(4));
        });
    }

    #[test]
    fn what_cannot_be_started_leaves_nothing() {
        for cgroups in both() {
            let make = || Ok(Command::new("/nowhere/at-all"));
            assert_eq!(Child::start(make, &StartManner::default(), &cgroups).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }
}
