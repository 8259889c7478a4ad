//! Joins the loop with screens, prompts and a ledger, and tells how it ended. Real runs and rehearsals alike.

use std::{
    collections::BTreeMap,
    os::fd::AsFd,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use super::{
    beforehand,
    bulletin::{Announcing, Bulletin},
    earlier,
    gathered::{RunFacts, Summary},
    interactive::Talking,
    notice::{Notifier, Notifying},
    off_script::OperatorShells,
    plan_view, unheld,
};
use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::{Failure, REPORT},
        trace,
    },
    cli::{self, Cli, Subcommands},
    event::{Mode, Outcome, Place, RunId, RunState, StopSignal, aftermath::Aftermath},
    exec::{process::ProcessExecutor, signals::Listener},
    plan::{Plan, preview::Preview},
    ports::{Beforehand, Clock, Executor, Interrupts, Ledger, Observer, OffScript, Prompt, Urgency},
    run::{Ending, Ports, Setting, foretell},
    ui::{
        flags::Flags,
        json::Json,
        layout::Page,
        plain::Plain,
        prompt::TerminalPrompt,
        report::{self, Advice, PutBack},
        terminal::{Screen, Terminal},
    },
    words::{
        self,
        quote::{self, CommandLine},
    },
};

/// The screens of a run.
pub(crate) struct Screens {
    observer: Box<dyn Observer>,
    screen: Option<Screen>,
    /// Text may be printed between events.
    prose: bool,
}

impl Screens {
    /// Screens for what follows on `before`, which is empty for a new run.
    #[must_use]
    pub(crate) fn new(context: &Context, form: cli::Form, run: RunId, before: RunState) -> Self {
        let stream = context.out.stdout.clone();
        match form.format {
            cli::Format::Json => Self { observer: Box::new(Json::new(stream, run)), screen: None, prose: false },
            cli::Format::Text if stream.is_terminal() => {
                // Where nothing can be drawn, only what is told shows that the run goes on.
                let whole = context.global.verbose > 0 || !stream.redraws();
                let terminal = Terminal::new(stream, &run.to_string(), before, whole);
                let screen = Some(terminal.screen());
                Self { observer: Box::new(terminal), screen, prose: true }
            }
            cli::Format::Text | cli::Format::Plain => Self { observer: Box::new(Plain::new(stream, before)), screen: None, prose: true },
        }
    }
}

/// What differs between a real run and a rehearsal.
pub(crate) struct Occasion<'a> {
    pub plan: &'a Plan,
    pub setting: Setting,
    /// The directory of the journal.
    pub journal: &'a Path,
    pub ledger: &'a dyn Ledger,
    pub executor: &'a dyn Executor,
    /// What opens shells beside the run, and what is held meanwhile, so that nobody is asked; `None` where there is nothing real beside it.
    pub shells: Option<(&'a ProcessExecutor, Arc<Mutex<()>>)>,
    pub clock: &'a dyn Clock,
    /// Asks nothing, in a dry run.
    pub silent: Option<&'a dyn Prompt>,
    /// Who is told while nobody looks.
    pub notifier: &'a Notifier,
    /// The arguments to give again, with more answers.
    pub again: Cli,
}

/// The interrupts of this process, and whatever listens for them.
pub(crate) struct Signals {
    pub interrupts: Arc<Interrupts>,
    pub last: Arc<Interrupts>,
    /// What is drawn on the terminal, once something is: a line that is not told through it is drawn over.
    screen: Arc<OnceLock<Screen>>,
    _listener: Listener,
}

impl Signals {
    /// # Errors
    /// The handlers cannot be set: a run that cannot be stopped is not begun.
    pub(crate) fn listen(context: &Context) -> Result<Self, Failure> {
        let (interrupts, last) = (Arc::new(Interrupts::default()), Arc::new(Interrupts::default()));
        let stderr = context.out.stderr.clone();
        let screen: Arc<OnceLock<Screen>> = Arc::default();
        let drawn = Arc::clone(&screen);
        let told = move |signal: StopSignal, urgency: Urgency| {
            let text = match urgency {
                Urgency::None => return,
                Urgency::AfterStep => words::stopping(signal),
                Urgency::Now => "ending this step, then running cleanups; Ctrl-C again exits immediately",
                Urgency::AtOnce => "exiting immediately; pending cleanups stay owed (see `halligan debts`)",
            };
            match drawn.get() {
                Some(screen) => screen.pin(text),
                None => stderr.line(text),
            }
        };
        let listener = Listener::start(Arc::clone(&interrupts), Arc::clone(&last), told)
            .map_err(|error| Failure::new(ProgramExit::Blocked, format!("the signal handlers cannot be set: {error}")))?;
        Ok(Self { interrupts, last, screen, _listener: listener })
    }
}

/// Asks on this terminal.
#[must_use]
pub(crate) fn terminal_prompt<'a>(
    context: &'a Context,
    stdin: &'a std::io::Stdin,
    signals: &'a Signals,
    screens: Option<&Screens>,
) -> TerminalPrompt<'a> {
    TerminalPrompt::new(&context.out, stdin.as_fd(), &signals.interrupts, screens.and_then(|screens| screens.screen.clone()))
}

/// Answers from the flags, else from the terminal.
pub(crate) fn flags<'a>(answers: &cli::Answers, asking: &'a dyn Prompt) -> Flags<'a> {
    let pairs = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    Flags::new(answers.yes, pairs(&answers.confirm), pairs(&answers.overrides), asking)
}

/// Carries out a plan, showing it. Returns how it ended, and what the last screen says of it.
pub(crate) fn conduct(
    context: &Context,
    stage: &Occasion<'_>,
    screens: &Screens,
    answers: &cli::Answers,
    prompt: &dyn Prompt,
    signals: &Signals,
    carry_out: impl FnOnce(&Plan, &Setting, Ports<'_>) -> Ending,
) -> (Ending, report::LastScreen) {
    if let Some(screen) = &screens.screen {
        // A rehearsal that is resumed has the same screen.
        let _ = signals.screen.set(screen.clone());
        trace::show_on(screen);
        earlier::teach(screen, stage.journal, stage.plan.runbook.name.as_str(), stage.setting.mode, stage.setting.run_id);
    }
    let summary = Summary::default();
    let bulletin = Bulletin::open(stage.journal, stage.setting.run_id);
    let announcing = Announcing { prompt, bulletin: &bulletin };
    let notifying = Notifying { prompt: &announcing, notifier: stage.notifier, attended: context.out.can_ask() };
    // A dry run asks nothing; what a check was overridden for is said all the same, or it would show another plan than the run.
    let overrides = cli::Answers { overrides: answers.overrides.clone(), ..cli::Answers::default() };
    let flags = stage.silent.map_or_else(|| flags(answers, &notifying), |silent| flags(&overrides, silent));
    let open: OnceLock<Vec<Beforehand>> = OnceLock::new();
    let present = |preview: &Preview| {
        let mut view = plan_view::plan(stage.plan, preview, stage.setting.surroundings.as_ref());
        if stage.silent.is_none() && !context.out.can_ask() {
            let open = open.get_or_init(|| beforehand::open(&preview.coming, &flags));
            let note = |wanting| format!("no terminal, and not answered beforehand: {wanting}; the run stops at the first of these");
            view.notes.extend(beforehand::wanting(open).map(note));
        }
        if screens.prose {
            let _held = screens.screen.as_ref().map(Screen::hold);
            context.out.stdout.text(&format!("\n{}\n", view.render_steps(&context.out.stdout.page())));
        }
        view.render(&Page::recorded())
    };
    let observers: [&dyn Observer; 4] = [&*screens.observer, &summary, &bulletin, stage.notifier];
    let executor = Talking { executor: stage.executor, screen: screens.screen.as_ref() };
    let shells = stage.shells.clone().map(|(executor, turn)| OperatorShells {
        turn,
        context,
        run: stage.setting.run_id,
        executor,
        interrupts: &signals.interrupts,
        screen: screens.screen.as_ref(),
    });
    let ports = Ports {
        ledger: stage.ledger,
        executor: &executor,
        clock: stage.clock,
        prompt: &flags,
        observers: &observers,
        off_script: shells.as_ref().map(|shells| shells as &dyn OffScript),
        interrupts: &signals.interrupts,
        last_interrupts: &signals.last,
        present: &present,
    };
    if screens.prose && stage.setting.mode != Mode::Rehearsal {
        // Before anything is run: what the kernel does not hold to reading is named.
        context.out.stdout.lines(&unheld::told(&foretell(stage.plan, stage.executor)));
    }
    let ending = carry_out(stage.plan, &stage.setting, ports);
    let mut told = tell(context, stage, &ending, &summary.gathered(), open.get().map_or(&[], Vec::as_slice));
    // A run that stopped early has not come to all its questions.
    if ending.outcome == Outcome::Completed {
        told.why.extend(flags.unused().iter().map(|flag| format!("{} was not needed: nothing asked for it", quote::word(flag))));
    }
    (ending, told)
}

/// The journal cannot be written any more: what failed, where the records went, what is still under way, what to do.
fn journal_failed(context: &Context, told: &mut report::LastScreen, stage: &Occasion<'_>, ending: &Ending) {
    "the journal cannot be written; nothing more was started".clone_into(&mut told.what);
    told.why.clone_from(&ending.whys);
    for ((place, _), command) in &ending.state.under_way {
        told.why.push(match command.process {
            Some((pid, _)) => format!("{place} was running as process {pid}: first check whether that process still runs"),
            None => format!("{place} had begun; its outcome is unknown"),
        });
    }
    told.next = vec![
        "keep the record named above: it holds the last event, which the journal lacks".to_owned().into(),
        Advice::with("free disk space or repair the disk, then resume this run:", context.line(Subcommands::resume(stage.setting.run_id))),
    ];
}

/// The last screen of a run. `open` would answer what it was still to ask, where nobody can be asked.
fn tell(context: &Context, stage: &Occasion<'_>, ending: &Ending, gathered: &RunFacts, open: &[Beforehand]) -> report::LastScreen {
    let run = &stage.setting.run_id;
    let name = &stage.plan.runbook.name;
    let exit = ProgramExit::from(ending);
    let mut told = report::LastScreen {
        completed: exit == ProgramExit::Completed,
        run: Some(run.to_string()),
        exit: Some(exit as u8),
        ..report::LastScreen::default()
    };
    // Where a rollback ended says nothing: all of it was gone through.
    let place = ending.place.as_ref().filter(|_| ending.outcome != Outcome::RolledBack);
    let at = place.map(|place| format!(" at {place}")).unwrap_or_default();
    let left = ending.state.aftermath();
    let mut whys = ending.whys.iter().flat_map(|why| why.lines()).map(str::to_owned);
    let secrets = stage.plan.secrets();
    let (cli, left_out) = stage.again.without(|value| secrets.found_in(value));
    match ending.outcome {
        Outcome::Completed => {}
        Outcome::Blocked if ending.place.as_ref().is_some_and(Place::is_identity) => {
            told.what = whys.next().unwrap_or_default();
            told.why.extend(whys);
            told.why.push("nothing may be changed here: no flag overrides this".to_owned());
            told.next.push(Advice::from("check the host, the context and the configuration that the commands are given".to_owned()));
        }
        Outcome::Blocked => {
            told.what = format!("{name} cannot run now: the preflight failed");
            told.why.extend(whys);
            let again = |place: &Place| cli.answering(|answers| answers.overriding(place.step(), "the reason")).line();
            // A check that is made for each host is overridden for all of them at once.
            let mut blocks: Vec<&Place> = Vec::new();
            for place in &gathered.blocks {
                if blocks.iter().all(|other| other.step() != place.step()) {
                    blocks.push(place);
                }
            }
            let commands: Vec<_> = blocks.into_iter().map(again).collect();
            let text = match commands.len() {
                0 => "fix the problems above and rerun",
                1 => "fix the problem above and rerun; or override the check once, with a reason that is recorded:",
                _ => "fix the problems above and rerun; or override a check once, with a reason that is recorded:",
            };
            told.next.push(Advice { text: text.to_owned(), commands });
        }
        Outcome::Declined => {
            told.what = match (&ending.place, &ending.beforehand) {
                (Some(place), Some(_)) => format!("{place} needs an answer, but there is no terminal"),
                (None, Some(_)) => "the plan needs approval, but there is no terminal".to_owned(),
                (_, None) => format!("not confirmed: {}", whys.next().unwrap_or_default()),
            };
            // Whoever cannot be asked later must know all at once; once the plan is approved, it stands below it.
            if ending.beforehand == Some(Beforehand::Yes) && ending.place.is_none() {
                told.why.extend(beforehand::wanting(open).map(|wanting| format!("later it will ask: {wanting}")));
            }
            match &ending.beforehand {
                None => {}
                Some(Beforehand::Nothing { instead }) => told.next.push(Advice::from(format!("needs {instead}"))),
                Some(asked) => {
                    // What was changed would be done once more by another run.
                    let goes_on = left.changed && stage.setting.mode == Mode::Real;
                    let (again, then) = if goes_on {
                        (context.cli(going_on(&cli, *run)), "review the output above, then resume this run with the answer:")
                    } else {
                        (cli, "review the output above, then run")
                    };
                    let answers = beforehand::together(asked, open);
                    let command = again.answering(|given| answers.into_iter().for_each(|one| given.add(one))).line();
                    told.next.push(Advice::with(then, command));
                }
            }
            if !left.changed && !gathered.unheld {
                told.why.push("nothing was changed".to_owned());
            }
        }
        Outcome::Stopped | Outcome::Stuck | Outcome::RolledBack => {
            let why = whys.next().unwrap_or_default();
            told.what = match &ending.place {
                Some(place) => format!("{place}: {why}"),
                None => why,
            };
            told.why.extend(whys);
            if stage.setting.mode == Mode::Real {
                told.next.extend(afterwards(ending).map(|text| Advice::with(text, onwards(context, stage, &cli, ending))));
            }
            told.next.push(Advice::with("show the whole run with its output:", context.line(Subcommands::journal_show(&run.to_string()))));
        }
    }
    if !left_out.is_empty() && !told.next.is_empty() {
        told.next.push(Advice::from(format!("a secret is not repeated: give again yourself what held one, {}", left_out.join(", "))));
    }
    if ending.bug {
        told.next.push(Advice::from(REPORT.to_owned()));
    }
    if ending.journal_failed {
        journal_failed(context, &mut told, stage, ending);
    }
    told.put_back = gathered.put_back.iter().map(|(place, done)| PutBack { what: place.to_string(), done: *done }).collect();
    for place in &ending.owed {
        let owed = ending.state.owed.get(place).map(words::brief).unwrap_or_default();
        told.owed.push(format!("{place}:  {owed}"));
    }
    // Nobody but the steps themselves says why one of them is in doubt.
    told.in_doubt = left.doubted.iter().map(|(place, part)| words::part_of(place, *part)).collect();
    if ending.outcome == Outcome::RolledBack {
        told.standing = left.standing.iter().map(ToString::to_string).collect();
    }
    let (_, word) = words::ending(ending.outcome, &left);
    told.closing = format!("{} {run} {word}{at}{}", words::run_of(stage.setting.mode), remains(ending, &left));
    told
}

/// What a run leaves behind, in a few words.
fn remains(ending: &Ending, left: &Aftermath) -> String {
    if ending.bug {
        return format!(
            "; a bug in halligan ended it{}",
            if left.is_settled() { String::new() } else { words::remains(ending.outcome, left) }
        );
    }
    // Of a run whose journal failed nobody can say that nothing is left.
    if ending.journal_failed && left.is_settled() { String::new() } else { words::remains(ending.outcome, left) }
}

/// What takes a run up that stopped for an answer, with the answers that were given to it.
fn going_on(again: &Cli, run: RunId) -> Subcommands {
    match &again.command {
        Subcommands::Run(given) => {
            let how = cli::TakingUp {
                hosts: given.hosts.clone(),
                ask_sudo_password: given.ask_sudo_password,
                answers: given.answers.clone(),
                notify: given.notify.clone(),
                form: given.form,
                ..cli::TakingUp::default()
            };
            Subcommands::Resume(cli::Resume { run: Some(run.to_string()), how, ..cli::Resume::default() })
        }
        command => command.clone(),
    }
}

/// The command that goes on with a run: one that was taken up is taken up again in the same way.
fn onwards(context: &Context, stage: &Occasion<'_>, again: &Cli, ending: &Ending) -> CommandLine {
    let run = stage.setting.run_id;
    match again.command {
        _ if ending.outcome == Outcome::Stuck => context.line(Subcommands::rollback(run)),
        Subcommands::Rollback(_) | Subcommands::Debts(_) => again.line(),
        _ => context.line(Subcommands::resume(run)),
    }
}

/// What can be done with a run that did not come to its end.
fn afterwards(ending: &Ending) -> Option<&'static str> {
    if ending.operator_needed {
        return Some("an operator must decide how to continue; nothing was started. At a terminal:");
    }
    words::afterwards(ending.outcome).filter(|_| !ending.journal_failed && !ending.bug)
}

/// Shows how it ended: on standard output if all is well, on standard error if not, as JSON where JSON was asked for.
pub(crate) fn last_screen(context: &Context, form: cli::Form, told: &report::LastScreen) {
    let stream = if told.completed { &context.out.stdout } else { &context.out.stderr };
    if form.is_json() {
        if told.run.is_some() {
            Json::end(&context.out.stdout, "ended", jiff::Timestamp::now(), told);
        }
        if told.completed {
            return;
        }
        context.out.stderr.text(&told.render(&context.out.stderr.page()));
        return;
    }
    // On a terminal it stands right below how the run ended, unless there is something to be done.
    let gap = if told.completed && told.run.is_some() && stream.is_terminal() { "" } else { "\n" };
    stream.text(&format!("{gap}{}", told.render(&stream.page())));
}
