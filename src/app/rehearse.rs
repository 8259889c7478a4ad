//! `halligan rehearse`: the same loop on a simulated world, with the same questions.

use std::{path::Path, sync::Arc, time::Instant};

use super::{
    Context, Failure,
    conduct::{self, Screens, Signals, Stage},
    debrief,
    exit::Exit,
    load::{self, Loaded},
    notebook::{Copying, MARK, Notebook},
    parameters, replay, run,
    wrong::Wrong,
};
use crate::{
    cli,
    event::{Mode, Past, RunId},
    journal::Durability,
    plan::Plan,
    rehearse::{Fault, Rehearsal, fixture, scenario::Scenario},
    run::{Before, Ports, Setting},
    runbook::{
        library::{self, Library, ScenarioSource},
        model::Origin,
    },
    ui::{quote, sanitise},
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
    let (name, scenario) = if let Some(run) = &args.from_run {
        replay::scenario(context, run, &loaded)?
    } else {
        let source = choose(&loaded, args.scenario.as_deref())?;
        let parsed = parse(&source, &loaded);
        (source.name, parsed)
    };
    let scenario = Arc::new(scenario.map_err(|faults| {
        for fault in &faults {
            context.out.stderr.line(&Wrong::from(fault).told(&loaded, &context.out));
        }
        Failure::new(Exit::BadRunbook, format!("the scenario {name} has {} faults, so nothing of it is rehearsed", faults.len()))
    })?);
    let rehearsal = Rehearsal::with(Arc::clone(&scenario), Some(&loaded.runbook), &args.faults);
    if let Some(times) = args.speed {
        rehearsal.simulator.speed(times);
    }
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
    let copying = Copying::new(&ledger);
    let screens = Screens::new(context, args.output);
    let out = &context.out.stdout;
    let prose = args.output != cli::Output::Json;
    let mark = || context.out.stderr.line(MARK);
    if prose {
        let pace = args.speed.map_or("waits pass at once, and the times are those that would have passed".to_owned(), |times| {
            format!("time passes {times} times as fast as it would")
        });
        out.line(&format!("{MARK}: nothing real is touched. Scenario {name}: {}", scenario.title));
        out.line(&format!("{MARK}: {pace}."));
        out.line("");
    }
    let terminal = conduct::terminal_prompt(context, &stdin, &signals, Some(&screens));
    let notebook = Notebook::new(&terminal, &mark);
    let stage = Stage {
        plan: &plan,
        setting: setting.clone(),
        ledger: &copying,
        executor: &rehearsal.simulator,
        clock: &rehearsal.clock,
        silent: None,
        again: again(args),
    };
    let began = Instant::now();
    let (mut ending, mut told) = conduct::conduct(context, &stage, &screens, &args.answers, &notebook, &signals, crate::run::run);
    if rehearsal.simulator.ended() {
        rehearsal.simulator.revive();
        let events = copying.kept.events();
        let past = Past::of(&events).map_err(|error| Failure::of(Exit::Bug, &error))?;
        if prose {
            out.line(&format!("{MARK}: halligan was ended here, as the fault says. This is what it is like to go on with the run."));
        }
        let output = |sha256: &str| copying.kept.output(sha256).ok_or_else(|| "it was not kept".to_owned());
        let before = Before {
            past: &past,
            output: &output,
            printed: Vec::new(),
            opened: scenario.now,
            from: "where the rehearsed fault had ended it".to_owned(),
            text: String::new(),
            doubted: false,
        };
        let go_on = |plan: &Plan, setting: &Setting, ports: Ports<'_>| crate::run::resume(plan, setting, ports, &before);
        (ending, told) = conduct::conduct(context, &stage, &screens, &args.answers, &notebook, &signals, go_on);
    }
    let took = began.elapsed();
    told.head = Some(journal.head().short());
    let faults = rehearsal.simulator.take_faults();
    let never: Vec<_> = rehearsal.simulator.injections_left().iter().map(|(fault, _)| format!("the fault {fault} never struck")).collect();
    if !faults.is_empty() {
        told.completed = false;
        "the scenario does not hold, so nothing has been shown".clone_into(&mut told.what);
        told.why = faults.iter().map(ToString::to_string).collect();
        told.exit = Exit::CheckFailed as u8;
    }
    told.why.extend(never);
    conduct::last_screen(context, args.output, &told);
    if prose {
        out.line("");
        if faults.is_empty() {
            for line in debrief::debrief(&plan, &rehearsal, &args.faults, &copying.kept.events(), &notebook.stood(), took) {
                out.line(&sanitise::line(&line));
            }
        }
        out.line(&format!("{MARK}: this was one. Nothing real was touched."));
    }
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
            Err(error) => Err(Failure::of(Exit::Usage, &error)),
        };
    }
    let all = Library::standard().scenarios(&loaded.runbook.source).map_err(|error| Failure::of(Exit::BadRunbook, &error))?;
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
    if let Some(run) = &args.from_run {
        words.extend(["--from-run".to_owned(), run.clone()]);
    }
    for fault in &args.faults {
        words.extend(["--fault".to_owned(), fault.to_string()]);
    }
    words.extend(conduct::flags_again(&args.params, &args.answers));
    words.iter().map(|word| quote::word(word).into_owned()).collect::<Vec<_>>().join(" ")
}
