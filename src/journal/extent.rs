//! Where the lines of a run stand in a journal: who has gone through all of it once need not go through it again for a few runs.

use std::{
    collections::HashMap,
    io::{self, Read, Seek, SeekFrom},
};

use super::lines::{Lines, RawLine};
use crate::event::RunId;

/// From the first byte of a run's first line to the last of its last, in one snapshot. Lines of other runs stand between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// How many lines stand before it.
    lines_before: u64,
    from: u64,
    to: u64,
}

impl Extent {
    pub(super) const NONE: Self = Self { lines_before: 0, from: 0, to: 0 };

    fn of(line: &RawLine<'_>) -> Self {
        Self { lines_before: line.number - 1, from: line.position, to: line.position + line.bytes.len() as u64 }
    }

    /// Whether lines of it stand before this byte and after it.
    pub(super) fn goes_on_over(self, byte: u64) -> bool {
        self.from < byte && byte < self.to
    }

    /// From its beginning to the end of the journal.
    #[must_use]
    pub(crate) fn and_all_after(self) -> Self {
        Self { to: u64::MAX, ..self }
    }
}

/// The lines of a run, as far as a journal was gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunLines {
    pub extent: Extent,
    pub count: u64,
    /// How many of them stand before a place in it that was named.
    pub before: u64,
}

/// Where the lines of each run stand, as far as they were gone through.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    known: HashMap<RunId, RunLines>,
    /// The run whose lines were met last: most follow a line of their own run. What is not known of it yet.
    last: Option<(RunId, RunLines)>,
}

impl Extents {
    /// Notes a line of a run.
    pub(crate) fn note(&mut self, run: RunId, line: &RawLine<'_>) {
        let here = Extent::of(line);
        match &mut self.last {
            Some((same, lines)) if *same == run => {
                lines.extent.to = here.to;
                lines.count += 1;
            }
            _ => {
                self.settle();
                self.last = Some((run, RunLines { extent: here, count: 1, before: 0 }));
            }
        }
    }

    fn settle(&mut self) {
        if let Some((run, lines)) = self.last.take() {
            self.known.insert(run, self.with(run, lines));
        }
    }

    /// With lines that follow on what is known of a run.
    fn with(&self, run: RunId, lines: RunLines) -> RunLines {
        self.known.get(&run).map_or(lines, |known| RunLines {
            extent: Extent { to: lines.extent.to, ..known.extent },
            count: known.count + lines.count,
            before: known.before,
        })
    }

    /// Names this place: [`RunLines::before`].
    pub(super) fn here(&mut self) {
        self.settle();
        for lines in self.known.values_mut() {
            lines.before = lines.count;
        }
    }

    /// The lines of each run.
    pub(super) fn all(&self) -> impl Iterator<Item = (RunId, RunLines)> {
        let last = self.last.map(|(run, lines)| (run, self.with(run, lines)));
        let known = self.known.iter().map(|(run, lines)| (*run, *lines));
        known.filter(move |(run, _)| last.is_none_or(|(last, _)| last != *run)).chain(last)
    }

    /// Where the lines of a run stand.
    #[must_use]
    pub(crate) fn of(&self, run: RunId) -> Option<Extent> {
        let last = self.last.filter(|(last, _)| *last == run).map(|(_, lines)| self.with(run, lines));
        last.or_else(|| self.known.get(&run).copied()).map(|lines| lines.extent)
    }
}

/// What stands between two stretches and is read rather than left out, in bytes: as much as is read at once.
const BETWEEN: u64 = 1 << 18;

/// The lines that stand in some extents, each once and in their order; among them lines of other runs.
#[derive(Debug)]
pub(crate) struct Stretches<R> {
    /// In their order, and apart. The last is the next.
    left: Vec<Extent>,
    lines: Lines<R>,
    /// Where the stretch ends that is read now.
    end: u64,
}

impl<R: Read + Seek> Stretches<R> {
    pub(super) fn new(from: R, extents: impl IntoIterator<Item = Extent>) -> Self {
        let mut wanted: Vec<Extent> = extents.into_iter().collect();
        wanted.sort_by_key(|extent| extent.from);
        let mut left: Vec<Extent> = Vec::new();
        for extent in wanted {
            match left.last_mut() {
                Some(last) if extent.from <= last.to.saturating_add(BETWEEN) => last.to = last.to.max(extent.to),
                _ => left.push(extent),
            }
        }
        left.reverse();
        Self { left, lines: Lines::new(from), end: 0 }
    }

    /// As [`Lines::read`].
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn read(&mut self) -> io::Result<Option<RawLine<'_>>> {
        if self.lines.position >= self.end {
            let Some(next) = self.left.pop() else { return Ok(None) };
            self.lines.from.seek(SeekFrom::Start(next.from))?;
            (self.lines.number, self.lines.position, self.end) = (next.lines_before, next.from, next.to);
        }
        self.lines.read()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Lines of a run each, named by their first byte, and as long as they are told.
    fn text(lines: &[(u8, usize)]) -> Vec<u8> {
        lines.iter().flat_map(|(run, length)| [vec![*run; *length], b"\n".to_vec()].concat()).collect()
    }

    fn run(of: u8) -> RunId {
        format!("{of:08x}").parse().unwrap()
    }

    fn extents(text: &[u8]) -> HashMap<RunId, Extent> {
        let mut extents = Extents::default();
        let mut lines = Lines::new(text);
        while let Some(raw) = lines.read().unwrap() {
            extents.note(run(raw.bytes[0]), &raw);
        }
        let known: HashMap<_, _> = extents.all().map(|(run, lines)| (run, lines.extent)).collect();
        assert!(known.iter().all(|(run, extent)| extents.of(*run) == Some(*extent)));
        known
    }

    fn read(text: &[u8], wanted: impl IntoIterator<Item = Extent>) -> Vec<(u64, u8)> {
        let mut stretches = Stretches::new(Cursor::new(text), wanted);
        let mut found = Vec::new();
        while let Some(raw) = stretches.read().unwrap() {
            assert_eq!(text[usize::try_from(raw.position).unwrap()..][..raw.bytes.len()], *raw.bytes);
            found.push((raw.number, raw.bytes[0]));
        }
        found
    }

    #[test]
    fn every_line_of_a_run_is_found_where_it_stands() {
        // The second run goes on beside the third, and again long after.
        let far = usize::try_from(BETWEEN).unwrap();
        let text = text(&[(1, 5), (2, 5), (3, 5), (2, 1), (4, far), (4, far), (1, 7), (5, far), (5, far), (2, 3), (6, 1)]);
        let known = extents(&text);
        assert_eq!(known.len(), 6);
        for (of, wanted) in [(1, vec![1, 7]), (2, vec![2, 4, 10]), (3, vec![3]), (4, vec![5, 6]), (5, vec![8, 9]), (6, vec![11])] {
            let own = read(&text, [known[&run(of)]]).into_iter().filter(|(_, run)| *run == of).map(|(number, _)| number);
            assert_eq!(own.collect::<Vec<_>>(), wanted, "{of}");
        }
        // Each once, in their order, and not what stands far from them.
        assert_eq!(read(&text, [6, 3].map(|of| known[&run(of)])), [(3, 3), (11, 6)]);
        assert_eq!(read(&text, [3, 1, 3].map(|of| known[&run(of)])).len(), 7);
        assert_eq!(read(&text, [known[&run(5)].and_all_after()]), [(8, 5), (9, 5), (10, 2), (11, 6)]);
        assert_eq!(read(&text, []), []);
        assert_eq!(read(&text, [known[&run(1)].and_all_after()]).len(), 11);
    }

    #[test]
    fn lines_are_counted_before_a_place_and_after_it() {
        let mut extents = Extents::default();
        let note = |extents: &mut Extents, of: u8, number: u64| {
            extents.note(run(of), &RawLine { number, position: number - 1, bytes: b"\n" });
        };
        for (number, of) in (1..).zip([1, 1, 2, 1]) {
            note(&mut extents, of, number);
        }
        extents.here();
        for (number, of) in (5..).zip([1, 3, 3]) {
            note(&mut extents, of, number);
        }
        let mut all: Vec<_> = extents.all().map(|(run, lines)| (run, lines.before, lines.count, lines.extent.goes_on_over(4))).collect();
        all.sort_unstable();
        assert_eq!(all, [(run(1), 3, 4, true), (run(2), 1, 1, false), (run(3), 0, 2, false)]);
    }

    #[test]
    fn a_line_without_its_end_is_the_last() {
        let mut text = text(&[(1, 5), (2, 5)]);
        text.truncate(9);
        assert_eq!(read(&text, extents(&text).into_values()), [(1, 1), (2, 2)]);
    }
}
