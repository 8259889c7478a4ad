//! What runs of a frame when halligan itself is at fault.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use super::*;
use crate::{
    event::{Captured, Effect, Exit, Holding, Mode, Opening, ReadNeeds, RecordedPlan, RunId, RunState, Shown, StepOutcome, Words},
    plan::{
        Plan,
        binding::{Given, bind},
    },
    ports::{Answer, Capture, Clock, Executor, Interrupts, Ledger, LedgerError, NoAnswer, Order, Printed, Prompt, Question, Ran, Site},
    run::setting::{Ports, Setting},
    runbook::{
        model::{Origin, SourceText},
        resolve,
    },
    secret::Secrets,
};

/// A world in which every command works, and the places of those that ran.
#[derive(Default)]
struct Willing(Mutex<Vec<(Place, Part)>>);

impl Executor for Willing {
    fn admits(&self, _: &Order) -> bool {
        true
    }
    fn holding(&self, _: &Order) -> Option<Holding> {
        None
    }
    fn concurrency(&self) -> usize {
        1
    }
    fn locate(&self, _: &str) -> Option<PathBuf> {
        None
    }
    fn missing_on(&self, _: &str, _: &[String], _: &Interrupts) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
    fn user(&self) -> String {
        String::new()
    }
    fn execute(&self, order: &Order, _: &dyn Site, _: &Interrupts) -> Result<Ran, LedgerError> {
        self.0.lock().unwrap().push((order.place.clone(), order.part));
        let nothing = || Printed::new(Captured::empty(), Vec::new());
        Ok(Ran { exit: Exit::Code(0), stdout: nothing(), stderr: nothing(), took: Duration::ZERO, leaked: false })
    }
}

impl Ledger for Willing {
    fn append(&self, _: &Event) -> Result<(), LedgerError> {
        Ok(())
    }
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Err(LedgerError::new("nothing is kept", None))
    }
}

impl Clock for Willing {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    fn pause(&self, _: Duration, _: &Interrupts) {}
}

impl Prompt for Willing {
    fn ask(&self, _: &Question) -> Result<Answer, NoAnswer> {
        Err(NoAnswer::Gone)
    }
}

fn plan() -> Plan {
    let text = "halligan: 1\nname: x\ntitle: X\nsummary: s\nreviewed: 2026-11-01\nsteps:\n- {id: a, run: [x], effect: read}\n";
    let source = SourceText { name: "x.yaml".into(), origin: Origin::Bundled, text: text.into(), sha256: "0".repeat(64) };
    let runbook = Arc::new(resolve(source).0.unwrap());
    let (bound, _) = bind(&runbook, &Given::default()).unwrap();
    Plan::new(runbook, bound, BTreeMap::new(), None)
}

fn order(place: &Place, part: Part) -> Order {
    Order {
        place: place.clone(),
        part,
        words: Words::Argv(vec!["x".to_owned()]),
        effect: Effect::Change,
        host: None,
        user: None,
        cwd: None,
        env: Vec::new(),
        stdin: None,
        timeout: None,
        interactive: false,
        reading: ReadNeeds::default(),
    }
}

#[test]
fn a_fact_that_cannot_be_keeps_no_cleanup_from_running_but_its_own() {
    let (plan, willing, interrupts) = (plan(), Willing::default(), Interrupts::default());
    let setting = Setting {
        run_id: RunId::NONE,
        operator: String::new(),
        host: String::new(),
        mode: Mode::Real,
        step_by_step: false,
        shared_locks: Vec::new(),
    };
    let ports = Ports {
        ledger: &willing,
        executor: &willing,
        clock: &willing,
        prompt: &willing,
        observers: &[],
        interrupts: &interrupts,
        last_interrupts: &interrupts,
        present: &|_| String::new(),
    };
    let engine = Engine {
        plan: &plan,
        ports,
        setting: &setting,
        state: Mutex::new(RunState::default()),
        step_by_step: AtomicBool::new(false),
        confirms_each: false,
        before: None,
        secrets: Secrets::default(),
    };
    let opening = Opening {
        runbook: "x".into(),
        title: String::new(),
        source: String::new(),
        runbook_sha256: String::new(),
        plan: RecordedPlan::default(),
        plan_sha256: String::new(),
        params: BTreeMap::new(),
        mode: Mode::Real,
        version: String::new(),
    };
    engine.emit(Event::RunOpened(Box::new(opening))).unwrap();
    engine.emit(Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 }).unwrap();
    let (around, bad) = (Place::top("each"), Place::top("each").item("i", "1").child("act"));
    let before = Place::top("flag");
    let mut frame = Frame::default();
    let owes: Shown = order(&bad, Part::Cleanup).shown();
    for place in [&before, &around, &bad] {
        engine.execute(&order(place, Part::Main), 1, Some(owes.clone()), &interrupts, None, crate::run::command::judge_exit).unwrap();
        engine.emit(Event::StepSettled { place: place.clone(), outcome: StepOutcome::Done }).unwrap();
        let cleanup = Some(PreparedRemedy::Ready(Box::new(order(place, Part::Cleanup))));
        frame.register(Compensation { place: place.clone(), undo: None, cleanup, owed_when_stopped: false });
    }
    willing.0.lock().unwrap().clear();
    // What is done already begins again: that cannot be.
    let again = Event::StepBegan { place: bad.clone(), part: Part::Main, attempt: 2, command: owes.clone(), owes: Some(owes) };
    let bug = engine.emit(again).unwrap_err();
    assert!(matches!(&bug, Halt::Bug(error) if error.place.as_ref() == Some(&bad)), "{bug:?}");
    let result = engine.end_frame(frame, None, Err(bug));
    assert!(matches!(result, Err(Halt::Bug(_))), "{result:?}");
    assert_eq!(*willing.0.lock().unwrap(), [(around, Part::Cleanup), (before, Part::Cleanup)]);
    let ending = engine.close(result);
    assert!(ending.bug);
    assert_eq!(ending.owed, [bad], "nobody knows what became of it: it stays owed");
}
