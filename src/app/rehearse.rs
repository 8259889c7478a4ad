//! `halligan rehearse`: the same loop on a simulated world, with the same questions.

use std::{path::Path, sync::Arc};

use super::{
    Context, Failure,
    conduct::{self, Screens, Signals, Stage},
    exit::Exit,
    load::{self, Loaded},
    parameters, run,
    wrong::Wrong,
};
use crate::{
    cli,
    event::{Mode, RunId},
    journal::Durability,
    rehearse::{Fault, Rehearsal, fixture, scenario::Scenario},
    run::Setting,
    runbook::{
        library::{self, Library, ScenarioSource},
        model::Origin,
    },
    ui::quote,
};

/// The scenario that is rehearsed when none is named.
const DEFAULT: &str = "all-well";

/// Rehearses a runbook.
///
/// # Errors
/// The runbook or the scenario cannot be used, or the scenario does not answer a command.
pub fn rehearse(context: &Context, args: &cli::Rehearse) -> Result<Exit, Failure> {
    let loaded = load::load(context, &args.runbook)?;
    let inventory = load::inventory(context, &args.hosts)?;
    let source = choose(&loaded, args.scenario.as_deref())?;
    let scenario = Arc::new(parse(&source, &loaded).map_err(|faults| {
        for fault in &faults {
            context.out.stderr.line(&Wrong::from(fault).told(&loaded, &context.out));
        }
        Failure::new(Exit::BadRunbook, format!("the scenario {} has {} faults, so nothing of it is rehearsed", source.name, faults.len()))
    })?);
    let rehearsal = Rehearsal::new(Arc::clone(&scenario), Some(&loaded.runbook));
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = parameters::plan(context, &loaded, inventory, scenario.params.clone(), &args.params, &asking, &rehearsal.simulator)?;
    let journal = run::open_journal(context)?;
    let id = RunId::new().map_err(|error| Failure::new(Exit::Bug, format!("the operating system gives no randomness: {error}")))?;
    let setting = Setting {
        run_id: id.to_string(),
        operator: parameters::operator(),
        host: run::hostname(),
        mode: Mode::Rehearsal,
        step_by_step: args.answers.step,
        shared_locks: Vec::new(),
    };
    let ledger = journal.begin_run(id, Durability::AtClose);
    let screens = Screens::new(context, args.output);
    if args.output != cli::Output::Json {
        context.out.stdout.line(&format!("REHEARSAL: nothing real is touched. Scenario {}: {}", source.name, scenario.title));
        context.out.stdout.line("");
    }
    let prompt = conduct::terminal_prompt(context, &stdin, &signals, Some(&screens));
    let stage = Stage {
        plan: &plan,
        setting,
        ledger: &ledger,
        executor: &rehearsal.simulator,
        clock: &rehearsal.clock,
        silent: None,
        again: again(args),
    };
    let (ending, mut told) = conduct::conduct(context, &stage, &screens, &args.answers, &prompt, &signals);
    told.head = Some(journal.head().short());
    let faults = rehearsal.simulator.take_faults();
    if !faults.is_empty() {
        told.completed = false;
        "the scenario does not hold, so nothing has been shown".clone_into(&mut told.what);
        told.why = faults.iter().map(ToString::to_string).collect();
        told.exit = Exit::CheckFailed as u8;
    }
    conduct::last_screen(context, args.output, &told);
    Ok(if faults.is_empty() { Exit::from(&ending) } else { Exit::CheckFailed })
}

/// Finds the scenario: a path, one of the runbook's own by name, or the default.
fn choose(loaded: &Loaded, wanted: Option<&str>) -> Result<ScenarioSource, Failure> {
    if let Some(path) = wanted.filter(|wanted| library::is_path(wanted)) {
        let path = Path::new(path);
        let name = path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned());
        return match library::read(path) {
            Ok(Some(source)) => Ok(ScenarioSource { name, source }),
            Ok(None) => Err(Failure::new(Exit::Usage, format!("there is no scenario {}", path.display()))),
            Err(error) => Err(Failure::new(Exit::Usage, error.to_string())),
        };
    }
    let all = Library::standard().scenarios(&loaded.runbook.source).map_err(|error| Failure::new(Exit::BadRunbook, error.to_string()))?;
    let names: Vec<String> = all.iter().map(|scenario| scenario.name.clone()).collect();
    let name = wanted.unwrap_or(DEFAULT);
    let none = || {
        let failure = Failure::new(Exit::Usage, format!("{} has no scenario `{name}`", loaded.runbook.name));
        if names.is_empty() {
            return failure.next(format!("write one to scenarios/{}/{DEFAULT}.yaml beside the runbook", loaded.runbook.name));
        }
        let near = crate::expression::name::nearest(name, names.iter().map(String::as_str));
        let failure = match near {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None => failure,
        };
        failure.why(format!("it has {}", names.join(", ")))
    };
    all.into_iter().find(|scenario| scenario.name == name).ok_or_else(none)
}

/// Reads a scenario with its fixtures, and holds it against its runbook.
///
/// # Errors
/// Every fault of it.
pub fn parse(source: &ScenarioSource, loaded: &Loaded) -> Result<Scenario, Vec<Fault>> {
    let (name, text) = (&source.source.name, &source.source.text);
    let parsed = match &source.source.origin {
        Origin::File(path) => Scenario::read(name, text, &fixture::Directory(path.parent().unwrap_or(Path::new(".")).to_owned())),
        Origin::Bundled => {
            let folder = format!("scenarios/{}", loaded.runbook.name);
            Scenario::read(name, text, &move |path: &str| library::bundled_fixture(&folder, path))
        }
    };
    let scenario = parsed.map_err(|error| error.faults)?;
    let faults = scenario.check(&loaded.runbook);
    if faults.is_empty() { Ok(scenario) } else { Err(faults) }
}

/// The command line, to be given again with another flag.
fn again(args: &cli::Rehearse) -> String {
    let mut words = vec!["halligan".to_owned(), "rehearse".to_owned(), args.runbook.clone()];
    if let Some(scenario) = &args.scenario {
        words.extend(["--scenario".to_owned(), scenario.clone()]);
    }
    words.extend(conduct::flags_again(&args.params, &args.answers));
    words.iter().map(|word| quote::word(word).into_owned()).collect::<Vec<_>>().join(" ")
}
