//! What there is to choose from, asked of the system itself before a run begins.

use super::{engine::Engine, poll::Poll, printed::result_of};
use crate::{
    event::{Holding, Part, Place},
    expression,
    plan::{Evaluated, Scope, scope::scalar_text},
    ports::{Executor, Interrupts},
    runbook::model::{Command, Expr, Runbook},
    words,
};

/// Runs the read-only command of a parameter's choices, and lists what it offers. `params` are the values known so far; `tell` is
/// told first of a command that is not wholly held to reading.
///
/// # Errors
/// Says why they cannot be listed; the value can then still be typed.
pub(crate) fn choices(
    runbook: &Runbook,
    params: minijinja::Value,
    command: &Command,
    items: Option<&Expr>,
    executor: &dyn Executor,
    tell: &dyn Fn(&str),
) -> Result<Vec<String>, String> {
    let mut scope = Scope::new(std::sync::Arc::new(runbook.vars.clone()));
    scope.set("params", params);
    let order = match Engine::order(command, &scope, &Place::top("choices"), Part::Show)? {
        Evaluated::Known(order) => order,
        Evaluated::Unknown(needs) => return Err(format!("depends on {}", needs.join(", "))),
    };
    let holding = executor.holding(&order);
    if !executor.admits(&order) {
        return Err(match holding {
            Some(Holding::NotHeld { why }) => words::passed_over(&why),
            _ => "the command is not run".to_owned(),
        });
    }
    match holding {
        None | Some(Holding::Held) => {}
        Some(Holding::ButSockets) => tell(&words::talking(&order.reading.sockets)),
        Some(Holding::NotHeld { why }) => tell(&format!("{}: {}", words::brief(&order.shown()), words::unheld(&why))),
    }
    let poll = Poll::beforehand();
    let ran = executor.execute(&order, &poll, &Interrupts::default()).map_err(|error| error.to_string())?;
    if !ran.exit.succeeded() {
        let why: Vec<String> = std::iter::once(super::command::describe_failure(&ran)).chain(poll.remarks()).collect();
        return Err(why.join("; "));
    }
    let (fields, fault) = result_of(&ran, command.output);
    fault?;
    for (name, value) in fields {
        scope.set(name, value);
    }
    let list = match items {
        None => scope.get("output").cloned().ok_or("no output")?,
        Some(items) => match scope.evaluate(items).map_err(|error| error.to_string())? {
            Evaluated::Known(list) => list,
            Evaluated::Unknown(needs) => return Err(format!("depends on {}", needs.join(", "))),
        },
    };
    if let Some(why) = expression::why_withheld(&list) {
        return Err(why.to_owned());
    }
    let items = list.try_iter().map_err(|error| error.to_string())?;
    items.map(|item| scalar_text(&item, "choices").map_err(|error| error.to_string())).collect()
}
