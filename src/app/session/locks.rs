//! The locks of a run: its own, those that its runbook names, and those that operators on different hosts share.

use std::sync::Arc;

use super::journal::journal_directory;
use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::{Failure, explain},
    },
    cli::Subcommands,
    event::RunId,
    exec::lock::{LockError, LockHolder, Locks, RunLock},
    inventory::SharedLock,
    plan::{Evaluated, Plan, Scope},
    run::Setting,
};

/// Shows others that the run is under way, for as long as this process lives.
pub(crate) fn carried_out(context: &Context, id: RunId) -> Result<RunLock, Failure> {
    let cannot = |why: String| Failure::new(ProgramExit::Journal, format!("the lock of run {id} cannot be taken: {why}"));
    let directory = journal_directory(context)?.join("locks");
    RunLock::take(&directory, id.number())
        .map_err(|error| cannot(explain(&error)))?
        .ok_or_else(|| cannot("held by another process".to_owned()))
}

/// Those of a run's locks that the inventory says are shared.
pub(crate) fn shared_locks(plan: &Plan, names: &[String]) -> Vec<(String, SharedLock)> {
    let known = plan.inventory.iter().flat_map(|inventory| &inventory.locks);
    let mut shared: Vec<_> = known.filter(|(name, _)| names.contains(name)).map(|(name, lock)| (name.clone(), lock.clone())).collect();
    // In one order for everybody, so that two runs cannot wait for each other.
    shared.sort_by(|(a, _), (b, _)| a.cmp(b));
    shared
}

/// The names of the locks that a plan needs, those of the runbooks that it calls too.
pub(crate) fn lock_names(plan: &Plan) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut scope = Scope::new(Arc::new(plan.runbook.vars.clone()));
    scope.set("params", plan.bound.scope_value());
    scope.set("inventory", plan.inventory_value());
    let own = (scope, &plan.runbook);
    let called = plan.called.values().map(|runbook| {
        // What a called runbook is given is known only when it is called, and a lock is held from the beginning.
        let mut scope = Scope::new(Arc::new(runbook.vars.clone()));
        scope.set_unknown("params");
        scope.set("inventory", plan.inventory_value());
        (scope, runbook)
    });
    for (scope, runbook) in std::iter::once(own).chain(called) {
        for template in &runbook.locks {
            let bad = |why: String| Failure::new(ProgramExit::BadRunbook, format!("the lock `{template}` of {} {why}", runbook.name));
            match scope.text(template) {
                // It is the name of a file.
                Ok(Evaluated::Known(name)) if plan.secrets().found_in(&name) => {
                    return Err(bad("contains a secret, and would be visible".to_owned()).next("give it a name without that parameter"));
                }
                Ok(Evaluated::Known(name)) => names.push(name),
                Ok(Evaluated::Unknown(needs)) => {
                    return Err(bad(format!("needs {}, which is not known before the run", needs.join(", ")))
                        .next("give it a name without parameters"));
                }
                Err(error) => return Err(bad(format!("cannot be named: {error}"))),
            }
        }
    }
    Ok(names)
}

/// Who holds the locks of this run.
pub(crate) fn holder(setting: &Setting, plan: &Plan) -> LockHolder {
    LockHolder {
        run: setting.run_id,
        runbook: plan.runbook.name.to_string(),
        operator: setting.operator.clone(),
        host: setting.host.clone(),
        pid: std::process::id(),
    }
}

pub(crate) fn locks(context: &Context, names: &[String], holder: &LockHolder) -> Result<Locks, Failure> {
    Locks::take(&journal_directory(context)?.join("locks"), names, holder).map_err(|error| match &error {
        LockError::Held { run, .. } => {
            let look = run.map_or_else(Subcommands::journal_list, |run| Subcommands::journal_show(&run.to_string()));
            Failure::new(ProgramExit::Stopped, error.to_string())
                .why("runs that share a lock never run at the same time")
                .suggest("see what that run is doing, and wait:", context.line(look))
                .next("or ask its operator to press Ctrl-C: the lock is released when the process ends")
        }
        LockError::Unusable { .. } => Failure::of(ProgramExit::Journal, &error),
    })
}
