//! Journals and runs for tests: between them, every event and every way to end.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc, time::Duration};

use serde_json::json;
use tempfile::TempDir;

use super::{
    disk::Local,
    identity::Identity,
    ladder::Ladder,
    record::Durability,
    verify::{JournalVerdict, verify},
    writer::Journal,
};
use crate::{
    event::{
        Answerer, Captured, Effect, EndSignal, Event, Excerpt, Exit, Finding, Mode, Opening, Outcome, Part, Place, Prediction,
        RecordedPlan, RunId, SentSignal, ShellFact, Shortfall, Shown, Skip, StepOutcome, StopSignal, SystemAnswer, Verdict as End, Words,
    },
    ports::Ledger,
};

/// A plan with what a later halligan may write into it, and every kind of number.
fn plan() -> RecordedPlan {
    let steps = json!([{"id": "set_noout", "half": 0.1, "third": 0.333_333_333_333_333_3, "big": u64::MAX, "least": i64::MIN}]);
    RecordedPlan { other: BTreeMap::from([("steps".to_owned(), steps)]), ..RecordedPlan::default() }
}

pub(super) fn opened(mode: Mode) -> Event {
    Event::RunOpened(Box::new(Opening {
        runbook: "staggered-osd-restart".to_owned(),
        title: "Restart \u{202e}Ceph OSDs \"one\" at a time\u{7f}".to_owned(),
        source: "runbooks/staggered-osd-restart.yaml".to_owned(),
        runbook_sha256: Captured::EMPTY.to_owned(),
        plan: plan(),
        plan_sha256: Captured::EMPTY.to_owned(),
        params: BTreeMap::from([("osds".to_owned(), json!([0, 1])), ("token".to_owned(), json!(null))]),
        mode,
        version: "0.1.0".to_owned(),
        clock_synchronised: Some(false),
        surroundings: None,
        machine: None,
    }))
}

pub(super) fn shown(effect: Effect) -> Shown {
    Shown {
        words: Words::Argv(["ceph", "osd", "set", "noout \n\u{9b}31m"].map(String::from).to_vec()),
        effect,
        host: Some("db3".to_owned()),
        user: None,
        cwd: Some("/".to_owned()),
        env: vec!["CEPH_ARGS".to_owned()],
        stdin: true,
        timeout_ms: Some(30_000),
        held: None,
        fences: BTreeMap::new(),
    }
}

pub(super) fn began(place: &str, part: Part, effect: Effect) -> Event {
    let owes = (part == Part::Main && effect == Effect::Change).then(|| shown(Effect::Change));
    Event::StepBegan { place: Place::top(place), part, attempt: 1, command: shown(effect), owes }
}

pub(super) fn ended(place: &str, part: Part, exit: Exit, verdict: End, stdout: Captured) -> Event {
    Event::StepEnded {
        place: Place::top(place),
        part,
        attempt: 1,
        exit,
        stdout,
        stderr: Captured::empty(),
        took: Duration::from_millis(1234),
        askings: 3,
        verdict,
        message: "noout is set".to_owned(),
        excerpt: Excerpt::default(),
    }
}

pub(super) fn closed(outcome: Outcome) -> Event {
    Event::RunClosed { outcome, why: "ok-to-stop said no".to_owned(), owed: vec![Place::top("set_noout")] }
}

/// Without it, nothing is begun that changes something.
fn same_system() -> Event {
    Event::Identified { place: Place::identity_in(None), answer: SystemAnswer::Known { system: "Ceph cluster 4c1e".to_owned() } }
}

/// A small run that ends well.
pub(super) fn short(stdout: Captured) -> Vec<Event> {
    vec![
        opened(Mode::Rehearsal),
        Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 },
        began("set_noout", Part::Main, Effect::Change),
        ended("set_noout", Part::Main, Exit::Code(0), End::Passed, stdout),
        Event::StepSettled { place: Place::top("set_noout"), outcome: StepOutcome::Done },
        Event::RunClosed { outcome: Outcome::Completed, why: String::new(), owed: Vec::new() },
    ]
}

/// A run in which everything happens that can.
pub(super) fn eventful(stdout: &Captured) -> Vec<Event> {
    let place = Place::top;
    let why = || "it \"broke\"".to_owned();
    let failed = || End::failed("exit 1");
    let unknown = || End::Unknown { why: "the connection broke".to_owned() };
    let checked = |finding| Event::Checked { place: Place::top("quorum"), title: "Monitors have quorum".to_owned(), finding };
    let mut events = vec![
        opened(Mode::Real),
        same_system(),
        checked(Finding::Pass { message: "a, b, c".to_owned() }),
        checked(Finding::Warn { message: "half full".to_owned(), hint: Some("raise it".to_owned()) }),
        checked(Finding::Block { message: "full".to_owned(), hint: None, lacks: None }),
        checked(Finding::Block { message: "not found: a".to_owned(), hint: None, lacks: Some(Shortfall::Programs(vec!["a".to_owned()])) }),
        checked(Finding::Unknown { needs: vec!["params.osds".to_owned()] }),
        checked(Finding::NotJudged { without: vec!["status".to_owned()], failed: place("status") }),
        Event::AnswerShared { place: place("now"), of: place("quorum"), verdict: failed(), message: "epoch 3".to_owned() },
        Event::Overridden {
            place: place("quorum"),
            title: "Quorum".to_owned(),
            reason: "known".to_owned(),
            by: Answerer::Flag,
            unjudged: Vec::new(),
        },
        Event::Overridden {
            place: place("status"),
            title: "Status".to_owned(),
            reason: "known".to_owned(),
            by: Answerer::Flag,
            unjudged: vec![place("quorum")],
        },
        Event::HoldFailed {
            place: place("restart").child("quorum"),
            title: "Quorum".to_owned(),
            before: place("restart"),
            waiting: false,
            why: "2 of 3".to_owned(),
            hint: Some("look".to_owned()),
        },
        Event::HoldOverridden {
            place: place("restart").child("quorum"),
            title: "Quorum".to_owned(),
            before: place("restart"),
            reason: "known".to_owned(),
            by: Answerer::Terminal,
        },
        Event::Planned { steps: 8, read: 5, change: 2, destroy: 1 },
        same_system(),
        Event::Confirmed { place: None, text: "Run 8 steps?\nReally?".to_owned(), typed: "y".to_owned(), by: Answerer::Terminal },
        Event::Declined { place: Some(place("wipe")), text: "Wipe?".to_owned(), why: "no terminal".to_owned() },
        Event::Staggered { place: place("restart"), items: vec!["0".to_owned(), "1".to_owned()], batches: vec![1, 1], max_failures: 0 },
        Event::BatchBegan { place: place("restart"), batch: 1, items: vec!["0".to_owned()] },
        began("set_noout", Part::Main, Effect::Change),
        Event::StepSpawned { place: place("set_noout"), part: Part::Main, pid: 4711, start_time: 123_456_789 },
        Event::StepSignalled { place: place("set_noout"), part: Part::Main, signal: SentSignal { signal: EndSignal::Term, unsent: None } },
        ended("set_noout", Part::Main, Exit::Code(0), End::Passed, stdout.clone()),
        Event::StepSettled { place: place("set_noout"), outcome: StepOutcome::Done },
    ];
    let exits = [
        (Exit::Code(1), failed()),
        (Exit::Signal(9), failed()),
        (Exit::TimedOut { after_ms: 30_000, killed: false }, failed()),
        (Exit::Interrupted { killed: false }, failed()),
        (Exit::NotStarted { why: why() }, failed()),
        (Exit::TimedOut { after_ms: 30_000, killed: true }, unknown()),
        (Exit::Interrupted { killed: true }, unknown()),
        (Exit::Lost { why: why() }, unknown()),
    ];
    for (index, (exit, verdict)) in exits.into_iter().enumerate() {
        let name = format!("try_{index}");
        let outcome = if exit.in_doubt() { StepOutcome::InDoubt { why: why() } } else { StepOutcome::Failed { why: why() } };
        events.push(began(&name, Part::Main, Effect::Destroy));
        events.push(ended(&name, Part::Main, exit, verdict, Captured::empty()));
        events.push(Event::StepSettled { place: place(&name), outcome });
    }
    for part in [Part::DoneIf, Part::Verify, Part::Gate, Part::Holds, Part::Show] {
        events.push(began("restart", part, Effect::Read));
        events.push(ended("restart", part, Exit::Code(0), End::Passed, stdout.clone()));
    }
    let skips = [Skip::When { expression: "x > 1".to_owned() }, Skip::AlreadyDone { message: why() }, Skip::Operator, Skip::Empty];
    events.extend(skips.map(|why| Event::StepSkipped { place: place("maybe"), why }));
    events.extend([
        Event::DoubtResolved { place: place("try_7"), outcome: StepOutcome::Done, evidence: "it is up".to_owned(), by: None },
        Event::Owed { place: place("set_noout"), why: why() },
        began("set_noout", Part::Undo, Effect::Change),
        ended("set_noout", Part::Undo, Exit::Code(1), failed(), Captured::empty()),
        Event::Note { place: Some(place("restart")), text: "called the owner\u{202e}".to_owned(), taken: None, person: false },
        Event::Note { place: None, text: "the disk was swapped".to_owned(), taken: None, person: true },
        shell(ShellFact::Opened { host: Some("db3".to_owned()), recorder: 4711 }),
        shell(ShellFact::Command { number: 1, text: "ls\u{202e}".to_owned() }),
        shell(ShellFact::CommandEnded { number: 1, code: 2, took: Duration::from_millis(3) }),
        shell(ShellFact::Closed { code: Some(0), why: None, recording: stdout.clone(), hook: Some("bash".to_owned()) }),
        Event::Interrupted { signal: StopSignal::Interrupt },
        closed(Outcome::Stopped),
        Event::Resumed { from: "0000007f".to_owned() },
        Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 },
        closed(Outcome::Stuck),
        same_system(),
        began("set_noout", Part::Cleanup, Effect::Change),
        ended("set_noout", Part::Cleanup, Exit::Code(0), End::Passed, Captured::empty()),
    ]);
    events
}

fn shell(fact: ShellFact) -> Event {
    Event::Shell { place: Some(Place::top("restart")), shell: "4711-0".to_owned(), fact }
}

/// A dry run.
pub(super) fn dry() -> Vec<Event> {
    let predicted = |prediction| Event::StepPredicted { place: Place::top("set_noout"), part: Part::Main, prediction };
    vec![
        opened(Mode::DryRun),
        Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 },
        predicted(Prediction::WouldRun { command: shown(Effect::Change) }),
        predicted(Prediction::AtRunTime { needs: vec!["steps.a.output".to_owned()] }),
        predicted(Prediction::WouldAsk { question: "Continue?".to_owned() }),
        Event::Note { place: None, text: String::new(), taken: Some("0".repeat(64)), person: false },
        closed(Outcome::Completed),
    ]
}

/// In memory where there is such a place: these tests sync thousands of times.
pub(super) fn temp_dir() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

pub(super) fn run(number: u32) -> RunId {
    format!("{number:08x}").parse().unwrap()
}

pub(super) fn identity() -> Identity {
    Identity {
        boot_id: "6d1f3b1e-0000-4000-8000-000000000001".to_owned(),
        host: "db3".to_owned(),
        uid: 0,
        login_uid: Some(1000),
        tty: Some("/dev/pts/0".to_owned()),
        ssh: Some("10.1.0.7 50122 10.1.0.3 22".to_owned()),
    }
}

/// Keeps nothing anywhere, so that no test writes outside its directory.
pub(super) fn no_ladder() -> Ladder {
    Ladder::nowhere(Box::new(io::sink()))
}

pub(super) fn open(dir: &Path) -> Journal {
    Journal::open_on(Arc::new(Local), dir, no_ladder(), identity()).unwrap()
}

pub(super) fn print(ledger: &dyn Ledger, text: &[u8]) -> Captured {
    let mut capture = ledger.capture().unwrap();
    capture.write_all(text).unwrap();
    capture.finish().unwrap()
}

pub(super) fn append_all(ledger: &dyn Ledger, events: &[Event]) {
    for event in events {
        ledger.append(event).unwrap();
    }
}

/// A journal with one short run, and its bytes.
pub(super) fn small(dir: &Path) -> Vec<u8> {
    let journal = open(dir);
    let ledger = journal.begin_run(run(1), Durability::EachRecord);
    let stdout = print(&ledger, b"noout is set\n");
    append_all(&ledger, &short(stdout));
    fs::read(journal.path()).unwrap()
}

pub(super) fn verdict(dir: &Path) -> JournalVerdict {
    verify(dir, &[]).unwrap().verdict
}
