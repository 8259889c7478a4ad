//! What root lets itself be told, and by whom.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::workbench::Workbench;

fn mode(bench: &Workbench, name: &str, mode: u32) {
    fs::set_permissions(bench.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

/// Whoever is not root reads what it may: there is nobody to be told by then.
fn root() -> bool {
    nix::unistd::geteuid().is_root()
}

const STEP: &str = "steps:\n  - {id: only, run: ['true'], effect: read}\n";

#[test]
fn a_runbook_that_others_could_write_is_refused_to_root() {
    let bench = Workbench::new();
    let path = bench.runbook("plain", STEP);
    bench.run(&["run", "plain"]).exits(0);
    for (exposed, bits) in [("runbooks/plain.yaml", 0o666), ("runbooks", 0o777), ("runbooks", 0o775)] {
        let before = fs::metadata(bench.path(exposed)).unwrap().permissions();
        mode(&bench, exposed, bits);
        let ran = bench.run(&["run", "plain"]);
        if root() {
            let ran = ran.exits(3);
            assert!(ran.stderr.contains("somebody else than root could write"), "{}", ran.stderr);
            // A file may be taken over once it is read; a directory may be anybody's.
            assert_eq!(ran.stderr.contains("chown"), exposed != "runbooks", "{}", ran.stderr);
            bench.run(&["run", path.to_str().unwrap()]).exits(3);
            // What is only looked at is not refused.
            bench.run(&["check", path.to_str().unwrap()]).exits(0);
        } else {
            ran.exits(0);
        }
        // A text that is pinned is what it is, whoever could write it.
        let sha = sha256(&fs::read(&path).unwrap());
        bench.run(&["run", "plain", "--expect-sha256", &sha]).exits(0);
        let ran = bench.run(&["run", "plain", "--expect-sha256", &"0".repeat(64)]).exits(3);
        assert!(ran.stderr.contains("has an unexpected SHA-256"), "{}", ran.stderr);
        fs::set_permissions(bench.path(exposed), before).unwrap();
    }
    // Where everybody may write but not take away what is root's, as in /tmp.
    mode(&bench, "runbooks", 0o1777);
    bench.run(&["run", "plain"]).exits(0);
}

#[test]
fn parameters_and_the_journal_are_held_to_the_same() {
    let bench = Workbench::new();
    bench.runbook("named", &format!("params:\n  word: {{type: string, help: A word}}\n{STEP}"));
    bench.file("params.yaml", "word: x\n");
    let run = ["run", "named", "--params", "params.yaml"];
    bench.run(&run).exits(0);
    mode(&bench, "params.yaml", 0o666);
    let ran = bench.run(&run).exits(if root() { 2 } else { 0 });
    assert!(!root() || ran.stderr.contains("somebody else than root could write"), "{}", ran.stderr);
    mode(&bench, "params.yaml", 0o644);
    fs::create_dir(bench.path("open")).unwrap();
    mode(&bench, "open", 0o777);
    let inside = bench.path("open/journal").display().to_string();
    let ran = bench.run(&["--journal-dir", &inside, "run", "named", "--set", "word=x"]).exits(if root() { 9 } else { 0 });
    assert!(!root() || ran.stderr.contains("cannot be trusted"), "{}", ran.stderr);
}

/// c05: an operator's own lock, held by a descriptor, is his again when he lets it go, whatever a step has left behind.
#[test]
fn no_step_gets_a_descriptor_that_halligan_was_started_with() {
    let bench = Workbench::new();
    let step = "{id: only, effect: change, undo: {impossible: a test}, shell: 'ls /proc/self/fd > seen; sleep 60 >/dev/null 2>&1 & echo $! > left'}";
    let home = bench.path("").display().to_string();
    bench.runbook("leaves", &format!("steps:\n  - {}\n", step.replace("'ls", &format!("'cd {home}; ls"))));
    let script = "exec 9>lock 8</dev/null 200<lock; flock 9; \"$0\" run leaves --yes || exit; exec 9>&-; flock -n lock true";
    let mut command = bench.program("bash");
    let status = command.args(["-c", script, env!("CARGO_BIN_EXE_halligan")]).stdout(std::process::Stdio::null()).status().unwrap();
    let left: i32 = bench.read("left").unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(left), nix::sys::signal::Signal::SIGKILL).unwrap();
    assert!(status.success(), "the lock is still held: {status}");
    // The last one is that of ls itself, open on the directory that it lists.
    assert_eq!(bench.read("seen").unwrap().split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}

/// Root's runs obey an inventory before the plan is shown, a dry run too: a stranger's transport would be asked for its programs.
#[test]
fn an_inventory_that_others_could_write_is_refused_to_root() {
    let bench = Workbench::new();
    let (touch, done) = (bench.file("bin/touch", "#!/bin/sh\ntouch \"$0.ran\"\n"), bench.path("bin/touch.ran"));
    mode(&bench, "bin/touch", 0o755);
    bench.file(
        "inventory.yaml",
        &format!("halligan_inventory: 1\nlocks:\n  a: {{acquire: [{touch:?}], release: [\"true\"]}}\nhosts:\n  h: {{transport: local}}\n"),
    );
    bench.runbook("locked", "locks: [a]\nsteps:\n  - {id: only, run: ['true'], effect: change, undo: {impossible: a test}}\n");
    let run = ["run", "locked", "--yes", "--inventory", "inventory.yaml"];
    bench.run(&run).exits(0);
    assert!(done.exists());
    fs::remove_file(&done).unwrap();
    for (exposed, bits, told) in [
        ("inventory.yaml", 0o666, "inventory.yaml cannot be trusted"),
        ("bin/touch", 0o775, "the lock a of the inventory inventory.yaml names"),
        ("bin", 0o777, "which cannot be trusted"),
    ] {
        let before = fs::metadata(bench.path(exposed)).unwrap().permissions();
        mode(&bench, exposed, bits);
        for dry in [false, true] {
            let words: Vec<&str> = run.into_iter().chain(dry.then_some("--dry-run")).filter(|word| !dry || *word != "--yes").collect();
            let ran = bench.run(&words);
            if root() {
                let ran = ran.exits(3);
                assert!(ran.stderr.contains(told), "{}", ran.stderr);
                assert!(!done.exists());
            }
        }
        let _ = fs::remove_file(&done);
        fs::set_permissions(bench.path(exposed), before).unwrap();
    }
    // Whoever it is: what is no regular file, or has no end, is not read.
    for other in ["/dev/zero", "/dev/null", "runbooks"] {
        let ran = bench.run(&["run", "locked", "--yes", "--inventory", other]).exits(3);
        assert!(ran.stderr.contains("it is not a regular file"), "{}", ran.stderr);
    }
    bench.file("inventory.yaml", &"#".repeat(2 << 20));
    bench.run(&run).exits(3);
}

/// `sudo -E`, or `su` without `-`.
#[test]
fn root_takes_no_variable_of_another_user() {
    if !root() {
        return;
    }
    let bench = Workbench::new();
    let his = bench.file("his/file", "x");
    std::os::unix::fs::chown(his.parent().unwrap(), Some(65534), None).unwrap();
    let his = his.parent().unwrap().display().to_string();
    let seen = bench.path("seen").display().to_string();
    let script = format!("echo \"$HOME|${{TMPDIR-}}|${{SSH_AUTH_SOCK-}}|${{XDG_RUNTIME_DIR-}}|$PWD\" > {seen}");
    bench.runbook("shows", &format!("steps:\n  - {{id: only, shell: '{script}', effect: change, undo: {{impossible: a test}}}}\n"));
    let run = |variables: &[(&str, &str)], cwd: &str| {
        let mut command = bench.program(env!("CARGO_BIN_EXE_halligan"));
        let path = bench.path("runbooks/shows.yaml").display().to_string();
        command.args(["run", &path, "--yes"]).current_dir(bench.path(cwd)).envs(variables.iter().copied());
        crate::workbench::Ran::of(command.output().unwrap())
    };
    for name in ["KUBECONFIG", "CEPH_CONF", "LVM_SYSTEM_DIR"] {
        let refused = run(&[(name, &format!("{his}/file"))], "").exits(2);
        assert!(refused.stderr.contains(&format!("the variable {name} cannot be trusted")), "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("env -u {name}")) && !refused.stderr.contains("chown"), "{}", refused.stderr);
    }
    let ran = run(&["HOME", "TMPDIR", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"].map(|name| (name, his.as_str())), "").exits(0);
    let home = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().dir.display().to_string();
    for told in [
        format!("HOME is {home} for commands"),
        "TMPDIR is not passed on".to_owned(),
        "SSH_AUTH_SOCK is not".to_owned(),
        "XDG_RUNTIME_DIR is not".to_owned(),
    ] {
        assert!(ran.stderr.contains(&told), "{told}: {}", ran.stderr);
    }
    assert!(bench.read("seen").unwrap().starts_with(&format!("{home}||||")), "{:?}", bench.read("seen"));
    // Where everybody may make files, python and others would run what lies there.
    fs::create_dir(bench.path("open")).unwrap();
    mode(&bench, "open", 0o1777);
    let ran = run(&[], "open").exits(0);
    assert!(ran.stderr.contains("commands are started in /, and not in"), "{}", ran.stderr);
    assert!(bench.read("seen").unwrap().ends_with("|/\n"), "{:?}", bench.read("seen"));
}

/// c13: anybody may start a process with any variable.
#[test]
fn a_process_of_another_user_holds_no_run_up() {
    if !root() {
        return;
    }
    let bench = Workbench::new();
    let flag = bench.path("flag").display().to_string();
    bench.runbook("stops", &format!("steps:\n  - {{id: only, run: [test, -e, {flag:?}], effect: change, undo: {{impossible: a test}}}}\n"));
    bench.run(&["run", "stops", "--yes"]).exits(6);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    let id = journal.split("\"run\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    // As if halligan had been killed before it could record the number of its command.
    let (at, cut) =
        (journal.find("\"type\":\"step_spawned\"").map(|at| journal[..at].rfind('\n').unwrap()), bench.path("journal/journal.jsonl"));
    fs::write(&cut, format!("{}\n", &journal[..at.expect("the record of its number")])).unwrap();
    fs::write(&flag, "").unwrap();
    for (user, held) in [("65534", false), ("0", true)] {
        let mut other = std::process::Command::new("setpriv");
        other.args([&format!("--reuid={user}"), "--clear-groups", "sleep", "60"]).env("HALLIGAN_RUN", &id);
        let mut other = other.spawn().unwrap();
        let status = format!("/proc/{}/cmdline", other.id());
        while !fs::read_to_string(&status).unwrap().starts_with("sleep") {
            std::thread::yield_now();
        }
        let ran = bench.run(&["resume", &id]);
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(ran.stderr.contains("sleep 60") || ran.stdout.contains("sleep 60"), held, "{}{}", ran.stdout, ran.stderr);
    }
}

/// What cannot be started is told by its own cause, in the plan and at the step.
#[test]
fn what_cannot_be_started_says_why() {
    let bench = Workbench::new();
    for (name, bits, text, cause) in [
        ("plain", 0o644, "#!/bin/sh\n", "no x bit"),
        ("lost", 0o755, "#!/nowhere/python3\n", "its interpreter `/nowhere/python3` is not there"),
        ("bare", 0o755, "exit 0\n", "without a first line `#!`"),
        ("empty", 0o755, "", "it is empty"),
    ] {
        let path = bench.file(&format!("bin/{name}"), text);
        mode(&bench, &format!("bin/{name}"), bits);
        bench.runbook(name, &format!("steps:\n  - {{id: only, run: [{path:?}], effect: change, undo: {{impossible: a test}}}}\n"));
        let ran = bench.run(&["run", name, "--yes"]);
        assert_ne!(ran.code, Some(0));
        let text = format!("{} {}", ran.stdout, ran.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.matches(cause).count() >= 2, "{name}, in the plan and at the step: {text}");
        let journal = bench.read("journal/journal.jsonl").unwrap();
        assert!(journal.lines().rev().any(|line| line.contains("\"step_ended\"") && line.contains("not_started")), "{journal}");
    }
    let nowhere = bench.path("nowhere").display().to_string();
    bench.runbook(
        "away",
        &format!("steps:\n  - {{id: only, run: ['true'], cwd: {nowhere:?}, effect: change, undo: {{impossible: a test}}}}\n"),
    );
    let ran = bench.run(&["run", "away", "--yes"]);
    let text = format!("{} {}", ran.stdout, ran.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&format!("the working directory {nowhere} does not exist")), "{text}");
}

#[test]
fn a_program_on_a_file_system_without_programs_says_so() {
    if !root() {
        return;
    }
    let bench = Workbench::new();
    fs::create_dir(bench.path("mounted")).unwrap();
    let at = bench.path("mounted").display().to_string();
    bench.runbook("away", &format!("steps:\n  - {{id: only, run: [{at}/tool], effect: change, undo: {{impossible: a test}}}}\n"));
    // In a view of its own, which goes with it.
    let script = "mount -t tmpfs -o noexec none mounted && cp /bin/true mounted/tool && exec \"$0\" run away --yes";
    let output = bench.program("unshare").args(["-m", "bash", "-c", script, env!("CARGO_BIN_EXE_halligan")]).output().unwrap();
    let ran = crate::workbench::Ran::of(output);
    let text = format!("{} {}", ran.stdout, ran.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.matches("its file system is mounted noexec").count() >= 2, "{text}");
}

/// sudo's exit code 1 is none of the command: nothing was started.
#[test]
fn a_sudo_that_refuses_has_started_nothing() {
    if !root() {
        return;
    }
    let bench = Workbench::new();
    bench.runbook("asks", "steps:\n  - {id: only, run: [touch, /nowhere/x], user: daemon, effect: change, undo: {impossible: a test}}\n");
    for path in ["", "runbooks", "runbooks/asks.yaml"] {
        std::os::unix::fs::chown(bench.path(path), Some(65534), Some(65534)).unwrap();
    }
    let mut command = bench.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_halligan"), "run", "asks", "--yes"]);
    let ran = crate::workbench::Ran::of(command.output().unwrap());
    assert_ne!(ran.code, Some(0));
    let text = format!("{} {}", ran.stdout, ran.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("sudo has not started it: a password is required") && text.contains("--ask-sudo-password"), "{text}");
}

/// A lying `ssh-keygen` would make any signature good.
#[test]
fn root_asks_the_systems_ssh_keygen() {
    let bench = Workbench::new();
    bench.file("bin/ssh-keygen", "#!/bin/sh\ntouch \"$0.ran\"\necho liar\nexit 0\n");
    mode(&bench, "bin/ssh-keygen", 0o755);
    let path = format!("{}:/usr/bin:/bin", bench.path("bin").display());
    let bench = bench.variable("PATH", &path);
    bench.runbook("plain", STEP);
    bench.run(&["run", "plain"]).exits(0);
    let keygen = std::process::Command::new("/usr/bin/ssh-keygen");
    let made = { keygen }.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(bench.path("key")).status().unwrap();
    assert!(made.success());
    let ran = bench.run(&["journal", "sign", "--key", "key"]);
    assert_eq!(bench.path("bin/ssh-keygen.ran").exists(), !root(), "{}{}", ran.stdout, ran.stderr);
    assert!(!root() || ran.code == Some(0), "{}", ran.stderr);
}

#[test]
fn no_value_becomes_an_option_and_none_holds_a_nul() {
    let bench = Workbench::new();
    bench.runbook(
        "lists",
        "params:\n  path: {type: string, help: What to list}\nsteps:\n  - {id: only, run: [echo, \"{{ params.path }}\"], effect: read}\n",
    );
    for value in ["-rf", "--help", "-"] {
        let ran = bench.run(&["run", "lists", "--set", &format!("path={value}")]).exits(2);
        assert!(ran.stderr.contains("begins with `-`"), "{}", ran.stderr);
    }
    bench.file("params.yaml", "path: \"a\\0b\"\n");
    let ran = bench.run(&["run", "lists", "--params", "params.yaml"]).exits(2);
    assert!(ran.stderr.contains("NUL") || ran.stderr.contains("U+0000"), "{}", ran.stderr);
}

#[test]
fn a_script_gets_parameters_as_data_and_little_else() {
    let bench = Workbench::new().variable("LD_PRELOAD_NOT", "x").variable("BASH_ENV", "/nowhere").variable("IFS", "a");
    let hostile = "$(touch pwned) `touch pwned` \"; touch pwned; ' x";
    let home = bench.path("").display().to_string();
    bench.runbook(
        "script",
        &format!("params:\n  word: {{type: string, help: A word}}\nsteps:\n  - {{id: only, shell: 'cd {home}; printf %s \"$WORD\" > word; env | cut -d= -f1 | sort > names', env: {{WORD: \"{{{{ params.word }}}}\"}}, effect: change, undo: {{impossible: a test}}}}\n"),
    );
    bench.run(&["run", "script", "--yes", "--set", &format!("word={hostile}")]).exits(0);
    assert_eq!(bench.read("word").as_deref(), Some(hostile));
    assert!(!bench.path("pwned").exists());
    let names = bench.read("names").unwrap();
    let names: Vec<&str> = names.lines().filter(|name| !matches!(*name, "HALLIGAN_STEP" | "_" | "PWD" | "OLDPWD" | "SHLVL")).collect();
    assert_eq!(names, ["HALLIGAN_RUN", "HOME", "LC_ALL", "PATH", "TERM", "TZ", "WORD"]);
}

#[test]
fn the_plan_says_where_an_unusual_program_is() {
    let bench = Workbench::new();
    bench.file("bin/odd-tool", "#!/bin/sh\n");
    mode(&bench, "bin/odd-tool", 0o755);
    let path = bench.path("bin").display().to_string();
    let bench = bench.variable("PATH", &format!("{path}:/usr/bin:/bin"));
    bench.runbook("odd", "steps:\n  - {id: one, run: [odd-tool], effect: read}\n  - {id: two, run: [no-such-tool], effect: read, when: \"false\"}\n  - {id: three, run: [cat, /dev/null], effect: read}\n");
    let ran = bench.run(&["run", "odd", "--dry-run"]);
    // Root looks only where nobody else may write.
    let expected = if root() { "odd-tool: not found on this machine".to_owned() } else { format!("odd-tool is {path}/odd-tool") };
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&expected), "{}", ran.stdout);
    assert!(text.contains("no-such-tool: not found") && !text.contains("cat is"), "{}", ran.stdout);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains("\"programs\":{\"cat\":\"/usr/bin/cat\",\"no-such-tool\":null"), "{journal}");
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;

    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
