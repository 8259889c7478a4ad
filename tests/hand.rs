//! What an operator does by hand beside a run: notes, in the run's journal.

use serde_json::Value;

use crate::{status::json, workbench::Workbench};

/// A runbook that asks in its midst, and whose parameter is a secret.
fn bench() -> Workbench {
    let bench = Workbench::new();
    bench.runbook(
        "asks",
        "params:\n  token: {type: secret, help: A token}\nsteps:\n  - {id: look, run: [\"true\"], env: {TOKEN: \"{{ params.token }}\"}, effect: read}\n\
         \x20 - {id: sure, title: Decide, confirm: {message: \"Go on with it?\", phrase: go}}\n",
    );
    bench.file("params.yaml", "token: hunter2-hunter2\n");
    bench
}

const RUN: &[&str] = &["run", "asks", "--params", "params.yaml"];

fn the_run(bench: &Workbench) -> String {
    let list = bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout;
    serde_json::from_str::<Value>(list.lines().next().unwrap()).unwrap()["id"].as_str().unwrap().to_owned()
}

fn notes(bench: &Workbench, run: &str) -> Vec<Value> {
    let records = bench.run(&["journal", "show", run, "--format", "json"]).exits(0).stdout;
    let records = records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["type"] == "note").collect()
}

#[test]
fn a_note_is_kept_with_a_run_that_goes_on_and_with_one_that_is_over() {
    let bench = bench();
    let mut terminal = bench.terminal(100, RUN);
    terminal.expect("Run this?").send("y\r");
    terminal.expect_after("Go on with it?", "or q to stop:");
    let run = the_run(&bench);
    // From another terminal, while the run waits; and at its own question, which knows what is secret.
    let noted = bench.run(&["note", &run[..5], "called the", "data centre"]).exits(0);
    assert_eq!(noted.stdout, format!("noted in run {run}  asks\n"));
    terminal.send("n\r").expect("Note:").send("slot 4, hunter2-hunter2\r");
    terminal.expect_after("operator's note", "or q to stop:").send("go\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    bench.run(&["note", &run, "--", "--looks", "fine\u{202e}"]).exits(0);

    let kept: Vec<_> = notes(&bench, &run).into_iter().map(|note| (note["text"].as_str().unwrap().to_owned(), note["v"].clone())).collect();
    let texts: Vec<_> = kept.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts[0], "called the data centre");
    assert!(texts[1].starts_with("slot 4, ") && !texts[1].contains("hunter2"), "{texts:?}");
    assert_eq!(texts[2], "--looks fine\u{202e}");
    assert!(kept.iter().all(|(_, version)| version == 2), "{kept:?}");
    assert!(notes(&bench, &run).iter().all(|note| note["person"] == true));

    bench.run(&["journal", "verify"]).exits(0);
    let shown = bench.run(&["journal", "show", &run]).exits(0).stdout;
    assert!(shown.contains("operator's note: called the data centre"), "{shown}");
    assert!(shown.contains("operator's note: --looks fine\\u{202e}"), "what could be obeyed is made visible: {shown}");
    let report = json(&bench.run(&["report", &run, "--format", "json"]).exits(0), "report.json");
    let told: Vec<_> = report["timeline"].as_array().unwrap().iter().filter(|entry| entry["person"] == true).collect();
    assert!(told.len() == 3 && told.iter().all(|entry| entry["kind"] == "note"), "{report:#}");
    let page = bench.run(&["report", &run]).exits(0).stdout;
    assert!(page.split_once("## Notes").unwrap().1.contains("called the data centre"), "{page}");
    let handover = json(&bench.run(&["handover", &run, "--format", "json"]).exits(0), "handover.json");
    assert_eq!(handover["notes"].as_array().unwrap().len(), 3, "{handover:#}");
    let page = bench.run(&["handover", &run]).exits(0).stdout;
    assert!(page.contains("wrote") && page.contains("called the data centre"), "{page}");
}

#[test]
fn what_a_person_wrote_is_not_crowded_out() {
    let bench = Workbench::new();
    bench.runbook("fine", "steps:\n  - {id: look, run: [\"true\"], effect: read}\n");
    bench.run(&["run", "fine", "--yes"]).exits(0);
    let run = the_run(&bench);
    for number in 0..9 {
        bench.run(&["note", &run, &format!("number {number}")]).exits(0);
    }
    let handover = json(&bench.run(&["handover", &run, "--format", "json"]).exits(0), "handover.json");
    let notes: Vec<_> = handover["notes"].as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap()).collect();
    assert_eq!((notes.len(), notes[0], notes[7]), (8, "number 1", "number 8"));
}

#[test]
fn what_cannot_be_noted_is_refused_and_leaves_the_journal_as_it_is() {
    let bench = Workbench::new();
    assert!(bench.run(&["note", "7f3a", "x"]).exits(9).stderr.contains("the journal in "), "there is no journal yet");
    assert!(!bench.path("journal").exists(), "to note something begins none");
    bench.runbook("fine", "steps:\n  - {id: look, run: [\"true\"], effect: read}\n");
    bench.run(&["run", "fine", "--yes"]).exits(0);
    let run = the_run(&bench);
    let before = bench.read("journal/journal.jsonl").unwrap();
    assert!(bench.run(&["note", "x", "text"]).exits(2).stderr.contains("there is no run"));
    assert!(bench.run(&["note", &run, " ", "\t"]).exits(2).stderr.contains("the note is empty"));
    bench.run(&["note", &run]).exits(2);
    assert_eq!(bench.read("journal/journal.jsonl").unwrap(), before);
    // Of a copy nobody reads the notes in the original.
    let copied = bench.program("cp").args(["-a", "journal", "copy"]).status().unwrap();
    assert!(copied.success());
    let copy = bench.path("copy").display().to_string();
    assert!(bench.run(&["--journal-dir", &copy, "note", &run, "text"]).exits(10).stderr.contains("is a copy"));
    // The control: where the journal is, the same is noted.
    bench.run(&["note", &run, "text"]).exits(0);
    assert_ne!(bench.read("journal/journal.jsonl").unwrap(), before);
}

/// How a shell of the operator's is opened: `$SHELL`, with a bare start file.
fn with_shell(shell: &str) -> Workbench {
    let bench = bench().variable("SHELL", shell);
    bench.file(".bashrc", "PS1='bash-is-here$ '\n");
    bench.file(".zshrc", "PS1='zsh-is-here$ '\n");
    bench.file(".config/fish/config.fish", "function fish_prompt; echo -n 'fish-is-here$ '; end\nset -g fish_greeting\n");
    bench.run(&["run", "asks", "--params", "params.yaml", "--yes", "--confirm", "sure=go"]).exits(0);
    bench
}

fn records(bench: &Workbench, run: &str, kind: &str) -> Vec<Value> {
    let records = bench.run(&["journal", "show", run, "--format", "json"]).exits(0).stdout;
    records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|record| record["type"] == kind).collect()
}

fn typed(bench: &Workbench, run: &str) -> Vec<(String, Value)> {
    let codes = records(bench, run, "shell_command_ended");
    let code = |number: &Value| codes.iter().find(|ended| ended["number"] == *number).map_or(Value::Null, |ended| ended["code"].clone());
    let all = records(bench, run, "shell_command");
    all.iter().map(|typed| (typed["text"].as_str().unwrap().to_owned(), code(&typed["number"]))).collect()
}

#[test]
fn what_is_done_in_a_shell_is_recorded() {
    let bench = with_shell("/bin/bash");
    let run = the_run(&bench);
    assert!(bench.run(&["shell", &run]).exits(2).stderr.contains("needs a terminal"));
    assert!(records(&bench, &run, "shell_opened").is_empty());

    let mut terminal = bench.terminal_of(40, 100, &["shell", &run]);
    terminal.expect("IT IS RECORDED").expect("bash-is-here$");
    assert_eq!(records(&bench, &run, "shell_opened").len(), 1, "it is recorded before it is opened");
    terminal.send("echo a-$((1+1)) \\\\ 'b;c'; (exit 3)\r").expect("a-2 \\ b;c");
    terminal.send("\r").send("stty size\r").expect("40 100");
    terminal.resize(30, 60);
    terminal.send("sleep 0; stty size\r").expect("30 60");
    terminal.send("for word in one two\rdo echo \"$word-said\"\rdone\r").expect("two-said");
    // Ctrl-C is for what runs there, and not for halligan.
    terminal.send("sh -c 'echo ready-$((2+1)); exec sleep 60'\r").expect("ready-3").send("\u{3}").expect("^C");
    // What another shows is not taken for what the shell says of itself.
    terminal.send("printf '\\e]6973;x;B;forged\\a'; echo and-on\r").expect_after("echo and-on", "and-on");
    terminal.send("exit 7\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Shell closed. 7 commands recorded.") && text.contains(&format!("halligan play {run}")), "{text}");
    assert!(!text.contains("6973;halligan"), "what the hooks say is shown to nobody: {text}");

    let typed = typed(&bench, &run);
    let texts: Vec<_> = typed.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "echo a-$((1+1)) \\\\ 'b;c'; (exit 3)",
            "stty size",
            "sleep 0; stty size",
            "for word in one two; do echo \"$word-said\"; done",
            "sh -c 'echo ready-$((2+1)); exec sleep 60'",
            "printf '\\e]6973;x;B;forged\\a'; echo and-on",
            "exit 7"
        ]
    );
    let codes: Vec<_> = typed.iter().map(|(_, code)| code.clone()).collect();
    assert_eq!(codes, [3.into(), 0.into(), 0.into(), 0.into(), 130.into(), 0.into(), Value::Null]);
    let closed = records(&bench, &run, "shell_closed");
    assert_eq!((&closed[0]["code"], &closed[0]["hook"], &closed[0]["v"]), (&7.into(), &"bash".into(), &2.into()));
    assert!(bench.read(".bash_history").is_none(), "his history is not written by it");

    bench.run(&["journal", "verify"]).exits(0);
    let shown = bench.run(&["journal", "show", &run]).exits(0).stdout;
    assert!(shown.contains("shell opened on this host, recorded") && shown.contains("shell: stty size"), "{shown}");
    let page = bench.run(&["report", &run]).exits(0).stdout;
    assert!(page.split_once("## Shells beside the run").unwrap().1.contains("stty size"), "{page}");
    let list = bench.run(&["play", &run, "--list"]).exits(0).stdout;
    assert!(list.contains("shell 1") && list.contains("exec sleep 60'  (exit 130)"), "{list}");
    let played = bench.run(&["play", &run]).exits(0);
    assert!(played.stdout.contains("two-said") && played.stderr.contains("End of the recording."), "{played:?}");
    let mut terminal = bench.terminal_of(40, 100, &["play", &run, "1", "--speed", "1000", "--idle", "0.01"]);
    terminal.expect("two-said");
    assert_eq!(terminal.end().0, 0);
    // The recording is what other players read, and what its hash says.
    let cast = bench.run(&["play", &run, "--cast"]).exits(0).stdout;
    let lines: Vec<Value> = cast.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["version"], &lines[0]["term"]), (&3.into(), &serde_json::json!({"cols": 100, "rows": 40})));
    assert!(lines[1..].iter().any(|line| line[1] == "r" && line[2] == "60x30") && lines[1..].iter().any(|line| line[1] == "m"));
    assert_eq!((&lines.last().unwrap()[1], &lines.last().unwrap()[2]), (&"x".into(), &closed[0]["code"].to_string().into()));
    let sha256 = closed[0]["recording"]["sha256"].as_str().unwrap();
    assert_eq!(bench.read(&format!("journal/output/{sha256}")).unwrap(), cast);
    bench.run(&["play", &run, "2"]).exits(2);
    bench.file(&format!("journal/output/{sha256}"), &cast.replace("two-said", "two-lied"));
    let refused = bench.run(&["play", &run]).exits(1).stderr;
    assert!(refused.split_whitespace().collect::<Vec<_>>().join(" ").contains("has been altered"), "{refused}");
    bench.run(&["journal", "verify"]).exits(1);
}

#[test]
fn a_shell_without_a_hook_is_recorded_without_its_commands() {
    let bench = with_shell("/bin/sh");
    let run = the_run(&bench);
    let mut terminal = bench.terminal(100, &["shell", &run]);
    terminal.expect("IT IS RECORDED").send("echo here-$((1+1))\r").expect("here-2").send("\u{4}");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(typed(&bench, &run).is_empty());
    assert_eq!(records(&bench, &run, "shell_closed")[0]["hook"], Value::Null);
    assert!(bench.run(&["play", &run]).exits(0).stdout.contains("here-2"));
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_shell_at_a_question_is_one_beside_the_run_and_masks_its_secrets() {
    let bench = bench().variable("SHELL", "/bin/bash");
    bench.file(".bashrc", "PS1='bash-is-here$ '\n");
    let mut terminal = bench.terminal(100, RUN);
    terminal.expect("Run this?").send("y\r");
    terminal.expect_after("Go on with it?", "or q to stop:").send("s\r");
    terminal.expect("Secrets of the run are masked").expect("bash-is-here$");
    terminal.send("echo hunter2-hunter2\r").expect_after("echo hunter2-hunter2", "hunter2-hunter2");
    let run = the_run(&bench);
    let status = json(&bench.run(&["status", &run, "--json"]), "status.json");
    assert_eq!(status["runs"][0]["shells"][0]["last"], "echo [secret]", "{status:#}");
    terminal.send("exit\r").expect_after("Shell closed", "or q to stop:").send("go\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    let opened = records(&bench, &run, "shell_opened");
    assert_eq!((&opened[0]["place"], opened.len()), (&"sure".into(), 1));
    let cast = bench.run(&["play", &run, "--cast"]).exits(0).stdout;
    assert!(cast.contains("[secret]"), "{cast}");
    for entry in std::fs::read_dir(bench.path("journal/output")).unwrap() {
        assert!(!std::fs::read_to_string(entry.unwrap().path()).unwrap().contains("hunter2"));
    }
    assert!(!bench.read("journal/journal.jsonl").unwrap().contains("hunter2"));
    bench.run(&["journal", "verify"]).exits(0);
    let status = json(&bench.run(&["status", &run, "--json"]), "status.json");
    assert!(status["runs"][0].get("shells").is_none(), "{status:#}");
}

/// The process that records the shell of a run, and the shell.
fn processes(bench: &Workbench, run: &str) -> (String, String) {
    let recorder = records(bench, run, "shell_opened")[0]["recorder"].to_string();
    let children = std::fs::read_to_string(format!("/proc/{recorder}/task/{recorder}/children")).unwrap();
    (recorder, children.trim().to_owned())
}

#[test]
fn of_what_was_killed_is_kept_what_is_known() {
    let bench = with_shell("/bin/bash");
    let run = the_run(&bench);
    // The shell.
    let mut terminal = bench.terminal(100, &["shell", &run]);
    terminal.expect("bash-is-here$").send("echo first-$((1+1))\r").expect("first-2");
    terminal.send("kill -9 $$\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    let closed = records(&bench, &run, "shell_closed");
    assert!(closed[0]["code"].is_null() && closed[0]["why"].as_str().unwrap().contains("KILL"), "{closed:?}");
    assert_eq!(typed(&bench, &run).last().unwrap(), &("kill -9 $$".to_owned(), Value::Null));
    assert!(text.contains("Shell closed: killed by signal 9 (KILL)"), "{text}");
    // halligan: the shell ends with its terminal, and its recording is there up to then.
    let mut terminal = bench.terminal(100, &["shell", &run]);
    terminal.expect("bash-is-here$").send("echo second-$((1+1))\r").expect("second-2");
    let opened = records(&bench, &run, "shell_opened");
    assert_eq!(opened.len(), 2);
    let recorder: i32 = opened[1]["recorder"].as_i64().unwrap().try_into().unwrap();
    let children = std::fs::read_to_string(format!("/proc/{recorder}/task/{recorder}/children")).unwrap();
    let shell = children.split_whitespace().next().unwrap().to_owned();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(recorder), nix::sys::signal::Signal::SIGKILL).unwrap();
    assert_eq!(terminal.end().0, 128 + 9);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::path::Path::new(&format!("/proc/{shell}/exe")).exists() {
        assert!(std::time::Instant::now() < deadline, "the shell goes on");
        std::thread::yield_now();
    }
    assert_eq!(records(&bench, &run, "shell_closed").len(), 1);
    bench.run(&["journal", "verify"]).exits(0);
    let status = bench.run(&["status", &run]);
    assert!(status.stdout.contains("no end recorded") && status.stdout.contains("echo second-$((1+1))"), "{}", status.stdout);
    let played = bench.run(&["play", &run, "2"]).exits(0);
    assert!(played.stdout.contains("second-2") && played.stderr.contains("No end of this shell is recorded"), "{played:?}");
    assert!(bench.run(&["play", &run, "1"]).exits(0).stdout.contains("first-2"));
    // Another one can be opened.
    let mut terminal = bench.terminal(100, &["shell", &run]);
    terminal.expect("bash-is-here$").send("exit\r");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn a_terminal_that_is_closed_closes_the_shell() {
    let bench = with_shell("/bin/bash");
    let run = the_run(&bench);
    let mut terminal = bench.terminal(100, &["shell", &run]);
    terminal.expect("bash-is-here$");
    let (recorder, _) = processes(&bench, &run);
    terminal.hang_up();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while records(&bench, &run, "shell_closed").is_empty() {
        assert!(std::time::Instant::now() < deadline, "{recorder} goes on");
        std::thread::yield_now();
    }
    let why = records(&bench, &run, "shell_closed")[0]["why"].as_str().unwrap().to_owned();
    assert!(why.starts_with("the terminal was lost") || why.starts_with("halligan was asked to end"), "{why}");
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_shell_is_opened_on_another_host_by_its_inventory() {
    let bench = with_shell("/bin/bash");
    let run = the_run(&bench);
    bench.file(
        "inventory.yaml",
        "halligan_inventory: 1\ntransport: own\ntransports:\n  own: {kind: command, command: [env, SHELL=/bin/bash, 'FAR={host}', bash, -c, '{command}'], quoting: shell, \
         lost: {codes: [255]}}\nhosts: {h1: {address: far-away}}\n",
    );
    let shell = ["shell", &run, "--host", "h1", "--inventory", "inventory.yaml"];
    let mut terminal = bench.terminal_of(40, 100, &shell);
    terminal.expect("Shell on host h1").expect("bash-is-here$").send("echo on-$FAR; stty size\r").expect("on-far-away").expect("40 100");
    terminal.resize(30, 60).send("sleep 0; stty size\r").expect("30 60").send("exit 7\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(records(&bench, &run, "shell_opened")[0]["host"], "h1");
    assert_eq!(typed(&bench, &run)[0], ("echo on-$FAR; stty size".to_owned(), 0.into()));
    assert_eq!(records(&bench, &run, "shell_closed")[0]["code"], 7);
    // A host that is not there is not reached: that is recorded, and no success is told.
    let mut terminal = bench.terminal(100, &["shell", &run, "--host", "h2", "--inventory", "inventory.yaml"]);
    terminal.expect("is not in the inventory");
    assert_eq!(terminal.end().0, 1);
    assert!(records(&bench, &run, "shell_closed")[1]["why"].as_str().unwrap().contains("could not start"));
    bench.run(&["play", &run]).exits(2);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_run_with_a_shell_is_exported_and_archived_whole() {
    let bench = with_shell("/bin/bash");
    let run = the_run(&bench);
    let mut terminal = bench.terminal(100, &["shell", &run]);
    terminal.expect("bash-is-here$").send("echo kept-$((1+1))\r").expect("kept-2").send("exit\r");
    assert_eq!(terminal.end().0, 0);
    bench.run(&["journal", "export", &run, "--to", "run.tar"]).exits(0);
    bench.run(&["journal", "verify", "run.tar"]).exits(0);
    let sha256 = records(&bench, &run, "shell_closed")[0]["recording"]["sha256"].as_str().unwrap().to_owned();
    let listed = bench.program("tar").args(["-tf", "run.tar"]).output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().contains(&format!("output/{sha256}")));
}

#[test]
fn what_was_typed_is_drafted_as_a_runbook_that_check_leads_through() {
    let bench = with_shell("/bin/bash");
    let run = the_run(&bench);
    assert!(bench.run(&["draft", &run]).exits(2).stderr.contains("no command was recorded"));
    let mut terminal = bench.terminal(100, &["shell", &run]);
    terminal.expect("bash-is-here$");
    for (typed, seen) in [("ls -d /etc", "/etc"), ("touch made; echo made-$((1+1))", "made-2"), ("ls /nowhere; (exit 4)", "nowhere")] {
        terminal.send(&format!("{typed}\r")).expect_after(typed, seen).expect_after(seen, "bash-is-here$");
    }
    terminal.send("exit\r");
    assert_eq!(terminal.end().0, 0);
    let drafted = bench.run(&["draft", &run, "--name", "drafted"]).exits(0).stdout;
    assert!(drafted.contains("run: [\"ls\", \"-d\", \"/etc\"]\n    effect: read"), "{drafted}");
    assert!(drafted.contains("shell: \"touch made; echo made-$((1+1))\"") && drafted.contains("effect: change"), "{drafted}");
    assert!(drafted.contains("failed (exit 4)") && drafted.contains("#   exit"), "{drafted}");
    bench.file("runbooks/drafted.yaml", &drafted);
    bench.run(&["check", "drafted"]).exits(0);
    // It asks to be looked at, and is no runbook that passes strictly.
    bench.run(&["check", "--strict", "drafted"]).exits(1);
    bench.run(&["draft", &run, "2"]).exits(2);
    bench.run(&["draft", &run, "1", "--name", "Not A Name"]).exits(2);
}

#[test]
fn what_must_hold_is_asked_again_after_a_shell_at_a_question() {
    let bench = Workbench::new().variable("SHELL", "/bin/bash");
    bench.file(".bashrc", "PS1='bash-is-here$ '\n");
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    bench.runbook(
        "holds",
        &format!(
            "steps:\n- id: all\n  group: All\n  holds: [{{id: quiet, title: Nobody else is there, run: [test, '!', -e, {home}/bad]}}]\n  steps:\n  \
             - {{id: look, run: [\"true\"], effect: read}}\n  - {{id: wipe, run: [touch, {home}/wiped], effect: destroy}}\n"
        ),
    );
    // The control: a shell in which nothing is done keeps nothing from being done.
    for (typed, code) in [("true", 0), ("touch bad", 6)] {
        let mut terminal = bench.terminal(100, &["run", "holds"]);
        terminal.expect("Run this?").send("y\r");
        terminal.expect_after("Type wipe", "stop:").send("s\r").expect("bash-is-here$");
        terminal.send(&format!("{typed}\r")).expect_after(typed, "bash-is-here$").send("exit\r");
        terminal.expect_after("Shell closed", "stop:").send("wipe\r");
        if code != 0 {
            terminal.expect_after("Nobody else is there)", "/q]").send("q\r");
        }
        let (ended, text) = terminal.end();
        assert_eq!((ended, bench.path("wiped").exists()), (code, code == 0), "{typed}: {text}");
        let _ = std::fs::remove_file(bench.path("wiped"));
    }
    bench.run(&["journal", "verify"]).exits(0);
}
