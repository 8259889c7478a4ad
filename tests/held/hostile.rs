//! Commands that do harm, each in a way of its own.

use nix::libc;

use super::ledger::{Ledger, mark};

#[derive(Debug, Clone)]
pub(super) struct Hostile {
    pub name: &'static str,
    pub words: Vec<String>,
}

impl Hostile {
    pub(super) fn id(&self, form: &str) -> String {
        format!("{form}_{}", self.name.replace('-', "_"))
    }

    /// As a line of a script.
    pub(super) fn shell(&self) -> String {
        shlex::try_join(self.words.iter().map(String::as_str)).unwrap()
    }
}

fn of(name: &'static str, words: &[&str]) -> Hostile {
    Hostile { name, words: words.iter().map(ToString::to_string).collect() }
}

fn sh(name: &'static str, script: &str) -> Hostile {
    of(name, &["bash", "-c", script])
}

fn perl(name: &'static str, script: &str) -> Hostile {
    of(name, &["perl", "-e", script])
}

/// All that the kernel itself keeps a read from.
pub(super) fn hostile(ledger: &Ledger) -> Vec<Hostile> {
    let f = |name: &str| ledger.file(name);
    let path = |name: &str| f(name);
    let at = |name: &str| path(name).leak() as &str;
    let (victim, port, datagrams, unix) = (ledger.victim(), ledger.port(), ledger.datagram_port(), f("stream.sock"));
    let abstracted = ledger.abstract_name();
    vec![
        of("rm", &["rm", "-f", at("rm")]),
        of("rm-tree", &["rm", "-rf", at("tree")]),
        of("truncate", &["truncate", "-s", "0", at("truncate")]),
        sh("append", &format!("echo x >>{}", f("append"))),
        sh("overwrite", &format!(": >{}", f("overwrite"))),
        sh("both-ways", &format!("exec 3<>{}; echo x >&3", f("both-ways"))),
        of("tee", &["tee", at("tee")]),
        of("move", &["mv", at("move"), at("moved")]),
        of("copy", &["cp", at("copy"), at("copied")]),
        of("link", &["ln", at("link"), at("linked")]),
        of("symlink", &["ln", "-s", "x", at("symlink")]),
        of("mkdir", &["mkdir", at("made")]),
        of("rmdir", &["rmdir", at("empty")]),
        of("mkfifo", &["mkfifo", at("fifo")]),
        of("mknod", &["mknod", at("node"), "c", "1", "3"]),
        of("chmod", &["chmod", "777", at("chmod")]),
        of("chown", &["chown", "1:1", at("chown")]),
        of("touch", &["touch", "-d", "2001-01-01", at("touch")]),
        of("dd", &["dd", "if=/dev/zero", &format!("of={}", f("dd")), "bs=1", "count=4", "conv=notrunc"]),
        of("sed", &["sed", "-i", "s/./y/", at("sed")]),
        of("install", &["install", "-m", "600", "/dev/null", at("installed")]),
        of("fallocate", &["fallocate", "-l", "100", at("fallocate")]),
        of("chattr", &["chattr", "+d", at("chattr")]),
        perl("truncate-call", &format!("truncate('{}', 0)", f("truncate-call"))),
        perl("truncate-open", &format!("sysopen(F, '{}', {})", f("truncate-open"), libc::O_TRUNC)),
        perl("utime", &format!("utime(1, 1, '{}')", f("utime"))),
        perl("xattr", &format!("syscall({}, '{}', 'user.a', 'b', 1, 0)", libc::SYS_setxattr, f("xattr"))),
        perl("fchmod", &format!("open(F, '<', '{}'); chmod(0777, *F)", f("fchmod"))),
        perl("bind", &format!("use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un('{}'))", f("bound.sock"))),
        sh("setuid", &format!("echo x | setpriv --reuid 65534 --regid 65534 --clear-groups {} {}", f("setuid"), f("setuid-only"))),
        sh("shared-memory-file", &format!("echo x >/dev/shm/{}", ledger.tag())),
        of("control-group", &["mkdir", &format!("/sys/fs/cgroup/{}", ledger.tag())]),
        sh("kill", &format!("kill -9 {victim}")),
        sh("stop", &format!("kill -STOP {victim}")),
        // Not itself, nor the script that it stands in.
        of("pkill", &["pkill", "-9", "-f", &format!("[s]leep 98765.{}", mark(ledger.tag()))]),
        perl("tgkill", &format!("syscall({}, {victim}, {victim}, 9)", libc::SYS_tgkill)),
        perl(
            "pidfd-kill",
            &format!("$fd = syscall({}, {victim}, 0); syscall({}, $fd, 9, 0, 0)", libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal),
        ),
        perl("ptrace", &format!("syscall({}, {}, {victim}, 0, {})", libc::SYS_ptrace, libc::PTRACE_SEIZE, libc::PTRACE_O_EXITKILL)),
        of("renice", &["renice", "-n", "5", "-p", &victim]),
        of("renice-group", &["renice", "-n", "5", "-g", &victim]),
        of("ionice", &["ionice", "-c", "3", "-p", &victim]),
        of("taskset", &["taskset", "-p", "1", &victim]),
        of("chrt", &["chrt", "-b", "-p", "0", &victim]),
        of("prlimit", &["prlimit", "--pid", &victim, "--nofile=100:100"]),
        sh("oom-score", &format!("echo 500 >/proc/{victim}/oom_score_adj")),
        sh("core-filter", &format!("echo 7 >/proc/{victim}/coredump_filter")),
        of("hostname", &["hostname", "evil"]),
        perl("domain-name", &format!("syscall({}, 'evil', 4)", libc::SYS_setdomainname)),
        sh("swappiness", "echo 61 >/proc/sys/vm/swappiness"),
        of("sysctl", &["sysctl", "-w", "net.ipv4.ip_forward=1"]),
        of("console-level", &["dmesg", "-n", "1"]),
        of("mount", &["mount", "-t", "tmpfs", "none", at("empty")]),
        of("bind-mount", &["mount", "--bind", at("tree"), at("empty")]),
        of("umount", &["umount", at("mounted")]),
        of("link-mtu", &["ip", "link", "set", "lo", "mtu", "9000"]),
        of("address", &["ip", "addr", "add", "127.9.9.9/8", "dev", "lo"]),
        of("route", &["ip", "route", "add", "blackhole", "10.9.9.0/24"]),
        of("sysv-memory", &["ipcmk", "-M", "100"]),
        of("sysv-semaphore", &["ipcmk", "-S", "1"]),
        of("sysv-queue", &["ipcmk", "-Q"]),
        perl("posix-queue", &format!("syscall({}, 'held', {}, 0600, 0)", libc::SYS_mq_open, libc::O_CREAT | libc::O_RDWR)),
        perl("key", &format!("syscall({}, 'user', '{}', 'x', 1, -4)", libc::SYS_add_key, ledger.tag())),
        perl("unix-stream", &format!("use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un('{unix}'))")),
        perl(
            "unix-datagram",
            &format!("use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); send(S, 'x', 0, sockaddr_un('{}'))", f("datagram.sock")),
        ),
        perl("unix-abstract", &format!("use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un(\"\\0{abstracted}\"))")),
        sh("post", &format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'POST / HTTP/1.0\\r\\n\\r\\n' >&3")),
        sh("datagram", &format!("echo x >/dev/udp/127.0.0.1/{datagrams}")),
    ]
}

/// What talks to others, and what cannot be held: programs of these names, which leave a mark.
pub(super) fn named(ledger: &Ledger) -> (Vec<Hostile>, Vec<Hostile>) {
    let tool = |name: &'static str, words: &[&str], script: &str| {
        let program = ledger.program(name, script);
        let mut all = vec![program.as_str()];
        all.extend(words);
        of(name, &all)
    };
    let over_network = |name: &'static str, words: &[&str]| {
        tool(name, words, &format!("exec 3<>/dev/tcp/127.0.0.1/{}; echo \"{name} $*\" >&3", ledger.port()))
    };
    let over_unix = |name: &'static str, words: &[&str]| {
        let send = format!(
            "use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); send(S, \"{name}\", 0, sockaddr_un(\"{}\"))",
            ledger.file("datagram.sock")
        );
        tool(name, words, &format!("perl -e '{send}'"))
    };
    let marks = |name: &'static str, words: &[&str]| tool(name, words, &format!("echo {name} >>{}", ledger.file("marks")));
    (
        vec![
            over_network("curl", &["-X", "POST", "http://127.0.0.1/"]),
            over_network("ceph", &["osd", "set", "noout"]),
            over_network("kubectl", &["delete", "pod", "x"]),
            over_network("psql", &["-c", "delete from x"]),
            over_network("rados", &["rm", "x"]),
            over_unix("systemctl", &["stop", "x"]),
            over_unix("docker", &["rm", "x"]),
        ],
        vec![marks("fuser", &["-k", "/x"]), marks("conntrack", &["-F"]), marks("sudo", &["rm", "x"]), marks("smartctl", &["-t", "x"])],
    )
}
