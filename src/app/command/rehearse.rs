//! `halligan rehearse`: the same loop on a simulated world, with the same questions.

use std::{sync::Arc, time::Instant};

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        rehearsal::{
            debrief, from_run,
            notebook::{Copying, MARK, Notebook},
            scenarios,
            wrong::Wrong,
        },
        session::{
            beforehand,
            conduct::{self, Occasion, Screens, Signals},
            journal::open_journal,
            load,
            locks::carried_out,
            notice::{Notifier, ToTell},
            operator::{hostname, operator},
            parameters::{Gathering, Reality},
        },
    },
    cli,
    event::{Mode, Past, RunId, RunState},
    journal::Durability,
    plan::Plan,
    rehearse::Rehearsal,
    run::{Before, Ports, Setting},
    words::sanitise,
};

/// Rehearses a runbook.
///
/// # Errors
/// The runbook or the scenario cannot be used, or the scenario does not answer a command.
pub(crate) fn rehearse(context: &Context, args: &cli::Rehearse) -> Result<ProgramExit, Failure> {
    let loaded = load::load(context, &args.runbook)?;
    for fault in &args.faults {
        scenarios::known_step(&format!("--fault {fault}"), &fault.step, [&loaded])?;
    }
    let inventory = load::inventory(context, &args.hosts)?;
    let (name, scenario) = if let Some(run) = &args.from_run {
        from_run::scenario(context, run, &loaded)?
    } else {
        let source = scenarios::choose(&loaded, args.scenario.as_deref())?;
        let parsed = scenarios::parse(&source, &loaded);
        (source.name, parsed)
    };
    let scenario = Arc::new(scenario.map_err(|faults| {
        for fault in &faults {
            context.out.stderr.line(&Wrong::from(fault).told(&loaded, &context.out));
        }
        Failure::new(ProgramExit::BadRunbook, format!("the scenario {name} has {} errors; nothing was rehearsed", faults.len()))
    })?);
    let rehearsal = Rehearsal::with(Arc::clone(&scenario), Some(&loaded.runbook), &args.faults);
    if let Some(times) = args.speed {
        rehearsal.simulator.speed(times);
    }
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let gathering = Gathering {
        context,
        loaded: &loaded,
        inventory,
        asking: &asking,
        world: Reality::Simulated(&rehearsal.simulator),
        password: None,
        allow_unheld: false,
    };
    let plan = gathering.plan(scenario.params.clone(), &args.params)?;
    beforehand::held(&plan, &args.answers)?;
    let journal = open_journal(context)?;
    let id = RunId::new().map_err(|error| Failure::new(ProgramExit::Bug, format!("the operating system gives no randomness: {error}")))?;
    let setting = Setting {
        run_id: id,
        operator: operator(),
        host: hostname(),
        mode: Mode::Rehearsal,
        step_by_step: args.answers.step,
        shared_locks: Vec::new(),
        surroundings: None,
        machine: None,
    };
    let _run = carried_out(context, id)?;
    let ledger = journal.begin_run(id, Durability::AtClose);
    let copying = Copying::new(&ledger);
    let screens = Screens::new(context, args.form, id, RunState::default());
    let out = &context.out.stdout;
    let prose = !args.form.is_json();
    if prose {
        let pace = args
            .speed
            .map_or("waits take no time; the times shown are simulated".to_owned(), |times| format!("time runs {times} times as fast"));
        out.line(&format!("{MARK}: nothing real is touched. Scenario {name}: {}", scenario.title));
        out.line(&format!("{MARK}: {pace}."));
        out.line("");
    }
    let terminal = conduct::terminal_prompt(context, &stdin, &signals, Some(&screens)).marked(MARK);
    let notebook = Notebook::new(&terminal);
    // Of a rehearsal no program is told.
    let notifier = Notifier::start(context, &ToTell::at_the_terminal(context, args.quiet), &setting, &plan);
    let stage = Occasion {
        plan: &plan,
        setting: setting.clone(),
        journal: journal.directory(),
        ledger: &copying,
        executor: &rehearsal.simulator,
        shells: None,
        clock: &rehearsal.clock,
        silent: None,
        notifier: &notifier,
        again: context.cli(cli::Subcommands::Rehearse(args.clone())),
    };
    let began = Instant::now();
    let (mut ending, mut told) = conduct::conduct(context, &stage, &screens, &args.answers, &notebook, &signals, crate::run::run);
    if rehearsal.simulator.ended() {
        rehearsal.simulator.revive();
        let events = copying.kept.events();
        let past = Past::of(&events).map_err(|error| Failure::of(ProgramExit::Bug, &error))?;
        if prose {
            out.line(&format!("{MARK}: halligan was killed here by the injected fault. What follows is the resume."));
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
        let go_on = |plan: &Plan, setting: &Setting, ports: Ports<'_>| crate::run::go_on(plan, setting, ports, &before);
        (ending, told) = conduct::conduct(context, &stage, &screens, &args.answers, &notebook, &signals, go_on);
    }
    let took = began.elapsed();
    told.head = Some(journal.head().short());
    let faults = rehearsal.simulator.take_faults();
    let never: Vec<_> =
        rehearsal.simulator.injections_left().iter().map(|(fault, _)| format!("the fault {fault} was never injected")).collect();
    if !faults.is_empty() {
        told.completed = false;
        "the scenario failed, so the rehearsal shows nothing".clone_into(&mut told.what);
        told.why = faults.iter().map(ToString::to_string).collect();
        told.exit = Some(ProgramExit::CheckFailed as u8);
    }
    told.why.extend(never);
    notifier.end(&mut told);
    conduct::last_screen(context, args.form, &told);
    if prose {
        out.line("");
        if faults.is_empty() {
            for line in debrief::debrief(&plan, &rehearsal, &args.faults, &copying.kept.events(), &notebook.stood(), took) {
                out.line(&sanitise::line(&line));
            }
        }
        out.line(&format!("{MARK}: end. Nothing real was touched."));
    }
    Ok(if faults.is_empty() { ProgramExit::from(&ending) } else { ProgramExit::CheckFailed })
}
