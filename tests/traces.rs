//! What halligan says of itself at `-v` and `-vv`, and that it is never a secret.

use crate::workbench::Workbench;

const SECRET: &str = "hunter22/x";

/// A check and a wait that ask again, both with the secret in what they have seen, and a step that prints it.
const BODY: &str = r#"
requires: {commands: [touch]}
locks: [traced]
params:
  token: {type: secret, help: What nobody may see}
preflight:
  - id: there
    title: The marker is there
    shell: 'echo "asked with $TOKEN"; test -e HOME/marker || { : >HOME/marker; exit 1; }'
    env: {TOKEN: "{{ params.token }}"}
    may_write: [HOME]
    within: 10s
    every: 10ms
steps:
  - id: come
    title: Wait for the file
    wait:
      shell: 'test -e HOME/came || { : >HOME/came; echo "not with $TOKEN"; }'
      env: {TOKEN: "{{ params.token }}"}
      may_write: [HOME]
      until: stdout == ''
      every: 10ms
      timeout: 10s
      message: "{{ stdout }}"
  - id: say
    title: Say it
    shell: 'echo "$TOKEN"; echo "$TOKEN" >&2'
    env: {TOKEN: "{{ params.token }}"}
    effect: change
    undo: {impossible: a test}
"#;

fn traced(verbose: &[&str]) -> (Workbench, String) {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook("traced", &BODY.replace("HOME", home.trim_end_matches('/')));
    let params = bench.file("params.yaml", &format!("token: {SECRET}\n")).display().to_string();
    let inventory = bench.file("inventory.yaml", "halligan_inventory: 1\nhosts: {}\n").display().to_string();
    let ran = bench.run(&[&["run", "traced", "--yes", "--params", &params, "--inventory", &inventory], verbose].concat()).exits(0);
    for form in [SECRET, "hunter22", "aHVudGVyMjIv"] {
        assert!(!ran.stderr.contains(form) && !ran.stdout.contains(form), "{form}: {}{}", ran.stderr, ran.stdout);
    }
    (bench, ran.stderr)
}

/// One line has all of these.
fn has(text: &str, words: &[&str]) -> bool {
    text.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

const DECISIONS: &[&[&str]] = &[
    &["DEBUG halligan begins", "version=", "pid="],
    &["DEBUG the runbook is read from here", "traced.yaml", "sha256="],
    &["DEBUG the inventory is read from here", "inventory.yaml", "named=true", "hosts=0"],
    &["DEBUG the journal is open for appending", "journal.jsonl"],
    &["DEBUG a new run", "mode=Real", "runbook=traced"],
    &["DEBUG lock taken", "traced"],
    &["DEBUG the run's own lock taken"],
    &["DEBUG looked for a program that the runbook needs", "program=touch", "/touch"],
    &["DEBUG", "control group"],
    &["DEBUG starts a command", "place=say", "host=\"this host\"", "/bash"],
    &["DEBUG a check asks again", "place=preflight.there", "attempt=1", "[secret]"],
    &["DEBUG a wait asks again", "place=come", "askings=1", "holds=false", "have=not with [secret]"],
    &["DEBUG halligan ends", "exit=Completed"],
];

const DETAILS: &[&[&str]] = &[
    &["TRACE the journal is kept here"],
    &["TRACE programs are looked for here", "/bin"],
    &["TRACE listens for signals"],
    &["TRACE process started", "pid="],
    &["TRACE process ended", "exit=Code(0)"],
    &["TRACE recording", "event=\"step_ended\""],
];

#[test]
fn once_each_decision_is_told_and_no_detail() {
    let (_bench, told) = traced(&["-v"]);
    for line in DECISIONS {
        assert!(has(&told, line), "{line:?} is not in\n{told}");
    }
    assert!(!told.contains("TRACE"), "{told}");
}

#[test]
fn twice_the_details_are_told_too() {
    let (_bench, told) = traced(&["-vv"]);
    for line in DECISIONS.iter().chain(DETAILS) {
        assert!(has(&told, line), "{line:?} is not in\n{told}");
    }
}

#[test]
fn unasked_nothing_is_told() {
    let (_bench, told) = traced(&[]);
    assert!(!told.contains("DEBUG") && !told.contains("TRACE"), "{told}");
}
