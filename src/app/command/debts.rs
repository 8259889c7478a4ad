//! `halligan debts`: what runs of this host have set and not put back.

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            conduct::{self, Signals, flags},
            findings,
            interrupted::Left,
            journal::{journal_directory, journal_failure},
            owing::indebted,
            run_name,
            take_up::{TakeUp, password, take_up},
        },
    },
    cli::{self, Subcommands},
    event::{Outcome, RunId},
    journal::{
        JournalError,
        history::History,
        reader::{Snapshot, runs},
    },
    ui::out::Stream,
    words::{self, moment::local, sanitise::line as visible},
};

/// Lists the debts, and settles them if that is asked for. Something still owed is a failed check.
///
/// # Errors
/// The journal cannot be read, or a run cannot be taken up.
pub(super) fn debts(context: &Context, args: &cli::Debts) -> Result<ProgramExit, Failure> {
    let directory = journal_directory(context)?;
    let unusable = |error: JournalError| journal_failure(&directory, &error);
    let snapshot = match Snapshot::take(&directory) {
        Ok(snapshot) => Some(snapshot),
        // Where nothing was run, nothing is owed.
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(unusable(error)),
    };
    let mut owing = match &snapshot {
        Some(snapshot) => indebted(&directory, snapshot).map_err(unusable)?,
        None => Vec::new(),
    };
    if let Some(given) = &args.run {
        let known = match &snapshot {
            Some(snapshot) => runs(snapshot).map_err(unusable)?.runs,
            None => Vec::new(),
        };
        // A run that the journal does not know owes nothing that anybody could say.
        let run = run_name::find(known, given).map_err(|unknown| unknown.failure(context))?.id;
        owing.retain(|history| history.run == run);
    }
    // Beside the events of a settling as JSON there is no prose.
    let out = if args.how.form.is_json() && args.settle { &context.out.stderr } else { &context.out.stdout };
    if args.how.form.is_json() && !args.settle {
        for history in &owing {
            for (place, command) in &history.past.state.owed {
                let runbook = history.past.opening.as_ref().map(|opening| opening.runbook.clone());
                out.line(&serde_json::json!({ "run": history.run, "runbook": runbook, "place": place, "command": command }).to_string());
            }
        }
    } else if owing.is_empty() {
        out.line(
            &args
                .run
                .as_ref()
                .map_or("No debts: no cleanup is owed on this host.".to_owned(), |given| format!("Run {given} has no debts.")),
        );
    } else {
        for history in &owing {
            tell(context, out, history);
        }
        if !args.settle {
            out.line("");
            out.line(&format!("Run these cleanups, each confirmed:  {}", context.line(Subcommands::settle())));
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

fn tell(context: &Context, out: &Stream, history: &History) {
    let runbook = history.past.opening.as_ref().map(|opening| opening.runbook.as_str()).unwrap_or_default();
    let how = words::left(&history.past.state.phase);
    let at = local(history.last);
    out.line(&format!("run {}  {}  {how} at {}", history.run, visible(runbook), at.strftime("%Y-%m-%d %H:%M:%S")));
    for (place, command) in findings::owed(history) {
        out.line(&format!("  owed  {}:  {}", visible(place.as_str()), visible(&command)));
    }
    if !history.past.is_over() && !history.past.rolled_back {
        out.line(&format!("  or resume the run, which runs its cleanups at the end:  {}", context.line(Subcommands::resume(history.run))));
    }
}

fn settle(context: &Context, args: &cli::Debts, run: RunId) -> Result<ProgramExit, Failure> {
    let mut left = Left::take(context, run, None)?;
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = left.plan(context, &args.how.hosts, &args.how.params, &asking, false)?;
    left.wait(context, &flags(&args.how.answers, &asking), &signals)?;
    let manner = TakeUp {
        how: &args.how,
        again: context.cli(Subcommands::Debts(cli::Debts { run: Some(run.to_string()), ..args.clone() })),
        wanted: Outcome::Completed,
        password: password(&args.how, &asking)?,
    };
    take_up(context, &left, &plan, String::new(), &manner, &signals, crate::run::settle)
}
