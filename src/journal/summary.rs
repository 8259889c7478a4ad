//! A run in a few words, as lists have it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{extent::Extent, record::Header, shape::RunOpened};
use crate::event::{Mode, Outcome, RunId};

/// A run in a few words.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct RunSummary {
    pub id: RunId,
    pub runbook: String,
    pub title: String,
    pub mode: Mode,
    #[schemars(with = "String")]
    pub opened: jiff::Timestamp,
    pub boot_id: String,
    pub host: String,
    pub uid: u32,
    pub login_uid: Option<u32>,
    pub tty: Option<String>,
    pub ssh: Option<String>,
    /// Whether its clock was kept in step with others; `None` if nobody knew.
    pub clock_synchronised: Option<bool>,
    /// `None` while it is open, or if it crashed (no end recorded).
    pub outcome: Option<Outcome>,
    /// How often the operator has interrupted it since it was begun or resumed.
    pub interruptions: usize,
    /// Its last record of an end says that it owes something.
    pub owes: bool,
    /// Steps of its plan; `None` if it did not come so far.
    pub planned: Option<usize>,
    /// Steps that were settled or skipped; each item of a loop counts.
    pub settled: usize,
    /// Where its records stand in the snapshot that it was found in.
    #[serde(skip)]
    pub extent: Extent,
}

impl RunSummary {
    /// A run that has just been opened.
    pub(super) fn opened(header: Header<'_>, opening: RunOpened) -> Self {
        Self {
            id: header.run,
            runbook: opening.runbook,
            title: opening.title,
            mode: opening.mode,
            opened: header.ts,
            boot_id: header.boot_id.0.into_owned(),
            host: header.host.0.into_owned(),
            uid: header.uid,
            login_uid: header.login_uid,
            tty: header.tty.map(|text| text.0.into_owned()),
            ssh: header.ssh.map(|text| text.0.into_owned()),
            clock_synchronised: opening.clock_synchronised,
            outcome: None,
            interruptions: 0,
            owes: false,
            planned: None,
            settled: 0,
            extent: Extent::NONE,
        }
    }
}
