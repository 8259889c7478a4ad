//! kill -9 of the real binary: at any time, and at each system call.

use std::{collections::BTreeMap, fs, path::Path, process::Command, thread, time::Duration};

use fastrand::Rng;
use nix::sys::signal::{Signal, kill};

use super::{
    account::{Evidence, Mark},
    life::{self, Life},
    row::{Outcome, Setup},
    stage::{Stage, journal_in_memory},
    tree::Tree,
};

/// Runs with everything in them, disturbed in all ways; each has a seed of its own, so that `--seed` begins with it.
pub fn lives(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut ends: BTreeMap<String, Vec<Evidence>> = BTreeMap::new();
    let mut calls = 0;
    for seed in (setup.seed..).take(if setup.long { 2000 } else { 60 }) {
        let lived = Life::new(setup, seed, |_| String::new()).live();
        let result = lived.and_then(|evidence| {
            evidence.judge().map_err(|why| format!("{why}{}", life::told(&evidence)))?;
            calls += evidence.calls.len();
            ends.entry(evidence.end()).or_default().push(evidence);
            Ok(())
        });
        // Its journal, ledger and runbooks, for whoever looks for the cause.
        if let (Err(why), Some(keep)) = (&result, std::env::var_os("TORTURE_KEEP")) {
            let kept = Path::new(&keep).join(seed.to_string());
            super::fault::copy(&setup.memory.join("life"), &kept);
            fs::write(kept.join("why"), why).unwrap();
        }
        outcome.point(format!("--seed {seed} kill"), result);
    }
    let ended: Vec<_> = ends.iter().map(|(end, lives)| format!("{} {end}", lives.len())).collect();
    outcome.notes.push(format!("{calls} calls of halligan; runs that ended: {}", ended.join(", ")));
    let mut found = planted(setup);
    for (what, end, lie) in LIES {
        let lives = ends.get(end).into_iter().flatten();
        found.push((what, lives.map(|evidence| lie(evidence.clone()).judge()).find(Result::is_err).unwrap_or(Ok(()))));
    }
    for (what, _) in found.iter().filter(|(_, told)| told.is_ok()) {
        outcome.failures.push(format!("not found: {what}"));
    }
    outcome
        .control("steps that do other than they say; ledgers and records with something changed", found.into_iter().map(|(_, told)| told));
    outcome
}

/// Tools whose steps do other than they say, and the end of a run that shows it.
fn planted(setup: &Setup) -> Vec<(&'static str, Result<(), String>)> {
    const DEFECTS: [(&str, &str, &str); 4] = [
        ("a step takes effect twice", "completed", r#"[ "$part $place" != 'do PLACE' ] || echo "did $place $$" >>ledger"#),
        ("a step does nothing", "completed", r#"[ "$part $place" != 'do PLACE' ] || exit 0"#),
        ("undos do nothing", "rolled_back", r#"[ "$part" != undo ] || exit 0"#),
        ("cleanups do nothing", "completed", r#"[ "$part" != clean ] || exit 0"#),
    ];
    let one = |(what, end, script): (&'static str, &str, &str)| {
        let plant = |tree: &Tree| script.replace("PLACE", tree.cells.iter().find(|cell| !cell.stretch).map_or("", |cell| &cell.place));
        // Not every run shows it: its step may be one that is allowed to fail.
        let lives = (setup.seed..).take(60).filter_map(|seed| Life::new(setup, seed, plant).live().ok());
        let told = lives.filter(|evidence| evidence.end() == end).map(|evidence| evidence.judge()).find(Result::is_err);
        (what, told.unwrap_or(Ok(())))
    };
    DEFECTS.into_iter().map(one).collect()
}

type Lie = fn(Evidence) -> Evidence;

/// What is not so, of runs that ended in this way.
const LIES: [(&str, &str, Lie); 8] = [
    ("an effect is left out", "completed", |evidence| without(evidence, "did")),
    ("a cleanup is left out", "completed", |evidence| without(evidence, "cleaned")),
    ("an undo is left out", "rolled_back", |evidence| without(evidence, "undid")),
    ("an effect is there twice", "completed", |evidence| twice(evidence, "did")),
    ("an undo is there twice", "rolled_back", |evidence| twice(evidence, "undid")),
    ("undos in the order of the steps", "rolled_back", |mut evidence| {
        let undos = |mark: &Mark| mark.word == "undid";
        let mut turned: Vec<Mark> = evidence.marks.iter().filter(|mark| undos(mark)).cloned().collect();
        for mark in evidence.marks.iter_mut().filter(|mark| undos(mark)) {
            *mark = turned.pop().unwrap();
        }
        evidence
    }),
    ("an intent is left out", "completed", |mut evidence| {
        let place = evidence.marks.iter().find(|mark| mark.word == "did").map(|mark| mark.place.clone()).unwrap_or_default();
        for record in evidence.records.iter_mut().filter(|record| record["type"] == "step_began" && record["place"] == place.as_str()) {
            record["type"] = "note".into();
        }
        evidence
    }),
    ("it completed, and ended with 6", "completed", |mut evidence| {
        if let Some(call) = evidence.calls.iter_mut().rev().find(|call| call.code == Some(0) && call.verb == "resume" || call.verb == "run")
        {
            (call.code, call.killed) = (Some(6), false);
        }
        evidence
    }),
];

fn without(mut evidence: Evidence, word: &str) -> Evidence {
    let Some(at) = evidence.marks.iter().rposition(|mark| mark.word == word) else { return evidence };
    evidence.marks.remove(at);
    // What was there when a call had ended is so much less.
    for call in evidence.calls.iter_mut().filter(|call| call.marks > at) {
        call.marks -= 1;
    }
    evidence
}

fn twice(mut evidence: Evidence, word: &str) -> Evidence {
    let mark = evidence.marks.iter().find(|mark| mark.word == word).cloned();
    evidence.marks.extend(mark);
    evidence
}

pub fn random(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rng = Rng::with_seed(setup.seed);
    let whole = {
        let stage = Stage::new(setup, journal_in_memory(setup), 200);
        let began = std::time::Instant::now();
        let (code, shown) = stage.run_under(&[], &[]).end();
        outcome.point("undisturbed", if code == Some(0) { stage.resume(&shown) } else { Err(format!("it ended with {code:?}")) });
        began.elapsed()
    };
    outcome.notes.push(format!("200 steps take {:.2} s undisturbed", whole.as_secs_f64()));
    for round in 0..if setup.long { 1000 } else { 20 } {
        let stage = Stage::new(setup, journal_in_memory(setup), 200);
        let after = whole.mul_f64(rng.f64());
        let shown = killed(&stage, after, &[]);
        outcome.point(format!("round {round}, killed after {after:.3?}"), stage.resume(&shown));
    }
    let liar = setup.no_sync.to_str().unwrap();
    let results: Vec<_> = (0..5)
        .map(|_| {
            let stage = Stage::new(setup, journal_in_memory(setup), 200);
            let shown = killed(&stage, whole.mul_f64(0.5), &[("LD_PRELOAD", liar), ("LIAR_INTENT", "1")]);
            Stage::holds(&stage.journal, &shown, &stage.effects())
        })
        .collect();
    outcome.control("a write of an intent that is left out", results);
    outcome
}

fn killed(stage: &Stage<'_>, after: Duration, environment: &[(&str, &str)]) -> Vec<(String, String)> {
    let under = stage.run_under(&[], environment);
    thread::sleep(after);
    let _ = kill(under.pid(), Signal::SIGKILL);
    let (_, shown) = under.end();
    settle(stage);
    shown
}

/// Waits for the step that outlives halligan: it writes to the ledger within a moment, or never.
fn settle(stage: &Stage<'_>) {
    let path = stage.ledger.to_str().unwrap();
    while fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.starts_with(b"bash\0-c\0") && line.windows(path.len()).any(|window| window == path.as_bytes())
    }) {
        thread::yield_now();
    }
}

/// At the call with this number of this name.
fn at(stage: &Stage<'_>, call: &str, number: u64, follow: bool) -> Vec<(String, String)> {
    let inject = format!("inject={call}:signal=SIGKILL:when={number}");
    let mut words = vec!["strace", "-qq", "-o", "/dev/null", "-e", &inject];
    if follow {
        words.push("-f");
    }
    let (_, shown) = stage.run_under(&words, &[]).end();
    settle(stage);
    shown
}

const ARCHIVE: [&str; 4] = ["journal", "archive", "--before", "2100-01-01"];

/// A journal of one run that is over, and its head.
fn over(setup: &Setup) -> (Stage<'_>, std::path::PathBuf) {
    let stage = Stage::new(setup, journal_in_memory(setup), 3);
    let (code, _) = stage.run_under(&[], &[]).end();
    assert_eq!(code, Some(0), "3 steps");
    let head = stage.ledger.with_file_name("head");
    fs::write(&head, stage.output(&["journal", "head"]).stdout).unwrap();
    (stage, head)
}

/// `journal archive`, under another program.
fn archived_under(stage: &Stage<'_>, words: &[&str]) {
    let journal = stage.journal.to_str().unwrap();
    let words = words.iter().copied().chain([stage.binary().to_str().unwrap()]).chain(ARCHIVE).chain(["--journal-dir", journal]);
    let words: Vec<&str> = words.collect();
    let mut command = Command::new(words[0]);
    let _ = command.args(&words[1..]).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
}

/// What was killed must hold, and be brought to its end by the next call.
fn archived_again(stage: &Stage<'_>, head: &Path) -> Result<(), String> {
    let verified = |when: &str| {
        let output = stage.output(&["journal", "verify", "--head", head.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{when} the journal is {said}")) }
    };
    verified("after a kill")?;
    let run = stage.run_id().ok_or("the run is gone after a kill")?;
    let again = stage.output(&ARCHIVE);
    if !again.status.success() {
        return Err(format!("the next call ended with {:?}: {}", again.status.code(), String::from_utf8_lossy(&again.stderr)));
    }
    verified("after the next call")?;
    let names = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    if names(&stage.journal.join("archive")) != 1 || stage.journal.join("journal.jsonl.new").exists() {
        return Err("the next call has not brought it to its end".to_owned());
    }
    let lines = fs::read_to_string(stage.journal.join("journal.jsonl")).unwrap_or_default().lines().count();
    if lines != 1 || stage.run_id() != Some(run) {
        return Err(format!("{lines} records are left, and the runs are {:?}", stage.run_id()));
    }
    Ok(())
}

pub fn archive(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let (stage, head) = over(setup);
    let trace = setup.memory.join("trace");
    archived_under(&stage, &["strace", "-qq", "-o", trace.to_str().unwrap()]);
    outcome.point("undisturbed", archived_again(&stage, &head));
    let (mut counts, mut calls, mut begun): (BTreeMap<String, u64>, Vec<(String, u64)>, bool) = (BTreeMap::new(), Vec::new(), false);
    for line in fs::read_to_string(&trace).unwrap().lines() {
        let Some((call, _)) = line.split_once('(') else { continue };
        let count = counts.entry(call.to_owned()).or_default();
        *count += 1;
        // Before it looks for what an earlier one has left it has only read.
        begun |= line.contains("journal.jsonl.new");
        if begun && !call.starts_with("exit") && call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            calls.push((call.to_owned(), *count));
        }
    }
    outcome.notes.push(format!("{} calls of the main thread", calls.len()));
    for (call, number) in calls {
        let (stage, head) = over(setup);
        let inject = format!("inject={call}:signal=SIGKILL:when={number}");
        archived_under(&stage, &["strace", "-qq", "-o", "/dev/null", "-e", &inject]);
        outcome.point(format!("{call} number {number}"), archived_again(&stage, &head));
    }
    let (stage, head) = over(setup);
    archived_under(&stage, &["env"]);
    let month = fs::read_dir(stage.journal.join("archive")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read(&month).unwrap();
    let results: Vec<_> = [0, 1, text.len() / 2, text.len() - 1]
        .map(|keep| {
            fs::write(&month, &text[..keep]).unwrap();
            archived_again(&stage, &head)
        })
        .into();
    outcome.control("an archived month that is cut", results);
    outcome
}

pub fn syscalls(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    assert!(Command::new("strace").arg("-V").output().is_ok(), "strace is missing");
    let trace = setup.memory.join("trace");
    let stage = Stage::new(setup, journal_in_memory(setup), 3);
    let (code, _) = stage.run_under(&["strace", "-qq", "-o", trace.to_str().unwrap()], &[]).end();
    assert_eq!(code, Some(0), "3 steps under strace");
    let text = fs::read_to_string(&trace).unwrap();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut calls: Vec<(&str, u64)> = Vec::new();
    let mut journal = false;
    for line in text.lines() {
        let Some((call, _)) = line.split_once('(').filter(|(call, _)| call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) else {
            continue;
        };
        let count = counts.entry(call).or_default();
        *count += 1;
        journal |= line.contains("journal.jsonl");
        // Before the journal is opened nothing can be lost; the long run tries that too.
        if (journal || setup.long) && !call.starts_with("exit") && call != "execve" {
            calls.push((call, *count));
        }
    }
    outcome.notes.push(format!("{} calls of the main thread", calls.len()));
    let mut rng = Rng::with_seed(setup.seed);
    if !setup.long {
        // Calls that change a file, all of them; of the others a share.
        let (mut writing, mut others): (Vec<_>, Vec<_>) = calls.into_iter().partition(|(call, _)| {
            matches!(*call, "write" | "fdatasync" | "fsync" | "fallocate" | "flock" | "mkdir" | "clone" | "clone3" | "rename")
        });
        rng.shuffle(&mut others);
        others.truncate(60);
        writing.append(&mut others);
        calls = writing;
    }
    for (call, number) in calls {
        let stage = Stage::new(setup, journal_in_memory(setup), 3);
        let shown = at(&stage, call, number, false);
        outcome.point(format!("{call} number {number}"), stage.resume(&shown));
    }
    // Threads that keep output: calls that no step makes itself.
    for (call, number) in ["rename", "fdatasync", "fsync", "unlink"].into_iter().flat_map(|call| (1..=3).map(move |number| (call, number)))
    {
        let stage = Stage::new(setup, journal_in_memory(setup), 3);
        let shown = at(&stage, call, number, true);
        outcome.point(format!("{call} number {number} of a thread"), stage.resume(&shown));
    }
    let liar = format!("LD_PRELOAD={}", setup.no_sync.display());
    let results: Vec<_> = (1..=10)
        .map(|number| {
            let stage = Stage::new(setup, journal_in_memory(setup), 3);
            let inject = format!("inject=fdatasync:signal=SIGKILL:when={number}");
            let words = ["strace", "-qq", "-o", "/dev/null", "-E", &liar, "-E", "LIAR_INTENT=1", "-e", &inject];
            let (_, shown) = stage.run_under(&words, &[]).end();
            settle(&stage);
            Stage::holds(&stage.journal, &shown, &stage.effects())
        })
        .collect();
    outcome.control("a write of an intent that is left out", results);
    outcome
}
