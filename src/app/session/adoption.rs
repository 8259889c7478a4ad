//! Whether the journal is this host's to go on with: it may be a copy, of a host that was renamed, or of a disk that is mounted in a rescue
//! system. A person says so, and that is recorded.

use std::{io, path::Path};

use super::{
    conduct::{self, Signals},
    journal::{journal_failure, open_journal},
    operator::hostname,
};
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli::{self, Subcommands},
    event::{Answerer, Event, Past, RunId},
    journal::{Durability, JournalError, history::History, mark::machine, reader::Snapshot},
    ports::{Answer, Ask, Behind, Ledger, LedgerError, Prompt, Question},
};

/// What the operator accepts of a journal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Accepted<'a> {
    /// That it does not verify: the digest that the refusal has told.
    pub damaged: Option<&'a str>,
    /// That it is a copy.
    pub copy: bool,
    /// That it is of this host, which has another name now.
    pub adopt: Option<&'a str>,
    /// Nothing is run for it: a person has done it, and wherever he has, that is recorded.
    pub by_hand: bool,
}

impl<'a> Accepted<'a> {
    /// What the flags say.
    #[must_use]
    pub(crate) fn of(how: &'a cli::TakingUp, damaged: Option<&'a str>) -> Self {
        Self { damaged, copy: how.accept_copy, adopt: how.adopt.as_deref(), by_hand: false }
    }
}

/// What keeps a run from being gone on with here as it is, until a person says something.
#[derive(Debug)]
pub(crate) enum Foreign {
    /// The journal is a copy, and why.
    Copy(&'static str),
    /// The run belongs to another host; what is known of that.
    Host { was: String, about: String },
}

impl Foreign {
    /// Looks at the journal of a run that was begun on `was`.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn of(snapshot: &Snapshot, was: &str) -> Result<Option<Self>, JournalError> {
        let here = hostname();
        let copied = snapshot.copied()?;
        if was == here || copied.is_none() && snapshot.adopted(was, &here)? {
            return Ok(copied.map(Self::Copy));
        }
        let about = match copied {
            _ if snapshot.is_of_this_machine()? => {
                "This is the machine that the journal was written on: it has another name now.".to_owned()
            }
            Some(why) => {
                format!("The journal is a copy or on another machine: {why}. If its original is used as well, steps are executed twice.")
            }
            None => "The journal does not say on which machine it was written.".to_owned(),
        };
        Ok(Some(Self::Host { was: was.to_owned(), about }))
    }

    /// The same for who only looks: the records are not gone through where the journal was begun here.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn seen(snapshot: &Snapshot, was: &str) -> Result<Option<Self>, JournalError> {
        if was == hostname() && snapshot.begun_here()? { Ok(None) } else { Self::of(snapshot, was) }
    }

    /// It in words.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Copy(why) => format!("the journal is a copy: {why}"),
            Self::Host { was, about } => format!("it belongs to host {was}, and this is {}. {about}", hostname()),
        }
    }

    /// What a person says so that it is gone on with here.
    pub(crate) fn accepting(&self) -> cli::TakingUp {
        match self {
            Self::Copy(_) => cli::TakingUp { accept_copy: true, ..cli::TakingUp::default() },
            Self::Host { was, .. } => cli::TakingUp { adopt: Some(was.clone()), ..cli::TakingUp::default() },
        }
    }
}

/// What can be done here about a run that was left.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// With these words.
    how: cli::TakingUp,
    /// It changes another machine: nothing is run for it here.
    by_hand: bool,
}

impl Ways {
    /// Of a run with this past, which is bound to a machine or to none.
    pub(crate) fn of(foreign: Option<&Foreign>, past: &Past) -> Self {
        let bound = past.opening.as_ref().and_then(|opening| opening.machine.as_deref());
        Self { how: foreign.map(Foreign::accepting).unwrap_or_default(), by_hand: !is_here(bound) }
    }

    pub(crate) fn resume(&self, run: RunId) -> Option<Subcommands> {
        (!self.by_hand)
            .then(|| Subcommands::Resume(cli::Resume { run: Some(run.to_string()), how: self.how.clone(), ..cli::Resume::default() }))
    }

    pub(crate) fn rollback(&self, run: RunId) -> Option<Subcommands> {
        (!self.by_hand)
            .then(|| Subcommands::Rollback(cli::Rollback { run: run.to_string(), how: self.how.clone(), ..cli::Rollback::default() }))
    }

    pub(crate) fn settle(&self) -> Option<Subcommands> {
        (!self.by_hand).then(|| Subcommands::Debts(cli::Debts { settle: true, how: self.how.clone(), ..cli::Debts::default() }))
    }

    /// Records that a cleanup was done by hand, where nothing else can be done about it.
    pub(crate) fn settled_by_hand(&self, owed: Option<&str>) -> Option<Subcommands> {
        let place = owed.filter(|_| self.by_hand)?;
        let settled_by_hand = vec![(place.to_owned(), "WHAT WAS DONE".to_owned())];
        Some(Subcommands::Debts(cli::Debts { settled_by_hand, how: self.how.clone(), ..cli::Debts::default() }))
    }
}

/// Whether this is the machine that a run is bound to, if it is bound to one.
pub(super) fn is_here(bound: Option<&str>) -> bool {
    bound.is_none() || machine().as_deref() == bound
}

/// Refuses a run of another host, and a run in a copy of a journal, which may be gone on with in its original too, until a person has said
/// that it is to be gone on with here. What was said is recorded and not asked again.
pub(super) fn ours(
    context: &Context,
    directory: &Path,
    snapshot: &Snapshot,
    history: &History,
    accepted: &Accepted<'_>,
) -> Result<(), Failure> {
    let unusable = |error: JournalError| journal_failure(directory, &error);
    let (run, was, here) = (history.run, &history.host, hostname());
    if let Some(given) = accepted.adopt.filter(|given| given != was) {
        return Err(Failure::new(ProgramExit::Usage, format!("--adopt names {given}, and run {run} belongs to host {was}")));
    }
    let about = match Foreign::of(snapshot, was).map_err(unusable)? {
        None => return Ok(()),
        Some(Foreign::Copy(why)) if !accepted.copy && accepted.adopt.is_none() => return Err(copy(directory, why)),
        Some(Foreign::Copy(_)) => return recorded(context, run, None),
        Some(Foreign::Host { about, .. }) => about,
    };
    let text = format!(
        "Adopt the journal of host {was}?\nRun {run} belongs to host {was}, and this is {here}. {about}\nIts runs are gone on with here from now on; that is recorded."
    );
    let (typed, by) = adopted(context, accepted, was, &text).map_err(|why| {
        Failure::new(ProgramExit::OperatorNeeded, format!("run {run} belongs to host {was}, and this is {here}: {why}"))
            .why(about)
            .next(format!("run this command on {was}"))
            .next(format!("or, if this host takes its place (another name, a rescue system), repeat this command with --adopt {was}"))
    })?;
    recorded(context, run, Some((was, Event::Confirmed { place: None, text, typed, by })))
}

fn copy(directory: &Path, why: &str) -> Failure {
    Failure::new(ProgramExit::OperatorNeeded, format!("the journal in {} is a copy: {why}", directory.display()))
        .why("its runs could be resumed in the original as well, and their steps would be executed twice")
        .next("make sure that nobody uses the original any more, then repeat this command with --accept-copy")
}

/// The host's name, typed: beforehand, or now. The error says why it is not.
fn adopted(context: &Context, accepted: &Accepted<'_>, host: &str, text: &str) -> Result<(String, Answerer), String> {
    if let Some(given) = accepted.adopt {
        return Ok((given.to_owned(), Answerer::Flag));
    }
    let signals = Signals::listen(context).map_err(|failure| failure.what)?;
    let stdin = io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let ask = Ask::Phrase { phrase: host.to_owned(), destroys: false };
    match asking.ask(&Question { place: None, ask, text: text.to_owned(), behind: Behind::default() }) {
        Ok(Answer::Yes { typed, by }) => Ok((typed, by)),
        Ok(_) => Err("not confirmed".to_owned()),
        Err(no_answer) => Err(no_answer.to_string()),
    }
}

/// Records where the journal is gone on with, and whose it was.
fn recorded(context: &Context, run: RunId, adoption: Option<(&str, Event)>) -> Result<(), Failure> {
    let cannot = |error: LedgerError| Failure::new(ProgramExit::Journal, format!("the journal cannot be gone on with here: {error}"));
    let journal = open_journal(context)?;
    let Some((host, confirmed)) = adoption else { return journal.settle_here(run, None).map_err(cannot) };
    journal.begin_run(run, Durability::EachRecord).append(&confirmed.cut_to_record()).map_err(cannot)?;
    journal.settle_here(run, Some(host)).map_err(cannot)
}
