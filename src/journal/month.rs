//! Archived months: the oldest records of a journal, in files of their own. These in the order of their names, and then the file
//! that is written to, are the journal, byte for byte as it would be in one file.
//!
//! Which of them count, the file that is written to says alone: those that begin before its first record. What an archiving that was
//! killed has left begins there or later; its records still stand in that file, and it is read by nobody.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};

/// The directory of archived months, in that of their journal.
pub(super) const DIRECTORY: &str = "archive";

/// A month of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Month {
    year: i16,
    month: i8,
}

impl Month {
    #[must_use]
    pub(super) fn of(ts: Timestamp) -> Self {
        let date = TimeZone::UTC.to_datetime(ts).date();
        Self { year: date.year(), month: date.month() }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// A file of archived records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MonthFile {
    /// The number of its first record.
    pub first: u64,
    /// `000000000001-2026-10.jsonl`, so that a shell lists them in their order.
    name: String,
}

impl MonthFile {
    #[must_use]
    pub(super) fn new(first: u64, month: Month) -> Self {
        Self { first, name: format!("{first:012}-{month}.jsonl") }
    }

    /// The file of this name, if it is such a name.
    fn named(name: &str) -> Option<Self> {
        let (first, month) = name.strip_suffix(".jsonl")?.split_once('-')?;
        let (year, number) = month.split_once('-')?;
        let month = Month { year: year.parse().ok()?, month: number.parse().ok()? };
        Some(Self::new(first.parse().ok()?, month)).filter(|file| file.name == name)
    }

    /// Where it stands in the directory of its journal.
    #[must_use]
    pub(super) fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }

    /// All that stand in a journal's directory, by their first records. Other files there are none of the journal's.
    ///
    /// # Errors
    /// The file system's; no link is followed.
    pub(super) fn all(dir: &Path) -> io::Result<Vec<Self>> {
        let below = dir.join(DIRECTORY);
        match fs::symlink_metadata(&below) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no directory", below.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(below)? {
            files.extend(entry?.file_name().to_str().and_then(Self::named));
        }
        files.sort();
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_no_others() {
        let file = MonthFile::new(4712, Month::of("2026-10-31T23:59:59Z".parse().unwrap()));
        assert_eq!(file.path(), Path::new("archive/000000004712-2026-10.jsonl"));
        assert_eq!(MonthFile::named("000000004712-2026-10.jsonl"), Some(file));
        for other in ["4712-2026-10.jsonl", "000000004712-2026-10.jsonl.gz", "000000004712-2026-1.jsonl", "journal.jsonl", ".jsonl"] {
            assert_eq!(MonthFile::named(other), None, "{other}");
        }
        assert!(MonthFile::new(u64::MAX, Month { year: 9999, month: 12 }) > MonthFile::new(9, Month { year: 1, month: 1 }));
    }

    #[test]
    fn a_directory_without_any_has_none_and_a_link_is_no_directory() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(MonthFile::all(temp.path()).unwrap(), []);
        std::os::unix::fs::symlink("/", temp.path().join(DIRECTORY)).unwrap();
        assert!(MonthFile::all(temp.path()).is_err());
    }
}
