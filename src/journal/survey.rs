//! What is told of a journal by one reading of it, from its first byte to its last: which runs there are, where their lines stand, which
//! may owe something, and where the journal stood. Who has it need not read all of the journal again.

use std::{collections::BTreeMap, io::Read};

use indexmap::IndexMap;
use sha2::Sha256;

use super::{
    error::JournalError,
    extent::{Extent, Extents, RunLines},
    lines::RawLine,
    mark::JournalMark,
    passage,
    record::{Glance, LONGEST, Line, Record},
    shape::{Archived, Body, Note},
    summary::RunSummary,
    verified::LineSum,
};
use crate::event::{Mode, Outcome, RunId};

/// A journal as it was gone through once.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// In the order of their opening.
    runs: IndexMap<RunId, RunSummary>,
    /// Real runs: the line of the opening, and whether it may owe something.
    owing: BTreeMap<RunId, (u64, bool)>,
    extents: Extents,
    /// Where the journal stood, as was recorded later than in its first record.
    marks: Vec<JournalMark>,
    /// Which host's journal was gone on with, and what the host was called that did.
    adoptions: Vec<(String, String)>,
    /// Lines that are damaged or newer, as far as a glance shows.
    unreadable: u64,
    lines: u64,
    /// How many bytes were gone through, and where the last line begins.
    size: u64,
    last_line: u64,
    /// The last line has its end.
    whole: bool,
    /// Of all lines so far, as far as that is asked for.
    sum: Sha256,
    beginning: Option<SummedLines>,
}

/// The lines up to a byte that was asked for, if one ends there.
#[derive(Debug, Clone)]
pub(super) struct SummedLines {
    pub lines: u64,
    /// Where the last of them begins.
    pub last_line: u64,
    pub sum: Sha256,
}

/// What a line tells at a glance, and what it has to tell beyond that.
struct GlancedLine {
    glance: Option<(RunId, Tidings)>,
    sum: Option<LineSum>,
}

/// What says where the journal stands from then on, or whose it was.
const SETTLING: [&[u8]; 2] = [b"\"journal\":{", b"\"adopted\":"];

enum Tidings {
    /// Nothing that is of interest here.
    Nothing,
    Opened(Box<RunSummary>),
    Planned(usize),
    StepOver,
    Interrupted,
    Resumed(String),
    Closed(Outcome, bool),
    Settled {
        mark: Option<Box<JournalMark>>,
        adoption: Option<Box<(String, String)>>,
    },
    Unreadable,
}

impl Survey {
    /// Goes on with these bytes of the journal, which follow on what was gone through so far and are so many in all with it. `until`: of all
    /// lines up to this byte the sums are wanted.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn go_on(mut self, bytes: impl Read, size: u64, until: Option<u64>) -> Result<Self, JournalError> {
        let until = until.unwrap_or(0);
        let span = self.size..size;
        let glance = |at: u64, line: &[u8]| GlancedLine::of(line, at + line.len() as u64 <= until);
        passage::through(bytes, span, glance, |line, glanced| {
            self.take(line, glanced, until);
            // What follows one that is longer than any record is no journal.
            (line.len() > LONGEST).then_some(())
        })
        .map_err(JournalError::reading)?;
        Ok(self)
    }

    fn take(&mut self, line: &[u8], glanced: GlancedLine, until: u64) {
        let GlancedLine { glance, sum } = glanced;
        self.last_line = self.size;
        self.lines += 1;
        let raw = RawLine { number: self.lines, position: self.size, bytes: line };
        self.size += line.len() as u64;
        self.whole = raw.terminated();
        match glance {
            Some((run, told)) => {
                self.extents.note(run, &raw);
                self.told(run, told);
            }
            None => self.unreadable += 1,
        }
        if let Some(sum) = sum {
            sum.add_to(&mut self.sum);
            if self.size == until && self.whole {
                self.beginning = Some(SummedLines { lines: self.lines, last_line: self.last_line, sum: self.sum.clone() });
                self.extents.here();
            }
        }
    }

    fn told(&mut self, id: RunId, told: Tidings) {
        let run = self.runs.get_mut(&id);
        let owing = self.owing.get_mut(&id);
        match told {
            Tidings::Nothing => {}
            Tidings::Unreadable => self.unreadable += 1,
            Tidings::Opened(opened) => {
                if opened.mode == Mode::Real {
                    self.owing.insert(id, (self.lines, true));
                }
                self.runs.entry(id).or_insert(*opened);
            }
            Tidings::Planned(steps) => {
                if let Some(run) = run {
                    run.planned = Some(steps);
                }
            }
            Tidings::StepOver => {
                if let Some(run) = run {
                    run.settled += 1;
                }
            }
            Tidings::Interrupted => {
                if let Some(run) = run {
                    run.interruptions += 1;
                }
            }
            Tidings::Resumed(boot_id) => {
                if let Some(run) = run {
                    (run.outcome, run.interruptions, run.boot_id) = (None, 0, boot_id);
                }
                if let Some((_, owes)) = owing {
                    *owes = true;
                }
            }
            Tidings::Closed(outcome, owed) => {
                if let Some(run) = run {
                    (run.outcome, run.owes) = (Some(outcome), owed);
                }
                if let Some((_, owes)) = owing {
                    *owes = owed;
                }
            }
            Tidings::Settled { mark, adoption } => {
                self.marks.extend(mark.map(|mark| *mark));
                self.adoptions.extend(adoption.map(|adoption| *adoption));
            }
        }
    }

    /// Whether it has come to the end of a snapshot of so many bytes, and can be gone on with there: in the midst of a line it cannot.
    pub(super) fn is_whole(&self, size: u64) -> bool {
        self.size == size && (self.whole || size == 0)
    }

    /// All runs, in the order of their opening.
    pub(crate) fn runs(&self) -> impl DoubleEndedIterator<Item = RunSummary> {
        self.runs.iter().map(|(id, run)| RunSummary { extent: self.extent(*id).unwrap_or(Extent::NONE), ..run.clone() })
    }

    /// Lines that are damaged or newer, as far as a glance shows.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Where the lines of a run stand.
    pub(crate) fn extent(&self, run: RunId) -> Option<Extent> {
        self.extents.of(run)
    }

    /// Real runs that may owe something, in the order of their opening.
    pub(super) fn owing(&self) -> Vec<(RunId, Extent)> {
        let mut owing: Vec<_> = self.owing.iter().filter(|(_, (_, owes))| *owes).map(|(run, (line, _))| (*line, *run)).collect();
        owing.sort_unstable();
        owing.into_iter().filter_map(|(_, run)| Some((run, self.extent(run)?))).collect()
    }

    /// The mark that was recorded last, of a journal that was begun with this one.
    pub(super) fn last_mark(&self, begun: JournalMark) -> JournalMark {
        self.marks.iter().rfind(|mark| mark.id == begun.id).cloned().unwrap_or(begun)
    }

    /// Whether the journal of this host was adopted by one that was called `here` then.
    pub(super) fn adopted(&self, host: &str, here: &str) -> bool {
        self.adoptions.iter().any(|(was, by)| was == host && by == here)
    }

    /// The lines up to the byte that was asked for, if one ends there.
    pub(super) fn beginning(&self) -> Option<&SummedLines> {
        self.beginning.as_ref()
    }

    /// The lines that seem to be of each run, at a glance; `before`: those in [`Self::beginning`].
    pub(super) fn lines_of_runs(&self) -> impl Iterator<Item = (RunId, RunLines)> {
        self.extents.all()
    }
}

impl GlancedLine {
    fn of(line: &[u8], summed: bool) -> Self {
        let glance = Glance::at(line).map(|glance| (glance.run, Tidings::by(line, glance.kind)));
        Self { glance, sum: summed.then(|| LineSum::of(line)) }
    }
}

impl Tidings {
    fn by(line: &[u8], kind: &[u8]) -> Self {
        match kind {
            b"step_settled" | b"step_skipped" => Self::StepOver,
            b"interrupted" => Self::Interrupted,
            b"run_opened" | b"planned" | b"resumed" | b"run_closed" => match Line::read(line) {
                Ok(Line::Record(record)) => Self::run(*record),
                Ok(Line::Newer { .. }) | Err(_) => Self::Unreadable,
            },
            b"note" | b"archived" if SETTLING.iter().any(|field| memchr::memmem::find(line, field).is_some()) => match Line::read(line) {
                Ok(Line::Record(record)) => Self::settled(*record),
                Ok(Line::Newer { .. }) | Err(_) => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }

    fn run(record: Record<'_>) -> Self {
        let Record { header, body } = record;
        match body {
            Body::RunOpened(opening) => Self::Opened(Box::new(RunSummary::opened(header, opening))),
            Body::Planned(plan) => Self::Planned(plan.steps),
            Body::Resumed(_) => Self::Resumed(header.boot_id.0.into_owned()),
            Body::RunClosed(closing) => Self::Closed(closing.outcome, !closing.owed.is_empty()),
            _ => Self::Nothing,
        }
    }

    fn settled(record: Record<'_>) -> Self {
        let host = record.header.host.0;
        match record.body {
            Body::Note(Note { journal, adopted, .. }) => {
                Self::Settled { mark: journal.map(Box::new), adoption: adopted.map(|adopted| Box::new((adopted, host.into_owned()))) }
            }
            Body::Archived(Archived { journal, .. }) => Self::Settled { mark: journal.map(Box::new), adoption: None },
            _ => Self::Nothing,
        }
    }
}
