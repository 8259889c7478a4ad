//! `halligan test`: every scenario of every runbook, held against its expectations, or against what always holds.

use std::time::Instant;

use super::{
    printed::print_json,
    test_report::{TestReport, TestedRunbook},
};
use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        rehearsal::{
            junit, scenarios, sweep,
            tested::{Tested, Went},
            trial::{Trial, TrialManner},
            wrong::Wrong,
        },
        session::load::{self, Loaded},
    },
    cli::{self, Then},
    parallel,
    ports::Choice,
    quantity,
    rehearse::{coverage::Coverage, shown::Exercised},
    runbook::library::{self, ScenarioSource},
    words::mark::Mark,
};

/// Runs the scenarios.
///
/// # Errors
/// A runbook cannot be loaded, there is no scenario, or a file cannot be written.
pub(crate) fn test(context: &Context, args: &cli::Test) -> Result<ProgramExit, Failure> {
    let library = context.library();
    let names: Vec<String> = if args.runbooks.is_empty() {
        library.list().into_iter().filter(|listed| listed.hidden_by.is_none()).map(|listed| listed.name).collect()
    } else {
        args.runbooks.clone()
    };
    let loaded = names.iter().map(|name| load::load(context, name)).collect::<Result<Vec<_>, _>>()?;
    for fault in &args.faults {
        scenarios::known_step(&format!("--fault {fault}"), &fault.step, &loaded)?;
    }
    for step in args.fault_sweep.iter().flatten() {
        scenarios::known_step(&format!("--fault-sweep={step}"), step, &loaded)?;
    }
    let mut results = Vec::new();
    for (name, loaded) in names.into_iter().zip(loaded) {
        let mut sources = library::scenarios(&loaded.runbook.source).map_err(|error| Failure::of(ProgramExit::BadRunbook, &error))?;
        if let Some(part) = &args.scenario {
            // One that is called so and not only like it is meant alone: `--fault` gives exact names again.
            let exact = sources.iter().any(|source| source.name == *part);
            sources.retain(|source| if exact { source.name == *part } else { source.name.contains(part) });
        }
        let result = of_one(name, &loaded, &sources, args);
        if !args.form.is_json() {
            tell(context, &loaded, &result, args);
        }
        results.push(result);
    }
    let all: usize = results.iter().map(|result| result.scenarios.len()).sum();
    let failed: usize = results.iter().flat_map(|result| &result.scenarios).filter(|went| !went.wrong.is_empty()).count();
    let broken: usize = results.iter().map(|result| result.broken().len()).sum();
    if let Some(path) = &args.junit {
        let text =
            junit::report(&results).map_err(|error| Failure::new(ProgramExit::Bug, format!("the JUnit report cannot be made: {error}")))?;
        std::fs::write(path, text)
            .map_err(|error| Failure::new(ProgramExit::Usage, format!("{} cannot be written: {error}", path.display())))?;
    }
    let low: Vec<&Tested> =
        results.iter().filter(|result| args.min.is_some_and(|min| result.coverage.percent() < usize::from(min))).collect();
    let out = &context.out.stdout;
    if args.form.is_json() {
        let runbooks = results.iter().map(TestedRunbook::from).collect();
        print_json(context, "results", &TestReport { passed: all - failed, failed, broken, runbooks })?;
    } else {
        for result in &low {
            let min = args.min.unwrap_or_default();
            out.line(&format!("{}: coverage {}%, below the minimum of {min}%", result.runbook, result.coverage.percent()));
        }
        let tried: usize = results.iter().filter_map(|result| Some(result.swept.as_ref()?.tried)).sum();
        let swept = if args.fault_sweep.is_some() { format!("; {tried} faults injected, {broken} broke something") } else { String::new() };
        out.line(&format!("{} passed, {failed} failed{swept}", all - failed));
    }
    if all == 0 {
        return Err(Failure::new(ProgramExit::CheckFailed, "no scenarios found").why("no test ran"));
    }
    Ok(if low.is_empty() && results.iter().all(Tested::passed) { ProgramExit::Completed } else { ProgramExit::CheckFailed })
}

fn of_one(name: String, loaded: &Loaded, sources: &[ScenarioSource], args: &cli::Test) -> Tested {
    let (mut scenarios, shown): (Vec<Went>, Vec<Exercised>) =
        parallel::map(sources, |source| one(source, loaded, args)).into_iter().unzip();
    let coverage = Coverage::of(&loaded.runbook, &shown);
    let swept = args.fault_sweep.as_ref().map(|only| {
        // A scenario that does not hold by itself says nothing under a fault.
        let trials: Vec<Trial> = scenarios.iter_mut().filter(|went| went.wrong.is_empty()).filter_map(|went| went.trial.take()).collect();
        sweep::sweep(&name, &trials, only)
    });
    Tested { runbook: loaded.runbook.name.clone(), name, scenarios, coverage, swept }
}

/// Runs one scenario, and says what it has shown. Whatever keeps it from running is a failure of it.
fn one(source: &ScenarioSource, loaded: &Loaded, args: &cli::Test) -> (Went, Exercised) {
    let faults = &args.faults;
    let began = Instant::now();
    let went = |wrong, shown, trial: Option<Trial>| {
        let trial = trial.filter(|_| args.fault_sweep.is_some());
        (Went { scenario: source.name.clone(), wrong, took: began.elapsed(), trial }, shown)
    };
    let trial = match Trial::prepare(source, loaded) {
        Ok(trial) => trial,
        Err(wrong) => return went(wrong, Exercised::default(), None),
    };
    if faults.is_empty() {
        let gone = trial.run(&TrialManner::default());
        let mut wrong = gone.held_against_expectations();
        wrong.extend(trial.expects_no_end());
        return went(wrong, Exercised::of(&loaded.runbook, &gone.events), Some(trial));
    }
    let gone = trial.run(&TrialManner { faults, otherwise: Some(args.then.into()), leave: args.leave });
    let left = gone.rehearsal.simulator.injections_left();
    let mut wrong: Vec<Wrong> = left
        .iter()
        .filter(|(fault, _)| faults.contains(fault))
        .map(|(fault, calls)| {
            Wrong::at(&trial.scenario.name, None, format!("{fault} was never injected: the step was called {calls} times"))
        })
        .collect();
    wrong.extend(gone.held_against_invariants(&trial));
    went(wrong, Exercised::of(&loaded.runbook, &gone.events), Some(trial))
}

fn tell(context: &Context, loaded: &Loaded, result: &Tested, args: &cli::Test) {
    let out = &context.out.stdout;
    let style = out.style();
    let name = &result.runbook;
    let indented = |wrong: &Wrong| out.line(&format!("    {}", wrong.told(loaded, &context.out).replace('\n', "\n    ")));
    for went in &result.scenarios {
        let mark = style.mark(if went.wrong.is_empty() { Mark::Passed } else { Mark::Failed });
        out.line(&format!("{mark} {name} / {}   {}", went.scenario, quantity::show_duration(went.took)));
        went.wrong.iter().for_each(indented);
    }
    for broken in result.broken() {
        let then = if broken.then == Then::Stop { String::new() } else { format!(", then {}", Choice::from(broken.then).word()) };
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
            out.line(&format!("    {}:{}: not exercised: {point}", loaded.runbook.source.name, point.line));
        }
    }
}
