//! Reads a journal from its first byte, in bounded memory, beside those who write.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use super::{
    disk::{self, Local, Lock, Window},
    error::JournalError,
    extent::{Extent, Stretches},
    head::Head,
    identity::Identity,
    lines::Lines,
    mark::JournalMark,
    marked,
    month::MonthFile,
    record::Line,
    summary::RunSummary,
    survey::Survey,
    tail::Tail,
    verified::VerifiedMark,
};

/// The journal of a directory, as long as it is now: its archived months, and the file that is written to.
#[derive(Debug)]
pub struct Snapshot {
    archived: Vec<JournalPart>,
    live: JournalPart,
    /// How far it was verified before, where that is asked for.
    verified: Option<VerifiedMark>,
    /// Once somebody has gone through all of it.
    survey: OnceLock<Survey>,
}

/// A file of a journal.
#[derive(Debug)]
struct JournalPart {
    /// In the journal's directory.
    path: PathBuf,
    file: File,
    size: u64,
}

impl JournalPart {
    fn window(&self) -> Window<'_> {
        Window { disk: &Local, file: &self.file, position: 0, end: self.size }
    }

    /// The number of its first record; `None` if it has none that can be read.
    fn first_record(&self) -> io::Result<Option<u64>> {
        let mut lines = Lines::new(self.window());
        // A crash may have left a piece before it, and damage more.
        for _ in 0..4 {
            let Some(raw) = lines.read()? else { break };
            match Line::read(raw.bytes) {
                Ok(Line::Record(record)) => return Ok(Some(record.header.seq)),
                Ok(Line::Newer { seq, .. }) => return Ok(Some(seq)),
                Err(_) => {}
            }
        }
        Ok(None)
    }
}

impl Snapshot {
    /// # Errors
    /// It is not there, or not for us to read.
    pub fn take(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(super::location::FILE);
        let cannot = |source| JournalError::Io { doing: format!("reading {}", path.display()), source };
        // In this order: what was archived before this file took its place is there.
        let file = disk::open_plain(&path);
        let mut months = MonthFile::all(dir).map_err(JournalError::reading)?;
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !months.is_empty() => return Err(JournalError::Gone { path }),
            file => file.map_err(cannot)?,
        };
        // Who writes holds the lock for as long as a line is half there. One who holds it for longer is stuck.
        let lock = Lock::shared(&file, Duration::from_secs(2)).map_err(cannot)?;
        let size = file.metadata().map_err(cannot)?.len();
        drop(lock);
        let live = JournalPart { path: super::location::FILE.into(), file, size };
        if !months.is_empty() {
            if size == 0 {
                return Err(JournalError::Gone { path });
            }
            let first = live.first_record().map_err(cannot)?.unwrap_or(u64::MAX);
            months.retain(|month| month.first < first);
        }
        let archived = months.into_iter().map(|month| {
            let path = month.path();
            let cannot = |source| JournalError::Io { doing: format!("reading {}", dir.join(&path).display()), source };
            let file = disk::open_plain(&dir.join(&path)).map_err(cannot)?;
            let size = file.metadata().map_err(cannot)?.len();
            Ok(JournalPart { path, file, size })
        });
        Ok(Self { archived: archived.collect::<Result<_, _>>()?, live, verified: None, survey: OnceLock::new() })
    }

    /// Takes one that is to be verified: what was verified before and is as it was is not verified again.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub(crate) fn to_verify(dir: &Path) -> Result<Self, JournalError> {
        let snapshot = Self::take(dir)?;
        Ok(Self { verified: VerifiedMark::beside(&snapshot.live.file, dir), ..snapshot })
    }

    /// The same journal as it is now. What was gone through already is not gone through again, if nothing was done since but append to it.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub(crate) fn renewed(self, dir: &Path) -> Result<Self, JournalError> {
        let now = Self { verified: self.verified.clone(), ..Self::take(dir)? };
        let file = |snapshot: &Self| snapshot.live.file.metadata().map(|file| (file.dev(), file.ino())).map_err(JournalError::reading);
        let same = file(&self)? == file(&now)? && self.archived.len() == now.archived.len();
        let before = self.size();
        if same
            && before <= now.size()
            && let Some(survey) = self.survey.into_inner().filter(|survey| survey.is_whole(before))
        {
            let _ = now.survey.set(survey.go_on(now.from(before), now.size(), now.verified_bytes())?);
        }
        Ok(now)
    }

    /// What one reading of all of it tells. It is read once.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn survey(&self) -> Result<&Survey, JournalError> {
        if let Some(survey) = self.survey.get() {
            return Ok(survey);
        }
        let survey = Survey::default().go_on(self.from(0), self.size(), self.verified_bytes())?;
        Ok(self.survey.get_or_init(|| survey))
    }

    /// How far it was verified before: a claim.
    pub(super) fn verified(&self) -> Option<&VerifiedMark> {
        self.verified.as_ref()
    }

    fn verified_bytes(&self) -> Option<u64> {
        self.verified.as_ref().map(|mark| mark.bytes)
    }

    /// Keeps beside it how far it was verified.
    pub(super) fn keep(&self, mark: &VerifiedMark, dir: &Path) {
        mark.keep(&self.live.file, dir);
    }

    pub fn lines(&self) -> Lines<SnapshotReader<'_>> {
        Lines::new(self.from(0))
    }

    /// The lines in these extents of it.
    pub(crate) fn stretches(&self, extents: impl IntoIterator<Item = Extent>) -> Stretches<SnapshotReader<'_>> {
        Stretches::new(self.from(0), extents)
    }

    /// Where this journal stood when it was written, and why that was not here; `None` if it was, or if nobody can say.
    ///
    /// # Errors
    /// The file system's.
    pub fn copied(&self) -> Result<Option<&'static str>, JournalError> {
        Ok(self.standing()?.and_then(|(mark, now)| mark.elsewhere(&now)))
    }

    /// Whether this journal is known to have been written on this machine, in this file.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn is_of_this_machine(&self) -> Result<bool, JournalError> {
        let ours = |(mark, now): (JournalMark, JournalMark)| {
            mark.machine.is_some() && mark.machine == now.machine && mark.elsewhere(&now).is_none()
        };
        Ok(self.standing()?.is_some_and(ours))
    }

    /// Whether this journal was begun on this machine, in this file, as far as anybody can say. It may have been gone on with elsewhere.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn begun_here(&self) -> Result<bool, JournalError> {
        let Some(begun) = self.mark()? else { return Ok(true) };
        let now = begun.now_in(&self.live.file).map_err(JournalError::reading)?;
        Ok(begun.elsewhere(&now).is_none())
    }

    /// Where it stood as of its records, and where it stands now; `None` for one that was begun without a mark.
    fn standing(&self) -> Result<Option<(JournalMark, JournalMark)>, JournalError> {
        let Some(begun) = self.mark()? else { return Ok(None) };
        let mark = self.survey()?.last_mark(begun);
        let now = mark.now_in(&self.live.file).map_err(JournalError::reading)?;
        Ok(Some((mark, now)))
    }

    /// Whether a person has said on a host called `here` that it takes the place of this other one.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn adopted(&self, host: &str, here: &str) -> Result<bool, JournalError> {
        Ok(self.survey()?.adopted(host, here))
    }

    /// The mark that the journal was begun with, if it was.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn mark(&self) -> Result<Option<JournalMark>, JournalError> {
        marked::first(self.lines()).map_err(JournalError::reading)
    }

    /// The journal as it is now, if anything was written since.
    ///
    /// # Errors
    /// Another file is in its place that does not go on with it, or it is shorter, which no halligan does to it; or the file system's.
    pub fn grown(&self, dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = dir.join(super::location::FILE);
        let cannot = |source| JournalError::Io { doing: format!("reading {}", path.display()), source };
        let (now, then) = (fs::symlink_metadata(&path).map_err(cannot)?, self.live.file.metadata().map_err(cannot)?);
        if (now.dev(), now.ino()) != (then.dev(), then.ino()) {
            let now = Self::take(dir)?;
            // Archiving moves records from file to file, and changes none.
            let archived = now.archived.len() > self.archived.len() && now.size() >= self.size();
            return if archived { Ok(Some(now)) } else { Err(cannot(io::Error::other("another file has taken its place"))) };
        }
        if now.len() < self.live.size {
            return Err(cannot(io::Error::other(format!("it had {} bytes, and has {}", self.live.size, now.len()))));
        }
        if now.len() == self.live.size { Ok(None) } else { Self::take(dir).map(Some) }
    }

    /// What it has beyond an earlier one of the same directory.
    pub fn lines_after(&self, earlier: &Self) -> Lines<SnapshotReader<'_>> {
        Lines::new(self.from(earlier.size()))
    }

    fn parts(&self) -> impl Iterator<Item = &JournalPart> {
        self.archived.iter().chain([&self.live])
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.parts().map(|part| part.size).sum()
    }

    /// How many bytes the file has that is written to.
    pub(super) fn live_size(&self) -> u64 {
        self.live.size
    }

    /// The number of the first record in the file that is written to; `None` if it has none that can be read.
    pub(super) fn first_live_record(&self) -> io::Result<Option<u64>> {
        self.live.first_record()
    }

    /// Reads its bytes from this one on.
    pub(super) fn from(&self, position: u64) -> SnapshotReader<'_> {
        SnapshotReader { snapshot: self, position }
    }

    /// The line that begins with this byte.
    pub(super) fn line_at(&self, position: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(Lines::new(self.from(position)).read()?.map(|line| line.bytes.to_vec()))
    }

    /// In which file a line stands, and the how manyth it is there; `None` for a journal of one file.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn place_of(&self, line: u64) -> io::Result<Option<(PathBuf, u64)>> {
        if self.archived.is_empty() {
            return Ok(None);
        }
        let mut before = 0;
        for part in &self.archived {
            let mut lines = Lines::new(part.window());
            while lines.read()?.is_some() {}
            if line <= before + lines.number {
                return Ok(Some((part.path.clone(), line - before)));
            }
            before += lines.number;
        }
        Ok(Some((self.live.path.clone(), line - before)))
    }

    /// The journal's head, found from its end.
    ///
    /// # Errors
    /// The end is damaged or newer than this program.
    pub fn head(&self, dir: &Path) -> Result<Head, JournalError> {
        let chain = Tail::find(&Local, &self.live.file)?.chain;
        let mark = self.mark()?;
        Ok(Head::new(&Identity::read().host, dir, chain.records(), chain.head()).of_journal(mark.as_ref()))
    }
}

/// Reads the files of a journal, one after the other.
#[derive(Debug)]
pub struct SnapshotReader<'s> {
    snapshot: &'s Snapshot,
    position: u64,
}

impl Read for SnapshotReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut begin = 0;
        for part in self.snapshot.parts() {
            let end = begin + part.size;
            if self.position >= end {
                begin = end;
                continue;
            }
            let read = Window { position: self.position - begin, ..part.window() }.read(buffer)?;
            if read == 0 && !buffer.is_empty() {
                // What follows in the next file does not follow from here.
                let what = format!("{} has become shorter", part.path.display());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
            self.position += read as u64;
            return Ok(read);
        }
        Ok(0)
    }
}

impl Seek for SnapshotReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(position) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.position = position;
        Ok(position)
    }
}

/// All runs, in the order of their opening.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Runs {
    pub runs: Vec<RunSummary>,
    /// Lines that are damaged or newer, as far as a glance shows.
    pub unreadable: u64,
}

/// Lists all runs. Only glances at most lines: `verify` is what finds damage.
///
/// # Errors
/// The file system's.
pub(crate) fn runs(snapshot: &Snapshot) -> Result<Runs, JournalError> {
    let survey = snapshot.survey()?;
    Ok(Runs { runs: survey.runs().collect(), unreadable: survey.unreadable() })
}
