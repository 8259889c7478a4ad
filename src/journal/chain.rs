//! The chain: which lines follow from which. Writer and verify walk it with the same steps.

use sha2::{Digest as _, Sha256};

use super::{fault::RecordFault, join::Join, record::Line, shape::Torn};
use crate::digest::Digest;

/// How far the chain has been walked.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Lines walked so far.
    line: u64,
    /// The number of the next record.
    next: u64,
    /// Of the line before, whatever it is.
    last: Digest,
    /// Of the last record.
    good: Digest,
    stretch: Option<Stretch>,
}

/// Lines that do not follow, and that no `torn` record has committed yet.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// The line at fault.
    pub line: u64,
    pub fault: RecordFault,
    /// There is an undamaged record in it that was written when all that should stand here was on the disk: so this is
    /// damage, not a crash.
    pub damage: bool,
    lines: u64,
    bytes: u64,
    hasher: Sha256,
}

/// What the chain has to know of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum SeenRecord {
    Record(Join),
    Newer { v: u32, seq: u64, prev: Digest },
    Broken(RecordFault),
}

impl From<&Result<Line<'_>, RecordFault>> for SeenRecord {
    fn from(line: &Result<Line<'_>, RecordFault>) -> Self {
        match line {
            Ok(Line::Record(record)) => Self::Record(record.join()),
            Ok(Line::Newer { v, seq, prev }) => Self::Newer { v: *v, seq: *seq, prev: *prev },
            Err(fault) => Self::Broken(fault.clone()),
        }
    }
}

/// What a line is to the chain.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// The next record, and up to which record all was on the disk when it was written.
    Record { synced: u64 },
    /// The next record, in a format that this program does not know.
    Newer(u32),
    /// It does not follow.
    Loose,
}

impl Chain {
    /// Before the first line.
    #[must_use]
    pub fn start() -> Self {
        Self { line: 0, next: 1, last: Digest::NONE, good: Digest::NONE, stretch: None }
    }

    /// After a record that is known to hold. Line numbers then count from it.
    #[must_use]
    pub fn after(seq: u64, hash: Digest) -> Self {
        Self { line: 0, next: seq.saturating_add(1), last: hash, good: hash, stretch: None }
    }

    /// After so many lines, the last of which is a record that is known to hold.
    #[must_use]
    pub(super) fn after_lines(lines: u64, seq: u64, hash: Digest) -> Self {
        Self { line: lines, ..Self::after(seq, hash) }
    }

    /// Before a record that says that it has this number and links to this one.
    #[must_use]
    pub fn before(seq: u64, prev: Digest) -> Self {
        Self::after(seq.saturating_sub(1), prev)
    }

    /// The number that the next record will have.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// How many records there are, if walked from the start.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.next - 1
    }

    /// What the next record links to.
    #[must_use]
    pub fn last(&self) -> Digest {
        self.last
    }

    /// The hash of the last record.
    #[must_use]
    pub fn head(&self) -> Digest {
        self.good
    }

    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    #[must_use]
    pub fn stretch(&self) -> Option<&Stretch> {
        self.stretch.as_ref()
    }

    /// What a `torn` record must hold to commit the lines that do not follow.
    #[must_use]
    pub fn torn(&self) -> Option<Torn> {
        let stretch = self.stretch.as_ref()?;
        Some(Torn { lines: stretch.lines, bytes: stretch.bytes, sha256: Digest::finish(stretch.hasher.clone()), after: self.good })
    }

    /// Takes the next line.
    pub fn push(&mut self, bytes: &[u8]) -> Link {
        self.take(bytes, Digest::of(bytes), &SeenRecord::from(&Line::read(bytes)))
    }

    /// Takes the next line, which was hashed and read already.
    pub fn take(&mut self, bytes: &[u8], hash: Digest, seen: &SeenRecord) -> Link {
        self.line += 1;
        let link = if self.stretch.is_some() { self.amid_stretch(seen) } else { self.in_order(seen) };
        self.last = hash;
        if link == Link::Loose {
            if let Some(stretch) = &mut self.stretch {
                stretch.lines += 1;
                stretch.bytes += bytes.len() as u64;
                stretch.hasher.update(bytes);
            }
        } else {
            self.stretch = None;
            self.next = self.next.saturating_add(1);
            self.good = hash;
        }
        link
    }

    fn in_order(&mut self, seen: &SeenRecord) -> Link {
        let (fault, damage) = match seen {
            SeenRecord::Record(join) => match self.follows(join.seq, join.prev) {
                Ok(()) if join.torn.is_some() => (RecordFault::Torn, true),
                Ok(()) => return Link::Record { synced: join.synced() },
                Err(fault) => (fault, join.proves_damage(self.next)),
            },
            SeenRecord::Newer { v, seq, prev } => match self.follows(*seq, *prev) {
                Ok(()) => return Link::Newer(*v),
                Err(fault) => (fault, true),
            },
            SeenRecord::Broken(fault) => (fault.clone(), false),
        };
        // Of two undamaged lines that do not fit, the first was changed: nobody gains by changing only a link.
        let line = if fault == RecordFault::Link { (self.line - 1).max(1) } else { self.line };
        self.stretch = Some(Stretch { line, fault, damage, lines: 0, bytes: 0, hasher: Sha256::new() });
        Link::Loose
    }

    fn amid_stretch(&mut self, seen: &SeenRecord) -> Link {
        let SeenRecord::Record(join) = seen else { return Link::Loose };
        if join.torn.is_some() && join.torn == self.torn() && self.follows(join.seq, join.prev).is_ok() {
            return Link::Record { synced: join.synced() };
        }
        let damage = join.proves_damage(self.next);
        if let Some(stretch) = &mut self.stretch {
            stretch.damage |= damage;
        }
        Link::Loose
    }

    fn follows(&self, seq: u64, prev: Digest) -> Result<(), RecordFault> {
        if seq != self.next {
            Err(RecordFault::Gap { expected: self.next, found: seq })
        } else if prev != self.last {
            Err(RecordFault::Link)
        } else {
            Ok(())
        }
    }
}
