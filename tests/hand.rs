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
