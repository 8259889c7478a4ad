//! The content of each type of record.
//!
//! These shapes stand on disks and never change: what is new gets a new version. Parts that are shared with the live
//! events (how a command ended, a command as shown) are held to their form by the frozen journal in the tests.

use std::{collections::BTreeMap, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use super::{mark::JournalMark, version_1};
use crate::{
    digest::Digest,
    event::{
        Answerer, Captured, Effect, Event, Excerpt, Exit, Finding, Mode, Opening, Outcome, Part, Place, Prediction, RecordedPlan,
        SentSignal, ShellFact, Shown, Skip, StepKind, StepOutcome, StopSignal, SystemAnswer, Verdict,
    },
    surroundings::Surroundings,
};

macro_rules! shapes {
    ($($shape:ident ($($name:literal)|+) { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $shape {
                $($(#[$meta])* pub $field: $type),*
            }
        )*

        /// The content of a record.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Body {
            $($shape($shape)),*
        }

        impl Body {
            /// Reads the content of a record of this type, in this version of the format.
            pub(super) fn read<'de, D: Deserializer<'de>>(version: u32, kind: &str, from: D) -> Result<Self, D::Error> {
                match kind {
                    $($($name)|+ if version >= version_of(kind) => $shape::deserialize(from).map(Self::$shape),)*
                    other => Err(serde::de::Error::custom(format_args!("version {version} has no records of type `{other}`"))),
                }
            }

            /// The schema of each content, and the types of the records that have it.
            pub(crate) fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static [&'static str], Schema)> {
                vec![$((&[$($name),+], $shape::json_schema(generator))),*]
            }
        }
    };
}

shapes! {
    RunOpened("run_opened") {
        runbook: String,
        title: String,
        source: String,
        runbook_sha256: String,
        plan: RecordedPlan,
        plan_sha256: String,
        params: BTreeMap<String, serde_json::Value>,
        mode: Mode,
        version: String,
        // Came later; stands only where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock_synchronised: Option<bool>,
        // Came later; stands only in a run on this system.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        surroundings: Option<Box<Surroundings>>,
        // Came later; stands only where the run is bound to this machine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        machine: Option<String>,
        // Came later, and stands only in the first record of a journal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        journal: Option<JournalMark>,
    }
    Identified("identified") { place: Place, answer: SystemAnswer }
    Checked("preflight_passed" | "preflight_warned" | "preflight_blocked" | "preflight_unknown" | "preflight_not_judged") {
        place: Place,
        title: String,
        finding: Finding,
    }
    AnswerShared("answer_shared") { place: Place, of: Place, verdict: Verdict, message: String }
    Overridden("preflight_overridden") {
        place: Place,
        title: String,
        reason: String,
        by: Answerer,
        // Came later, and stands only where there is something to say.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unjudged: Vec<Place>,
    }
    HoldFailed("hold_failed") { place: Place, title: String, before: Place, waiting: bool, why: String, hint: Option<String> }
    HoldOverridden("hold_overridden") { place: Place, title: String, before: Place, reason: String, by: Answerer }
    Planned("planned") { steps: usize, read: usize, change: usize, destroy: usize }
    Confirmed("confirmed") { place: Option<Place>, text: String, typed: String, by: Answerer }
    Declined("declined") { place: Option<Place>, text: String, why: String }
    StepReached("step_reached") {
        place: Place,
        title: String,
        kind: StepKind,
        effect: Effect,
        // Came later, and stands only where a step is done in one of several ways.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<String>,
    }
    Staggered("staggered") { place: Place, items: Vec<String>, batches: Vec<usize>, max_failures: u64 }
    BatchBegan("batch_began") { place: Place, batch: usize, items: Vec<String> }
    StepBegan("step_began" | "undo_began") { place: Place, part: Part, attempt: u32, command: Shown, owes: Option<Shown> }
    StepSpawned("step_spawned") { place: Place, part: Part, pid: u32, start_time: u64 }
    StepSignalled("step_signalled") { place: Place, part: Part, signal: SentSignal }
    StepEnded("step_ended" | "undo_ended" | "step_in_doubt") {
        place: Place,
        part: Part,
        attempt: u32,
        exit: Exit,
        stdout: Captured,
        stderr: Captured,
        took_ms: u64,
        askings: u32,
        verdict: Verdict,
        message: String,
    }
    StepPredicted("step_predicted") { place: Place, part: Part, prediction: Prediction }
    StepSkipped("step_skipped") { place: Place, why: Skip }
    StepSettled("step_settled") { place: Place, outcome: StepOutcome }
    DoubtResolved("doubt_resolved") { place: Place, outcome: StepOutcome, evidence: String, by: Option<Answerer> }
    CleanupDue("cleanup_due") { place: Place, command: Shown }
    Owed("owed") { place: Place, why: String }
    SettledByHand("settled_by_hand") { place: Place, reason: String, by: Answerer }
    Note("note") {
        place: Option<Place>,
        text: String,
        // Came later, and stands only where there is something to say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taken: Option<String>,
        // Stands only where a copy of a journal is gone on with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        journal: Option<JournalMark>,
        // Stands only where a person has adopted the journal of the host of this name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        adopted: Option<String>,
        // Came later, and stands only where a person has written it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        person: bool,
    }
    // What an operator does in a shell beside the run.
    ShellOpened("shell_opened") { place: Option<Place>, shell: String, host: Option<String>, recorder: u32 }
    ShellCommand("shell_command") { place: Option<Place>, shell: String, number: u32, text: String }
    ShellCommandEnded("shell_command_ended") { place: Option<Place>, shell: String, number: u32, code: i32, took_ms: u64 }
    ShellClosed("shell_closed") {
        place: Option<Place>,
        shell: String,
        code: Option<i32>,
        why: Option<String>,
        recording: Captured,
        hook: Option<String>,
    }
    Interrupted("interrupted") { signal: StopSignal }
    Resumed("resumed") { from: String }
    RunClosed("run_closed") { outcome: Outcome, why: String, owed: Vec<Place> }
    // About the journal itself, in the name of no run: what was archived, and where the journal stands from then on.
    Archived("archived") { last: u64, files: Vec<String>, journal: Option<JournalMark> }
    // About the journal's directory and this machine, in the name of no run: what killed runs had left, and was removed next.
    Removed("removed") { paths: Vec<String> }
    Torn("torn") { lines: u64, bytes: u64, sha256: Digest, after: Digest }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// The first version of the format that has this type of record.
fn version_of(kind: &str) -> u32 {
    let second = matches!(
        kind,
        "step_reached"
            | "settled_by_hand"
            | "preflight_not_judged"
            | "answer_shared"
            | "identified"
            | "hold_failed"
            | "hold_overridden"
            | "archived"
            | "removed"
            | "shell_opened"
            | "shell_command"
            | "shell_command_ended"
            | "shell_closed"
    );
    if second { 2 } else { 1 }
}

impl Body {
    /// The first version of the format that can say this. A program that knows no later one is not misled by it, and says so.
    #[must_use]
    pub(super) fn version(&self) -> u32 {
        match self {
            Self::StepReached(_)
            | Self::SettledByHand(_)
            | Self::AnswerShared(_)
            | Self::Identified(_)
            | Self::HoldFailed(_)
            | Self::HoldOverridden(_)
            | Self::Archived(_)
            | Self::Removed(_)
            | Self::ShellOpened(_)
            | Self::ShellCommand(_)
            | Self::ShellCommandEnded(_)
            | Self::ShellClosed(_) => 2,
            Self::StepBegan(StepBegan { part: Part::Holds, .. })
            | Self::StepSpawned(StepSpawned { part: Part::Holds, .. })
            | Self::StepSignalled(StepSignalled { part: Part::Holds, .. })
            | Self::StepEnded(StepEnded { part: Part::Holds, .. })
            | Self::StepPredicted(StepPredicted { part: Part::Holds, .. }) => 2,
            Self::Checked(Checked { finding: Finding::NotJudged { .. }, .. }) => 2,
            Self::Overridden(overridden) if !overridden.unjudged.is_empty() => 2,
            Self::StepBegan(StepBegan { command, .. }) if command.held.is_some() || !command.fences.is_empty() => 2,
            Self::Note(
                Note { taken: Some(_), .. } | Note { journal: Some(_), .. } | Note { adopted: Some(_), .. } | Note { person: true, .. },
            )
            | Self::RunOpened(RunOpened { journal: Some(_), .. }) => 2,
            _ => 1,
        }
    }

    /// What is stored of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event.clone() {
            Event::StepReached { place, title, kind, effect, case } => Self::StepReached(StepReached { place, title, kind, effect, case }),
            Event::RunOpened(opening) => {
                let Opening {
                    runbook,
                    title,
                    source,
                    runbook_sha256,
                    plan,
                    plan_sha256,
                    params,
                    mode,
                    version,
                    clock_synchronised,
                    surroundings,
                    machine,
                } = *opening;
                let journal = None;
                Self::RunOpened(RunOpened {
                    runbook,
                    title,
                    source,
                    runbook_sha256,
                    plan,
                    plan_sha256,
                    params,
                    mode,
                    version,
                    clock_synchronised,
                    surroundings: surroundings.map(Box::new),
                    machine,
                    journal,
                })
            }
            Event::Identified { place, answer } => Self::Identified(Identified { place, answer }),
            Event::Checked { place, title, finding } => Self::Checked(Checked { place, title, finding }),
            Event::AnswerShared { place, of, verdict, message } => Self::AnswerShared(AnswerShared { place, of, verdict, message }),
            Event::Overridden { place, title, reason, by, unjudged } => Self::Overridden(Overridden { place, title, reason, by, unjudged }),
            Event::HoldFailed { place, title, before, waiting, why, hint } => {
                Self::HoldFailed(HoldFailed { place, title, before, waiting, why, hint })
            }
            Event::HoldOverridden { place, title, before, reason, by } => {
                Self::HoldOverridden(HoldOverridden { place, title, before, reason, by })
            }
            Event::Planned { steps, read, change, destroy } => Self::Planned(Planned { steps, read, change, destroy }),
            Event::Confirmed { place, text, typed, by } => Self::Confirmed(Confirmed { place, text, typed, by }),
            Event::Declined { place, text, why } => Self::Declined(Declined { place, text, why }),
            Event::Staggered { place, items, batches, max_failures } => Self::Staggered(Staggered { place, items, batches, max_failures }),
            Event::BatchBegan { place, batch, items } => Self::BatchBegan(BatchBegan { place, batch, items }),
            Event::StepBegan { place, part, attempt, command, owes } => Self::StepBegan(StepBegan { place, part, attempt, command, owes }),
            Event::StepSpawned { place, part, pid, start_time } => Self::StepSpawned(StepSpawned { place, part, pid, start_time }),
            Event::StepSignalled { place, part, signal } => Self::StepSignalled(StepSignalled { place, part, signal }),
            Event::StepEnded { place, part, attempt, exit, stdout, stderr, took, askings, verdict, message, excerpt: _ } => {
                let took_ms = millis(took);
                Self::StepEnded(StepEnded { place, part, attempt, exit, stdout, stderr, took_ms, askings, verdict, message })
            }
            Event::StepPredicted { place, part, prediction } => Self::StepPredicted(StepPredicted { place, part, prediction }),
            Event::StepSkipped { place, why } => Self::StepSkipped(StepSkipped { place, why }),
            Event::StepSettled { place, outcome } => Self::StepSettled(StepSettled { place, outcome }),
            Event::DoubtResolved { place, outcome, evidence, by } => Self::DoubtResolved(DoubtResolved { place, outcome, evidence, by }),
            Event::CleanupDue { place, command } => Self::CleanupDue(CleanupDue { place, command }),
            Event::Owed { place, why } => Self::Owed(Owed { place, why }),
            Event::SettledByHand { place, reason, by } => Self::SettledByHand(SettledByHand { place, reason, by }),
            Event::Note { place, text, taken, person } => Self::Note(Note { place, text, taken, journal: None, adopted: None, person }),
            Event::Shell { place, shell, fact } => match fact {
                ShellFact::Opened { host, recorder } => Self::ShellOpened(ShellOpened { place, shell, host, recorder }),
                ShellFact::Command { number, text } => Self::ShellCommand(ShellCommand { place, shell, number, text }),
                ShellFact::CommandEnded { number, code, took } => {
                    Self::ShellCommandEnded(ShellCommandEnded { place, shell, number, code, took_ms: millis(took) })
                }
                ShellFact::Closed { code, why, recording, hook } => {
                    Self::ShellClosed(ShellClosed { place, shell, code, why, recording, hook })
                }
            },
            Event::Interrupted { signal } => Self::Interrupted(Interrupted { signal }),
            Event::Resumed { from } => Self::Resumed(Resumed { from }),
            Event::RunClosed { outcome, why, owed } => Self::RunClosed(RunClosed { outcome, why, owed }),
        }
    }

    /// The fact that is stored here; `None` for a record that is about the journal itself.
    #[must_use]
    pub fn into_event(self) -> Option<Event> {
        Some(match self {
            Self::Torn(_) | Self::Archived(_) | Self::Removed(_) => return None,
            Self::RunOpened(opening) => {
                let RunOpened {
                    runbook,
                    title,
                    source,
                    runbook_sha256,
                    plan,
                    plan_sha256,
                    params,
                    mode,
                    version,
                    clock_synchronised,
                    surroundings,
                    machine,
                    journal: _,
                } = opening;
                let opening = Opening {
                    runbook,
                    title,
                    source,
                    runbook_sha256,
                    plan,
                    plan_sha256,
                    params,
                    mode,
                    version,
                    clock_synchronised,
                    surroundings: surroundings.map(|kept| *kept),
                    machine,
                };
                Event::RunOpened(Box::new(opening))
            }
            Self::Identified(Identified { place, answer }) => Event::Identified { place, answer },
            Self::Checked(Checked { place, title, finding }) => {
                let finding = version_1::finding(&place, finding);
                Event::Checked { place, title, finding }
            }
            Self::AnswerShared(AnswerShared { place, of, verdict, message }) => Event::AnswerShared { place, of, verdict, message },
            Self::Overridden(Overridden { place, title, reason, by, unjudged }) => Event::Overridden { place, title, reason, by, unjudged },
            Self::HoldFailed(HoldFailed { place, title, before, waiting, why, hint }) => {
                Event::HoldFailed { place, title, before, waiting, why, hint }
            }
            Self::HoldOverridden(HoldOverridden { place, title, before, reason, by }) => {
                Event::HoldOverridden { place, title, before, reason, by }
            }
            Self::Planned(Planned { steps, read, change, destroy }) => Event::Planned { steps, read, change, destroy },
            Self::Confirmed(Confirmed { place, text, typed, by }) => Event::Confirmed { place, text, typed, by },
            Self::Declined(Declined { place, text, why }) => Event::Declined { place, text, why },
            Self::StepReached(StepReached { place, title, kind, effect, case }) => Event::StepReached { place, title, kind, effect, case },
            Self::Staggered(Staggered { place, items, batches, max_failures }) => Event::Staggered { place, items, batches, max_failures },
            Self::BatchBegan(BatchBegan { place, batch, items }) => Event::BatchBegan { place, batch, items },
            Self::StepBegan(StepBegan { place, part, attempt, command, owes }) => Event::StepBegan { place, part, attempt, command, owes },
            Self::StepSpawned(StepSpawned { place, part, pid, start_time }) => Event::StepSpawned { place, part, pid, start_time },
            Self::StepSignalled(StepSignalled { place, part, signal }) => Event::StepSignalled { place, part, signal },
            Self::StepEnded(StepEnded { place, part, attempt, exit, stdout, stderr, took_ms, askings, verdict, message }) => {
                Event::StepEnded {
                    place,
                    part,
                    attempt,
                    exit,
                    stdout,
                    stderr,
                    took: Duration::from_millis(took_ms),
                    askings,
                    verdict,
                    message,
                    excerpt: Excerpt::default(),
                }
            }
            Self::StepPredicted(StepPredicted { place, part, prediction }) => Event::StepPredicted { place, part, prediction },
            Self::StepSkipped(StepSkipped { place, why }) => Event::StepSkipped { place, why },
            Self::StepSettled(StepSettled { place, outcome }) => Event::StepSettled { place, outcome },
            Self::DoubtResolved(DoubtResolved { place, outcome, evidence, by }) => Event::DoubtResolved { place, outcome, evidence, by },
            Self::CleanupDue(CleanupDue { place, command }) => Event::CleanupDue { place, command },
            Self::Owed(Owed { place, why }) => Event::Owed { place, why },
            Self::SettledByHand(SettledByHand { place, reason, by }) => Event::SettledByHand { place, reason, by },
            Self::Note(Note { place, text, taken, journal: _, adopted: _, person }) => {
                let taken = taken.or_else(|| version_1::taken(&text));
                Event::Note { place, text, taken, person }
            }
            Self::ShellOpened(ShellOpened { place, shell, host, recorder }) => {
                Event::Shell { place, shell, fact: ShellFact::Opened { host, recorder } }
            }
            Self::ShellCommand(ShellCommand { place, shell, number, text }) => {
                Event::Shell { place, shell, fact: ShellFact::Command { number, text } }
            }
            Self::ShellCommandEnded(ShellCommandEnded { place, shell, number, code, took_ms }) => {
                let took = Duration::from_millis(took_ms);
                Event::Shell { place, shell, fact: ShellFact::CommandEnded { number, code, took } }
            }
            Self::ShellClosed(ShellClosed { place, shell, code, why, recording, hook }) => {
                Event::Shell { place, shell, fact: ShellFact::Closed { code, why, recording, hook } }
            }
            Self::Interrupted(Interrupted { signal }) => Event::Interrupted { signal },
            Self::Resumed(Resumed { from }) => Event::Resumed { from },
            Self::RunClosed(RunClosed { outcome, why, owed }) => Event::RunClosed { outcome, why, owed },
        })
    }
}
