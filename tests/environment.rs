//! What a runbook has passed on of the operator's environment: to its commands, and to nothing that is kept.

use crate::workbench::{Ran, Workbench};

/// As `kubectl` does with a kubeconfig that names `aws eks get-token`: it starts a helper, which needs to know which account is meant.
const KUBECTL: &str = r#"#!/bin/sh
token=$("${0%/*}/helper") || { echo "error: getting credentials: exec: executable helper failed with exit code 253" >&2; exit 1; }
echo "namespace/default by $AWS_PROFILE via $HTTPS_PROXY, $token"
"#;
const HELPER: &str = r#"#!/bin/sh
[ -n "$AWS_PROFILE" ] || { echo "Unable to locate credentials. You can configure credentials by running \"aws configure\"." >&2; exit 253; }
echo "signed with $AWS_SECRET_ACCESS_KEY"
"#;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG";
const PROXY_PASSWORD: &str = "hunter22proxy";

fn bench(passed: &str) -> Workbench {
    let bench = Workbench::new()
        .variable("AWS_PROFILE", "ops-profile-7781")
        .variable("AWS_SECRET_ACCESS_KEY", SECRET)
        .variable("AWS_PAGER", "less-7781")
        .variable("HTTPS_PROXY", &format!("http://ops:{PROXY_PASSWORD}@proxy.example.org:3128"));
    for (name, text) in [("kubectl", KUBECTL), ("helper", HELPER)] {
        let path = bench.file(name, text);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let kubectl = bench.path("kubectl").display().to_string();
    bench.runbook(
        "asks",
        &format!(
            "{passed}steps:\n- {{id: nodes, run: [{kubectl}, get, nodes], effect: read}}\n- {{id: all, run: [env], effect: read}}\n- {{id: mark, run: [touch, mark], effect: change, undo: {{run: [rm, mark]}}}}\n- {{id: end, run: [test, -e, ready], effect: read}}\n"
        ),
    );
    bench
}

fn run(bench: &Workbench, more: &[&str]) -> Ran {
    bench.run(&[&["run", "runbooks/asks.yaml", "--yes"], more].concat())
}

/// All that the journal holds, the outputs too, apart from the key.
fn kept(bench: &Workbench) -> String {
    let mut all = bench.read("journal/journal.jsonl").unwrap();
    for entry in std::fs::read_dir(bench.path("journal/output")).unwrap() {
        all += &String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

const PASSED: &str = "environment: [\"AWS_*\", HTTPS_PROXY, OS_CLOUD]\n";

#[test]
fn a_helper_gets_what_the_runbook_has_passed_on_and_nothing_else_does() {
    let without = bench("");
    let ran = run(&without, &[]).exits(6);
    assert!((ran.stdout + &ran.stderr).contains("Unable to locate credentials"));
    let bench = bench(PASSED);
    bench.file("ready", "");
    let ran = run(&bench, &[]).exits(0);
    let plan = "passed on: AWS_PROFILE, AWS_SECRET_ACCESS_KEY, HTTPS_PROXY; not set: OS_CLOUD";
    assert!(ran.stdout.contains(plan), "{}", ran.stdout);
    let kept = kept(&bench);
    assert!(kept.contains("by ops-profile-7781 via http://ops:[secret]@proxy.example.org:3128, signed with [secret]"), "{kept}");
    for hidden in [SECRET, PROXY_PASSWORD, "less-7781"] {
        assert!(!kept.contains(hidden) && !ran.stdout.contains(hidden) && !ran.stderr.contains(hidden), "{hidden}");
    }
    bench.run(&["journal", "verify"]).exits(0);
    let record = bench.read("journal/journal.jsonl").unwrap().lines().next().unwrap().to_owned();
    assert!(!record.contains("ops-profile-7781"), "no value stands in the record: {record}");
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let told = bench.run(&["journal", "show", list.lines().last().unwrap().split(' ').next().unwrap()]).exits(0).stdout;
    assert!(told.contains(plan), "{told}");
    let shown = bench.run(&["show", "runbooks/asks.yaml"]).exits(0).stdout;
    assert!(shown.contains("passes on AWS_*, HTTPS_PROXY, OS_CLOUD"), "{shown}");
}

#[test]
fn a_dry_run_says_and_passes_on_the_same() {
    let bench = bench(PASSED);
    let ran = bench.run(&["run", "runbooks/asks.yaml", "--dry-run"]);
    assert!(ran.stdout.contains("passed on: AWS_PROFILE, AWS_SECRET_ACCESS_KEY, HTTPS_PROXY; not set: OS_CLOUD"), "{ran:?}");
    assert!(kept(&bench).contains("namespace/default by ops-profile-7781"), "{ran:?}");
}

#[test]
fn a_resume_elsewhere_says_which_differ() {
    let bench = bench(PASSED);
    run(&bench, &[]).exits(6);
    let resume = |change: &dyn Fn(&mut std::process::Command)| {
        let mut command = bench.program(env!("CARGO_BIN_EXE_halligan"));
        command.args(["resume", "--yes"]);
        change(&mut command);
        Ran::of(command.output().unwrap())
    };
    let same = resume(&|_| {}).stderr;
    assert!(!same.contains("AWS_PROFILE") && !same.contains("HTTPS_PROXY"), "{same}");
    let other = resume(&|command| {
        command.env("AWS_PROFILE", "dev").env_remove("HTTPS_PROXY").env("OS_CLOUD", "prod");
    });
    for line in [
        "AWS_PROFILE has another value than when the run began: commands get the one of now",
        "HTTPS_PROXY was set when the run began, and is not set now: commands do not get it",
        "OS_CLOUD is set now, and was not when the run began: commands get it",
    ] {
        assert!(other.stderr.contains(line), "{line}\n{}", other.stderr);
    }
    assert!(!other.stderr.contains("AWS_SECRET_ACCESS_KEY"), "{}", other.stderr);
    std::fs::remove_file(bench.path("journal/environment.key")).unwrap();
    let without = resume(&|_| {}).stderr;
    assert!(without.contains("AWS_PROFILE is set, as when the run began; unknown whether its value is the same"), "{without}");
    bench.file("ready", "");
    resume(&|_| {}).exits(0);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_a_called_runbook_needs_is_passed_on() {
    let bench = bench("environment: [AWS_PROFILE, AWS_SECRET_ACCESS_KEY]\n");
    bench.file("ready", "");
    bench.runbook("outer", "environment: [\"AWS_SECRET_*\", HTTPS_PROXY]\nsteps:\n- {id: inner, call: asks}\n");
    let ran = bench.run(&["run", "runbooks/outer.yaml", "--yes"]).exits(0);
    assert!(ran.stdout.contains("passed on: AWS_PROFILE, AWS_SECRET_ACCESS_KEY, HTTPS_PROXY\n"), "{}", ran.stdout);
}

#[test]
fn live_choices_are_asked_for_with_it() {
    let bench = Workbench::new().variable("OS_CLOUD", "cloud-7781").variable("OS_TOKEN", "token-7781");
    bench.runbook(
        "chooses",
        "environment: [\"OS_*\"]\nparams:\n  which:\n    type: string\n    help: Which\n    choices:\n      shell: 'echo \"$OS_CLOUD\"; echo \"$OS_TOKEN\"'\n      output: lines\nsteps:\n- {id: say, run: [echo, \"took {{ params.which }}\"], effect: read}\n",
    );
    let mut terminal = bench.terminal(100, &["run", "chooses", "--yes"]);
    terminal.expect("1 more choices contain a secret").expect("cloud-7781").send("\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("took cloud-7781") && !text.contains("token-7781"), "{text}");
}

#[test]
fn another_user_does_not_get_it() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let bench = Workbench::new().variable("OS_CLOUD", "cloud-7781");
    let read = |user: &str| {
        bench.runbook("asks", &format!("environment: [OS_CLOUD]\nsteps:\n- {{id: all, run: [env], user: {user}, effect: read}}\n"));
        run(&bench, &[]).exits(0);
        kept(&bench).contains("OS_CLOUD=cloud-7781")
    };
    assert!(!read("nobody") && read("root"));
}

#[test]
fn what_cannot_be_passed_on_starts_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let bench = bench("environment: [\"AWS_*\"]\n");
    let mut command = bench.program(env!("CARGO_BIN_EXE_halligan"));
    command.args(["run", "runbooks/asks.yaml", "--yes"]).env("AWS_REGION", std::ffi::OsStr::from_bytes(b"eu\xff"));
    let ran = Ran::of(command.output().unwrap()).exits(2);
    assert!(ran.stderr.contains("the variable AWS_REGION cannot be trusted: it is not UTF-8"), "{}", ran.stderr);
    assert!(bench.read("mark").is_none());
}
