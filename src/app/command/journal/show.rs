//! `halligan journal show`: one run, told from its records as it was told while it went on.

use std::{io::Write, path::Path};

use super::{
    error::{Result, within},
    raw,
    replayed::{Replayed, Titles},
};
use crate::{
    app::session::{operator::who, run_name, standing::RunStanding},
    digest::Digest,
    event::{Outcome, Part, Place, RunState, StepState, state::Phase},
    journal::{
        Head, JournalError,
        reader::{Snapshot, runs},
        record::{Glance, Line},
        shape::Body,
        summary::RunSummary,
    },
    ui::{
        layout::{Page, wrap},
        replay::Replay,
        report::LastScreen,
    },
    words::{self, moment::local, sanitise::line as visible},
};

/// Tells one run; with `json`, gives its records as they stand. `run` is its name or the beginning of it; `page`, the terminal, if
/// it goes to one.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub(super) fn show(out: &mut dyn Write, dir: &Path, run: &str, json: bool, page: Option<Page>) -> Result<u8> {
    let snapshot = within(dir, Snapshot::take(dir))?;
    let found = within(dir, runs(&snapshot))?;
    let summary = run_name::find(found.runs, run)?;
    let (mut state, mut replay, replayed) = (RunState::default(), Replay::new(page), Replayed::from(dir));
    let (mut head, mut why, mut whole) = (None, String::new(), true);
    if !json {
        let laid_out = |text: &str| page.map_or_else(|| vec![text.to_owned()], |page| wrap(text, page.width, "", "  "));
        print(out, &laid_out(&opening(&summary)))?;
        if untitled(dir, &snapshot, &summary)? {
            print(out, &laid_out("the titles of steps are not recorded: an older halligan wrote this run"))?;
        }
        writeln!(out)?;
    }
    let mut lines = snapshot.stretches([summary.extent]);
    while let Some(line) = within(dir, lines.read().map_err(JournalError::reading))? {
        if Glance::at(line.bytes).is_none_or(|glance| glance.run != summary.id) {
            continue;
        }
        if json {
            raw::raw(out, line.bytes, page.is_some())?;
            continue;
        }
        let record = match Line::read(line.bytes) {
            Ok(Line::Record(record)) => record,
            Ok(Line::Newer { v, .. }) => {
                writeln!(out, "line {} is in format {v}, which is newer than this halligan", line.number)?;
                whole = false;
                continue;
            }
            Err(fault) => {
                writeln!(out, "line {} cannot be read: {}", line.number, visible(&fault.to_string()))?;
                whole = false;
                continue;
            }
        };
        head = Some((record.header.seq, Digest::of(line.bytes)));
        let at = record.header.moment();
        match &record.body {
            Body::RunClosed(closing) => why.clone_from(&closing.why),
            Body::Torn(torn) => print(out, &replay.remark(at, &words::torn(torn.lines, torn.bytes)))?,
            _ => {}
        }
        if let Some(event) = replayed.event(record.body) {
            if let Err(illegal) = state.apply(&event) {
                whole = false;
                print(out, &replay.remark(at, &format!("this record is out of order: {illegal}")))?;
            }
            print(out, &replay.event(at, &event))?;
        }
    }
    if !json {
        let last = last_screen(&summary, &state, &why, &RunStanding::of(dir, &summary).words(Some(&state).filter(|_| whole)));
        write!(out, "\n{}", last.render(&page.unwrap_or_else(Page::recorded)))?;
        if let Some((seq, hash)) = head {
            let mark = within(dir, snapshot.mark())?;
            // On a line of its own, whole, since it is there to be copied.
            writeln!(out, "{}", visible(&Head::new(&summary.host, dir, seq, hash).of_journal(mark.as_ref()).to_string()))?;
        }
    }
    Ok(0)
}

/// Whether an older halligan wrote the records of a run, without the titles of its steps. Reads no further than the first step.
fn untitled(dir: &Path, snapshot: &Snapshot, run: &RunSummary) -> Result<bool> {
    let mut titles = Titles::default();
    let mut lines = snapshot.stretches([run.extent]);
    while let Some(line) = within(dir, lines.read().map_err(JournalError::reading))? {
        let glance = Glance::at(line.bytes).filter(|glance| glance.run == run.id);
        if let Some(missing) = glance.and_then(|glance| titles.missing(glance.kind)) {
            return Ok(missing);
        }
    }
    Ok(false)
}

fn print(out: &mut dyn Write, lines: &[String]) -> Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(Into::into)
}

/// Who began it, when and where: what the screen of the one who did need not say.
fn opening(run: &RunSummary) -> String {
    let began = local(run.opened).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
    let mut origin = format!("began {began} by {} on {}", who(run.uid, run.login_uid), run.host);
    if let Some(tty) = &run.tty {
        origin.extend([", ", tty]);
    }
    if let Some(client) = run.ssh.as_ref().and_then(|ssh| ssh.split(' ').next()) {
        origin.extend([", from ", client]);
    }
    if run.clock_synchronised == Some(false) {
        origin.push_str("; the clock was not synchronised");
    }
    format!("run {}  {}", run.id, visible(&origin))
}

/// How it ended and what is left.
fn last_screen(run: &RunSummary, state: &RunState, why: &str, ending: &str) -> LastScreen {
    let left = state.aftermath();
    let of = |(place, part): &(Place, Part)| match state.steps.get(place) {
        Some(StepState::InDoubt { why }) if *part == Part::Main => format!("{place}: {why}"),
        _ => format!("{}: started, no end recorded", words::part_of(place, *part)),
    };
    LastScreen {
        completed: true,
        why: why.lines().map(str::to_owned).collect(),
        in_doubt: left.doubted.iter().chain(&left.unended).map(of).collect(),
        standing: if state.phase == Phase::Closed(Outcome::RolledBack) {
            left.standing.iter().map(Place::to_string).collect()
        } else {
            Vec::new()
        },
        owed: state.owed.iter().map(|(place, owed)| format!("{place}:  {}", words::brief(owed))).collect(),
        closing: format!("run {} {ending}", run.id),
        ..LastScreen::default()
    }
}
