//! The values that an argument may have: names of runbooks, parameters, steps, scenarios and runs. Nothing is run to find them.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use serde_json::Value;

use super::typed::TypedWords;
use crate::{
    app::{command::aloud, session::standing::RunStanding},
    event::{Mode, Outcome},
    journal::{
        self,
        history::history,
        reader::{Snapshot, runs},
        summary::RunSummary,
    },
    rehearse::document::Mishap,
    runbook::{
        library::{self, Library},
        model::{Choices, Kind, Origin, Parameter, Runbook, SourceText, Template, TypeName},
        resolve,
    },
    words::{self, moment::local},
};

/// A value, and what it is.
type Offer = (String, String);

/// The command line, of whose arguments each knows its values.
pub(super) fn known(command: Command, typed: &Arc<TypedWords>) -> Command {
    let with = |arg: Arg| {
        let completer = |values: fn(&TypedWords, &str) -> Vec<Offer>| {
            let typed = Arc::clone(typed);
            ArgValueCompleter::new(move |current: &OsStr| fitting(current, |current| values(&typed, current)))
        };
        let values = match arg.get_id().as_str() {
            _ if !arg.get_action().takes_values() => return arg,
            "runbook" | "runbooks" | "files" => {
                let typed = Arc::clone(typed);
                return arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                    let files =
                        PathCompleter::file().filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).complete(current);
                    fitting(current, |_| runbooks(&typed)).into_iter().chain(files).collect()
                }));
            }
            "set" => parameters,
            "confirm" => confirmations,
            "overrides" => checks,
            "faults" => faults,
            "scenario" => scenarios,
            "run" | "from_run" => known_runs,
            _ => return arg,
        };
        let completer = completer(values);
        arg.add(completer)
    };
    command.mut_args(with).mut_subcommands(|inner| known(inner, typed))
}

/// Those that begin with what is typed.
fn fitting(current: &OsStr, values: impl FnOnce(&str) -> Vec<Offer>) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let candidate = |(value, help): Offer| CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.into()));
    values(current).into_iter().filter(|(value, _)| value.starts_with(current)).map(candidate).collect()
}

fn library(typed: &TypedWords) -> Library {
    Library::standard(typed.settings.runbook_directories())
}

fn runbooks(typed: &TypedWords) -> Vec<Offer> {
    let listed = library(typed).list().into_iter().filter(|listed| listed.hidden_by.is_none());
    listed.map(|listed| (listed.name, listed.title.unwrap_or_default())).collect()
}

/// The runbook that is typed, or that of the run that is, with all that it calls. None where one has a fault.
fn chosen(typed: &TypedWords) -> Vec<Runbook> {
    let source = match (&typed.runbook, &typed.run) {
        (Some(name), _) => library(typed).find(name).ok(),
        (None, Some(run)) => recorded(typed, run),
        (None, None) => None,
    };
    let mut waiting: Vec<SourceText> = source.into_iter().collect();
    let (mut chosen, mut seen) = (Vec::new(), BTreeSet::new());
    while let Some(source) = waiting.pop() {
        let Some(runbook) = resolve(source).0 else { continue };
        let called = runbook.all_steps().filter_map(|step| match &step.kind {
            Kind::Call(call) => Some(call.runbook.clone()),
            _ => None,
        });
        let called: Vec<_> = called.filter(|name| seen.insert(name.clone())).collect();
        waiting.extend(called.iter().filter_map(|name| library(typed).find(name.as_str()).ok()));
        chosen.push(runbook);
    }
    chosen
}

/// The text that a run was begun with.
fn recorded(typed: &TypedWords, run: &str) -> Option<SourceText> {
    let snapshot = Snapshot::take(&journal_of(typed)?).ok()?;
    let found = runs(&snapshot).ok()?.runs.into_iter().filter(|summary| summary.id.to_string().starts_with(run)).collect::<Vec<_>>();
    let [summary] = &found[..] else { return None };
    let text = history(&snapshot, summary.id).ok()??.past.opening?.plan.text?;
    SourceText::from_bytes(summary.runbook.clone(), Origin::Bundled, text.as_bytes()).ok()
}

/// `NAME=`, then `NAME=VALUE`.
fn parameters(typed: &TypedWords, current: &str) -> Vec<Offer> {
    let chosen = chosen(typed);
    let Some(runbook) = chosen.first() else { return Vec::new() };
    match current.split_once('=') {
        None => {
            let open = runbook.params.iter().filter(|param| !typed.set.iter().any(|set| set == param.name.as_str()));
            open.map(|param| (format!("{}=", param.name), param.help.clone())).collect()
        }
        Some((name, value)) => {
            let Some(param) = runbook.params.iter().find(|param| param.name.as_str() == name) else { return Vec::new() };
            // Of a list the last item is being typed.
            let (before, taken) = match value.rsplit_once(',') {
                Some((before, _)) if param.list => (format!("{before},"), before.split(',').collect()),
                _ => (String::new(), Vec::new()),
            };
            let values = values(param, before.is_empty()).into_iter().filter(|(value, _)| !taken.contains(&value.as_str()));
            values.map(|(value, help)| (format!("{name}={before}{value}"), help)).collect()
        }
    }
}

/// The values of a parameter that are known without asking anybody; its default among them where all of the value is still open.
fn values(param: &Parameter, whole: bool) -> Vec<Offer> {
    let default = param.default.as_ref().and_then(as_typed);
    let told = |value: String| {
        let help = if default.as_ref() == Some(&value) { "default" } else { "" };
        (value, help.to_owned())
    };
    match &param.choices {
        Some(Choices::Fixed(choices)) => choices.iter().filter_map(as_typed).map(told).collect(),
        _ if param.kind == TypeName::Bool => [true, false].map(|value| told(value.to_string())).into(),
        _ => {
            default.clone().filter(|default| whole && !default.is_empty() && param.kind != TypeName::Secret).map(told).into_iter().collect()
        }
    }
}

/// A value as it is typed on the command line.
fn as_typed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(items) => items.iter().map(as_typed).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        Value::Null | Value::Object(_) => None,
    }
}

/// Steps that want something typed. What, the operator must find out: it is not filled in.
fn confirmations(typed: &TypedWords, _: &str) -> Vec<Offer> {
    steps(typed, |runbook| {
        let asks = |kind: &Kind| matches!(kind, Kind::Manual(_)) || matches!(kind, Kind::Confirm(confirm) if confirm.phrase.is_some());
        runbook.all_steps().filter(|step| asks(&step.kind)).map(|step| (step.id.to_string(), title(step.title.as_ref()))).collect()
    })
}

/// Checks that may be overridden: of the preflight, and of `holds`.
fn checks(typed: &TypedWords, _: &str) -> Vec<Offer> {
    steps(typed, |runbook| {
        let all = runbook.preflight.iter().chain(runbook.all_steps().flat_map(|step| &step.holds));
        all.filter_map(|probe| Some((probe.id.as_ref()?.to_string(), title(probe.title.as_ref())))).collect()
    })
}

/// `STEP=`, then `STEP=FAULT`.
fn faults(typed: &TypedWords, current: &str) -> Vec<Offer> {
    if let Some((step, _)) = current.rsplit_once('=') {
        return Mishap::ALL.map(|mishap| (format!("{step}={}", mishap.word()), String::new())).into();
    }
    steps(typed, |runbook| runbook.all_steps().map(|step| (step.id.to_string(), title(step.title.as_ref()))).collect())
}

/// `STEP=` for each of them, in all runbooks that are carried out.
fn steps(typed: &TypedWords, of: fn(&Runbook) -> Vec<Offer>) -> Vec<Offer> {
    let mut seen = BTreeSet::new();
    let all = chosen(typed);
    let steps = all.iter().flat_map(of).filter(|(step, _)| seen.insert(step.clone()));
    steps.map(|(step, title)| (format!("{step}="), title)).collect()
}

fn title(title: Option<&Template>) -> String {
    title.map(|title| aloud::text(&title.text)).unwrap_or_default()
}

fn scenarios(typed: &TypedWords, _: &str) -> Vec<Offer> {
    let chosen = chosen(typed);
    let Some(runbook) = chosen.first() else { return Vec::new() };
    let scenarios = library::scenarios(&runbook.source).unwrap_or_default();
    scenarios.into_iter().map(|scenario| (scenario.name, String::new())).collect()
}

/// The runs of the journal that the command can be about, the latest first.
fn known_runs(typed: &TypedWords, _: &str) -> Vec<Offer> {
    let Some(directory) = journal_of(typed) else { return Vec::new() };
    let Some(mut runs) = Snapshot::take(&directory).ok().and_then(|snapshot| runs(&snapshot).ok()).map(|runs| runs.runs) else {
        return Vec::new();
    };
    runs.reverse();
    runs.retain(|run| fits(&typed.command, run, &directory));
    let told = |run: &RunSummary| {
        let (began, mode) = (local(run.opened).strftime("%Y-%m-%d %H:%M"), words::mode_name(run.mode));
        format!("{}, {began}, {mode}, {}", run.runbook, RunStanding::of(&directory, run).words(None))
    };
    runs.iter().map(|run| (run.id.to_string(), told(run))).collect()
}

fn fits(command: &str, run: &RunSummary, directory: &Path) -> bool {
    match command {
        "resume" => run.mode == Mode::Real && run.outcome != Some(Outcome::Completed),
        "rollback" | "debts" => run.mode == Mode::Real,
        "watch" => matches!(RunStanding::of(directory, run), RunStanding::Running | RunStanding::Unknown { .. }),
        _ => true,
    }
}

fn journal_of(typed: &TypedWords) -> Option<PathBuf> {
    let settled = typed.settings.journal_dir.as_ref().map(|said| said.value.clone());
    typed.journal.clone().or(settled).or_else(journal::default_dir)
}
