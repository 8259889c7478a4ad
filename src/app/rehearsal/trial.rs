//! One scenario, run in memory from its beginning to its end.

use std::{collections::BTreeMap, sync::Arc};

use super::{scenarios, wrong::Wrong};
use crate::{
    app::{exit::ProgramExit, session::load::Loaded},
    event::{Answerer, Event, Mode, Outcome, Past, Place, RunId},
    journal::MemoryLedger,
    plan::{
        CalledSecrets, Plan,
        binding::{self, Given, Giver, Raw},
    },
    ports::{Answer, Ask, Choice, Interrupts, NoAnswer, Order, Prompt, Question},
    rehearse::{Rehearsal, Scenario, account::Account, expectation::ExpectedFact, injection::Injection, invariant},
    run::{self, Before, Ending, Ports, Setting},
    runbook::library::ScenarioSource,
};

/// A scenario that can be run, again and again.
#[derive(Debug)]
pub(crate) struct Trial {
    pub name: String,
    pub scenario: Arc<Scenario>,
    pub plan: Plan,
}

/// How it is run.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrialManner<'a> {
    /// What goes wrong besides what the scenario says.
    pub faults: &'a [Injection],
    /// What is chosen where the scenario does not say.
    pub otherwise: Option<Choice>,
    /// A run that a fault has ended is left as it is, and not gone on with.
    pub leave: bool,
}

/// How it went.
pub(crate) struct Gone {
    pub rehearsal: Rehearsal,
    pub ending: Ending,
    /// It was ended by a fault, and taken up again.
    pub taken_up: bool,
    /// Everything that was told, what is only for the screen too.
    pub events: Vec<Event>,
    pub account: Account,
    /// What would settle what it owes.
    owed: BTreeMap<Place, Order>,
}

impl Trial {
    /// # Errors
    /// What keeps it from being run.
    pub(crate) fn prepare(source: &ScenarioSource, loaded: &Loaded) -> Result<Self, Vec<Wrong>> {
        let scenario = scenarios::parse(source, loaded).map_err(|faults| faults.iter().map(Wrong::from).collect::<Vec<_>>())?;
        Self::of(&source.name, Arc::new(scenario), loaded)
    }

    /// # Errors
    /// Its parameters do not fit the runbook.
    pub(crate) fn of(name: &str, scenario: Arc<Scenario>, loaded: &Loaded) -> Result<Self, Vec<Wrong>> {
        let plan = bind(loaded, &scenario).map_err(|faults| {
            let spot = scenario.lines.get("params");
            faults.into_iter().map(|what| Wrong::at(&scenario.name, spot.clone(), what)).collect::<Vec<_>>()
        })?;
        Ok(Self { name: name.to_owned(), scenario, plan })
    }

    #[must_use]
    pub(crate) fn run(&self, manner: &TrialManner<'_>) -> Gone {
        self.conduct(manner, None)
    }

    /// That the scenario does not say how it must end: it would pass however it does.
    #[must_use]
    pub(crate) fn expects_no_end(&self) -> Option<Wrong> {
        let expect = &self.scenario.expect;
        (expect.outcome.is_none() && expect.exit.is_none()).then(|| Wrong {
            hint: Some("say it, for example: expect: {outcome: completed}".to_owned()),
            ..Wrong::at(
                &self.scenario.name,
                self.scenario.lines.get("expect"),
                "`expect` says neither `outcome` nor `exit`: how must it end?",
            )
        })
    }

    /// Runs it, and says how it has ended before it is gone on with, if it is: as [`TrialManner::leave`] would leave it.
    #[must_use]
    pub(crate) fn run_and_tell(&self, manner: &TrialManner<'_>, mut left: impl FnMut(&Gone)) -> Gone {
        self.conduct(manner, Some(&mut left))
    }

    fn conduct(&self, manner: &TrialManner<'_>, left: Option<&mut dyn FnMut(&Gone)>) -> Gone {
        let rehearsal = Rehearsal::with(Arc::clone(&self.scenario), Some(&self.plan.runbook), manner.faults).otherwise(manner.otherwise);
        let ledger = MemoryLedger::default();
        let interrupts = Interrupts::default();
        let setting = Setting {
            run_id: RunId::NONE,
            operator: "scenario".to_owned(),
            host: "scenario".to_owned(),
            mode: Mode::Rehearsal,
            step_by_step: false,
            shared_locks: Vec::new(),
            surroundings: None,
            machine: None,
        };
        let ports = Ports {
            ledger: &ledger,
            executor: &rehearsal.simulator,
            clock: &rehearsal.clock,
            prompt: &rehearsal.prompt,
            observers: &[],
            off_script: None,
            interrupts: &interrupts,
            last_interrupts: &interrupts,
            present: &|_| String::new(),
        };
        let mut ending = run::run(&self.plan, &setting, ports);
        let taken_up = rehearsal.simulator.ended() && !manner.leave;
        if let Some(left) = left {
            let owed = self.owed(&setting, ports, &ledger, &ending);
            left(&Gone::new(rehearsal.copy(), ending.clone(), false, ledger.events(), owed));
        }
        if taken_up {
            rehearsal.simulator.revive();
            match Past::of(&ledger.events()) {
                Ok(past) => {
                    let output = |sha256: &str| printed(&ledger, sha256);
                    let before = self.before(&past, &output);
                    let agreeing = Agreeing(&rehearsal.prompt);
                    let ports = if past.rolled_back { Ports { prompt: &agreeing, ..ports } } else { ports };
                    ending = run::go_on(&self.plan, &setting, ports, &before);
                }
                Err(error) => {
                    ending.bug = true;
                    ending.whys = vec![error.to_string()];
                }
            }
        }
        let owed = self.owed(&setting, ports, &ledger, &ending);
        Gone::new(rehearsal, ending, taken_up, ledger.into_events(), owed)
    }

    fn before<'a>(&self, past: &'a Past, output: &'a (dyn Fn(&str) -> Result<Vec<u8>, String> + Sync)) -> Before<'a> {
        Before {
            past,
            output,
            printed: Vec::new(),
            opened: self.scenario.now,
            from: "where the rehearsed fault had ended it".to_owned(),
            text: String::new(),
            doubted: false,
        }
    }

    /// What would settle what a run owes that has ended like this.
    fn owed(&self, setting: &Setting, ports: Ports<'_>, ledger: &MemoryLedger, ending: &Ending) -> BTreeMap<Place, Order> {
        // Most owe nothing: what they have done need not be gone through again.
        if ending.state.owed.is_empty() {
            return BTreeMap::new();
        }
        match Past::of(&ledger.events()) {
            Ok(past) => run::owed(&self.plan, setting, ports, &self.before(&past, &|sha256| printed(ledger, sha256))),
            Err(_) => BTreeMap::new(),
        }
    }
}

/// What a command of the run has printed.
fn printed(ledger: &MemoryLedger, sha256: &str) -> Result<Vec<u8>, String> {
    ledger.output(sha256).ok_or_else(|| "it was not kept".to_owned())
}

/// An operator who goes on with a rollback that was cut off: that all is taken back was decided before.
struct Agreeing<'a>(&'a dyn Prompt);

impl Prompt for Agreeing<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        match question.ask {
            Ask::GoOn | Ask::YesNo => Ok(Answer::Yes { typed: "yes".to_owned(), by: Answerer::Scenario }),
            _ => self.0.ask(question),
        }
    }
}

impl Gone {
    fn new(rehearsal: Rehearsal, ending: Ending, taken_up: bool, events: Vec<Event>, owed: BTreeMap<Place, Order>) -> Self {
        let mut account = Account::of(&events);
        account.at = ending.place.clone().or(account.at);
        Self { rehearsal, ending, taken_up, events, account, owed }
    }

    /// What is not as the scenario expects.
    #[must_use]
    pub(crate) fn held_against_expectations(&self) -> Vec<Wrong> {
        let judgement = self.rehearsal.judge(&self.account, Some(ProgramExit::from(&self.ending) as u8));
        let mut wrong: Vec<Wrong> = judgement.faults.iter().map(Wrong::from).collect();
        let file = &self.rehearsal.scenario.name;
        wrong.extend(judgement.mismatches.iter().map(|mismatch| Wrong::at(file, mismatch.spot.clone(), mismatch.to_string())));
        wrong.extend(self.bug());
        wrong
    }

    /// Whether it ended at another place than the scenario expects.
    #[must_use]
    pub(crate) fn ended_elsewhere(&self) -> bool {
        let judgement = self.rehearsal.judge(&self.account, Some(ProgramExit::from(&self.ending) as u8));
        judgement.mismatches.iter().any(|mismatch| mismatch.about == ExpectedFact::At)
    }

    /// What should hold whatever goes wrong, and did not.
    #[must_use]
    pub(crate) fn held_against_invariants(&self, trial: &Trial) -> Vec<Wrong> {
        let breaches = invariant::breaches(&self.rehearsal, &|place| trial.plan.step(place), &self.events, &self.account, &self.owed);
        let wrong =
            breaches.into_iter().map(|breach| Wrong { hint: breach.hint, ..Wrong::at(&trial.scenario.name, breach.spot, breach.what) });
        wrong.chain(self.bug()).chain(self.kept_from_going_on()).collect()
    }

    /// A run of which the scenario says that it completes must be able to go on after halligan has died.
    fn kept_from_going_on(&self) -> Option<Wrong> {
        let scenario = &self.rehearsal.scenario;
        let blocked = self.taken_up && self.ending.outcome == Outcome::Blocked && scenario.expect.outcome == Some(Outcome::Completed);
        (blocked && !self.misnamed() && !invariant::meddled(&self.rehearsal)).then(|| Wrong {
            hint: Some("the run's own changes make this check fail: mark the check `once: true`".to_owned()),
            ..Wrong::at(&scenario.name, None, format!("the resumed run is blocked by its own preflight: {}", self.ending.why()))
        })
    }

    /// A fault gave the run a false name for its system: the true one is another answer, which must be refused. Where no fault has
    /// struck the question, another answer is the run's own doing, and keeps it from going on.
    fn misnamed(&self) -> bool {
        let Some(at) = self.ending.place.as_ref().filter(|place| place.is_identity()) else { return false };
        self.rehearsal.simulator.look_at_calls(|calls| calls.iter().any(|call| call.place == *at && call.injection.is_some()))
    }

    fn bug(&self) -> Option<Wrong> {
        self.ending.bug.then(|| Wrong::at(&self.rehearsal.scenario.name, None, format!("halligan itself has a bug: {}", self.ending.why())))
    }
}

fn bind(loaded: &Loaded, scenario: &Scenario) -> Result<Plan, Vec<String>> {
    let mut given = Given::default();
    for (name, value) in &scenario.params {
        given.add(name, Raw::Typed(value.clone()), Giver::File("the scenario".to_owned()));
    }
    match binding::bind(&loaded.runbook, &given) {
        Ok((bound, missing)) if missing.is_empty() => {
            let mut secrets = CalledSecrets::default();
            match secrets.complete(&loaded.runbook, &loaded.called) {
                // What a called runbook lacks is seen where it is called.
                Ok(_) => Ok(Plan::new(loaded.runbook.clone(), bound, (loaded.called.clone(), secrets), None, &[])),
                Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
            }
        }
        Ok((_, missing)) => Err(missing.iter().map(|parameter| format!("the scenario has no value for {}", parameter.name)).collect()),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
    }
}
