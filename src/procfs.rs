//! What the kernel tells of processes under `/proc` (proc(5)). The only reader of it.
//!
//! A process may end at any moment, between two questions or while an answer is read: then there is no answer.

use std::{
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Pid, geteuid};

/// A mounted `/proc`. Tests have others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Procfs<'r>(&'r Path);

/// One process, as it was when it was looked at: `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub pid: Pid,
    /// One letter: `R` running, `S` sleeping, `D` waiting without being interruptible, `T` stopped, `Z` ended and not reaped.
    pub state: char,
    pub parent: Pid,
    pub group: Pid,
    pub session: Pid,
    /// In clock ticks since boot. With the pid it names a process for good.
    pub start_time: u64,
}

impl Stat {
    fn parse(pid: Pid, bytes: &[u8]) -> Option<Self> {
        // The second field is the program's name in parentheses. It may hold anything: spaces, parentheses, no UTF-8.
        let name_end = bytes.iter().rposition(|byte| *byte == b')')?;
        let fields: Vec<&str> = std::str::from_utf8(bytes.get(name_end + 1..)?).ok()?.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse().ok().map(Pid::from_raw);
        Some(Self {
            pid,
            state: fields.first()?.chars().next()?,
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }

    /// It has ended, and perhaps nobody has asked yet how.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// The environment with which a process was started.
#[derive(Debug, Default)]
pub(crate) struct ProcessEnvironment(Vec<u8>);

impl ProcessEnvironment {
    /// The value of a variable. What is not UTF-8 in it is replaced.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let value = self.0.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

/// A mounted file system: one line of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The directory of the file system that is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// Its type, such as `cgroup2`.
    pub kind: String,
}

impl Procfs<'static> {
    /// That of this system.
    pub(crate) fn system() -> Self {
        Self(Path::new("/proc"))
    }
}

#[cfg(test)]
impl<'r> Procfs<'r> {
    pub(crate) fn at(root: &'r Path) -> Self {
        Self(root)
    }
}

impl Procfs<'_> {
    fn of(self, pid: Pid, file: &str) -> PathBuf {
        self.0.join(pid.to_string()).join(file)
    }

    /// Every process, in no order. None if `/proc` is not there.
    pub(crate) fn pids(self) -> impl Iterator<Item = Pid> {
        let entries = fs::read_dir(self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
    }

    /// Whether a process has this number, be it one that has ended and is not reaped.
    pub(crate) fn exists(self, pid: Pid) -> bool {
        self.0.join(pid.to_string()).exists()
    }

    /// `None` if there is no such process.
    pub(crate) fn stat(self, pid: Pid) -> Option<Stat> {
        Stat::parse(pid, &fs::read(self.of(pid, "stat")).ok()?)
    }

    /// Its words, as the process list shows them: 200 characters at most; empty if it has none or is gone.
    pub(crate) fn command(self, pid: Pid) -> String {
        let words = fs::read(self.of(pid, "cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy).collect();
        words.join(" ").chars().take(200).collect()
    }

    /// Whether a process was started with this variable by the user who runs halligan: anybody may start one with any variable.
    ///
    /// The real user counts, and the effective one: a set-user-id program has the environment of whoever has started it.
    pub(crate) fn marked(self, pid: Pid, name: &str, value: &str) -> bool {
        self.environment(pid).variable(name).is_some_and(|found| found == value) && self.users(pid) == Some([geteuid().as_raw(); 2])
    }

    /// The real and the effective user of a process.
    fn users(self, pid: Pid) -> Option<[u32; 2]> {
        let status = fs::read(self.of(pid, "status")).ok()?;
        // The program's name stands in a line of its own, in which newlines are escaped.
        let status = String::from_utf8_lossy(&status).into_owned();
        let mut users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().map(str::parse);
        Some([users.next()?.ok()?, users.next()?.ok()?])
    }

    /// The descriptors that this process has open.
    pub(crate) fn own_descriptors(self) -> Vec<i32> {
        let entries = fs::read_dir(self.0.join("self/fd")).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// Empty if the process is gone or is none of ours to look into.
    pub(crate) fn environment(self, pid: Pid) -> ProcessEnvironment {
        ProcessEnvironment(fs::read(self.of(pid, "environ")).unwrap_or_default())
    }

    /// The function of the kernel in which a process waits; `None` if it does not wait or nobody says.
    pub(crate) fn waits_in(self, pid: Pid) -> Option<String> {
        let text = fs::read_to_string(self.of(pid, "wchan")).ok()?;
        Some(text.trim().trim_matches('0').to_owned()).filter(|text| !text.is_empty())
    }

    fn own(self, file: &str) -> String {
        fs::read(self.0.join("self").join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The signals that this process ignores, one bit each: signal 1 is the lowest.
    pub(crate) fn ignored_signals(self) -> u64 {
        let status = self.own("status");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    }

    /// The path of this process's control group in the version 2 hierarchy; `None` if there is no such hierarchy.
    pub(crate) fn own_cgroup(self) -> Option<String> {
        cgroup(&self.own("cgroup")).map(str::to_owned)
    }

    /// What is mounted in this process's view.
    pub(crate) fn mounts(self) -> Vec<Mount> {
        fs::read(self.0.join("self/mountinfo")).map(|bytes| mounts(&bytes)).unwrap_or_default()
    }

    /// Who logged in, before any sudo; `None` if nobody did.
    pub(crate) fn login_uid(self) -> Option<u32> {
        self.own("loginuid").trim().parse().ok().filter(|uid| *uid != u32::MAX)
    }

    /// Changes with each start of the machine; `None` if nobody says.
    pub(crate) fn boot_id(self) -> Option<String> {
        let text = fs::read_to_string(self.0.join("sys/kernel/random/boot_id")).ok()?;
        Some(text.trim().to_owned())
    }
}

/// The path in `/proc/self/cgroup` that belongs to version 2.
fn cgroup(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The lines of `/proc/self/mountinfo`; those that cannot be read are left out.
pub(crate) fn mounts(bytes: &[u8]) -> Vec<Mount> {
    let mount = |line: &[u8]| {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        // Optional fields end with a hyphen, and the type follows.
        let hyphen = words.iter().skip(6).position(|word| *word == b"-")? + 6;
        let path = |index: usize| Some(PathBuf::from(std::ffi::OsString::from_vec(unescaped(words.get(index)?))));
        Some(Mount { root: path(3)?, point: path(4)?, kind: String::from_utf8_lossy(words.get(hyphen + 1)?).into_owned() })
    };
    bytes.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

/// A path in which spaces, tabs, newlines and backslashes are written `\ooo`.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\');
        plain.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    fn stat(bytes: &[u8]) -> Option<Stat> {
        Stat::parse(Pid::from_raw(42), bytes)
    }

    const REST: &str = "D 7 8 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 0 0\n";

    #[test]
    fn a_name_may_hold_anything() {
        for name in [b"sh".as_slice(), b"a) b", b"a) S 1 (b) c", b")", b"", b"\xff\xfe", b"a\nb) R 2 2 2"] {
            let found = stat(&[b"42 (", name, b") ", REST.as_bytes()].concat()).unwrap();
            assert_eq!((found.state, found.parent, found.group), ('D', Pid::from_raw(7), Pid::from_raw(8)), "{name:?}");
            assert_eq!((found.session, found.start_time), (Pid::from_raw(9), 123_456), "{name:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_no_stat_is_no_process() {
        let whole = format!("42 (sh) {REST}");
        let end = whole.find("123456").unwrap();
        assert!((0..end).all(|cut| stat(&whole.as_bytes()[..cut]).is_none()));
        for bad in ["garbage", "42 (sh) D seven 8 9", "42 (sh"] {
            assert_eq!(stat(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_real_process_with_such_a_name_is_read_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a) b");
        std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program).arg0("a) b").arg("60").env("MARK", "a=b").process_group(0).spawn().unwrap();
        let (procfs, pid) = (Procfs::system(), Pid::from_raw(i32::try_from(child.id()).unwrap()));
        let found = procfs.stat(pid).unwrap();
        assert_eq!((found.parent, found.group, found.has_ended()), (Pid::this(), pid, false));
        // For a moment it is there with its memory not laid out yet.
        while procfs.command(pid).is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(procfs.command(pid), "a) b 60");
        assert_eq!(procfs.environment(pid).variable("MARK").as_deref(), Some("a=b"));
        assert_eq!(procfs.environment(pid).variable("MAR"), None);
        assert!(procfs.marked(pid, "MARK", "a=b") && !procfs.marked(pid, "MARK", "a"));
        assert!(procfs.pids().any(|other| other == pid));
        child.kill().unwrap();
        // Not reaped yet: it ended, and its number is still its own.
        while !procfs.stat(pid).unwrap().has_ended() {
            std::thread::yield_now();
        }
        assert!(procfs.exists(pid) && procfs.environment(pid).variable("MARK").is_none());
        child.wait().unwrap();
        assert!(!procfs.exists(pid));
        assert_eq!((procfs.stat(pid), procfs.command(pid), procfs.waits_in(pid)), (None, String::new(), None));
    }

    #[test]
    fn processes_that_go_away_while_they_are_read_are_no_fault() {
        // Starting is left to the other thread; whatever is seen here is one of three: there, ended, gone.
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for _ in 0..50 {
                    std::process::Command::new("/bin/true").status().unwrap();
                }
                over.store(true, std::sync::atomic::Ordering::SeqCst);
            });
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                for pid in Procfs::system().pids() {
                    assert!(Procfs::system().stat(pid).is_none_or(|stat| stat.pid == pid && stat.state.is_ascii_alphabetic()));
                }
            }
        });
    }

    #[test]
    fn without_proc_there_is_nothing() {
        let nowhere = Procfs::at(Path::new("/nowhere"));
        assert_eq!((nowhere.pids().count(), nowhere.ignored_signals(), nowhere.login_uid()), (0, 0, None));
        assert_eq!((nowhere.boot_id(), nowhere.own_cgroup(), nowhere.mounts()), (None, None, Vec::new()));
        assert!(Procfs::system().boot_id().is_some_and(|id| id.len() == 36));
        assert!(!Procfs::system().mounts().is_empty());
        assert_eq!(cgroup("4:memory:/x\n0::/user.slice\n"), Some("/user.slice"));
        assert_eq!(cgroup("4:memory:/x\n1:name=systemd:/y\n"), None);
    }

    #[test]
    fn mounts_are_read_with_their_escapes() {
        let text =
            b"1 0 0:1 / /a\\040b\\134c\\ rw,x shared:1 master:2 - cgroup2 none rw\nnonsense\n2 1 8:1 /r\xff /d rw - ext4 /dev/sda1 rw\n";
        let found = mounts(text);
        let shown: Vec<_> = found.iter().map(|mount| (mount.point.to_str().unwrap(), mount.kind.as_str())).collect();
        assert_eq!(shown, [("/a b\\c\\", "cgroup2"), ("/d", "ext4")]);
        assert_eq!(found[1].root.as_os_str().len(), 3);
    }
}
