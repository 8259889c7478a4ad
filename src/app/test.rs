//! `halligan test`: every scenario of every runbook, held against its expectations, or against what always holds.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    Context, Failure,
    exit::Exit,
    junit,
    load::{self, Loaded},
    parallel,
    sweep::{self, Broken, Swept},
    trial::{Manner, Trial},
    wrong::Wrong,
};
use crate::{
    cli,
    ports::Choice,
    quantity,
    rehearse::{coverage::Coverage, shown::Shown},
    runbook::library::{Library, ScenarioSource},
    ui::style::Mark,
};

/// How one scenario went.
pub struct Went {
    pub scenario: String,
    /// Empty if all is as expected.
    pub wrong: Vec<Wrong>,
    /// Its events are not kept: those of all scenarios would be most of the memory.
    shown: Shown,
    /// In real time.
    pub took: Duration,
    /// Only if it is to be swept.
    trial: Option<Trial>,
}

/// What the scenarios of one runbook have shown.
pub struct Result {
    pub loaded: Loaded,
    /// As it was given.
    name: String,
    pub scenarios: Vec<Went>,
    coverage: Coverage,
    swept: Option<Swept>,
}

impl Result {
    fn passed(&self) -> bool {
        self.scenarios.iter().all(|went| went.wrong.is_empty()) && self.broken().is_empty()
    }

    pub fn broken(&self) -> &[Broken] {
        self.swept.as_ref().map_or(&[], |swept| &swept.broken)
    }
}

/// Runs the scenarios.
///
/// # Errors
/// A runbook cannot be loaded, there is no scenario, or a file cannot be written.
pub fn test(context: &Context, args: &cli::Test) -> std::result::Result<Exit, Failure> {
    let library = Library::standard();
    let names: Vec<String> = if args.runbooks.is_empty() {
        library.list().into_iter().filter(|listed| listed.hidden_by.is_none()).map(|listed| listed.name).collect()
    } else {
        args.runbooks.clone()
    };
    let mut results = Vec::new();
    for name in names {
        let loaded = load::load(context, &name)?;
        let mut sources = library.scenarios(&loaded.runbook.source).map_err(|error| Failure::of(Exit::BadRunbook, &error))?;
        if let Some(part) = &args.scenario {
            // One that is called so and not only like it is meant alone: `--fault` gives exact names again.
            let exact = sources.iter().any(|source| source.name == *part);
            sources.retain(|source| if exact { source.name == *part } else { source.name.contains(part) });
        }
        let result = of_one(name, loaded, &sources, args);
        if !args.json {
            tell(context, &result, args);
        }
        results.push(result);
    }
    let all: usize = results.iter().map(|result| result.scenarios.len()).sum();
    let failed: usize = results.iter().flat_map(|result| &result.scenarios).filter(|went| !went.wrong.is_empty()).count();
    let broken: usize = results.iter().map(|result| result.broken().len()).sum();
    if let Some(path) = &args.junit {
        let text = junit::report(&results).map_err(|error| Failure::new(Exit::Bug, format!("the JUnit report cannot be made: {error}")))?;
        std::fs::write(path, text).map_err(|error| Failure::new(Exit::Usage, format!("{} cannot be written: {error}", path.display())))?;
    }
    let low: Vec<&Result> =
        results.iter().filter(|result| args.min.is_some_and(|min| result.coverage.percent() < usize::from(min))).collect();
    let out = &context.out.stdout;
    if args.json {
        let runbooks: Vec<_> = results.iter().map(record).collect();
        out.line(&json!({ "passed": all - failed, "failed": failed, "broken": broken, "runbooks": runbooks }).to_string());
    } else {
        for result in &low {
            let min = args.min.unwrap_or_default();
            out.line(&format!("{}: {}% is exercised, less than {min}%", result.loaded.runbook.name, result.coverage.percent()));
        }
        let tried: usize = results.iter().filter_map(|result| Some(result.swept.as_ref()?.tried)).sum();
        let swept = if args.fault_sweep.is_some() { format!("; {tried} faults tried, {broken} break something") } else { String::new() };
        out.line(&format!("{} passed, {failed} failed{swept}", all - failed));
    }
    if all == 0 {
        return Err(Failure::new(Exit::CheckFailed, "there is no scenario to run").why("no test that ran is a passed one"));
    }
    Ok(if low.is_empty() && results.iter().all(Result::passed) { Exit::Completed } else { Exit::CheckFailed })
}

fn of_one(name: String, loaded: Loaded, sources: &[ScenarioSource], args: &cli::Test) -> Result {
    let mut scenarios = parallel::map(sources, |source| one(source, &loaded, args));
    let coverage = Coverage::of(&loaded.runbook, scenarios.iter().map(|went| &went.shown));
    let swept = args.fault_sweep.as_ref().map(|only| {
        // A scenario that does not hold by itself says nothing under a fault.
        let trials: Vec<Trial> = scenarios.iter_mut().filter(|went| went.wrong.is_empty()).filter_map(|went| went.trial.take()).collect();
        sweep::sweep(&name, &trials, only)
    });
    Result { loaded, name, scenarios, coverage, swept }
}

/// Runs one scenario. Whatever keeps it from running is a failure of it.
fn one(source: &ScenarioSource, loaded: &Loaded, args: &cli::Test) -> Went {
    let faults = &args.faults;
    let began = Instant::now();
    let went = |wrong, shown, trial: Option<Trial>| Went {
        scenario: source.name.clone(),
        wrong,
        shown,
        took: began.elapsed(),
        trial: trial.filter(|_| args.fault_sweep.is_some()),
    };
    let trial = match Trial::prepare(source, loaded) {
        Ok(trial) => trial,
        Err(wrong) => return went(wrong, Shown::default(), None),
    };
    if faults.is_empty() {
        let gone = trial.run(&Manner::default());
        return went(gone.held_against_expectations(), Shown::of(&loaded.runbook, &gone.events), Some(trial));
    }
    let gone = trial.run(&Manner { faults, otherwise: Some(args.then.into()), leave: args.leave });
    let left = gone.rehearsal.simulator.injections_left();
    let mut wrong: Vec<Wrong> = left
        .iter()
        .filter(|(fault, _)| faults.contains(fault))
        .map(|(fault, calls)| Wrong::at(&trial.scenario.name, None, format!("{fault} never struck: it was called {calls} times")))
        .collect();
    wrong.extend(gone.held_against_invariants(&trial));
    went(wrong, Shown::of(&loaded.runbook, &gone.events), Some(trial))
}

fn tell(context: &Context, result: &Result, args: &cli::Test) {
    let out = &context.out.stdout;
    let style = out.style();
    let name = &result.loaded.runbook.name;
    let indented = |wrong: &Wrong| out.line(&format!("    {}", wrong.told(&result.loaded, &context.out).replace('\n', "\n    ")));
    for went in &result.scenarios {
        let mark = style.mark(if went.wrong.is_empty() { Mark::Passed } else { Mark::Failed });
        out.line(&format!("{mark} {name} / {}   {}", went.scenario, quantity::show_duration(went.took)));
        went.wrong.iter().for_each(indented);
    }
    for broken in result.broken() {
        let then = if broken.then == Choice::Stop { String::new() } else { format!(", then {}", sweep::word(broken.then)) };
        out.line(&format!("{} {name} / {}   {}{then}", style.mark(Mark::Failed), broken.scenario, broken.fault));
        broken.wrong.iter().for_each(indented);
        out.line(&format!("    again: {}", broken.again));
    }
    let coverage = &result.coverage;
    if args.coverage || args.min.is_some() {
        out.line(&format!("  {name}: {} of {} exercised ({}%)", coverage.exercised(), coverage.total(), coverage.percent()));
        for (kind, exercised, all) in coverage.table() {
            out.line(&format!("    {kind:<30} {exercised:>4} of {all}"));
        }
        for point in &coverage.missing {
            out.line(&format!("    {}:{}: not exercised: {point}", result.loaded.runbook.source.name, point.line));
        }
    }
}

fn record(result: &Result) -> serde_json::Value {
    let wrong = |all: &[Wrong]| -> Vec<_> {
        all.iter().map(|wrong| json!({"file": wrong.file, "line": wrong.line, "what": wrong.what, "hint": wrong.hint})).collect()
    };
    json!({
        "runbook": result.loaded.runbook.name,
        "given": result.name,
        "scenarios": result.scenarios.iter().map(|went| json!({
            "scenario": went.scenario, "passed": went.wrong.is_empty(), "wrong": wrong(&went.wrong),
        })).collect::<Vec<_>>(),
        "coverage": {
            "total": result.coverage.total(),
            "exercised": result.coverage.exercised(),
            "percent": result.coverage.percent(),
            "points": result.coverage.table().iter().map(|(kind, exercised, all)| json!({
                "kind": kind, "exercised": exercised, "total": all,
            })).collect::<Vec<_>>(),
            "missing": result.coverage.missing.iter().map(|point| json!({
                "id": point.id, "what": point.to_string(), "line": point.line,
            })).collect::<Vec<_>>(),
        },
        "sweep": result.swept.as_ref().map(|swept| json!({
            "tried": swept.tried,
            "broken": swept.broken.iter().map(|broken| json!({
                "scenario": broken.scenario, "fault": broken.fault, "then": sweep::word(broken.then),
                "wrong": wrong(&broken.wrong), "again": broken.again,
            })).collect::<Vec<_>>(),
        })),
    })
}
