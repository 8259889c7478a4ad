//! `halligan journal archive`: the records of closed runs, put away by month.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::error::within;
use crate::{
    app::{
        command::printed::print_json,
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::journal::{journal_failure, open_journal},
    },
    cli::{Form, Subcommands, when::When},
    exec::lock::{RunHold, RunLock},
    journal::{archiving::ArchivingError, verify::verify},
};

/// What `halligan journal archive --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct ArchiveReport {
    archived: Vec<ArchivedMonth>,
    /// The run that is not closed or owes a cleanup: it and the records after it stay in `journal.jsonl`.
    kept_by: Option<String>,
}

/// Records that were put away.
#[derive(Debug, Serialize, JsonSchema)]
struct ArchivedMonth {
    file: String,
    first: u64,
    last: u64,
}

/// Archives the months before this one, or what is older than `before`, and says in which files it stands.
///
/// # Errors
/// The journal does not verify, is a copy or cannot be written, or a run is under way: nothing was archived.
pub(super) fn archive(context: &Context, dir: &Path, before: Option<&When>, form: Form) -> Result<ProgramExit, Failure> {
    let found = within(dir, verify(dir, &[])).map_err(|error| Failure::of(error.exit(), &error).hint(error.hint()))?;
    if !found.verdict.holds() && !found.torn_tail {
        return Err(Failure::new(ProgramExit::CheckFailed, "the journal failed verification, so nothing was archived")
            .why(found.verdict.to_string())
            .suggest("find out what happened to it:", context.line(Subcommands::journal_verify())));
    }
    let now = jiff::Zoned::now();
    let before = before.map_or_else(|| begin_of_month(&now), |before| before.moment(&now));
    let locks = dir.join("locks");
    let under_way = || match RunLock::look_all(&locks) {
        RunHold::Free => None,
        RunHold::Held => Some("a run is under way".to_owned()),
        RunHold::Unknown { why } => Some(format!("it is unknown whether a run is under way: {why}")),
    };
    let done = open_journal(context)?.archive(before, &under_way).map_err(|error| match &error {
        ArchivingError::Journal(error) => journal_failure(dir, error)
            .why("nothing is lost: what was begun is finished or taken back by the next `halligan journal archive`"),
        ArchivingError::UnderWay(_) => Failure::new(ProgramExit::Stopped, format!("nothing was archived: {error}"))
            .suggest("see what is running, and archive when it has ended:", context.line(Subcommands::journal_list())),
        ArchivingError::Copy(why) => {
            Failure::new(ProgramExit::OperatorNeeded, format!("the journal in {} is a copy: {why}", dir.display()))
                .next("archive the original; a copy is gone on with by `halligan resume --accept-copy` first")
        }
    })?;
    if form.is_json() {
        let archived =
            done.files.iter().map(|(path, first, last)| ArchivedMonth { file: path.display().to_string(), first: *first, last: *last });
        let report = ArchiveReport { archived: archived.collect(), kept_by: done.kept_by.map(|run| run.to_string()) };
        print_json(context, "months that were archived", &report)?;
        return Ok(ProgramExit::Completed);
    }
    let out = &context.out.stdout;
    for (path, first, last) in &done.files {
        out.line(&format!("archived: records {first} to {last} in {}", path.display()));
    }
    if done.files.is_empty() {
        out.line(&format!("Nothing to archive: no closed runs of before {}.", before.strftime("%Y-%m-%d %H:%M UTC")));
    }
    if let Some(run) = done.kept_by {
        out.line(&format!("run {run} is not closed or owes a cleanup: it and the records after it stay in journal.jsonl"));
        out.line(&format!("see how it stands:  {}", context.line(Subcommands::journal_show(&run.to_string()))));
    }
    Ok(ProgramExit::Completed)
}

/// When this month began, in UTC.
fn begin_of_month(now: &jiff::Zoned) -> jiff::Timestamp {
    let here = now.with_time_zone(jiff::tz::TimeZone::UTC);
    // There is no month without a first day.
    here.first_of_month().and_then(|day| day.start_of_day()).map_or(jiff::Timestamp::MIN, |day| day.timestamp())
}
