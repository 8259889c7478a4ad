//! A run cut off after every record, and taken up again: what is done and what remains is always the whole.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use halligan::door::{
    event::{Answerer, Effect, Event, Holding, Mode, Outcome, Part, Past, Phase, Place, RunState, StepOutcome, StepState, Verdict},
    journal::MemoryLedger,
    plan::{Given, Plan, bind, remaining},
    ports::{
        Answer, Ask, Beforehand, Capture, Choice, Executor, Interrupts, Ledger, LedgerError, NoAnswer, Order, Prompt, Question, Ran, Site,
    },
    rehearse::{Rehearsal, Scenario},
    run::{self, Before, Ending, Ports, Setting},
    runbook::{Origin, Runbook, SourceText, resolve},
};
use proptest::prelude::*;

const RUNBOOK: &str = r#"
halligan: 1
name: cut
title: Everything that a resume has to think of
summary: A runbook for tests.
params:
  items: {list: string, default: [a, b, c], help: Items}
vars:
  was_set: "{{ before.output == 'set' }}"
preflight:
  - {id: before, title: The flag is known, run: [flag, show]}
  - {id: untouched, title: Nothing is done yet, run: [logged], output: int, expect: output == 0, once: true}
  - {id: still_untouched, title: Nothing is done yet by that, expect: untouched.ok and untouched.output == 0}
steps:
  - id: set_flag
    run: [flag, set]
    effect: change
    cleanup: {run: [flag, unset], when: not vars.was_set}
  - id: look
    run: [number]
    effect: read
    output: int
  - id: agree
    confirm: {message: "Number {{ look.output }}?"}
  - id: each
    for_each:
      items: "{{ params.items }}"
      as: item
      batch: [1, 2]
      before_batch:
        - {id: calm, title: All is calm, run: [calm], expect: "output == 'calm'"}
    holds:
      - {id: still_calm, title: It stays calm, run: [calm], expect: "output == 'calm'"}
    steps:
      - id: bounce
        run: [bounce, "{{ item }}", "{{ look.output }}"]
        effect: change
        undo: {run: [unbounce, "{{ item }}"]}
        verify: {title: It is back, run: [bounced, "{{ item }}"], expect: "output == 'yes'"}
      - id: settled
        wait: {run: [calm], until: "output == 'calm'", every: 1s, timeout: 1m}
  - id: inside
    group: A stretch with a cleanup of its own
    cleanup: {run: [mark, group_ended]}
    steps:
      - id: twice
        run: [mark, twice]
        effect: change
        idempotent: true
        undo: {impossible: a mark stays}
      - id: there
        run: [mark, there]
        effect: change
        done_if: {title: The mark is there, run: [marked, there], expect: "output == 'yes'"}
        undo: {impossible: a mark stays}
  - id: sure
    confirm: {message: Destroy it?, phrase: destroy, covers: [wipe]}
  - id: wipe
    run: [wipe, "{{ look.output }}"]
    effect: destroy
  - id: last
    run: [mark, "last-{{ look.output }}-{{ twice.ok }}"]
    effect: change
    undo: {impossible: a mark stays}
"#;

const SCENARIO: &str = r#"
halligan_scenario: 1
runbook: cut
title: All goes well
world: {flag: clear, number: 41, log: [], calm: calm}
commands:
  - {match: [flag, show], stdout: "{{ flag }}\n"}
  - {match: [flag, set], set: {flag: set, log: "{{ log + ['set'] }}"}}
  - {match: [flag, unset], set: {flag: clear, log: "{{ log + ['unset'] }}"}}
  - {match: [logged], stdout: "{{ log | length }}\n"}
  # Another number each time: a result that is read again would be seen.
  - {match: [number], set: {number: "{{ number + 1 }}"}, stdout: "{{ number + 1 }}\n"}
  - {match: [calm], stdout: "{{ calm }}\n"}
  - {match: [bounce, "{item}", "{with}"], set: {log: "{{ log + ['bounce ' ~ item ~ ' ' ~ with] }}"}}
  - {match: [unbounce, "{item}"], set: {log: "{{ log + ['unbounce ' ~ item] }}"}}
  - {match: [bounced, "{item}"], stdout: "yes\n"}
  - {match: [mark, "{name}"], set: {log: "{{ log + ['mark ' ~ name] }}"}}
  - {match: [marked, "{name}"], stdout: "{{ 'yes' if ('mark ' ~ name) in log else 'no' }}\n"}
  - {match: [wipe, "{with}"], set: {log: "{{ log + ['wipe ' ~ with] }}"}}
answers: {agree: true, sure: destroy}
"#;

fn plan(text: &str) -> Plan {
    let sha256 = "0".repeat(64);
    let (runbook, report) = resolve(SourceText { name: "cut.yaml".into(), origin: Origin::Bundled, text: text.into(), sha256 });
    let runbook: Arc<Runbook> = Arc::new(runbook.unwrap_or_else(|| panic!("{}", report.plain())));
    let (bound, missing) = bind(&runbook, &Given::default()).unwrap();
    assert!(missing.is_empty());
    Plan::new(runbook, bound, Default::default(), None, &[])
}

/// Takes so many records, and then none.
#[derive(Default)]
struct CutLedger {
    kept: MemoryLedger,
    left: AtomicUsize,
    /// The last record was taken, and its command is not to be run any more.
    killed: AtomicBool,
}

impl CutLedger {
    fn events(&self) -> Vec<Event> {
        self.kept.events()
    }
}

impl Ledger for CutLedger {
    fn append(&self, event: &Event) -> Result<(), LedgerError> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(LedgerError::new("cut", None));
        }
        self.left.store(left - 1, Ordering::SeqCst);
        self.kept.append(event)
    }

    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        self.kept.capture()
    }
}

/// Dies before the command if the journal ends with its begin, where the test says so.
struct Mortal<'a> {
    inner: &'a dyn Executor,
    ledger: &'a CutLedger,
}

impl Executor for Mortal<'_> {
    fn admits(&self, order: &Order) -> bool {
        self.inner.admits(order)
    }
    fn holding(&self, order: &Order) -> Option<Holding> {
        self.inner.holding(order)
    }
    fn concurrency(&self) -> usize {
        self.inner.concurrency()
    }
    fn locate(&self, program: &str) -> Option<std::path::PathBuf> {
        self.inner.locate(program)
    }
    fn unfit(&self, program: &str) -> Option<String> {
        self.inner.unfit(program)
    }
    fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String> {
        self.inner.missing_on(host, programs, stop)
    }
    fn user(&self) -> String {
        self.inner.user()
    }
    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError> {
        if self.ledger.left.load(Ordering::SeqCst) == 0 && self.ledger.killed.load(Ordering::SeqCst) {
            return Err(LedgerError::new("killed before it was spawned", None));
        }
        self.inner.execute(order, site, stop)
    }
}

/// Knows how things stand, as an operator would who has looked.
struct Operator<'a> {
    rehearsal: &'a Rehearsal,
    /// Nobody is there for what a rule does not settle.
    away: bool,
    doubts: AtomicUsize,
}

impl Prompt for Operator<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let chosen = |choice| Ok(Answer::Chosen { choice, by: Answerer::Terminal });
        match (&question.ask, &question.place) {
            (Ask::Doubt { .. } | Ask::Failed { .. }, _) if self.away => {
                Err(NoAnswer::NoTerminal { beforehand: Beforehand::Nothing { instead: "a terminal" } })
            }
            (Ask::Doubt { .. }, Some(place)) => {
                self.doubts.fetch_add(1, Ordering::SeqCst);
                let happened = self.rehearsal.simulator.calls().iter().any(|call| call.place == *place && call.part == Part::Main);
                chosen(if happened { Choice::Done } else { Choice::NotDone })
            }
            (Ask::YesNo, Some(place)) if place.step() != "agree" => Ok(Answer::Yes { typed: "y".into(), by: Answerer::Terminal }),
            _ => self.rehearsal.prompt.ask(question),
        }
    }
}

struct Bench {
    plan: Plan,
    rehearsal: Rehearsal,
    ledger: CutLedger,
    setting: Setting,
}

impl Bench {
    fn new(runbook: &str, scenario: &str) -> Self {
        let plan = plan(runbook);
        let scenario = Arc::new(Scenario::parse("cut", scenario).unwrap_or_else(|error| panic!("{error:?}")));
        let rehearsal = Rehearsal::new(scenario, Some(&plan.runbook));
        let setting = Setting {
            run_id: "00000001".parse().unwrap(),
            operator: "ops".into(),
            host: "here".into(),
            mode: Mode::Real,
            step_by_step: false,
            shared_locks: Vec::new(),
            surroundings: None,
            machine: None,
        };
        Self { plan, rehearsal, ledger: CutLedger::default(), setting }
    }

    fn with<T>(&self, away: bool, records: usize, go: impl FnOnce(Ports<'_>) -> T) -> T {
        self.ledger.left.store(records, Ordering::SeqCst);
        let interrupts = Interrupts::default();
        let operator = Operator { rehearsal: &self.rehearsal, away, doubts: AtomicUsize::new(0) };
        let executor = Mortal { inner: &self.rehearsal.simulator, ledger: &self.ledger };
        go(Ports {
            ledger: &self.ledger,
            executor: &executor,
            clock: &self.rehearsal.clock,
            prompt: &operator,
            observers: &[],
            off_script: None,
            interrupts: &interrupts,
            last_interrupts: &interrupts,
            present: &|_| String::new(),
        })
    }

    fn run(&self, records: usize) -> Ending {
        self.with(false, records, |ports| run::run(&self.plan, &self.setting, ports))
    }

    fn past(&self) -> Past {
        Past::of(&self.ledger.events()).unwrap()
    }

    fn take_up(&self, away: bool, records: usize, how: fn(&Plan, &Setting, Ports<'_>, &Before<'_>) -> Ending) -> Ending {
        let past = self.past();
        let output = |sha256: &str| {
            if sha256 == halligan::door::event::Captured::EMPTY {
                return Ok(Vec::new());
            }
            self.ledger.kept.output(sha256).ok_or_else(|| format!("{sha256} is not there"))
        };
        let before = Before {
            past: &past,
            output: &output,
            printed: Vec::new(),
            opened: jiff::Timestamp::UNIX_EPOCH,
            from: "the cut".into(),
            text: String::new(),
            doubted: false,
        };
        self.with(away, records, |ports| how(&self.plan, &self.setting, ports, &before))
    }

    fn resume(&self, away: bool, records: usize) -> Ending {
        self.take_up(away, records, run::resume)
    }

    fn log(&self) -> Vec<String> {
        let log = self.rehearsal.simulator.world("log").unwrap();
        log.try_iter().unwrap().map(|line| line.to_string()).collect()
    }

    /// How often something was done that begins so, by the world's own ledger.
    fn count(&self, what: &str) -> usize {
        let begins = |line: &String| {
            line.strip_prefix(what).is_some_and(|rest| rest.is_empty() || what.ends_with(' ') || rest.starts_with([' ', '-']))
        };
        self.log().iter().filter(|line| begins(line)).count()
    }
}

const EVER: usize = usize::MAX;

/// What has to be so at the end, wherever it was cut.
fn check(bench: &Bench, ending: &Ending, cut: &str) {
    let told = || {
        let names: Vec<_> = bench.ledger.events().iter().map(|event| format!("{event:?}").chars().take(150).collect::<String>()).collect();
        format!(
            "{cut}: {:?} {} {:?} owed {:?}\n{}\n{:?}",
            ending.outcome,
            ending.why(),
            ending.place,
            ending.owed,
            names.join("\n"),
            bench.log()
        )
    };
    assert_eq!(ending.outcome, Outcome::Completed, "{}", told());
    assert!(ending.owed.is_empty(), "{}", told());
    for once in ["set", "bounce a", "bounce b", "bounce c", "mark there", "wipe", "mark last"] {
        assert_eq!(bench.count(once), 1, "{once}: {}", told());
    }
    // What was read once is what everything after it goes by.
    let number = bench.log().iter().find_map(|line| line.strip_prefix("bounce a ").map(str::to_owned)).unwrap();
    for line in ["bounce b ", "bounce c ", "wipe "].map(|line| format!("{line}{number}")) {
        assert_eq!(bench.count(&line), 1, "{line}: {}", told());
    }
    assert_eq!(bench.count(&format!("mark last-{number}-true")), 1, "{}", told());
    assert!((1..=2).contains(&bench.count("mark twice")), "{}", told());
    assert!(!bench.log().iter().any(|line| line.starts_with("unbounce")), "{}", told());
    assert_eq!(bench.rehearsal.simulator.world("flag").unwrap().to_string(), "clear", "{}", told());
    let past = bench.past();
    assert_eq!(past.state.phase, Phase::Closed(Outcome::Completed));
    let open = past.state.steps.iter().find(|(place, step)| {
        !place.as_str().starts_with("preflight.") && !matches!(step, StepState::Done | StepState::PutBack { .. } | StepState::Skipped)
    });
    assert_eq!(open, None, "{}", told());
    nothing_twice(&bench.ledger.events(), &told());
    assert_eq!(bench.rehearsal.simulator.take_faults(), [], "{}", told());
}

/// No step that ended well is begun again, and no change without a word on it: by the records alone.
fn nothing_twice(events: &[Event], told: &str) {
    let mut state = RunState::default();
    for event in events {
        state.apply(event).unwrap_or_else(|error| panic!("{error}: {told}"));
    }
}

fn whole() -> usize {
    let bench = Bench::new(RUNBOOK, SCENARIO);
    let ending = bench.run(EVER);
    check(&bench, &ending, "whole");
    bench.ledger.events().len()
}

#[test]
fn after_every_record_the_rest_is_done_once() {
    for killed in [false, true] {
        for records in 1..whole() {
            let bench = Bench::new(RUNBOOK, SCENARIO);
            bench.ledger.killed.store(killed, Ordering::SeqCst);
            let ending = bench.run(records);
            assert!(ending.journal_failed, "{ending:?}");
            let ending = bench.resume(false, EVER);
            check(&bench, &ending, &format!("after {records}, killed before spawning: {killed}"));
        }
    }
}

#[test]
fn nobody_there_changes_nothing_and_twice_equals_once() {
    let mut needed = 0;
    for records in 1..whole() {
        let bench = Bench::new(RUNBOOK, SCENARIO);
        bench.run(records);
        let before = (bench.past(), bench.log());
        let ending = bench.resume(true, EVER);
        if ending.operator_needed {
            needed += 1;
            assert_eq!(bench.log(), before.1, "after {records}");
            let doubts =
                |past: &Past| remaining(&bench.plan, past).into_iter().map(|found| (found.place, found.standing)).collect::<Vec<_>>();
            assert_eq!(doubts(&bench.past()), doubts(&before.0), "after {records}");
            let ending = bench.resume(false, EVER);
            check(&bench, &ending, &format!("after {records}, and nobody there"));
        } else {
            check(&bench, &ending, &format!("after {records}"));
        }
    }
    // Each change that neither is idempotent nor has a probe that tells.
    assert_eq!(needed, 6);
}

#[test]
fn rolled_back_after_every_record_leaves_no_undo_out() {
    for records in (1..whole()).step_by(2) {
        let bench = Bench::new(RUNBOOK, SCENARIO);
        bench.run(records);
        let bounced: Vec<String> =
            bench.log().iter().filter_map(|line| line.strip_prefix("bounce ")?.split(' ').next().map(str::to_owned)).collect();
        let ending = bench.take_up(false, EVER, run::roll_back);
        let told = format!("after {records}: {ending:?} {:?}", bench.log());
        assert_eq!(ending.outcome, Outcome::RolledBack, "{told}");
        for item in &bounced {
            assert_eq!(bench.count(&format!("unbounce {item}")), 1, "{told}");
        }
        let undone: Vec<_> = bench.log().iter().filter_map(|line| line.strip_prefix("unbounce ").map(str::to_owned)).collect();
        assert_eq!(undone, bounced.iter().rev().cloned().collect::<Vec<_>>(), "{told}");
        assert_eq!(bench.rehearsal.simulator.world("flag").unwrap().to_string(), "clear", "{told}");
        assert!(ending.owed.is_empty(), "{told}");
    }
}

#[test]
fn debts_are_settled_and_nothing_else() {
    for records in (1..whole()).step_by(3) {
        let bench = Bench::new(RUNBOOK, SCENARIO);
        bench.run(records);
        let before = bench.log();
        let owed = bench.past().state.owed.len();
        let ending = bench.take_up(false, EVER, run::settle);
        let told = format!("after {records}: {ending:?} {:?}", bench.log());
        assert_eq!(bench.log().len() - before.len(), owed, "{told}");
        assert!(ending.owed.is_empty() && bench.past().state.owed.is_empty(), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn cut_again_and_again(cuts in prop::collection::vec((1..90usize, any::<bool>()), 1..5)) {
        let bench = Bench::new(RUNBOOK, SCENARIO);
        for (index, (records, killed)) in cuts.iter().enumerate() {
            bench.ledger.killed.store(*killed, Ordering::SeqCst);
            let ending = if index == 0 { bench.run(*records) } else { bench.resume(false, *records) };
            if bench.past().is_over() {
                check(&bench, &ending, &format!("{cuts:?}"));
                return Ok(());
            }
        }
        let ending = bench.resume(false, EVER);
        check(&bench, &ending, &format!("{cuts:?}"));
    }
}

#[test]
fn what_was_found_at_first_is_what_is_restored() {
    // Somebody else had set the flag: it stays set, though the run had set it too.
    for records in (1..whole()).step_by(3) {
        let bench = Bench::new(RUNBOOK, &SCENARIO.replace("flag: clear", "flag: set"));
        if !bench.run(records).journal_failed {
            continue;
        }
        let ending = bench.resume(false, EVER);
        assert_eq!(ending.outcome, Outcome::Completed, "after {records}: {ending:?}");
        assert_eq!(bench.rehearsal.simulator.world("flag").unwrap().to_string(), "set", "after {records}");
        assert_eq!(bench.count("unset"), 0, "after {records}");
    }
}

#[test]
fn a_check_of_the_state_before_is_asked_until_the_first_change_and_never_after() {
    let asked_always = RUNBOOK.replace(", once: true", "");
    let (mut stood, mut blocked) = (0, 0);
    for records in 1..whole() {
        let changed = |bench: &Bench| {
            let begins = |event: &Event| matches!(event, Event::StepBegan { command, .. } if command.effect != Effect::Read);
            bench.ledger.events().iter().any(begins)
        };
        let bench = Bench::new(RUNBOOK, SCENARIO);
        bench.run(records);
        let (changed, before) = (changed(&bench), bench.ledger.events().len());
        bench.resume(false, EVER);
        let events = bench.ledger.events();
        let here = |place: &Place| *place == Place::top("preflight").child("untouched");
        let asked = events[before..].iter().any(|event| matches!(event, Event::StepBegan { place, .. } if here(place)));
        let told = events[before..].iter().any(|event| {
            matches!(event, Event::Note { place: Some(place), text, .. } if here(place) && text.contains("before the first change: passed"))
        });
        assert_eq!((asked, told), (!changed, changed), "after {records}");
        stood += usize::from(told);
        // Without that, its own change would keep it from going on.
        let bench = Bench::new(&asked_always, SCENARIO);
        bench.run(records);
        blocked += usize::from(bench.resume(false, EVER).outcome == Outcome::Blocked);
    }
    assert!(stood > 30 && blocked > 30, "stood {stood}, blocked {blocked}");
}

#[test]
fn a_change_is_confirmed_anew_and_never_by_an_old_answer() {
    let bench = Bench::new(RUNBOOK, SCENARIO);
    let sure = Place::top("sure");
    let total = {
        let whole = Bench::new(RUNBOOK, SCENARIO);
        whole.run(EVER);
        let events = whole.ledger.events();
        1 + events.iter().position(|event| matches!(event, Event::StepSettled { place, .. } if *place == sure)).unwrap()
    };
    bench.run(total);
    assert_eq!(bench.past().state.steps.get(&sure), Some(&StepState::Done));
    bench.resume(false, EVER);
    let asked = |events: &[Event]| {
        events.iter().filter(|event| matches!(event, Event::Confirmed { place: Some(place), .. } if *place == sure)).count()
    };
    assert_eq!(asked(&bench.ledger.events()), 2);
    // What had failed its proof is proved again, and not done again.
    let bench = Bench::new(RUNBOOK, SCENARIO);
    let verdict = |event: &Event| matches!(event, Event::StepEnded { part: Part::Verify, verdict: Verdict::Passed, .. });
    let whole = Bench::new(RUNBOOK, SCENARIO);
    whole.run(EVER);
    let at = whole.ledger.events().iter().position(verdict).unwrap();
    bench.run(at);
    bench.resume(false, EVER);
    assert_eq!(bench.count("bounce a"), 1);
}

/// Its first step is done again in a resume, so that what comes after it is asked anew.
const ANEW: &str = "
halligan: 1
name: cut
title: What stands on something that is done again
summary: A runbook for tests.
steps:
  - {id: flag, run: [mark, set], effect: change, idempotent: true, cleanup: {run: [mark, unset]}}
  - id: each
    for_each: {items: [a, b], as: item}
    cleanup: {run: [mark, released]}
    steps:
      - {id: hold, run: [mark, 'hold {{ item }}'], effect: change, undo: {impossible: a mark stays}, cleanup: {run: [mark, 'free {{ item }}']}}
      - {id: calm, wait: {run: [calm], until: output == 'calm', every: 1s, timeout: 1m}}
  - {id: about, on_fail: continue, wait: {run: [calm], until: output == 'calm', every: 1s, timeout: 1m}}
  - {id: stands, run: [mark, stands], effect: change, undo: {impossible: x}, verify: {run: [calm]}}
  - {id: seen, run: [calm], effect: read}
  - {id: end, run: [end], effect: read, on_fail: stop}
";

const ANEW_SCENARIO: &str = "
halligan_scenario: 1
runbook: cut
title: The end fails at first
world: {log: [], tries: 0}
commands:
  - {match: [mark, '{name}'], set: {log: \"{{ log + [name] }}\"}}
  - {match: [calm], stdout: calm}
  - {match: [end], when: tries == 0, code: 1, set: {tries: 1}}
  - {match: [end]}
";

#[test]
fn what_was_to_be_asked_anew_is_after_every_record_and_nothing_else_is_begun_again() {
    let stopped = || {
        let bench = Bench::new(ANEW, ANEW_SCENARIO);
        assert_eq!(bench.run(EVER).outcome, Outcome::Stopped);
        bench
    };
    let whole = {
        let bench = stopped();
        let before = bench.ledger.events().len();
        assert_eq!(bench.resume(false, EVER).outcome, Outcome::Completed);
        bench.ledger.events().len() - before
    };
    for (records, killed) in (1..whole).flat_map(|records| [(records, false), (records, true)]) {
        let bench = stopped();
        bench.ledger.killed.store(killed, Ordering::SeqCst);
        bench.resume(false, records);
        let ending = bench.resume(false, EVER);
        let events = bench.ledger.events();
        let told = format!("after {records}, killed before spawning: {killed}: {ending:?} {:?}", bench.log());
        assert_eq!(ending.outcome, Outcome::Completed, "{told}");
        for once in ["hold a", "free a", "hold b", "free b", "released", "stands"] {
            assert_eq!(bench.log().iter().filter(|line| *line == once).count(), 1, "{once}: {told}");
        }
        for (at, event) in events.iter().enumerate() {
            let Event::DoubtResolved { place, outcome: StepOutcome::Failed { .. }, .. } = event else { continue };
            let begun = |event: &Event| matches!(event, Event::StepBegan { place: other, part: Part::Main, .. } if other == place);
            assert!(events[at..].iter().any(begun), "{place} was to be begun again: {told}");
        }
        let last = |wanted: &str, wanted_part| {
            let begun =
                |event: &Event| matches!(event, Event::StepBegan { place, part, .. } if place.as_str() == wanted && *part == wanted_part);
            events.iter().rposition(begun)
        };
        let set = last("flag", Part::Main);
        for asked in ["each[item=a].calm", "each[item=b].calm", "about", "seen"] {
            assert!(last(asked, Part::Main) > set, "{asked} was asked before flag was set again, and not since: {told}");
        }
        assert!(last("stands", Part::Verify) > set, "stands was proved before flag was set again, and not since: {told}");
    }
}
