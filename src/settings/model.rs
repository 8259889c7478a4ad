//! Settings, each with the place where it stands.

use std::{fmt, path::PathBuf};

use crate::cli::Colour;

/// A value, and the line of a file that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled<T> {
    pub value: T,
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
}

impl<T> fmt::Display for Settled<T> {
    /// The place: `/etc/halligan/config.toml:3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What files say of settings that options and variables have left open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub journal_dir: Option<Settled<PathBuf>>,
    pub inventory: Option<Settled<PathBuf>>,
    /// A program; whether it is there nobody has looked.
    pub notify: Option<Settled<PathBuf>>,
    pub bell: Option<Settled<bool>>,
    pub color: Option<Settled<Colour>>,
    /// Directories.
    pub runbooks: Option<Settled<Vec<PathBuf>>>,
    /// The files that were looked for, the first of which goes last, and whether each is there.
    pub files: Vec<(PathBuf, bool)>,
}

impl Settings {
    /// Keys of a file, in the order in which they are told.
    pub(super) const KEYS: [&'static str; 6] = ["journal_dir", "inventory", "notify", "bell", "color", "runbooks"];

    /// What is said here, and otherwise what was said before.
    #[must_use]
    pub(super) fn over(self, before: Self) -> Self {
        let Self { journal_dir, inventory, notify, bell, color, runbooks, files } = self;
        Self {
            journal_dir: journal_dir.or(before.journal_dir),
            inventory: inventory.or(before.inventory),
            notify: notify.or(before.notify),
            bell: bell.or(before.bell),
            color: color.or(before.color),
            runbooks: runbooks.or(before.runbooks),
            files: before.files.into_iter().chain(files).collect(),
        }
    }

    /// Directories of runbooks beside the usual.
    #[must_use]
    pub(crate) fn runbook_directories(&self) -> &[PathBuf] {
        self.runbooks.as_ref().map_or(&[], |said| &said.value)
    }
}
