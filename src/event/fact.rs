//! What happens in a run, as it happens. Each fact is journaled before anybody is shown it.
//!
//! These are the live facts; what stands on disk is `journal::record`, which is versioned and kept apart.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use crate::runbook::{document::Effect, step_kind::StepKind};

use crate::surroundings::Surroundings;

use super::{
    captured::Captured,
    command::Shown,
    finding::Finding,
    place::Place,
    plan::RecordedPlan,
    shell::ShellFact,
    signal::{SentSignal, StopSignal},
    system::SystemAnswer,
};

/// What kind of run this is. Only a real one is evidence of what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Real,
    DryRun,
    Rehearsal,
}

/// Which of a step's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The step itself; for a wait, all its askings together.
    Main,
    DoneIf,
    Verify,
    /// A probe before a batch.
    Gate,
    /// A probe of what must hold, asked before the step begins.
    Holds,
    /// A live fact beside a question.
    Show,
    Undo,
    Cleanup,
    /// Takes a lock that operators on different hosts share, before anything else.
    Lock,
}

impl Part {
    pub(crate) const ALL: [Self; 9] =
        [Self::Main, Self::DoneIf, Self::Verify, Self::Gate, Self::Holds, Self::Show, Self::Undo, Self::Cleanup, Self::Lock];

    /// Its name in records, in scenarios and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::DoneIf => "done_if",
            Self::Verify => "verify",
            Self::Gate => "gate",
            Self::Holds => "holds",
            Self::Show => "show",
            Self::Undo => "undo",
            Self::Cleanup => "cleanup",
            Self::Lock => "lock",
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Code(i32),
    /// Ended by a signal that halligan did not send.
    Signal(i32),
    /// Took too long. After a KILL its outcome is in doubt.
    TimedOut {
        after_ms: u64,
        killed: bool,
    },
    /// Ended because the operator said so. After a KILL its outcome is in doubt.
    Interrupted {
        killed: bool,
    },
    /// Could not be started at all.
    NotStarted {
        why: String,
    },
    /// The connection to its host broke while it was under way: in doubt.
    Lost {
        why: String,
    },
}

impl Exit {
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Code(0))
    }

    /// Nobody can say whether it did its work.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        matches!(self, Self::TimedOut { killed: true, .. } | Self::Interrupted { killed: true } | Self::Lost { .. })
    }
}

/// What an ended command means for its step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Verdict {
    Passed,
    Failed {
        why: String,
        /// A wait whose time is over, and which has not been told to give up before. The first records of version 1 do not say.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        late: bool,
    },
    /// Nobody can say.
    Unknown {
        why: String,
    },
}

impl Verdict {
    /// It has failed, and not for want of time.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into(), late: false }
    }
}

/// The first and last of what a command printed, for the screen; never journaled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    pub stdout: String,
    pub stderr: String,
}

/// Why a step was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Skip {
    /// Its `when` is false.
    When { expression: String },
    /// It was already so.
    AlreadyDone { message: String },
    /// The operator said so.
    Operator,
    /// The loop has no items.
    Empty,
}

/// What a dry run can say of a command that it did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Prediction {
    /// Exactly this.
    WouldRun { command: Shown },
    /// Needs what only the real run will know.
    AtRunTime { needs: Vec<String> },
    /// Would ask this.
    WouldAsk { question: String },
}

/// How a step ended, all its commands taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum StepOutcome {
    Done,
    Failed {
        why: String,
    },
    /// Began, and nobody can say how it ended.
    InDoubt {
        why: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Completed,
    /// The preflight said no.
    Blocked,
    /// The operator said no, or nobody was there to say yes.
    Declined,
    Stopped,
    RolledBack,
    /// An undo failed.
    Stuck,
}

impl Outcome {
    /// Its name in records and scenarios.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Blocked => "blocked",
            Self::Declined => "declined",
            Self::Stopped => "stopped",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
        }
    }
}

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    Terminal,
    Flag,
    Scenario,
}

/// What a run sets out with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Opening {
    pub runbook: String,
    pub title: String,
    /// Where the text came from.
    pub source: String,
    /// Of the runbook's text.
    pub runbook_sha256: String,
    pub plan: RecordedPlan,
    pub plan_sha256: String,
    /// Secrets as `null`.
    pub params: BTreeMap<String, serde_json::Value>,
    pub mode: Mode,
    pub version: String,
    /// Whether the clock of this machine was in step with others'; `None` if nobody knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_synchronised: Option<bool>,
    /// What its commands are started in; `None` in a simulated world, and in the first records of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<Surroundings>,
    /// Names the machine that the run is bound to, as the mark of a journal does: of a run that changes something on this machine alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
}

/// One fact of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    RunOpened(Box<Opening>),
    /// A system was asked which one it is. The first answer binds the run to it; one that is another ends it.
    Identified {
        place: Place,
        answer: SystemAnswer,
    },
    /// A preflight probe has been answered.
    Checked {
        place: Place,
        title: String,
        finding: Finding,
    },
    /// A probe, or in a dry run any step that reads, was answered by what the same command had printed at `of` before: it was not run again.
    AnswerShared {
        place: Place,
        of: Place,
        verdict: Verdict,
        message: String,
    },
    /// A blocking probe was overridden, with a reason.
    Overridden {
        place: Place,
        title: String,
        reason: String,
        by: Answerer,
        /// What was not judged because this was not answered: the reason speaks for those checks, too.
        unjudged: Vec<Place>,
    },
    /// What must hold does not: the step at `before` was not begun, or is not `waiting` any longer.
    HoldFailed {
        place: Place,
        title: String,
        before: Place,
        waiting: bool,
        why: String,
        hint: Option<String>,
    },
    /// What does not hold was overridden for the step at `before`, with a reason.
    HoldOverridden {
        place: Place,
        title: String,
        before: Place,
        reason: String,
        by: Answerer,
    },
    /// The preflight is over and the plan stands.
    Planned {
        steps: usize,
        read: usize,
        change: usize,
        destroy: usize,
    },
    /// A question was answered with yes. `place` is `None` for the plan as a whole.
    Confirmed {
        place: Option<Place>,
        text: String,
        typed: String,
        by: Answerer,
    },
    /// A question was answered with no, or could not be asked.
    Declined {
        place: Option<Place>,
        text: String,
        why: String,
    },
    /// A step has been reached: what it is called and does, for whoever is told of it.
    StepReached {
        place: Place,
        title: String,
        kind: StepKind,
        effect: Effect,
        /// The case that was chosen, of a step that is done in several ways.
        case: Option<String>,
    },
    /// A loop's items are settled.
    Staggered {
        place: Place,
        items: Vec<String>,
        batches: Vec<usize>,
        max_failures: u64,
    },
    /// A batch of a loop begins.
    BatchBegan {
        place: Place,
        batch: usize,
        items: Vec<String>,
    },
    /// About to be spawned. Durable before it is.
    StepBegan {
        place: Place,
        part: Part,
        attempt: u32,
        command: Shown,
        /// What must be run when the scope ends, once this has begun.
        owes: Option<Shown>,
    },
    StepSpawned {
        place: Place,
        part: Part,
        pid: u32,
        start_time: u64,
    },
    StepSignalled {
        place: Place,
        part: Part,
        signal: SentSignal,
    },
    StepEnded {
        place: Place,
        part: Part,
        attempt: u32,
        exit: Exit,
        stdout: Captured,
        stderr: Captured,
        took: Duration,
        /// How often a wait asked; 1 for everything else.
        askings: u32,
        verdict: Verdict,
        /// What was seen, in words.
        message: String,
        excerpt: Excerpt,
    },
    /// A dry run has come to something it does not do.
    StepPredicted {
        place: Place,
        part: Part,
        prediction: Prediction,
    },
    StepSkipped {
        place: Place,
        why: Skip,
    },
    /// The step as a whole is over.
    StepSettled {
        place: Place,
        outcome: StepOutcome,
    },
    DoubtResolved {
        place: Place,
        outcome: StepOutcome,
        evidence: String,
        by: Option<Answerer>,
    },
    /// A group is entered that has a cleanup of its own: from now on it is owed.
    CleanupDue {
        place: Place,
        command: Shown,
    },
    /// What a step owes could not be run, or did not work: a debt.
    Owed {
        place: Place,
        why: String,
    },
    /// A person has put back what a step owes, and says so: halligan has run nothing for it.
    SettledByHand {
        place: Place,
        reason: String,
        by: Answerer,
    },
    Note {
        place: Option<Place>,
        text: String,
        /// The next record was kept outside the journal while it could not be written: the SHA-256 of its line there, in hex.
        taken: Option<String>,
        /// A person has written it, at a question or with `halligan note`; else halligan itself has, or nobody knows.
        person: bool,
    },
    /// An operator works off script.
    Shell {
        /// At which question it was opened; `None` beside the run.
        place: Option<Place>,
        /// Which of the shells beside this run.
        shell: String,
        fact: ShellFact,
    },
    Interrupted {
        signal: StopSignal,
    },
    Resumed {
        from: String,
    },
    RunClosed {
        outcome: Outcome,
        why: String,
        owed: Vec<Place>,
    },
}
