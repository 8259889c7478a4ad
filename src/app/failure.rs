//! Why a command did not do what was asked, ready to be shown.

use std::{error::Error, iter};

use super::exit::ProgramExit;
use crate::{
    ui::{
        json::Json,
        out::Out,
        report::{self, Advice},
    },
    words::quote::CommandLine,
};

/// What to do about a failure of halligan itself.
pub(super) const REPORT: &str =
    "this is a bug in halligan: keep the journal, and report it with the lines above, the command line and `halligan --version`";

/// A refusal: what is wrong, why, and what would be right.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub exit: ProgramExit,
    pub what: String,
    pub why: Vec<String>,
    /// What to do, the best first.
    pub next: Vec<Advice>,
}

impl Failure {
    #[must_use]
    pub(crate) fn new(exit: ProgramExit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: Vec::new(), next: Vec::new() }
    }

    /// What an error says, with its causes.
    #[must_use]
    pub(crate) fn of(exit: ProgramExit, error: &dyn Error) -> Self {
        Self::new(exit, explain(error))
    }

    #[must_use]
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(Advice::from(next.into()));
        self
    }

    /// What to type, and what for.
    #[must_use]
    pub(crate) fn suggest(mut self, text: &str, command: CommandLine) -> Self {
        self.next.push(Advice::with(text, command));
        self
    }

    /// What would help, where that is known.
    #[must_use]
    pub(crate) fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.next.extend(hint.map(|hint| Advice::from(hint.into())));
        self
    }

    /// Says it on standard error, and where JSON was asked for on standard output, too.
    #[must_use]
    pub(crate) fn show(self, out: &Out, json: bool) -> ProgramExit {
        let ending = report::LastScreen {
            what: self.what,
            why: self.why,
            next: self.next,
            exit: Some(self.exit as u8),
            ..report::LastScreen::default()
        };
        if json {
            Json::end(&out.stdout, "failed", jiff::Timestamp::now(), &ending);
        }
        out.stderr.text(&ending.render(&out.stderr.page()));
        self.exit
    }
}

/// An error with its causes in one line. One that an error's own words have already is not said again.
#[must_use]
pub(super) fn explain(error: &dyn Error) -> String {
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
    use std::io;

    use super::*;
    use crate::{journal::JournalError, ports::LedgerError};

    #[test]
    fn every_cause_is_said_once() {
        let gone = || io::Error::other("the disk is gone");
        let error = JournalError::Io { doing: "reading it".to_owned(), source: gone() };
        assert_eq!(explain(&error), "reading it failed: the disk is gone");
        assert_eq!(explain(&LedgerError::new("the disk is gone", Some(gone()))), "the journal cannot be written: the disk is gone");
    }
}
