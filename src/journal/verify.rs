//! Recomputes everything from the bytes: the chain, each run's transitions, and what commands printed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt, io,
    path::Path,
};

use super::{
    JournalError,
    chain::{Chain, Link},
    digest::Digest,
    fault::Fault,
    head::Head,
    output::Outputs,
    reader::Snapshot,
    record::{LONGEST, Record},
};
use crate::event::{Captured, Event, RunId, RunState};

/// What a journal is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
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
        fault: Fault,
    },
}

impl Verdict {
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

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanchored { records } => {
                write!(f, "valid, unanchored: {records} records; without a head kept elsewhere, a tail that was cut off is not missed")
            }
            Self::Anchored { anchor, after } => write!(f, "valid, anchored to {anchor}: {after} records came after it"),
            Self::Truncated { records, head } => {
                write!(f, "truncated: it has {records} records, and a head says {}", head.size)
            }
            Self::Diverged { line, head } => {
                write!(f, "diverged at line {line}: record {} is not the one that a head names", head.size)
            }
            Self::Invalid { line, fault } => write!(f, "invalid at line {line}: {fault}"),
        }
    }
}

/// What was found.
#[derive(Debug)]
pub struct Verification {
    pub verdict: Verdict,
    /// As far as the chain holds.
    pub records: u64,
    pub hash: Digest,
    /// Torn lines that were committed later.
    pub torn_lines: u64,
    /// What does not hold is only its end, and is what a crash leaves behind: the next append commits it as such.
    pub torn_tail: bool,
    /// Where each run stands, as far as the chain holds.
    pub runs: HashMap<RunId, RunState>,
}

/// Verifies the journal in a directory.
///
/// # Errors
/// It cannot be read at all, or is newer than this program.
pub fn verify(dir: &Path, heads: &[Head]) -> Result<Verification, JournalError> {
    let snapshot = Snapshot::take(dir)?;
    let mut check = Check {
        chain: Chain::start(),
        outputs: Outputs::at(dir.join("output")),
        intact: HashSet::new(),
        runs: HashMap::new(),
        torn_lines: 0,
        pending: heads.iter().fold(BTreeMap::new(), |mut map, head| {
            map.entry(head.size).or_insert_with(Vec::new).push(head);
            map
        }),
    };
    let failed = check.walk(&snapshot)?;
    let records = check.chain.records();
    let torn_tail = check.chain.stretch().is_some_and(|stretch| !stretch.damage);
    let longer = check.pending.last_entry().and_then(|entry| entry.get().first().map(|head| (*head).clone()));
    let verdict = match (failed, longer, heads.iter().map(|head| head.size).max()) {
        // Cut in the middle of a line is cut all the same.
        (Some(Verdict::Invalid { fault: Fault::Unterminated, .. }) | None, Some(head), _) => Verdict::Truncated { records, head },
        (Some(verdict), ..) => verdict,
        (None, None, Some(anchor)) => Verdict::Anchored { anchor, after: records - anchor },
        (None, None, None) => Verdict::Unanchored { records },
    };
    Ok(Verification { verdict, records, hash: check.chain.head(), torn_lines: check.torn_lines, torn_tail, runs: check.runs })
}

struct Check<'h> {
    chain: Chain,
    outputs: Outputs,
    /// Outputs that were found as they should be.
    intact: HashSet<(Digest, u64)>,
    runs: HashMap<RunId, RunState>,
    torn_lines: u64,
    /// Heads that were not come to yet.
    pending: BTreeMap<u64, Vec<&'h Head>>,
}

impl Check<'_> {
    /// Walks to the end, or to the first thing that does not hold.
    fn walk(&mut self, snapshot: &Snapshot) -> Result<Option<Verdict>, JournalError> {
        if let Some(verdict) = self.anchor() {
            return Ok(Some(verdict));
        }
        let cannot = |source: io::Error| JournalError::Io { doing: "reading the journal".to_owned(), source };
        let mut lines = snapshot.lines();
        while let Some(raw) = lines.read().map_err(cannot)? {
            let line = raw.number;
            if raw.bytes.len() > LONGEST {
                return Ok(Some(Verdict::Invalid { line, fault: Fault::TooLong }));
            }
            match self.chain.push(raw.bytes) {
                Link::Record(record) => {
                    if let Some(verdict) = self.anchor() {
                        return Ok(Some(verdict));
                    }
                    if let Err(fault) = self.fold(*record) {
                        return Ok(Some(Verdict::Invalid { line, fault }));
                    }
                }
                Link::Newer(version) => return Err(JournalError::Newer { version }),
                Link::Loose => {}
            }
        }
        let loose = self.chain.stretch();
        Ok(loose.map(|stretch| Verdict::Invalid { line: stretch.line, fault: stretch.fault.clone() }))
    }

    /// Compares the heads of this length.
    fn anchor(&mut self) -> Option<Verdict> {
        let heads = self.pending.remove(&self.chain.records())?;
        let other = heads.into_iter().find(|head| head.hash != self.chain.head())?;
        Some(Verdict::Diverged { line: self.chain.line(), head: other.clone() })
    }

    fn fold(&mut self, record: Record<'_>) -> Result<(), Fault> {
        let Record { header, body } = record;
        if let super::shape::Body::Torn(torn) = &body {
            self.torn_lines += torn.lines;
        }
        let Some(event) = body.into_event() else { return Ok(()) };
        if event.name() != header.kind.0 {
            return Err(Fault::Misnamed { kind: header.kind.0.into_owned(), event: event.name() });
        }
        if let Event::StepEnded { stdout, stderr, .. } = &event {
            self.output(stdout)?;
            self.output(stderr)?;
        }
        self.runs.entry(header.run).or_default().apply(&event)?;
        Ok(())
    }

    fn output(&mut self, captured: &Captured) -> Result<(), Fault> {
        let known = captured.sha256.parse().ok().map(|digest: Digest| (digest, captured.bytes));
        if known.is_some_and(|known| self.intact.contains(&known)) {
            return Ok(());
        }
        if let Some(what) = self.outputs.fault(captured) {
            return Err(Fault::Output { sha256: captured.sha256.clone(), what });
        }
        self.intact.extend(known);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
