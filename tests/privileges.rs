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
            assert_eq!(ran.stderr.contains("chown"), exposed.ends_with(".yaml"), "{}", ran.stderr);
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
