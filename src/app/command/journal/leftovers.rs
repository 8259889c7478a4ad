//! `halligan journal leftovers`: what runs that were killed have left on this machine, told, and removed on request.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Serialize;

use super::error::within;
use crate::{
    app::{
        command::printed::print_json,
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            conduct::{self, Signals, flags},
            journal::{journal_failure, open_journal},
        },
    },
    cli::{Answers, Form, JournalCommand, Subcommands},
    event::{Mode, Outcome, RunId},
    exec::{
        abandoned::Abandoned,
        leftovers::directories,
        lock::{RunHold, RunLock},
    },
    journal::{
        cast,
        leftover::RunFile,
        reader::{Snapshot, runs},
        summary::RunSummary,
    },
    ports::{Answer, Ask, Behind, Prompt, Question},
    words::sanitise::line as visible,
};

/// What `halligan journal leftovers --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct LeftoversReport {
    /// What nobody needs any more: files and directories.
    leftovers: Vec<Leftover>,
    /// Whether they were removed.
    removed: bool,
    /// What somebody may need: it is not removed.
    stay: Vec<Leftover>,
}

/// A file or directory that a killed run has left.
#[derive(Debug, Serialize, JsonSchema)]
struct Leftover {
    path: String,
    /// What it is, or why it stays.
    about: String,
}

/// What nobody needs any more, and what somebody may.
struct Leftovers {
    files: Vec<RunFile>,
    _holds: Holds,
    directories: Vec<Abandoned>,
    /// Files that stay, and why.
    stay: Vec<(RunFile, String)>,
}

/// Which runs are carried out now. Of the others the locks are held, if they are taken: nobody takes up a run whose files are removed.
struct Holds {
    directory: PathBuf,
    take: bool,
    taken: BTreeMap<RunId, RunLock>,
}

impl Holds {
    fn of(&mut self, run: RunId) -> RunHold {
        if !self.take {
            return RunLock::look(&self.directory, run.number());
        }
        if self.taken.contains_key(&run) {
            return RunHold::Free;
        }
        match RunLock::take(&self.directory, run.number()) {
            Ok(Some(lock)) => {
                self.taken.insert(run, lock);
                RunHold::Free
            }
            Ok(None) => RunHold::Held,
            Err(error) => RunHold::Unknown { why: error.to_string() },
        }
    }
}

/// Lists them; with `remove` asks, records what goes, and removes it.
///
/// # Errors
/// There is no journal, nobody has confirmed, or something cannot be recorded or removed.
pub(super) fn leftovers(context: &Context, dir: &Path, remove: bool, yes: bool, form: Form) -> Result<ProgramExit, Failure> {
    let found = Leftovers::find(dir, remove)?;
    let out = &context.out.stdout;
    let tell = |line: &str| {
        if !form.is_json() {
            out.line(line);
        }
    };
    for (path, about) in found.lines(dir) {
        tell(&visible(&format!("  {}  {about}", path.display())));
    }
    for (path, about) in found.staying(dir) {
        tell(&visible(&format!("stays: {}  {about}", path.display())));
    }
    let count = found.files.len() + found.directories.len();
    let end = |removed| {
        if form.is_json() {
            print_json(context, "leftovers", &found.report(dir, removed))?;
        }
        Ok(ProgramExit::Completed)
    };
    if count == 0 {
        tell("Nothing to remove: no killed run has left anything that nobody needs.");
        return end(false);
    }
    let command = |yes| Subcommands::Journal { command: JournalCommand::Leftovers { remove: true, yes, form } };
    if !remove {
        tell(&format!("Remove what nobody needs ({count}):  {}", context.line(command(false))));
        return end(false);
    }
    let listed = found.lines(dir).iter().map(|(path, _)| path.display().to_string()).collect::<Vec<_>>();
    let question =
        Question { place: None, ask: Ask::YesNo, text: format!("Remove these?\n{}", listed.join("\n")), behind: Behind::default() };
    let signals = Signals::listen(context)?;
    let stdin = io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let answers = Answers { yes, ..Answers::default() };
    match flags(&answers, &asking).ask(&question) {
        Ok(Answer::Yes { .. }) => {}
        Ok(_) => return Err(Failure::new(ProgramExit::NotConfirmed, "nothing was removed: not confirmed")),
        Err(no_answer) => {
            return Err(Failure::new(ProgramExit::NotConfirmed, format!("nothing was removed: {no_answer}"))
                .suggest("confirm it with --yes:", context.line(command(true))));
        }
    }
    open_journal(context)?.record_removed(listed).map_err(|error| journal_failure(dir, &error).why("nothing was removed"))?;
    let cannot = |path: &Path, error: io::Error| {
        Failure::new(ProgramExit::CheckFailed, format!("{} cannot be removed: {error}", path.display()))
            .why("the journal says of all of them that they were to be removed; what is left is listed again")
    };
    for file in &found.files {
        let path = dir.join(&file.path);
        fs::remove_file(&path).map_err(|error| cannot(&path, error))?;
    }
    for directory in &found.directories {
        directory.remove().map_err(|error| cannot(directory.path(), error))?;
    }
    tell(&format!("removed: {count}"));
    end(true)
}

impl Leftovers {
    /// With `hold` nobody can take up the runs that the files are of while this is there.
    fn find(dir: &Path, hold: bool) -> Result<Self, Failure> {
        let unusable = |error: super::error::JournalCommandError| Failure::of(error.exit(), &error).hint(error.hint());
        let unread = |error: io::Error| Failure::new(ProgramExit::Journal, format!("{} cannot be read: {error}", dir.display()));
        let mut holds = Holds { directory: dir.join("locks"), take: hold, taken: BTreeMap::new() };
        let all: Vec<_> = RunFile::all(dir).map_err(unread)?.into_iter().map(|file| (holds.of(file.run), file)).collect();
        // Only now, since whoever held a lock until then may have recorded something.
        let known = within(dir, Snapshot::take(dir).and_then(|snapshot| runs(&snapshot))).map_err(unusable)?.runs;
        let is_over = |run: &RunSummary| run.mode != Mode::Real || matches!(run.outcome, Some(Outcome::Completed | Outcome::RolledBack));
        let over: BTreeSet<RunId> = known.into_iter().filter(is_over).map(|run| run.id).collect();
        let (mut files, mut stay) = (Vec::new(), Vec::new());
        for (held, file) in all {
            match held {
                RunHold::Held => {}
                RunHold::Unknown { why } => stay.push((file, format!("unknown whether it is running: {why}"))),
                // It may be open, and is all that there is of a shell that was not closed.
                RunHold::Free if file.printed && cast::is_recorded_in(&dir.join(&file.path)) => {
                    stay.push((file, "`halligan play` plays it".to_owned()));
                }
                RunHold::Free if file.printed && !over.contains(&file.run) => stay.push((file, "`halligan resume` shows it".to_owned())),
                RunHold::Free => files.push(file),
            }
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        Ok(Self { files, _holds: holds, directories: directories(runtime.as_deref()), stay })
    }

    /// What stays, each with why.
    fn staying(&self, dir: &Path) -> Vec<(PathBuf, String)> {
        let told = |file: &RunFile, why: &str| (dir.join(&file.path), format!("{} bytes  run {}: {why}", file.size, file.run));
        self.stay.iter().map(|(file, why)| told(file, why)).collect()
    }

    fn report(&self, dir: &Path, removed: bool) -> LeftoversReport {
        let leftover = |(path, about): (PathBuf, String)| Leftover { path: path.display().to_string(), about };
        let all = |found: Vec<(PathBuf, String)>| found.into_iter().map(leftover).collect();
        LeftoversReport { leftovers: all(self.lines(dir)), removed, stay: all(self.staying(dir)) }
    }

    /// What can go, each with what it is.
    fn lines(&self, dir: &Path) -> Vec<(PathBuf, String)> {
        let files = self.files.iter().map(|file| {
            let what = if file.printed { "what a command had printed" } else { "what it was doing" };
            (dir.join(&file.path), format!("{} bytes  run {}: {what}", file.size, file.run))
        });
        let directories = self.directories.iter().map(|found| (found.path().to_owned(), "directory of a halligan that is gone".to_owned()));
        files.chain(directories).collect()
    }
}
