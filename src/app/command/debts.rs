//! `halligan debts`: what runs of this host have set and not put back.

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            conduct::{self, Signals},
            findings,
            interrupted::Left,
            journal::{journal_directory, journal_failure},
            owing::indebted,
            run_name,
            take_up::{TakeUp, flags, password, take_up},
        },
    },
    cli::{self, Subcommands},
    event::{Outcome, RunId, state::Phase},
    journal::{
        JournalError,
        history::History,
        reader::{Snapshot, runs},
    },
    words::{moment::local, sanitise::line as visible},
};
use std::path::Path;

/// Lists the debts, and settles them if that is asked for. Something still owed is a failed check.
///
/// # Errors
/// The journal cannot be read, or a run cannot be taken up.
pub(super) fn debts(context: &Context, args: &cli::Debts) -> Result<ProgramExit, Failure> {
    let directory = journal_directory(context)?;
    let owing = match indebted(&directory) {
        Ok(owing) => owing,
        // Where nothing was run, nothing is owed.
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(journal_failure(&directory, &error)),
    };
    let owing = match &args.run {
        None => owing,
        Some(given) => {
            let run = named(context, &directory, given)?;
            owing.into_iter().filter(|history| history.run == run).collect()
        }
    };
    let out = &context.out.stdout;
    if args.form.is_json() && !args.settle {
        for history in &owing {
            for (place, command) in &history.past.state.owed {
                let runbook = history.past.opening.as_ref().map(|opening| opening.runbook.clone());
                out.line(&serde_json::json!({ "run": history.run, "runbook": runbook, "place": place, "command": command }).to_string());
            }
        }
    } else if owing.is_empty() {
        out.line(&args.run.as_ref().map_or("Nothing is owed.".to_owned(), |given| format!("Run {given} owes nothing.")));
    } else {
        for history in &owing {
            tell(context, history);
        }
        if !args.settle {
            out.line("");
            out.line(&format!("Settle them, each confirmed:  {}", context.line(Subcommands::settle())));
        }
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

/// The run that is meant: one that the journal does not know owes nothing that anybody could say.
fn named(context: &Context, directory: &Path, given: &str) -> Result<RunId, Failure> {
    let runs = match Snapshot::take(directory).and_then(|snapshot| runs(&snapshot)) {
        Ok(found) => found.runs,
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(journal_failure(directory, &error)),
    };
    run_name::find(runs, given).map(|summary| summary.id).map_err(|unknown| unknown.failure(context))
}

fn tell(context: &Context, history: &History) {
    let out = &context.out.stdout;
    let runbook = history.past.opening.as_ref().map(|opening| opening.runbook.as_str()).unwrap_or_default();
    let (how, resumable) = match &history.past.state.phase {
        Phase::Closed(Outcome::Completed) => ("completed", false),
        Phase::Closed(Outcome::RolledBack) => ("was rolled back", false),
        Phase::Closed(_) => ("ended", true),
        _ => ("ended without a word", true),
    };
    let at = local(history.last);
    out.line(&format!("run {}  {}  {how} at {}", history.run, visible(runbook), at.strftime("%Y-%m-%d %H:%M:%S")));
    for (place, command) in findings::owed(history) {
        out.line(&format!("  owed  {}:  {}", visible(place.as_str()), visible(&command)));
    }
    if resumable && !history.past.rolled_back {
        out.line(&format!("  or go on with it, which puts it back at its end:  {}", context.line(Subcommands::resume(history.run))));
    }
}

fn settle(context: &Context, args: &cli::Debts, run: RunId) -> Result<ProgramExit, Failure> {
    let mut left = Left::take(context, run, None)?;
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = left.plan(context, &args.hosts, &args.params, &asking, false)?;
    left.wait(context, &flags(&args.answers, &asking), &signals)?;
    let manner = TakeUp {
        answers: &args.answers,
        form: args.form,
        again: context.cli(Subcommands::Debts(cli::Debts { run: Some(run.to_string()), ..args.clone() })),
        wanted: Outcome::Completed,
        password: password(args.ask_sudo_password, &asking)?,
    };
    take_up(context, &left, &plan, String::new(), &manner, &signals, crate::run::settle)
}
