//! What commands leave behind, and how much they print.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    signals::{of_type, processes, records},
    workbench::Workbench,
};

#[test]
fn a_grandchild_that_holds_the_output_is_reported_and_not_waited_for() {
    let bench = Workbench::new();
    bench.runbook("leaks", "steps:\n  - {id: leak, shell: 'sleep 60 & echo begun', effect: change, undo: {impossible: a test}}\n");
    bench.run(&["run", "leaks", "--yes"]).exits(0);
    let records = records(&bench);
    let ended = of_type(&records, "step_ended")[0];
    let took = ended["took_ms"].as_u64().unwrap();
    assert!(took < 1500, "half a second of grace, and the time to start bash: not {took} ms");
    assert_eq!((&ended["stdout"]["bytes"], &ended["stdout"]["truncated"]), (&6.into(), &true.into()));
    assert!(of_type(&records, "note")[0]["text"].as_str().unwrap().contains("still holds the output open"));
    // It goes on: it may be a daemon that was meant to be started.
    let left = processes(&bench);
    assert_eq!(left.len(), 1);
    kill(Pid::from_raw(left[0]), Signal::SIGKILL).unwrap();
}

#[test]
fn what_a_wait_leaves_behind_is_reported_once() {
    let bench = Workbench::new();
    let script = "sleep 60 & echo >> asked; test $(wc -l < asked) -ge 3";
    bench.runbook(
        "leaks",
        &format!("steps:\n  - {{id: leak, wait: {{run: [bash, -c, '{script}'], until: code == 0, every: 10ms, timeout: 20s, may_write: ['{}']}}}}\n", bench.path("").display()),
    );
    let ran = bench.run(&["run", "leaks", "--yes"]).exits(0);
    let left = processes(&bench);
    for pid in &left {
        kill(Pid::from_raw(*pid), Signal::SIGKILL).unwrap();
    }
    let records = records(&bench);
    assert_eq!((left.len(), &of_type(&records, "step_ended")[0]["askings"]), (3, &3.into()));
    let notes: Vec<_> = of_type(&records, "note").iter().map(|note| (&note["place"], note["text"].as_str().unwrap())).collect();
    assert!(matches!(notes[..], [(place, text)] if place == "leak" && text.contains("still holds the output open")), "{notes:?}");
    assert!(said(&ran.stdout).contains("still holds the output open"), "{}", ran.stdout);
}

#[test]
fn an_output_that_was_held_open_is_said_to_be_incomplete_for_that() {
    let bench = Workbench::new();
    bench.runbook(
        "leaks",
        "steps:\n  - {id: leak, shell: 'sleep 60 & echo begun', effect: read, output: lines, on_fail: continue}\n  \
         - {id: wait, wait: {run: [bash, -c, 'sleep 60 & echo begun'], until: \"output == 'begun'\", every: 10ms, timeout: 100ms}, on_fail: continue}\n",
    );
    let ran = bench.run(&["run", "leaks", "--yes"]).exits(0);
    for pid in processes(&bench) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    let why = "the output is incomplete: a child process held it open";
    for ended in of_type(&records(&bench), "step_ended") {
        assert!(ended["verdict"]["why"].as_str().unwrap().contains(why), "{ended}");
        assert_eq!(ended["stdout"]["cut"], "held_open");
    }
    assert!(!ran.stdout.contains("MiB"), "{}", ran.stdout);
}

#[test]
fn signals_to_the_command_of_a_wait_are_recorded() {
    let bench = Workbench::new();
    let script = "trap \"\" TERM; while :; do sleep 1; done";
    bench.runbook(
        "hangs",
        &format!("steps:\n  - {{id: hang, wait: {{run: [bash, -c, '{script}'], until: code == 0, every: 10ms, timeout: 100ms, poll_timeout: 100ms}}}}\n"),
    );
    bench.run(&["run", "hangs", "--yes"]).exits(6);
    let records = records(&bench);
    let signals: Vec<_> =
        of_type(&records, "step_signalled").iter().map(|record| (&record["place"], record["signal"].as_str().unwrap())).collect();
    assert!(matches!(signals[..], [(a, "TERM"), (b, "KILL")] if a == "hang" && b == "hang"), "{signals:?}");
}

#[test]
fn a_timeout_ends_the_whole_family_and_leaves_doubt() {
    let bench = Workbench::new();
    // One in the group, one in a session of its own, both deaf to TERM.
    let script = "trap \"\" TERM; setsid sleep 1000 & sleep 1000 & wait";
    bench.runbook(
        "hangs",
        &format!(
            "steps:\n  - {{id: hang, shell: '{script}', effect: change, timeout: 200ms, on_fail: stop, undo: {{impossible: a test}}}}\n"
        ),
    );
    let ran = bench.run(&["run", "hangs", "--yes"]).exits(6);
    assert!(ran.stdout.contains("unknown whether the command took effect"), "{}{}", ran.stdout, ran.stderr);
    let records = records(&bench);
    let signals: Vec<_> = of_type(&records, "step_signalled").iter().map(|record| record["signal"].as_str().unwrap()).collect();
    assert_eq!(signals, ["TERM", "KILL"]);
    assert_eq!(of_type(&records, "step_in_doubt").len(), 1);
    assert_eq!(processes(&bench), [0; 0]);
}

#[test]
fn what_is_given_to_a_command_that_does_not_read_holds_nothing_up() {
    let bench = Workbench::new();
    let text = "x".repeat(200_000);
    bench.runbook(
        "given",
        &format!("steps:\n  - {{id: deaf, run: ['true'], stdin: {text}, effect: read}}\n  - {{id: counts, run: [wc, -c], stdin: {text}, effect: read}}\n"),
    );
    bench.run(&["run", "given"]).exits(0);
    let records = records(&bench);
    let sha = of_type(&records, "step_ended")[1]["stdout"]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(bench.read(&format!("journal/output/{sha}")).unwrap(), "200000\n");
}

#[test]
fn a_flood_is_kept_whole_in_little_memory() {
    const BYTES: u64 = 256 << 20;
    let bench = Workbench::new();
    bench.runbook(
        "floods",
        &format!(
            "steps:\n  - {{id: flood, run: [head, -c, \"{BYTES}\", /dev/zero], effect: read}}\n  - {{id: peak, shell: 'sed -n \"s/VmHWM: *//p\" /proc/$PPID/status', effect: read}}\n"
        ),
    );
    bench.run(&["run", "floods"]).exits(0);
    let records = records(&bench);
    let ended = of_type(&records, "step_ended");
    let flood = &ended[0]["stdout"];
    assert_eq!((&flood["bytes"], &flood["truncated"]), (&BYTES.into(), &false.into()));
    // sha256sum of so many zero bytes.
    assert_eq!(flood["sha256"], "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484");
    let path = bench.path("journal/output").join(flood["sha256"].as_str().unwrap());
    assert_eq!(std::fs::metadata(path).unwrap().len(), BYTES);
    let peak = bench.read(&format!("journal/output/{}", ended[1]["stdout"]["sha256"].as_str().unwrap())).unwrap();
    let kib: u64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    assert!(kib < 64 << 10, "peak {kib} KiB");
}

#[test]
fn what_was_too_much_to_look_at_is_never_taken_for_all() {
    let bench = Workbench::new();
    let much = "run: [head, -c, \"9000000\", /dev/zero]";
    bench.runbook("looks", &format!("steps:\n  - {{id: much, {much}, effect: read}}\n  - {{id: look, when: \"much.output != 'x'\", run: ['true'], effect: read, on_fail: stop}}\n"));
    let ran = bench.run(&["run", "looks"]).exits(6);
    assert!(said(&ran.stderr).contains("exceeds the limit of 8 MiB"), "{}", ran.stderr);
    bench.runbook("counts", &format!("steps:\n  - {{id: much, {much}, output: json, effect: read, on_fail: stop}}\n"));
    let ran = bench.run(&["run", "counts"]).exits(6);
    assert!(said(&ran.stderr).contains("exceeds the limit of 8 MiB"), "{}", ran.stderr);
}

#[test]
fn a_closed_pipe_does_not_stop_a_run() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook("told", &format!("steps:\n  - {{id: one, shell: 'seq 100000', effect: read}}\n  - {{id: two, run: [touch, {home}two], effect: change, undo: {{impossible: a test}}}}\n"));
    let terminal = bench.shell(80, "\"$HALLIGAN\" run told --yes 2>&1 | true; exit ${PIPESTATUS[0]}");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(bench.path("two").exists());
}

/// The text, however it was wrapped.
fn said(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
