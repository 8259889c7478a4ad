//! What is reported of a run after it, from its records.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::status::{OwedCleanup, RunStatus};
use crate::{
    app::session::{looked::Looked, operator::who},
    event::{Effect, Event, Opening, PaceRange, Paces, Part, Place, moment::Moment},
    journal::chronicle::Chronicle,
    words::{self, moment::local},
};

/// What `halligan report --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct RunReport {
    /// How the run stands, as `halligan status` tells it.
    pub(super) status: RunStatus,
    /// Where the runbook's text came from, and its SHA-256.
    pub(super) source: String,
    pub(super) runbook_sha256: String,
    /// The version of halligan that began the run.
    pub(super) version: String,
    /// Secrets as `(secret)`.
    pub(super) parameters: Vec<NamedValue>,
    /// The systems that the run is bound to.
    pub(super) systems: Vec<String>,
    pub(super) durations: Vec<NamedLength>,
    /// What was changed, in the order of its beginning.
    pub(super) changes: Vec<ReportedChange>,
    /// All of it in order.
    pub(super) timeline: Vec<TimelineEntry>,
    pub(super) owed: Vec<OwedCleanup>,
    /// Records that could not be read: the report lacks them.
    pub(super) unreadable: u64,
    /// The head of the journal as of the last record of this run.
    pub(super) head: String,
}

/// A name and a value, as text.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NamedValue {
    pub name: String,
    pub value: String,
}

/// How long something took.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NamedLength {
    pub(super) what: String,
    pub(super) ms: u64,
    /// How long it took in earlier runs, if there were enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) earlier: Option<EarlierLengths>,
}

/// How long a step takes, from earlier runs of its runbook on this host: 75 to 90 of 100 lie within.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EarlierLengths {
    pub(super) least_ms: u64,
    pub(super) most_ms: u64,
    /// Of so many.
    pub(super) of: usize,
}

impl From<PaceRange> for EarlierLengths {
    fn from(PaceRange { least, most, of }: PaceRange) -> Self {
        let ms = |length: std::time::Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self { least_ms: ms(least), most_ms: ms(most), of }
    }
}

/// A command that changed something.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReportedChange {
    #[schemars(with = "String")]
    pub(super) at: Timestamp,
    pub(super) place: String,
    /// `main`, `undo`, `cleanup` or `lock`.
    pub(super) part: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) title: String,
    /// Where it was run.
    pub(super) host: String,
    pub(super) command: String,
    /// How it ended; absent where no end is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took_ms: Option<u64>,
}

/// One line of the timeline.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct TimelineEntry {
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The same where the reader of the report is.
    pub local: String,
    /// Who carried the run out then.
    pub who: String,
    /// One of `run`, `system`, `check`, `decision`, `note`, `shell`, `change`, `failure`, `wait`, `batch`, `skip`, `doubt`, `cleanup`.
    pub kind: String,
    pub text: String,
    /// A note that a person has written; others are halligan's own, or nobody knows whose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub person: bool,
}

/// The parameters of a run as they may be shown.
pub(super) fn parameters(opening: &Opening) -> Vec<NamedValue> {
    opening.params.iter().map(|(name, value)| NamedValue { name: name.clone(), value: words::value(value) }).collect()
}

/// The timeline of a run.
pub(super) fn timeline(chronicle: &Chronicle) -> Vec<TimelineEntry> {
    let mut entries = Vec::new();
    let (mut interruptions, mut boot) = (0, "");
    let mut changing = std::collections::BTreeSet::new();
    for fact in &chronicle.facts {
        let mut tell = |kind: &str, text: String| {
            entries.push(TimelineEntry {
                at: fact.at.ts,
                local: local(fact.at.ts).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
                who: who(fact.uid, fact.login_uid),
                kind: kind.to_owned(),
                text,
                person: matches!(fact.event, Event::Note { person: true, .. }),
            });
        };
        if !boot.is_empty() && boot != fact.boot_id {
            tell("run", "the host was rebooted before this".to_owned());
        }
        boot = &fact.boot_id;
        let ends_change = match &fact.event {
            Event::StepBegan { place, part, command, .. } if command.effect != Effect::Read => {
                changing.insert((place, *part));
                true
            }
            Event::StepEnded { place, part, .. } => changing.remove(&(place, *part)),
            _ => false,
        };
        match &fact.event {
            Event::Interrupted { .. } => interruptions += 1,
            Event::Resumed { .. } => interruptions = 0,
            _ => {}
        }
        if let Some(told) = words::timeline(&fact.event, ends_change, interruptions) {
            tell(told.kind, told.text);
        }
    }
    entries
}

fn changes(looked: &Looked) -> Vec<ReportedChange> {
    let mut changes: Vec<(&Place, Part, ReportedChange)> = Vec::new();
    for fact in &looked.chronicle.facts {
        match &fact.event {
            Event::StepBegan { place, part, command, .. } if command.effect != Effect::Read => {
                let change = ReportedChange {
                    at: fact.at.ts,
                    place: place.to_string(),
                    part: part.name().to_owned(),
                    title: looked.title(place).to_owned(),
                    host: command.host.clone().unwrap_or_else(|| looked.summary.host.clone()),
                    command: words::brief(command),
                    result: None,
                    took_ms: None,
                };
                changes.push((place, *part, change));
            }
            Event::StepEnded { place, part, verdict, took, exit, .. } => {
                let open = changes.iter_mut().rev().find(|(at, of, change)| *at == place && of == part && change.result.is_none());
                if let Some((.., change)) = open {
                    change.result = Some(format!("{} ({})", words::part_outcome(*part, verdict), words::exit(exit)));
                    change.took_ms = u64::try_from(took.as_millis()).ok();
                }
            }
            _ => {}
        }
    }
    changes.into_iter().map(|(.., change)| change).collect()
}

/// How long the stretches of the run took, and its longest steps. Lengths are measured within one start of the machine.
fn durations(looked: &Looked, paces: &Paces) -> Vec<NamedLength> {
    let facts = &looked.chronicle.facts;
    let Some((first, last)) = facts.first().zip(facts.last()) else { return Vec::new() };
    let between = |what: &str, from: Option<(Moment, &str)>, to: Option<(Moment, &str)>| {
        let (from, to) = from.zip(to)?;
        let ms = u64::try_from(to.0.since(from.0).as_millis()).ok()?;
        (from.1 == to.1).then(|| NamedLength { what: what.to_owned(), ms, earlier: None })
    };
    let at = |is: &dyn Fn(&Event) -> bool| facts.iter().find(|fact| is(&fact.event)).map(|fact| (fact.at, fact.boot_id.as_str()));
    let (began, ended) = (Some((first.at, first.boot_id.as_str())), Some((last.at, last.boot_id.as_str())));
    let planned = at(&|event| matches!(event, Event::Planned { .. }));
    let changed = at(&|event| matches!(event, Event::StepBegan { command, .. } if command.effect != Effect::Read));
    let mut found: Vec<_> = [
        between("from the beginning to the last record", began, ended),
        between("preflight", began, planned),
        between("from the plan to the first change (with the operator's answers)", planned, changed),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut steps: Vec<NamedLength> = facts
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::StepEnded { place, part: Part::Main, took, .. } if took.as_secs() > 0 => {
                let earlier = paces.of(place, Part::Main).map(EarlierLengths::from);
                Some(NamedLength { what: format!("step {place}"), ms: u64::try_from(took.as_millis()).ok()?, earlier })
            }
            _ => None,
        })
        .collect();
    steps.sort_by_key(|length| std::cmp::Reverse(length.ms));
    found.extend(steps.into_iter().take(5));
    found
}

impl RunReport {
    pub(super) fn of(looked: &Looked, opening: &Opening, paces: &Paces, head: String) -> Self {
        let state = &looked.chronicle.past.state;
        Self {
            status: RunStatus::of(looked, &[]),
            source: opening.source.clone(),
            runbook_sha256: opening.runbook_sha256.clone(),
            version: opening.version.clone(),
            parameters: parameters(opening),
            systems: state.systems.values().map(|system| system.name.clone()).collect(),
            durations: durations(looked, paces),
            changes: changes(looked),
            timeline: timeline(&looked.chronicle),
            owed: RunStatus::owed(state),
            unreadable: looked.chronicle.unreadable,
            head: head.trim_end().to_owned(),
        }
    }
}
