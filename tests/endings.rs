//! What is said of the end of a run: on the last screen, in the list, of debts. No word says more than what was seen.

use crate::workbench::{Ran, Workbench};

fn bench(steps: &str) -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook("x", &format!("steps:\n{}", steps.replace("HOME", home.trim_end_matches('/'))));
    bench
}

fn all(ran: &Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}

fn last(bench: &Workbench) -> (String, String) {
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let line = list.lines().last().unwrap().to_owned();
    (line.split_whitespace().next().unwrap().to_owned(), line)
}

#[test]
fn a_debt_is_in_every_telling_of_the_end_until_it_is_settled() {
    let bench = bench("  - {id: flag, run: ['true'], effect: change, undo: {impossible: x}, cleanup: {shell: 'test -e HOME/well'}}\n");
    let ran = bench.run(&["run", "x", "--yes"]).exits(10);
    let (run, listed) = last(&bench);
    for text in [&all(&ran), &listed, &all(&bench.run(&["journal", "show", &run])), &all(&bench.run(&["debts"]).exits(1))] {
        assert!(text.contains("reached the last step") && text.contains("cleanup is owed"), "{text}");
        assert!(!text.contains("completed"), "{text}");
    }
    bench.file("well", "");
    bench.run(&["debts", "--settle", "--yes"]).exits(0);
    assert!(last(&bench).1.ends_with("completed"), "{}", last(&bench).1);
}

#[test]
fn what_a_rollback_leaves_is_said() {
    let bench = bench(
        "
  - {id: read, run: ['true'], effect: read}
  - {id: wiped, run: ['true'], effect: change, undo: {impossible: it is gone}}
  - {id: moved, run: ['true'], effect: change, undo: {run: ['true']}}
  - {id: work, shell: 'test -e HOME/works', effect: read}
",
    );
    bench.run(&["run", "x", "--yes"]).exits(6);
    let (run, _) = last(&bench);
    let ran = bench.run(&["rollback", &run, "--yes"]).exits(0);
    for text in [all(&ran), last(&bench).1, all(&bench.run(&["journal", "show", &run]))] {
        assert!(text.contains("rolled back as far as possible (1 change remains)"), "{text}");
    }
    assert!(all(&ran).contains("remains   wiped"), "{}", all(&ran));
}

#[test]
fn a_rollback_of_nothing_says_so() {
    let bench = bench("  - {id: read, run: ['false'], effect: read}\n");
    bench.run(&["run", "x", "--yes"]).exits(6);
    let (run, _) = last(&bench);
    let ran = bench.run(&["rollback", &run, "--yes"]).exits(0);
    assert!(all(&ran).contains("rolled back (nothing had been changed)"), "{}", all(&ran));
}

#[test]
fn a_resumed_run_that_is_not_confirmed_has_not_changed_nothing() {
    let bench = bench(
        "
  - {id: made, run: [touch, HOME/made], effect: change, undo: {impossible: x}}
  - {id: ask, title: Go on, confirm: {message: Go on?, phrase: on}}
",
    );
    let ran = bench.run(&["run", "x", "--yes"]).exits(5);
    assert!(!all(&ran).contains("nothing was changed"), "{}", all(&ran));
    let ran = bench.run(&["resume", "--yes"]).exits(5);
    assert!(!all(&ran).contains("nothing was changed"), "{}", all(&ran));
}

type Damage = fn(&str) -> String;

/// A journal of which a part cannot be read does not say that nothing is owed.
#[test]
fn debts_of_a_journal_that_cannot_be_read_are_unknown() {
    let steps = "  - {id: flag, run: ['true'], effect: change, undo: {impossible: x}, cleanup: {run: [ls, /does/not/exist]}}\n";
    let damage: [(&str, Damage); 3] = [
        ("a bit flips in a begin", |text| text.replacen("step_began", "step_begun", 1)),
        ("the opening cannot be read", |text| text.replacen("run_opened", "run_open", 1)),
        ("it was emptied", |_| String::new()),
    ];
    for (name, damaged) in damage {
        let bench = bench(steps);
        bench.run(&["run", "x", "--yes"]).exits(10);
        let journal = bench.read("journal/journal.jsonl").unwrap();
        let changed = damaged(&journal);
        assert!(journal != changed, "{name}");
        bench.file("journal/journal.jsonl", &changed);
        let ran = bench.run(&["debts"]);
        assert_eq!(ran.code, Some(9), "{name}: {}", all(&ran));
        assert!(!all(&ran).contains("No debts"), "{name}: {}", all(&ran));
    }
    let moved = bench(steps);
    moved.run(&["run", "x", "--yes"]).exits(10);
    std::fs::remove_file(moved.path("journal/journal.jsonl")).unwrap();
    let ran = moved.run(&["debts"]).exits(9);
    assert!(all(&ran).contains("the journal file was emptied or moved"), "{}", all(&ran));
    // Where nothing was run, nothing is owed.
    bench(steps).run(&["debts"]).exits(0);
}

#[test]
fn a_check_in_a_step_that_only_warns_is_shown_and_the_run_goes_on() {
    let bench = bench(
        "
  - {id: room, probe: {title: There is room, shell: 'echo 3; test -e HOME/room', output: int, severity: warn, message: '{{ output }} GiB left', hint: make room}}
  - {id: work, when: room.output == 3 and not room.ok, shell: 'echo done >> HOME/log', effect: change, undo: {impossible: x}}
",
    );
    let ran = bench.run(&["run", "x", "--yes"]).exits(0);
    assert!(
        all(&ran).contains("warning: 3 GiB left (make room)") && last(&bench).1.ends_with("completed"),
        "{}\n{}",
        all(&ran),
        last(&bench).1
    );
    assert_eq!(bench.read("log").as_deref(), Some("done\n"));
    bench.run(&["journal", "verify"]).exits(0);
    bench.file("room", "");
    bench.run(&["run", "x", "--yes"]).exits(0);
    assert_eq!(bench.read("log").as_deref(), Some("done\n"), "it has passed, and there was nothing to do");
}
