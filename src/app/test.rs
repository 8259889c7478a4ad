//! `halligan test`: every scenario of every runbook, held against its expectations.

use std::{sync::Arc, time::Instant};

use serde_json::json;

use super::{
    Context, Failure,
    exit::Exit,
    load::{self, Loaded},
    rehearse,
};
use crate::{
    cli,
    event::{Event, Mode},
    journal::memory::MemoryLedger,
    plan::{
        Plan,
        binding::{self, Given, Giver, Raw},
    },
    ports::Interrupts,
    quantity,
    rehearse::{Rehearsal, account::Account, coverage::Coverage, scenario::Scenario},
    run::{self, Ports, Setting},
    runbook::library::{Library, ScenarioSource},
    ui::style::Mark,
};

/// How one scenario went.
struct Went {
    scenario: String,
    /// What is wrong, in words; empty if all is as expected.
    wrong: Vec<String>,
    events: Vec<Event>,
    took: std::time::Duration,
}

/// Runs the scenarios.
///
/// # Errors
/// A runbook cannot be loaded.
pub fn test(context: &Context, args: &cli::Test) -> Result<Exit, Failure> {
    let library = Library::standard();
    let names: Vec<String> = if args.runbooks.is_empty() {
        library.list().into_iter().filter(|listed| listed.hidden_by.is_none()).map(|listed| listed.name).collect()
    } else {
        args.runbooks.clone()
    };
    let out = &context.out.stdout;
    let style = out.style();
    let (mut passed, mut failed) = (0, 0);
    let mut records = Vec::new();
    for name in names {
        let loaded = load::load(context, &name)?;
        let scenarios = library.scenarios(&loaded.runbook.source).map_err(|error| Failure::new(Exit::BadRunbook, error.to_string()))?;
        let wanted = scenarios.iter().filter(|scenario| args.scenario.as_ref().is_none_or(|part| scenario.name.contains(part)));
        let results: Vec<Went> = wanted.map(|source| one(source, &loaded)).collect();
        let coverage = Coverage::of(&loaded.runbook, results.iter().flat_map(|result| &result.events));
        for result in &results {
            let good = result.wrong.is_empty();
            if good {
                passed += 1
            } else {
                failed += 1
            }
            if !args.json {
                let mark = if good { Mark::Passed } else { Mark::Failed };
                out.line(&format!(
                    "{} {} / {}   {}",
                    style.mark(mark),
                    loaded.runbook.name,
                    result.scenario,
                    quantity::show_duration(result.took)
                ));
                for wrong in &result.wrong {
                    out.line(&format!("    {}", crate::ui::sanitise::text(wrong).replace('\n', "\n    ")));
                }
            }
        }
        if args.coverage && !args.json {
            out.line(&format!(
                "  {}: {} of {} exercised ({}%)",
                loaded.runbook.name,
                coverage.exercised(),
                coverage.total,
                coverage.percent()
            ));
            for point in &coverage.missing {
                out.line(&format!("    not exercised: {point}"));
            }
        }
        records.push(json!({
            "runbook": loaded.runbook.name,
            "scenarios": results.iter().map(|result| json!({
                "scenario": result.scenario, "passed": result.wrong.is_empty(), "wrong": result.wrong,
            })).collect::<Vec<_>>(),
            "coverage": {
                "total": coverage.total, "exercised": coverage.exercised(),
                "missing": coverage.missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
        }));
    }
    if args.json {
        out.line(&json!({ "passed": passed, "failed": failed, "runbooks": records }).to_string());
    } else {
        out.line(&format!("{passed} passed, {failed} failed"));
    }
    if passed + failed == 0 {
        return Err(Failure::new(Exit::CheckFailed, "there is no scenario to run").why("no test that ran is a passed one"));
    }
    Ok(if failed == 0 { Exit::Completed } else { Exit::CheckFailed })
}

/// Runs one scenario. Whatever keeps it from running is a failure of it.
fn one(source: &ScenarioSource, loaded: &Loaded) -> Went {
    let began = Instant::now();
    let ended = |wrong, events| Went { scenario: source.name.clone(), wrong, events, took: began.elapsed() };
    let scenario = match rehearse::parse(source, loaded) {
        Ok(scenario) => Arc::new(scenario),
        Err(failure) => return ended(std::iter::once(failure.what).chain(failure.why).collect(), Vec::new()),
    };
    let plan = match bind(loaded, &scenario) {
        Ok(plan) => plan,
        Err(wrong) => return ended(wrong, Vec::new()),
    };
    let rehearsal = Rehearsal::new(Arc::clone(&scenario), Some(&loaded.runbook));
    let ledger = MemoryLedger::default();
    let interrupts = Interrupts::default();
    let setting = Setting {
        run_id: "00000000".to_owned(),
        operator: "scenario".to_owned(),
        host: "scenario".to_owned(),
        mode: Mode::Rehearsal,
        step_by_step: false,
        shared_locks: Vec::new(),
    };
    let ports = Ports {
        ledger: &ledger,
        executor: &rehearsal.simulator,
        clock: &rehearsal.clock,
        prompt: &rehearsal.prompt,
        observers: &[],
        interrupts: &interrupts,
        last_interrupts: &interrupts,
        present: &|_| String::new(),
    };
    let ending = run::run(&plan, &setting, ports);
    let events = ledger.events();
    let mut account = Account::of(&events);
    account.at = ending.place.clone().or(account.at);
    let judgement = rehearsal.judge(&account, Some(Exit::from(&ending) as u8));
    let mut wrong: Vec<String> = judgement.faults.iter().map(ToString::to_string).collect();
    wrong.extend(judgement.mismatches.iter().map(ToString::to_string));
    if ending.bug {
        wrong.push(format!("halligan itself has a bug: {}", ending.why));
    }
    ended(wrong, events)
}

fn bind(loaded: &Loaded, scenario: &Scenario) -> Result<Plan, Vec<String>> {
    let mut given = Given::default();
    for (name, value) in &scenario.params {
        given.add(name, Raw::Typed(value.clone()), Giver::File("the scenario".to_owned()));
    }
    match binding::bind(&loaded.runbook, &given) {
        Ok((bound, missing)) if missing.is_empty() => {
            Ok(Plan { runbook: loaded.runbook.clone(), bound, called: loaded.called.clone(), inventory: None })
        }
        Ok((_, missing)) => Err(missing.iter().map(|parameter| format!("the scenario gives no value for {}", parameter.name)).collect()),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
    }
}
