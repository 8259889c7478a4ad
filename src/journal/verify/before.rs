//! What of a journal was verified before, and is as it was then: verifying goes on after it.

use std::collections::HashMap;

use sha2::Sha256;

use super::passed::Fact;
use crate::{
    digest::Digest,
    event::{RunId, RunState},
    journal::{
        chain::Chain,
        error::JournalError,
        extent::Extent,
        reader::Snapshot,
        record::{Glance, Line},
        verified::Listing,
    },
};

/// The lines of a journal up to a byte, all of which were verified, and what has to be known of them to verify those that follow.
pub(super) struct Verified {
    pub bytes: u64,
    pub chain: Chain,
    /// How many lines of each run follow.
    pub left: HashMap<RunId, u64>,
    /// Those of which lines follow, as they stand there.
    pub runs: HashMap<RunId, RunState>,
    pub torn_lines: u64,
    /// Of the lines up to there.
    pub sum: Sha256,
}

impl Verified {
    /// Holds the mark of an earlier verification against the journal as it is. `None` if there is none, or if it is not so: then nothing was
    /// verified before.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn before(snapshot: &Snapshot, outputs: &Listing) -> Result<Option<Self>, JournalError> {
        let Some(mark) = snapshot.verified() else { return Ok(None) };
        let survey = snapshot.survey()?;
        let Some(beginning) = survey.beginning() else { return Ok(None) };
        if Digest::finish(beginning.sum.clone()) != mark.lines || outputs.sum(mark.outputs_until_ns) != mark.outputs {
            return Ok(None);
        }
        // Its end is what the journal says, and not the mark.
        let Some(chain) = snapshot.line_at(beginning.last_line).map_err(JournalError::reading)?.and_then(|line| {
            let Ok(Line::Record(record)) = Line::read(&line) else { return None };
            let (seq, hash) = (record.header.seq, Digest::of(&line));
            ((seq, hash) == (mark.records, mark.head)).then(|| Chain::after_lines(beginning.lines, seq, hash))
        }) else {
            return Ok(None);
        };
        let Some(torn_lines) = beginning.lines.checked_sub(chain.records()) else { return Ok(None) };
        let going_on: HashMap<RunId, Extent> =
            survey.lines_of_runs().map(|(run, lines)| (run, lines.extent)).filter(|(_, extent)| extent.goes_on_over(mark.bytes)).collect();
        let mut runs: HashMap<RunId, RunState> = going_on.keys().map(|run| (*run, RunState::default())).collect();
        // Which of its lines a run consists of is told by its records only where none was torn.
        if torn_lines > 0 && !runs.is_empty() {
            return Ok(None);
        }
        let mut lines = snapshot.stretches(going_on.into_values());
        while let Some(raw) = lines.read().map_err(JournalError::reading)? {
            if raw.position >= mark.bytes {
                break;
            }
            let Some(state) = Glance::at(raw.bytes).and_then(|glance| runs.get_mut(&glance.run)) else { continue };
            let Ok(Line::Record(record)) = Line::read(raw.bytes) else { return Ok(None) };
            match Fact::of(*record).event {
                Ok(None) => {}
                Ok(Some(event)) if state.apply(&event).is_ok() => {}
                Ok(Some(_)) | Err(_) => return Ok(None),
            }
        }
        let left = survey.lines_of_runs().map(|(run, lines)| (run, lines.count - lines.before)).collect();
        Ok(Some(Self { bytes: mark.bytes, chain, left, runs, torn_lines, sum: beginning.sum.clone() }))
    }
}

#[cfg(test)]
mod tests;
