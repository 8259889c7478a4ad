//! What a plan will do, as far as it can be known when the preflight is over.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    Plan,
    batch::{Share, grouped, share},
    called::unbound,
    case::{chosen, foreknown},
    coming::{Coming, coming},
    foreseen::foreseen,
    instances::Instances,
    item::{DistinctItems, list_of},
    scope::{Evaluated, Scope, scalar_text},
};
use crate::{
    event::{Effect, Shown, StepKind, Words},
    expression,
    runbook::{
        model::{Count, ForEach, Kind, OnItemFailure, Portion, Program, Step, Template, Timespan, Undo},
        name::StepId,
    },
};

/// A plan, put before the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub lines: Vec<PreviewLine>,
    pub read: usize,
    pub change: usize,
    pub destroy: usize,
    /// The same, counted for each item of a loop.
    pub instances: Instances,
    /// Questions, and things that a person does.
    pub asks: usize,
    /// Those of them that are sure to be asked, each in its place.
    pub(crate) coming: Vec<Coming>,
    /// Steps that the parameters rule out.
    pub left_out: Vec<String>,
    /// What is known already to fail when it is reached, such as a loop with two items of one name.
    pub faults: Vec<String>,
    /// The programs that it names, and where each was found, or why it cannot be started; whoever knows where they are looked for
    /// fills this in.
    pub programs: Vec<(String, Result<PathBuf, String>)>,
    /// The system that the run is bound to, in words; whoever has asked it fills this in.
    pub system: Option<String>,
}

impl Preview {
    #[must_use]
    pub fn steps(&self) -> usize {
        self.read + self.change + self.destroy + self.asks
    }
}

/// One step of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewLine {
    /// `2.1`
    pub number: String,
    pub depth: usize,
    pub id: String,
    pub kind: StepKind,
    pub effect: Effect,
    pub what: String,
    pub when: Option<String>,
    /// What takes it back, in words.
    pub taken_back: Option<String>,
    /// Names that only the run will know.
    pub needs: Vec<String>,
}

/// So many items of a loop are named.
const MOST_NAMED: usize = 20;
/// A longer expression says nothing to who reads a plan.
const BRIEF: usize = 40;

/// Puts the plan into lines, without secrets.
#[must_use]
pub(crate) fn preview(plan: &Plan, scope: &Scope) -> Preview {
    let mut preview = Preview {
        lines: Vec::new(),
        read: 0,
        change: 0,
        destroy: 0,
        instances: Instances::default(),
        asks: 0,
        coming: Vec::new(),
        left_out: Vec::new(),
        faults: Vec::new(),
        programs: Vec::new(),
        system: None,
    };
    let mut scope = scope.clone();
    for step in plan.runbook.all_steps() {
        scope.set_unknown(step.id.as_str());
    }
    let secrets = plan.secrets();
    preview.faults = foreseen(plan, &scope);
    preview.instances = Instances::of(plan, &plan.runbook.steps, &scope, 0);
    preview.coming = coming(plan, &scope);
    add(&mut preview, plan, &plan.runbook.steps, &scope, "", 0, &mut Vec::new(), 0);
    for line in &mut preview.lines {
        for text in std::iter::once(&mut line.what).chain(&mut line.when).chain(&mut line.taken_back) {
            secrets.hide(text);
        }
    }
    for fault in &mut preview.faults {
        secrets.hide(fault);
    }
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
        let step = foreknown(step, scope);
        let when = match step.when.as_ref().map(|when| (when, scope.holds(when))) {
            // What is known not to be done is no part of the plan.
            Some((_, Ok(Evaluated::Known(false)))) => {
                preview.left_out.push(step.id.to_string());
                continue;
            }
            None | Some((_, Ok(Evaluated::Known(true)))) => None,
            Some((when, Ok(Evaluated::Unknown(_)) | Err(_))) => Some(when.to_string()),
        };
        let items = if let Kind::ForEach(each) = &step.kind { Some(list_of(&each.items, scope, plan.secrets())) } else { None };
        let (mut what, needs) = describe(step, scope, items.as_ref(), loops);
        if !step.holds.is_empty() {
            let ids: Vec<&str> = step.holds.iter().filter_map(|probe| probe.id.as_ref().map(StepId::as_str)).collect();
            what = format!("{what}; must hold: {}", ids.join(", "));
        }
        let (kind, effect) = (step.kind(), step.effect());
        match (kind, effect) {
            (StepKind::Run, Effect::Change) => preview.change += 1,
            (StepKind::Run, Effect::Destroy) => preview.destroy += 1,
            (StepKind::Run | StepKind::Probe | StepKind::Wait, _) => preview.read += 1,
            (StepKind::Ask | StepKind::Manual, _) => preview.asks += 1,
            (StepKind::Loop | StepKind::Group | StepKind::Call, _) => {}
        }
        preview.lines.push(PreviewLine {
            number: number.clone(),
            depth,
            id: step.id.to_string(),
            kind,
            effect,
            what,
            when,
            taken_back: taken_back(step),
            needs,
        });
        let prefix = format!("{number}.");
        match &step.kind {
            Kind::ForEach(each) => {
                loops.push(each.items.name.to_string());
                let mut inner = scope.clone();
                inner.set_unknown(each.items.name.as_str());
                add(preview, plan, &each.steps, &inner, &prefix, depth + 1, loops, calls);
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

fn taken_back(step: &Step) -> Option<String> {
    match (&step.cleanup, &step.undo) {
        (Some(_), _) => Some("cleanup at the end".to_owned()),
        (None, Undo::Command(_)) => Some("can be undone".to_owned()),
        (None, Undo::Impossible { .. }) => Some("irreversible".to_owned()),
        (None, Undo::Unsaid) => None,
    }
}

/// What a loop goes through, or why that cannot be told.
type LoopItems = Result<Evaluated<DistinctItems>, String>;

/// What a step does, in words: the command itself, or else its title. A loop has `items`.
fn describe(step: &Step, scope: &Scope, items: Option<&LoopItems>, loops: &[String]) -> (String, Vec<String>) {
    let words = Filling { scope, loops };
    let titled = |or: String| step.title.as_ref().map_or(or, |title| words.fill(title));
    match &step.kind {
        Kind::Command(command) => {
            let (what, needs) = match &command.program {
                Program::Argv(argv) => words.argv(argv, command.on.as_ref()),
                Program::Shell(script) => (script_words(script), Vec::new()),
            };
            (what, needs)
        }
        Kind::Probe(probe) => {
            let expected = probe.expect.as_ref().map_or_else(|| "exit code 0".to_owned(), ToString::to_string);
            (titled(format!("expects {expected}")), Vec::new())
        }
        Kind::Wait(wait) => {
            let limit = wait.timeout.as_ref().map(|limit| format!("   up to {}", words.timespan(limit))).unwrap_or_default();
            (format!("{}{limit}", titled(format!("until {}", wait.until))), Vec::new())
        }
        Kind::Confirm(confirm) => {
            let what = match &confirm.phrase {
                Some(phrase) => format!("typed confirmation: {}", words.fill(phrase)),
                None => "yes/no question".to_owned(),
            };
            (what, Vec::new())
        }
        Kind::Manual(manual) => (titled(words.fill(&manual.message).lines().next().unwrap_or_default().to_owned()), Vec::new()),
        Kind::ForEach(each) => {
            let noun = each.items.name.as_str();
            match items {
                Some(Ok(Evaluated::Known(items))) => (words.paced(each, items), Vec::new()),
                Some(Ok(Evaluated::Unknown(needs))) => {
                    let needs = needs.iter().filter(|name| !loops.contains(name)).cloned().collect();
                    (format!("for each {noun}"), needs)
                }
                Some(Err(_)) | None => (format!("for each {noun}"), Vec::new()),
            }
        }
        Kind::Group { title, .. } => (words.fill(title), Vec::new()),
        Kind::Choose(choose) => {
            let cases: Vec<&str> = choose.cases.keys().map(String::as_str).collect();
            let needs = match chosen(choose, scope) {
                Ok(Evaluated::Unknown(needs)) => needs,
                _ => Vec::new(),
            };
            (titled(format!("by {}", choose.by)) + &format!(" ({})", cases.join(" or ")), needs)
        }
        Kind::Call(call) => (format!("runs the runbook {}", call.runbook), Vec::new()),
    }
}

/// A script's first line that does something, and how much more there is.
fn script_words(script: &str) -> String {
    let first = script.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    match script.lines().count().saturating_sub(1) {
        0 => format!("bash: {first}"),
        more => format!("bash: {first} … ({more} more lines)"),
    }
}

/// Fills in what is known. A loop's own variable stays as `{osd}`: it stands for each item in turn.
struct Filling<'a> {
    scope: &'a Scope,
    loops: &'a [String],
}

impl Filling<'_> {
    fn in_loop(&self, template: &Template) -> bool {
        expression::names_in_template(&template.text)
            .is_ok_and(|names| names.roots().iter().any(|name| self.loops.iter().any(|own| own == name)))
    }

    fn fill(&self, template: &Template) -> String {
        match self.scope.text(template) {
            Ok(Evaluated::Known(text)) if !self.in_loop(template) => text,
            _ => pretty(&template.text),
        }
    }

    /// A loop with its figures: how many items, how many at once, and how many may fail.
    fn paced(&self, each: &ForEach, items: &DistinctItems) -> String {
        let labels: Vec<String> = items.iter().take(MOST_NAMED).map(|item| item.label().to_owned()).collect();
        let more = items.len().saturating_sub(MOST_NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more, {} in all", items.len()) };
        let groups = match grouped(each, items.clone(), self.scope) {
            Ok(Evaluated::Known((_, groups))) => groups.len(),
            _ => items.len(),
        };
        let by = |by: String| if by.len() > BRIEF { format!(", in {groups} groups") } else { format!(", in {groups} groups by {by}") };
        let by = each.batch_by.as_ref().map(|expression| by(expression.to_string())).unwrap_or_default();
        let batches: Vec<String> = each.batch.iter().map(|size| self.portion(size, |share| share.size(groups).to_string())).collect();
        let count = |count: &Count| match count {
            Count::Fixed(count) => count.to_string(),
            Count::Template(template) => self.fill(template),
        };
        let parallel = Some(count(&each.parallel)).filter(|at_once| at_once != "1");
        let parallel = parallel.map(|at_once| format!(", {at_once} of a batch at once")).unwrap_or_default();
        let failures = each.max_failures.as_ref().map(|most| self.portion(most, |share| share.allowance(items.len()).to_string()));
        let failures = failures.filter(|failures| failures != "0").map(|failures| format!("; at most {failures} may fail"));
        let goes_on = (each.on_item_failure == OnItemFailure::Continue).then_some("; continues after a failed item, and fails at the end");
        let failures = format!("{}{}", goes_on.unwrap_or_default(), failures.unwrap_or_default());
        format!(
            "for each {} of {}{more}; batches of {}{by}{parallel}{failures}",
            each.items.name,
            labels.join(", "),
            batches.join(", then ")
        )
    }

    /// A number of items, and what a part of them comes to.
    fn portion(&self, portion: &Portion, comes_to: impl Fn(Share) -> String) -> String {
        match (share(portion, self.scope), portion) {
            (Ok(Evaluated::Known(Share::Count(count))), _) => count.to_string(),
            (Ok(Evaluated::Known(part @ Share::Percent(percent))), _) => format!("{percent}% ({})", comes_to(part)),
            (_, Portion::Template(template)) => pretty(&template.text),
            (_, Portion::Count(count)) => count.to_string(),
            (_, Portion::Percent(percent)) => format!("{percent}%"),
        }
    }

    fn timespan(&self, timespan: &Timespan) -> String {
        match timespan {
            Timespan::Fixed(length) => crate::quantity::show_duration(*length),
            Timespan::Template(template) => {
                let text = self.fill(template);
                text.parse::<f64>()
                    .ok()
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .map_or(text, crate::quantity::show_duration)
            }
        }
    }

    fn argv(&self, words: &[Template], on: Option<&Template>) -> (String, Vec<String>) {
        let mut needs = Vec::new();
        let mut fill = |template: &Template| -> Vec<String> {
            if self.in_loop(template) {
                return vec![pretty(&template.text)];
            }
            match self.scope.render(template) {
                Ok(Evaluated::Known(value)) if value.is_none() => Vec::new(),
                Ok(Evaluated::Known(value)) => match value.try_iter() {
                    Ok(items) if value.as_str().is_none() => items.map(|item| words_of(&item)).collect(),
                    _ => vec![words_of(&value)],
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
        // Its own item is known when its turn comes.
        needs.retain(|name| !self.loops.contains(name));
        needs.sort();
        needs.dedup();
        let shown = Shown {
            words: Words::Argv(argv),
            effect: Effect::Read,
            host,
            user: None,
            cwd: None,
            env: Vec::new(),
            stdin: false,
            timeout_ms: None,
            held: None,
            fences: BTreeMap::new(),
        };
        (crate::words::command(&shown), needs)
    }
}

/// A value as the run would write it into the command.
fn words_of(value: &minijinja::Value) -> String {
    scalar_text(value, "").unwrap_or_else(|_| value.to_string())
}

/// A template as it is shown where it cannot be filled in: `{{ osd }}` becomes `{osd}`.
fn pretty(text: &str) -> String {
    text.replace("{{ ", "{").replace(" }}", "}").replace("{{", "{").replace("}}", "}")
}
