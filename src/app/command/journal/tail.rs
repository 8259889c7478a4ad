//! `halligan journal tail`: what was told last of all runs, and what comes, each line with the run that it is of.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::Write,
    path::Path,
    thread,
    time::Duration,
};

use super::{
    error::{Result, within},
    raw,
    replayed::Replayed,
};
use crate::{
    event::RunId,
    journal::{
        JournalError,
        extent::{Extent, Extents},
        reader::Snapshot,
        record::{Glance, Line},
        shape::Body,
    },
    ui::replay::Replay,
    words::{self, sanitise::line as visible},
};

/// How often the file's size is asked for. Short for a reader, and nothing beside one step of a run.
const PAUSE: Duration = Duration::from_millis(200);

/// Tells the last records of all runs, and if `follow`, each that comes, for as long as nobody stops it. It goes to a `terminal`.
///
/// # Errors
/// The journal cannot be read, or has become shorter, which no halligan does to it.
pub(super) fn tail(out: &mut dyn Write, dir: &Path, number: usize, json: bool, follow: bool, terminal: bool) -> Result<u8> {
    let mut snapshot = within(dir, Snapshot::take(dir))?;
    let mut runs = Followed { told: HashMap::new(), replayed: Replayed::from(dir) };
    let mut last: VecDeque<Vec<u8>> = VecDeque::with_capacity(number.min(10_000));
    let mut extents = Extents::default();
    let mut lines = snapshot.lines();
    while let Some(line) = within(dir, lines.read().map_err(JournalError::reading))? {
        if let Some(glance) = Glance::at(line.bytes) {
            extents.note(glance.run, &line);
        }
        if last.len() == number {
            last.pop_front();
        }
        if number > 0 {
            last.push_back(line.bytes.to_vec());
        }
    }
    if json {
        last.iter().try_for_each(|line| raw::raw(out, line, terminal))?;
    } else {
        // What a step is called was said when it was reached, which may be long before.
        let shown: HashSet<RunId> = last.iter().filter_map(|line| Glance::at(line)).map(|glance| glance.run).collect();
        let mut told: VecDeque<String> = VecDeque::new();
        let extents = shown.iter().filter_map(|run| extents.of(*run));
        let mut lines = snapshot.stretches(extents.map(Extent::and_all_after));
        while let Some(line) = within(dir, lines.read().map_err(JournalError::reading))? {
            if Glance::at(line.bytes).is_none_or(|glance| shown.contains(&glance.run)) {
                told.extend(runs.tell(line.bytes));
                told.drain(..told.len().saturating_sub(number));
            }
        }
        told.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    if !follow {
        return Ok(0);
    }
    loop {
        if out.flush().is_err() {
            // Nobody can read any longer. What that means for the exit code is the same for every command.
            return Ok(0);
        }
        thread::sleep(PAUSE);
        let Some(now) = within(dir, snapshot.grown(dir))? else { continue };
        let mut lines = now.lines_after(&snapshot);
        while let Some(line) = within(dir, lines.read().map_err(JournalError::reading))? {
            if json {
                raw::raw(out, line.bytes, terminal)?;
            } else {
                runs.tell(line.bytes).iter().try_for_each(|line| writeln!(out, "{line}"))?;
            }
        }
        snapshot = now;
    }
}

/// What has been told of each run.
#[derive(Debug)]
struct Followed {
    told: HashMap<RunId, Replay>,
    replayed: Replayed,
}

impl Followed {
    /// A record in words, behind the name of its run; nothing for most.
    fn tell(&mut self, line: &[u8]) -> Vec<String> {
        let record = match Line::read(line) {
            Ok(Line::Record(record)) => record,
            Ok(Line::Newer { v, .. }) => return vec![format!("a record in format {v}, which is newer than this halligan")],
            Err(fault) => return vec![format!("a line that cannot be read: {}", visible(&fault.to_string()))],
        };
        let (run, at) = (record.header.run, record.header.moment());
        let replay = self.told.entry(run).or_insert_with(|| Replay::new(None));
        let lines = match record.body {
            Body::Torn(torn) => replay.remark(at, &words::torn(torn.lines, torn.bytes)),
            Body::Archived(archived) => replay.remark(at, &words::archived(archived.last)),
            Body::Removed(removed) => replay.remark(at, &words::removed(removed.paths.len())),
            body => self.replayed.event(body).map(|event| replay.event(at, &event)).unwrap_or_default(),
        };
        lines.into_iter().map(|line| format!("{run}  {line}")).collect()
    }
}
