//! `halligan debts`: what runs of this host have set and not put back.

use schemars::JsonSchema;
use serde::Serialize;

use super::printed::print_json;
use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            adoption::{Accepted, Foreign, Ways},
            conduct::{self, Signals, flags},
            findings,
            interrupted::Left,
            journal::{journal_directory, journal_failure, open_journal},
            owing::{indebted, untold},
            run_name,
            take_up::{TakeUp, password, take_up},
        },
    },
    cli::{self, Subcommands},
    event::{Event, Outcome, Place, RunId, Shown},
    journal::{
        Durability, JournalError,
        history::History,
        reader::{Snapshot, runs},
    },
    ports::{Answer, Ask, Behind, Ledger, Prompt, Question},
    ui::out::Stream,
    words::{self, moment::local, sanitise::line as visible},
};

/// A line of what `halligan debts --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct DebtLine<'a> {
    #[schemars(with = "String")]
    run: RunId,
    runbook: Option<&'a str>,
    /// The step whose cleanup is owed.
    place: &'a Place,
    /// The cleanup.
    command: &'a Shown,
}

/// Lists the debts, and settles them if that is asked for. Something still owed is a failed check.
///
/// # Errors
/// The journal cannot be read, or a run cannot be taken up.
pub(super) fn debts(context: &Context, args: &cli::Debts) -> Result<ProgramExit, Failure> {
    let directory = journal_directory(context)?;
    let unusable = |error: JournalError| journal_failure(&directory, &error);
    let snapshot = match Snapshot::to_verify(&directory) {
        Ok(snapshot) => Some(snapshot),
        // Where nothing was run, nothing is owed.
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(unusable(error)),
    };
    let mut owing = match &snapshot {
        Some(snapshot) => indebted(&directory, snapshot).map_err(unusable)?,
        None => Vec::new(),
    };
    let untold = untold(&directory, snapshot.as_ref()).map_err(unusable)?;
    if let Some(given) = &args.run {
        let known = match &snapshot {
            Some(snapshot) => runs(snapshot).map_err(unusable)?.runs,
            None => Vec::new(),
        };
        // A run that the journal does not know owes nothing that anybody could say.
        let run = run_name::find(known, given).map_err(|unknown| unknown.failure(context))?.id;
        owing.retain(|history| history.run == run);
    }
    if !args.settled_by_hand.is_empty() {
        return settled_by_hand(context, args, &owing);
    }
    // Beside the events of a settling as JSON there is no prose.
    let out = if args.how.form.is_json() && args.settle { &context.out.stderr } else { &context.out.stdout };
    if args.how.form.is_json() && !args.settle {
        for history in &owing {
            for (place, command) in &history.past.state.owed {
                let runbook = history.past.opening.as_ref().map(|opening| opening.runbook.as_str());
                print_json(context, "debt", &DebtLine { run: history.run, runbook, place, command })?;
            }
        }
    } else if owing.is_empty() {
        // Where the journal cannot be read whole, nobody knows.
        if untold.is_none() {
            out.line(
                &args
                    .run
                    .as_ref()
                    .map_or("No debts: no cleanup is owed on this host.".to_owned(), |given| format!("Run {given} has no debts.")),
            );
        }
    } else if let Some(snapshot) = &snapshot {
        let mut settling = Vec::new();
        for history in &owing {
            let foreign = Foreign::seen(snapshot, &history.host).map_err(unusable)?;
            let ways = Ways::of(foreign.as_ref(), &history.past);
            tell(context, out, history, foreign.as_ref(), &ways);
            settling.extend(ways.settle().map(|settle| context.line(settle).to_string()));
        }
        if !args.settle {
            out.line("");
            settling.dedup();
            for settle in settling {
                out.line(&format!("Run these cleanups, each confirmed:  {settle}"));
            }
            out.line("Was one put back by hand?  Record it with --settled-by-hand PLACE=REASON; nothing is run");
        }
    }
    if let Some(why) = untold {
        return Err(Failure::new(ProgramExit::Journal, "the journal is damaged, so more may be owed than it says")
            .why(why)
            .suggest("find out what happened to the journal:", context.line(Subcommands::journal_verify())));
    }
    if owing.is_empty() {
        return Ok(ProgramExit::Completed);
    }
    if !args.settle {
        return Ok(ProgramExit::CheckFailed);
    }
    let mut exit = ProgramExit::Completed;
    for history in owing {
        match settle(context, args, history.run)? {
            ProgramExit::Completed => {}
            other => exit = other,
        }
    }
    Ok(exit)
}

fn tell(context: &Context, out: &Stream, history: &History, foreign: Option<&Foreign>, ways: &Ways) {
    let runbook = history.past.opening.as_ref().map(|opening| opening.runbook.as_str()).unwrap_or_default();
    let (ended, remains) = words::left(&history.past.state);
    let at = local(history.last);
    out.line(&format!("run {}  {}  {ended} at {}{remains}", history.run, visible(runbook), at.strftime("%Y-%m-%d %H:%M:%S")));
    for (place, command) in findings::owed(history) {
        out.line(&format!("  owed  {}:  {}", visible(place.as_str()), visible(&command)));
    }
    if let Some(foreign) = foreign {
        out.line(&format!("  not ours  {}", visible(&foreign.told())));
    }
    if let Some(resume) = ways.resume(history.run).filter(|_| !history.past.is_over() && !history.past.rolled_back) {
        out.line(&format!("  or resume the run, which runs its cleanups at the end:  {}", context.line(resume)));
    }
    for place in history.past.state.owed.keys() {
        if let Some(settled) = ways.settled_by_hand(Some(place.as_str())) {
            out.line(&format!("  put back by hand, it is recorded with:  {}", context.line(settled)));
        }
    }
}

/// Records of each debt that is named that a person has put it back. All are found before the first is recorded.
fn settled_by_hand(context: &Context, args: &cli::Debts, owing: &[History]) -> Result<ProgramExit, Failure> {
    let mut named = Vec::new();
    for (name, reason) in &args.settled_by_hand {
        if reason.trim().is_empty() {
            return Err(Failure::new(ProgramExit::Usage, format!("--settled-by-hand {name} does not say what was done")));
        }
        let mut found = owing.iter().filter_map(|history| {
            let (place, command) = history.past.state.owed.iter().find(|(place, _)| place.as_str() == name)?;
            Some((history.run, place, command))
        });
        let list = |failure: Failure| failure.suggest("see what is owed:", context.line(Subcommands::Debts(cli::Debts::default())));
        match (found.next(), found.next()) {
            (Some(debt), None) => named.push((debt, reason)),
            (None, _) => return Err(list(Failure::new(ProgramExit::Usage, format!("no run owes a cleanup of {}", visible(name))))),
            (Some((one, ..)), Some((other, ..))) => {
                let failure = Failure::new(ProgramExit::Usage, format!("runs {one} and {other} both owe a cleanup of {}", visible(name)));
                return Err(list(failure.next("name the run as well: debts RUN --settled-by-hand ...")));
            }
        }
    }
    for ((run, place, command), reason) in named {
        settle_by_hand(context, args, run, place, &words::brief(command), reason)?;
    }
    Ok(ProgramExit::Completed)
}

fn settle_by_hand(context: &Context, args: &cli::Debts, run: RunId, place: &Place, command: &str, reason: &str) -> Result<(), Failure> {
    let left = Left::take(context, run, Accepted { by_hand: true, ..Accepted::of(&args.how, None) }, None)?;
    if let Some((_, alive)) = left.running.iter().find(|(running, _)| running == place) {
        return Err(Failure::new(ProgramExit::OperatorNeeded, format!("{place} is still running, as process {}", alive.pid))
            .next("wait for the process or end it yourself, then repeat this command"));
    }
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let text = format!(
        "Record that the cleanup of {place} was done by hand?\nowed:    {command}\nreason:  {reason}\nhalligan runs nothing for it, and this cleanup is not owed any more."
    );
    let systems = left.history.past.state.systems.values().map(|system| system.name.as_str());
    let text = text + &words::on_system(systems).map(|line| format!("\n{line}")).unwrap_or_default();
    let question = Question { place: Some(place.clone()), ask: Ask::YesNo, text, behind: Behind::default() };
    let mut confirmed = cli::Debts { run: Some(run.to_string()), ..args.clone() };
    confirmed.how.answers.yes = true;
    let confirmed = Subcommands::Debts(confirmed);
    let (typed, by) = match flags(&args.how.answers, &asking).ask(&question) {
        Ok(Answer::Yes { typed, by }) => (typed, by),
        Ok(_) => return Err(Failure::new(ProgramExit::NotConfirmed, format!("the cleanup of {place} stays owed: not confirmed"))),
        Err(no_answer) => {
            return Err(Failure::new(ProgramExit::NotConfirmed, format!("the cleanup of {place} stays owed: {no_answer}"))
                .suggest("confirm it with --yes:", context.line(confirmed)));
        }
    };
    let ledger = open_journal(context)?.begin_run(run, Durability::EachRecord);
    for event in [
        Event::Confirmed { place: Some(place.clone()), text: question.text, typed, by },
        Event::SettledByHand { place: place.clone(), reason: reason.to_owned(), by },
    ] {
        ledger
            .append(&event.cut_to_record())
            .map_err(|error| Failure::new(ProgramExit::Journal, format!("the cleanup of {place} stays owed: {error}")))?;
    }
    context.out.stdout.line(&format!("run {run}  settled by hand  {}:  {}", visible(place.as_str()), visible(reason)));
    Ok(())
}

fn settle(context: &Context, args: &cli::Debts, run: RunId) -> Result<ProgramExit, Failure> {
    let mut left = Left::take(context, run, Accepted::of(&args.how, None), None)?;
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let password = password(&args.how, &asking)?;
    let (plan, inherited) = left.plan(context, &args.how, &asking, password.as_deref(), false)?;
    left.wait(context, &flags(&args.how.answers, &asking), &signals)?;
    let manner = TakeUp {
        how: &args.how,
        again: context.cli(Subcommands::Debts(cli::Debts { run: Some(run.to_string()), ..args.clone() })),
        wanted: Outcome::Completed,
        settles: true,
        password,
        inherited,
    };
    take_up(context, &left, &plan, String::new(), &manner, &signals, crate::run::settle)
}
