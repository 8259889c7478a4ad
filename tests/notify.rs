//! Somebody who does not look is told by a program of their own.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{signals::until, workbench::Workbench};

/// A program that does this, and a runbook that asks before it changes something.
fn bench(does: &str) -> (Workbench, PathBuf) {
    let bench = Workbench::new();
    bench.runbook(
        "asks",
        "steps:\n  - {id: sure, confirm: {message: Really?}}\n  \
         - {id: mark, run: [touch, mark], effect: change, undo: {impossible: a test}}\n",
    );
    let program = bench.file("page", &format!("#!/bin/sh\n{}\n", does.replace("HOME", bench.path("").to_str().unwrap())));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    (bench, program)
}

/// What was told, each in a line that fits the committed schema.
fn told(bench: &Workbench) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/notice.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let lines = bench.read("told").unwrap_or_default();
    let notices: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for notice in &notices {
        let faults: Vec<String> = schema.iter_errors(notice).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?}\n{notice:#}");
    }
    notices
}

#[test]
fn a_question_and_the_end_are_told_to_who_does_not_look() {
    let (bench, program) = bench("cat >> HOME/told");
    let notify = program.to_str().unwrap();
    let mut terminal = bench.terminal(100, &["run", "asks", "--notify", notify]);
    terminal.expect("Run this?").send("y\r");
    terminal.expect_after("Really?", "[y/N]");
    until("it is told of while the question is open", || told(&bench).len() == 1);
    terminal.send("y\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    let notices = told(&bench);
    let names: Vec<_> = notices.iter().map(|notice| notice["notice"].as_str().unwrap()).collect();
    assert_eq!(names, ["question", "ended"], "the plan is not told of: whoever began the run sits there");
    let [question, ended] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!((&question["place"], &question["prompt"]), (&"sure".into(), &"Continue? [y/N]".into()));
    assert!(question["text"].as_str().unwrap().contains("Really?"), "{question:#}");
    assert_eq!((&ended["exit"], &ended["mode"], &ended["runbook"]), (&0.into(), &"real".into(), &"asks".into()));
    assert!(ended["closing"].as_str().unwrap().contains("completed") && ended["run"] == question["run"], "{ended:#}");
    // Where nobody can be asked no question is told of, but how it ended is; the variable says the same as the flag.
    fs::remove_file(bench.path("told")).unwrap();
    let bench = bench.variable("HALLIGAN_NOTIFY", notify);
    bench.run(&["run", "asks", "--yes", "--confirm", "sure=no"]).exits(5);
    let notices = told(&bench);
    assert_eq!(notices.iter().map(|notice| (&notice["notice"], &notice["exit"])).collect::<Vec<_>>(), [(&"ended".into(), &5.into())]);
    // What runs nothing tells nobody.
    bench.run(&["check", "asks"]).exits(0);
    assert_eq!(told(&bench).len(), 1);
}

#[test]
fn who_cannot_be_told_is_known_beforehand_or_named_at_the_end() {
    let (bench, program) = bench("echo no route >&2; exit 3");
    for (notify, why) in [("page", "whole path"), ("/nowhere/page", "No such file"), ("/etc/passwd", "no program"), ("/", "no program")] {
        let refused = bench.run(&["run", "asks", "--yes", "--notify", notify]).exits(2);
        assert!(refused.stderr.contains(why), "{notify}: {}", refused.stderr);
        assert!(!bench.path("journal").exists(), "nothing was run");
    }
    let done = bench.run(&["run", "asks", "--yes", "--notify", program.to_str().unwrap()]).exits(0);
    let said = [done.stdout, done.stderr].concat().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("has not told of 1 notice: exit 3: no route"), "{said}");
    assert!(said.contains("completed"), "a run does not fail because nobody was told: {said}");
}

/// The titles that the window had, one after another.
fn titles(raw: &[u8]) -> Vec<String> {
    let raw = String::from_utf8(raw.to_vec()).unwrap();
    raw.split("\u{1b}]2;").skip(1).map(|rest| rest.split_once('\u{7}').unwrap().0.to_owned()).collect()
}

/// How often the terminal rang: the titles end with the same character.
fn rings(raw: &[u8]) -> usize {
    memchr::memchr_iter(7, raw).count() - titles(raw).len()
}

/// Answers all questions of `asks` at a terminal, and returns every byte of it.
fn answered(bench: &Workbench, arguments: &[&str]) -> Vec<u8> {
    let mut terminal = bench.terminal(80, arguments);
    terminal.expect("Run this?").send("y\r");
    terminal.expect_after("Really?", "[y/N]").send("y\r");
    terminal.expect("completed").expect("exit 0");
    let raw = terminal.raw.clone();
    assert_eq!(terminal.end().0, 0);
    raw
}

#[test]
fn the_window_says_what_is_waited_for_and_is_what_it_was_afterwards() {
    let (bench, _) = bench("");
    bench.file(
        "runbooks/scenarios/asks/all-well.yaml",
        "halligan_scenario: 1\nrunbook: asks\ntitle: All well\ncommands:\n  - {match: [touch, mark]}\nexpect: {outcome: completed}\n",
    );
    // It is no colour.
    let bench = bench.variable("NO_COLOR", "1");
    for (arguments, name) in [(&["run", "asks"], "halligan asks"), (&["rehearse", "asks"], "halligan asks (rehearsal)")] {
        let raw = answered(&bench, arguments);
        let waits = format!("? {name}: waits for an answer");
        assert_eq!(titles(&raw), [name, &waits, name, &waits, name, ""]);
        let text = String::from_utf8(raw).unwrap();
        let (kept, back) = (text.find("\u{1b}[22;2t").unwrap(), text.find("\u{1b}]2;\u{7}\u{1b}[23;2t").unwrap());
        assert!(kept < text.find("\u{1b}]2;").unwrap() && back < text.find("exit 0").unwrap(), "{text:?}");
    }
    let silent = |raw: &[u8]| titles(raw).is_empty() && !raw.contains(&7);
    assert!(silent(&answered(&bench, &["run", "asks", "--no-bell"])));
    let piped = bench.run(&["run", "asks", "--yes"]).exits(0);
    assert!(silent(piped.stdout.as_bytes()) && silent(piped.stderr.as_bytes()), "a pipe rings for nobody");
    let bench = bench.variable("TERM", "linux");
    assert!(titles(&answered(&bench, &["run", "asks"])).is_empty(), "a console has no title");
    let bench = bench.variable("TERM", "xterm").variable("HALLIGAN_NO_BELL", "1");
    assert!(silent(&answered(&bench, &["run", "asks"])), "the variable says the same as the flag");
    let bench = bench.variable("HALLIGAN_NO_BELL", "");
    assert!(!silent(&answered(&bench, &["run", "asks"])), "an empty one says nothing");
}

#[test]
fn the_terminal_rings_for_who_has_not_answered_just_now() {
    let bench = Workbench::new();
    // As long as nobody who waits for it is taken to look away.
    bench.runbook("takes", "steps:\n  - {id: long, run: [sleep, '5'], effect: read}\n  - {id: sure, confirm: {message: Really?}}\n");
    let mut terminal = bench.terminal(80, &["run", "takes"]);
    terminal.expect("Run this?").send("y\r");
    terminal.expect_after("Really?", "[y/N]");
    let begun = terminal.raw.windows(9).position(|bytes| bytes == b"Run this?").unwrap();
    assert_eq!(rings(&terminal.raw[begun..]), 1, "the question rings");
    terminal.send("y\r").expect("exit 0");
    assert_eq!(terminal.end().0, 0);
}
