//! Every fault at every step of a runbook, one at a time: what should hold in each case, and does not.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    trial::{Gone, Trial, TrialManner},
    wrong::Wrong,
};
use crate::{
    cli::{Cli, Global, Subcommands, Test, Then},
    event::{Effect, Outcome, Part, Place},
    parallel,
    ports::{Ask, Choice},
    rehearse::{
        document::Mishap,
        injection::{Calls, Injection},
        stage::AnsweredCall,
    },
    words::quote::CommandLine,
};

/// What the operator may choose when something has failed, in the order in which a sweep tries them.
const CHOICES: [Then; 3] = [Then::Stop, Then::Rollback, Then::Retry];

/// A fault that breaks something.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub scenario: String,
    /// As it is written on the command line.
    pub fault: String,
    pub then: Then,
    pub wrong: Vec<Wrong>,
    /// The command line that does it again.
    pub again: CommandLine,
}

/// What a sweep has shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Swept {
    /// How many combinations were tried.
    pub tried: usize,
    pub broken: Vec<Broken>,
}

/// Sweeps all these scenarios of one runbook; `only` these steps, if there are any.
#[must_use]
pub(crate) fn sweep(runbook: &str, trials: &[Trial], only: &[String]) -> Swept {
    let mut work: Vec<(&Trial, Injection)> = Vec::new();
    for trial in trials {
        let gone = trial.run(&TrialManner::default());
        let calls = gone.rehearsal.simulator.calls();
        let mut faults = faults(trial, &calls, only);
        faults.extend(hands(trial, trials, &calls, only));
        work.extend(faults.into_iter().map(|fault| (trial, fault)));
    }
    let results = parallel::map(&work, |(trial, fault)| one(runbook, trial, fault));
    let mut swept = Swept::default();
    for (tried, broken) in results {
        swept.tried += tried;
        swept.broken.extend(broken);
    }
    swept
}

fn wanted(place: &Place, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|step| place.is_named(step))
}

/// Tries one fault with each choice that it gives the operator.
fn one(runbook: &str, trial: &Trial, fault: &Injection) -> (usize, Vec<Broken>) {
    let mut tried = 0;
    let mut broken = Vec::new();
    let faults = std::slice::from_ref(fault);
    let told = |then, leave, wrong: Vec<Wrong>| Broken {
        scenario: trial.name.clone(),
        fault: fault.to_string(),
        then,
        wrong,
        again: again(runbook, &trial.name, fault, then, leave),
    };
    // What the first run, which always stops, was offered. Up to there the others are the same.
    let mut offered: Vec<Choice> = Vec::new();
    for then in CHOICES {
        // What somebody else has done is judged by what is begun after it, and by nothing that comes later.
        if then != Then::Stop && fault.mishap == Mishap::Hands {
            break;
        }
        if then != Then::Stop && !offered.contains(&then.into()) {
            continue;
        }
        let manner = TrialManner { faults, otherwise: Some(then.into()), leave: false };
        // A run that was ended may be taken up again, or left with what it owes: up to there it is one.
        let mut judge_left = |left: &Gone| {
            tried += 1;
            let wrong = left.held_against_invariants(trial);
            if !wrong.is_empty() {
                broken.push(told(then, true, wrong));
            }
        };
        let ends = fault.mishap.ends_halligan() && then == Then::Stop;
        let gone = if ends { trial.run_and_tell(&manner, &mut judge_left) } else { trial.run(&manner) };
        let struck = gone.rehearsal.simulator.injections_left().iter().all(|(left, _)| left != fault);
        if !struck {
            // Nothing went wrong that anybody could be asked about.
            if then == Then::Stop {
                break;
            }
            continue;
        }
        tried += 1;
        let wrong = gone.held_against_invariants(trial);
        if !wrong.is_empty() {
            broken.push(told(then, false, wrong));
        }
        if then == Then::Stop {
            if !gone.rehearsal.prompt.asked().iter().any(|asked| choices(&asked.ask).len() > 1) {
                break;
            }
            offered = gone.rehearsal.prompt.asked().iter().flat_map(|asked| choices(&asked.ask)).copied().collect();
        }
    }
    (tried, broken)
}

fn choices(ask: &Ask) -> &[Choice] {
    match ask {
        Ask::Failed { choices } | Ask::Doubt { choices } => choices,
        _ => &[],
    }
}

/// The command line that tries it again.
fn again(runbook: &str, scenario: &str, fault: &Injection, then: Then, leave: bool) -> CommandLine {
    let test = Test {
        runbooks: vec![runbook.to_owned()],
        scenario: Some(scenario.to_owned()),
        faults: vec![fault.clone()],
        then,
        leave,
        ..Test::default()
    };
    Cli { global: Global::default(), command: Subcommands::Test(test) }.line()
}

/// The faults to try: for each command of each step, at the first and the last place where it runs, each kind that can show
/// anything there; at `only` these steps, if there are any.
fn faults(trial: &Trial, calls: &[AnsweredCall], only: &[String]) -> Vec<Injection> {
    let mut places: Vec<(&Place, Part)> = Vec::new();
    for call in calls {
        // What is asked while parameters are chosen is no part of the run.
        if !places.contains(&(&call.place, call.part)) {
            places.push((&call.place, call.part));
        }
    }
    let mut seen: BTreeSet<(Vec<&str>, Part)> = BTreeSet::new();
    let mut faults = Vec::new();
    for (index, (place, part)) in places.iter().enumerate() {
        let last = !places[index + 1..].iter().any(|(other, again)| other.steps() == place.steps() && again == part);
        let first = seen.insert((place.steps(), *part));
        if !first && !last || !wanted(place, only) {
            continue;
        }
        let here: Vec<&AnsweredCall> = calls.iter().filter(|call| call.place == **place && call.part == *part).collect();
        for mishap in Mishap::ALL {
            if !tells(trial, &here, mishap) {
                continue;
            }
            let fault = Injection::new(place.as_str(), *part, mishap);
            if here.len() > 1 && !mishap.ends_halligan() && mishap != Mishap::Slow {
                faults.push(Injection { calls: Calls::Every, ..fault.clone() });
            }
            faults.push(fault);
        }
    }
    faults
}

/// Whether a fault of this kind differs from none, and from the others.
fn tells(trial: &Trial, calls: &[&AnsweredCall], mishap: Mishap) -> bool {
    let changes =
        calls.iter().filter_map(|call| trial.scenario.rules.get(call.rule?)).any(|rule| !rule.set.is_empty() || !rule.after.is_empty());
    match mishap {
        // Those come between two steps, each with a fact of the world.
        Mishap::Hands => false,
        Mishap::Lie => changes,
        Mishap::Cut => calls.iter().any(|call| call.printed > 0),
        // What only reads leaves the same behind, done or not.
        Mishap::KillBefore => calls.iter().any(|call| call.effect != Effect::Read),
        _ => true,
    }
}

/// Somebody else's hands, between two steps: for each step that changes something, at the first place where it runs, each fact of the
/// world is set to what a colleague could have done, right after the last command before it that did not ask what must hold.
fn hands(trial: &Trial, trials: &[Trial], calls: &[AnsweredCall], only: &[String]) -> Vec<Injection> {
    // Where something goes wrong anyway, nobody could say whose doing it is.
    if trial.scenario.expect.outcome != Some(Outcome::Completed) {
        return Vec::new();
    }
    let facts = facts(trial, trials);
    let mut seen: BTreeSet<Vec<&str>> = BTreeSet::new();
    let mut faults = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let changes = call.part == Part::Main && call.effect != Effect::Read;
        if !changes || !wanted(&call.place, only) || !seen.insert(call.place.steps()) {
            continue;
        }
        let Some(last) = calls[..index].iter().rposition(|before| before.part != Part::Holds) else { continue };
        let before = &calls[last];
        let same = calls[..=last].iter().filter(|call| call.place == before.place && call.part == before.part).count();
        let calls = Calls::Nth(u32::try_from(same).unwrap_or(u32::MAX));
        let fault = Injection { calls, ..Injection::new(before.place.as_str(), before.part, Mishap::Hands) };
        faults.extend(facts.iter().map(|fact| Injection { set: vec![fact.clone()], ..fault.clone() }));
    }
    faults
}

/// What a colleague could have done: a switch the other way round, or what another scenario of the same runbook begins with.
fn facts(trial: &Trial, trials: &[Trial]) -> Vec<(String, Value)> {
    let mut own = Vec::new();
    trial.scenario.world.iter().for_each(|(name, value)| leaves(name, value, &mut own));
    let mut facts = Vec::new();
    for (path, value) in own {
        if let Value::Bool(on) = value {
            facts.push((path, Value::from(!on)));
            continue;
        }
        let others = trials.iter().filter_map(|other| at(&other.scenario.world, &path));
        if let Some(other) = others.into_iter().find(|other| *other != value && kind(other) == kind(value)) {
            facts.push((path, other.clone()));
        }
    }
    facts
}

/// Everything in the world that is no map, by its path; what no path can name is left out.
fn leaves<'w>(path: &str, value: &'w Value, found: &mut Vec<(String, &'w Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| !key.contains(['.', '=', ':', '@'])) {
                leaves(&format!("{path}.{key}"), value, found);
            }
        }
        value => found.push((path.to_owned(), value)),
    }
}

fn at<'w>(world: &'w IndexMap<String, Value>, path: &str) -> Option<&'w Value> {
    let mut parts = path.split('.');
    let root = world.get(parts.next()?)?;
    parts.try_fold(root, |value, part| value.get(part))
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
