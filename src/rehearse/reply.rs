//! What a rule answers a command with: its time passes, the world changes, it prints and ends.

use std::{sync::Arc, time::Duration};

use minijinja::{Value, value::ValueKind};

use super::{
    ending::CommandEnding,
    line::Spot,
    reader::exit_code,
    rule::{Code, Printout, Rule},
    stage::Stage,
    suggestion,
    world::Locals,
};
use crate::{event::Exit, ports::Order};

/// How much longer a slow command takes that has no timeout.
const SLOW: Duration = Duration::from_secs(600);

/// How a rule is followed otherwise than it says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Twist {
    pub longer: Longer,
    /// It says that all is well, and does nothing.
    pub lie: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Longer {
    By(Duration),
    /// As long as its timeout lets it.
    ToTheLimit,
}

impl Default for Longer {
    fn default() -> Self {
        Self::By(Duration::ZERO)
    }
}

/// A rule that cannot be followed: the scenario has failed, whatever the runbook makes of it.
pub(super) fn broken(stage: &mut Stage, rule: &Rule, what: &str) -> CommandEnding {
    stage.fault(rule.line.clone(), what);
    CommandEnding::not_started(format!("the scenario is broken: {what}"))
}

/// Never ends by itself. `already` is how long it has been under way.
pub(super) fn hang(stage: &mut Stage, order: &Order, already: Duration, line: Option<Spot>) -> CommandEnding {
    if let Some(limit) = order.timeout {
        stage.advance(limit.saturating_sub(already));
        return CommandEnding::late(limit);
    }
    let what = format!("`{}` hangs for ever: {} has no timeout", suggestion::command(order), order.place);
    stage.fault(line, what.clone());
    CommandEnding::not_started(what)
}

/// Does what the rule says: lets its time pass, changes the world, prints.
pub(super) fn obey(stage: &mut Stage, order: &Order, rule: &Rule, index: usize, locals: &Locals, twist: Twist) -> CommandEnding {
    let takes = match twist.longer {
        Longer::By(longer) => rule.takes.saturating_add(longer),
        Longer::ToTheLimit => order.timeout.unwrap_or_else(|| rule.takes.saturating_add(SLOW)).max(rule.takes),
    };
    if let Some(limit) = order.timeout
        && limit < takes
    {
        stage.advance(limit);
        return CommandEnding::late(limit);
    }
    stage.advance(takes);
    if !twist.lie {
        if let Err(what) = stage.change(&rule.set, locals) {
            return CommandEnding::not_started(format!("the scenario is broken: {what}"));
        }
        for (delay, set) in &rule.after {
            stage.later(*delay, Arc::clone(set), locals.clone(), order.place.clone());
        }
        if rule.hang {
            return hang(stage, order, takes, rule.line.clone());
        }
    }
    let scope = stage.scope(locals);
    let stdout = match &rule.stdout {
        Printout::Nothing => Ok(Vec::new()),
        Printout::Template(template) => template.evaluate(&scope).map_err(|error| error.to_string()).and_then(|value| text(&value)),
        Printout::Json(formula) => formula.evaluate(&scope).and_then(|value| serde_json::to_vec(&value).map_err(|error| error.to_string())),
        Printout::Bytes(bytes) => Ok(bytes.to_vec()),
        Printout::Unread(path) => Err(format!("the fixture {path} has not been read")),
    };
    let stdout = match stdout {
        Ok(stdout) => stdout,
        Err(what) => return broken(stage, rule, &format!("commands[{index}].stdout: {what}")),
    };
    let stderr = rule.stderr.as_ref().map(|template| template.evaluate(&scope).map_err(|error| error.to_string()));
    let stderr = match stderr.unwrap_or_else(|| Ok(Value::from(""))).and_then(|value| text(&value)) {
        Ok(stderr) => stderr,
        Err(what) => return broken(stage, rule, &format!("commands[{index}].stderr: {what}")),
    };
    let code = match &rule.code {
        Code::Fixed(code) => Ok(*code),
        Code::Template(template) => template.evaluate(&scope).map_err(|error| error.to_string()).and_then(|value| {
            let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            exit_code(number.ok_or_else(|| format!("`{value}` is no whole number"))?)
        }),
    };
    match code {
        Ok(_) if twist.lie => CommandEnding { exit: Exit::Code(0), stdout, stderr, rule: None },
        Ok(code) => CommandEnding { exit: Exit::Code(code), stdout, stderr, rule: None },
        Err(what) => broken(stage, rule, &format!("commands[{index}].code: {what}")),
    }
}

/// A value as a command prints it. What only Jinja would print so is refused: `True`, `[1, 2]`.
fn text(value: &Value) -> Result<Vec<u8>, String> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string().into_bytes()),
        kind => Err(format!("no command prints a {kind}; write it with `| tojson`, or use `json:`")),
    }
}
