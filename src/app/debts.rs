//! `halligan debts`: what runs of this host have set and not put back.

use super::{
    Context, Failure,
    conduct::{self, Signals},
    exit::Exit,
    found,
    left::{Left, indebted},
    resume::{self, Manner},
    run,
    story::local,
};
use crate::{
    cli,
    event::{Outcome, RunId, state::Phase},
    journal::{JournalError, history::History},
    ui::sanitise::line as visible,
};

/// Lists the debts, and settles them if that is asked for. Something still owed is a failed check.
///
/// # Errors
/// The journal cannot be read, or a run cannot be taken up.
pub fn debts(context: &Context, args: &cli::Debts) -> Result<Exit, Failure> {
    let directory = run::journal_directory(context)?;
    let owing = match indebted(&directory) {
        Ok(owing) => owing,
        // Where nothing was run, nothing is owed.
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(run::journal_failure(&directory, &error)),
    };
    let owing: Vec<History> =
        owing.into_iter().filter(|history| args.run.as_ref().is_none_or(|run| history.run.to_string().starts_with(run.as_str()))).collect();
    let out = &context.out.stdout;
    if args.json {
        for history in &owing {
            for (place, command) in &history.past.state.owed {
                let runbook = history.past.opening.as_ref().map(|opening| opening.runbook.clone());
                out.line(&serde_json::json!({ "run": history.run, "runbook": runbook, "place": place, "command": command }).to_string());
            }
        }
    } else if owing.is_empty() {
        out.line("Nothing is owed.");
    } else {
        for history in &owing {
            tell(context, history);
        }
        if !args.settle {
            out.line("");
            out.line("Settle them, each confirmed:  halligan debts --settle");
        }
    }
    if owing.is_empty() {
        return Ok(Exit::Completed);
    }
    if !args.settle {
        return Ok(Exit::CheckFailed);
    }
    let mut exit = Exit::Completed;
    for history in owing {
        match settle(context, args, history.run)? {
            Exit::Completed => {}
            other => exit = other,
        }
    }
    Ok(exit)
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
    for (place, command) in found::owed(history) {
        out.line(&format!("  owed  {}:  {}", visible(place.as_str()), visible(&command)));
    }
    if resumable && !history.past.rolled_back {
        out.line(&format!("  or go on with it, which puts it back at its end:  halligan resume {}", history.run));
    }
}

fn settle(context: &Context, args: &cli::Debts, run: RunId) -> Result<Exit, Failure> {
    let mut left = Left::take(context, run, None)?;
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let plan = left.plan(context, &args.hosts, &args.params, &asking, false)?;
    left.wait(context, &resume::flags(&args.answers, &asking), &signals)?;
    let manner = Manner {
        answers: &args.answers,
        output: cli::Output::Auto,
        again: format!("halligan debts --settle {run}"),
        wanted: Outcome::Completed,
        password: resume::password(args.ask_sudo_password, &asking)?,
    };
    resume::take_up(context, &left, &plan, String::new(), &manner, &signals, crate::run::settle)
}

/// Says in one line that earlier runs owe something, whatever else is done. What cannot be read is not made a fuss of here:
/// the journal itself is opened right after, and says so.
pub fn remind(context: &Context, but: Option<RunId>) {
    let Ok(directory) = run::journal_directory(context) else { return };
    let Ok(owing) = indebted(&directory) else { return };
    let owing: Vec<String> = owing
        .iter()
        .filter(|history| Some(history.run) != but)
        .map(|history| {
            let places: Vec<_> = history.past.state.owed.keys().map(ToString::to_string).collect();
            format!("run {} owes {}", history.run, places.join(", "))
        })
        .collect();
    if !owing.is_empty() {
        context.out.stderr.line(&format!("still owed on this host: {}   (halligan debts)", visible(&owing.join("; "))));
    }
}
