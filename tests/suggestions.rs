//! Every command that halligan suggests can be pasted into a shell, and does what the text above it says.

use std::{path::Path, process::Stdio};

use crate::workbench::{Ran, Workbench};

/// Its steps leave a line each in `log`; `wipe` must be confirmed by its phrase.
const STEPS: &str = "params:\n  who: {type: string, default: nobody, help: A name.}\nsteps:\n\
    - {id: first, run: [sh, -c, 'echo \"$1\" >> log', sh, \"{{ params.who }}\"], effect: change, idempotent: true, undo: {run: [sh, -c, 'echo undone >> log']}}\n\
    - {id: wipe, run: [sh, -c, 'echo wiped >> log'], effect: destroy}\n";

/// What is suggested: the lines of a refusal that can be copied.
fn suggested(ran: &Ran) -> Vec<String> {
    let lines = ran.stdout.lines().chain(ran.stderr.lines());
    let found = lines.filter_map(|line| line.find("halligan ").map(|at| (line[..at].trim(), &line[at..])));
    // A sentence that only names the program is no suggestion: a command stands alone, or after two spaces.
    let whole = found.filter(|(before, _)| before.is_empty() || before.ends_with(':'));
    whole.map(|(_, command)| command.trim_end_matches(')').to_owned()).collect()
}

/// Pastes a line into a shell, as the operator would.
fn paste(bench: &Workbench, line: &str) -> Ran {
    let program = Path::new(env!("CARGO_BIN_EXE_halligan"));
    let folder = program.parent().unwrap().display();
    let mut shell = bench.program("bash");
    shell.env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin")).args(["-c", line]).stdin(Stdio::null());
    Ran::of(shell.output().unwrap())
}

/// The one suggestion that a refusal makes which begins so.
fn only(ran: &Ran, beginning: &str) -> String {
    let all: Vec<_> = suggested(ran).into_iter().filter(|line| line.starts_with(beginning)).collect();
    assert_eq!(all.len(), 1, "{beginning} in {all:?}\n{}\n{}", ran.stdout, ran.stderr);
    all.into_iter().next().unwrap()
}

#[test]
fn what_is_missing_is_added_and_nothing_is_lost() {
    let bench = Workbench::new();
    let sha256 = {
        let path = bench.runbook("two", STEPS);
        let output = bench.program("sha256sum").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
    };
    bench.file("hosts.yaml", "halligan_inventory: 1\nhosts:\n  here: {}\n");
    let given = [
        "run",
        "two",
        "--expect-sha256",
        &sha256,
        "--inventory",
        "hosts.yaml",
        "--set",
        "who=it's #1 ~ $HOME",
        "--journal-dir",
        "else where",
    ];
    let ran = bench.run(&given).exits(5);
    let first = only(&ran, "halligan run two");
    assert!(first.contains("--yes --confirm wipe=wipe"), "all that is still to be asked is answered: {first}");
    // One that stops later has changed something by then, so what is left is gone on with, and nothing is done twice.
    let ran = bench.run(&[&given[..], &["--yes"]].concat()).exits(5);
    let last = only(&ran, "halligan resume");
    paste(&bench, &last).exits(0);
    assert_eq!(bench.read("log").unwrap(), "it's #1 ~ $HOME\nwiped\n", "{last}");
    assert!(bench.path("else where/journal.jsonl").exists() && !bench.path("journal").exists());
    // Each of the flags is still of use: without the text that is expected nothing runs.
    bench.runbook("two", &STEPS.replace("wiped", "altered"));
    let ran = paste(&bench, &first).exits(3);
    assert!(ran.stderr.contains("has an unexpected SHA-256"), "{}", ran.stderr);
}

#[test]
fn a_secret_is_not_repeated() {
    let bench = Workbench::new().variable("TOKEN_VALUE", "s3cret-of-the-test");
    bench.runbook(
        "shut",
        "params:\n  token: {type: secret, help: A token, from_env: TOKEN_VALUE}\n  who: {type: string, default: nobody, help: A name}\n\
         preflight:\n- {id: door, run: ['false']}\nsteps:\n- {id: uses, run: ['true'], env: {TOKEN: '{{ params.token }}'}, effect: change, undo: {impossible: x}}\n",
    );
    let given = ["run", "shut", "--set", "who=is s3cret-of-the-test", "--override", "door=with s3cret-of-the-test"];
    let ran = bench.run(&given).exits(5);
    let line = only(&ran, "halligan run shut");
    assert!(!ran.stderr.contains("s3cret") && line.contains("--yes"), "{}", ran.stderr);
    let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("a secret is not repeated: give again yourself what held one, --set who, --override door"), "{said}");
    // What is left out is asked for.
    let ran = paste(&bench, &line).exits(4);
    paste(&bench, &only(&ran, "halligan run shut")).exits(0);
    // The parameter itself is never taken from a command line.
    let refused = bench.run(&["run", "shut", "--set", "token=s3cret-of-another"]).exits(2);
    assert!(!refused.stderr.contains("s3cret") && refused.stderr.contains("token is a secret"), "{}", refused.stderr);
}

#[test]
fn what_a_variable_said_is_not_forgotten() {
    let bench = Workbench::new().variable("HALLIGAN_INVENTORY", "hosts.yaml");
    bench.file("hosts.yaml", "halligan_inventory: 1\nhosts:\n  here: {}\n");
    bench.runbook(
        "stops",
        "steps:\n- {id: a, run: ['true'], effect: change, undo: {impossible: x}}\n- {id: b, run: [test, -e, ready], effect: read}\n",
    );
    let unconfirmed = bench.run(&["run", "stops", "--step"]).exits(5);
    let stopped = bench.run(&["run", "stops", "--yes"]).exits(6);
    // The variables stood before these commands only: the shell does not have them.
    let without = |line: &str| paste(&bench, &format!("unset HALLIGAN_JOURNAL_DIR HALLIGAN_INVENTORY; {line}"));
    let again = only(&unconfirmed, "halligan run stops");
    assert!(again.contains("--inventory hosts.yaml"), "{again}");
    without(&again).exits(6);
    let shown = without(&only(&stopped, "halligan journal show")).exits(0);
    assert!(shown.stdout.contains("stops"), "{}", shown.stdout);
    bench.file("ready", "");
    without(&format!("{} --yes", only(&stopped, "halligan resume"))).exits(0);
    assert!(!bench.path(".local").exists(), "another journal was begun");
}

#[test]
fn an_override_stays_what_it_was_asked_for() {
    let bench = Workbench::new();
    bench.runbook(
        "shut",
        "preflight:\n- {id: door, probe: {run: ['false']}}\n".replace("probe: {run: ['false']}", "run: ['false']").as_str(),
    );
    let body = format!("preflight:\n- {{id: door, title: The door is open, run: ['false']}}\n{STEPS}");
    bench.runbook("shut", &body);
    let dry = bench.run(&["run", "shut", "--dry-run"]).exits(4);
    let line = only(&dry, "halligan run shut");
    assert!(line.contains("--dry-run"), "{line}");
    paste(&bench, &line);
    assert_eq!(bench.read("log"), None, "a dry run suggested a real one: {line}");
    let real = bench.run(&["run", "shut", "--yes", "--confirm", "wipe=wipe"]).exits(4);
    paste(&bench, &only(&real, "halligan run shut")).exits(0);
    assert_eq!(bench.read("log").unwrap(), "nobody\nwiped\n");
}

#[test]
fn a_rehearsal_is_rehearsed_again_at_its_own_speed() {
    let bench = Workbench::new();
    bench.runbook("two", STEPS);
    bench.file(
        "runbooks/scenarios/two/all-well.yaml",
        "halligan_scenario: 1\nrunbook: two\ntitle: All is well\ncommands:\n- {match: [sh, -c, '{script}']}\n- {match: [sh, -c, '{script}', sh, '{who}']}\nanswers: {wipe: wipe}\n",
    );
    let ran = bench.run(&["rehearse", "two", "--speed", "600"]).exits(5);
    let line = only(&ran, "halligan rehearse two");
    assert!(line.contains("--speed 600") && line.contains("--yes --confirm wipe=wipe"), "{line}");
    paste(&bench, &line).exits(0);
    // One that stops later is begun anew.
    let ran = bench.run(&["rehearse", "two", "--speed", "600", "--yes"]).exits(5);
    paste(&bench, &only(&ran, "halligan rehearse two")).exits(0);
    assert_eq!(bench.read("log"), None);
}

#[test]
fn a_run_that_stopped_is_seen_and_gone_on_with() {
    let bench = Workbench::new();
    bench.runbook("stops", "steps:\n- {id: a, run: [sh, -c, 'echo a >> log'], effect: change, undo: {run: [sh, -c, 'echo undone >> log']}}\n- {id: b, run: [test, -e, ready], effect: read}\n");
    let ran = bench.run(&["run", "stops", "--yes"]).exits(6);
    assert!(ran.stderr.contains("nothing left to clean up"), "{}", ran.stderr);
    let shown = paste(&bench, &only(&ran, "halligan journal show")).exits(0);
    assert!(shown.stdout.contains("stops"), "{}", shown.stdout);
    bench.file("ready", "");
    let resume = only(&ran, "halligan resume");
    let asked = paste(&bench, &resume).exits(5);
    paste(&bench, &only(&asked, "halligan resume")).exits(0);
    assert_eq!(bench.read("log").unwrap(), "a\n");
    // What has completed is not gone on with: its runbook is run anew.
    let over = paste(&bench, &resume).exits(2);
    let anew = paste(&bench, &only(&over, "halligan run stops")).exits(5);
    paste(&bench, &only(&anew, "halligan run stops")).exits(0);
    // A name that no run has.
    for command in [&["resume", "deadbeef"][..], &["rollback", "deadbeef"], &["debts", "deadbeef"], &["journal", "show", "deadbeef"]] {
        let unknown = bench.run(command).exits(2);
        assert!(unknown.stderr.contains("there is no run `deadbeef` in the journal"), "{}", unknown.stderr);
        let list = paste(&bench, &only(&unknown, "halligan journal list")).exits(0);
        assert!(list.stdout.contains("stops"), "{}", list.stdout);
    }
}

#[test]
fn what_is_owed_is_settled() {
    let bench = Workbench::new();
    bench.runbook(
        "owes",
        "steps:\n- {id: flag, run: [sh, -c, 'echo set >> log'], effect: change, cleanup: {run: [test, -e, ready]}}\n- {id: b, run: ['true'], effect: read}\n",
    );
    bench.run(&["run", "owes", "--yes"]).exits(10);
    let owed = bench.run(&["debts"]).exits(1);
    bench.file("ready", "");
    let settle = only(&owed, "halligan debts");
    // Nobody is there to confirm it: only a terminal, or a yes beforehand, settles it.
    let asked = paste(&bench, &settle).exits(10);
    let again = only(&asked, "halligan debts");
    assert!(again.contains("--settle"), "{again}");
    paste(&bench, &format!("{again} --yes")).exits(0);
    assert!(bench.run(&["debts"]).exits(0).stdout.contains("No debts"), "{again}");
}
