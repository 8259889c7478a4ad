//! Gathers the values of parameters: from a file, from flags, and by asking for what is missing.

use std::{path::Path, sync::Arc};

use super::load::{self, Loaded};
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli,
    inventory::Inventory,
    plan::{
        BoundParams, Plan,
        binding::{self, Given, Giver, Raw},
    },
    ports::{Executor, NoAnswer},
    runbook::{
        diagnostic::Report,
        document, library,
        model::{Choices, Parameter},
        source, value,
    },
    ui::prompt::{ParameterQuestion, TerminalPrompt},
    words::quote,
};

/// Binds a runbook's parameters: what a scenario gives, then the file, then the flags; the rest is asked for.
///
/// # Errors
/// A value is wrong, or one is missing and there is no terminal to ask on.
pub(crate) fn plan(
    context: &Context,
    loaded: &Loaded,
    inventory: Option<Arc<Inventory>>,
    scenario: impl IntoIterator<Item = (String, serde_json::Value)>,
    params: &cli::Params,
    prompt: &TerminalPrompt<'_>,
    executor: &dyn Executor,
) -> Result<Plan, Failure> {
    let mut given = Given::default();
    for (name, value) in scenario {
        given.add(&name, Raw::Typed(value), Giver::File("the scenario".to_owned()));
    }
    if let Some(path) = &params.file {
        for (name, value) in read_file(context, path)? {
            given.add(&name, Raw::Typed(value), Giver::File(path.display().to_string()));
        }
    }
    for (name, text) in &params.set {
        let secret = loaded.runbook.params.iter().any(|known| known.name.as_str() == name && known.kind == document::TypeName::Secret);
        if secret {
            return Err(Failure::new(
                ProgramExit::Usage,
                format!("{name} is a secret, and a command line is visible to everybody on this host"),
            )
            .next(format!("put `{name}: …` into a file that only you can read and give --params FILE, or type the secret when asked")));
        }
        given.add(name, Raw::Text(text.clone()), Giver::Flag);
    }
    loop {
        let (bound, missing) = binding::bind(&loaded.runbook, &given).map_err(|faults| bad_values(&faults))?;
        let Some(parameter) = missing.first() else {
            return Ok(Plan::new(loaded.runbook.clone(), bound, loaded.called.clone(), inventory));
        };
        let text = ask(context, loaded, &bound, parameter, prompt, executor).map_err(|no_answer| {
            let names: Vec<_> = missing.iter().map(|parameter| parameter.name.to_string()).collect();
            unanswered(no_answer, &names, parameter)
        })?;
        given.add(parameter.name.as_str(), Raw::Text(text), Giver::Prompt);
    }
}

/// Reads a file of parameters: a map of names to values, held to the same rules as a runbook's text.
fn read_file(context: &Context, path: &Path) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    let wrong = |why: String| {
        Failure::new(ProgramExit::Usage, format!("{} is not a parameter file: {why}", path.display()))
            .next("write a map of names to values, such as `osds: [1, 2]`")
    };
    let read = library::read_guarded(path).map_err(|error| match error.hint() {
        Some(hint) => Failure::new(ProgramExit::Usage, format!("{} was not read: {error}", path.display())).next(hint),
        None => wrong(error.to_string()),
    });
    let text = read?.ok_or_else(|| wrong("no such file".to_owned()))?;
    let faults = source::read(&text.text).faults;
    if !faults.is_empty() {
        load::show_report(&context.out, &Report::new(text, faults));
        return Err(Failure::shown(ProgramExit::Usage));
    }
    match document::parse(&text.text).map_err(|error| wrong(error.to_string()))? {
        serde_json::Value::Object(map) => Ok(map),
        _ => Err(wrong("not a map".to_owned())),
    }
}

fn bad_values(faults: &[binding::BindingFault]) -> Failure {
    let what = match faults {
        [fault] => format!("the value of {fault}"),
        faults => format!("{} values are wrong", faults.len()),
    };
    let mut failure = Failure::new(ProgramExit::Usage, what);
    for fault in faults {
        if faults.len() > 1 {
            failure = failure.why(fault.to_string());
        }
        if let Some(hint) = &fault.hint {
            failure = failure.next(hint.clone());
        }
    }
    failure
}

fn unanswered(no_answer: NoAnswer, missing: &[String], parameter: &Parameter) -> Failure {
    match no_answer {
        NoAnswer::NoTerminal { .. } => {
            let how = if parameter.kind == document::TypeName::Secret {
                // On a command line other users could see it.
                format!("give --params FILE, with `{}` in it", parameter.name)
            } else {
                format!("give --set {}", quote::word(&format!("{}=VALUE", parameter.name)))
            };
            let what = match missing {
                [one] => format!("the parameter {one} has no value, and there is no terminal"),
                all => format!("the parameters {} have no value, and there is no terminal", all.join(", ")),
            };
            Failure::new(ProgramExit::Usage, what).why(format!("{}: {}", parameter.name, parameter.help)).next(how)
        }
        NoAnswer::Interrupted | NoAnswer::Gone => Failure::new(ProgramExit::Interrupted, format!("{no_answer}; nothing was run")),
    }
}

/// Asks for sudo's password.
///
/// # Errors
/// Nobody can be asked.
pub(crate) fn sudo_password(prompt: &TerminalPrompt<'_>) -> Result<String, Failure> {
    let question = ParameterQuestion {
        name: "sudo password",
        help: "for steps that run as another user; kept in memory only, passed only to sudo",
        type_words: "",
        choices: Vec::new(),
        multiple: false,
        secret: true,
        default: None,
        check: &|text| if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(()) },
    };
    prompt.ask_parameter(&question).map_err(|no_answer| match no_answer {
        NoAnswer::NoTerminal { .. } => Failure::new(ProgramExit::Usage, "the sudo password cannot be asked for: there is no terminal")
            .next("leave out --ask-sudo-password and allow these commands in sudo without a password"),
        NoAnswer::Interrupted | NoAnswer::Gone => Failure::new(ProgramExit::Interrupted, format!("{no_answer}; nothing was run")),
    })
}

fn ask(
    context: &Context,
    loaded: &Loaded,
    bound: &BoundParams,
    parameter: &Parameter,
    prompt: &TerminalPrompt<'_>,
    executor: &dyn Executor,
) -> Result<String, NoAnswer> {
    let (choices, trouble) = match &parameter.choices {
        None => (Vec::new(), None),
        Some(Choices::Fixed(choices)) => (choices.iter().map(value::plain).collect(), None),
        Some(Choices::Live { command, items }) => {
            match crate::run::choices(&loaded.runbook, bound.scope_value(), command, items.as_ref(), executor, &|text| {
                context.out.stderr.line(text)
            }) {
                Ok(choices) => (choices, None),
                // What is really there cannot be listed; the value can still be typed.
                Err(why) => (Vec::new(), Some(why)),
            }
        }
    };
    let kind = if parameter.list { format!("a list, each {}", parameter.kind.words()) } else { parameter.kind.words().to_owned() };
    let help = match trouble {
        Some(why) => format!("{}\n(the choices could not be listed: {why})", parameter.help),
        None => parameter.help.clone(),
    };
    prompt.ask_parameter(&ParameterQuestion {
        name: parameter.name.as_str(),
        help: &help,
        type_words: &kind,
        choices,
        multiple: parameter.list,
        secret: parameter.kind == document::TypeName::Secret,
        default: None,
        check: &|text| parameter.read(text).map(|_| ()),
    })
}
