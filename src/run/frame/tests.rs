//! What runs of a frame when halligan itself is at fault.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use super::*;
use crate::{
    event::{Captured, Effect, Exit, Holding, Mode, Opening, RecordedPlan, RunId, RunState, Shown, StepOutcome, Words, moment::Moment},
    plan::{
        Plan,
        binding::{Given, bind},
    },
    ports::{
        Answer, Capture, Clock, Executor, Interrupts, Ledger, LedgerError, NoAnswer, Observer, Order, Printed, Prompt, Question, Ran, Site,
    },
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
    fn unfit(&self, _: &str) -> Option<String> {
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
    fn is_synchronised(&self) -> Option<bool> {
        None
    }

    fn now(&self) -> Moment {
        Moment { ts: jiff::Timestamp::UNIX_EPOCH, mono_ns: 0 }
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
    plan_of("- {id: a, run: [x], effect: read}\n")
}

fn plan_of(steps: &str) -> Plan {
    let text = format!("halligan: 1\nname: x\ntitle: X\nsummary: s\nreviewed: 2026-11-01\nsteps:\n{steps}");
    let source = SourceText { name: "x.yaml".into(), origin: Origin::Bundled, text: text.as_str().into(), sha256: "0".repeat(64) };
    let runbook = Arc::new(resolve(source).0.unwrap());
    let (bound, _) = bind(&runbook, &Given::default()).unwrap();
    Plan::new(runbook, bound, (BTreeMap::new(), crate::plan::called::CalledSecrets::default()), None, &[])
}

fn order(place: &Place, part: Part) -> Order {
    Order::plain(place.clone(), part, Words::Argv(vec!["x".to_owned()]), Effect::Change)
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
        surroundings: None,
        machine: None,
    };
    let ports = Ports {
        ledger: &willing,
        executor: &willing,
        clock: &willing,
        prompt: &willing,
        observers: &[],
        off_script: None,
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
        reserve: crate::run::reserve::Reserve::new(),
        systems: crate::run::system::AskedSystems::default(),
        recent: crate::run::kept::RecentAnswers::default(),
        together: crate::run::together::AskedTogether::default(),
        leases: crate::run::leases::Leases::default(),
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
        clock_synchronised: None,
        surroundings: None,
        machine: None,
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

/// A world in which halligan itself fails while it does something.
struct Failing<'a> {
    world: &'a Willing,
    at: &'static str,
    part: Part,
}

impl Executor for Failing<'_> {
    fn admits(&self, order: &Order) -> bool {
        self.world.admits(order)
    }
    fn holding(&self, order: &Order) -> Option<Holding> {
        self.world.holding(order)
    }
    fn concurrency(&self) -> usize {
        4
    }
    fn locate(&self, program: &str) -> Option<PathBuf> {
        self.world.locate(program)
    }
    fn unfit(&self, program: &str) -> Option<String> {
        self.world.unfit(program)
    }
    fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String> {
        self.world.missing_on(host, programs, stop)
    }
    fn user(&self) -> String {
        self.world.user()
    }
    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError> {
        assert!(!(order.place.to_string() == self.at && order.part == self.part), "on purpose");
        self.world.execute(order, site, stop)
    }
}

impl Observer for Failing<'_> {
    fn event(&self, _: Moment, _: &Event) {
        panic!("the screen is gone");
    }
    fn progress(&self, _: Moment, _: &crate::event::Progress) {
        panic!("the screen is gone");
    }
}

struct Agreeing;

impl Prompt for Agreeing {
    fn ask(&self, _: &Question) -> Result<Answer, NoAnswer> {
        Ok(Answer::Yes { typed: "yes".to_owned(), by: crate::event::Answerer::Flag })
    }
}

/// Halligan fails at a place, and its screen with each fact. What has run then, and how it ended.
fn failing(at: &'static str, part: Part) -> (Vec<String>, crate::run::Ending) {
    let plan = plan_of(
        "- {id: flag, run: [x], effect: change, cleanup: {run: [x]}}\n- id: each\n  for_each: {items: [1, 2, 3, 4], as: n, batch: 4, parallel: 4}\n  steps:\n  \
         - {id: act, run: [x], effect: change, cleanup: {run: [x]}}\n- {id: after, run: [x], effect: change, undo: {impossible: no}}\n",
    );
    let (willing, interrupts) = (Willing::default(), Interrupts::default());
    let failing = Failing { world: &willing, at, part };
    let setting = Setting {
        run_id: RunId::NONE,
        operator: String::new(),
        host: String::new(),
        mode: Mode::Real,
        step_by_step: false,
        shared_locks: Vec::new(),
        surroundings: None,
        machine: None,
    };
    let ports = Ports {
        ledger: &willing,
        executor: &failing,
        clock: &willing,
        prompt: &Agreeing,
        observers: &[&failing],
        off_script: None,
        interrupts: &interrupts,
        last_interrupts: &interrupts,
        present: &|_| String::new(),
    };
    let ending = crate::run::run(&plan, &setting, ports);
    let mut ran: Vec<String> = willing
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(place, part)| format!("{place} {}", if *part == Part::Cleanup { "cleanup" } else { "" }))
        .collect();
    ran.sort();
    (ran, ending)
}

#[test]
fn a_panic_in_a_worker_ends_the_run_with_its_cleanups() {
    let (ran, ending) = failing("each[n=2].act", Part::Main);
    assert!(ending.bug && ending.why().contains("halligan itself has failed") && ending.why().contains("on purpose"), "{ending:?}");
    // What was begun is put back, what failed too: it may have taken effect.
    for cleaned in ["flag cleanup", "each[n=2].act cleanup"] {
        assert!(ran.iter().any(|ran| ran == cleaned), "{cleaned}: {ran:?}");
    }
    assert!(!ran.iter().any(|ran| ran.starts_with("after")), "{ran:?}");
    assert_eq!(ending.owed, []);
}

#[test]
fn a_panic_in_a_cleanup_leaves_that_one_owed_and_keeps_no_other_from_running() {
    let (ran, ending) = failing("each[n=2].act", Part::Cleanup);
    assert!(ending.bug, "{ending:?}");
    assert!(ran.iter().any(|ran| ran == "flag cleanup"), "{ran:?}");
    assert_eq!(ending.owed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["each[n=2].act"]);
}

#[test]
fn without_a_panic_a_screen_that_fails_ends_no_run() {
    let (ran, ending) = failing("nowhere", Part::Main);
    assert!(!ending.bug && ending.outcome == crate::event::Outcome::Completed, "{ending:?}");
    assert!(ran.iter().any(|ran| ran.starts_with("after")));
}
