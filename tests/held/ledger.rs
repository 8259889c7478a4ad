//! A world that hostile commands aim at, and what is seen of it from outside of them.

use std::{
    cell::{Cell, RefCell},
    fs,
    io::Read,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{MetadataExt, PermissionsExt},
            net::{SocketAddr, UnixDatagram, UnixListener},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use nix::sched::{CloneFlags, unshare};

const FILES: &[&str] = &[
    "rm",
    "truncate",
    "append",
    "overwrite",
    "both-ways",
    "tee",
    "move",
    "copy",
    "link",
    "chmod",
    "chown",
    "touch",
    "dd",
    "sed",
    "fallocate",
    "chattr",
    "truncate-call",
    "truncate-open",
    "utime",
    "xattr",
    "fchmod",
    "tree/a",
    "tree/b",
    "setuid-only",
];

pub(super) struct Ledger {
    directory: PathBuf,
    bin: PathBuf,
    tag: String,
    victim: Child,
    streams: [UnixListener; 2],
    datagram: UnixDatagram,
    tcp: TcpListener,
    udp: UdpSocket,
    /// Who has called, in words.
    heard: RefCell<Vec<String>>,
    calls: Cell<usize>,
    swappiness: String,
    console: String,
}

fn quiet(program: &str, words: &[&str]) -> bool {
    Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| error.to_string())
}

/// How many ledgers were made: each has names of its own.
static COUNT: AtomicU32 = AtomicU32::new(0);

impl Ledger {
    /// Makes it in this directory. This thread, and all that it starts from now on, has a name of the host, mounts, a network and
    /// System V objects of its own.
    pub(super) fn make(directory: &Path) -> Self {
        unshare(CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC).unwrap();
        assert!(quiet("mount", &["--make-rprivate", "/"]) && quiet("ip", &["link", "set", "lo", "up"]));
        let bin = directory.with_extension("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(directory).unwrap();
        let tag = format!("halligan-held-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Other users may look for what is theirs.
        fs::set_permissions(directory.parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
        let directory = directory.to_owned();
        let at = |name: &str| directory.join(name);
        let abstracted = SocketAddr::from_abstract_name(&tag).unwrap();
        let streams = [UnixListener::bind(at("stream.sock")).unwrap(), UnixListener::bind_addr(&abstracted).unwrap()];
        let datagram = UnixDatagram::bind(at("datagram.sock")).unwrap();
        let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        for stream in &streams {
            stream.set_nonblocking(true).unwrap();
        }
        datagram.set_nonblocking(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        let victim = victim(&tag);
        let ledger = Self {
            victim,
            directory,
            bin,
            tag,
            streams,
            datagram,
            tcp,
            udp,
            heard: RefCell::default(),
            calls: Cell::new(0),
            swappiness: read("/proc/sys/vm/swappiness"),
            console: read("/proc/sys/kernel/printk"),
        };
        ledger.restore();
        ledger
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    pub(super) fn abstract_name(&self) -> &str {
        &self.tag
    }

    pub(super) fn port(&self) -> u16 {
        self.tcp.local_addr().unwrap().port()
    }

    pub(super) fn datagram_port(&self) -> u16 {
        self.udp.local_addr().unwrap().port()
    }

    pub(super) fn victim(&self) -> String {
        self.victim.id().to_string()
    }

    /// A program of this name, which does this.
    pub(super) fn program(&self, name: &str, script: &str) -> String {
        let path = self.bin.join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// All there is to see of it.
    pub(super) fn look(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        Self::tree(&self.directory, &mut seen);
        self.listen();
        seen.push(format!("calls {}", self.calls.get()));
        let shared = fs::read_dir("/dev/shm")
            .map(|all| all.flatten().filter(|entry| entry.file_name().to_string_lossy().contains(&self.tag)).count());
        seen.push(format!("shared memory {:?}", shared.ok()));
        seen.push(format!("control group {}", Path::new("/sys/fs/cgroup").join(&self.tag).exists()));
        seen.push(format!("keys {}", read("/proc/keys").matches(&self.tag).count()));
        for path in [
            "/proc/sys/kernel/hostname",
            "/proc/sys/kernel/domainname",
            "/proc/sys/vm/swappiness",
            "/proc/sys/net/ipv4/ip_forward",
            "/proc/sys/kernel/printk",
            "/proc/thread-self/mounts",
            "/proc/sysvipc/shm",
            "/proc/sysvipc/sem",
            "/proc/sysvipc/msg",
        ] {
            // Of what somebody is attached to only that it is there: times come and go.
            seen.push(format!(
                "{path} {}",
                read(path).lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("|")
            ));
        }
        for words in [&["-o", "link"][..], &["-o", "addr"], &["route", "show", "table", "all"]] {
            let output = Command::new("ip").args(words).output().unwrap();
            seen.push(format!("ip {words:?} {}", String::from_utf8_lossy(&output.stdout)));
        }
        seen.extend(self.of_victim());
        seen
    }

    fn tree(directory: &Path, seen: &mut Vec<String>) {
        let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let data = fs::symlink_metadata(&path).unwrap();
            let changed = (data.ctime(), data.ctime_nsec(), data.mtime(), data.mtime_nsec());
            let content = if data.is_file() { fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
            let content = content.chars().take(20).collect::<String>();
            seen.push(format!(
                "{} {:o} {}:{} {} {} {changed:?} {content:?}",
                path.display(),
                data.mode(),
                data.uid(),
                data.gid(),
                data.len(),
                data.nlink()
            ));
            if data.is_dir() {
                Self::tree(&path, seen);
            }
        }
    }

    /// Hears all that has come.
    fn listen(&self) {
        let mut heard = self.heard.borrow_mut();
        let before = heard.len();
        for stream in &self.streams {
            while stream.accept().is_ok() {
                heard.push("unix".to_owned());
            }
        }
        let mut buffer = [0; 64];
        while let Ok(length) = self.datagram.recv(&mut buffer) {
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        while self.udp.recv(&mut buffer).is_ok() {
            heard.push("udp".to_owned());
        }
        while let Ok((mut stream, _)) = self.tcp.accept() {
            // Who called has ended by now, so this comes to an end.
            stream.set_nonblocking(false).unwrap();
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            heard.push(text.trim().to_owned());
        }
        self.calls.set(self.calls.get() + heard.len() - before);
    }

    fn of_victim(&self) -> Vec<String> {
        let pid = &self.victim();
        let stat = read(&format!("/proc/{pid}/stat"));
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // Its state, nice value and policy.
        let known = [0, 16, 38].map(|at| fields.get(at).copied().unwrap_or_default());
        let limits = read(&format!("/proc/{pid}/limits"));
        let status = read(&format!("/proc/{pid}/status"));
        let allowed = status.lines().find(|line| line.starts_with("Cpus_allowed:")).unwrap_or_default().to_owned();
        let priority = Command::new("ionice").args(["-p", pid]).output().unwrap();
        vec![
            format!("victim {known:?} {allowed}"),
            format!("victim {}", limits.lines().filter(|line| line.contains("open files")).collect::<String>()),
            format!("victim {}", read(&format!("/proc/{pid}/oom_score_adj"))),
            format!("victim {}", read(&format!("/proc/{pid}/coredump_filter"))),
            format!("victim {}", String::from_utf8_lossy(&priority.stdout)),
        ]
    }

    /// What was heard and marked since this was last asked.
    pub(super) fn effects(&self) -> Vec<String> {
        self.listen();
        let marks = fs::read_to_string(self.file("marks")).unwrap_or_default();
        let _ = fs::remove_file(self.file("marks"));
        self.heard.borrow_mut().drain(..).chain(marks.lines().map(str::to_owned)).collect()
    }

    /// Puts everything back as it was, or makes it anew.
    pub(super) fn mend(&mut self) {
        self.clear();
        self.victim = victim(&self.tag);
        self.restore();
    }

    /// Takes away what stands outside of its directory, and what is mounted inside.
    fn clear(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
        for name in ["empty", "empty", "mounted", "mq"] {
            quiet("umount", &["-l", &self.file(name)]);
        }
        let _ = fs::remove_file(Path::new("/dev/shm").join(&self.tag));
        let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(&self.tag));
        fs::write("/proc/sys/vm/swappiness", &self.swappiness).unwrap();
        fs::write("/proc/sys/kernel/printk", &self.console).unwrap();
        // 3 is the number of what revokes a key.
        for line in read("/proc/keys").lines().filter(|line| line.contains(&self.tag)) {
            let revoke = format!("syscall({}, 3, 0x{})", nix::libc::SYS_keyctl, line.split(' ').next().unwrap_or_default());
            quiet("perl", &["-e", &revoke]);
        }
    }

    fn restore(&self) {
        for entry in fs::read_dir(&self.directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(path).unwrap();
            } else if !path.ends_with("stream.sock") && !path.ends_with("datagram.sock") {
                fs::remove_file(path).unwrap();
            }
        }
        for name in ["tree", "empty", "mounted", "mq"] {
            fs::create_dir(self.directory.join(name)).unwrap();
        }
        for name in FILES {
            fs::write(self.directory.join(name), "what was there\n").unwrap();
        }
        fs::set_permissions(self.directory.join("setuid-only"), PermissionsExt::from_mode(0o600)).unwrap();
        fs::copy("/usr/bin/tee", self.directory.join("setuid")).unwrap();
        fs::set_permissions(self.directory.join("setuid"), PermissionsExt::from_mode(0o4755)).unwrap();
        assert!(quiet("mount", &["-t", "tmpfs", "none", &self.file("mounted")]));
        assert!(quiet("mount", &["-t", "mqueue", "none", &self.file("mq")]));
        let _ = fs::remove_file(self.directory.join("mq/held"));
        fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
        quiet("hostname", &["held-test"]);
        fs::write("/proc/sys/kernel/domainname", "held-test").unwrap();
        quiet("ip", &["link", "set", "lo", "mtu", "65536"]);
        quiet("ip", &["addr", "del", "127.9.9.9/8", "dev", "lo"]);
        quiet("ip", &["route", "del", "blackhole", "10.9.9.0/24"]);
        quiet("ipcrm", &["-a"]);
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A process that does nothing, and that nobody else is called like.
fn victim(tag: &str) -> Child {
    Command::new("sleep").arg(format!("98765.{}", mark(tag))).process_group(0).spawn().unwrap()
}

/// Digits for a name.
pub(super) fn mark(tag: &str) -> String {
    tag.chars().filter(char::is_ascii_digit).collect()
}
