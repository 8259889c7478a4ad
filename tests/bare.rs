//! A machine on which nothing is there: an empty root that cannot be written, without `/tmp`, home, terminfo, locale, `/etc/passwd`,
//! DNS, `/dev` and `/proc`. And what the program asks of no machine: a name service.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::workbench::{Ran, Workbench};

const PROGRAM: &str = env!("CARGO_BIN_EXE_halligan");

/// Needs no program: probes of what is known, and a parameter.
const BUILTIN: &str = "
requires: {user: root}
params:
  limit: {type: int, help: How many are enough, default: 4}
preflight:
  - {id: enough, title: The limit is enough, expect: params.limit >= 3}
steps:
  - {id: small, probe: {title: It is not too many, expect: params.limit < 10}}
";

/// An empty root with the program, and a directory that may be written at `/journal`.
struct Bare {
    bench: Workbench,
}

impl Bare {
    fn new() -> Self {
        let bench = Workbench::new();
        bench.file("tree/halligan", "");
        for folder in ["tree/journal", "journal"] {
            fs::create_dir_all(bench.path(folder)).unwrap();
        }
        // As this build is not static, its libraries go with it. Nothing else does: no name service, no locale.
        let linked = Command::new("ldd").arg(PROGRAM).output().unwrap();
        for word in String::from_utf8(linked.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
            let there = bench.path("tree").join(word.trim_start_matches('/'));
            fs::create_dir_all(there.parent().unwrap()).unwrap();
            fs::copy(word, there).unwrap();
        }
        Self { bench }
    }

    fn runbook(&self, name: &str, body: &str) {
        let written = self.bench.runbook(name, body);
        let there = self.bench.path("tree/runbooks");
        fs::create_dir_all(&there).unwrap();
        fs::copy(written, there.join(format!("{name}.yaml"))).unwrap();
    }

    /// Runs halligan there as root, with no variable set; `before` is what puts it there: `chroot` with its options.
    fn run_by(&self, before: &[&str], arguments: &[&str]) -> Ran {
        let script = "
            tree=$0/tree journal=$0/journal program=$1
            shift
            mount --make-rprivate /
            mount --bind \"$tree\" \"$tree\"
            mount --bind \"$program\" \"$tree/halligan\"
            mount --bind \"$journal\" \"$tree/journal\"
            mount -o remount,bind,ro \"$tree\"
            cd \"$tree\"
            exec env -i /usr/sbin/\"$@\"";
        let mut command = self.bench.program("unshare");
        // Whoever is not root is root in there.
        command.args(if root() { &["--mount"][..] } else { &["--mount", "--map-root-user"] });
        command.args(["bash", "-euc", script]).arg(self.bench.path("")).arg(PROGRAM);
        Ran::of(command.args(before).args([".", "/halligan"]).args(arguments).output().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_by(&["chroot"], arguments)
    }
}

fn root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn says(ran: &Ran, words: &str) {
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains(words), "\n-- stdout\n{}\n-- stderr\n{}", ran.stdout, ran.stderr);
}

#[test]
fn where_nothing_is_there_it_lists_rehearses_and_runs() {
    let bare = Bare::new();
    bare.runbook("builtin", BUILTIN);
    says(&bare.run(&["list"]).exits(0), "staggered-osd-restart");
    bare.run(&["check", "builtin"]).exits(0);
    let rehearsed = ["--journal-dir", "/journal", "rehearse", "staggered-osd-restart", "--yes", "--confirm", "consent=restart 6 osds"];
    says(&bare.run(&rehearsed).exits(0), "rehearsal completed");
    says(&bare.run(&["--journal-dir", "/journal", "run", "builtin", "--dry-run"]).exits(0), "Dry run: 2 checks made");
    says(&bare.run(&["--journal-dir", "/journal", "run", "builtin"]).exits(0), "completed");
    let listed = bare.run(&["--journal-dir", "/journal", "journal", "list"]).exits(0);
    says(&listed, "root");
    bare.run(&["--journal-dir", "/journal", "journal", "verify"]).exits(0);
    // Nothing was written but there.
    let there: BTreeSet<_> = fs::read_dir(bare.bench.path("tree")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(["tmp", "var", "root", "dev", "etc"].iter().all(|name| !there.contains(std::ffi::OsStr::new(name))), "{there:?}");
}

#[test]
fn what_is_missing_there_is_named() {
    let bare = Bare::new();
    bare.runbook("builtin", BUILTIN);
    bare.runbook("needs", "requires: {commands: [ceph]}\nsteps:\n  - {id: only, run: [ceph, -s], effect: read}\n");
    // Where root's journal is otherwise.
    let ran = bare.run(&["run", "builtin"]).exits(9);
    says(&ran, "/var/lib/halligan");
    says(&ran, "Read-only file system");
    says(&ran, "--journal-dir");
    says(&bare.run(&["--journal-dir", "/journal", "run", "needs"]).exits(4), "ceph");
}

/// What they would read from it is nothing, and what they print goes to halligan.
#[test]
fn commands_are_started_where_there_is_no_dev_null() {
    let bare = Bare::new();
    bare.runbook(
        "starts",
        "steps:\n  - {id: held, run: [/halligan, --version], effect: read}\n  \
         - {id: free, run: [/halligan, --version], effect: change, undo: {impossible: It prints}}\n",
    );
    bare.run(&["--journal-dir", "/journal", "run", "starts", "--yes"]).exits(0);
}

#[test]
fn the_settings_of_the_host_are_read_there() {
    let bare = Bare::new();
    bare.runbook("builtin", BUILTIN);
    bare.bench.file("tree/etc/halligan/config.toml", "journal_dir = \"/journal\"\n");
    says(&bare.run(&["config"]).exits(0), "file /etc/halligan/config.toml:1");
    bare.run(&["run", "builtin"]).exits(0);
    says(&bare.run(&["journal", "list"]).exits(0), "builtin");
    bare.bench.file("tree/etc/halligan/config.toml", "jurnal_dir = \"/journal\"\n");
    says(&bare.run(&["run", "builtin"]).exits(2), "did you mean `journal_dir`?");
}

/// Names come from files alone; whoever has none is told by number.
#[test]
fn a_user_without_a_name_is_told_by_number() {
    let bare = Bare::new();
    bare.runbook("builtin", BUILTIN);
    if !root() {
        // Only root can become somebody whom nobody knows.
        return;
    }
    std::os::unix::fs::chown(bare.bench.path("journal"), Some(12345), Some(12345)).unwrap();
    let by = ["chroot", "--userspec=+12345:+12345", "--groups="];
    let run_by = |arguments: &[&str]| bare.run_by(&by, arguments);
    let ran = run_by(&["run", "builtin"]).exits(9);
    says(&ran, "there is no home directory to keep the journal in");
    says(&ran, "--journal-dir");
    says(&run_by(&["--journal-dir", "/journal", "run", "builtin"]).exits(4), "halligan runs as 12345");
    says(&run_by(&["--journal-dir", "/journal", "journal", "list"]).exits(0), "user 12345");
}

/// Functions of the C library that read `nsswitch.conf`, load what stands in it and ask that: LDAP, a cache, DNS.
const NAME_SERVICES: [&str; 9] =
    ["getpw", "getgr", "getaddrinfo", "getnameinfo", "gethostby", "getservby", "getspnam", "initgroups", "getlogin"];

/// The functions that a program wants of libraries.
fn wanted(program: &Path) -> BTreeSet<String> {
    let said = Command::new("nm").args(["--dynamic", "--undefined-only", "--format=just-symbols"]).arg(program).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().lines().map(|name| name.split('@').next().unwrap().to_owned()).collect()
}

#[test]
fn no_name_service_is_asked() {
    let named = |program: &str| -> Vec<String> {
        let wanted = wanted(Path::new(program));
        // What cannot be read would name none.
        assert!(wanted.contains("__libc_start_main"), "{wanted:?}");
        wanted.into_iter().filter(|name| NAME_SERVICES.iter().any(|service| name.starts_with(service))).collect()
    };
    // The library that completes arguments asks for a home where `~` is typed and `HOME` is not set: that is kept from it
    // (tests/completions.rs).
    assert_eq!(named(PROGRAM), ["getpwuid_r"]);
    assert!(named("/usr/bin/getent").len() > 5);
}
