//! What can be told before a run of how far its reads are held.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{engine::Engine, remedy::written};
use crate::{
    event::{Effect, Holding, Part, Place, ReadNeeds, Words},
    expression,
    plan::{Evaluated, Plan, Scope},
    ports::{Executor, Order},
    runbook::{
        commands,
        model::{Command, Program, Runbook},
    },
};

/// How far the reads of a plan will be held.
#[derive(Debug, Default)]
pub(crate) struct Foretold {
    /// The programs that may talk to others.
    pub talking: BTreeSet<String>,
    /// The variables by which the inventory says as whom reads ask.
    pub identity: BTreeSet<String>,
    /// Where reads may write.
    pub may_write: BTreeSet<String>,
    /// Why reads are not held, and the ids of their probes and steps.
    pub unheld: BTreeMap<String, BTreeSet<String>>,
    /// Those that are not held are run all the same.
    pub runs_unheld: bool,
}

/// Asks an executor beforehand how far it will hold each command of a plan that reads. What nobody can know yet is called not held.
#[must_use]
pub(crate) fn foretell(plan: &Plan, executor: &dyn Executor) -> Foretold {
    let mut foretold = Foretold { runs_unheld: true, ..Foretold::default() };
    if let Some(inventory) = &plan.inventory {
        foretold.identity = inventory.reads_names().into_iter().map(str::to_owned).collect();
    }
    let mut scope = Scope::new(Arc::new(plan.runbook.vars.clone()));
    scope.set("params", plan.bound.scope_value());
    foretold.add(&plan.runbook, &scope, executor);
    for runbook in plan.called.values() {
        foretold.add(runbook, &Scope::new(Arc::new(runbook.vars.clone())), executor);
    }
    foretold
}

impl Foretold {
    fn add(&mut self, runbook: &Runbook, scope: &Scope, executor: &dyn Executor) {
        for (id, command) in commands::of_runbook(runbook).into_iter().filter(|(_, command)| command.effect == Effect::Read) {
            let order = match Engine::order(command, scope, &Place::top(id), Part::Main) {
                Ok(Evaluated::Known(order)) => order,
                _ => as_written(command, &Place::top(id)),
            };
            let why = match executor.holding(&order) {
                None => continue,
                Some(Holding::NotHeld { why }) => why,
                Some(_) if program_unknown(&order) => "its program is known only at run time".to_owned(),
                Some(holding) => {
                    if holding == Holding::ButSockets {
                        self.talking.extend(order.reading.sockets.iter().cloned());
                    }
                    self.may_write.extend(order.reading.may_write.iter().map(|path| path.display().to_string()));
                    continue;
                }
            };
            self.runs_unheld &= order.interactive || executor.admits(&order);
            self.unheld.entry(why).or_default().insert(id.to_owned());
        }
    }
}

/// A command of which not everything is known yet, as it stands in the runbook.
fn as_written(command: &Command, place: &Place) -> Order {
    let shown = written(command);
    let mut reading = match &command.program {
        Program::Argv(_) => ReadNeeds::of_argv(&shown.words.argv()),
        Program::Shell(script) => ReadNeeds::of_script(script),
    };
    if command.reads.may_connect {
        reading.sockets.extend(shown.words.program().map(str::to_owned));
    }
    reading.may_write.extend(command.reads.may_write.iter().map(|path| path.to_string().into()));
    Order {
        query: command.query.clone(),
        place: place.clone(),
        part: Part::Main,
        words: shown.words,
        effect: command.effect,
        host: shown.host.filter(|host| host != "local"),
        user: shown.user,
        cwd: None,
        env: Vec::new(),
        stdin: None,
        timeout: None,
        interactive: command.interactive,
        reading,
    }
}

fn program_unknown(order: &Order) -> bool {
    matches!(&order.words, Words::Argv(argv) if argv.first().is_some_and(|program| expression::is_dynamic(program)))
}
