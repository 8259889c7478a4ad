//! What was done, what was taken back since, and what could never be begun: a run, a resume and a rollback mean the same by it.
//!
//! Every effect is a line in `log`, which is the independent witness.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    signals::{is_halligan, processes, until},
    workbench::{Ran, Workbench},
};

/// A bench with this runbook, called `x`; `HOME` is the bench's directory.
fn bench(body: &str) -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook("x", &body.replace("HOME", home.trim_end_matches('/')));
    bench
}

fn log(bench: &Workbench) -> Vec<String> {
    bench.read("log").unwrap_or_default().lines().map(str::to_owned).collect()
}

fn last_run(bench: &Workbench) -> String {
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned()
}

fn all(ran: &Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}

const FLAG: &str = "  - {id: flag, shell: 'echo set >> HOME/log', effect: change, cleanup: {shell: 'echo unset >> HOME/log'}}\n";

#[test]
fn two_items_of_one_label_never_begin() {
    let each = "  - id: each\n    for_each: {items: \"{{ ITEMS }}\", as: item}\n    steps:\n      - {id: act, shell: 'echo act >> HOME/log', effect: change, undo: {impossible: x}}\n";
    // Known beforehand: nothing is done at all, and the dry run says so too.
    let given = bench(&format!("params:\n  osds: {{list: int, help: OSDs}}\nsteps:\n{FLAG}{}", each.replace("ITEMS", "params.osds")));
    for arguments in [&["run", "x", "--yes", "--set", "osds=3,4,3"][..], &["run", "x", "--dry-run", "--set", "osds=3,4,3"]] {
        let ran = given.run(arguments).exits(4);
        assert!(all(&ran).contains("items 1 and 3 are both called `3`"), "{}", all(&ran));
    }
    assert_eq!(log(&given), [""; 0]);
    given.run(&["run", "x", "--yes", "--set", "osds=3,4"]).exits(0);
    // Found on the way: the loop fails before it begins, and what was set is put back.
    let printed = r#"[{"name":"data","ns":"a"},{"name":"data","ns":"b"}]"#;
    let found = bench(&format!(
        "steps:\n{FLAG}  - {{id: found, run: [echo, '{printed}'], effect: read, output: json}}\n{}",
        each.replace("ITEMS", "found.output")
    ));
    let ran = found.run(&["run", "x", "--yes"]).exits(6);
    assert!(all(&ran).contains("items 1 and 2 are both called `data`"), "{}", all(&ran));
    assert_eq!(log(&found), ["set", "unset"]);
    // A resume does not take the second for done.
    found.run(&["resume", "--yes"]).exits(6);
    assert!(!log(&found).contains(&"act".to_owned()), "{:?}", log(&found));
    // A check that is made for each of them is no check.
    let asked = bench(&format!(
        "params:\n  hosts: {{list: string, default: [h, h], help: Hosts}}\npreflight:\n  - {{id: up, title: Up, for_each: {{items: \"{{{{ params.hosts }}}}\", as: host}}, run: [echo, \"{{{{ host }}}}\"]}}\nsteps:\n{FLAG}"
    ));
    let ran = asked.run(&["run", "x", "--yes"]).exits(4);
    assert!(all(&ran).contains("both called `h`"), "{}", all(&ran));
}

const SNAP: &str = "
params:
  fail: {type: bool, help: fail at the end, default: false}
steps:
  - id: work
    group: Work
    steps:
      - id: snapshot
        shell: 'echo made >> HOME/log'
        effect: change
        undo: {shell: 'echo deleted >> HOME/log'}
        cleanup: {shell: 'echo unmounted >> HOME/log'}
      - {id: alter, shell: 'echo altered >> HOME/log', effect: change, undo: {shell: 'echo altered back >> HOME/log'}}
  - {id: check, shell: 'exit 1', when: params.fail, effect: read, on_fail: rollback}
";

#[test]
fn a_rollback_undoes_the_same_inside_a_run_and_after_it() {
    let wanted = ["made", "altered", "unmounted", "altered back", "deleted"];
    let inside = bench(SNAP);
    inside.run(&["run", "x", "--yes", "--set", "fail=true"]).exits(7);
    assert_eq!(log(&inside), wanted);
    let after = bench(SNAP);
    after.run(&["run", "x", "--yes"]).exits(0);
    let run = last_run(&after);
    let ran = after.run(&["rollback", &run, "--yes", "--confirm", "alter=yes", "--confirm", "snapshot=yes"]).exits(0);
    assert_eq!(log(&after), wanted, "{}", all(&ran));
    after.run(&["journal", "verify"]).exits(0);
    let again = after.run(&["rollback", &run, "--yes"]).exits(2);
    assert!(again.stderr.contains("already rolled back"), "{}", again.stderr);
}

#[test]
fn what_could_not_be_started_is_neither_undone_nor_put_back_nor_owed() {
    let body = "
steps:
  - {id: one, shell: 'echo one >> HOME/log', effect: change, undo: {shell: 'echo one undone >> HOME/log'}}
  - id: two
    run: [no-such-program-anywhere]
    effect: change
    undo: {shell: 'echo two undone >> HOME/log; exit 1'}
    cleanup: {shell: 'echo two put back >> HOME/log; exit 1'}
    on_fail: ON_FAIL
";
    for (on_fail, code, wanted) in [("rollback", 7, &["one", "one undone"][..]), ("stop", 6, &["one"])] {
        let bench = bench(&body.replace("ON_FAIL", on_fail));
        let ran = bench.run(&["run", "x", "--yes"]).exits(code);
        assert_eq!(log(&bench), wanted, "{}", all(&ran));
        bench.run(&["debts"]).exits(0);
        bench.run(&["journal", "verify"]).exits(0);
        if on_fail == "stop" {
            let run = last_run(&bench);
            let ran = bench.run(&["rollback", &run, "--yes", "--confirm", "one=yes"]).exits(0);
            assert_eq!(log(&bench), ["one", "one undone"], "{}", all(&ran));
        }
    }
}

#[test]
fn what_stands_on_something_done_again_is_asked_anew() {
    // The queue is empty only while the worker is drained; the step after the wait stops the run the first time.
    let bench = bench(
        "
steps:
  - id: drain
    shell: 'echo 0 > HOME/queue; echo drained >> HOME/log'
    effect: change
    cleanup: {shell: 'echo 23 > HOME/queue; echo back >> HOME/log'}
  - {id: empty, wait: {run: [cat, HOME/queue], output: int, until: output == 0, timeout: 1s, every: 100ms}}
  - {id: seen, probe: {title: Nothing is queued, run: [cat, HOME/queue], output: int, expect: output == 0}}
  - id: upgrade
    shell: 'test -e HOME/ready && echo upgraded >> HOME/log'
    effect: change
    idempotent: true
    undo: {impossible: x}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["drained", "back"]);
    bench.file("ready", "");
    let ran = bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["drained", "back", "drained", "upgraded", "back"]);
    assert!(all(&ran).contains("what comes before it is done again"), "{}", all(&ran));
    let shown = bench.run(&["journal", "show", &last_run(&bench)]).exits(0).stdout;
    assert!(shown.matches("what comes before it is done again").count() >= 2, "the wait and the probe are asked anew:\n{shown}");
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_wait_that_had_passed_stops_a_resume_once_it_no_longer_holds() {
    let bench = bench(
        "
steps:
  - id: drain
    shell: 'cat HOME/left > HOME/queue; echo drained >> HOME/log'
    effect: change
    cleanup: {shell: 'echo back >> HOME/log'}
  - {id: empty, wait: {run: [cat, HOME/queue], output: int, until: output == 0, timeout: 1s, every: 100ms}}
  - {id: upgrade, shell: 'test -e HOME/ready && echo upgraded >> HOME/log', effect: change, idempotent: true, undo: {impossible: x}}
",
    );
    bench.file("left", "0\n");
    bench.run(&["run", "x", "--yes"]).exits(6);
    bench.file("left", "23\n");
    bench.file("ready", "");
    let ran = bench.run(&["resume", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["drained", "back", "drained", "back"], "{}", all(&ran));
}

#[test]
fn a_cleanup_that_fails_inside_a_loop_stops_it_whatever_may_fail() {
    let body = "
steps:
  - id: each
    for_each: {items: [a, b, c], as: item, batch: BATCH, parallel: BATCH, max_failures: 3}
    steps:
      - id: pause
        shell: 'echo pause $ITEM >> HOME/log'
        env: {ITEM: \"{{ item }}\"}
        effect: change
        cleanup: {shell: 'test -e HOME/well', env: {ITEM: \"{{ item }}\"}}
      - {id: work, shell: 'FAILS', effect: read}
  - {id: after, shell: 'echo after >> HOME/log', effect: change, undo: {impossible: x}}
";
    for fails in ["true", "exit 1"] {
        let bench = bench(&body.replace("BATCH", "1").replace("FAILS", fails));
        let ran = bench.run(&["run", "x", "--yes"]).exits(6);
        assert_eq!(log(&bench), ["pause a"], "{}", all(&ran));
        assert!(all(&ran).contains("the cleanup of each[item=a].pause failed"), "{}", all(&ran));
        assert!(!all(&ran).contains("completed"), "{}", all(&ran));
        bench.run(&["debts"]).exits(1);
        if fails == "true" {
            bench.file("well", "");
            let ran = bench.run(&["resume", "--yes"]).exits(0);
            assert_eq!(log(&bench), ["pause a", "pause b", "pause c", "after"], "{}", all(&ran));
            bench.run(&["debts"]).exits(0);
        }
    }
}

#[test]
fn a_run_that_owes_at_its_end_is_not_told_as_completed() {
    let bench = bench("steps:\n  - {id: flag, shell: 'echo set >> HOME/log', effect: change, cleanup: {shell: 'exit 1'}}\n");
    let ran = bench.run(&["run", "x", "--yes"]).exits(10);
    assert!(!all(&ran).contains("completed"), "{}", all(&ran));
    assert!(all(&ran).contains("reached the last step; 1 cleanup is owed"), "{}", all(&ran));
}

#[test]
fn a_rollback_in_a_resumed_run_takes_back_what_it_had_not_come_to_yet() {
    let bench = bench(
        "
steps:
  - {id: one, shell: 'echo one >> HOME/log', effect: change, undo: {shell: 'echo one undone >> HOME/log'}}
  - {id: hold, shell: 'echo hold >> HOME/log', effect: change, cleanup: {shell: 'echo let go >> HOME/log'}}
  - {id: gate, on_fail: rollback, probe: {title: Still so, run: [test, '!', -e, HOME/shut]}}
  - {id: two, shell: 'echo two >> HOME/log', effect: change, undo: {shell: 'echo two undone >> HOME/log'}}
  - {id: three, shell: 'exit 1', effect: change, undo: {impossible: x}}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["one", "hold", "two", "let go"]);
    bench.file("shut", "");
    let ran = bench.run(&["resume", "--yes"]).exits(7);
    assert_eq!(log(&bench)[4..], ["hold", "two undone", "let go", "one undone"], "{}", all(&ran));
}

#[test]
fn a_rollback_is_agreed_on_what_it_will_do_also_in_runbooks_that_are_called() {
    let bench = bench(
        "
steps:
  - {id: inner, call: y}
  - {id: act, shell: 'echo outer >> HOME/log', effect: change, undo: {impossible: It is written}}
",
    );
    let home = bench.path("").display().to_string();
    let inner = "steps:\n  - {id: act, shell: 'echo inner >> HOME/log', effect: change, undo: {shell: 'echo inner undone >> HOME/log'}}\n";
    bench.runbook("y", &inner.replace("HOME", home.trim_end_matches('/')));
    bench.run(&["run", "x", "--yes"]).exits(0);
    let run = last_run(&bench);
    let ran = bench.run(&["rollback", &run, "--yes", "--confirm", "inner.act=yes"]).exits(0);
    let line = |label: &str| ran.stdout.lines().find(|line| line.trim_start().starts_with(label)).unwrap_or_default().to_owned();
    assert!(line("undo").contains("inner.act") && line("stays").contains(" act "), "{}", ran.stdout);
    assert_eq!(log(&bench), ["inner", "outer", "inner undone"]);
}

#[test]
fn a_phrase_covers_what_was_shown_with_its_values() {
    let body = "
steps:
  - {id: ask, confirm: {message: Go?, phrase: go, covers: [wipe]}}
BETWEEN  - {id: wipe, shell: 'echo wiped $DISK >> HOME/log', env: {DISK: \"{{ DISK }}\"}, effect: destroy}
";
    let known = bench(&body.replace("BETWEEN", "").replace("{{ DISK }}", "sdb"));
    let ran = known.run(&["run", "x", "--yes", "--confirm", "ask=go"]).exits(0);
    assert_eq!(log(&known), ["wiped sdb"], "{}", all(&ran));
    let shown = known.run(&["journal", "show", &last_run(&known)]).exits(0).stdout;
    assert!(shown.contains("DISK=sdb"), "the question has the value:\n{shown}");
    // What nobody could know then is said to be so.
    let between = "  - {id: find, run: [echo, sdc], effect: read}\n";
    let found = bench(&body.replace("BETWEEN", between).replace("DISK }}", "find.output }}"));
    found.run(&["run", "x", "--yes", "--confirm", "ask=go"]).exits(0);
    assert_eq!(log(&found), ["wiped sdc"]);
    let shown = found.run(&["journal", "show", &last_run(&found)]).exits(0).stdout;
    assert!(shown.contains("Would run wipe:  known only at run time"), "{shown}");
}

#[test]
fn what_is_in_doubt_is_not_passed_over_with_what_is_around_it() {
    let body = "
steps:
  - id: each
    for_each: {items: [a, b, c], as: item, batch: BATCH, parallel: PARALLEL, max_failures: 3}
    steps:
      - id: part
        group: A part
        on_fail: continue
        steps:
          - {id: work, run: [work, \"{{ item }}\"], effect: change, undo: {impossible: x}}
  - {id: after, run: [after], effect: change, undo: {impossible: x}}
";
    let scenario = "halligan_scenario: 1\nrunbook: x\ntitle: The end of the first is not heard of\ncommands:\n  - {match: [work, '{item}']}\n  - {match: [after]}\nfaults:\n  - {step: 'each[item=a].work', do: drop}\nanswers: {work: stop}\nexpect:\n  outcome: stopped\n  never_ran: [[after]NEVER]\n";
    for (batch, parallel, never) in [("1", "1", ", [work, b]"), ("3", "2", "")] {
        let bench = bench(&body.replace("BATCH", batch).replace("PARALLEL", parallel));
        let place = scenario.replace("each[item=a].work", "each[item=a].part.work").replace("NEVER", never);
        bench.file("runbooks/scenarios/x/lost.yaml", &place);
        let ran = bench.run(&["test", "x"]);
        assert_eq!(ran.code, Some(0), "{}", all(&ran));
    }
}

#[test]
fn what_an_earlier_attempt_has_done_is_taken_back_although_the_last_could_not_be_started() {
    let bench = bench(
        "
steps:
  - id: two
    run: [HOME/tool]
    effect: change
    idempotent: true
    retry: {times: 1, delay: 10ms}
    undo: {shell: 'echo two undone >> HOME/log'}
    on_fail: rollback
",
    );
    // It removes itself: the second attempt finds no program.
    let tool = bench.path("tool");
    bench.file("tool", &format!("#!/bin/bash\necho two >> {0}\nrm {1}\nexit 1\n", bench.path("log").display(), tool.display()));
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = bench.run(&["run", "x", "--yes"]).exits(7);
    assert_eq!(log(&bench), ["two", "two undone"], "{}", all(&ran));
}

#[test]
fn what_its_group_has_put_back_is_proved_anew() {
    // The cleanup of the group takes back what a step inside has done, and the runbook does not keep it when it stops.
    let bench = bench(
        "
steps:
  - id: quiet
    group: With nothing running
    cleanup: {shell: 'echo up > HOME/state; echo up >> HOME/log'}
    steps:
      - {id: down, shell: 'echo down > HOME/state; echo down >> HOME/log', effect: change, undo: {impossible: x}, verify: {run: [grep, -q, down, HOME/state]}}
      - {id: still, probe: {title: Nothing runs, run: [grep, -q, down, HOME/state]}}
      - {id: work, shell: 'test -e HOME/ready && echo work >> HOME/log', effect: change, idempotent: true, undo: {impossible: x}}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["down", "up"]);
    bench.file("ready", "");
    let ran = bench.run(&["resume", "--yes"]).exits(10);
    assert!(!log(&bench).contains(&"work".to_owned()), "it must not go on as if it were down: {:?}\n{}", log(&bench), all(&ran));
}

#[test]
fn what_cannot_be_made_ready_any_more_takes_nothing_back_and_stays_owed() {
    let bench = bench(
        "steps:
  - id: found
    shell: 'test ! -e HOME/broken; echo found >> HOME/log; echo 7'
    effect: change
    output: int
    on_fail: stop
    idempotent: true
    undo: {shell: 'echo lost >> HOME/log'}
    cleanup: {shell: 'echo released >> HOME/log'}
  - id: built
    shell: 'echo built >> HOME/log'
    effect: change
    undo: {shell: 'echo \"unbuilt $N\" >> HOME/log', env: {N: '{{ found.output }}'}}
    cleanup: {shell: 'echo \"swept $N\" >> HOME/log', env: {N: '{{ found.output }}'}, when_stopped: owe}
  - {id: end, shell: 'exit 1', effect: read, on_fail: stop}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["found", "built", "released"]);
    // Done again, it says nothing: what the undo and the cleanup of the step after it need is not known any more.
    bench.file("broken", "");
    bench.run(&["resume", "--yes"]).exits(6);
    let run = last_run(&bench);
    for _ in 0..2 {
        let ran = bench.run(&["rollback", &run, "--yes"]).exits(8);
        let all = all(&ran);
        assert!(all.contains("built: undo failed: "), "{all}");
        assert!(all.contains("owed") && !all.contains("unbuilt 7"), "{all}");
        assert!(
            !log(&bench).iter().any(|line| line.starts_with("unbuilt") || line.starts_with("swept") || line == "lost"),
            "{:?}",
            log(&bench)
        );
    }
    for arguments in [&["debts"][..], &["debts", "--settle", "--yes"], &["debts"]] {
        let ran = bench.run(arguments);
        assert!(ran.code != Some(0) && all(&ran).contains("built"), "{arguments:?}: {}", all(&ran));
    }
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_guards_a_step_that_could_not_be_undone_stays_and_is_owed() {
    let bench = bench(
        "steps:
  - {id: guard, shell: 'echo guarded >> HOME/log', effect: change, cleanup: {shell: 'echo unguarded >> HOME/log', when_stopped: owe}}
  - {id: mark, shell: 'true', effect: change, cleanup: {shell: 'echo unmarked >> HOME/log'}}
  - id: part
    group: A part
    steps:
      - {id: away, shell: 'echo away >> HOME/log', effect: change, undo: {shell: 'test -e HOME/ready; echo back >> HOME/log'}}
      - {id: end, shell: 'exit 1', effect: read, on_fail: rollback}
",
    );
    let ran = bench.run(&["run", "x", "--yes"]).exits(8);
    assert_eq!(log(&bench), ["guarded", "away", "unmarked"], "{}", all(&ran));
    bench.run(&["debts"]).exits(1);
    let run = last_run(&bench);
    bench.run(&["rollback", &run, "--yes"]).exits(8);
    assert_eq!(log(&bench), ["guarded", "away", "unmarked"]);
    bench.file("ready", "");
    bench.run(&["rollback", &run, "--yes"]).exits(0);
    assert_eq!(log(&bench), ["guarded", "away", "unmarked", "back", "unguarded"]);
    bench.run(&["debts"]).exits(0);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_a_loop_has_set_itself_is_put_back_by_a_rollback_and_by_settling() {
    for arguments in [&["rollback"][..], &["debts", "--settle"]] {
        let bench = bench(
            "steps:
  - id: each
    for_each: {items: [a, b], as: item}
    cleanup: {shell: 'echo released >> HOME/log', when_stopped: owe}
    steps:
      - {id: act, shell: 'echo \"$I\" >> HOME/log; exit 1', env: {I: '{{ item }}'}, effect: change, on_fail: stop, undo: {shell: 'echo back >> HOME/log'}}
",
        );
        bench.run(&["run", "x", "--yes"]).exits(6);
        bench.run(&["debts"]).exits(1);
        let run = last_run(&bench);
        bench.run(&[arguments[0], &run, "--yes"].into_iter().chain(arguments[1..].iter().copied()).collect::<Vec<_>>()).exits(0);
        assert_eq!(log(&bench).last().map(String::as_str), Some("released"), "{arguments:?}: {:?}", log(&bench));
        bench.run(&["debts"]).exits(0);
    }
}

#[test]
fn what_a_resumed_run_has_put_back_its_rollback_does_not_put_back_again() {
    let bench = bench(
        "steps:
  - id: work
    group: Work
    steps:
      - {id: hold, shell: 'echo held >> HOME/log', effect: change, undo: {shell: 'echo unheld >> HOME/log'}, cleanup: {shell: 'echo released >> HOME/log', when_stopped: owe}}
      - {id: there, shell: 'test -e HOME/ready', effect: read, on_fail: stop}
  - {id: end, shell: 'exit 1', effect: read, on_fail: rollback}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    bench.file("ready", "");
    bench.run(&["resume", "--yes"]).exits(7);
    assert_eq!(log(&bench), ["held", "released", "unheld"]);
}

#[test]
fn what_failed_is_not_done_because_its_cleanup_has_run() {
    let each = "  - id: each
    for_each: {items: [a, b], as: item, parallel: 2, batch: 2}
    steps:
      - {id: act, shell: 'echo \"$I\" >> HOME/log; test -e HOME/ready || test $I = a', env: {I: '{{ item }}'}, effect: change, idempotent: true, on_fail: stop, undo: {impossible: x}, cleanup: {shell: 'true'}}
";
    let group = "  - id: work
    group: Work
    steps:
      - {id: act, shell: 'echo b >> HOME/log; test -e HOME/ready', effect: change, on_fail: stop, undo: {impossible: x}, cleanup: {shell: 'true'}}
";
    for body in [each, group] {
        let bench = bench(&format!("steps:\n{body}  - {{id: end, run: [echo], effect: read}}\n"));
        bench.run(&["run", "x", "--yes"]).exits(6);
        let before = log(&bench).iter().filter(|line| *line == "b").count();
        bench.run(&["resume", "--yes"]).exits(6);
        bench.file("ready", "");
        bench.run(&["resume", "--yes"]).exits(0);
        assert_eq!(log(&bench).iter().filter(|line| *line == "b").count(), before + 2, "{:?}", log(&bench));
    }
}

#[test]
fn what_its_own_cleanup_has_put_back_need_not_be_there_any_more() {
    let bench = bench(
        "steps:
  - {id: hold, shell: 'echo held >> HOME/log', effect: change, undo: {impossible: x}, cleanup: {shell: 'echo released >> HOME/log'}}
  - id: work
    group: Work
    steps:
      - {id: set, run: [touch, HOME/flag], effect: change, verify: {run: [test, -e, HOME/flag]}, undo: {impossible: x}, cleanup: {run: [rm, HOME/flag]}}
  - {id: end, run: [test, -e, HOME/ready], effect: read, on_fail: stop}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    bench.file("ready", "");
    // What was held is held again, and what stands on it was over.
    bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["held", "released", "held", "released"]);
}

#[test]
fn settling_what_a_run_owes_does_not_call_it_completed() {
    let bench = bench(
        "steps:
  - {id: hold, shell: 'true', effect: change, undo: {impossible: x}, cleanup: {run: [test, -e, HOME/ready], when_stopped: owe}}
  - {id: end, shell: 'exit 1', effect: read, on_fail: stop}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    let run = last_run(&bench);
    let ran = bench.run(&["debts", "--settle", "--yes"]).exits(6);
    assert!(all(&ran).contains(&format!("run {run} still owes a cleanup")), "{}", all(&ran));
    bench.file("ready", "");
    let ran = bench.run(&["debts", "--settle", "--yes"]).exits(0);
    assert!(all(&ran).contains(&format!("run {run} no longer owes a cleanup")) && !all(&ran).contains("completed"), "{}", all(&ran));
}

#[test]
fn what_was_undone_before_its_cleanup_failed_is_not_undone_again() {
    let both = "steps:
  - {id: hold, shell: 'echo held >> HOME/log', effect: change, undo: {shell: 'echo unheld >> HOME/log'}, cleanup: {shell: 'test -e HOME/ready; echo released >> HOME/log'}}
  - {id: stays, shell: 'true', effect: change, undo: {run: [test, -e, HOME/gone]}}
  - {id: last, shell: 'echo last >> HOME/log', effect: change, undo: {shell: 'echo unlast >> HOME/log'}, cleanup: {shell: 'test -e HOME/ready'}}
  - {id: end, shell: 'exit 1', effect: read, on_fail: rollback}
";
    let bench = bench(both);
    bench.run(&["run", "x", "--yes"]).exits(8);
    assert_eq!(log(&bench), ["held", "last", "unlast"]);
    bench.file("ready", "");
    bench.file("gone", "");
    bench.run(&["rollback", &last_run(&bench), "--yes"]).exits(0);
    assert_eq!(log(&bench), ["held", "last", "unlast", "unheld", "released"]);
}

#[test]
fn what_could_not_be_put_back_inside_is_not_passed_over_by_a_resume() {
    let bench = bench(
        "steps:
  - id: work
    group: Work
    on_fail: continue
    steps:
      - id: inner
        group: Inner
        steps:
          - {id: hold, shell: 'echo held >> HOME/log', effect: change, undo: {impossible: x}, cleanup: {run: [test, -e, HOME/ready]}}
      - {id: rest, shell: 'echo rest >> HOME/log', effect: change, undo: {impossible: x}}
  - {id: end, shell: 'echo end >> HOME/log', effect: change, undo: {impossible: x}}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["held"]);
    bench.file("ready", "");
    bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["held", "rest", "end"]);
}

/// A group's cleanup may have taken back what was done inside, and nobody asked the step for a proof: a person decides.
#[test]
fn what_its_group_may_have_put_back_is_asked_about_before_anything_stands_on_it() {
    for (idempotent, again) in [("", false), ("idempotent: true, ", true)] {
        let bench = bench(
            &"
steps:
  - id: at_zero
    group: Keep it at zero
    cleanup: {shell: 'echo 3 > HOME/replicas'}
    steps:
      - {id: scale, shell: 'echo 0 > HOME/replicas; echo scaled >> HOME/log', IDEMPOTENTeffect: change, undo: {impossible: the cleanup scales up}}
      - {id: gone, run: [cat, HOME/replicas], output: int, effect: read}
      - {id: ready, shell: 'test -e HOME/ready', effect: change, idempotent: true, undo: {impossible: x}}
      - {id: wipe, shell: 'echo \"wiped with $(cat HOME/replicas)\" >> HOME/log', effect: destroy, when: gone.output == 0}
"
            .replace("IDEMPOTENT", idempotent),
        );
        bench.run(&["run", "x", "--yes", "--confirm", "at_zero.wipe=wipe"]).exits(6);
        bench.file("ready", "");
        let ran = bench.run(&["resume", "--yes", "--confirm", "at_zero.wipe=wipe"]);
        if again {
            assert_eq!(
                (ran.code, log(&bench)),
                (Some(0), ["scaled", "scaled", "wiped with 0"].map(str::to_owned).to_vec()),
                "{}",
                all(&ran)
            );
        } else {
            assert_eq!(ran.code, Some(10), "{}", all(&ran));
            assert!(all(&ran).contains("the cleanup of at_zero has run since"), "{}", all(&ran));
            assert_eq!(log(&bench), ["scaled"]);
        }
    }
}

/// A cleanup puts back what was set for the time being. It says nothing of whether the step had taken effect.
#[test]
fn a_cleanup_takes_no_doubt_away() {
    let bench = bench(
        "steps:\n  - {id: pay, shell: 'echo paid >> HOME/log; touch HOME/lock; exec sleep 60', effect: change, timeout: 300ms, cleanup: {run: [rm, -f, HOME/lock]}, undo: {impossible: x}}\n",
    );
    // It does not heed TERM, so that it is killed.
    let text = bench.read("runbooks/x.yaml").unwrap().replace("exec sleep 60", "trap \"\" TERM; sleep 60");
    bench.file("runbooks/x.yaml", &text);
    let ran = bench.run(&["run", "x", "--yes"]).exits(6);
    assert!(!bench.path("lock").exists() && all(&ran).contains("1 step is in doubt"), "{}", all(&ran));
    assert!(!all(&ran).contains("nothing left to clean up"), "{}", all(&ran));
    assert!(bench.run(&["journal", "list"]).stdout.contains("1 step is in doubt"));
    let ran = bench.run(&["resume", "--yes"]).exits(10);
    assert_eq!(log(&bench), ["paid"], "{}", all(&ran));
}

/// What was read after a step that is done again was read of another system than there is now.
#[test]
fn what_was_read_after_something_that_is_done_again_is_read_again() {
    let bench = bench(
        "
steps:
  - id: g
    group: Stop the intake
    steps:
      - {id: stop, run: [touch, HOME/stopped], effect: change, cleanup: {run: [rm, -f, HOME/stopped]}}
      - {id: count, run: [cat, HOME/queue], output: int, effect: read}
      - {id: ready, shell: 'test -e HOME/ready', effect: change, undo: {impossible: x}, idempotent: true}
      - {id: del, shell: 'echo deleted >> HOME/log', effect: change, undo: {impossible: x}, when: count.output == 0}
",
    );
    bench.file("queue", "0\n");
    bench.run(&["run", "x", "--yes"]).exits(6);
    bench.file("queue", "23\n");
    bench.file("ready", "");
    let ran = bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), [""; 0], "{}", all(&ran));
}

/// A step with an undo and another cleanup is not as it was before it when its cleanup has run.
#[test]
fn what_only_its_cleanup_has_run_for_is_not_done_twice() {
    let bench = bench(
        "
steps:
  - id: snap
    shell: 'echo snap >> HOME/log; touch HOME/mounted'
    effect: change
    undo: {shell: 'echo unsnap >> HOME/log'}
    cleanup: {run: [rm, -f, HOME/mounted]}
  - {id: ready, shell: 'test -e HOME/ready', effect: change, idempotent: true, undo: {impossible: x}}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    bench.file("ready", "");
    let ran = bench.run(&["resume", "--yes"]).exits(10);
    assert!(all(&ran).contains("its cleanup has run since, but not its undo"), "{}", all(&ran));
    assert_eq!(log(&bench), ["snap"]);
    bench.run(&["rollback", &last_run(&bench), "--yes"]).exits(0);
    assert_eq!(log(&bench), ["snap", "unsnap"]);
}

/// Done again in a resume, so that what comes after it is asked anew; `END` is not ready before there is `HOME/ready`.
const ANEW: &str = "
steps:
  - {id: flag, shell: 'echo set >> HOME/log', effect: change, idempotent: true, cleanup: {shell: 'echo unset >> HOME/log'}}
  - STRETCH
    cleanup: {shell: 'echo released >> HOME/log', when_stopped: owe}
    steps:
INSIDE
  - {id: end, shell: 'test -e HOME/ready', effect: read, on_fail: stop}
";

#[test]
fn what_had_come_to_its_end_is_not_begun_again_because_a_question_in_it_was_cut_off() {
    let inside = "
      - {id: hold, shell: 'echo held >> HOME/log', effect: change, UNDO, cleanup: {shell: 'echo let go >> HOME/log'}}
      - {id: calm, wait: {shell: 'test ! -e HOME/armed || : > HOME/asked; while [ -e HOME/armed ]; do sleep 0.01; done', may_write: [HOME], until: code == 0, timeout: 9s, every: 10ms}}
";
    for stretch in ["id: each\n    for_each: {items: [a, b], as: item}", "id: part\n    group: A part"] {
        for undo in ["undo: {impossible: x}", "undo: {shell: 'echo undone >> HOME/log'}"] {
            let bench = bench(&ANEW.replace("STRETCH", stretch).replace("INSIDE", &inside.replace("UNDO", undo)));
            bench.run(&["run", "x", "--yes"]).exits(6);
            let before = log(&bench);
            assert_eq!(before[before.len() - 2..], ["released", "unset"], "{before:?}");
            bench.file("armed", "");
            bench.file("ready", "");
            let terminal = bench.terminal(100, &["resume", "--yes"]);
            until("it is asked", || bench.path("asked").exists());
            let halligan = processes(&bench).into_iter().find(|pid| is_halligan(*pid)).unwrap();
            kill(Pid::from_raw(halligan), Signal::SIGKILL).unwrap();
            assert_eq!(terminal.end().0, 137);
            std::fs::remove_file(bench.path("armed")).unwrap();
            until("nothing is left of it", || processes(&bench).is_empty());
            let ran = bench.run(&["resume", "--yes"]).exits(0);
            assert_eq!(log(&bench)[before.len()..], ["set", "unset"], "{}", all(&ran));
            bench.run(&["debts"]).exits(0);
            bench.run(&["journal", "verify"]).exits(0);
        }
    }
}

#[test]
fn what_is_done_in_a_group_that_had_come_to_its_end_is_put_back_by_it_again() {
    let inside = "
      - {id: act, shell: 'touch HOME/there; echo act >> HOME/log; test ! -e HOME/armed || { rm HOME/armed; kill -9 $PPID; }', effect: change, idempotent: true, undo: {impossible: x}, done_if: {run: [test, -e, HOME/there]}}
";
    for stretch in ["id: each\n    for_each: {items: [a, b], as: item, batch: 2, parallel: 2}", "id: part\n    group: A part"] {
        for killed in [false, true] {
            let bench = bench(&ANEW.replace("STRETCH", stretch).replace("INSIDE", inside));
            bench.file("there", "");
            bench.run(&["run", "x", "--yes"]).exits(6);
            assert_eq!(log(&bench), ["set", "released", "unset"]);
            std::fs::remove_file(bench.path("there")).unwrap();
            if killed {
                bench.file("armed", "");
                assert_eq!(bench.run(&["resume", "--yes"]).code, None);
                bench.run(&["debts"]).exits(1);
            }
            // It is over now as it was before: what has to be done again later does not begin it again.
            for code in [6, 0] {
                let ran = bench.run(&["resume", "--yes"]).exits(code);
                let log = log(&bench);
                let acted = log.iter().rposition(|line| line == "act").unwrap();
                assert_eq!(log[acted + 1..acted + 3], ["released", "unset"], "{log:?}\n{}", all(&ran));
                assert_eq!(log.iter().filter(|line| *line == "released").count(), 2, "{log:?}\n{}", all(&ran));
                bench.file("ready", "");
            }
            bench.run(&["debts"]).exits(0);
            bench.run(&["journal", "verify"]).exits(0);
        }
    }
}
