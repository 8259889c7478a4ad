//! What somebody sees who looks at runs from elsewhere: how they stand, and the live screen, while they wait, after they were killed,
//! stopped or cut off by a reboot.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    resume::{bench as killable, killed},
    workbench::{Ran, Workbench, golden, steady},
};

const SECRET: &str = "hunter2-hunter2";

/// A runbook that sets something for the time being, waits, and asks; its parameter is a secret.
fn bench() -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/').to_owned();
    bench.runbook(
        "asks",
        &format!(
            "locks: [site/a]\nparams:\n  token: {{type: secret, help: A token}}\nsteps:\n\
             \x20 - {{id: set_flag, run: [touch, {home}/flag], effect: change, cleanup: {{run: [rm, {home}/flag]}}}}\n\
             \x20 - id: calm\n    title: Wait for the marker\n    wait:\n      shell: 'cat {home}/marker 2>/dev/null || echo none with $TOKEN'\n\
             \x20     env: {{TOKEN: \"{{{{ params.token }}}}\"}}\n      until: output == 'here'\n      message: \"{{{{ output }}}}\"\n      every: 50ms\n      timeout: 5m\n\
             \x20 - {{id: sure, title: Decide, confirm: {{message: \"Go on with it?\"}}}}\n"
        ),
    );
    bench.file("params.yaml", &format!("token: {SECRET}\n"));
    bench
}

const RUN: &[&str] = &["run", "asks", "--params", "params.yaml"];

/// What is printed as JSON fits its committed schema.
pub(crate) fn json(ran: &Ran, schema: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(schema);
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    let faults: Vec<String> = jsonschema::draft202012::new(&schema).unwrap().iter_errors(&value).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{value:#}");
    value
}

/// The status as JSON, once something is so: it is asked again until then.
fn status_once(bench: &Workbench, is: impl Fn(&Value) -> bool) -> Value {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let status = json(&bench.run(&["status", "--json"]), "status.json");
        if is(&status) {
            return status;
        }
        assert!(std::time::Instant::now() < deadline, "it never came: {status:#}");
    }
}

fn without_secret(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
}

/// Ids, numbers and lengths of time that differ each time.
pub(crate) fn same(bench: &Workbench, text: &str) -> String {
    let home = bench.path("").display().to_string();
    let host = nix::unistd::gethostname().unwrap().to_string_lossy().into_owned();
    let text = text.replace(home.trim_end_matches('/'), "HOME").replace(&format!(" on {host}"), " on HOST");
    let rules = [
        (r"pid \d+", "pid PID"),
        (r"\b(\d\d\d\d-\d\d-\d\d )?\d\d:\d\d:\d\d\b", "TIME"),
        (r"\(\d+(m \d+)?s ago\)", "(AGO)"),
        (r"by \S+( as \S+)? on", "by WHO on"),
    ];
    let text = rules.iter().fold(text, |text, (rule, with)| regex::Regex::new(rule).unwrap().replace_all(&text, *with).into_owned());
    regex::Regex::new(r"\b[0-9a-f]{8}\b").unwrap().replace_all(&steady(&text), "RUN").into_owned()
}

#[test]
fn a_run_that_waits_and_asks_is_seen_from_another_terminal() {
    let bench = bench();
    let nothing = bench.run(&["status"]).exits(0);
    assert_eq!(nothing.stdout, "Nothing is running, and nothing is owed on this host.\n");
    let refused = bench.run(&["watch"]).exits(2);
    assert!(refused.stderr.contains("no run is running"), "{}", refused.stderr);

    let mut terminal = bench.terminal(100, RUN);
    terminal.expect("[y/N]");
    // Of the plan only that it waits is told: it stands on the screen of who is asked.
    let asked = bench.run(&["status"]).exits(1);
    golden("status-plan", &same(&bench, &asked.stdout));
    terminal.send("y\r");
    let waiting = status_once(&bench, |status| status["runs"][0]["steps"][0]["progress"].is_string());
    let run = &waiting["runs"][0];
    assert_eq!((&run["state"], &waiting["attention"], &run["locks"][0]["name"]), (&"running".into(), &false.into(), &"site/a".into()));
    assert_eq!((&run["steps"][0]["place"], &run["steps"][0]["title"]), (&"calm".into(), &"Wait for the marker".into()));
    assert_eq!((&run["owed"][0]["place"], &run["in_doubt"]), (&"set_flag".into(), &Value::Array(Vec::new())));
    assert!(run["steps"][0]["progress"].as_str().unwrap().starts_with("none with "), "{run:#}");
    let told = bench.run(&["status"]).exits(0).stdout;
    assert!(told.contains("Wait for the marker") && told.contains("at the end") && told.contains("site/a"), "{told}");

    let mut watch = bench.terminal(100, &["watch"]);
    watch.expect("watching run ").expect("set flag").expect("waiting  Wait for the marker").expect("none with");
    let mut plain = bench.terminal(100, &["watch", "--format", "plain"]);
    plain.expect("none with");
    bench.file("marker", "here");
    terminal.expect("Go on with ").expect_after("Go on with", "[y/N]");
    watch.expect("sure  waits for an answer at its operator's terminal");
    plain.expect("sure waits for an answer: Continue? [y/N]");
    let asked = bench.run(&["status"]).exits(1);
    golden("status-question", &same(&bench, &asked.stdout));
    let value = json(&bench.run(&["status", "--json"]).exits(1), "status.json");
    assert_eq!((&value["attention"], &value["runs"][0]["questions"][0]["place"]), (&true.into(), &"sure".into()));
    let live: Vec<_> = fs::read_dir(bench.path("journal/live")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(live.len(), 1, "{live:?}");
    for text in [&fs::read_to_string(&live[0]).unwrap(), &asked.stdout, &value.to_string(), &told] {
        without_secret(text);
    }
    terminal.send("y\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    for watching in [watch, plain] {
        let (code, text) = watching.end();
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("confirmed at the terminal: y") && text.contains("completed"), "{text}");
        without_secret(&text);
    }
    assert_eq!(fs::read_dir(bench.path("journal/live")).unwrap().count(), 0, "nothing is left beside the journal");
    let id = value["runs"][0]["run"].as_str().unwrap();
    for arguments in [&["report", id][..], &["report", id, "--format", "json"], &["handover", id], &["handover", id, "--format", "json"]] {
        let told = bench.run(arguments).exits(0).stdout;
        assert!(told.contains("sure") && told.contains("(secret)"), "{arguments:?}: {told}");
        without_secret(&told);
    }
    let over = bench.run(&["status"]).exits(0).stdout;
    assert!(
        over.starts_with("Nothing is running, and nothing is owed on this host.\nLast real run: ") && over.contains("completed"),
        "{over}"
    );
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_run_that_was_killed_has_crashed_and_owes() {
    let bench = killable();
    killed(&bench, "blind");
    let ran = bench.run(&["status"]).exits(1);
    golden("status-killed", &same(&bench, &ran.stdout));
    let value = json(&bench.run(&["status", "--format", "json"]).exits(1), "status.json");
    let run = &value["runs"][0];
    assert_eq!(
        (&run["state"], &run["in_doubt"], &run["owed"][0]["place"]),
        (&"crashed".into(), &serde_json::json!(["blind"]), &"set_flag".into())
    );
    assert!(run.get("pid").is_none(), "{run:#}");
    let id = run["run"].as_str().unwrap();
    let watched = bench.run(&["watch", id]).exits(1);
    assert!(watched.stdout.contains("set_flag") && watched.stderr.contains("crashed (no end recorded)"), "{watched:?}");
    bench.run(&["watch"]).exits(2);
    // What cannot be looked at is not called crashed.
    let runs = bench.path("journal/locks/runs");
    fs::set_permissions(&runs, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    for command in [&["status"][..], &["journal", "list"]] {
        let ran = bench.run(command);
        assert!(ran.stdout.contains("unknown whether it is running") && !ran.stdout.contains("crashed"), "{command:?}: {ran:?}");
    }
    fs::set_permissions(&runs, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn a_run_that_was_stopped_leaves_nothing_to_do() {
    let bench = Workbench::new();
    bench.runbook("fails", "steps:\n  - {id: look, run: [test, -e, /nowhere], effect: read}\n");
    bench.run(&["run", "fails", "--yes"]).exits(6);
    let over = bench.run(&["status"]).exits(0).stdout;
    assert!(over.contains("Last real run: ") && over.contains("stopped"), "{over}");
    let list = bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout;
    let id = serde_json::from_str::<Value>(&list).unwrap()["id"].as_str().unwrap().to_owned();
    let named = bench.run(&["status", &id]).exits(0).stdout;
    golden("status-stopped", &same(&bench, &named));
    // Who looks on ends as the run did.
    let watched = bench.run(&["watch", &id]).exits(6);
    assert!(watched.stdout.contains("look"), "{watched:?}");
    assert!(bench.run(&["status", "ffffffff1"]).exits(2).stderr.contains("there is no run"));
}

#[test]
fn a_run_that_a_reboot_ended_is_told_so() {
    let bench = killable();
    killed(&bench, "blind");
    let boot = bench.file("boot_id", "00000000-0000-4000-8000-00000000beef\n");
    let script =
        format!("mount --bind {} /proc/sys/kernel/random/boot_id && exec {} \"$@\"", boot.display(), env!("CARGO_BIN_EXE_halligan"));
    let rebooted = |arguments: &[&str]| {
        let mut command = bench.program("unshare");
        command.args(["--mount", "--map-root-user", "bash", "-c", &script, "bash"]).args(arguments);
        Ran::of(command.output().unwrap())
    };
    let ran = rebooted(&["status"]).exits(1);
    assert!(ran.stdout.contains("interrupted (host rebooted)") && ran.stdout.contains("in doubt"), "{}", ran.stdout);
    let value = json(&rebooted(&["status", "--json"]).exits(1), "status.json");
    assert_eq!(value["runs"][0]["state"], "rebooted");
    let id = value["runs"][0]["run"].as_str().unwrap();
    let watched = rebooted(&["watch", id]).exits(1);
    assert!(watched.stderr.contains("interrupted (host rebooted)"), "{watched:?}");
}

#[test]
fn runs_are_listed_by_what_is_asked_for() {
    let bench = Workbench::new();
    let empty = bench.run(&["journal", "list"]).exits(0);
    assert!(empty.stdout.starts_with("No runs: nothing was recorded yet in "), "{empty:?}");
    assert_eq!(bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout, "");
    bench.runbook("fine", "steps:\n  - {id: look, run: [echo, fine], effect: read}\n");
    bench.runbook("fails", "steps:\n  - {id: look, run: [\"false\"], effect: read}\n");
    bench.run(&["run", "fine", "--yes"]).exits(0);
    bench.run(&["run", "fails", "--yes"]).exits(6);
    bench.run(&["run", "fine", "--dry-run"]).exits(0);
    bench.run(&["run", "fine", "--yes"]).exits(0);
    let listed = |flags: &[&str]| {
        let arguments: Vec<&str> = ["journal", "list", "--format", "json"].iter().chain(flags).copied().collect();
        let lines = bench.run(&arguments).exits(0).stdout;
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["runbook"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), ["fine", "fails", "fine", "fine"]);
    assert_eq!(listed(&["--real"]), ["fine", "fails", "fine"]);
    assert_eq!(listed(&["--failed"]), ["fails"]);
    assert_eq!(listed(&["--last", "2"]), ["fine", "fine"]);
    assert_eq!(listed(&["--real", "--last", "2"]), ["fails", "fine"]);
    assert_eq!(listed(&["--since", "1h"]).len(), 4);
    assert_eq!(listed(&["--since", "2999-01-01"]).len(), 0);
    assert_eq!(bench.run(&["journal", "list", "--since", "2999-01-01"]).exits(0).stdout, "None of the 4 runs fits.\n");
    assert!(bench.run(&["journal", "list", "--since", "whenever"]).exits(2).stderr.contains("write how long ago"));
    // A journal that is gone is no first one.
    fs::remove_file(bench.path("journal/journal.jsonl")).unwrap();
    bench.run(&["journal", "list"]).exits(9);
    bench.run(&["status"]).exits(9);
}
