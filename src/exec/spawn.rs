//! A child is started, and what happens in it between fork and exec: for that it needs `unsafe`.

use std::{
    io::{self, PipeWriter, Read},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Command, ExitStatus},
    sync::Arc,
};

use nix::{
    errno::Errno,
    libc,
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask},
    },
    unistd::{Pid, getpid, getppid, setpgid, setsid, tcsetpgrp, write},
};
use rustix::process::{WaitOptions, waitpid};

use super::{cgroup::Door, core_dump::CoreLimit, held::Hold};
use crate::procfs::Procfs;

/// As the kernel has it: libc's constant of this name is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// How a child stands to its parent and its terminal.
#[derive(Debug)]
pub(super) struct GroupStanding {
    /// The terminal that it gets into the foreground of. Without one it gets a session of its own, so that the terminal's
    /// signals do not reach it and it can be ended with all that it has started.
    pub terminal: Option<OwnedFd>,
    /// Its standard input is a terminal that becomes the one of its own session.
    pub takes_terminal: bool,
    /// The door of the control group that it joins.
    pub door: Option<Door>,
    /// It is killed when its parent ends, however that ends: nobody would read its answer.
    pub dies_with_parent: bool,
    /// What holds it to reading.
    pub hold: Option<Arc<Hold>>,
}

/// Starts a command so. Whatever its pid, it is our child.
///
/// # Errors
/// It cannot be started.
pub(super) fn spawn(mut command: Command, standing: GroupStanding) -> io::Result<Pid> {
    let parent = getpid();
    let core = CoreLimit::of_before();
    let (mut told, teller) = io::pipe()?;
    // SAFETY: the closure runs in the child after fork. It makes system calls that are async-signal-safe, on descriptors that
    // it owns, touches no memory that the parent's other threads could have left half-written, takes no lock, and neither
    // allocates nor frees: an error is made of its number alone.
    unsafe {
        command.pre_exec(move || begin(&standing, &teller, parent, core));
    }
    let started = command.spawn();
    // Our own end for telling goes with it, so that the other end comes to an end.
    drop(command);
    let mut successor = [0; size_of::<libc::pid_t>()];
    let successor = told.read_exact(&mut successor).ok().map(|()| Pid::from_raw(libc::pid_t::from_ne_bytes(successor)));
    match (started, successor) {
        (Ok(child), None) => Ok(Pid::from_raw(libc::pid_t::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidData)?)),
        (Ok(mut child), Some(successor)) => {
            let _ = child.wait();
            Ok(successor)
        }
        (Err(error), None) => Err(error),
        (Err(error), Some(successor)) => {
            let _ = wait(successor);
            Err(error)
        }
    }
}

/// Waits for the end of a child.
///
/// # Errors
/// It is none of ours.
pub(super) fn wait(child: Pid) -> io::Result<ExitStatus> {
    let child = rustix::process::Pid::from_raw(child.as_raw()).ok_or(rustix::io::Errno::CHILD)?;
    let ended = rustix::io::retry_on_intr(|| waitpid(Some(child), WaitOptions::empty()))?;
    ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw())).ok_or_else(|| rustix::io::Errno::CHILD.into())
}

/// Sees to it that nothing that is started gets a descriptor that we were started with, but for the three standard ones: whoever
/// holds a lock by one would hold it as long as what a step leaves behind.
///
/// # Errors
/// A descriptor cannot be closed to others.
pub(super) fn keep_descriptors() -> io::Result<()> {
    const FIRST: libc::c_uint = 3;
    // SAFETY: marks descriptors, and closes none.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if marked == 0 {
        return Ok(());
    }
    // Before Linux 5.11, or where a container forbids it: one by one.
    for descriptor in Procfs::system().own_descriptors().into_iter().filter(|descriptor| *descriptor > 2) {
        // SAFETY: as above. The one with which they were listed is closed by now.
        match Errno::result(unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) }) {
            Ok(_) | Err(Errno::EBADF) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn begin(standing: &GroupStanding, teller: &PipeWriter, parent: Pid, core: CoreLimit) -> io::Result<()> {
    if let Some(door) = &standing.door {
        enter(door, teller)?;
    }
    match &standing.terminal {
        None => {
            setsid()?;
            if standing.takes_terminal {
                // SAFETY: standard input is open, and outlives the call.
                rustix::process::ioctl_tiocsctty(unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) })?;
            }
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
    if let Some(hold) = &standing.hold {
        hold.become_user()?;
    }
    // A change of user takes this back, so it comes after.
    if standing.dies_with_parent {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // It may have ended before we asked.
        if getppid() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    if let Some(hold) = &standing.hold {
        hold.give_up()?;
        restrict(hold.rules())?;
        hold.filter()?;
    }
    // Last: what is copied of our memory until the command is there is not dumped.
    core.restore()
}

/// In a child that has one thread and may gain no new rights: puts it under these rules of Landlock, for good.
///
/// # Errors
/// The kernel refuses.
fn restrict(rules: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: a system call that takes a descriptor, which is open as long as it is borrowed, and no memory.
    let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Goes on within a control group: as a successor that is born there, or else, before Linux 5.7 and where a container forbids it,
/// by moving there.
///
/// Moving waits until no processor can be in the midst of a fork (an RCU grace period): 10 to 30 ms for each command that does not
/// follow upon another. Being born there waits for nothing.
fn enter(door: &Door, teller: &PipeWriter) -> io::Result<()> {
    let size = size_of::<libc::clone_args>();
    let arguments = libc::clone_args {
        // Our parent is its parent, which is told of its end as it would be told of ours.
        flags: CLONE_INTO_CGROUP | u64::from(libc::CLONE_PARENT.cast_unsigned()),
        cgroup: door.group.as_raw_fd().cast_unsigned().into(),
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: 0,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
    };
    // SAFETY: this is a fork, with a copy of all memory, of a process that has one thread; the arguments outlive the call.
    match unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size) } {
        0 => {
            // By itself, before anything else: one that was not told of never becomes the command.
            write(teller, &getpid().as_raw().to_ne_bytes())?;
            Ok(())
        }
        -1 => {
            write(door.procs.as_fd(), b"0")?;
            Ok(())
        }
        _ => {
            // Had the successor been killed before it could tell, whoever takes us for the command sees the same.
            kill(getpid(), Signal::SIGKILL)?;
            Err(Errno::ESRCH.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        process::Stdio,
    };

    use super::{super::cgroup::Cgroups, *};

    /// By being born there, and by moving there where that is refused, as the kernel refuses it here: this is no group.
    fn both_ways(door: Door) -> [Door; 2] {
        let moving = Door { group: File::open("/").unwrap(), procs: door.procs.try_clone().unwrap() };
        [door, moving]
    }

    fn standing(door: Option<Door>) -> GroupStanding {
        GroupStanding { terminal: None, takes_terminal: false, door, dies_with_parent: true, hold: None }
    }

    /// What this thread has started, and is not reaped: it has the thread's name until it is another program.
    fn unreaped() -> usize {
        let name = fs::read_to_string("/proc/thread-self/comm").unwrap();
        let started = format!("({}) Z {} ", name.trim(), getpid());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes.filter(|process| fs::read_to_string(process.path().join("stat")).is_ok_and(|stat| stat.contains(&started))).count()
    }

    #[test]
    fn a_child_is_in_its_group_and_ours_to_wait_for() {
        let Some(group) = Cgroups::find().make() else { return };
        for door in both_ways(group.door().unwrap()) {
            let (mut output, writer) = io::pipe().unwrap();
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "echo $$ $PPID; cat /proc/self/cgroup; exit 7"]).stdin(Stdio::null()).stdout(writer);
            let pid = spawn(command, standing(Some(door))).unwrap();
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            assert!(text.starts_with(&format!("{pid} {}\n", getpid())), "{text}");
            let own = text.lines().find(|line| line.starts_with("0::")).unwrap();
            assert!(own.contains(&format!("/halligan-{}-", getpid())), "{own}");
            assert_eq!(wait(pid).unwrap().code(), Some(7));
            assert_eq!(unreaped(), 0);
        }
        group.remove();
    }

    #[test]
    fn of_what_cannot_be_started_nothing_waits_to_be_reaped() {
        let group = Cgroups::find().make();
        let doors = group.as_ref().map(|group| both_ways(group.door().unwrap()));
        for door in doors.into_iter().flatten().map(Some).chain([None]) {
            let error = spawn(Command::new("/nowhere/at-all"), standing(door)).unwrap_err();
            assert_eq!((error.kind(), unreaped()), (io::ErrorKind::NotFound, 0));
        }
        if let Some(group) = group {
            group.remove();
        }
    }
}
