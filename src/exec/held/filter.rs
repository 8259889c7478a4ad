//! What a filter of system calls keeps a command from: what Landlock and dropped capabilities let through.
//!
//! Of `ioctl` only what is known to ask is let through, since a disk, a file system and device-mapper are changed by it as they
//! are asked; of the rest only what is known to change is denied.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, LazyLock},
};

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
    sock_filter,
};

use super::ruleset::Abilities;

/// A filter, ready for the kernel.
#[derive(Debug)]
pub(super) struct Filter(BpfProgram);

impl Filter {
    /// In the child: everything that it starts is filtered too.
    pub(super) fn apply(&self) -> io::Result<()> {
        apply_filter(&self.0).map_err(|error| match error {
            seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
            _ => io::Error::from_raw_os_error(libc::EINVAL),
        })
    }
}

/// Whether there is a filter for this machine.
pub(super) fn is_possible() -> bool {
    of(true, true).is_some()
}

/// The filter for those that may use sockets, or for the others; with `modes` a change of a file's mode is passed over.
pub(super) fn of(sockets: bool, modes: bool) -> Option<Arc<Filter>> {
    static FILTERS: LazyLock<Option<[[Arc<Filter>; 2]; 2]>> = LazyLock::new(|| {
        let abilities = Abilities::of_kernel()?;
        let made = |sockets, modes| build(sockets, modes, abilities).ok().map(|program| Arc::new(Filter(program)));
        Some([[made(false, false)?, made(false, true)?], [made(true, false)?, made(true, true)?]])
    });
    FILTERS.as_ref().map(|filters| Arc::clone(&filters[usize::from(sockets)][usize::from(modes)]))
}

/// What changes the mode of a file.
const MODES: &[libc::c_long] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
];

/// Denied whatever they are given.
const DENIED: &[libc::c_long] = &[
    // The owner, the times and the attributes of files; their modes are above.
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    REMOVEXATTRAT,
    FILE_SETATTR,
    libc::SYS_open_by_handle_at,
    // Does all of this, unseen by a filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // What outlives a process and belongs to none: shared memory, semaphores, queues, keys.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_mq_timedsend,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine. Most of it needs a capability that is dropped, but not by a command that keeps one.
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    KEXEC_FILE_LOAD,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_vhangup,
    // Namespaces of its own, with all rights in them, and those of others.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
];

// Newer than the constants; the same number on every architecture.
const FCHMODAT2: libc::c_long = 452;
const SETXATTRAT: libc::c_long = 463;
const REMOVEXATTRAT: libc::c_long = 466;
const OPEN_TREE_ATTR: libc::c_long = 467;
const FILE_SETATTR: libc::c_long = 469;
#[cfg(target_arch = "x86_64")]
const KEXEC_FILE_LOAD: libc::c_long = 320;
#[cfg(not(target_arch = "x86_64"))]
const KEXEC_FILE_LOAD: libc::c_long = 294;

/// The older ways to say the same, and the machine's ports, which newer architectures do without.
#[cfg(target_arch = "x86_64")]
const DENIED_OF_OLD: &[libc::c_long] =
    &[libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_iopl, libc::SYS_ioperm];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_OF_OLD: &[libc::c_long] = &[];

/// What may be asked by ioctl, sockets (0x89..) apart: all of it.
const ASKS: &[u32] = &[
    // A disk: read-only, size, read-ahead, limits, sector sizes, alignment, zones, number, geometry, identity, what a drive can do.
    0x125e,
    0x1260,
    0x1263,
    0x1265,
    0x1267,
    0x1268,
    0x1278,
    0x1279,
    0x127a,
    0x127b,
    0x127c,
    0x127e,
    0x8008_1270,
    0x8008_1272,
    0x8008_1280,
    0xc010_1282,
    0x8004_1284,
    0x8004_1285,
    0x0301,
    0x030d,
    0x5331,
    0x5326,
    // A loop device, a RAID.
    0x4c03,
    0x4c05,
    0x800c_0910,
    0x8048_0911,
    0x8014_0912,
    // device-mapper: version, devices, status, dependencies, table, versions, target.
    0xc138_fd00,
    0xc138_fd02,
    0xc138_fd07,
    0xc138_fd0b,
    0xc138_fd0c,
    0xc138_fd0d,
    0xc138_fd11,
    // A file: size of a block, flags, version, attributes, extents; label and id of the file system.
    0x0002,
    0x8008_6601,
    0x8004_6601,
    0x8008_7601,
    0x801c_581f,
    0xc020_660b,
    0x8100_9431,
    0x8011_1500,
    0x8081_1501,
    // btrfs and xfs: what they are made of.
    0x8400_941f,
    0xd000_941e,
    0xc010_9414,
    0x8100_587e,
    0x8070_587c,
    // A terminal: its settings, size, group, session, number, what waits.
    0x5401,
    0x5405,
    0x540f,
    0x5411,
    0x5413,
    0x5415,
    0x5429,
    0x802c_542a,
    0x8004_5430,
    // A descriptor: close on exec or not, non-blocking, signals of its own, how much can be read.
    0x5450,
    0x5451,
    0x5421,
    0x5452,
    0x541b,
    0x5460,
    // A namespace, the entropy, the clock: what it is.
    0xb701,
    0xb702,
    0xb703,
    0xb704,
    0x8004_5200,
    0x8024_7009,
];

/// The actions of `syslog` that only look: opening, closing, reading all, asking for sizes.
const LOG_LOOKS: [u64; 5] = [0, 1, 3, 9, 10];

type Made<T> = Result<T, seccompiler::BackendError>;

fn build(sockets: bool, modes: bool, abilities: Abilities) -> Made<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let mut rules: BTreeMap<libc::c_long, Vec<SeccompRule>> = BTreeMap::new();
    for call in DENIED.iter().chain(DENIED_OF_OLD).chain(MODES) {
        rules.insert(*call, Vec::new());
    }
    let other = |index| when(index, SeccompCmpOp::Ne, 0);
    // Of others, what may be set of itself: priorities (0 is itself), processors, limits.
    rules.insert(libc::SYS_setpriority, vec![all([other(0)?])?, all([other(1)?])?]);
    rules.insert(libc::SYS_ioprio_set, vec![all([when(0, SeccompCmpOp::Ne, 1)?])?, all([other(1)?])?]);
    for call in [
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
    ] {
        rules.insert(call, vec![all([other(0)?])?]);
    }
    let new = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![all([other(0)?, new])?]);
    rules.insert(libc::SYS_syslog, vec![conditions(LOG_LOOKS.iter().map(|look| when(0, SeccompCmpOp::Ne, *look)))?]);
    rules.insert(libc::SYS_ioctl, ioctl()?);
    if !sockets {
        // What asks the kernel itself stays: interfaces, routes, sockets.
        rules.insert(libc::SYS_socket, vec![all([when(0, SeccompCmpOp::Ne, netlink())?])?]);
    }
    if !abilities.signals {
        // Only to its own group, which is all that it has started: it leads a session.
        rules.insert(libc::SYS_kill, vec![all([other(0)?, other(1)?])?]);
        rules.insert(libc::SYS_tkill, vec![all([other(1)?])?]);
        rules.insert(libc::SYS_tgkill, vec![all([other(2)?])?]);
        rules.insert(libc::SYS_rt_sigqueueinfo, vec![all([other(1)?])?]);
        rules.insert(libc::SYS_rt_tgsigqueueinfo, vec![all([other(2)?])?]);
        rules.insert(libc::SYS_pidfd_send_signal, vec![all([other(1)?])?]);
    }
    if !abilities.truncation {
        let truncating = |index| {
            let mask = u64::from((libc::O_TRUNC | libc::O_ACCMODE).unsigned_abs());
            when(index, SeccompCmpOp::MaskedEq(mask), u64::from(libc::O_TRUNC.unsigned_abs()))
        };
        rules.insert(libc::SYS_truncate, Vec::new());
        rules.insert(libc::SYS_openat, vec![all([truncating(2)?])?]);
        rules.insert(libc::SYS_openat2, Vec::new());
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, vec![all([truncating(1)?])?]);
    }
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()), arch)?;
    let mut program = without_x32();
    if modes {
        program.extend(passed_over(MODES));
    }
    program.extend(BpfProgram::try_from(filter)?);
    Ok(program)
}

/// ioctl, but for what only asks.
fn ioctl() -> Made<Vec<SeccompRule>> {
    use SeccompCmpOp::{Gt, Lt, Ne};
    let sockets = 0x8900..=0x89ff_u32;
    let (first, last) = (u64::from(*sockets.start()), u64::from(*sockets.end()));
    let asks = |asked: bool| ASKS.iter().filter(move |ask| (**ask < 0x8900) == asked).map(|ask| when(1, Ne, u64::from(*ask)));
    let below = std::iter::once(when(1, Lt, first)).chain(asks(true));
    let above = std::iter::once(when(1, Gt, last)).chain(asks(false));
    Ok(vec![conditions(below)?, conditions(above)?])
}

fn netlink() -> u64 {
    u64::from(libc::AF_NETLINK.unsigned_abs())
}

fn when(argument: u8, operator: SeccompCmpOp, value: u64) -> Made<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> Made<SeccompRule> {
    SeccompRule::new(conditions.into())
}

fn conditions(each: impl Iterator<Item = Made<SeccompCondition>>) -> Made<SeccompRule> {
    SeccompRule::new(each.collect::<Made<Vec<_>>>()?)
}

/// Says of these calls that they were done, and does nothing.
fn passed_over(calls: &[libc::c_long]) -> BpfProgram {
    let step = |code: u32, jf: u8, k: u32| sock_filter { code: u16::try_from(code).unwrap_or_default(), jt: 0, jf, k };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for call in calls.iter().filter_map(|call| u32::try_from(*call).ok()) {
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, call));
        program.push(step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO));
    }
    program
}

/// Refuses the second table of system calls that x86-64 may have, whose numbers no rule names.
fn without_x32() -> BpfProgram {
    #[cfg(target_arch = "x86_64")]
    {
        // Loads the number; what is at least the mark of that table is denied, else two instructions on.
        let step = |code: u32, jf: u8, k: u32| sock_filter { code: u16::try_from(code).unwrap_or_default(), jt: 0, jf, k };
        vec![
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
            step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, 0x4000_0000),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs()),
        ]
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        Vec::<sock_filter>::new()
    }
}
