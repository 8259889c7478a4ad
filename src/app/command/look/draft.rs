//! `halligan draft`: a runbook drafted from what was typed in shells beside a run.

use super::named_run::named;
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure, session::shells::RecordedShell},
    cli,
    runbook::{
        draft::{self, DraftedCommand},
        name::RunbookName,
    },
    words,
};

/// Prints the draft.
///
/// # Errors
/// The journal cannot be read, there is no such run or shell, or nothing was typed in it that anybody told.
pub(super) fn draft(context: &Context, args: &cli::DraftArgs) -> Result<ProgramExit, Failure> {
    RunbookName::new(&args.name).map_err(|error| Failure::new(ProgramExit::Usage, format!("--name {}: {error}", args.name)))?;
    let found = named(context, &args.run)?;
    let (run, shells) = (found.looked.summary.id, RecordedShell::all(&found.looked.chronicle));
    let wanted = match args.number {
        Some(number) => number.checked_sub(1).and_then(|index| shells.get(index..=index)).ok_or_else(|| {
            let all = words::counted(shells.len(), "shell", "shells");
            Failure::new(ProgramExit::Usage, format!("run {run} has {all}, and no shell {number}"))
        })?,
        None => shells.as_slice(),
    };
    let typed = wanted.iter().flat_map(|shell| shell.commands.iter().map(|command| (shell.host.clone(), command)));
    let commands: Vec<_> = typed.map(|(host, command)| DraftedCommand { text: command.text.clone(), host, code: command.code }).collect();
    if commands.is_empty() {
        return Err(Failure::new(ProgramExit::Usage, format!("no command was recorded in a shell beside run {run}"))
            .why("commands are told by bash, zsh and fish; what another shell shows is in its recording alone"));
    }
    let origin = match args.number {
        Some(number) => format!("shell {number} of run {run}"),
        None => format!("the shells of run {run}"),
    };
    context.out.stdout.text(&draft::draft(&args.name, &origin, &commands));
    Ok(ProgramExit::Completed)
}
