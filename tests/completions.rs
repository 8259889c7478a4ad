//! What halligan answers a shell that completes an argument. `tests/shells.rs` drives the shells themselves.

use crate::workbench::{Ran, Workbench};

fn bench() -> Workbench {
    let bench = Workbench::new().variable("HALLIGAN_COMPLETE", "fish");
    bench.runbook(
        "drill",
        "params:\n  loudness: {type: enum, choices: [quiet, loud], default: loud, help: How loud it is}\n  \
         hosts: {list: enum, choices: [alpha, beta, gamma], default: [alpha], help: Where}\n  \
         wait: {type: duration, default: 30s, help: How long}\n  sure: {type: bool, default: false, help: Whether}\n\
         vars: {said: \"{{ params.loudness }} {{ params.hosts }} {{ params.wait }} {{ params.sure }}\"}\n\
         preflight:\n  - {id: room, title: Room is left, run: ['true'], expect: code == 0}\n\
         steps:\n  - {id: sure, title: Ask, confirm: {message: \"{{ vars.said }}\", phrase: yes really}}\n  - {id: other, call: inner}\n",
    );
    bench.runbook(
        "inner",
        "steps:\n  - {id: deep, title: Deep down, manual: {message: Do it}}\n  \
         - {id: mark, run: [touch, mark], effect: change, undo: {impossible: a test}}\n",
    );
    bench.file("runbooks/scenarios/drill/all-well.yaml", "");
    bench
}

/// What could stand in place of the last of these words: each value with what it is.
fn offered(bench: &Workbench, words: &str) -> Vec<String> {
    let words: Vec<&str> = ["--", "halligan"].into_iter().chain(words.split(' ')).collect();
    let Ran { stdout, stderr, .. } = bench.run(&words).exits(0);
    assert_eq!(stderr, "");
    stdout.lines().map(str::to_owned).collect()
}

#[test]
fn values_are_completed() {
    let bench = bench();
    for (words, values) in [
        ("run dri", &["drill\tTry drill"][..]),
        ("run drill --set lo", &["loudness=\tHow loud it is"]),
        ("run drill --set loudness=quiet --set ", &["hosts=\tWhere", "wait=\tHow long", "sure=\tWhether"]),
        ("run drill --set loudness=", &["loudness=quiet", "loudness=loud\tdefault"]),
        ("run drill --set hosts=alpha,", &["hosts=alpha,beta", "hosts=alpha,gamma"]),
        ("run drill --set wait=", &["wait=30s\tdefault"]),
        ("run drill --set=sure=", &["--set=sure=true", "--set=sure=false\tdefault"]),
        ("run drill --set nothing=", &[]),
        ("run drill --confirm ", &["sure=\tAsk", "deep=\tDeep down"]),
        ("run drill --override ", &["room=\tRoom is left"]),
        ("rehearse drill --scenario ", &["all-well"]),
        ("rehearse drill --fault mark=kill", &["mark=kill", "mark=kill_before"]),
        ("run nowhere --set ", &[]),
        ("run --set ", &[]),
    ] {
        assert_eq!(offered(&bench, words), values, "{words}");
    }
    let broken = bench.runbook("broken", "steps: 1\n");
    assert_eq!(offered(&bench, "run broken --set "), [""; 0]);
    assert!(offered(&bench, &format!("check {}", broken.display())).concat().contains("broken.yaml"));
}

#[test]
fn only_runs_are_offered_that_a_command_can_take() {
    let bench = bench();
    let quiet = bench.variable("HALLIGAN_COMPLETE", "");
    quiet.run(&["run", "inner", "--yes", "--confirm", "deep=done"]).exits(0);
    quiet.run(&["run", "inner", "--yes"]).exits(5);
    quiet.run(&["run", "inner", "--dry-run"]).exits(0);
    let bench = quiet.variable("HALLIGAN_COMPLETE", "zsh");
    let shown = offered(&bench, "journal show ");
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(
        shown[0].contains("dry run") && shown[2].contains("inner, ") && shown[2].ends_with(", real, completed"),
        "the latest first: {shown:?}"
    );
    let (left, begun) = (&shown[1], &shown[1][..8]);
    assert_eq!(offered(&bench, "resume "), std::slice::from_ref(left));
    assert_eq!(offered(&bench, &format!("rollback {}", &begun[..5])), std::slice::from_ref(left));
    assert!(offered(&bench, "watch ").iter().all(|option| option.starts_with("--")), "none is running");
    // The runbook is the one that was recorded.
    std::fs::remove_file(bench.path("runbooks/inner.yaml")).unwrap();
    assert_eq!(offered(&bench, &format!("resume {begun} --confirm ")), ["deep=\tDeep down"]);
}

#[test]
fn a_home_that_is_not_set_is_asked_of_nobody() {
    let bench = bench();
    bench.file("mine.yaml", "");
    assert_eq!(offered(&bench, "check ~/mi"), ["~/mine.yaml"]);
    let bench = bench.variable("HOME", "");
    for words in ["check ~/", "check ~", "run drill --params ~/", "run drill --params=~/"] {
        assert_eq!(offered(&bench, words), [""; 0], "{words}");
    }
}

#[test]
fn a_variable_alone_asks_for_nothing() {
    let bench = bench();
    assert!(bench.run(&["list"]).exits(0).stdout.contains("drill"));
    let bench = bench.variable("HALLIGAN_COMPLETE", "tcsh");
    assert!(bench.run(&["list"]).exits(0).stdout.contains("drill"));
    for (shell, word) in [("bash", "complete -F"), ("fish", "complete --command"), ("zsh", "#compdef")] {
        assert!(bench.run(&["completions", shell]).exits(0).stdout.contains(word), "{shell}");
    }
    assert!(bench.run(&["completions", "tcsh"]).exits(2).stderr.contains("possible values"));
}
