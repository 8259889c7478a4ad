//! A run of three steps, told straight to the journal; what is asked of a journal once something has gone wrong with it.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc, time::Duration};

use halligan::door::{
    event::{
        Answerer, Captured, Effect, Event, Excerpt, Exit, Mode, Opening, Outcome, Part, Phase, Place, RecordedPlan, RunId, RunState, Shown,
        StepOutcome, StepState, Verdict as End, Words,
    },
    journal::{
        Chain, Digest, Disk, Durability, Head, Identity, Journal, JournalVerdict, Ladder, Line, Link, Local, RunLedger, Snapshot, verify,
    },
    ports::{Ledger, LedgerError},
};

pub const STEPS: usize = 3;
pub const SECRET: &str = "correct horse battery staple";

/// What somebody outside sees of a run.
pub enum Mark<'m> {
    /// The journal has taken what must not be lost: this is its head.
    Acknowledged(Head),
    /// The world was changed.
    Effect(&'m Place),
}

/// Remembers the marks.
#[derive(Default, Clone)]
pub struct Witness {
    pub heads: Vec<Head>,
    pub effects: Vec<Place>,
}

impl Witness {
    pub fn take(&mut self, mark: &Mark<'_>) {
        match mark {
            Mark::Acknowledged(head) => self.heads.push(head.clone()),
            Mark::Effect(place) => self.effects.push((*place).clone()),
        }
    }
}

pub fn run_id() -> RunId {
    "0000007f".parse().unwrap()
}

fn place(step: usize) -> Place {
    Place::top(&format!("step_{step}"))
}

pub fn identity() -> Identity {
    Identity {
        boot_id: "6d1f3b1e-0000-4000-8000-000000000001".to_owned(),
        host: "db3".to_owned(),
        uid: 0,
        login_uid: Some(1000),
        tty: None,
        ssh: Some("10.1.0.7 50122 10.1.0.3 22".to_owned()),
    }
}

pub fn open(disk: Arc<dyn Disk>, dir: &Path, second: &Path) -> Result<Journal, String> {
    let ladder = Ladder::new(Some(second.to_owned()), Box::new(io::sink()));
    Journal::open_on(disk, dir, ladder, identity())
        .map_err(|error| format!("opening the journal: {error}: {:?}", std::error::Error::source(&error)))
}

fn command(step: usize) -> Shown {
    Shown {
        words: Words::Argv(vec!["change".to_owned(), step.to_string()]),
        effect: Effect::Change,
        host: None,
        user: None,
        cwd: None,
        env: vec!["TOKEN".to_owned()],
        stdin: false,
        timeout_ms: None,
        held: None,
        fences: BTreeMap::new(),
    }
}

fn opened() -> Event {
    Event::RunOpened(Box::new(Opening {
        runbook: "three".to_owned(),
        title: "Three steps".to_owned(),
        source: "three.yaml".to_owned(),
        runbook_sha256: Captured::EMPTY.to_owned(),
        plan: RecordedPlan::default(),
        plan_sha256: Captured::EMPTY.to_owned(),
        params: BTreeMap::from([("token".to_owned(), serde_json::Value::Null)]),
        mode: Mode::Real,
        version: "0.1.0".to_owned(),
        clock_synchronised: None,
        surroundings: None,
        machine: None,
    }))
}

/// Tells the run, or what is left of it, as the loop does. Nothing is done before its intent was taken.
pub fn tell(journal: &Journal, from: &RunState, world: &[Place], mark: &mut dyn FnMut(Mark<'_>)) -> Result<(), LedgerError> {
    tell_as(journal, run_id(), from, world, mark)
}

/// The same, of a run with this name.
pub fn tell_as(journal: &Journal, run: RunId, from: &RunState, world: &[Place], mark: &mut dyn FnMut(Mark<'_>)) -> Result<(), LedgerError> {
    let ledger = journal.begin_run(run, Durability::EachRecord);
    let planned = Event::Planned { steps: STEPS, read: 0, change: STEPS, destroy: 0 };
    match from.phase {
        Phase::Closed(Outcome::Completed) => return Ok(()),
        Phase::NotOpened => {
            ledger.append(&opened())?;
            ledger.append(&planned)?;
        }
        Phase::Preflight | Phase::Running | Phase::Closed(_) => {
            ledger.append(&Event::Resumed { from: "0".to_owned() })?;
            mark(Mark::Acknowledged(journal.head()));
            ledger.append(&planned)?;
        }
    }
    ledger.append(&Event::Confirmed { place: None, text: "Three steps?".to_owned(), typed: "y".to_owned(), by: Answerer::Terminal })?;
    mark(Mark::Acknowledged(journal.head()));
    for step in 0..STEPS {
        let place = place(step);
        let done = Event::StepSettled { place: place.clone(), outcome: StepOutcome::Done };
        let attempt = match from.steps.get(&place) {
            Some(StepState::Done) => continue,
            Some(StepState::Ended { verdict: End::Passed, .. }) => {
                ledger.append(&done)?;
                continue;
            }
            Some(begun @ (StepState::Began { .. } | StepState::InDoubt { .. })) => {
                let attempt = if let StepState::Began { attempt, .. } = begun { *attempt } else { 1 };
                let happened = world.contains(&place);
                let outcome = if happened { StepOutcome::Done } else { StepOutcome::Failed { why: "it did not happen".to_owned() } };
                let evidence = "the world was asked".to_owned();
                ledger.append(&Event::DoubtResolved { place: place.clone(), outcome, evidence, by: None })?;
                mark(Mark::Acknowledged(journal.head()));
                if happened {
                    continue;
                }
                attempt + 1
            }
            _ => 1,
        };
        one(journal, &ledger, step, attempt, mark)?;
        ledger.append(&done)?;
    }
    ledger.append(&Event::RunClosed { outcome: Outcome::Completed, why: String::new(), owed: Vec::new() })?;
    mark(Mark::Acknowledged(journal.head()));
    Ok(())
}

fn another() -> RunId {
    "00000080".parse().unwrap()
}

/// Begins another run, which has no end.
pub fn begin_another(journal: &Journal) -> Result<(), LedgerError> {
    journal.begin_run(another(), Durability::EachRecord).append(&opened())
}

/// Archives all that may be, as whoever goes on with a journal where it was laid out anew.
pub fn archive(disk: Arc<dyn Disk>, dir: &Path, second: &Path) -> Result<(), String> {
    let journal = open(disk, dir, second)?;
    // In the name of the run that stays: the other is over.
    journal.mend(another()).map_err(|error| format!("mending the journal: {error}"))?;
    let snapshot = Snapshot::take(dir).map_err(|error| error.to_string())?;
    if snapshot.copied().map_err(|error| error.to_string())?.is_some() {
        journal.settle_here(another(), None).map_err(|error| error.to_string())?;
    }
    journal.archive(jiff::Timestamp::MAX, &|| None).map(drop).map_err(|error| format!("archiving: {error}"))
}

fn one(journal: &Journal, ledger: &RunLedger, step: usize, attempt: u32, mark: &mut dyn FnMut(Mark<'_>)) -> Result<(), LedgerError> {
    let place = place(step);
    ledger.append(&Event::StepBegan { place: place.clone(), part: Part::Main, attempt, command: command(step), owes: None })?;
    mark(Mark::Acknowledged(journal.head()));
    mark(Mark::Effect(&place));
    ledger.append(&Event::StepSpawned { place: place.clone(), part: Part::Main, pid: 4711, start_time: 1 })?;
    let mut capture = ledger.capture()?;
    // The second prints the same as the first.
    for piece in 0..3 {
        let text = format!("{} piece {piece}\n", step / 2).repeat(100);
        capture.write_all(text.as_bytes()).map_err(|source| LedgerError::new("output", Some(source)))?;
    }
    let stdout = capture.finish()?;
    ledger.append(&Event::StepEnded {
        place,
        part: Part::Main,
        attempt,
        exit: Exit::Code(0),
        stdout,
        stderr: Captured::empty(),
        took: Duration::from_millis(3),
        askings: 1,
        verdict: End::Passed,
        message: String::new(),
        excerpt: Excerpt::default(),
    })?;
    mark(Mark::Acknowledged(journal.head()));
    Ok(())
}

/// Where the run stands by its records, and the places whose intent is among them.
pub fn fold(dir: &Path) -> Result<(RunState, Vec<Place>), String> {
    let mut state = RunState::default();
    let mut began = Vec::new();
    let snapshot = match Snapshot::take(dir) {
        Ok(snapshot) => snapshot,
        Err(_) if !dir.join("journal.jsonl").exists() => return Ok((state, began)),
        Err(error) => return Err(error.to_string()),
    };
    let mut chain = Chain::start();
    let mut lines = snapshot.lines();
    while let Some(raw) = lines.read().map_err(|error| error.to_string())? {
        if !matches!(chain.push(raw.bytes), Link::Record { .. }) {
            continue;
        }
        let Ok(Line::Record(record)) = Line::read(raw.bytes) else { continue };
        if record.header.run != run_id() {
            continue;
        }
        let Some(event) = record.body.into_event() else { continue };
        if let Event::StepBegan { place, .. } = &event {
            began.push(place.clone());
        }
        if let (Event::StepBegan { place, .. }, Some(StepState::Done)) = (&event, began.last().and_then(|place| state.steps.get(place))) {
            return Err(format!("{place} ended well and was begun again"));
        }
        state.apply(&event).map_err(|error| error.to_string())?;
    }
    Ok((state, began))
}

/// Opens a journal after whatever happened to it, as `resume` does, and brings the run to its end.
pub fn recover(disk: Arc<dyn Disk>, dir: &Path, second: &Path, world: &[Place], mark: &mut dyn FnMut(Mark<'_>)) -> Result<(), String> {
    let journal = open(disk, dir, second)?;
    journal.mend(run_id()).map_err(|error| format!("mending the journal: {error}"))?;
    let (state, _) = fold(dir)?;
    tell(&journal, &state, world, mark).map_err(|error| format!("going on: {error}: {:?}", error.source))
}

/// Recovers, and asks whether all that must hold does.
pub fn oracles(dir: &Path, second: &Path, witness: &Witness) -> Result<(), String> {
    let before = marks(dir);
    let first_verdict =
        if dir.join("journal.jsonl").exists() { Some(verify(dir, &[]).map_err(|error| error.to_string())?.verdict) } else { None };
    if marks(dir) != before {
        return Err("verify has changed the journal".to_owned());
    }
    if let Some(JournalVerdict::Truncated { .. } | JournalVerdict::Diverged { .. }) = first_verdict {
        return Err("a verdict on heads where no head was given".to_owned());
    }
    // What was begun is known before anything new is written.
    let mut after = witness.clone();
    recover(Arc::new(Local), dir, second, &witness.effects, &mut |mark| after.take(&mark))?;
    let found = verify(dir, &after.heads).map_err(|error| error.to_string())?;
    match found.verdict {
        JournalVerdict::Anchored { .. } => {}
        verdict => return Err(format!("with {} acknowledged heads: {verdict}", after.heads.len())),
    }
    let (state, began) = fold(dir)?;
    if let Some(place) = after.effects.iter().find(|place| !began.contains(place)) {
        return Err(format!("{place} took effect and no intent is recorded"));
    }
    if state.phase != Phase::Closed(Outcome::Completed) || (0..STEPS).any(|step| state.steps.get(&place(step)) != Some(&StepState::Done)) {
        return Err(format!("after going on the run is {:?}: {:?}", state.phase, state.steps));
    }
    for step in 0..STEPS {
        let times = after.effects.iter().filter(|effect| **effect == place(step)).count();
        if times != 1 {
            return Err(format!("step {step} took effect {times} times"));
        }
    }
    let once = marks(dir);
    recover(Arc::new(Local), dir, second, &after.effects, &mut |_| {})?;
    if marks(dir) != once {
        return Err("a second recovery changed the journal".to_owned());
    }
    if fs::read(dir.join("journal.jsonl")).unwrap().windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
        return Err("a secret is in the journal".to_owned());
    }
    Ok(())
}

fn marks(dir: &Path) -> Option<Digest> {
    fs::read(dir.join("journal.jsonl")).ok().map(|bytes| Digest::of(&bytes))
}

/// A fresh directory, empty.
pub fn fresh(below: &Path, name: &str) -> std::path::PathBuf {
    let dir = below.join(name);
    let _ = fs::remove_dir_all(&dir);
    dir
}
