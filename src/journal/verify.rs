//! Recomputes everything from the bytes: the chain, each run's transitions, and what commands printed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    chain::{Chain, Link, SeenRecord},
    error::JournalError,
    fault::RecordFault,
    head::Head,
    join::Join,
    output::Outputs,
    passage,
    reader::Snapshot,
    record::LONGEST,
    verified::{Keeping, Listing, VerifiedMark},
};
use crate::{
    digest::Digest,
    event::{Captured, Event, RunId, RunState},
};

mod before;
mod passed;

use before::Verified;
use passed::{Fact, Passed};

/// What a journal is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalVerdict {
    /// All of it holds, and nothing outside says how long it was.
    Unanchored {
        records: u64,
    },
    /// All of it holds, and it contains every head that was given; the longest has `anchor` records.
    Anchored {
        anchor: u64,
        after: u64,
    },
    /// It holds as far as it goes, which is less than a head says.
    Truncated {
        records: u64,
        head: Head,
    },
    /// Its record at a head's place is another one, in this line.
    Diverged {
        line: u64,
        head: Head,
    },
    Invalid {
        line: u64,
        fault: RecordFault,
    },
}

impl JournalVerdict {
    /// For programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unanchored { .. } => "valid_unanchored",
            Self::Anchored { .. } => "valid_anchored",
            Self::Truncated { .. } => "truncated",
            Self::Diverged { .. } => "diverged",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// The line that shows it, if one does.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Diverged { line, .. } | Self::Invalid { line, .. } => Some(*line),
            Self::Unanchored { .. } | Self::Anchored { .. } | Self::Truncated { .. } => None,
        }
    }

    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self, Self::Unanchored { .. } | Self::Anchored { .. })
    }
}

impl fmt::Display for JournalVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanchored { records } => {
                write!(f, "valid, unanchored: {records} records; without an external head, truncation cannot be detected")
            }
            Self::Anchored { anchor, after } => write!(f, "valid, anchored to {anchor}: {after} records follow"),
            Self::Truncated { records, head } => {
                write!(f, "truncated: {records} records, but a head says {}", head.size)
            }
            Self::Diverged { line, head } => {
                write!(f, "diverged at line {line}: record {} differs from the one that a head names", head.size)
            }
            Self::Invalid { line, fault } => write!(f, "invalid at line {line}: {fault}"),
        }
    }
}

/// What was found.
#[derive(Debug)]
pub struct Verification {
    pub verdict: JournalVerdict,
    /// The file in which the line stands that shows it, and the how manyth it is there; `None` for a journal of one file.
    pub place: Option<(PathBuf, u64)>,
    /// As far as the chain holds.
    pub records: u64,
    pub hash: Digest,
    /// Torn lines that were committed later.
    pub torn_lines: u64,
    /// What does not hold is only its end, and is what a crash leaves behind: the next append commits it as such.
    pub torn_tail: bool,
    /// How many runs there are, as far as the chain holds.
    pub runs: usize,
}

/// Verifies the journal in a directory.
///
/// # Errors
/// It cannot be read at all, or is newer than this program.
pub fn verify(dir: &Path, heads: &[Head]) -> Result<Verification, JournalError> {
    let snapshot = Snapshot::take(dir)?;
    Recheck::from_start(dir, &snapshot, heads, false)?.verdict(&snapshot, heads).map(|(found, _)| found)
}

/// Verifies the journal of a snapshot, which is one [`to_verify`](Snapshot::to_verify). What was verified before and is as it was then is not
/// verified again; what does not hold then is told by who has gone through all of it.
///
/// # Errors
/// As for [`verify`].
pub(crate) fn verify_further(dir: &Path, snapshot: &Snapshot) -> Result<Verification, JournalError> {
    further(dir, snapshot, Keeping::USUAL)
}

fn further(dir: &Path, snapshot: &Snapshot, keeping: Keeping) -> Result<Verification, JournalError> {
    // Listed before any of them is read: what is changed after that is seen the next time.
    let outputs = Listing::of(&dir.join("output")).ok();
    let before = outputs.as_ref().map_or(Ok(None), |outputs| Verified::before(snapshot, outputs))?;
    let (mut known, mut checked) = (0, None);
    if let Some(before) = before {
        let bytes = before.bytes;
        let (found, lines) = Recheck::after(dir, before).verdict(snapshot, &[])?;
        if found.verdict.holds() {
            (known, checked) = (bytes, Some((found, lines)));
        }
    }
    let (found, lines) = match checked {
        Some(checked) => checked,
        None => Recheck::from_start(dir, snapshot, &[], true)?.verdict(snapshot, &[])?,
    };
    if found.verdict.holds()
        && snapshot.size() - known >= keeping.worth
        && let Some(outputs) = outputs.filter(|outputs| outputs.is_settled(keeping))
        && let Some(lines) = lines
    {
        snapshot.keep(&VerifiedMark::new(snapshot.size(), found.records, found.hash, lines, &outputs), dir);
    }
    Ok(found)
}

struct Recheck<'h> {
    /// The byte that it begins with.
    from: u64,
    chain: Chain,
    outputs: Outputs,
    /// Outputs that were found as they should be.
    intact: HashSet<(Digest, u64)>,
    /// How many records of each run are still to come. What a broken line seems to be counts too, so that a run's state may
    /// be kept for longer than it is needed, and is never dropped too early.
    left: HashMap<RunId, u64>,
    /// The runs that are under way where the walk is.
    runs: HashMap<RunId, RunState>,
    torn_lines: u64,
    /// Heads that were not come to yet.
    pending: BTreeMap<u64, Vec<&'h Head>>,
    /// Of all lines so far, where that is asked for.
    sum: Option<Sha256>,
}

impl<'h> Recheck<'h> {
    fn from_start(dir: &Path, snapshot: &Snapshot, heads: &'h [Head], summed: bool) -> Result<Self, JournalError> {
        Ok(Self {
            from: 0,
            chain: Chain::start(),
            outputs: Outputs::at(dir.join("output")),
            intact: HashSet::new(),
            left: snapshot.survey()?.lines_of_runs().map(|(run, lines)| (run, lines.count)).collect(),
            runs: HashMap::new(),
            torn_lines: 0,
            pending: heads.iter().fold(BTreeMap::new(), |mut map, head| {
                map.entry(head.size).or_insert_with(Vec::new).push(head);
                map
            }),
            sum: summed.then(Sha256::new),
        })
    }

    /// Goes on after what was verified before.
    fn after(dir: &Path, before: Verified) -> Self {
        Self {
            from: before.bytes,
            chain: before.chain,
            outputs: Outputs::at(dir.join("output")),
            intact: HashSet::new(),
            left: before.left,
            runs: before.runs,
            torn_lines: before.torn_lines,
            pending: BTreeMap::new(),
            sum: Some(before.sum),
        }
    }

    /// What is found, and the sum of all lines.
    fn verdict(mut self, snapshot: &Snapshot, heads: &[Head]) -> Result<(Verification, Option<Digest>), JournalError> {
        // What is said of the journal itself is said in the name of no run.
        let runs = self.left.keys().filter(|run| **run != RunId::NONE).count();
        let failed = self.walk(snapshot)?;
        let records = self.chain.records();
        let torn_tail = self.chain.stretch().is_some_and(|stretch| !stretch.damage);
        let longer = self.pending.last_entry().and_then(|entry| entry.get().first().map(|head| (*head).clone()));
        let verdict = match (failed, longer, heads.iter().map(|head| head.size).max()) {
            // Cut in the middle of a line is cut all the same.
            (Some(JournalVerdict::Invalid { fault: RecordFault::Unterminated, .. }) | None, Some(head), _) => {
                JournalVerdict::Truncated { records, head }
            }
            (Some(verdict), ..) => verdict,
            (None, None, Some(anchor)) => JournalVerdict::Anchored { anchor, after: records - anchor },
            (None, None, None) => JournalVerdict::Unanchored { records },
        };
        let place = verdict.line().map_or(Ok(None), |line| snapshot.place_of(line)).map_err(JournalError::reading)?;
        let found = Verification { verdict, place, records, hash: self.chain.head(), torn_lines: self.torn_lines, torn_tail, runs };
        Ok((found, self.sum.map(Digest::finish)))
    }

    /// Walks to the end, or to the first thing that does not hold.
    fn walk(&mut self, snapshot: &Snapshot) -> Result<Option<JournalVerdict>, JournalError> {
        if let Some(verdict) = self.anchor() {
            return Ok(Some(verdict));
        }
        let summed = self.sum.is_some();
        let pass = |_, line: &[u8]| Passed::of(line, summed);
        let stopped =
            passage::through(snapshot.from(self.from), self.from..snapshot.size(), pass, |bytes, passed| self.line(bytes, passed))
                .map_err(JournalError::reading)?;
        match stopped {
            Some(Stop::Verdict(verdict)) => return Ok(Some(verdict)),
            Some(Stop::Newer(version)) => return Err(JournalError::Newer { version }),
            None => {}
        }
        let loose = self.chain.stretch();
        Ok(loose.map(|stretch| JournalVerdict::Invalid { line: stretch.line, fault: stretch.fault.clone() }))
    }

    fn line(&mut self, bytes: &[u8], passed: Passed) -> Option<Stop> {
        let invalid = |line, fault| Some(Stop::Verdict(JournalVerdict::Invalid { line, fault }));
        if bytes.len() > LONGEST {
            return invalid(self.chain.line() + 1, RecordFault::TooLong);
        }
        if let (Some(sum), Some(line)) = (&mut self.sum, passed.sum) {
            line.add_to(sum);
        }
        match self.chain.take(bytes, passed.hash, &passed.seen) {
            Link::Record { .. } => {
                if let Some(verdict) = self.anchor() {
                    return Some(Stop::Verdict(verdict));
                }
                if let SeenRecord::Record(Join { torn: Some(torn), .. }) = &passed.seen {
                    self.torn_lines += torn.lines;
                }
                match self.fold(passed.fact) {
                    Ok(()) => None,
                    Err(fault) => invalid(self.chain.line(), fault),
                }
            }
            Link::Newer(version) => Some(Stop::Newer(version)),
            Link::Loose => None,
        }
    }

    /// Compares the heads of this length.
    fn anchor(&mut self) -> Option<JournalVerdict> {
        let heads = self.pending.remove(&self.chain.records())?;
        let other = heads.into_iter().find(|head| head.hash != self.chain.head())?;
        Some(JournalVerdict::Diverged { line: self.chain.line(), head: other.clone() })
    }

    fn fold(&mut self, fact: Option<Fact>) -> Result<(), RecordFault> {
        let Some(Fact { run, event }) = fact else { return Ok(()) };
        let event = event?;
        event.iter().flat_map(Event::kept).try_for_each(|kept| self.output(kept))?;
        let left = self.left.entry(run).or_insert(1);
        *left = left.saturating_sub(1);
        let last = *left == 0;
        if let Some(event) = &event {
            self.runs.entry(run).or_default().apply(event)?;
        }
        if last {
            self.runs.remove(&run);
        }
        Ok(())
    }

    fn output(&mut self, captured: &Captured) -> Result<(), RecordFault> {
        if captured.sha256 == Captured::EMPTY && captured.bytes == 0 {
            return Ok(());
        }
        let known = captured.sha256.parse().ok().map(|digest: Digest| (digest, captured.bytes));
        if known.is_some_and(|known| self.intact.contains(&known)) {
            return Ok(());
        }
        if let Some(what) = self.outputs.fault(captured) {
            return Err(RecordFault::Output { sha256: captured.sha256.clone(), what });
        }
        self.intact.extend(known);
        Ok(())
    }
}

/// Why a walk ends before the journal does.
enum Stop {
    Verdict(JournalVerdict),
    Newer(u32),
}

#[cfg(test)]
mod tests;
