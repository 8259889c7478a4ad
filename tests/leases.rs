//! Shared locks that are leases: with fencing tokens, renewed beside the run, and asked for before each change. The three systems are
//! programs in `tests/leases/` that keep one lock in files; real ones are in `tests/lab/leases`.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use serde_json::Value;

use crate::workbench::{Ran, Workbench};

const SYSTEMS: [&str; 3] = ["etcd", "postgresql", "kubernetes"];
const RUN: &[&str] = &["run", "leased", "--yes", "--inventory", "inventory.yaml"];
const RESUME: &[&str] = &["resume", "--yes", "--inventory", "inventory.yaml"];
const EVE: &str = "run 7 of leased by eve on far";

/// A system beside a runbook of these steps. `HOME` in a step is where the files of the system are.
fn bench(system: &str, steps: &str) -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("system").display().to_string();
    for (program, text) in
        [("etcdctl", include_str!("leases/etcdctl")), ("psql", include_str!("leases/psql")), ("kubectl", include_str!("leases/kubectl"))]
    {
        let path = bench.file(&format!("system/{program}"), text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    bench.runbook("leased", &format!("locks: [ceph/a]\nsteps:\n{}", steps.replace("HOME", &home)));
    let key = if system == "kubernetes" { "key: a, " } else { "" };
    bench.file(
        "inventory.yaml",
        &format!("halligan_inventory: 1\nlocks:\n  ceph/a: {{lease: {system}, {key}options: [--endpoints, x], ttl: 20s}}\n"),
    );
    bench.variable("PATH", &format!("{home}:/usr/local/bin:/usr/bin:/bin"))
}

/// Runs halligan. Root takes programs only from where nobody else writes to, so it is run as somebody else, to whom all of this belongs.
fn halligan(bench: &Workbench, arguments: &[&str]) -> Ran {
    let program = env!("CARGO_BIN_EXE_halligan");
    let mut command = if nix::unistd::geteuid().is_root() {
        assert!(Command::new("chown").args(["-R", "nobody:nogroup"]).arg(bench.path("")).status().unwrap().success());
        let mut command = bench.program("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", program]);
        command
    } else {
        bench.program(program)
    };
    Ran::of(command.args(arguments).output().unwrap())
}

/// What the files of a system say when somebody else has the lock, below this folder.
fn eves(bench: &Workbench, system: &str, folder: &str) {
    let quote = if system == "etcd" { "\"" } else { "" };
    bench.file(&format!("{folder}/held"), &format!("900\n900\n{quote}{EVE}{quote}\n"));
    bench.file(&format!("{folder}/count"), "901\n");
    if system == "kubernetes" {
        bench.file(&format!("{folder}/lease"), &format!("50\n900\n30\n{EVE}\n"));
        bench.file(&format!("{folder}/busy"), "");
    }
}

/// What began, with its fencing tokens.
fn began(bench: &Workbench) -> Vec<(String, Value)> {
    let journal = bench.read("journal/journal.jsonl").unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let began = records.filter(|record| record["type"] == "step_began" && record["part"] == "main");
    began.map(|record| (record["place"].as_str().unwrap().to_owned(), record["command"]["fences"].clone())).collect()
}

fn token(fences: &Value) -> u64 {
    fences["ceph/a"].as_u64().unwrap_or_else(|| panic!("no token: {fences}"))
}

fn told(ran: &Ran) -> String {
    format!("{} {}", ran.stdout, ran.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

const CHANGE: &str =
    "- {id: act, shell: 'echo \"change ${HALLIGAN_FENCE_CEPH_A-none}\" >>HOME/seen', effect: change, undo: {impossible: x}}\n";
const LOOK: &str = "- {id: look, shell: 'echo \"read ${HALLIGAN_FENCE_CEPH_A-none}\"', effect: read}\n";

#[test]
fn the_token_of_a_lease_stands_in_each_record_and_in_the_environment_of_a_change() {
    for system in SYSTEMS {
        let bench = bench(system, &format!("{LOOK}{CHANGE}"));
        for _ in 0..2 {
            halligan(&bench, RUN).exits(0);
            assert!(!bench.path("system/held").exists(), "{system}: it was not given back");
        }
        let began = began(&bench);
        assert_eq!(began.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["look", "act", "look", "act"], "{system}");
        let tokens: Vec<u64> = began.iter().map(|(_, fences)| token(fences)).collect();
        assert!(tokens[0] == tokens[1] && tokens[2] == tokens[3] && tokens[0] < tokens[2], "{system}: {tokens:?}");
        assert_eq!(bench.read("system/seen").unwrap(), format!("change {}\nchange {}\n", tokens[0], tokens[2]), "{system}");
        let printed: Vec<_> =
            fs::read_dir(bench.path("journal/output")).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
        assert!(printed.contains(&b"read none\n".to_vec()), "{system}: what reads is given none");
        halligan(&bench, &["journal", "verify"]).exits(0);
    }
}

#[test]
fn a_lock_that_is_no_lease_has_no_token() {
    let bench = bench("etcd", CHANGE);
    bench.file("inventory.yaml", "halligan_inventory: 1\nlocks:\n  ceph/a: {acquire: ['true'], release: ['true']}\n");
    halligan(&bench, RUN).exits(0);
    assert_eq!(began(&bench), [("act".to_owned(), Value::Null)]);
    assert_eq!(bench.read("system/seen").unwrap(), "change none\n");
}

#[test]
fn a_lease_of_somebody_else_is_told_and_left_alone() {
    for system in SYSTEMS {
        let bench = bench(system, CHANGE);
        eves(&bench, system, "system");
        let before = bench.read("system/held");
        let ran = halligan(&bench, RUN).exits(4);
        let told = told(&ran);
        assert!(told.contains("the shared lock `ceph/a` could not be acquired") && told.contains("by eve on far"), "{system}: {told}");
        assert!(!bench.path("system/seen").exists() && bench.read("system/held") == before, "{system}");
        halligan(&bench, &["debts"]).exits(0);
    }
}

/// A change that owes a cleanup, a read, and a change that must not begin; in the first, the lock is lost by what `lose` runs. It is
/// older than what is shared between changes when the last would begin.
fn losing(system: &str, lose: &str) -> Workbench {
    let first = format!("[ -e HOME/once ] || {{ touch HOME/once; {lose}; }}; sleep 1.1");
    let set =
        format!("- {{id: set, shell: '{first}', effect: change, undo: {{impossible: x}}, cleanup: {{shell: 'echo unset >>HOME/seen'}}}}\n");
    bench(system, &format!("{set}{LOOK}{CHANGE}"))
}

#[test]
fn a_lease_that_nobody_answers_for_stops_the_run_before_the_next_change() {
    for system in SYSTEMS {
        let bench = losing(system, "touch HOME/cut");
        let ran = halligan(&bench, RUN).exits(6);
        let told = told(&ran);
        assert!(told.contains("the lock `ceph/a` is held") && told.contains("act was not begun"), "{system}: {told}");
        let places = began(&bench).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(places, ["set", "look"], "{system}: a read may go on, a change not");
        assert!(!bench.path("system/seen").exists(), "{system}: what puts back is a change, too");
        let journal = bench.read("journal/journal.jsonl").unwrap();
        assert!(journal.contains("\"hold_failed\"") && journal.contains("is not known to be held"), "{system}: {journal}");
        halligan(&bench, &["debts"]).exits(1);
        fs::remove_file(bench.path("system/cut")).unwrap();
        halligan(&bench, RESUME).exits(0);
        let began = began(&bench);
        let (first, last) = (token(&began[0].1), token(&began[began.len() - 1].1));
        assert!(first < last, "{system}: it is taken anew, with another token: {first}, {last}");
        assert_eq!(bench.read("system/seen").unwrap(), format!("change {last}\nunset\n"), "{system}");
        assert!(!bench.path("system/held").exists(), "{system}");
        halligan(&bench, &["debts"]).exits(0);
        halligan(&bench, &["journal", "verify"]).exits(0);
    }
}

#[test]
fn a_lease_that_somebody_else_has_by_now_stops_the_run_and_is_left_to_him() {
    for system in SYSTEMS {
        let bench = losing(system, "cp HOME/../eve/* HOME");
        eves(&bench, system, "eve");
        let ran = halligan(&bench, RUN).exits(6);
        assert!(told(&ran).contains("act was not begun"), "{system}: {}", told(&ran));
        assert!(!bench.path("system/seen").exists(), "{system}");
        assert!(bench.read("system/held").unwrap().contains(EVE), "{system}: it was given back in place of eve");
        let refused = halligan(&bench, RESUME).exits(4);
        assert!(told(&refused).contains("could not be acquired"), "{system}: {}", refused.stderr);
        assert!(bench.read("system/held").unwrap().contains(EVE), "{system}");
    }
}

#[test]
fn a_lease_is_renewed_while_a_step_goes_on() {
    for system in SYSTEMS {
        let two =
            "until [ -e HOME/renewals ] && [ $(wc -l <HOME/renewals) -ge 2 ]; do sleep 0.1; done; echo $HALLIGAN_FENCE_CEPH_A >>HOME/seen";
        let bench = bench(system, &format!("- {{id: long, shell: '{two}', effect: change, timeout: 25s, undo: {{impossible: x}}}}\n"));
        let inventory = bench.read("inventory.yaml").unwrap();
        bench.file("inventory.yaml", &inventory.replace("ttl: 20s", "ttl: 6s"));
        halligan(&bench, RUN).exits(0);
        assert!(bench.path("system/seen").exists(), "{system}");
        // Not one by one: hours of them would be all there is in the journal.
        let journal = bench.read("journal/journal.jsonl").unwrap();
        assert_eq!(journal.matches("\"step_began\"").count(), 2, "{system}: {journal}");
    }
}

#[test]
fn a_lease_may_be_kept_by_commands_of_the_sites_own() {
    let bench = bench("etcd", CHANGE);
    let text = "halligan_inventory: 1\nlocks:\n  ceph/a:\n    acquire: [bash, -c, 'echo 41; echo \"$2\" >\"$1\"; echo 42', x, HOME/own, \"{holder} {ttl}\"]\n    \
                renew: [bash, -c, 'grep -q \" 7$\" HOME/own && echo {token}']\n    release: [rm, HOME/own]\n    ttl: 7s\n";
    bench.file("inventory.yaml", &text.replace("HOME", bench.path("").to_str().unwrap().trim_end_matches('/')));
    halligan(&bench, RUN).exits(0);
    assert_eq!(token(&began(&bench)[0].1), 42, "the last line is the token");
    assert!(!bench.path("own").exists());
}

#[test]
fn what_takes_a_lease_and_says_no_token_has_not_taken_it() {
    let bench = bench("etcd", CHANGE);
    bench.file("inventory.yaml", "halligan_inventory: 1\nlocks:\n  ceph/a: {acquire: [echo, taken], renew: ['true'], release: ['true']}\n");
    let ran = halligan(&bench, RUN).exits(4);
    assert!(told(&ran).contains("no fencing token"), "{}", ran.stderr);
    assert!(!bench.path("system/seen").exists());
}

#[test]
fn what_is_wrong_with_a_lease_in_an_inventory_is_told() {
    let bench = bench("etcd", CHANGE);
    for (lock, why) in [
        ("ceph/a: {lease: etcd, acquire: [x]}", "`lease` has its own `acquire`"),
        ("ceph/a: {lease: consul}", "\"consul\" is not valid"),
        ("ceph/a: {lease: kubernetes}", "cannot be its name there"),
        ("ceph/a: {lease: etcd, key: '-x'}", "cannot be its name there"),
        ("ceph/a: {lease: etcd, ttl: 2s}", "between 5s and 1h"),
        ("ceph/a: {lease: etcd, ttl: 30}", "ttl"),
        ("ceph/a: {acquire: [x], release: [x], ttl: 30s}", "`ttl` is only for leases"),
        ("ceph/a: {acquire: [x], release: [x], key: y}", "`key` is only for leases"),
        ("ceph/a: {acquire: [x]}", "`release` has no program"),
        ("ceph/a: {}", "`acquire` has no program"),
        ("ceph/a: {lease: etcd}\n  ceph-a: {lease: etcd}", "HALLIGAN_FENCE_CEPH_A"),
    ] {
        bench.file("inventory.yaml", &format!("halligan_inventory: 1\nlocks:\n  {lock}\n"));
        let ran = halligan(&bench, RUN);
        assert!(ran.code != Some(0) && told(&ran).contains(why), "{lock}: {}", told(&ran));
    }
}
