//! The decision table of `resume`, one row a case: what a step is, what the records say of it, and where it stands.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    event::{Answerer, Captured, Event, Excerpt, Exit, Mode, Opening, Past, RecordedPlan, Skip, StepOutcome, Words},
    runbook::{
        model::{Origin, Runbook, SourceText},
        resolve,
    },
};

const RUNBOOK: &str = "\
halligan: 1
name: table
title: One step of each kind
summary: For a test.
reviewed: 2026-11-01
steps:
- {id: read, run: [x], effect: read}
- {id: change, run: [x], effect: change, undo: {impossible: x}}
- {id: twice, run: [x], effect: change, idempotent: true, undo: {impossible: x}}
- {id: tells, run: [x], effect: change, undo: {impossible: x}, done_if: {run: [y]}}
- {id: both, run: [x], effect: change, idempotent: true, undo: {impossible: x}, done_if: {run: [y]}}
- {id: proved, run: [x], effect: change, undo: {impossible: x}, verify: {run: [y]}}
- {id: passes, run: [x], effect: change, on_fail: continue, undo: {impossible: x}}
- {id: ask, confirm: {message: Sure?}}
- {id: check, probe: {title: So, run: [x]}}
- {id: waits, wait: {run: [x], until: code == 0, timeout: 1m}}
- {id: awaits, on_fail: continue, wait: {run: [x], until: code == 0, timeout: 1m}}
- {id: byhand, manual: {message: Do it, ask: What}}
";

fn runbook() -> Runbook {
    let source = SourceText { name: "table.yaml".into(), origin: Origin::Bundled, text: RUNBOOK.into(), sha256: "0".repeat(64) };
    let (runbook, report) = resolve(source);
    runbook.unwrap_or_else(|| panic!("{}", report.plain()))
}

/// What a record says.
#[derive(Clone, Copy)]
enum Said {
    Began,
    Well,
    Badly,
    Killed,
    NotStarted,
    LeftIt,
    Done,
    Failed,
    SkippedIt,
    PutBack,
    Continue,
    /// A doubt was resolved: it is to be done again.
    BeginAgain,
    Left,
}

use Said::{Badly, Began, BeginAgain, Continue, Done, Failed, Killed, Left, LeftIt, NotStarted, PutBack, SkippedIt, Well};

fn event(said: Said, step: &Step) -> Vec<Event> {
    let place = Place::top(step.id.as_str());
    let command = Shown {
        words: Words::Argv(vec!["x".into()]),
        effect: step.effect(),
        host: None,
        user: None,
        cwd: None,
        env: Vec::new(),
        stdin: false,
        timeout_ms: None,
        held: None,
        fences: BTreeMap::new(),
    };
    let began = |part| Event::StepBegan { place: place.clone(), part, attempt: 1, command: command.clone(), owes: None };
    let ended = |part, exit, verdict| Event::StepEnded {
        place: place.clone(),
        part,
        attempt: 1,
        exit,
        stdout: Captured::empty(),
        stderr: Captured::empty(),
        took: Duration::ZERO,
        askings: 1,
        verdict,
        message: String::new(),
        excerpt: Excerpt::default(),
    };
    let why = || "it did not".to_owned();
    match said {
        Began => vec![began(Part::Main)],
        Well => vec![ended(Part::Main, Exit::Code(0), Verdict::Passed)],
        Badly => vec![ended(Part::Main, Exit::Code(1), Verdict::failed(why()))],
        LeftIt => vec![ended(Part::Main, Exit::Interrupted { killed: false }, Verdict::failed(why()))],
        NotStarted => vec![ended(Part::Main, Exit::NotStarted { why: why() }, Verdict::failed(why()))],
        Killed => vec![ended(Part::Main, Exit::TimedOut { after_ms: 1, killed: true }, Verdict::Unknown { why: why() })],
        Done => vec![Event::StepSettled { place, outcome: StepOutcome::Done }],
        Failed => vec![Event::StepSettled { place, outcome: StepOutcome::Failed { why: why() } }],
        SkippedIt => vec![Event::StepSkipped { place, why: Skip::Operator }],
        PutBack => vec![began(Part::Cleanup), ended(Part::Cleanup, Exit::Code(0), Verdict::Passed)],
        Continue => vec![Event::Confirmed { place: Some(place), text: String::new(), typed: "continue".into(), by: Answerer::Terminal }],
        BeginAgain => {
            let outcome = StepOutcome::Failed { why: why() };
            vec![Event::DoubtResolved { place, outcome, evidence: String::new(), by: None }]
        }
        Left => vec![Event::Resumed { from: "there".into() }, Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 }],
    }
}

fn past(step: &Step, said: &[Said], mode: Mode) -> Past {
    let opening = Opening {
        runbook: "table".into(),
        title: String::new(),
        source: String::new(),
        runbook_sha256: String::new(),
        plan: RecordedPlan::default(),
        plan_sha256: String::new(),
        params: BTreeMap::new(),
        mode,
        version: String::new(),
        clock_synchronised: None,
        surroundings: None,
        machine: None,
    };
    let mut events = vec![Event::RunOpened(Box::new(opening)), Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 }];
    events.extend(said.iter().flat_map(|said| event(*said, step)));
    Past::of(&events).unwrap()
}

#[test]
fn the_decision_table() {
    let runbook = runbook();
    #[rustfmt::skip]
    let table: &[(u8, &str, &[Said], bool, &str)] = &[
        // Never begun.
        (3, "read",   &[],                              false, "to do"),
        (3, "change", &[],                              false, "to do"),
        (3, "ask",    &[],                              false, "to do"),
        (3, "byhand", &[],                              false, "to do"),
        // Ended well, and proved.
        (4, "read",   &[Began, Well, Done],             false, "done"),
        (4, "change", &[Began, Well, Done],             false, "done"),
        (4, "proved", &[Began, Well, Done],             false, "done"),
        (4, "check",  &[Began, Well, Done],             false, "done"),
        (4, "change", &[SkippedIt],                     false, "skipped"),
        // What was put back belongs to a stretch that is over, or is to be set again.
        (4, "change", &[Began, Well, Done, PutBack],    true,  "done"),
        (3, "change", &[Began, Well, Done, PutBack],    false, "to do"),
        // What had not ended well is not over because its cleanup has run.
        (3, "change", &[Began, Badly, Failed, PutBack], true,  "to do"),
        (3, "change", &[Began, Well, PutBack],          true,  "to do"),
        (3, "change", &[Began, Killed, PutBack],        true,  "in doubt"),
        (6, "passes", &[Began, Badly, Failed, PutBack], true,  "passed over"),
        (3, "passes", &[Began, Badly, Failed, PutBack], false, "to do"),
        // Ended well, its proof still open.
        (5, "proved", &[Began, Well],                   false, "unproven"),
        (5, "change", &[Began, Well],                   false, "unproven"),
        (5, "proved", &[Began, Well, Failed],           false, "unproven"),
        (5, "waits",  &[Began, Well],                   false, "again"),
        // Ended badly.
        (6, "read",   &[Began, Badly],                  false, "again"),
        (6, "change", &[Began, Badly],                  false, "failed"),
        (6, "change", &[Began, Badly, Failed],          false, "failed"),
        (6, "tells",  &[Began, Badly, Failed],          false, "failed"),
        // What could not be started has done nothing, unless an earlier attempt has.
        (6, "change", &[Began, NotStarted, Failed],     false, "again"),
        (6, "change", &[Began, Badly, Began, NotStarted, Failed], false, "failed"),
        (6, "passes", &[Began, NotStarted, Failed],     false, "passed over"),
        (6, "twice",  &[Began, Badly, Failed],          false, "again"),
        (6, "passes", &[Began, Badly, Failed],          false, "passed over"),
        (6, "change", &[Began, Badly, Continue, Failed], false, "passed over"),
        (6, "check",  &[Began, Badly, Failed],          false, "again"),
        (6, "waits",  &[Began, Badly, Failed],          false, "again"),
        (6, "awaits", &[Began, Badly],                  false, "passed over"),
        (6, "awaits", &[Began, LeftIt],                 false, "again"),
        // What is to be done again has not failed, unless that is passed over by a person's word.
        (6, "change", &[Began, BeginAgain],             false, "again"),
        (6, "passes", &[Began, BeginAgain],             false, "again"),
        (6, "passes", &[Began, Well, Done, BeginAgain], false, "again"),
        (6, "awaits", &[Began, Well, Done, BeginAgain], false, "again"),
        (6, "passes", &[Began, BeginAgain, Continue],   false, "passed over"),
        (6, "passes", &[Began, BeginAgain, Began, Badly, Failed], false, "passed over"),
        // Began, and nobody knows how it ended.
        (7, "read",   &[Began],                         false, "again"),
        (7, "read",   &[Began, Left],                   false, "to do"),
        (7, "waits",  &[Began],                         false, "again"),
        (7, "change", &[Began],                         false, "in doubt"),
        (7, "change", &[Began, Left],                   false, "in doubt"),
        (7, "change", &[Began, Killed],                 false, "in doubt"),
        (7, "tells",  &[Began],                         false, "in doubt"),
        (7, "both",   &[Began],                         false, "in doubt"),
        (7, "proved", &[Began, Killed],                 false, "in doubt"),
        (7, "twice",  &[Began],                         false, "again"),
        (7, "twice",  &[Began, Killed, Left],           false, "again"),
        (7, "passes", &[Began],                         false, "in doubt"),
    ];
    for (rule, id, said, over, wanted) in table {
        let step = runbook.all_steps().find(|step| step.id.as_str() == *id).unwrap();
        let found = standing(&past(step, said, Mode::Real), step, &Place::top(id), *over);
        let name = match &found {
            Standing::ToDo => "to do",
            Standing::Done => "done",
            Standing::Skipped => "skipped",
            Standing::Unproven => "unproven",
            Standing::PassedOver { .. } => "passed over",
            Standing::Failed { .. } => "failed",
            Standing::InDoubt { .. } => "in doubt",
            Standing::Again { .. } => "again",
        };
        let case = format!("rule {rule}, {id}, {} records, over: {over}", said.len());
        assert_eq!(name, *wanted, "{case}");
        assert_eq!(found.is_settled(), ["done", "skipped", "passed over"].contains(wanted), "{case}");
        // In doubt is never a success.
        assert!(!(matches!(said.last(), Some(Began | Killed)) && found.is_settled()), "{case}");
    }
    // Rule 10: what a dry run has predicted was not done.
    let step = runbook.all_steps().find(|step| step.id.as_str() == "change").unwrap();
    let mut past = past(step, &[], Mode::DryRun);
    let would = crate::event::Prediction::AtRunTime { needs: Vec::new() };
    past.fold(&Event::StepPredicted { place: Place::top("change"), part: Part::Main, prediction: would }).unwrap();
    assert_eq!(standing(&past, step, &Place::top("change"), false), Standing::ToDo);
}

#[test]
fn what_stands_on_something_done_again_is_asked_anew() {
    let runbook = runbook();
    let names = ["read", "change", "proved", "check", "waits", "ask", "byhand"];
    for id in names {
        let step = runbook.all_steps().find(|step| step.id.as_str() == id).unwrap();
        let past = past(step, &[Began, Well, Done], Mode::Real);
        let found = asked_anew(&past, step, &Place::top(id), Standing::Done, Since::NOW);
        assert_eq!(matches!(found, Standing::Again { .. }), ["read", "check", "waits", "byhand"].contains(&id), "{id}: {found:?}");
    }
}

#[test]
fn what_could_not_be_started_changes_nothing_of_what_was_done_and_owed() {
    let runbook = runbook();
    let step = runbook.all_steps().find(|step| step.id.as_str() == "change").unwrap();
    let state = |said: &[Said]| past(step, said, Mode::Real).state;
    assert!(state(&[Began, NotStarted]).took_effect.is_empty());
    assert_eq!(state(&[Began, Badly, Began, NotStarted]).took_effect, [Place::top("change")]);
    // A cleanup is no undo.
    assert_eq!(state(&[Began, Well, Done, PutBack]).took_effect, [Place::top("change")]);
    assert!(!past(step, &[Began, NotStarted], Mode::Real).changed_in(None));
    assert!(past(step, &[Began, Badly, Began, NotStarted], Mode::Real).changed_in(None));
}
