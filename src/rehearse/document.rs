//! The scenario as it is written: serde shapes, checked for nothing but their form.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::event::Outcome;

/// A scenario file, format version 1: a simulated world that a runbook is rehearsed against.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "of some parts only the schema is used: they are read one by one, so that a fault has its place")]
pub(crate) struct ScenarioDocument {
    /// Format version. Must be 1, and stands first.
    #[schemars(required, range(min = 1, max = 1))]
    pub halligan_scenario: Option<u32>,
    /// The name of the runbook that is rehearsed.
    pub runbook: Option<String>,
    /// Another scenario of the same runbook, by its file's stem. What is not said here is as it is there: parameters, variables
    /// of the world, answers and hosts of `commands_missing` are replaced one by one; rules, events, faults and `never` come before those from there.
    /// Its other expectations are not taken over.
    pub extends: Option<String>,
    /// What happens in it, as one line.
    #[schemars(required)]
    pub title: Option<String>,
    /// What it shows, and where its outputs come from.
    pub summary: Option<String>,
    /// The runbook's parameters.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub params: IndexMap<String, Value>,
    /// When it begins (RFC 3339); the same moment every time if it is not said.
    pub now: Option<String>,
    /// Who runs halligan; else `root`.
    pub user: Option<String>,
    /// The programs that are installed; else all that the rules mention.
    pub commands_present: Option<Vec<String>>,
    /// By host, programs that it does not have.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Vec<String>>")]
    pub commands_missing: IndexMap<String, Vec<String>>,
    /// The variables of the simulated world, all of them.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub world: IndexMap<String, Value>,
    /// Rules that answer commands. The first that matches answers.
    #[serde(default)]
    pub commands: Vec<RuleDocument>,
    /// What happens by itself.
    #[serde(default)]
    pub events: Vec<EventDocument>,
    /// What goes wrong on top of that.
    #[serde(default)]
    pub faults: Vec<InjectionDocument>,
    /// What the operator says, by step id, by place or `plan`. The plan is confirmed unless this says otherwise.
    #[serde(default)]
    pub answers: IndexMap<String, AnswerDocument>,
    /// Reasons for overriding blocking probes, by probe id. A probe that is not named here is not overridden.
    #[serde(default)]
    pub overrides: IndexMap<String, String>,
    /// How it must end: `outcome` or `exit` at least.
    #[serde(default)]
    pub expect: ExpectDocument,
}

/// One word of a pattern: `{name}`, `{name:int}`, `{name:word}`, `{name:rest}` capture; `{a|b}` and `{name:a|b}` are
/// alternatives; `\{` is a brace.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a word must be text or a whole number; quote what YAML takes for something else")]
pub enum Word {
    // First what is by far the most: each that does not fit is put into words before the next is tried.
    Text(String),
    Int(i64),
}

/// One or several words that stand together.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a flag must be a word, or a list of words that stand together")]
pub enum FlagDocument {
    One(Word),
    Many(Vec<Word>),
}

/// Answers a command by looking at the world and changing it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleDocument {
    /// The command, word by word.
    #[serde(rename = "match")]
    pub words: Option<Vec<Word>>,
    /// For a shell step: a regular expression that is found in its script.
    pub script: Option<String>,
    /// A query of the runbook, by its name: whatever its words are, it is meant.
    pub query: Option<String>,
    /// Words that must be there, anywhere after the program.
    #[serde(default)]
    pub flags: Vec<FlagDocument>,
    /// Words that may be there, anywhere after the program.
    #[serde(default)]
    pub may_have: Vec<FlagDocument>,
    /// Only on a host with such a name; without it, everywhere.
    pub on: Option<String>,
    /// Only if this expression over the world and the captures is true.
    pub when: Option<String>,
    /// How long the command takes; else no time.
    pub takes: Option<String>,
    /// What it changes when it is through: variables (`noout`, `osd.3.up`) and their new values or templates.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub set: IndexMap<String, Value>,
    /// What it prints, as a template. Sees the world as it is after `set`.
    pub stdout: Option<String>,
    /// What it prints, as JSON: any value, with templates in it.
    pub json: Option<Value>,
    /// What it prints, as it stands in a file beside the scenario.
    pub stdout_file: Option<String>,
    /// What it prints on standard error, as a template.
    pub stderr: Option<String>,
    /// Its exit code, 0 to 255, or a template for it; else 0.
    pub code: Option<CodeDocument>,
    /// It does its work and never ends.
    #[serde(default)]
    pub hang: bool,
    /// What changes some time after it is through.
    #[serde(default)]
    pub after: IndexMap<String, LaterDocument>,
}

/// An exit code or a template for one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "an exit code must be a whole number or a template")]
pub(crate) enum CodeDocument {
    Number(i64),
    Template(String),
}

/// What changes later.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LaterDocument {
    /// Variables and their new values or templates.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub set: IndexMap<String, Value>,
}

/// Something that happens by itself: at a time, every so often, or once when something holds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventDocument {
    /// When, counted from the beginning; with `every`, the first time.
    pub at: Option<String>,
    /// Again and again, so far apart.
    pub every: Option<String>,
    /// Only if this expression over the world is true. Alone: once, as soon as it is true.
    pub when: Option<String>,
    /// Variables and their new values or templates.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub set: IndexMap<String, Value>,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// It fails and does nothing
    Fail,
    /// It does nothing and never ends
    Hang,
    /// It does its work, and what it prints is cut and damaged
    Garble,
    /// It takes longer
    Slow,
    /// It does its work, and what it prints ends half way
    Cut,
    /// It says that all is well, and has done nothing
    Lie,
    /// It does its work, and the connection is lost before anybody hears of it
    Drop,
    /// halligan itself is killed while it is under way; it does its work
    Kill,
    /// halligan itself is killed before it has done anything
    KillBefore,
    /// The journal's disk is full when its outcome is to be recorded
    DiskFull,
    /// It does its work, and right after it somebody else changes the world: `set`
    Hands,
}

impl Mishap {
    /// Every one, in the order in which a sweep goes through them.
    pub const ALL: [Self; 11] = [
        Self::Fail,
        Self::Hang,
        Self::Slow,
        Self::Garble,
        Self::Cut,
        Self::Lie,
        Self::Drop,
        Self::Kill,
        Self::KillBefore,
        Self::DiskFull,
        Self::Hands,
    ];

    /// As it is written in a scenario and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Hang => "hang",
            Self::Garble => "garble",
            Self::Slow => "slow",
            Self::Cut => "cut",
            Self::Lie => "lie",
            Self::Drop => "drop",
            Self::Kill => "kill",
            Self::KillBefore => "kill_before",
            Self::DiskFull => "disk_full",
            Self::Hands => "hands",
        }
    }

    /// Whether halligan itself ends with it, and leaves the run open.
    #[must_use]
    pub fn ends_halligan(self) -> bool {
        matches!(self, Self::Kill | Self::KillBefore | Self::DiskFull)
    }
}

/// Which call.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a call must be a whole number from 1, or `every`")]
pub(crate) enum CallDocument {
    Nth(u32),
    Every(EveryName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EveryName {
    Every,
}

/// When something must not be true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// At no time
    #[default]
    Any,
    /// When the run has ended, unless what puts it right is owed and would
    End,
}

/// What must not be true: an expression over the world at no time, or a map of variables and their values with `at`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "it must be an expression, or a map such as {noout: true, at: end} or {that: EXPRESSION, at: end}")]
pub(crate) enum NeverDocument {
    Text(String),
    Map(#[schemars(with = "serde_json::Map<String, Value>")] IndexMap<String, Value>),
}

/// Which of a step's commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartName {
    #[default]
    Main,
    DoneIf,
    Verify,
    Gate,
    Holds,
    Show,
    Undo,
    Cleanup,
}

/// Something that goes wrong, whatever the rules say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InjectionDocument {
    /// The step: its id, or its whole place.
    pub step: String,
    /// Which of its commands; else `main`.
    #[serde(default)]
    pub part: PartName,
    /// Which of its calls, from 1, or `every`; else the first.
    pub call: Option<CallDocument>,
    /// What goes wrong.
    #[serde(rename = "do")]
    pub mishap: Mishap,
    /// The exit code of a `fail`; else 1.
    pub code: Option<u8>,
    /// What a `fail` prints on standard error.
    pub stderr: Option<String>,
    /// How much longer a `slow` takes.
    pub takes: Option<String>,
    /// What somebody else changes with `hands`: variables and their new values.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub set: IndexMap<String, Value>,
}

/// What the operator says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "an answer must be true, false, a text, or a list of these, one for each time it is asked")]
pub(crate) enum AnswerDocument {
    YesNo(bool),
    Text(String),
    Each(Vec<SaidDocument>),
}

/// What the operator says once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "an answer must be true, false or a text")]
pub(crate) enum SaidDocument {
    YesNo(bool),
    Text(String),
}

/// A pattern for commands that ran.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a command must be a list of words, or a map with `match` or `script`, and `flags`, `may_have`, `on`, `times`"
)]
pub(crate) enum RanDocument {
    Words(Vec<Word>),
    Whole(Box<RanWholeDocument>),
}

/// A pattern for commands that ran, in full.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RanWholeDocument {
    /// The command, word by word.
    #[serde(rename = "match")]
    pub words: Option<Vec<Word>>,
    /// For a shell step: a regular expression that is found in its script.
    pub script: Option<String>,
    /// A query of the runbook, by its name: whatever its words are, it is meant.
    pub query: Option<String>,
    /// Words that must be there, anywhere after the program.
    #[serde(default)]
    pub flags: Vec<FlagDocument>,
    /// Words that may be there, anywhere after the program.
    #[serde(default)]
    pub may_have: Vec<FlagDocument>,
    /// Only on a host with such a name.
    pub on: Option<String>,
    /// Exactly so often in the whole run.
    pub times: Option<usize>,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    Completed,
    Blocked,
    Declined,
    Stopped,
    RolledBack,
    Stuck,
}

impl From<OutcomeName> for Outcome {
    fn from(name: OutcomeName) -> Self {
        match name {
            OutcomeName::Completed => Self::Completed,
            OutcomeName::Blocked => Self::Blocked,
            OutcomeName::Declined => Self::Declined,
            OutcomeName::Stopped => Self::Stopped,
            OutcomeName::RolledBack => Self::RolledBack,
            OutcomeName::Stuck => Self::Stuck,
        }
    }
}

/// What a preflight probe finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingName {
    Pass,
    Warn,
    Block,
    Unknown,
    NotJudged,
}

/// How a rehearsal must end. What is not said is not looked at.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectDocument {
    /// How the run ends.
    pub outcome: Option<OutcomeName>,
    /// Its exit code.
    pub exit: Option<u8>,
    /// The place at which it ends: `restart[osd=3].wait_up`.
    pub at: Option<String>,
    /// Commands that run, in this order; others may run between them.
    #[serde(default)]
    pub ran: Vec<RanDocument>,
    /// Commands that never run.
    #[serde(default)]
    pub never_ran: Vec<RanDocument>,
    /// What the operator is asked, by step id, by place or `plan`.
    #[serde(default)]
    pub asked: Vec<String>,
    /// Variables of the world at the end.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub world: IndexMap<String, Value>,
    /// What is true of the world at no time, or not at the end: `{noout: true, at: end}`.
    #[serde(default)]
    pub never: Vec<NeverDocument>,
    /// The places of the steps whose cleanup is still owed at the end, all of them.
    pub owed: Option<Vec<String>>,
    /// What preflight probes find, by id or place.
    #[serde(default)]
    pub findings: IndexMap<String, FindingName>,
}
