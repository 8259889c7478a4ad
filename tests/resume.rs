//! Runs of the real program that are killed at their most awkward moments, and what is made of them afterwards.
//!
//! Steps kill halligan themselves, the first time that they are come to: so each test dies at exactly the same place. Every
//! effect is a line in `log`, which is the independent witness.

use std::process::Command;

use crate::workbench::{Ran, Workbench};

/// Kills halligan once: `$1` names the place. It is the nearest of its ancestors that is called so, and nothing else.
const KILL: &str = r#"#!/bin/bash
[ -e HOME/armed-$1 ] || exit 0
rm HOME/armed-$1
# What it printed before is not lost with halligan, once that has read it.
case $1 in blind*) for turn in {1..3000}; do ! grep -qrs blind-begins HOME/journal/output || break; sleep 0.01; done ;; esac
pid=$PPID
while [ "$pid" -gt 1 ] && [ "$(cat /proc/$pid/comm)" != halligan ]; do
  pid=$(sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f2)
done
[ "$pid" -gt 1 ] && kill -9 "$pid"
while [ -e /proc/$pid ] && [ "$(sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f1)" != Z ]; do :; done
exit 1
"#;

const BODY: &str = r#"
params:
  items: {list: string, default: [a, b, c], help: Items}
preflight:
  - {id: witness, title: The witness is there, run: [test, -d, HOME]}
steps:
  - id: set_flag
    shell: 'touch HOME/flag; echo set >> HOME/log'
    effect: change
    cleanup: {shell: 'rm HOME/flag; echo unset >> HOME/log'}
  - id: number
    shell: 'echo x >> HOME/numbers; wc -l < HOME/numbers; HOME/strace number'
    effect: read
    output: int
  - id: each
    for_each: {items: "{{ params.items }}", as: item, batch: [1, 2]}
    steps:
      - id: work
        shell: 'HOME/kill before-$ITEM; echo "$ITEM $NUMBER" >> HOME/log; HOME/kill after-$ITEM'
        env: {ITEM: "{{ item }}", NUMBER: "{{ number.output }}"}
        effect: change
        undo: {shell: 'echo "undo $ITEM" >> HOME/log', env: {ITEM: "{{ item }}"}}
        done_if: {title: It is done, run: [grep, -q, "^{{ item }} ", HOME/log]}
      - id: prove
        probe: {title: It shows, shell: 'HOME/strace probe-$ITEM; grep -q "^$ITEM " HOME/log', env: {ITEM: "{{ item }}"}}
  - id: blind
    shell: 'echo blind-begins; HOME/kill blind; echo blind >> HOME/log; HOME/kill blind-after'
    effect: change
    undo: {impossible: it is only a line}
  - id: again
    shell: 'echo again >> HOME/log; HOME/kill again'
    effect: change
    idempotent: true
    undo: {impossible: it is only a line}
"#;

pub(crate) fn bench() -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    bench.runbook("awkward", &BODY.replace("HOME", home));
    let kill = bench.file("kill", &KILL.replace("HOME", home));
    assert!(Command::new("chmod").arg("+x").arg(&kill).status().unwrap().success());
    // A read that is held cannot kill halligan; of this name it is known that it cannot be held.
    std::fs::hard_link(kill, bench.path("strace")).unwrap();
    bench
}

/// Runs it until it is killed at this place.
pub(crate) fn killed(bench: &Workbench, at: &str) {
    bench.file(&format!("armed-{at}"), "");
    let ran = bench.run(&["run", "awkward", "--yes"]);
    assert_eq!(ran.code, None, "it was to be killed at {at}: {ran:?}");
    assert!(!bench.path(&format!("armed-{at}")).exists());
    // The step itself outlives halligan by a moment, and as long as it does a resume would wait for it.
    let home = bench.path("").display().to_string();
    let of_this_test = |entry: std::fs::DirEntry| {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(home.trim_end_matches('/'))
    };
    while std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(of_this_test) {
        std::thread::yield_now();
    }
}

fn log(bench: &Workbench) -> Vec<String> {
    bench.read("log").unwrap_or_default().lines().map(str::to_owned).collect()
}

fn whole(number: usize) -> Vec<String> {
    ["set".to_owned(), format!("a {number}"), format!("b {number}"), format!("c {number}"), "blind".into(), "again".into(), "unset".into()]
        .into()
}

/// The run has come to its end, and the journal holds.
fn came_to_its_end(bench: &Workbench, ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    bench.run(&["journal", "verify"]).exits(0);
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    assert_eq!(list.lines().count(), 2, "the same run, and no other:\n{list}");
    assert!(list.contains("completed"), "{list}");
    bench.run(&["debts"]).exits(0);
    // Twice is once.
    let log = log(bench);
    let again = bench.run(&["resume", "--yes"]).exits(2);
    assert!(again.stderr.contains("has completed"), "{}", again.stderr);
    assert_eq!(self::log(bench), log);
}

#[test]
fn killed_where_a_rule_knows_what_to_do_each_effect_is_there_once() {
    for (at, number) in [("number", 2), ("before-a", 1), ("after-b", 1), ("probe-b", 1), ("before-c", 1), ("probe-c", 1)] {
        let bench = bench();
        killed(&bench, at);
        assert!(bench.path("flag").exists());
        let ran = if at.starts_with("before") {
            // Not done, by its probe, and not idempotent: nobody but a person may say that it is to be run again.
            let refused = bench.run(&["resume", "--yes"]).exits(10);
            assert!(refused.stderr.contains("unknown whether each[item="), "{}", refused.stderr);
            let mut terminal = bench.terminal(100, &["resume"]);
            terminal.expect("in doubt").expect("Continue? [y/N]").send("y\n");
            terminal.expect("Unknown whether each[item=").expect_after("Unknown whether", "n/t/q]").send("n\n");
            let (code, text) = terminal.end();
            Ran { code: Some(code), stdout: text, stderr: String::new() }
        } else {
            bench.run(&["resume", "--yes"])
        };
        came_to_its_end(&bench, &ran);
        assert_eq!(log(&bench), whole(number), "killed at {at}");
        assert!(!bench.path("flag").exists(), "what was set is put back");
    }
}

#[test]
fn what_may_be_run_again_is_and_is_said_to_be() {
    let bench = bench();
    killed(&bench, "again");
    let ran = bench.run(&["resume", "--yes"]);
    assert!(ran.stdout.contains("again      again"), "{}", ran.stdout);
    came_to_its_end(&bench, &ran);
    assert_eq!(log(&bench).iter().filter(|line| *line == "again").count(), 2);
}

#[test]
fn in_doubt_without_a_terminal_nothing_is_touched_and_a_person_decides() {
    for (at, key, blinds) in [("blind", "n", 1), ("blind-after", "d", 1)] {
        let bench = bench();
        killed(&bench, at);
        let before = log(&bench);
        for _ in 0..2 {
            let refused = bench.run(&["resume", "--yes"]).exits(10);
            assert!(refused.stderr.contains("an operator must decide"), "{}", refused.stderr);
            assert_eq!(log(&bench), before);
            assert!(bench.path("flag").exists(), "what is owed stays owed");
        }
        let mut terminal = bench.terminal(100, &["resume"]);
        terminal.expect("in doubt   blind").expect("owed       set_flag").expect("Continue? [y/N]").send("y\n");
        terminal.expect("Unknown whether blind took effect").expect("output:     blind-begins").expect("[d/n/t/q]");
        terminal.send(&format!("{key}\n"));
        let (code, text) = terminal.end();
        came_to_its_end(&bench, &Ran { code: Some(code), stdout: text, stderr: String::new() });
        assert_eq!(log(&bench).iter().filter(|line| *line == "blind").count(), blinds);
        let id = id(&bench);
        let story = bench.run(&["journal", "show", &id]).exits(0).stdout;
        assert!(story.contains("blind in doubt, resolved at the terminal as "), "{story}");
        assert!(story.contains("resumed from where it was left"), "{story}");
    }
}

/// What the operator says is done counts as done for what asks for it later, in this resume and in the next.
#[test]
fn a_step_in_doubt_that_was_done_is_ok_for_all_that_comes_after() {
    let bench = bench();
    let home = bench.path("").display().to_string();
    let body = "steps:
  - {id: blind, shell: 'echo blind-begins; HOME/kill blind-after', effect: change, undo: {impossible: it is only a line}}
  - {id: first, when: blind.ok and blind.ran, shell: 'echo first >> HOME/log; HOME/kill again', effect: change, idempotent: true, undo: {impossible: x}}
  - {id: second, when: blind.ok, shell: 'echo second >> HOME/log', effect: change, undo: {impossible: x}}
";
    bench.runbook("awkward", &body.replace("HOME", home.trim_end_matches('/')));
    killed(&bench, "blind-after");
    bench.file("armed-again", "");
    let mut terminal = bench.terminal(100, &["resume"]);
    terminal.expect("in doubt   blind").expect("Continue? [y/N]").send("y\n");
    terminal.expect("Unknown whether blind took effect").expect("[d/n/t/q]").send("d\n");
    terminal.end();
    assert!(!bench.path("armed-again").exists(), "what depends on it was begun");
    let ran = bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["first", "first", "second"], "{}", ran.stdout);
}

fn id(bench: &Workbench) -> String {
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    list.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_no_leaves_everything_as_it_is() {
    let bench = bench();
    killed(&bench, "after-a");
    let journal = bench.read("journal/journal.jsonl");
    let mut terminal = bench.terminal(100, &["resume"]);
    terminal.expect("done       set_flag, number").expect("Continue? [y/N]").send("\n");
    assert_eq!(terminal.end().0, 5);
    let refused = bench.run(&["resume"]).exits(5);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(bench.read("journal/journal.jsonl"), journal);
    // Neither may a second one be begun without knowing of it.
    let ran = bench.run(&["run", "awkward", "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn every_later_run_says_what_is_owed_until_it_is_settled() {
    let bench = bench();
    killed(&bench, "after-a");
    let listed = bench.run(&["debts"]).exits(1).stdout;
    assert!(listed.contains("owed  set_flag:  bash") && listed.contains("halligan resume"), "{listed}");
    bench.runbook("other", "steps:\n  - {id: look, run: [pwd], effect: read}\n");
    let ran = bench.run(&["run", "other", "--yes"]).exits(0);
    assert!(ran.stderr.contains("cleanups owed on this host: run ") && ran.stderr.contains("owes set_flag"), "{}", ran.stderr);
    // Nobody there to confirm it: it stays.
    bench.run(&["debts", "--settle"]).exits(10);
    assert!(bench.path("flag").exists());
    let mut terminal = bench.terminal(100, &["debts", "--settle"]);
    terminal.expect("Would run:").expect("Continue? [y/N]").send("y\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(!bench.path("flag").exists());
    bench.run(&["debts"]).exits(0);
    bench.run(&["journal", "verify"]).exits(0);
    assert_eq!(bench.run(&["run", "other", "--yes"]).exits(0).stderr, "");
}

#[test]
fn a_rollback_undoes_the_last_first_and_a_failed_undo_is_stuck() {
    let bench = bench();
    killed(&bench, "blind-after");
    let id = id(&bench);
    let ran = bench.run(&["rollback", &id]).exits(5);
    assert!(ran.stdout.contains("stays      blind") && ran.stdout.contains("undo       each[item=c].work"), "{}", ran.stdout);
    let mut terminal = bench.terminal(100, &["rollback", &id]);
    terminal.expect("Continue? [y/N]").send("y\n");
    for item in ["c", "b", "a"] {
        terminal.expect(&format!("Undo each[item={item}].work")).expect_after(&format!("Undo each[item={item}].work"), "[y/N]").send("y\n");
    }
    terminal.expect("Run the cleanup of set_flag").expect_after("Run the cleanup of", "[y/N]").send("y\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(log(&bench)[5..], ["undo c", "undo b", "undo a", "unset"]);
    bench.run(&["journal", "verify"]).exits(0);
    bench.run(&["resume", &id, "--yes"]).exits(2);
    bench.run(&["rollback", &id, "--yes"]).exits(2);

    let bench = self::bench();
    let text = std::fs::read_to_string(bench.path("runbooks/awkward.yaml")).unwrap();
    bench.file("runbooks/awkward.yaml", &text.replace("echo \"undo $ITEM\"", "[ $ITEM != b ] && echo \"undo $ITEM\""));
    killed(&bench, "blind-after");
    let id = self::id(&bench);
    let ran = bench.run(&["rollback", &id, "--yes"]).exits(8);
    assert!(ran.stderr.contains(" stuck: an undo failed at "), "{}", ran.stderr);
    assert_eq!(log(&bench)[5..], ["undo c", "unset"], "nothing before the stuck one is undone");
    assert!(bench.run(&["resume", &id, "--yes"]).exits(8).stderr.contains("being rolled back"));
}

#[test]
fn what_has_changed_or_was_not_real_is_refused() {
    let bench = bench();
    bench.run(&["run", "awkward", "--dry-run"]).exits(0);
    let dry = id(&bench);
    let refused = bench.run(&["resume", &dry, "--yes"]).exits(2);
    assert!(refused.stderr.contains("only real runs"), "{}", refused.stderr);
    killed(&bench, "after-a");
    let refused = bench.run(&["resume", "--yes", "--set", "items=a"]).exits(2);
    assert!(refused.stderr.contains("started with other parameters"), "{}", refused.stderr);
    let text = std::fs::read_to_string(bench.path("runbooks/awkward.yaml")).unwrap();
    bench.file("runbooks/awkward.yaml", &text.replace("echo set ", "echo changed "));
    let refused = bench.run(&["resume", "--yes"]).exits(3);
    assert!(refused.stderr.contains("has changed since"), "{}", refused.stderr);
    // One that is gone was not changed: the journal has its text.
    std::fs::remove_file(bench.path("runbooks/awkward.yaml")).unwrap();
    bench.run(&["resume", "--yes"]).exits(0);
    // The dry run has not run what it could not hold.
    assert_eq!(log(&bench), whole(1));
}

#[test]
fn a_damaged_journal_is_not_gone_by_unless_the_operator_says_which() {
    let bench = bench();
    killed(&bench, "after-a");
    let path = bench.path("journal/journal.jsonl");
    let mut bytes = std::fs::read(&path).unwrap();
    let third = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).unwrap().0 + 300;
    bytes[third] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let refused = bench.run(&["resume", "--yes"]).exits(9);
    let digest = refused.stderr.split("--accept-damaged").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    bench.run(&["resume", "--yes", "--accept-damaged", &"0".repeat(64)]).exits(9);
    let asked = bench.run(&["resume", "--yes", "--accept-damaged", &digest]);
    assert_eq!(asked.code, Some(10), "{}{}", asked.stdout, asked.stderr);
    assert_eq!(log(&bench), ["set", "a 1"]);
}

#[test]
fn a_torn_last_record_is_as_if_it_had_not_been_written() {
    let bench = bench();
    killed(&bench, "after-a");
    let path = bench.path("journal/journal.jsonl");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 40]).unwrap();
    let ran = bench.run(&["resume", "--yes"]);
    came_to_its_end(&bench, &ran);
    assert_eq!(log(&bench), whole(1));
}

#[test]
fn beside_a_command_that_still_runs_nothing_is_started() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    let body = "steps:\n  - id: long\n    shell: 'kill -9 $PPID; until [ -e HOME/go ]; do sleep 0.05; done; echo long >> HOME/log'\n    \
                effect: change\n    undo: {impossible: a line}\n    done_if: {title: It is there, run: [test, -e, HOME/log]}\n";
    bench.runbook("long", &body.replace("HOME", home));
    assert_eq!(bench.run(&["run", "long", "--yes"]).code, None);
    let refused = bench.run(&["resume"]).exits(10);
    assert!(
        refused.stderr.contains("is still running") && refused.stdout.contains("running    long"),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    let mut terminal = bench.terminal(100, &["resume", "--yes"]);
    terminal.expect("waiting for process");
    bench.file("go", "");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(bench.read("log").as_deref(), Some("long\n"));
}

#[test]
fn a_failed_step_is_asked_about_and_what_was_put_back_is_set_again() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    let body = "steps:\n  - id: set_flag\n    shell: 'touch HOME/flag; echo set >> HOME/log'\n    effect: change\n    \
                cleanup: {shell: 'rm HOME/flag'}\n  - id: once\n    shell: 'echo once >> HOME/log'\n    effect: change\n    undo: {impossible: a line}\n  \
                - id: fails\n    shell: 'echo try >> HOME/log; test -e HOME/fixed'\n    effect: change\n    on_fail: stop\n    undo: {impossible: a line}\n";
    bench.runbook("failing", &body.replace("HOME", home));
    let ran = bench.run(&["run", "failing", "--yes"]).exits(6);
    assert!(ran.stderr.contains("halligan resume"), "{}", ran.stderr);
    assert!(!bench.path("flag").exists());
    bench.run(&["resume", "--yes"]).exits(10);
    assert_eq!(log(&bench), ["set", "once", "try", "set"], "nobody said that it may be tried again");
    bench.file("fixed", "");
    let mut terminal = bench.terminal(100, &["resume", "--yes"]);
    terminal.expect("fails had failed").expect("[t/q/b]").send("t\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(log(&bench).iter().filter(|line| *line == "once").count(), 1);
    assert!(!bench.path("flag").exists());
    bench.run(&["journal", "verify"]).exits(0);
}

/// A group that keeps what it has set when the run stops, and what makes it fail.
const KEEPS: &str = "steps:
  - id: held
    group: Held
    on_fail: ON_FAIL
    cleanup: {shell: 'rm HOME/flag; echo unset >> HOME/log', when_stopped: owe}
    steps:
      - id: set_flag
        shell: 'touch HOME/flag; echo set >> HOME/log'
        effect: change
        undo: {impossible: the group does it}
      - id: fails
        probe: {title: It is fixed, run: [test, -e, HOME/fixed]}
  - id: after
    run: [tee, HOME/after]
    effect: change
    undo: {impossible: a file}
";

fn keeping(on_fail: &str) -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook("keeps", &KEEPS.replace("HOME", home.trim_end_matches('/')).replace("ON_FAIL", on_fail));
    bench
}

#[test]
fn what_a_stopped_run_keeps_is_owed_and_a_resume_goes_on_from_it() {
    let bench = keeping("stop");
    let ran = bench.run(&["run", "keeps", "--yes"]).exits(6);
    assert!(ran.stderr.contains("held") && ran.stderr.contains("owed"), "{}", ran.stderr);
    assert_eq!(log(&bench), ["set"], "it is not put back");
    assert!(bench.run(&["debts"]).exits(1).stdout.contains("owed  held:  bash"));
    bench.file("fixed", "");
    bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["set", "unset"], "what was set stood, was not set again, and was cleanup at the end");
    bench.run(&["debts"]).exits(0);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_a_stopped_run_keeps_is_put_back_by_a_rollback() {
    let bench = keeping("stop");
    bench.run(&["run", "keeps", "--yes"]).exits(6);
    bench.run(&["rollback", &id(&bench), "--yes"]).exits(0);
    assert_eq!(log(&bench), ["set", "unset"]);
    bench.run(&["debts"]).exits(0);
}

#[test]
fn what_is_passed_over_is_no_stop_so_nothing_stays_owed() {
    let bench = keeping("continue");
    bench.run(&["run", "keeps", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["set", "unset"]);
    assert!(bench.path("after").exists());
    bench.run(&["debts"]).exits(0);
}

/// Another start of the machine, as far as the program can see, where the test may make it look so.
#[test]
fn after_a_restart_of_the_machine_its_processes_are_known_dead() {
    let bench = bench();
    killed(&bench, "blind-after");
    let boot = bench.file("boot_id", "00000000-0000-4000-8000-00000000beef\n");
    let inside =
        format!("mount --bind {} /proc/sys/kernel/random/boot_id && exec {} resume --yes", boot.display(), env!("CARGO_BIN_EXE_halligan"));
    let output = bench.program("unshare").args(["--mount", "--map-root-user", "bash", "-c", &inside]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(10), "{stdout}{stderr}");
    let stdout = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(stdout.contains("this host was rebooted since") && stdout.contains("the reboot ended its process"), "{stdout}");
}

#[test]
fn the_password_for_sudo_is_asked_for_as_in_the_run() {
    let bench = bench();
    killed(&bench, "after-a");
    let refused = bench.run(&["resume", "--yes", "--ask-sudo-password"]).exits(2);
    assert!(refused.stderr.contains("there is no terminal"), "{}", refused.stderr);
    let mut terminal = bench.terminal(100, &["resume", "--yes", "--ask-sudo-password"]);
    terminal.expect("sudo password: ").send("open sesame\r");
    let (code, text) = terminal.end();
    came_to_its_end(&bench, &Ran { code: Some(code), stdout: text.clone(), stderr: String::new() });
    assert!(!text.contains("open sesame") && !bench.read("journal/journal.jsonl").unwrap().contains("open sesame"));
}

#[test]
fn a_run_whose_terminal_was_closed_is_taken_up_again() {
    let bench = bench();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    bench.runbook(
        "awkward",
        &BODY.replace("HOME/kill before-$ITEM;", "[ $ITEM = a ] || until [ -e HOME/go ]; do :; done;").replace("HOME", home),
    );
    let mut terminal = bench.terminal(100, &["run", "awkward", "--yes"]);
    terminal.expect("✓ a  2 steps, 1 change").expect("b · work");
    crate::signals::until("b is under way", || {
        let journal = bench.read("journal/journal.jsonl").unwrap_or_default();
        journal.lines().any(|line| line.contains("\"step_spawned\"") && line.contains("each[item=b].work\",\"part\":\"main\""))
    });
    // Its window is closed: the kernel sends HUP, and every later write to it fails.
    terminal.hang_up();
    bench.file("go", "");
    assert_eq!(terminal.end().0, 130);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains("\"interrupted\"") && journal.contains("SIGHUP") && journal.contains("\"run_closed\""), "{journal}");
    assert!(!bench.path("flag").exists(), "what was set is put back");
    let done = log(&bench);
    assert!(done.contains(&"a 1".to_owned()) && !done.iter().any(|line| line.starts_with("c ")), "{done:?}");
    let ran = bench.run(&["resume", "--yes"]);
    came_to_its_end(&bench, &ran);
    for item in ["a 1", "b 1", "c 1"] {
        assert_eq!(log(&bench).iter().filter(|line| *line == item).count(), 1, "{:?}", log(&bench));
    }
    assert!(!bench.path("flag").exists());
}

#[test]
fn a_run_that_died_inside_a_runbook_that_it_calls_goes_on_inside_it() {
    for at in ["first-after", "second"] {
        let bench = bench();
        let home = bench.path("").display().to_string();
        let home = home.trim_end_matches('/');
        bench.runbook(
            "inner",
            &r"params: {name: {type: string, help: A name}}
preflight:
  - {id: untouched, title: Nothing is done here yet, shell: '! grep -q first HOME/log', once: true}
  - {id: number, title: A number, shell: 'echo y >> HOME/inner; wc -l < HOME/inner', may_write: [HOME], output: int, expect: output > 0}
steps:
  - id: first
    shell: 'echo first-$NAME-$NUMBER >> HOME/log; HOME/kill first-after'
    env: {NAME: '{{ params.name }}', NUMBER: '{{ number.output }}'}
    effect: change
    cleanup: {shell: 'echo inner-unset >> HOME/log'}
    done_if: {title: It is there, run: [grep, -q, first, HOME/log]}
  - id: second
    shell: 'HOME/kill second; echo second-$NUMBER >> HOME/log'
    env: {NUMBER: '{{ number.output }}'}
    effect: change
    idempotent: true
    undo: {impossible: a line}
"
            .replace("HOME", home),
        );
        bench.runbook(
            "outer",
            &"steps:\n  - {id: before, shell: 'echo before >> HOME/log', effect: change, undo: {impossible: a line}}\n  \
               - {id: sub, call: inner, params: {name: x}}\n  \
               - {id: after, shell: 'echo after >> HOME/log', effect: change, undo: {impossible: a line}}\n"
                .replace("HOME", home),
        );
        bench.file(&format!("armed-{at}"), "");
        assert_eq!(bench.run(&["run", "outer", "--yes"]).code, None, "killed at {at}");
        let ran = bench.run(&["resume", "--yes"]);
        came_to_its_end(&bench, &ran);
        assert_eq!(log(&bench), ["before", "first-x-1", "second-1", "inner-unset", "after"], "killed at {at}\n{}", ran.stdout);
    }
}

/// The step takes away what its own halligan may write, once it is recorded itself: the next record fails as on a full disk.
fn poisoned(printed: &str) -> (Workbench, String, String) {
    let bench = bench();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    bench.runbook(
        "awkward",
        &BODY
            .replace(
                "echo blind-begins; HOME/kill blind; echo blind >> HOME/log; HOME/kill blind-after",
                &"PRINTED; echo blind >> HOME/log; [ -e HOME/once ] || { touch HOME/once; \
                  until grep -qF pid\\\":$$, HOME/journal/journal.jsonl; do sleep 0.01; done; prlimit --pid $PPID --fsize=8192; }"
                    .replace("PRINTED", printed),
            )
            .replace("HOME", home),
    );
    let mut terminal = bench.shell(100, "trap '' XFSZ; \"$HALLIGAN\" run awkward --yes");
    terminal.expect("journal head");
    let (code, text) = terminal.end();
    assert_eq!(code, 9, "{text}");
    let id = id(&bench);
    assert_eq!(log(&bench).last().map(String::as_str), Some("blind"), "nothing was started after it:\n{text}");
    (bench, id, text)
}

/// Where the records of a run went, and that they are gone from there when the test is over.
struct Elsewhere(std::path::PathBuf);

impl Elsewhere {
    fn of(id: &str) -> Self {
        Self(format!("/run/halligan/emergency-{id}.jsonl").into())
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn what_was_kept_elsewhere_when_the_journal_failed_is_taken_over_and_no_longer_in_doubt() {
    let (bench, id, text) = poisoned("echo blind-begins");
    let elsewhere = Elsewhere::of(&id);
    if !elsewhere.0.exists() {
        // Not root: it was printed in full, and a person decides.
        assert!(text.contains("printed in full"), "{text}");
        bench.run(&["resume", "--yes"]).exits(10);
        return;
    }
    assert!(text.contains("/run/halligan/emergency-") && text.contains(&format!("halligan resume {id}")), "{text}");
    let ran = bench.run(&["resume", "--yes"]);
    assert!(ran.stdout.contains("blind passed") && !ran.stdout.contains("in doubt"), "{}", ran.stdout);
    came_to_its_end(&bench, &ran);
    assert_eq!(log(&bench).iter().filter(|line| *line == "blind").count(), 1);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    let text = std::fs::read(&elsewhere.0).unwrap();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let hash = halligan::door::journal::Digest::of(line).to_string();
        assert_eq!(journal.matches(&hash).count(), 1, "each is named once, by its hash");
    }
}

#[test]
fn what_was_kept_elsewhere_and_is_not_beyond_doubt_is_shown_and_asked_about() {
    for way in ["changed", "cut short"] {
        let (bench, id, _) = poisoned("echo blind-begins");
        let elsewhere = Elsewhere::of(&id);
        let Ok(bytes) = std::fs::read(&elsewhere.0) else { continue };
        let changed = String::from_utf8(bytes.clone()).unwrap().replacen("\"code\":0", "\"code\":1", 1).into_bytes();
        let spoilt = if way == "changed" { &changed[..] } else { &bytes[..bytes.len() / 2] };
        assert_ne!(spoilt, &bytes[..]);
        std::fs::write(&elsewhere.0, spoilt).unwrap();
        let asked = bench.run(&["resume", "--yes"]).exits(10);
        let told = asked.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("cannot be trusted") && told.contains("in doubt blind"), "{way}: {}", asked.stdout);
        // The records of another run are none of this one.
        std::fs::write(
            &elsewhere.0,
            std::fs::read_to_string(bench.path("journal/journal.jsonl")).unwrap().lines().next().unwrap().to_owned() + "\n",
        )
        .unwrap();
        bench.run(&["resume", "--yes"]).exits(10);
        bench.run(&["journal", "verify"]).exits(0);
    }
}

/// Each of its steps can tell whether it was done.
const TELLING: &str = r#"
steps:
  - id: set_flag
    shell: 'echo set >> HOME/log'
    effect: change
    done_if: {title: It is set, run: [grep, -q, ^set, HOME/log]}
    cleanup: {shell: 'echo unset >> HOME/log'}
  - id: each
    for_each: {items: [a, b], as: item}
    steps:
      - id: work
        shell: 'echo "$ITEM" >> HOME/log'
        env: {ITEM: "{{ item }}"}
        effect: change
        undo: {impossible: a line}
        done_if: {title: It is done, run: [grep, -q, "^{{ item }}", HOME/log]}
  - id: last
    shell: 'echo last >> HOME/log'
    effect: change
    undo: {impossible: a line}
    done_if: {title: It is there, run: [grep, -q, ^last, HOME/log]}
"#;

#[test]
fn cut_in_the_midst_of_any_record_the_rest_is_done_once() {
    let bench = bench();
    let home = bench.path("").display().to_string();
    bench.runbook("awkward", &TELLING.replace("HOME", home.trim_end_matches('/')));
    bench.run(&["run", "awkward", "--yes"]).exits(0);
    let whole = std::fs::read(bench.path("journal/journal.jsonl")).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(lines.len() > 25, "{}", lines.len());
    let mut taken_up = 0;
    for record in 1..lines.len() {
        let before: usize = lines[..record].iter().map(|line| line.len()).sum();
        for length in [1, lines[record].len() / 2, lines[record].len() - 1] {
            std::fs::write(bench.path("journal/journal.jsonl"), &whole[..before + length]).unwrap();
            bench.file("log", "set\na\nb\nlast\n");
            let whole_but_its_newline = length == lines[record].len() - 1;
            let told = bench.run(&["journal", "verify"]).exits(1).stdout;
            assert!(told.starts_with(&format!("invalid at line {}: ", record + 1)), "{told}");
            let ran = bench.run(&["resume", "--yes"]);
            // The last record says that it is complete: it needs nothing but its newline.
            let complete = record == lines.len() - 1 && whole_but_its_newline;
            assert_eq!(ran.code, Some(if complete { 2 } else { 0 }), "record {record}, {length} bytes: {}{}", ran.stdout, ran.stderr);
            let done: Vec<_> = log(&bench).into_iter().filter(|line| line != "unset").collect();
            assert_eq!(done, ["set", "a", "b", "last"], "record {record}, {length} bytes: {}", ran.stdout);
            bench.run(&["journal", "verify"]).exits(0);
            taken_up += usize::from(!complete);
        }
    }
    assert!(taken_up > 70, "{taken_up}");
}

#[test]
fn where_there_is_no_room_to_record_its_end_a_change_does_not_begin() {
    let bench = bench();
    let home = bench.path("").display().to_string();
    bench.runbook("awkward", &TELLING.replace("HOME", home.trim_end_matches('/')));
    std::fs::create_dir(bench.path("journal")).unwrap();
    // A file system of its own, with room for all records and not for what is kept free; later there is room.
    let script = format!(
        "mount -t tmpfs -o size=96k,mode=0700 none journal; \"$0\" run awkward --yes; echo \"ran $?\"; cat log; \
         grep -c step_began journal/journal.jsonl; \"$0\" journal verify; mount -o remount,size=9m journal; \
         \"$0\" resume --yes --journal-dir {0}; echo \"resumed $?\"; \"$0\" journal verify --journal-dir {0}",
        bench.path("journal").display()
    );
    let mut command = bench.program("unshare");
    let output = command.args(["--mount", "--map-root-user", "bash", "-c", &script, env!("CARGO_BIN_EXE_halligan")]).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("there is no room on the disk to record how a change ends"), "{text}");
    // One command was begun: the probe that asks whether it was set. `cat` has no log to show.
    assert!(!text.contains("had begun") && !text.contains(" owed "), "what did not begin owes nothing: {text}");
    assert!(text.contains("ran 9 1 valid, unanchored") && text.contains("resumed 0 valid, unanchored"), "{text}");
    assert_eq!(log(&bench), ["set", "a", "b", "last", "unset"]);
}

fn id_of(bench: &Workbench, directory: &str) -> String {
    let list = bench.run(&["journal", "list", "--journal-dir", directory]).exits(0).stdout;
    list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_journal_is_gone_on_with_from_a_copy_on_another_file_system() {
    let bench = bench();
    killed(&bench, "after-a");
    let there = tempfile::tempdir_in("/dev/shm").unwrap();
    let copy = there.path().join("journal");
    let copied = Command::new("cp").arg("-a").arg(bench.path("journal")).arg(&copy).status().unwrap();
    assert!(copied.success());
    std::fs::rename(bench.path("journal"), bench.path("lost")).unwrap();
    let directory = copy.display().to_string();
    // Its original may be gone on with as well: nobody can tell that from here but a person.
    for command in [&["resume", "--yes"][..], &["debts", "--settle", "--yes"]] {
        let refused = bench.run(&[command, &["--journal-dir", &directory]].concat()).exits(10);
        let told = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("is a copy: it was written in another file") && told.contains("--accept-copy"), "{refused:?}");
    }
    let before = std::fs::read(copy.join("journal.jsonl")).unwrap();
    assert_eq!(before, std::fs::read(bench.path("lost/journal.jsonl")).unwrap(), "nothing was recorded");
    bench.run(&["resume", "--yes", "--accept-copy", "--journal-dir", &directory]).exits(0);
    assert_eq!(log(&bench), whole(1));
    // It is the journal now, and not asked about again; what is copied from it is.
    bench.run(&["debts", "--settle", "--yes", "--journal-dir", &directory]).exits(0);
    let mine = bench.path("moved").display().to_string();
    assert!(Command::new("cp").arg("-a").arg(&copy).arg(&mine).status().unwrap().success());
    bench.run(&["rollback", "--yes", "--journal-dir", &mine, &id_of(&bench, &mine)]).exits(10);
    bench.run(&["journal", "verify", "--journal-dir", &directory]).exits(0);
    assert!(!bench.path("journal").exists(), "nothing was begun where it had been");
}

const ELSEWHERE: &str = r#"
steps:
  - {id: save, shell: 'echo saved > map', effect: change, undo: {run: [rm, map]}}
  - {id: work, shell: 'HOME/strace work; echo "$KUBECONFIG $CEPH_ARGS" > HOME/seen; cat map', effect: read}
"#;

/// A run begun on one cluster is never gone on with on another: what says which one is kept with the run.
#[test]
fn a_run_goes_on_where_it_was_begun_and_with_what_it_was_begun_with() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/').to_owned();
    // It kills halligan, so it has a name of which it is known that it cannot be held.
    bench.file("strace", &KILL.replace("HOME", &home));
    std::fs::set_permissions(bench.path("strace"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.file("armed-work", "");
    bench.runbook("elsewhere", &ELSEWHERE.replace("HOME", &home));
    for directory in ["here", "there"] {
        std::fs::create_dir(bench.path(directory)).unwrap();
        bench.file(&format!("{directory}.conf"), "");
    }
    let runbook = bench.path("runbooks/elsewhere.yaml").display().to_string();
    let halligan = |directory: &str, config: Option<&str>, arguments: &[&str]| {
        let mut command = bench.program(env!("CARGO_BIN_EXE_halligan"));
        command.args(arguments).current_dir(bench.path(directory));
        if let Some(config) = config {
            command.env("KUBECONFIG", bench.path(config)).env("CEPH_ARGS", "--cluster prod");
        }
        // Left out, whoever runs this.
        command.env("XDG_RUNTIME_DIR", "/nowhere");
        Ran::of(command.output().unwrap())
    };
    let begun = halligan("here", Some("here.conf"), &["run", &runbook, "--yes"]);
    assert_eq!(begun.code, None, "{}", begun.stderr);
    assert!(begun.stdout.contains(&format!("KUBECONFIG = {home}/here.conf")), "{}", begun.stdout);
    let resumed = halligan("there", None, &["resume", "--yes"]).exits(0);
    assert_eq!(bench.read("seen").unwrap(), format!("{home}/here.conf --cluster prod\n"));
    for told in [format!("commands run in {home}/here, where the run began"), "commands get KUBECONFIG as when the run began".to_owned()] {
        assert!(resumed.stderr.contains(&told), "{told}: {}", resumed.stderr);
    }
    assert_eq!(resumed.stderr.matches("XDG_RUNTIME_DIR is not passed on").count(), 1, "{}", resumed.stderr);

    // It cannot be gone on with where it was begun: nothing is started, and nothing is undone elsewhere.
    bench.file("armed-work", "");
    halligan("here", Some("here.conf"), &["run", &runbook, "--yes"]);
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let run = list.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    bench.file("there/map", "somebody else's");
    std::fs::rename(bench.path("here"), bench.path("gone")).unwrap();
    for arguments in [&["resume", "--yes"][..], &["rollback", &run, "--yes"]] {
        let refused = halligan("there", Some("there.conf"), arguments).exits(2);
        assert!(refused.stderr.contains("which is no directory any more"), "{}", refused.stderr);
    }
    std::fs::rename(bench.path("gone"), bench.path("here")).unwrap();
    halligan("there", Some("there.conf"), &["rollback", &run, "--yes"]).exits(0);
    assert!(bench.path("there/map").exists() && !bench.path("here/map").exists());
}

/// Whether an undo took effect that was cut off is for a person to say, as it is of a step.
#[test]
fn an_undo_that_was_cut_off_is_not_run_again_on_a_flag() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    bench.file("kill", &KILL.replace("HOME", home));
    std::fs::set_permissions(bench.path("kill"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let undo = "undo: {shell: 'echo undoing >> HOME/log; HOME/kill undo'}";
    let steps = "steps:\n  - {id: made, shell: 'echo made >> HOME/log', effect: change, UNDO}\n  - {id: end, shell: 'exit 1', effect: read, on_fail: stop}\n";
    bench.runbook("x", &steps.replace("UNDO", undo).replace("HOME", home));
    bench.run(&["run", "x", "--yes"]).exits(6);
    let run = id(&bench);
    bench.file("armed-undo", "");
    assert_eq!(bench.run(&["rollback", &run, "--yes"]).code, None);
    // However often it is asked for.
    for _ in 0..2 {
        let refused = bench.run(&["rollback", &run, "--yes", "--confirm", "made=yes"]).exits(10);
        assert!(refused.stderr.contains("unknown whether the undo of made took effect"), "{}", refused.stderr);
        assert_eq!(log(&bench), ["made", "undoing"]);
    }
    let mut terminal = bench.terminal(100, &["rollback", &run, "--yes"]);
    terminal.expect("Unknown whether the undo of made took effect").expect("[t/q]").send("t\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(log(&bench), ["made", "undoing", "undoing"]);
    bench.run(&["journal", "verify"]).exits(0);
}
