//! `halligan status`: what runs, what was left, and what is owed.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::{
        command::printed::print_json,
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            adoption::{Foreign, Ways},
            journal::{journal_directory, journal_failure},
            looked::{Looked, Ongoing, of_interest},
            operator::{hostname, who},
            owing::untold,
            run_name,
            shells::RecordedShell,
            standing::RunStanding,
        },
    },
    cli::{self, Subcommands},
    event::{Mode, Progress, RunState},
    exec::lock::SeenLock,
    journal::{
        JournalError,
        reader::{Runs, Snapshot, runs},
        summary::RunSummary,
    },
    quantity::show_duration,
    ui::layout::Page,
    words::{
        self,
        moment::{ago, clock},
        sanitise::{self, line as visible},
    },
};

const LABEL: usize = 11;
/// So many lines of a question's text are shown.
const SHOWN: usize = 8;

/// What `halligan status --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct StatusReport {
    host: String,
    /// The directory of the journal.
    journal: String,
    /// Lines of the journal that could not be read: more may be under way or owed than stands here.
    unreadable: u64,
    /// Something needs a person: a run was left, is in doubt, owes a cleanup, or waits for an answer.
    attention: bool,
    runs: Vec<RunStatus>,
}

/// How one run stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RunStatus {
    pub run: String,
    pub runbook: String,
    pub title: String,
    /// `real`, `dry run` or `rehearsal`.
    mode: String,
    /// `running`; `unknown`: whether it is running cannot be found out; `interrupted`, `crashed` or `rebooted`: no end is recorded; else
    /// how it ended: `completed`, `blocked`, `declined`, `stopped`, `rolled_back` or `stuck`.
    state: String,
    /// The same in words, with what an ended run leaves behind.
    pub is: String,
    /// The halligan that carries it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// Who began it.
    pub operator: String,
    pub host: String,
    /// Why it is not gone on with here as it is: it belongs to another host, or the journal is a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<String>,
    /// What can be done about it here.
    #[serde(skip)]
    ways: Ways,
    #[schemars(with = "String")]
    pub began: Timestamp,
    /// When its last record was written.
    #[schemars(with = "String")]
    pub last: Timestamp,
    /// Steps that are over; each item of a loop counts.
    steps_over: usize,
    /// Steps of the plan, each once.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_planned: Option<usize>,
    /// What is under way.
    steps: Vec<StepStatus>,
    questions: Vec<QuestionStatus>,
    /// What began and of which nobody knows whether it took effect; of a running run, what was left so before.
    pub in_doubt: Vec<String>,
    /// Cleanups that have to run. Those of a running run run at its end.
    owed: Vec<OwedCleanup>,
    /// Locks that it holds.
    locks: Vec<LockStatus>,
    /// Shells beside it of which no end is recorded: they are open, or halligan was killed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shells: Vec<ShellStatus>,
}

/// Something under way.
#[derive(Debug, Serialize, JsonSchema)]
struct StepStatus {
    place: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    title: String,
    /// Which of the step's commands; absent for a step that runs none now.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    #[schemars(with = "String")]
    since: Timestamp,
    attempt: u32,
    /// The process of its command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    /// How far it has come, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<String>,
    /// The figure of its progress, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
}

/// A question that is open.
#[derive(Debug, Serialize, JsonSchema)]
struct QuestionStatus {
    /// Absent for the plan, and for going on with a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[schemars(with = "String")]
    asked: Timestamp,
    /// What stands before the cursor.
    prompt: String,
    text: String,
}

/// A cleanup that is owed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OwedCleanup {
    pub place: String,
    pub command: String,
}

/// A shell of which no end is recorded.
#[derive(Debug, Serialize, JsonSchema)]
struct ShellStatus {
    /// Absent for one on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    who: String,
    #[schemars(with = "String")]
    opened: Timestamp,
    /// The halligan that recorded it.
    recorder: u32,
    /// What was typed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

/// A lock that is held.
#[derive(Debug, Serialize, JsonSchema)]
struct LockStatus {
    name: String,
    /// It is shared with operators on other hosts.
    shared: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    since: Option<Timestamp>,
}

/// Tells how runs stand: the one that is named, else all that a person should know of.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub(super) fn status(context: &Context, args: &cli::Status) -> Result<ProgramExit, Failure> {
    let directory = journal_directory(context)?;
    let unusable = |error: JournalError| journal_failure(&directory, &error);
    let json = args.json || args.form.is_json();
    let snapshot = match Snapshot::take(&directory) {
        Ok(snapshot) => Some(snapshot),
        // Where nothing was run, nothing is owed; unless what was recorded is gone.
        Err(JournalError::Io { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound && untold(&directory, None).map_err(unusable)?.is_none() =>
        {
            None
        }
        Err(error) => return Err(unusable(error)),
    };
    let Runs { runs, unreadable } = snapshot.as_ref().map(runs).transpose().map_err(unusable)?.unwrap_or_default();
    let last = runs.iter().rfind(|run| run.mode == Mode::Real).cloned();
    let wanted = match (&args.run, &snapshot) {
        (Some(given), _) => vec![run_name::find(runs, given).map_err(|unknown| unknown.failure(context))?],
        (None, Some(snapshot)) => of_interest(&directory, snapshot, runs).map_err(unusable)?,
        (None, None) => Vec::new(),
    };
    let looked = snapshot.as_ref().map(|snapshot| Looked::at(&directory, snapshot, wanted)).transpose().map_err(unusable)?;
    let locks = SeenLock::all(&directory.join("locks"));
    let runs: Vec<RunStatus> = looked.unwrap_or_default().iter().map(|looked| RunStatus::of(looked, &locks)).collect();
    let report = StatusReport {
        host: hostname(),
        journal: directory.display().to_string(),
        unreadable,
        attention: unreadable > 0 || runs.iter().any(RunStatus::needs_somebody),
        runs,
    };
    let out = &context.out.stdout;
    if json {
        print_json(context, "status", &report)?;
    } else {
        out.lines(&report.lines(context, &out.page(), last.as_ref()));
    }
    Ok(if report.attention { ProgramExit::CheckFailed } else { ProgramExit::Completed })
}

impl RunStatus {
    pub(super) fn of(looked: &Looked, locks: &[SeenLock]) -> Self {
        let Looked { summary, standing, chronicle, live, foreign } = looked;
        let state = &chronicle.past.state;
        let left = state.aftermath();
        let running = *standing == RunStanding::Running;
        // What is under way in a running run is not in doubt.
        let doubted = left.doubted.iter().filter(|key| !running || !state.under_way.contains_key(key));
        let shared = state.owed.keys().filter(|place| running && place.is_lock());
        let shared = shared.map(|place| LockStatus { name: place.own_item().unwrap_or_default().to_owned(), shared: true, since: None });
        let own = looked.locks(locks).map(|lock| LockStatus { name: lock.name.clone(), shared: false, since: lock.since });
        let questions = live.iter().flat_map(|live| &live.questions).map(|question| QuestionStatus {
            place: question.place.as_ref().map(ToString::to_string),
            asked: question.asked,
            prompt: question.prompt.clone(),
            text: question.text.clone(),
        });
        Self {
            run: summary.id.to_string(),
            runbook: summary.runbook.clone(),
            title: summary.title.clone(),
            mode: words::mode_name(summary.mode).to_owned(),
            state: standing.name().to_owned(),
            is: standing.words(Some(state).filter(|_| chronicle.unreadable == 0)),
            pid: live.as_ref().map(|live| live.pid),
            operator: who(summary.uid, summary.login_uid),
            host: summary.host.clone(),
            elsewhere: foreign.as_ref().map(Foreign::told),
            ways: looked.ways(),
            began: summary.opened,
            last: chronicle.facts.last().map_or(summary.opened, |fact| fact.at.ts),
            steps_over: summary.settled,
            steps_planned: summary.planned,
            steps: looked.ongoing().iter().map(StepStatus::of).collect(),
            questions: questions.collect(),
            in_doubt: doubted.map(|(place, part)| words::part_of(place, *part)).collect(),
            owed: Self::owed(state),
            locks: own.chain(shared).collect(),
            shells: RecordedShell::all(chronicle).into_iter().filter(|shell| shell.recording.is_none()).map(ShellStatus::of).collect(),
        }
    }

    /// What a run owes.
    pub(super) fn owed(state: &RunState) -> Vec<OwedCleanup> {
        state.owed.iter().map(|(place, owed)| OwedCleanup { place: place.to_string(), command: words::brief(owed) }).collect()
    }

    /// What it is called in a sentence.
    pub(super) fn kind(&self) -> &str {
        if self.is_real() { "run" } else { &self.mode }
    }

    fn is_running(&self) -> bool {
        self.state == RunStanding::Running.name()
    }

    fn needs_somebody(&self) -> bool {
        let left = [RunStanding::Left, RunStanding::Crashed, RunStanding::Rebooted].iter().any(|left| self.state == left.name());
        !self.questions.is_empty() || !self.in_doubt.is_empty() || (!self.is_running() && !self.owed.is_empty()) || (left && self.is_real())
    }

    fn is_real(&self) -> bool {
        self.mode == words::mode_name(Mode::Real)
    }

    pub(super) fn lines(&self, context: &Context, page: &Page) -> Vec<String> {
        let name = page.style.bold(&visible(&self.runbook));
        let kind = self.kind();
        let mut lines = crate::ui::layout::wrap(&format!("{kind} {}  {name}  {}", self.run, visible(&self.title)), page.width, "", "  ");
        let mut field = |label: &str, text: &str| lines.extend(page.field(2, LABEL, label, &sanitise::text(text)));
        let pid = self.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let last = if self.is_running() { String::new() } else { format!(", last heard of at {}", clock(self.last)) };
        field("state", &format!("{}{pid}{last}", self.is));
        let over = match self.steps_planned {
            Some(planned) => {
                // One that is done for each item is over once for each.
                let repeated = if self.steps_over > planned { ", some for each item" } else { "" };
                format!(", {} over (the plan has {planned}{repeated})", words::counted(self.steps_over, "step", "steps"))
            }
            None => String::new(),
        };
        field("began", &format!("{} by {} on {}{over}", clock(self.began), self.operator, self.host));
        self.elsewhere.iter().for_each(|why| field("not ours", why));
        for question in &self.questions {
            let place = question.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            field("QUESTION", &format!("{place}{}\nasked {}, not answered yet", question.prompt, ago(question.asked)));
            // The plan is long, and stands on the screen of who is asked.
            let text: Vec<_> = question.text.lines().filter(|_| question.place.is_some()).take(SHOWN).collect();
            if !text.is_empty() {
                field("", &text.join("\n"));
            }
        }
        for step in &self.steps {
            let part = step.part.as_deref().filter(|part| *part != "main").map(|part| format!(" ({part})")).unwrap_or_default();
            let title = if step.title.is_empty() { String::new() } else { format!("{}\n", step.title) };
            let attempt = if step.attempt > 1 { format!(", attempt {}", step.attempt) } else { String::new() };
            field("step", &format!("{title}{}{part}, since {}{attempt}", step.place, ago(step.since)));
            let pid = step.pid.map(|pid| format!("   (pid {pid})")).unwrap_or_default();
            step.command.iter().for_each(|command| field("", &format!("{command}{pid}")));
            step.progress.iter().for_each(|progress| field("progress", progress));
        }
        for doubt in &self.in_doubt {
            field("in doubt", doubt);
        }
        for owed in &self.owed {
            let when = if self.is_running() { "at the end" } else { "owed" };
            field(when, &format!("{}:  {}", owed.place, owed.command));
        }
        for shell in &self.shells {
            let last = shell.last.as_ref().map(|last| format!("\ntyped last: {last}")).unwrap_or_default();
            let on = shell.host.as_deref().unwrap_or("this host");
            let text =
                format!("on {on} by {} since {}, no end recorded (recorder: pid {}){last}", shell.who, clock(shell.opened), shell.recorder);
            field("shell", &text);
        }
        for lock in &self.locks {
            let shared = if lock.shared { " (shared with other hosts)" } else { "" };
            field("lock", &format!("{}{shared}", lock.name));
        }
        if let Some((label, command)) = self.advice() {
            // Never broken, so that it can be pasted.
            lines.push(format!("  {label:LABEL$}{}", visible(&context.line(command).to_string())));
        }
        lines
    }

    /// What to type next.
    fn advice(&self) -> Option<(&'static str, Subcommands)> {
        let run = self.run.parse().ok()?;
        let asked = match self.state.as_str() {
            "running" | "unknown" => return None,
            _ if self.is_real() && self.attention_by_resume() => self.ways.resume(run).map(|resume| ("resume", resume)),
            _ if !self.owed.is_empty() => self.ways.settle().map(|settle| ("settle", settle)),
            _ => return None,
        };
        let owed = self.owed.first().map(|owed| owed.place.as_str());
        asked.or_else(|| Some(("by hand", self.ways.settled_by_hand(owed)?)))
    }

    /// A resume would take it up.
    fn attention_by_resume(&self) -> bool {
        !matches!(self.state.as_str(), "completed" | "blocked" | "declined" | "rolled_back" | "stuck") && self.needs_somebody()
    }
}

impl ShellStatus {
    fn of(shell: RecordedShell) -> Self {
        let last = shell.commands.into_iter().next_back().map(|command| command.text);
        Self { host: shell.host, who: shell.who, opened: shell.opened, recorder: shell.recorder, last }
    }
}

impl StepStatus {
    fn of(ongoing: &Ongoing<'_>) -> Self {
        let (progress, share) = ongoing.progress.map(told).unwrap_or_default();
        Self {
            place: ongoing.place.to_string(),
            title: ongoing.title.to_owned(),
            part: ongoing.part.map(|part| part.name().to_owned()),
            since: ongoing.since,
            attempt: ongoing.attempt,
            pid: ongoing.pid,
            command: ongoing.command.map(words::brief).filter(|command| !command.is_empty()),
            progress,
            share,
        }
    }
}

/// How far something has come, in words and as a share of the whole.
fn told(progress: &Progress) -> (Option<String>, Option<f64>) {
    let share = |done: f64, total: f64| (total > 0.0).then(|| (done / total).clamp(0.0, 1.0));
    match progress {
        Progress::Line { text, .. } => (text.lines().rfind(|line| !line.trim().is_empty()).map(|line| visible(line).into_owned()), None),
        Progress::Figure { done, total, have, .. } => {
            let share = share(*done, *total);
            let percent = share.map(|share| format!("{:.0} %", share * 100.0));
            (Some(percent.into_iter().chain(have.clone()).collect::<Vec<_>>().join(", ")), share)
        }
        Progress::Waiting { have, elapsed, limit, figure, still, held, .. } => {
            let limit = limit.map(|limit| format!(" of {}", show_duration(limit))).unwrap_or_default();
            let mut parts = vec![have.clone(), format!("{}{limit}", show_duration(std::time::Duration::from_secs(elapsed.as_secs())))];
            parts.extend(still.filter(|still| still.as_secs() >= 10).map(|still| format!("no progress for {}", show_duration(still))));
            parts.extend(held.map(|(held, of)| format!("stable for {} of {}", show_duration(held), show_duration(of))));
            (Some(parts.join(", ")), figure.and_then(|(done, total)| share(done, total)))
        }
        Progress::Pausing { why, left, .. } => (Some(format!("pausing {why}, {} left when told", show_duration(*left))), None),
        Progress::ItemOver { .. } => (None, None),
    }
}

impl StatusReport {
    fn lines(&self, context: &Context, page: &Page, last: Option<&RunSummary>) -> Vec<String> {
        let mut lines = Vec::new();
        for run in &self.runs {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(run.lines(context, page));
        }
        if self.runs.is_empty() {
            lines.push("Nothing is running, and nothing is owed on this host.".to_owned());
            lines.extend(last.map(|last| {
                let outcome = RunStanding::of(std::path::Path::new(&self.journal), last).words(None);
                format!("Last real run: {}  {}  began {}, {outcome}", last.id, visible(&last.runbook), clock(last.opened))
            }));
        }
        if self.unreadable > 0 {
            lines.push(format!("{} lines of the journal could not be read, so more may be under way or owed:", self.unreadable));
            lines.push(format!("  {}", visible(&context.line(Subcommands::journal_verify()).to_string())));
        }
        lines
    }
}
