//! `halligan journal show`: one run, from its records.

use std::{io::Write, path::Path};

use super::{
    error::{Result, within},
    list::ending,
    story::Story,
};
use crate::{
    app::session::run_name,
    journal::{
        Digest, Head, JournalError,
        identity::Identity,
        reader::{Snapshot, runs},
        record::{Glance, Line},
    },
    ui::layout::Page,
    words::sanitise::line as visible,
};

/// Tells one run as a story; with `json`, its records as they stand. `run` is its name or the beginning of it; `page`, the
/// terminal, if it goes to one.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub(super) fn show(out: &mut dyn Write, dir: &Path, run: &str, json: bool, page: Option<Page>) -> Result<u8> {
    let snapshot = within(dir, Snapshot::take(dir))?;
    let found = within(dir, runs(&snapshot))?;
    let summary = run_name::find(found.runs, run)?;
    let mut story = Story::new(dir, page);
    let mut head = None;
    let mut lines = snapshot.lines();
    while let Some(raw) = within(dir, lines.read().map_err(JournalError::reading))? {
        if Glance::at(raw.bytes).is_none_or(|glance| glance.run != summary.id) {
            continue;
        }
        if json {
            out.write_all(raw.bytes)?;
            continue;
        }
        match Line::read(raw.bytes) {
            Ok(Line::Record(record)) => {
                head = Some((record.header.seq, Digest::of(raw.bytes)));
                story.tell(out, &record)?;
            }
            Ok(Line::Newer { v, .. }) => {
                writeln!(out, "          line {} is in format {v}, which is newer than this halligan", raw.number)?;
            }
            Err(fault) => writeln!(out, "          line {} cannot be told: {}", raw.number, visible(&fault.to_string()))?,
        }
    }
    if !json {
        let head = head.map(|(seq, hash)| Head::new(&summary.host, dir, seq, hash).to_string());
        story.end(out, ending(&summary, &Identity::read().boot_id), head.as_deref())?;
    }
    Ok(0)
}
