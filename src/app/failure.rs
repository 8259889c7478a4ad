//! Why a command did not do what was asked, ready to be shown.

use std::{error::Error, iter};

use super::exit::Exit;
use crate::ui::{out::Out, report};

/// A refusal: what is wrong, why, and what would be right.
#[derive(Debug, Clone)]
pub struct Failure {
    pub exit: Exit,
    pub what: String,
    pub why: Vec<String>,
    /// What to do, the best first.
    pub next: Vec<String>,
    /// It has been shown already.
    shown: bool,
}

impl Failure {
    #[must_use]
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: Vec::new(), next: Vec::new(), shown: false }
    }

    /// What an error says, with its causes.
    #[must_use]
    pub fn of(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, explain(error))
    }

    /// One whose words are on the screen already.
    #[must_use]
    pub fn shown(exit: Exit) -> Self {
        Self { shown: true, ..Self::new(exit, "") }
    }

    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// What would help, where that is known.
    #[must_use]
    pub fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.next.extend(hint.map(Into::into));
        self
    }

    /// Says it on standard error.
    #[must_use]
    pub fn show(self, out: &Out) -> Exit {
        if !self.shown {
            let next = self.next.into_iter().map(Into::into).collect();
            let ending = report::Ending { what: self.what, why: self.why, next, exit: self.exit as u8, ..report::Ending::default() };
            out.stderr.text(&ending.render(&out.stderr.page()));
        }
        self.exit
    }
}

/// An error with its causes in one line. One that an error's own words have already is not said again.
#[must_use]
pub fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in iter::successors(error.source(), |cause: &&dyn Error| (*cause).source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{io, path::Path};

    use super::*;
    use crate::{app::journal::JournalCommandError, journal::JournalError};

    #[test]
    fn every_cause_is_said_once() {
        let source = JournalError::Io { doing: "reading it".to_owned(), source: io::Error::other("the disk is gone") };
        let error = JournalCommandError::Journal { dir: Path::new("/j").to_owned(), source };
        assert_eq!(explain(&error), "the journal in /j cannot be used: reading it failed: the disk is gone");
    }
}
