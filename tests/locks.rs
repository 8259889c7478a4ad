//! Locks between operators: on one host by the kernel, on several by commands of the site's own.

use crate::workbench::Workbench;

/// A lock in a directory that every operator's host would see.
fn bench(acquire: &str) -> Workbench {
    let bench = Workbench::new();
    let shared = bench.path("shared").display().to_string();
    let done = bench.path("done").display().to_string();
    bench.runbook(
        "locked",
        &format!(
            "locks: [\"ceph/{{{{ run_is }}}}\"]\nsteps:\n- {{id: act, run: [touch, {done:?}], effect: change, undo: {{impossible: x}}}}\n"
        )
        .replace("{{ run_is }}", "a"),
    );
    bench.file(
        "inventory.yaml",
        &format!(
            "halligan_inventory: 1\nlocks:\n  ceph/a:\n    acquire: [bash, -c, '{acquire}', x, {shared:?}, \"{{holder}}\"]\n    \
             release: [bash, -c, '{RELEASE}', x, {shared:?}, \"{{holder}}\"]\n"
        ),
    );
    bench
}

const ACQUIRE: &str = "set -o noclobber; echo \"$2\" 2>/dev/null >\"$1\" || { cat \"$1\" >&2; exit 1; }";
/// Only who holds it gives it back.
const RELEASE: &str = r#"[ "$(cat "$1")" = "$2" ] && rm "$1""#;
const RUN: &[&str] = &["run", "locked", "--yes", "--inventory", "inventory.yaml"];

#[test]
fn a_shared_lock_is_taken_journaled_and_given_back() {
    let bench = bench(ACQUIRE);
    let ran = bench.run(RUN).exits(0);
    assert!(bench.path("done").exists() && !bench.path("shared").exists(), "{}", ran.stdout);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains("locks[lock=ceph/a]") && journal.contains("&& rm "), "{journal}");
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_shared_lock_of_somebody_else_is_told_and_left_alone() {
    let bench = bench(ACQUIRE);
    bench.file("shared", "run 7 of locked by eve on far\n");
    let ran = bench.run(RUN).exits(4);
    assert!(
        ran.stderr.contains("the shared lock `ceph/a` could not be acquired") && ran.stderr.contains("by eve on far"),
        "{}",
        ran.stderr
    );
    assert!(!bench.path("done").exists());
    assert_eq!(bench.read("shared").unwrap(), "run 7 of locked by eve on far\n");
    assert!(!ran.stderr.contains("owed"), "{}", ran.stderr);
}

#[test]
fn a_shared_lock_that_cannot_be_given_back_is_a_debt() {
    let bench = bench(&format!("{{ {ACQUIRE}; }} && rm \"$1\" && mkdir \"$1\""));
    let ran = bench.run(RUN);
    let text = ran.stdout + &ran.stderr;
    assert!(text.contains("owed") && text.contains("locks[lock=ceph/a]"), "{text}");
}

/// A run under a shared lock that dies in its step, once.
fn killed() -> Workbench {
    let bench = bench(ACQUIRE);
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    bench.runbook(
        "locked",
        &"locks: [ceph/a]\nsteps:\n- id: act\n  shell: 'cat HOME/shared >>HOME/seen || echo none >>HOME/seen; [ -e HOME/died ] || { touch HOME/died; kill -9 $PPID; exit 1; }'\n  \
           effect: change\n  idempotent: true\n  undo: {shell: 'cat HOME/shared >>HOME/seen'}\n"
            .replace("HOME", home),
    );
    assert_eq!(bench.run(RUN).code, None);
    assert!(bench.path("shared").exists(), "it stands in the name of a run that is dead");
    bench
}

#[test]
fn a_run_that_is_taken_up_holds_its_shared_locks_again() {
    let bench = killed();
    // The inventory is found again by itself, as long as it is the same.
    let text = bench.read("inventory.yaml").unwrap();
    bench.file("inventory.yaml", &format!("{text}# changed\n"));
    let refused = bench.run(&["resume", "--yes"]).exits(2);
    assert!(refused.stderr.contains("--inventory FILE") && refused.stderr.contains("the inventory has changed"), "{}", refused.stderr);
    std::fs::remove_file(bench.path("inventory.yaml")).unwrap();
    let refused = bench.run(&["resume", "--yes"]).exits(3);
    assert!(refused.stderr.contains("--inventory FILE"), "{}", refused.stderr);
    bench.file("elsewhere.yaml", "halligan_inventory: 1\n");
    let refused = bench.run(&["resume", "--yes", "--inventory", "elsewhere.yaml"]).exits(2);
    assert!(refused.stdout.contains("hosts") && refused.stderr.contains("shared lock"), "{refused:?}");
    bench.file("inventory.yaml", &text);
    bench.run(&["resume", "--yes"]).exits(0);
    let seen = bench.read("seen").unwrap();
    assert!(seen.lines().count() == 2 && seen.lines().all(|line| line.starts_with("run ") && line.contains(" of locked by ")), "{seen}");
    assert!(!bench.path("shared").exists());
    bench.run(&["debts"]).exits(0);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_shared_lock_that_others_hold_by_now_keeps_a_run_from_being_taken_up() {
    let bench = killed();
    // It was given back by hand, and somebody else has taken it.
    bench.file("shared", "run 7 of locked by eve on far\n");
    let refused = bench.run(&["resume", "--yes", "--inventory", "inventory.yaml"]).exits(4);
    let told = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("held in this run's name and could not be released"), "{told}");
    assert!(told.contains("could not be acquired") && told.contains("by eve on far"), "{told}");
    bench.run(&["debts"]).exits(1);
    assert_eq!(bench.read("shared").unwrap(), "run 7 of locked by eve on far\n");
    assert_eq!(bench.read("seen").unwrap().lines().count(), 1, "nothing was done without the lock");
}

#[test]
fn a_shared_lock_that_was_never_taken_blocks_neither_a_resume_nor_a_rollback() {
    // Killed before `acquire` took effect: the debt is recorded, and `release` refuses what is not held.
    for command in [&["resume"][..], &["rollback"]] {
        let bench = killed();
        std::fs::remove_file(bench.path("shared")).unwrap();
        let list = bench.run(&["journal", "list"]).exits(0).stdout;
        let id = list.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        bench.run(&[command, &[id.as_str(), "--yes"]].concat()).exits(0);
        assert!(!bench.path("shared").exists());
        bench.run(&["debts"]).exits(0);
        bench.run(&["journal", "verify"]).exits(0);
    }
}

#[test]
fn a_debt_that_a_person_has_settled_is_written_off_by_name_with_a_reason_when_asked() {
    let bench = killed();
    let debts = ["debts", "--inventory", "inventory.yaml"];
    let by_hand = |name: &str, more: &[&str]| {
        let pair = format!("--settled-by-hand={name}");
        bench.run(&[&debts[..], &[pair.as_str()], more].concat())
    };
    by_hand("locks[lock=ceph/b]=gave it back", &["--yes"]).exits(2);
    by_hand("locks[lock=ceph/a]= ", &["--yes"]).exits(2);
    let asked = by_hand("locks[lock=ceph/a]=gave it back", &[]).exits(5);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    bench.run(&debts).exits(1);
    bench.file("shared", "run 7 of locked by eve on far\n");
    let ran = by_hand("locks[lock=ceph/a]=gave it back with etcdctl", &["--yes"]).exits(0);
    assert!(ran.stdout.contains("settled by hand"), "{}", ran.stdout);
    assert_eq!(bench.read("shared").unwrap(), "run 7 of locked by eve on far\n", "nothing was run");
    bench.run(&debts).exits(0);
    bench.run(&["journal", "verify"]).exits(0);
    let id = bench.run(&["journal", "list"]).exits(0).stdout.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let told = bench.run(&["journal", "show", &id]).exits(0).stdout;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("settled by hand, confirmed by a flag: gave it back with etcdctl"), "{told}");
}

#[test]
fn a_rollback_and_debts_give_a_shared_lock_back_too() {
    let bench = killed();
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let id = list.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    bench.run(&["rollback", &id, "--yes"]).exits(0);
    let seen = bench.read("seen").unwrap();
    assert!(seen.lines().count() == 2 && seen.lines().all(|line| line.contains(" of locked by ")), "{seen}");
    assert!(!bench.path("shared").exists());
    let bench = killed();
    bench.run(&["debts", "--settle", "--yes"]).exits(0);
    assert!(!bench.path("shared").exists());
    bench.run(&["debts"]).exits(0);
}

#[test]
fn nothing_of_a_shared_lock_is_touched_by_a_dry_run() {
    let bench = bench(ACQUIRE);
    bench.run(&["run", "locked", "--dry-run", "--inventory", "inventory.yaml"]).exits(0);
    assert!(!bench.read("journal/journal.jsonl").unwrap().contains("locks[lock="));
}

#[test]
fn who_holds_a_lock_is_told_with_its_run_and_age() {
    let bench = Workbench::new();
    let ready = bench.path("ready").display().to_string();
    let go = bench.path("go").display().to_string();
    bench.runbook(
        "slow",
        &format!(
            "locks: [one]\nsteps:\n- {{id: act, run: [bash, -c, 'touch {ready}; until [ -e {go} ]; do sleep 0.05; done'], effect: change, undo: {{impossible: x}}}}\n"
        ),
    );
    std::thread::scope(|threads| {
        let first = threads.spawn(|| bench.run(&["run", "slow", "--yes"]));
        while !bench.path("ready").exists() {
            std::thread::yield_now();
        }
        let second = bench.run(&["run", "slow", "--yes"]).exits(6);
        bench.file("go", "");
        first.join().unwrap().exits(0);
        for expected in ["the lock `one` is held: run ", " of slow by ", " on ", "pid ", ", for ", "halligan journal show "] {
            let told = second.stderr.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
            assert!(told.contains(expected), "{expected}: {}", second.stderr);
        }
    });
}
