//! What a command is once its expressions are evaluated: from the runbook's words to an order.

use std::time::Duration;

use minijinja::{Value, value::ValueKind};

use super::engine::Engine;
use crate::{
    event::{
        Effect, Part, Place, ReadNeeds,
        texts::{LONGEST_COMMAND, recorded_length},
    },
    expression,
    plan::{Evaluated, Scope, scope::scalar_text},
    ports::{EnvValue, Order, Words},
    quantity,
    runbook::model::{Command, Count, Program, Template, Timespan},
};

/// How long a read may take when the runbook does not say.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Gives up on the first name that is not known.
macro_rules! known {
    ($evaluated:expr) => {
        match $evaluated {
            Evaluated::Known(value) => value,
            Evaluated::Unknown(needs) => return Ok(Evaluated::Unknown(needs)),
        }
    };
}
pub(super) use known;

impl Engine<'_> {
    /// Resolves a command. The error says what is wrong with it.
    pub(super) fn order(command: &Command, scope: &Scope, place: &Place, part: Part) -> Result<Evaluated<Order>, String> {
        let words = match &command.program {
            Program::Argv(templates) => Words::Argv(known!(argv(templates, scope)?)),
            Program::Shell(script) => Words::Script(script.to_string()),
        };
        let optional = |template: Option<&Template>| match template {
            None => Ok(Evaluated::Known(None)),
            Some(template) => optional_text(scope, template),
        };
        let mut env = Vec::with_capacity(command.env.len());
        for (name, template) in &command.env {
            let value = scope.render(template).map_err(|error| error.to_string())?;
            env.push(EnvValue { name: name.clone(), value: env_text(&known!(value), template)? });
        }
        let timeout = match &command.timeout {
            Some(timespan) => Some(known!(timespan_of(scope, timespan)?)),
            None => (command.effect == Effect::Read).then_some(READ_TIMEOUT),
        };
        let mut order = Order {
            query: command.query.clone(),
            place: place.clone(),
            part,
            words,
            effect: command.effect,
            host: known!(optional(command.on.as_ref())?).filter(|host| host != "local"),
            user: known!(optional(command.user.as_ref())?),
            cwd: known!(optional(command.cwd.as_ref())?).map(Into::into),
            env,
            stdin: known!(optional(command.stdin.as_ref())?),
            timeout,
            interactive: command.interactive,
            reading: ReadNeeds::default(),
        };
        let environment = order.env.iter().map(|variable| variable.value.as_str());
        let aside = order.host.as_deref().into_iter().chain(order.user.as_deref());
        if order.words.each().chain(environment).chain(aside.clone()).any(|word| word.contains('\0')) {
            return Err("an argument cannot contain a NUL byte".to_owned());
        }
        let cwd = order.cwd.as_ref().map(|cwd| cwd.to_string_lossy());
        if recorded_length(order.words.each().chain(aside).chain(cwd.as_deref())) > LONGEST_COMMAND {
            return Err(format!("the command's words exceed the limit of {} MiB", LONGEST_COMMAND >> 20));
        }
        if let Some(host) = order.host.as_deref()
            && host.starts_with('-')
        {
            return Err(format!("`{host}` is not a valid host name: it begins with `-`"));
        }
        if order.effect == Effect::Read {
            order.reading = known!(reading(command, scope, &order.words)?);
        }
        Ok(Evaluated::Known(order))
    }
}

/// What a command that reads needs beside reading files: what its author says, and what such programs are known to need.
fn reading(command: &Command, scope: &Scope, program: &Words) -> Result<Evaluated<ReadNeeds>, String> {
    let mut reading = match program {
        Words::Argv(argv) => ReadNeeds::of_argv(argv),
        Words::Script(script) => ReadNeeds::of_script(script),
    };
    if command.reads.may_connect {
        reading.sockets.extend(program.program().map(str::to_owned));
    }
    for template in &command.reads.may_write {
        let path = known!(optional_text(scope, template)?);
        if let Some(path) = path {
            if !path.starts_with('/') || path.contains('\0') {
                return Err(format!("`may_write`: `{path}` is not a whole path"));
            }
            reading.may_write.insert(path.into());
        }
    }
    Ok(Evaluated::Known(reading))
}

fn argv(templates: &[Template], scope: &Scope) -> Result<Evaluated<Vec<String>>, String> {
    let mut argv = Vec::with_capacity(templates.len());
    let mut needs = Vec::new();
    for template in templates {
        let value = match scope.render(template).map_err(|error| error.to_string())? {
            Evaluated::Known(value) => value,
            Evaluated::Unknown(more) => {
                needs.extend(more);
                continue;
            }
        };
        match value.kind() {
            // One that yields none is dropped, and a list is spliced: the only two ways in which the number of words changes.
            ValueKind::None if expression::whole(&template.text).is_some() => {}
            ValueKind::Seq | ValueKind::Iterable => {
                for item in value.try_iter().map_err(|error| error.to_string())? {
                    argv.push(scalar_text(&item, &template.text).map_err(|error| error.to_string())?);
                }
            }
            _ => argv.push(scalar_text(&value, &template.text).map_err(|error| error.to_string())?),
        }
    }
    if !needs.is_empty() {
        needs.sort();
        needs.dedup();
        return Ok(Evaluated::Unknown(needs));
    }
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(Evaluated::Known(argv)),
        _ => Err("the command is empty once its expressions are evaluated".to_owned()),
    }
}

/// Text, or nothing where the template yields none or empty text.
fn optional_text(scope: &Scope, template: &Template) -> Result<Evaluated<Option<String>>, String> {
    let value = known!(scope.render(template).map_err(|error| error.to_string())?);
    if value.is_none() || value.as_str() == Some("") {
        return Ok(Evaluated::Known(None));
    }
    scalar_text(&value, &template.text).map(|text| Evaluated::Known(Some(text))).map_err(|error| error.to_string())
}

/// The text of an environment variable: a list is one item a line, so that a script can read it with `mapfile`.
fn env_text(value: &Value, template: &Template) -> Result<String, String> {
    match value.kind() {
        ValueKind::None => Ok(String::new()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            let texts: Result<Vec<_>, _> = items.map(|item| scalar_text(&item, &template.text)).collect();
            texts.map(|texts| texts.join("\n")).map_err(|error| error.to_string())
        }
        ValueKind::Map => expression::json(value, serde_json::to_string).map_err(|error| error.to_string()),
        _ => scalar_text(value, &template.text).map_err(|error| error.to_string()),
    }
}

/// A length of time: as written, or from an expression that yields text such as `5m` or a number of seconds.
pub(super) fn timespan_of(scope: &Scope, timespan: &Timespan) -> Result<Evaluated<Duration>, String> {
    let template = match timespan {
        Timespan::Fixed(length) => return Ok(Evaluated::Known(*length)),
        Timespan::Template(template) => template,
    };
    let value = known!(scope.render(template).map_err(|error| error.to_string())?);
    let length = match f64::try_from(value.clone()) {
        Ok(seconds) if value.is_number() => {
            Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{template}` is {seconds}: {error}"))?
        }
        _ => quantity::duration(&value.to_string()).map_err(|error| error.to_string())?,
    };
    Ok(Evaluated::Known(length))
}

/// A count: as written, or from an expression that yields a whole number.
pub(super) fn count_of(scope: &Scope, count: &Count) -> Result<Evaluated<u64>, String> {
    let template = match count {
        Count::Fixed(count) => return Ok(Evaluated::Known(*count)),
        Count::Template(template) => template,
    };
    let value = known!(scope.render(template).map_err(|error| error.to_string())?);
    let text = value.to_string();
    text.parse().map(Evaluated::Known).map_err(|_| format!("`{template}` is {text}, not a count"))
}
