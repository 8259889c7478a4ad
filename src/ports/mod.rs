//! The few traits through which the run loop meets the outside. `app` joins them; their implementers never import one another.
//!
//! No method has a body here: one that stands before another implementer would forget to pass it on, and nobody would see.

pub(crate) mod interrupts;
pub(crate) mod ledger;
pub(crate) mod off_script;
#[cfg(test)]
pub(crate) mod witness;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

pub(crate) use interrupts::{Heard, Interrupts, Stopwatch, Urgency};
pub use ledger::{Capture, Ledger, LedgerError};
pub(crate) use off_script::{FromShell, OffScript, ShellRecords};

use crate::event::{
    Answerer, Captured, Cut, Effect, Event, Exit, Holding, Part, Place, Progress, ReadNeeds, SentSignal, Shown, moment::Moment,
};
pub(crate) use crate::event::{Choice, Words};

/// A value for a command's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvValue {
    pub name: String,
    pub value: String,
}

/// A command with every expression in it resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The query of the runbook that is asked, if it is one: a simulated world may answer it by its name.
    pub query: Option<Arc<str>>,
    pub place: Place,
    pub part: Part,
    pub words: Words,
    pub effect: Effect,
    /// `None` is this machine.
    pub host: Option<String>,
    pub user: Option<String>,
    pub cwd: Option<PathBuf>,
    pub env: Vec<EnvValue>,
    pub stdin: Option<String>,
    pub timeout: Option<Duration>,
    pub interactive: bool,
    /// What it needs beside reading files, where it only reads.
    pub reading: ReadNeeds,
}

impl Order {
    /// One on this machine, as halligan's own user, where it was started; nothing is given to it, and it has no limit of time.
    #[must_use]
    pub fn plain(place: Place, part: Part, words: Words, effect: Effect) -> Self {
        Self {
            query: None,
            place,
            part,
            words,
            effect,
            host: None,
            user: None,
            cwd: None,
            env: Vec::new(),
            stdin: None,
            timeout: None,
            interactive: false,
            reading: ReadNeeds::default(),
        }
    }

    /// What may be recorded and shown of it.
    #[must_use]
    pub fn shown(&self) -> Shown {
        Shown {
            words: self.words.clone(),
            effect: self.effect,
            host: self.host.clone(),
            user: self.user.clone(),
            cwd: self.cwd.as_ref().map(|path| path.display().to_string()),
            env: self.env.iter().map(|variable| variable.name.clone()).collect(),
            stdin: self.stdin.is_some(),
            timeout_ms: self.timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
            held: None,
            fences: BTreeMap::new(),
        }
    }
}

/// One stream of what a command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    pub captured: Captured,
    /// All of it up to [`Printed::LIMIT`]; of what is longer, only the first [`Printed::EDGE`].
    pub head: Vec<u8>,
    /// The last [`Printed::EDGE`] of what is longer; empty where `head` is all.
    pub tail: Vec<u8>,
}

impl Printed {
    /// How much of a stream expressions may look at, in bytes.
    pub const LIMIT: usize = 8 << 20;
    /// How much is remembered of each end of a longer one, in bytes.
    pub const EDGE: usize = 64 << 10;

    /// A stream of which the beginning is at hand.
    #[must_use]
    pub fn new(captured: Captured, head: Vec<u8>) -> Self {
        Self { captured, head, tail: Vec::new() }
    }

    /// Its last bytes, as many as are at hand.
    #[must_use]
    pub fn end(&self) -> &[u8] {
        if self.tail.is_empty() { &self.head } else { &self.tail }
    }

    /// Why `head` is not all there was; `None` if it is.
    #[must_use]
    pub fn cut(&self) -> Option<Cut> {
        // What could not be stored is at hand all the same, as long as it is not too long.
        let too_long = || (self.captured.bytes > self.head.len() as u64 || !self.tail.is_empty()).then_some(Cut::TooLong);
        too_long().or(self.captured.cut)
    }
}

/// How an order ended.
#[derive(Debug)]
pub struct Ran {
    pub exit: Exit,
    pub stdout: Printed,
    pub stderr: Printed,
    pub took: Duration,
    /// Something it started held its output open after it had ended.
    pub leaked: bool,
}

/// What an executor says while a command is under way.
pub trait Site: Sync {
    /// # Errors
    /// The journal does not take it.
    fn spawned(&self, pid: u32, start_time: u64) -> Result<(), LedgerError>;
    /// # Errors
    /// The journal does not take it.
    fn signalled(&self, signal: SentSignal) -> Result<(), LedgerError>;
    /// # Errors
    /// The journal gives no room.
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError>;
    /// A line of output, for the screen and for progress figures.
    fn line(&self, text: &str);
    /// Whether lines are of use to anybody.
    fn listens(&self) -> bool;
    /// What else the journal and the operator should know of it, such as what it has left behind.
    ///
    /// # Errors
    /// The journal does not take it.
    fn remark(&self, text: &str) -> Result<(), LedgerError>;
}

/// Runs commands: as processes, as a simulated world, or only those that read.
pub trait Executor: Sync {
    /// Whether this executor would really run the order.
    fn admits(&self, order: &Order) -> bool;
    /// How far this executor holds the order to reading; `None` where nothing needs to be held: it changes something, or nothing is
    /// really run.
    fn holding(&self, order: &Order) -> Option<Holding>;
    /// How many orders it can have under way at once.
    fn concurrency(&self) -> usize;
    /// Where a program stands, as it would be found when it is run; `None` if it is not there.
    fn locate(&self, program: &str) -> Option<PathBuf>;
    /// Why a program that is there cannot be started: no x bit, no such interpreter. `None` if it can, or is not there at all.
    fn unfit(&self, program: &str) -> Option<String>;
    /// Which of these programs another host does not have; none in a world that has no other hosts.
    ///
    /// # Errors
    /// The host cannot be asked, and why.
    fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String>;
    /// The name of the user who runs halligan, in this executor's world.
    fn user(&self) -> String;
    /// Runs the order to its end. Its `began` is durable already.
    ///
    /// # Errors
    /// Only the journal's: how the command itself ended is in [`Ran`].
    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError>;
}

/// Tells time and lets it pass.
pub trait Clock: Sync {
    fn now(&self) -> Moment;
    /// Whether it is kept in step with other machines' clocks; `None` if nobody knows.
    fn is_synchronised(&self) -> Option<bool>;
    /// Since this clock was made; never goes back.
    fn elapsed(&self) -> Duration;
    /// Returns early when the operator interrupts.
    fn pause(&self, length: Duration, stop: &Interrupts);
}

/// What the operator is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Shall this plan be run?
    Plan { changes: usize, destroys: usize },
    /// Shall a run that was left be gone on with? What was found stands on the screen already.
    GoOn,
    /// Yes or no, for a step that only asks.
    YesNo,
    /// This, typed out. `destroys` when nothing can take it back.
    Phrase { phrase: String, destroys: bool },
    /// What was done elsewhere.
    Report { ask: String },
    /// A step has failed: what now?
    Failed { choices: Vec<Choice> },
    /// A blocking probe says no: a reason, or nothing to stop.
    Override,
    /// In step mode: do this step?
    Step { choices: Vec<Choice> },
    /// Nobody knows how a step ended.
    Doubt { choices: Vec<Choice> },
}

/// A question with all that is needed to ask it.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// `None` for the plan.
    pub place: Option<Place>,
    pub ask: Ask,
    /// The whole text: what is journaled is what was shown.
    pub text: String,
    pub behind: Behind,
}

/// What a question has beside its answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behind {
    /// What a rollback would do now, in order, and what it could not take back; empty where none is offered.
    pub takes_back: String,
    /// Whoever asks takes notes, too.
    pub notes: bool,
    /// Whoever asks can open a shell.
    pub shell: bool,
}

impl Question {
    /// All that was shown of it; with what a rollback would do, if one was chosen.
    #[must_use]
    pub fn shown(self, rollback: bool) -> String {
        if rollback && !self.behind.takes_back.is_empty() { format!("{}\n{}", self.text, self.behind.takes_back) } else { self.text }
    }
}

/// What the operator said.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Yes {
        typed: String,
        by: Answerer,
    },
    No {
        why: String,
    },
    Chosen {
        choice: Choice,
        by: Answerer,
    },
    /// No answer yet: a note for the journal.
    Noted {
        text: String,
    },
    /// No answer yet: a shell, on this machine or on another host.
    OffScript {
        host: Option<String>,
    },
    /// A dry run asks nothing.
    NotAsked,
}

/// What would have answered a question before it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beforehand {
    /// `--yes`
    Yes,
    /// `--confirm STEP=PHRASE`; without a phrase, one of the operator's own words.
    Confirm { place: Place, phrase: Option<String> },
    /// `--override PROBE=REASON`
    Override { place: Place },
    /// A value for a parameter; one that is secret is not for a command line, where other users could see it.
    Parameter { name: String, secret: bool },
    /// No flag does: what would help.
    Nothing { instead: &'static str },
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No terminal, and what would have answered.
    #[error("this needs an answer, and there is no terminal to ask on")]
    NoTerminal { beforehand: Beforehand },
    #[error("interrupted at a prompt")]
    Interrupted,
    #[error("end of input (Ctrl-D) at a prompt")]
    Ended,
    /// The operator wants no part of the question.
    #[error("left without an answer")]
    Left,
    #[error("terminal lost")]
    Gone,
}

/// Lets the operator decide.
pub trait Prompt: Sync {
    /// # Errors
    /// There is nobody to answer; that is never a yes.
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer>;
}

/// Looks on. Returns nothing, so it can steer nothing.
pub trait Observer: Sync {
    fn event(&self, at: Moment, event: &Event);
    fn progress(&self, at: Moment, progress: &Progress);
}
