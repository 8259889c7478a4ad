//! What a plan will do, as far as it can be known when the preflight is over.

use super::{Evaluated, Plan, Scope};
use crate::{
    event::{Effect, Shown},
    expression,
    runbook::model::{BatchSize, Count, Kind, Program, Runbook, Step, Template, Undo},
};

/// A plan, put before the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub lines: Vec<Line>,
    pub read: usize,
    pub change: usize,
    pub destroy: usize,
    /// Questions, and things that a person does.
    pub asks: usize,
}

impl Preview {
    #[must_use]
    pub fn steps(&self) -> usize {
        self.read + self.change + self.destroy + self.asks
    }
}

/// One step of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `2.1`
    pub number: String,
    pub depth: usize,
    pub id: String,
    pub kind: LineKind,
    pub title: Option<String>,
    pub what: String,
    pub when: Option<String>,
    /// What takes it back, in words.
    pub taken_back: Option<String>,
    /// Names that only the run will know.
    pub needs: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    Command(Effect),
    Probe,
    Wait,
    Ask,
    Manual,
    Loop,
    Group,
    Call,
}

/// Puts the plan into lines.
#[must_use]
pub fn preview(plan: &Plan, scope: &Scope) -> Preview {
    let mut preview = Preview { lines: Vec::new(), read: 0, change: 0, destroy: 0, asks: 0 };
    let mut scope = scope.clone();
    for step in plan.runbook.all_steps() {
        scope.set_unknown(step.id.as_str());
    }
    add(&mut preview, plan, &plan.runbook.steps, &scope, "", 0, &mut Vec::new(), 0);
    preview
}

#[allow(clippy::too_many_arguments, reason = "the walk's own state, in one place")]
fn add(
    preview: &mut Preview,
    plan: &Plan,
    steps: &[Step],
    scope: &Scope,
    prefix: &str,
    depth: usize,
    loops: &mut Vec<String>,
    calls: usize,
) {
    for (index, step) in steps.iter().enumerate() {
        let number = format!("{prefix}{}", index + 1);
        let (kind, what, needs) = describe(step, scope, loops);
        match kind {
            LineKind::Command(Effect::Change) => preview.change += 1,
            LineKind::Command(Effect::Destroy) => preview.destroy += 1,
            LineKind::Command(Effect::Read) | LineKind::Probe | LineKind::Wait => preview.read += 1,
            LineKind::Ask | LineKind::Manual => preview.asks += 1,
            LineKind::Loop | LineKind::Group | LineKind::Call => {}
        }
        preview.lines.push(Line {
            number: number.clone(),
            depth,
            id: step.id.to_string(),
            kind,
            title: step.title.as_ref().map(|title| pretty(&title.text)),
            what,
            when: step.when.as_ref().map(ToString::to_string),
            taken_back: taken_back(step),
            needs,
        });
        let prefix = format!("{number}.");
        match &step.kind {
            Kind::ForEach(each) => {
                loops.push(each.items.name.to_string());
                add(preview, plan, &each.steps, scope, &prefix, depth + 1, loops, calls);
                loops.pop();
            }
            Kind::Group { steps, .. } => add(preview, plan, steps, scope, &prefix, depth + 1, loops, calls),
            Kind::Call(call) if calls < 8 => {
                if let Some(called) = plan.called.get(&call.runbook) {
                    let inner = unbound(called);
                    add(preview, plan, &called.steps, &inner, &prefix, depth + 1, &mut Vec::new(), calls + 1);
                }
            }
            _ => {}
        }
    }
}

/// The scope of a called runbook before it is called: nothing of it is known.
fn unbound(called: &Runbook) -> Scope {
    let mut scope = Scope::new(std::sync::Arc::new(called.vars.clone()));
    for name in ["params", "run"]
        .into_iter()
        .chain(called.preflight.iter().filter_map(|probe| probe.id.as_ref().map(super::super::runbook::name::StepId::as_str)))
    {
        scope.set_unknown(name);
    }
    scope
}

fn taken_back(step: &Step) -> Option<String> {
    match (&step.cleanup, &step.undo) {
        (Some(_), _) => Some("put back at the end".to_owned()),
        (None, Undo::Command(_)) => Some("can be undone".to_owned()),
        (None, Undo::Impossible { why }) => Some(format!("no undo: {}", why.trim())),
        (None, Undo::Unsaid) => None,
    }
}

fn describe(step: &Step, scope: &Scope, loops: &[String]) -> (LineKind, String, Vec<String>) {
    match &step.kind {
        Kind::Command(command) => {
            let (what, needs) = match &command.program {
                Program::Argv(words) => argv(words, command.on.as_ref(), scope, loops),
                Program::Shell(script) => {
                    let first = script
                        .lines()
                        .map(str::trim)
                        .find(|line| !line.is_empty() && !line.starts_with('#'))
                        .unwrap_or_default()
                        .to_owned();
                    let more = script.lines().count().saturating_sub(1);
                    (if more > 0 { format!("bash: {first} … ({more} more lines)") } else { format!("bash: {first}") }, Vec::new())
                }
            };
            (LineKind::Command(command.effect), what, needs)
        }
        Kind::Probe(probe) => {
            let what = probe.expect.as_ref().map_or_else(|| "its command ends well".to_owned(), ToString::to_string);
            (LineKind::Probe, format!("expects {what}"), Vec::new())
        }
        Kind::Wait(wait) => {
            let limit = wait.timeout.as_ref().map(|limit| format!("   up to {}", timespan(limit))).unwrap_or_default();
            (LineKind::Wait, format!("until {}{limit}", wait.until), Vec::new())
        }
        Kind::Confirm(confirm) => {
            let what = match &confirm.phrase {
                Some(phrase) => format!("asks for `{}` to be typed", pretty(&phrase.text)),
                None => "asks yes or no".to_owned(),
            };
            (LineKind::Ask, what, Vec::new())
        }
        Kind::Manual(manual) => (LineKind::Manual, pretty(&manual.message.text).lines().next().unwrap_or_default().to_owned(), Vec::new()),
        Kind::ForEach(each) => {
            let noun = each.items.name.as_str();
            match crate::plan::scope::list_of(&each.items, scope) {
                Ok(Evaluated::Known(items)) => {
                    let batches: Vec<String> = each.batch.iter().map(batch_words).collect();
                    (LineKind::Loop, format!("for each of {} {noun}, in batches of {}", items.len(), batches.join(", then ")), Vec::new())
                }
                Ok(Evaluated::Unknown(needs)) => (LineKind::Loop, format!("for each {noun}"), needs),
                Err(_) => (LineKind::Loop, format!("for each {noun}"), Vec::new()),
            }
        }
        Kind::Group { title, .. } => (LineKind::Group, title.clone(), Vec::new()),
        Kind::Call(call) => (LineKind::Call, format!("runs the runbook {}", call.runbook), Vec::new()),
    }
}

fn batch_words(size: &BatchSize) -> String {
    match size {
        BatchSize::Count(Count::Fixed(count)) => count.to_string(),
        BatchSize::Count(Count::Template(template)) => pretty(&template.text),
        BatchSize::Percent(percent) => format!("{percent}%"),
    }
}

fn timespan(timespan: &crate::runbook::model::Timespan) -> String {
    match timespan {
        crate::runbook::model::Timespan::Fixed(length) => crate::quantity::show_duration(*length),
        crate::runbook::model::Timespan::Template(template) => pretty(&template.text),
    }
}

/// The command with what is known filled in. A loop's own variable stays as `{osd}`: it stands for each item in turn.
fn argv(words: &[Template], on: Option<&Template>, scope: &Scope, loops: &[String]) -> (String, Vec<String>) {
    let mut needs = Vec::new();
    let mut fill = |template: &Template| -> Vec<String> {
        let names =
            expression::names_in_template(&template.text).map(|names| names.roots().into_iter().map(str::to_owned).collect::<Vec<_>>());
        let in_loop = names.is_ok_and(|names| names.iter().any(|name| loops.contains(name)));
        if in_loop {
            return vec![pretty(&template.text)];
        }
        match scope.render(template) {
            Ok(Evaluated::Known(value)) if value.is_none() => Vec::new(),
            Ok(Evaluated::Known(value)) => match value.try_iter() {
                Ok(items) if value.as_str().is_none() => items.map(|item| item.to_string()).collect(),
                _ => vec![value.to_string()],
            },
            Ok(Evaluated::Unknown(more)) => {
                needs.extend(more);
                vec![pretty(&template.text)]
            }
            // The run says what is wrong with it; here it is shown as it was written.
            Err(_) => vec![pretty(&template.text)],
        }
    };
    let argv: Vec<String> = words.iter().flat_map(&mut fill).collect();
    let host = on.map(&mut fill).and_then(|mut words| words.pop()).filter(|host| !host.is_empty() && host != "local");
    needs.sort();
    needs.dedup();
    let shown = Shown { argv, effect: Effect::Read, host, user: None, cwd: None, env: Vec::new(), stdin: false, timeout_ms: None };
    (shown.line(), needs)
}

/// A template as it is shown where it cannot be filled in: `{{ osd }}` becomes `{osd}`.
fn pretty(text: &str) -> String {
    text.replace("{{ ", "{").replace(" }}", "}").replace("{{", "{").replace("}}", "}")
}
