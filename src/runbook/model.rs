//! The checked runbook: what [`super::resolve`] has found to be whole and consistent. No serde here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use indexmap::IndexMap;

pub(crate) use super::{
    document::{Effect, OnFail, OnItemFailure, Output, Severity, TypeName},
    portion::Portion,
    step_kind::StepKind,
    template::{Expr, Span, Template},
};
use super::{
    name::{Name, RunbookName, StepId},
    reading::ReadClause,
};
use crate::passed_on::PassedVariable;

/// Where a runbook was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file on this machine.
    File(PathBuf),
    /// Part of the program.
    Bundled,
}

/// The text that was checked, which is the text that is run.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// What to call it in messages: the path as given, or `bundled:NAME.yaml`.
    pub name: String,
    pub origin: Origin,
    pub text: Arc<str>,
    /// SHA-256 of `text`, in lower-case hex.
    pub sha256: String,
}

impl SourceText {
    /// How the name of a file begins that is part of the program; its path follows.
    pub(crate) const BUNDLED: &str = "bundled:";

    /// The path within the program of the file that is called so.
    pub(crate) fn bundled_path(name: &str) -> Option<&str> {
        name.strip_prefix(Self::BUNDLED)
    }

    /// The name of the bundled runbook whose text this is.
    pub(crate) fn bundled_runbook(&self) -> Option<&str> {
        Self::bundled_path(&self.name).and_then(|path| path.strip_suffix(".yaml"))
    }
}

/// A runbook without faults.
#[derive(Debug, Clone)]
pub struct Runbook {
    pub name: RunbookName,
    pub title: String,
    pub summary: String,
    pub tags: Vec<String>,
    pub owner: Option<String>,
    pub reviewed: Option<jiff::civil::Date>,
    pub references: Vec<Reference>,
    pub params: Vec<Parameter>,
    pub requires: Requires,
    /// What of the operator's environment its commands get beside the usual.
    pub environment: Vec<PassedVariable>,
    pub locks: Vec<Template>,
    pub vars: IndexMap<String, Template>,
    /// By name, the program that each query runs.
    pub queries: IndexMap<String, String>,
    /// Asks the system which one it is; its message is the answer.
    pub identity: Option<Probe>,
    pub preflight: Vec<Probe>,
    pub groups: Vec<super::group::PreflightGroup>,
    pub steps: Vec<Step>,
    pub source: SourceText,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub title: String,
    pub url: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requires {
    pub commands: Vec<String>,
    pub user: Option<String>,
}

/// A typed input.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: Name,
    pub kind: TypeName,
    /// The value is a list of `kind`.
    pub list: bool,
    pub help: String,
    /// Already of the right type.
    pub default: Option<serde_json::Value>,
    pub min: Option<Bound>,
    pub max: Option<Bound>,
    /// Matches the whole value.
    pub pattern: Option<regex::Regex>,
    pub choices: Option<Choices>,
    pub from_env: Option<String>,
    pub leading_dash: bool,
    pub span: Span,
}

/// A limit in the parameter's own unit: a plain number, seconds for a duration, bytes for a size, characters for text.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub value: f64,
    /// As it was written.
    pub text: String,
}

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there are few of them, each in its parameter")]
pub enum Choices {
    Fixed(Vec<serde_json::Value>),
    Live { command: Command, items: Option<Expr> },
}

/// A length of time that is written out or known when the step is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timespan {
    Fixed(Duration),
    Template(Template),
}

/// A whole number that is written out or known when the step is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    Fixed(u64),
    Template(Template),
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// Word by word, never empty.
    Argv(Vec<Template>),
    /// A bash script, never a template.
    Shell(Arc<str>),
}

/// A command with everything that surrounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The query that is asked, if it is one.
    pub query: Option<Arc<str>>,
    pub program: Program,
    pub effect: Effect,
    pub on: Option<Template>,
    pub env: IndexMap<String, Template>,
    pub stdin: Option<Template>,
    pub cwd: Option<Template>,
    pub user: Option<Template>,
    pub timeout: Option<Timespan>,
    pub output: Output,
    pub interactive: bool,
    pub reads: ReadClause<Template>,
    pub span: Span,
}

/// A list to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items {
    pub list: ItemList,
    /// The loop variable.
    pub name: Name,
    /// What each item is called: made of the item and of parameters alone, so that it is the same in a run that is resumed.
    pub label: Option<Template>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemList {
    Expression(Template),
    Literal(Vec<serde_json::Value>),
}

/// A read-only question and the expected answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Always there in preflight and for a `probe` step, where it is the step's.
    pub id: Option<StepId>,
    pub title: Option<Template>,
    pub when: Option<Expr>,
    pub for_each: Option<Items>,
    /// Without one, `expect` speaks of what is already known.
    pub command: Option<Command>,
    pub expect: Option<Expr>,
    pub within: Option<Timespan>,
    pub every: Option<Timespan>,
    pub severity: Severity,
    /// It tells how things stood before the run's first change, and is not asked again after that.
    pub once: bool,
    pub message: Option<Template>,
    pub hint: Option<Template>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Without one, `until` speaks of what is already known (time alone may make it true).
    pub command: Option<Command>,
    pub until: Expr,
    pub every: Option<Timespan>,
    pub timeout: Option<Timespan>,
    pub stable_for: Option<Timespan>,
    pub stall: Option<Stall>,
    pub unread_for: Option<Timespan>,
    pub fail_if: Option<Expr>,
    pub progress: Option<ProgressSpec>,
    pub message: Option<Template>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    pub watch: Expr,
    pub after: Timespan,
}

#[derive(Debug, Clone)]
pub struct ProgressSpec {
    pub done: Expr,
    pub total: Expr,
    pub pattern: Option<regex::Regex>,
    pub message: Option<Template>,
}

impl PartialEq for ProgressSpec {
    fn eq(&self, other: &Self) -> bool {
        self.done == other.done
            && self.total == other.total
            && self.message == other.message
            && self.pattern.as_ref().map(regex::Regex::as_str) == other.pattern.as_ref().map(regex::Regex::as_str)
    }
}
impl Eq for ProgressSpec {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    pub message: Template,
    pub phrase: Option<Template>,
    /// Destroying steps that this answers for.
    pub covers: Vec<StepId>,
    pub show: Vec<Probe>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    pub message: Template,
    pub ask: Option<Template>,
    pub verify: Option<Probe>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ForEach {
    pub items: Items,
    /// Never empty; the last repeats.
    pub batch: Vec<Portion>,
    /// Items for which it yields the same are in one batch; sizes count such groups.
    pub batch_by: Option<Expr>,
    pub parallel: Count,
    pub pause: Option<Timespan>,
    pub before_batch: Vec<Probe>,
    /// So many may fail before everything stops. Without it none, or all where it goes on.
    pub max_failures: Option<Portion>,
    pub on_item_failure: OnItemFailure,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub runbook: RunbookName,
    pub params: IndexMap<String, serde_json::Value>,
    pub spans: IndexMap<String, Span>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    pub times: u32,
    pub delay: Duration,
    pub backoff: f64,
}

/// What takes a step back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there are few of them, each in its step")]
pub enum Undo {
    Command(Remedy),
    /// Nothing does, and the author says why.
    Impossible {
        why: String,
    },
    /// The author is silent: right for `read`, warned of for `change`.
    Unsaid,
}

/// An undo or a cleanup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    pub when: Option<Expr>,
    pub command: Command,
    /// A run that stops leaves it as it is, and owes it.
    pub owed_when_stopped: bool,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there are few of them, each in its step")]
pub enum Kind {
    Command(Command),
    Probe(Probe),
    Wait(Wait),
    Confirm(Confirm),
    Manual(Manual),
    ForEach(Box<ForEach>),
    Group { title: Template, steps: Vec<Step> },
    Call(Call),
    Choose(Box<Choose>),
}

/// One step, several ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Choose {
    /// Yields the name of a case.
    pub by: Expr,
    /// Each is the step as it is done then, whole. All are of one kind, and none has cases.
    pub cases: IndexMap<String, Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub id: StepId,
    /// Which way of doing the step this is, if it is one of several.
    pub case: Option<String>,
    pub title: Option<Template>,
    pub why: Option<String>,
    pub when: Option<Expr>,
    pub on_fail: OnFail,
    pub kind: Kind,
    /// What must hold as long as the steps inside change anything. Each has an id and a command; only around other steps.
    pub holds: Vec<Probe>,
    pub done_if: Option<Probe>,
    pub verify: Option<Probe>,
    pub undo: Undo,
    pub cleanup: Option<Remedy>,
    pub idempotent: bool,
    pub retry: Option<Retry>,
    pub progress: Option<ProgressSpec>,
    pub span: Span,
}

impl Step {
    #[must_use]
    pub fn kind(&self) -> StepKind {
        match self.kind {
            Kind::Command(_) => StepKind::Run,
            Kind::Probe(_) => StepKind::Probe,
            Kind::Wait(_) => StepKind::Wait,
            Kind::Confirm(_) => StepKind::Ask,
            Kind::Manual(_) => StepKind::Manual,
            Kind::ForEach(_) => StepKind::Loop,
            Kind::Group { .. } => StepKind::Group,
            Kind::Call(_) => StepKind::Call,
            // All cases are of one kind, and there is one at least.
            Kind::Choose(ref choose) => choose.cases.first().map_or(StepKind::Run, |(_, case)| case.kind()),
        }
    }

    /// Whether it is made of other steps.
    #[must_use]
    pub fn is_stretch(&self) -> bool {
        self.kind().is_stretch()
    }

    /// The effect of the step itself, not of the steps inside it; where no case is chosen yet, the worst that it may be.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match &self.kind {
            Kind::Command(command) => command.effect,
            Kind::Choose(choose) => choose.cases.values().map(Self::effect).max().unwrap_or(Effect::Read),
            _ => Effect::Read,
        }
    }

    /// The steps inside a loop or a group.
    #[must_use]
    pub fn children(&self) -> &[Step] {
        match &self.kind {
            Kind::ForEach(each) => &each.steps,
            Kind::Group { steps, .. } => steps,
            _ => &[],
        }
    }
}

impl Runbook {
    /// Every step, those inside loops and groups too, in the order of the file; of one with cases each of them.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        let mut stack: Vec<&Step> = self.steps.iter().rev().collect();
        std::iter::from_fn(move || {
            loop {
                let step = stack.pop()?;
                if let Kind::Choose(choose) = &step.kind {
                    stack.extend(choose.cases.values().rev());
                    continue;
                }
                stack.extend(step.children().iter().rev());
                return Some(step);
            }
        })
    }
}
