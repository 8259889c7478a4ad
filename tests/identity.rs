//! Which system a run is bound to: asked first, named wherever somebody decides, and asked again before anything is changed.

use crate::workbench::{Ran, Workbench};

/// A file stands for the system; what sets `flag` is put back at the end.
const BOUND: &str = r#"identity: {ask: fsid, message: "Ceph cluster {{ output }}"}
queries:
  fsid: {run: [cat, fsid], timeout: 5s}
preflight:
- {id: said, title: It was asked before, expect: "identity.output != ''", message: "of {{ identity.output }}"}
steps:
- {id: look, run: [bash, -c, "[ ! -e next ] || mv next fsid"], effect: read, reads_because: somebody else does it, may_write: [DIR]}
- {id: agree, confirm: {message: "Set it?"}}
- {id: set, run: [touch, flag], effect: change, undo: {run: [rm, flag]}}
- {id: halfway, run: [test, '!', -e, broken], effect: read}
- {id: more, run: [touch, more], effect: change, cleanup: {run: [bash, -c, "[ ! -e stuck ] && rm more"]}}
- {id: end, run: [test, '!', -e, fails], effect: read}
"#;

fn bench(runbook: &str) -> Workbench {
    let bench = Workbench::new();
    bench.file("fsid", "4c1e\n");
    bench.runbook("bound", &runbook.replace("DIR", bench.path("").to_str().unwrap()));
    bench
}

fn run(bench: &Workbench, more: &[&str]) -> Ran {
    bench.run(&[&["run", "runbooks/bound.yaml", "--yes"], more].concat())
}

fn run_id(bench: &Workbench) -> String {
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    list.lines().last().unwrap().split(' ').next().unwrap().to_owned()
}

fn events(bench: &Workbench) -> Vec<serde_json::Value> {
    let journal = bench.read("journal/journal.jsonl").unwrap();
    journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn holds(bench: &Workbench) {
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn it_is_asked_again_before_what_must_hold_and_not_between_that_and_the_change() {
    let bench = bench(
        r#"identity: {ask: fsid, message: "Ceph cluster {{ output }}"}
queries:
  fsid: {run: [cat, fsid], timeout: 5s}
steps:
- id: all
  group: All of it
  holds: [{id: well, title: It is well, run: [test, -e, fsid]}]
  steps:
  - {id: set, run: [touch, flag], effect: change, undo: {run: [rm, flag]}}
"#,
    );
    run(&bench, &[]).exits(0);
    let events = events(&bench);
    let change = events.iter().position(|event| event["type"] == "step_began" && event["command"]["effect"] == "change").unwrap();
    assert_eq!((&events[change - 1]["type"], &events[change - 1]["place"]), (&"step_ended".into(), &"all.set.well".into()), "{events:#?}");
    assert_eq!(events[..change].iter().filter(|event| event["type"] == "identified").count(), 2);
}

#[test]
fn it_is_asked_first_and_named_wherever_somebody_decides() {
    let bench = bench(BOUND);
    let ran = run(&bench, &[]).exits(0);
    assert!(ran.stdout.contains("system: Ceph cluster 4c1e"), "{}", ran.stdout);
    assert!(ran.stdout.contains("of 4c1e"), "{}", ran.stdout);
    let events = events(&bench);
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types[..6], ["run_opened", "step_began", "step_spawned", "step_ended", "identified", "preflight_passed"]);
    let confirmed: Vec<&str> =
        events.iter().filter(|event| event["type"] == "confirmed").map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(confirmed.len(), 2);
    assert!(confirmed.iter().all(|text| text.contains("System: Ceph cluster 4c1e")), "{confirmed:?}");
    // Once before all else, and once before the first change.
    let identified: Vec<usize> = types.iter().enumerate().filter(|(_, name)| **name == "identified").map(|(at, _)| at).collect();
    let first_change = events.iter().position(|event| event["type"] == "step_began" && event["command"]["effect"] == "change").unwrap();
    assert_eq!((identified.len(), identified[1] + 1), (2, first_change));
    holds(&bench);
    let shown = bench.run(&["journal", "show", &run_id(&bench)]).exits(0).stdout;
    assert!(shown.contains("system: Ceph cluster 4c1e"), "{shown}");
}

#[test]
fn a_person_sees_it_in_the_plan_and_in_each_question() {
    let bench = bench(BOUND);
    let mut terminal = bench.terminal(100, &["run", "runbooks/bound.yaml"]);
    terminal.expect_after("Plan", "System: Ceph cluster 4c1e").expect_after("System", "[y/N]").send("y\r");
    terminal.expect_after("Set it?", "System: Ceph cluster 4c1e").expect_after("Set it?", "[y/N]").send("y\r");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn another_system_before_the_first_change_is_not_changed() {
    let bench = bench(BOUND);
    bench.file("next", "77aa\n");
    let ran = run(&bench, &[]).exits(4);
    for told in ["this is another system", "bound to: Ceph cluster 4c1e", "and this is:         Ceph cluster 77aa", "no flag overrides"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert!(!bench.path("flag").exists());
    holds(&bench);
    // It is the first that the run is bound to, and stays.
    bench.run(&["resume", "--yes"]).exits(4);
    bench.file("fsid", "4c1e\n");
    bench.run(&["resume", "--yes"]).exits(0);
    assert!(bench.path("flag").exists());
    holds(&bench);
}

#[test]
fn a_system_that_does_not_answer_is_not_acted_on() {
    let bench = bench(BOUND);
    std::fs::remove_file(bench.path("fsid")).unwrap();
    let ran = run(&bench, &["--override", "identity=I know", "--override", "said=I know"]).exits(4);
    assert!(ran.stderr.contains("does not say which one it is") && ran.stderr.contains("No such file"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("It was asked before"), "{}", ran.stdout);
    for (answer, why) in [("\n", "its answer is empty"), ("a\nb\n", "no single line"), ("\u{ff}", "")] {
        bench.file("fsid", answer);
        if why.is_empty() {
            std::fs::write(bench.path("fsid"), [0xff, 0xfe]).unwrap();
        }
        let ran = run(&bench, &[]).exits(4);
        assert!(ran.stderr.contains("does not say which one it is") && ran.stderr.contains(why), "{answer:?}: {}", ran.stderr);
    }
    assert!(!bench.path("flag").exists());
    holds(&bench);
}

#[test]
fn a_run_is_taken_up_on_the_system_that_it_was_begun_on_and_on_no_other() {
    let bench = bench(BOUND);
    bench.file("broken", "");
    run(&bench, &[]).exits(6);
    let run = run_id(&bench);
    std::fs::remove_file(bench.path("broken")).unwrap();
    let taking_up = [&["resume", "--yes"][..], &["rollback", &run, "--yes"]];
    for arguments in taking_up {
        bench.file("fsid", "77aa\n");
        let other = bench.run(arguments).exits(4);
        assert!(other.stdout.contains("Ceph cluster 4c1e; asked first"), "{}", other.stdout);
        for told in ["bound to: Ceph cluster 4c1e", "Ceph cluster 77aa"] {
            assert!(other.stderr.contains(told), "{told}: {}", other.stderr);
        }
        std::fs::remove_file(bench.path("fsid")).unwrap();
        let silent = bench.run(arguments).exits(4);
        for told in ["does not say which one it is", "bound to: Ceph cluster 4c1e", "No such file"] {
            assert!(silent.stderr.contains(told), "{told}: {}", silent.stderr);
        }
        assert!(bench.path("flag").exists() && !bench.path("more").exists());
        holds(&bench);
    }
    bench.file("fsid", "4c1e\n");
    bench.run(&["rollback", &run, "--yes"]).exits(0);
    assert!(!bench.path("flag").exists());
    holds(&bench);
}

#[test]
fn a_debt_is_settled_on_the_system_that_owes_it() {
    let bench = bench(BOUND);
    bench.file("stuck", "");
    run(&bench, &[]).exits(10);
    let run = run_id(&bench);
    std::fs::remove_file(bench.path("stuck")).unwrap();
    bench.file("fsid", "77aa\n");
    let other = bench.run(&["debts", "--settle", "--yes"]).exits(4);
    assert!(other.stderr.contains("bound to: Ceph cluster 4c1e") && other.stderr.contains("Ceph cluster 77aa"), "{}", other.stderr);
    assert!(bench.path("more").exists());
    holds(&bench);
    bench.file("fsid", "4c1e\n");
    bench.run(&["debts", &run, "--settle", "--yes"]).exits(0);
    assert!(!bench.path("more").exists());
    let text = events(&bench).iter().rev().find(|event| event["type"] == "confirmed").unwrap()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("System: Ceph cluster 4c1e"), "{text}");
    holds(&bench);
}

#[test]
fn a_dry_run_asks_it_and_shows_it() {
    let bench = bench(BOUND);
    let ran = bench.run(&["run", "runbooks/bound.yaml", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("System: Ceph cluster 4c1e"), "{}", ran.stdout);
    std::fs::remove_file(bench.path("fsid")).unwrap();
    bench.run(&["run", "runbooks/bound.yaml", "--dry-run"]).exits(4);
}

/// A runbook that is called has a system of its own, which is asked when it is called.
#[test]
fn a_called_runbook_is_bound_to_its_own_system() {
    let bench = bench(BOUND);
    bench.runbook("outer", "steps:\n- {id: inner, call: bound}\n- {id: last, run: [touch, last], effect: change, undo: {run: [rm, last]}}\n- {id: stop, run: [test, '!', -e, broken_outside], effect: read}\n");
    bench.file("broken_outside", "");
    bench.run(&["run", "runbooks/outer.yaml", "--yes"]).exits(6);
    let run = run_id(&bench);
    bench.file("fsid", "77aa\n");
    // What was done outside is taken back; inside, that system is another.
    bench.run(&["rollback", &run, "--yes"]).exits(4);
    assert!(!bench.path("last").exists() && bench.path("flag").exists());
    bench.file("fsid", "4c1e\n");
    bench.run(&["rollback", &run, "--yes"]).exits(0);
    assert!(!bench.path("flag").exists());
    holds(&bench);
}

/// What is changed on this machine alone binds the run to it.
#[test]
fn a_run_that_changes_this_machine_alone_is_bound_to_it() {
    let Ok(id) = std::fs::read_to_string("/etc/machine-id") else { return };
    assert_eq!(id.trim().len(), 32);
    let bench = bench("steps:\n- {id: set, run: [touch, flag], effect: change, undo: {run: [rm, flag]}}\n");
    run(&bench, &[]).exits(0);
    assert_eq!(events(&bench)[0]["machine"].as_str().unwrap().len(), 32);
    for step in ["run: [touch, flag], on: db3", "run: [kubectl, apply, -f, x]", "run: [sudo, ceph, osd, set, noout]"] {
        bench.runbook("away", &format!("steps:\n- {{id: set, {step}, effect: change, undo: {{impossible: x}}}}\n"));
        bench.run(&["run", "runbooks/away.yaml", "--dry-run"]);
        assert!(events(&bench).iter().rev().find(|event| event["type"] == "run_opened").unwrap().get("machine").is_none(), "{step}");
    }
}

const WORLD: &str = r#"halligan_scenario: 1
runbook: bound
title: The system answers
world: {fsid: 4c1e, next: "", flag: false, more: false}
commands:
- {query: fsid, stdout: "{{ fsid }}"}
- {match: [bash, -c, "{script}"], set: {fsid: "{{ next or fsid }}"}}
- {match: [touch, flag], set: {flag: true}}
- {match: [rm, flag], set: {flag: false}}
- {match: [touch, more], set: {more: true}}
- {match: ["test", "{more_words:rest}"]}
answers: {agree: true}
expect: {outcome: completed, ran: [{query: fsid, times: 2}]}
"#;

/// A base world answers it, by the name of its query, and a scenario makes of it another.
#[test]
fn a_simulated_world_answers_it() {
    let bench = bench(BOUND);
    bench.file("runbooks/scenarios/bound/all-well.yaml", WORLD);
    let other = |name: &str, rest: &str| {
        bench.file(
            &format!("runbooks/scenarios/bound/{name}.yaml"),
            &format!("halligan_scenario: 1\nextends: all-well\ntitle: Another system\n{rest}"),
        );
    };
    other("another", "world: {next: 77aa}\nexpect: {outcome: blocked, exit: 4, at: preflight.identity, world: {flag: false}}\n");
    other("silent", "commands: [{query: fsid, code: 1, stderr: no}]\nexpect: {outcome: blocked, exit: 4, never_ran: [[touch, flag]]}\n");
    other(
        "killed",
        "faults: [{step: set, do: kill}]\nanswers: {set: done}\nexpect: {outcome: completed, ran: [{query: fsid, times: 4}]}\n",
    );
    let tested = bench.run(&["test", "./runbooks/bound.yaml"]);
    assert!(tested.code == Some(0) && tested.stdout.contains("4 passed, 0 failed"), "{}{}", tested.stdout, tested.stderr);

    // A run that was bound to half a name is rightly kept from going on; one that changes the name itself must not be.
    bench.run(&["test", "./runbooks/bound.yaml", "--scenario", "killed", "--fault", "identity=cut@every"]).exits(0);
    other("own", "commands: [{match: [touch, flag], set: {flag: true, fsid: 77aa}}]\nexpect: {outcome: completed}\n");
    let own = bench.run(&["test", "./runbooks/bound.yaml", "--scenario", "own", "--fault", "more=kill"]).exits(1);
    assert!(own.stdout.contains("the resumed run is blocked by its own preflight"), "{}", own.stdout);

    // The name of a query that the runbook does not have is a fault.
    other("wrong", "commands: [{query: fsdi, stdout: x}]\nexpect: {outcome: completed}\n");
    let wrong = bench.run(&["test", "./runbooks/bound.yaml", "--scenario", "wrong"]).exits(1);
    for told in ["bound has no query `fsdi`", "did you mean `fsid`?"] {
        assert!(wrong.stdout.contains(told), "{told}: {}", wrong.stdout);
    }
}
