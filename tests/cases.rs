//! One step, several ways: the case that was chosen is done, proved and taken back, and is not chosen again.
//!
//! Every effect is a line in `log`, which is the independent witness.

use crate::workbench::{Ran, Workbench};

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

fn all(ran: &Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}

pub(crate) fn last_run(bench: &Workbench) -> String {
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned()
}

const KNOWN: &str = "
params:
  manager: {type: enum, choices: [systemd, rook], default: systemd, help: How}
steps:
  - id: bounce
    title: Restart it
    effect: change
    choose: params.manager
    cases:
      systemd: {shell: 'echo systemd >> HOME/log'}
      rook:
        shell: 'echo rook >> HOME/log; exit 3'
        done_if: {shell: 'test -e HOME/rook-done'}
        undo: {shell: 'echo rook undone >> HOME/log'}
    undo: {shell: 'echo undone >> HOME/log'}
    cleanup: {shell: 'echo put back >> HOME/log'}
    on_fail: rollback
  - {id: after, shell: 'test bounce = bounce', effect: read}
";

#[test]
fn what_is_chosen_is_done_and_the_other_is_nowhere() {
    let bench = bench(KNOWN);
    let dry = bench.run(&["run", "x", "--dry-run"]).exits(0);
    assert!(all(&dry).contains("echo systemd") && !all(&dry).contains("rook"), "{}", all(&dry));
    assert_eq!(log(&bench), [""; 0]);
    let ran = bench.run(&["run", "x", "--yes"]).exits(0);
    assert!(!all(&ran).contains("rook") && !all(&ran).contains("skipped"), "{}", all(&ran));
    assert_eq!(log(&bench), ["systemd", "put back"]);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains(r#""case":"systemd""#), "{journal}");
    // Its own key goes before that of the step, which stands for the rest.
    let ran = bench.run(&["run", "x", "--yes", "--set", "manager=rook"]).exits(7);
    assert_eq!(log(&bench)[2..], ["rook", "rook undone", "put back"], "{}", all(&ran));
    bench.file("rook-done", "");
    let ran = bench.run(&["run", "x", "--yes", "--set", "manager=rook"]).exits(0);
    assert!(all(&ran).contains("already"), "{}", all(&ran));
    assert_eq!(log(&bench).len(), 5);
    bench.run(&["journal", "verify"]).exits(0);
    let shown = bench.run(&["show", "x"]).exits(0).stdout;
    assert!(shown.contains("by params.manager:") && shown.contains("systemd:") && shown.contains("rook:"), "{shown}");
    assert_eq!(shown.matches("at the end:").count(), 1, "{shown}");
}

/// Which case it is is read from a file, which has changed by the time of the resume or the rollback.
const READ: &str = "
steps:
  - {id: which, run: [cat, HOME/which], effect: read}
  - id: each
    for_each: {items: [1], as: i}
    steps:
      - id: act
        effect: change
        choose: which.output
        cases:
          one: {shell: 'echo one >> HOME/log; test -e HOME/ready', undo: {shell: 'echo one undone >> HOME/log'}}
          two: {shell: 'echo two >> HOME/log', undo: {shell: 'echo two undone >> HOME/log'}}
        idempotent: true
  - {id: last, shell: 'test -e HOME/well', effect: read}
";

#[test]
fn what_was_chosen_is_not_chosen_again() {
    let bench = bench(
        &READ
            .replace("  - {id: which, run: [cat, HOME/which], effect: read}\n", "")
            .replace("choose: which.output", "choose: vars.which")
            .replace(
                "\nsteps:\n",
                "\npreflight:\n  - {id: which, run: [cat, HOME/which]}\nvars: {which: \"{{ which.output }}\"}\nsteps:\n",
            ),
    );
    bench.file("which", "one");
    bench.run(&["run", "x", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["one"]);
    // The preflight of a resume asks anew, and finds another.
    bench.file("which", "two");
    bench.file("ready", "");
    bench.run(&["resume", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["one", "one"]);
    let ran = bench.run(&["rollback", &last_run(&bench), "--yes", "--confirm", "each[i=1].act=yes"]).exits(0);
    assert_eq!(log(&bench), ["one", "one", "one undone"], "{}", all(&ran));
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_the_case_depends_on_is_told_and_a_value_without_one_fails() {
    let bench = bench(READ);
    bench.file("which", "three");
    let ran = bench.run(&["run", "x", "--yes"]).exits(6);
    assert!(all(&ran).contains("`which.output` is `three`, for which there is no case; there are one, two"), "{}", all(&ran));
    assert_eq!(log(&bench), [""; 0]);
    bench.file("which", "two");
    bench.file("well", "");
    // What was read once is what a resume goes by.
    bench.run(&["resume", "--yes"]).exits(6);
    assert_eq!(log(&bench), [""; 0]);
    bench.run(&["run", "x", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["two"]);
    // Known before the run: nothing is begun.
    let known = self::bench(&READ.replace("choose: which.output", "choose: \"'t' ~ i\""));
    known.file("which", "one");
    for mode in ["--yes", "--dry-run"] {
        let ran = known.run(&["run", "x", mode]).exits(4);
        assert!(all(&ran).contains("each[i=1].act: `'t' ~ i` is `t1`, for which there is no case"), "{}", all(&ran));
    }
    assert_eq!(log(&known), [""; 0]);
}

#[test]
fn a_change_whose_case_is_not_known_yet_is_predicted_and_confirmed_as_such() {
    let bench = bench(
        "
steps:
  - {id: made, shell: 'echo one > HOME/made; cat HOME/made', effect: change, undo: {impossible: x}}
  - id: sure
    confirm: {message: Sure?, phrase: wipe, covers: [act]}
  - id: act
    choose: made.output
    cases:
      one: {shell: 'echo one >> HOME/log', effect: destroy}
      two: {shell: 'echo two >> HOME/log', effect: change, undo: {impossible: x}}
",
    );
    let dry = bench.run(&["run", "x", "--dry-run"]).exits(0);
    assert!(all(&dry).contains("made"), "{}", all(&dry));
    assert_eq!(log(&bench), [""; 0]);
    bench.run(&["run", "x", "--yes", "--confirm", "sure=wipe"]).exits(0);
    assert_eq!(log(&bench), ["one"]);
}
