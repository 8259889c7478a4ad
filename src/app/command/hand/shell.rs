//! `halligan shell`: a shell beside a run, which is recorded.

use std::sync::Arc;

use super::beside::beside;
use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{conduct::Signals, load, off_script::OperatorShells},
    },
    cli::{self, LookCommand, Subcommands},
    event::{Event, ShellFact},
    exec::process::ProcessExecutor,
    ports::{Ledger, LedgerError, OffScript, ShellRecords},
    secret::Secrets,
};

/// Opens the shell, and returns when it is closed.
///
/// # Errors
/// There is no terminal, there is no such run, or the journal does not take what happens in it.
pub(super) fn shell(context: &Context, args: &cli::ShellArgs) -> Result<ProgramExit, Failure> {
    if !context.out.can_ask() {
        return Err(Failure::new(ProgramExit::Usage, "a shell needs a terminal"));
    }
    let inventory = load::inventory(context, &args.hosts)?;
    let (run, ledger) = beside(context, &args.run)?;
    let signals = Signals::listen(context)?;
    let (executor, secrets) = (ProcessExecutor::new(Secrets::default(), inventory, None), Secrets::default());
    let shells =
        OperatorShells { context, run: run.id, executor: &executor, interrupts: &signals.interrupts, screen: None, turn: Arc::default() };
    let not_recorded = |error: LedgerError| Failure::new(ProgramExit::Journal, format!("the shell is not recorded: {error}"));
    let name = shells.name();
    let record = |fact: ShellFact| ledger.append(&Event::Shell { place: None, shell: name.clone(), fact }.cut_to_record());
    let records = ShellRecords { record: &record, capture: ledger.capture().map_err(not_recorded)?, secrets: &secrets };
    if !shells.open(&name, args.host.as_deref(), records).map_err(not_recorded)? {
        return Ok(ProgramExit::CheckFailed);
    }
    let play = Subcommands::Look(LookCommand::play(run.id));
    context.out.stderr.line(&format!("Play it:  {}", context.line(play)));
    Ok(ProgramExit::Completed)
}
