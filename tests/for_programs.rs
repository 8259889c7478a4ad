//! What halligan prints for programs: every line fits its committed schema.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use crate::workbench::{Ran, Workbench};

/// Each of these lines fits its committed schema; gives them as values.
fn fits(text: &str, schema: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{schema}.json"));
    let validator = jsonschema::draft202012::new(&serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).unwrap();
    let values: Vec<Value> = serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().unwrap();
    for value in &values {
        let faults: Vec<String> = validator.iter_errors(value).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{schema}: {faults:?}\n{value:#}");
    }
    values
}

/// A runbook that sets a flag which nobody can put back, asks nothing, and fails.
fn bench() -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook(
        "owes",
        &format!(
            "preflight:\n  - {{id: room, run: [echo, enough]}}\nsteps:\n  \
             - {{id: flag, run: [touch, {home}flag], effect: change, cleanup: {{run: ['false']}}}}\n  \
             - {{id: each, for_each: {{items: [a, b], as: one}}, steps: [{{id: see, run: [echo, \"{{{{ one }}}}\"], effect: read}}]}}\n  \
             - {{id: skipped, when: flag.code == 3, run: ['true'], effect: read}}\n  \
             - {{id: calm, wait: {{run: [cat, {home}flag], until: output == '', timeout: 5s}}}}\n  \
             - {{id: last, run: ['false'], effect: change}}\n"
        ),
    );
    bench.runbook("looks", "steps:\n  - {id: see, run: [echo, seen], effect: read}\n");
    bench
}

const RUN: [&str; 5] = ["run", "owes", "--yes", "--format", "json"];

fn last(ran: &Ran) -> Value {
    fits(&ran.stdout, "events").pop().unwrap()
}

#[test]
fn a_run_is_told_from_its_first_event_to_its_exit_code() {
    let bench = bench();
    let ran = bench.run(&RUN);
    let lines = fits(&ran.stdout, "events");
    let run = lines[0]["run"].as_str().unwrap();
    assert!(lines.iter().all(|line| line["run"] == run), "{lines:#?}");
    let types: BTreeSet<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    for name in ["run_opened", "preflight_passed", "planned", "confirmed", "step_began", "step_skipped", "owed", "run_closed"] {
        assert!(types.contains(name), "{name} is not in {types:?}");
    }
    let end = lines.last().unwrap();
    assert_eq!((&end["type"], &end["exit"]), (&"ended".into(), &ran.code.into()));
    assert!(ran.code != Some(0) && end["what"].as_str().unwrap().contains("last") && end["head"].is_string(), "{end:#}");
    assert_eq!(end["owed"].as_array().unwrap().len(), 1, "{end:#}");
    let head = fits(&bench.run(&["journal", "head", "--format", "json"]).exits(0).stdout, "journal-head");
    let told = end["head"].as_str().unwrap();
    assert!(told.starts_with(&format!("{}:", head[0]["records"])), "{told} {head:?}");

    let debts = fits(&bench.run(&["debts", "--format", "json"]).exits(1).stdout, "debt");
    assert_eq!((&debts[0]["place"], &debts[0]["run"]), (&"flag".into(), &run.into()));
    let runs = fits(&bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout, "journal-run");
    assert_eq!(runs[0]["id"], run);
    for command in [&["journal", "show", run][..], &["journal", "tail", "-n", "100"]] {
        let words = [command, &["--format", "json"]].concat();
        assert!(fits(&bench.run(&words).exits(0).stdout, "record").len() >= lines.len() / 2, "{words:?}");
    }
}

#[test]
fn what_could_not_be_done_is_told_with_its_exit_code() {
    let bench = bench();
    for words in [
        &["run", "nowhere", "--format", "json"][..],
        &["resume", "00000000", "--format", "json"],
        &["status", "00000000", "--json"],
        &["report", "00000000", "--format", "json"],
        &["journal", "show", "00000000", "--format", "json"],
        &["journal", "head", "--format", "json"],
        &["rehearse", "nowhere", "--format", "json"],
    ] {
        let ran = bench.run(words);
        let end = last(&ran);
        assert_eq!((&end["type"], &end["exit"]), (&"failed".into(), &ran.code.into()), "{words:?}");
        let what = end["what"].as_str().unwrap();
        let first = what.split(' ').next().unwrap();
        assert!(ran.code != Some(0) && !first.is_empty() && ran.stderr.contains(first), "{words:?}: {what}\n{}", ran.stderr);
    }
    // A person is told by standard error alone.
    assert_eq!(bench.run(&["run", "nowhere"]).stdout, "");
}

#[test]
fn what_is_at_hand_checked_and_tried_is_told() {
    let bench = bench();
    bench.file("runbooks/bad.yaml", "halligan: 1\nname: bad\ntitle: A\n");
    let list = fits(&bench.run(&["list", "--format", "json"]).exits(0).stdout, "list");
    assert!(list[0]["runbooks"].as_array().unwrap().iter().any(|one| one["name"] == "owes"), "{list:#?}");
    let checked = fits(&bench.run(&["check", "looks", "bad", "nowhere", "--format", "json"]).stdout, "check");
    let oks: Vec<_> = checked[0]["files"].as_array().unwrap().iter().map(|file| file["ok"].as_bool().unwrap()).collect();
    assert_eq!(oks, [true, false, false], "{checked:#?}");
    let faults = checked[0]["files"][1]["faults"].as_array().unwrap();
    assert!(
        faults.iter().all(|fault| fault["line"].is_number() && fault["end"]["column"].is_number()) && !faults.is_empty(),
        "{faults:#?}"
    );
    let words = ["test", "postgres-connection-surge", "--scenario", "all-well", "--fault-sweep", "--min", "1", "--format", "json"];
    let tested = fits(&bench.run(&words).exits(0).stdout, "test");
    let sweep = &tested[0]["runbooks"][0]["sweep"];
    assert!(tested[0]["passed"].as_u64().unwrap() > 0 && sweep["tried"].as_u64().unwrap() > 0, "{tested:#?}");
}

#[test]
fn the_journal_s_own_commands_say_what_they_have_done() {
    let bench = bench();
    bench.run(&["run", "looks", "--yes"]).exits(0);
    let json = |words: &[&str], schema: &str| fits(&bench.run(&[words, &["--format", "json"]].concat()).exits(0).stdout, schema).remove(0);
    let run = fits(&bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout, "journal-run")[0]["id"].clone();
    let run = run.as_str().unwrap();
    let verified = json(&["journal", "verify"], "journal-verify");
    let key = bench.path("key").display().to_string();
    assert!(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status().unwrap().success());
    let signed = json(&["journal", "sign", "--key", &key], "journal-sign");
    assert_eq!((&signed["sha256"], &signed["records"]), (&verified["sha256"], &verified["records"]));
    assert!(["file", "signature"].iter().all(|name| Path::new(signed[*name].as_str().unwrap()).exists()), "{signed:#}");
    bench.file("head", signed["head"].as_str().unwrap());
    let verified = json(&["journal", "verify", "--head", "head"], "journal-verify");
    assert_eq!(verified["fault"], Value::Null);

    let exported = json(&["journal", "export", run, "--to", "run.tar"], "journal-export");
    assert_eq!((&exported["run"], &exported["first"]), (&run.into(), &1.into()));
    assert_eq!(json(&["journal", "verify", "run.tar"], "journal-verify-export")["valid"], true);
    let left = json(&["journal", "leftovers"], "journal-leftovers");
    assert!(left["leftovers"].is_array() && left["removed"] == false, "{left:#}");
    let archived = json(&["journal", "archive", "--before", "2100-01-01"], "journal-archive");
    assert_eq!((&archived["archived"][0]["first"], &archived["kept_by"]), (&1.into(), &Value::Null), "{archived:#}");
    assert!(Path::new(&bench.path("journal").join(archived["archived"][0]["file"].as_str().unwrap())).exists(), "{archived:#}");
    // A damaged journal is told, too.
    let text = bench.read("journal/journal.jsonl").unwrap().replace("\"archived\"", "\"archivex\"");
    bench.file("journal/journal.jsonl", &text);
    let bad = bench.run(&["journal", "verify", "--format", "json"]).exits(1);
    assert!(fits(&bad.stdout, "journal-verify")[0]["fault"].is_string(), "{bad:?}");
}

/// Every kind of event, as the golden screens have them.
#[test]
fn all_events_fit_and_what_lacks_something_does_not() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui/golden/events.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let lines = fits(&text, "events");
    let began = lines.iter().find(|line| line["type"] == "step_began").unwrap();
    let lacking = |name: &str| {
        let mut line = began.clone();
        line.as_object_mut().unwrap().remove(name);
        std::panic::catch_unwind(|| fits(&line.to_string(), "events")).is_err()
    };
    assert!(["place", "time", "run", "type", "command"].into_iter().all(lacking), "what lacks something fits");
}
