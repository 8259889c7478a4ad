//! Gathers the values of parameters: from a file, from flags, and by asking for what is missing.

use std::sync::Arc;

use super::{load::Loaded, parameter_file};
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure, trace},
    cli,
    exec::{dry::DryExecutor, process::ProcessExecutor},
    inheritance::Inheritance,
    inventory::Inventory,
    plan::{
        BoundParams, CalledSecrets, Plan,
        binding::{self, Given, Giver, Raw},
    },
    ports::{Executor, NoAnswer},
    runbook::{
        document,
        model::{Choices, Command, Expr, Parameter},
        value,
    },
    secret::Secrets,
    ui::prompt::{ParameterQuestion, TerminalPrompt},
    words::quote,
};

/// What parameters are gathered for, and with.
pub(crate) struct Gathering<'a> {
    pub context: &'a Context,
    pub loaded: &'a Loaded,
    pub inventory: Option<Arc<Inventory>>,
    pub asking: &'a TerminalPrompt<'a>,
    /// What is asked for live choices.
    pub world: Reality<'a>,
    /// For sudo, if the operator has given it: one more secret.
    pub password: Option<&'a str>,
    /// Live choices whose command cannot be held to reading are listed all the same.
    pub allow_unheld: bool,
}

/// Where live choices are asked for.
pub(crate) enum Reality<'a> {
    /// On this system, with what commands inherit.
    Real(&'a Inheritance),
    Simulated(&'a dyn Executor),
}

impl Gathering<'_> {
    /// Binds a runbook's parameters: what a scenario or the record gives, then the file, then the flags; the rest is asked for.
    /// From here on every secret is masked.
    ///
    /// # Errors
    /// A value is wrong, or one is missing and there is no terminal to ask on.
    pub(crate) fn plan(
        self,
        scenario: impl IntoIterator<Item = (String, serde_json::Value)>,
        params: &cli::Params,
    ) -> Result<Plan, Failure> {
        let runbook = &self.loaded.runbook;
        let mut given = Given::default();
        for (name, value) in scenario {
            given.add(&name, Raw::Typed(value), Giver::File("the scenario".to_owned()));
        }
        if let Some(path) = &params.file {
            for (name, value, giver) in parameter_file::read(path, runbook)? {
                given.add(&name, value, giver);
            }
        }
        for (name, text) in &params.set {
            let secret = runbook.params.iter().any(|known| known.name.as_str() == name && known.kind == document::TypeName::Secret);
            if secret {
                return Err(Failure::new(
                    ProgramExit::Usage,
                    format!("{name} is a secret, and a command line is visible to everybody on this host"),
                )
                .next(format!(
                    "put `{name}: …` into a file that only you can read and give --params FILE, or type the secret when asked"
                )));
            }
            given.add(name, Raw::Text(text.clone()), Giver::Flag);
        }
        let bound = loop {
            let (bound, missing) = binding::bind(runbook, &given).map_err(|faults| bad_values(&faults))?;
            let Some(parameter) = missing.first() else { break bound };
            let text = self.ask(&bound, parameter).map_err(|no_answer| unanswered(no_answer, &missing))?;
            given.add(parameter.name.as_str(), Raw::Text(text), Giver::Prompt);
        };
        let secrets = self.called_secrets()?;
        let hidden = self.hidden();
        let plan = Plan::new(runbook.clone(), bound, (self.loaded.called.clone(), secrets), self.inventory, &hidden);
        trace::conceal(plan.secrets());
        Ok(plan)
    }

    /// The secrets that are no parameters.
    fn hidden(&self) -> Vec<String> {
        let variables = if let Reality::Real(inherited) = self.world { inherited.secrets() } else { Vec::new() };
        variables.into_iter().chain(self.password.map(str::to_owned)).collect()
    }

    /// The secrets of the runbooks that are called: whatever is not known now would be masked nowhere.
    fn called_secrets(&self) -> Result<CalledSecrets, Failure> {
        let mut secrets = CalledSecrets::default();
        loop {
            let missing = secrets.complete(&self.loaded.runbook, &self.loaded.called).map_err(|faults| bad_values(&faults))?;
            let Some((runbook, parameter)) = missing.first() else { return Ok(secrets) };
            if let Reality::Simulated(_) = self.world {
                // Nothing real gets it, and what a called runbook lacks is seen where it is called.
                return Ok(secrets);
            }
            let name = format!("{} of {}", parameter.name, runbook.name);
            let text = self.put(&name, parameter, &parameter.help, Vec::new()).map_err(|no_answer| {
                let NoAnswer::NoTerminal { .. } = no_answer else { return interrupted(&no_answer) };
                let how = match &parameter.from_env {
                    Some(variable) => format!("set the environment variable {variable}"),
                    None => "run this on a terminal; or let the called runbook name an environment variable: `from_env`".to_owned(),
                };
                Failure::new(ProgramExit::Usage, format!("the secret {name} has no value, and there is no terminal"))
                    .why(format!("{name}: {}", parameter.help))
                    .why(format!("{} calls {}, and a secret must be known before the run begins", self.loaded.runbook.name, runbook.name))
                    .next(how)
            })?;
            secrets.add(&runbook.name, parameter.name.as_str(), text);
        }
    }

    fn ask(&self, bound: &BoundParams, parameter: &Parameter) -> Result<String, NoAnswer> {
        let (choices, trouble) = match &parameter.choices {
            None => (Vec::new(), None),
            Some(Choices::Fixed(choices)) => (choices.iter().map(value::plain).collect(), None),
            Some(Choices::Live { command, items }) => self.live_choices(bound, command, items.as_ref()),
        };
        let help = match trouble {
            Some(why) => format!("{}\n({why})", parameter.help),
            None => parameter.help.clone(),
        };
        self.put(parameter.name.as_str(), parameter, &help, choices)
    }

    fn put(&self, name: &str, parameter: &Parameter, help: &str, choices: Vec<String>) -> Result<String, NoAnswer> {
        let kind = if parameter.list { format!("a list, each {}", parameter.kind.words()) } else { parameter.kind.words().to_owned() };
        self.asking.ask_parameter(&ParameterQuestion {
            name,
            help,
            type_words: &kind,
            choices,
            multiple: parameter.list,
            secret: parameter.kind == document::TypeName::Secret,
            default: None,
            check: &|text| parameter.read(text).map(|_| ()).map_err(|wrong| wrong.to_string()),
        })
    }

    /// What there is to choose from, and what is to be said of it. The command may have been given a secret, and print it.
    fn live_choices(&self, bound: &BoundParams, command: &Command, items: Option<&Expr>) -> (Vec<String>, Option<String>) {
        let hidden = self.hidden();
        let secrets = Secrets::new(bound.secret_values().chain(hidden.iter().map(String::as_str)));
        trace::conceal(&secrets);
        let (system, reading);
        let executor = match self.world {
            Reality::Simulated(executor) => executor,
            Reality::Real(inherited) => {
                system = ProcessExecutor::in_surroundings(inherited.clone(), secrets.clone(), self.inventory.clone(), None);
                reading = DryExecutor { executor: &system, allow_unheld: self.allow_unheld };
                &reading
            }
        };
        let tell = |text: &str| self.context.out.stderr.line(&secrets.mask(text));
        match crate::run::choices(&self.loaded.runbook, bound.scope_value(), command, items, executor, &tell) {
            Ok(choices) => {
                let (kept, hidden): (Vec<_>, Vec<_>) = choices.into_iter().partition(|choice| !secrets.stands_in(choice));
                // With a mask in it, it would be another value.
                let told = (!hidden.is_empty()).then(|| format!("{} more choices contain a secret and are not listed", hidden.len()));
                (kept, told)
            }
            // What is really there cannot be listed; the value can still be typed.
            Err(why) => (Vec::new(), Some(format!("the choices could not be listed: {}", secrets.mask(&why)))),
        }
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

/// All that has no value is named at once, each with what it is and how it is given.
fn unanswered(no_answer: NoAnswer, missing: &[&Parameter]) -> Failure {
    match no_answer {
        NoAnswer::NoTerminal { .. } => {
            let names: Vec<_> = missing.iter().map(|parameter| parameter.name.to_string()).collect();
            let what = match names.as_slice() {
                [one] => format!("the parameter {one} has no value, and there is no terminal"),
                all => format!("the parameters {} have no value, and there is no terminal", all.join(", ")),
            };
            // On a command line other users could see a secret.
            let (secret, open): (Vec<&Parameter>, _) = missing.iter().partition(|parameter| parameter.kind == document::TypeName::Secret);
            let told = |failure: Failure, parameter: &&Parameter| failure.why(format!("{}: {}", parameter.name, parameter.help));
            let failure = missing.iter().fold(Failure::new(ProgramExit::Usage, what), told);
            let flags: Vec<_> =
                open.iter().map(|parameter| format!("--set {}", quote::word(&format!("{}=VALUE", parameter.name)))).collect();
            let filed: Vec<_> = secret.iter().map(|parameter| format!("`{}`", parameter.name)).collect();
            let flags = (!flags.is_empty()).then(|| format!("give {}", flags.join(" ")));
            failure.hint(flags).hint((!filed.is_empty()).then(|| format!("give --params FILE, with {} in it", filed.join(", "))))
        }
        NoAnswer::Interrupted | NoAnswer::Ended | NoAnswer::Left | NoAnswer::Gone => interrupted(&no_answer),
    }
}

fn interrupted(no_answer: &NoAnswer) -> Failure {
    let exit = if *no_answer == NoAnswer::Left { ProgramExit::NotConfirmed } else { ProgramExit::Interrupted };
    Failure::new(exit, format!("{no_answer}; nothing was run"))
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
        NoAnswer::Interrupted | NoAnswer::Ended | NoAnswer::Left | NoAnswer::Gone => interrupted(&no_answer),
    })
}
