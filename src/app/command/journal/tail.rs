//! `halligan journal tail`: the last records of all runs, and those that come.

use std::{collections::VecDeque, io::Write, path::Path, thread, time::Duration};

use super::{
    error::{Result, within},
    sentence,
};
use crate::{
    journal::{JournalError, reader::Snapshot, record::Line},
    words::{moment::local, sanitise::line as visible},
};

/// How often the file's size is asked for. Short for a reader, and nothing beside one step of a run.
const PAUSE: Duration = Duration::from_millis(200);

/// Tells the last records of all runs, and if `follow`, each that comes, for as long as nobody stops it.
///
/// # Errors
/// The journal cannot be read, or has become shorter, which no halligan does to it.
pub(super) fn tail(out: &mut dyn Write, dir: &Path, number: usize, json: bool, follow: bool) -> Result<u8> {
    let mut snapshot = within(dir, Snapshot::take(dir))?;
    let mut last: VecDeque<Vec<u8>> = VecDeque::with_capacity(number.min(10_000));
    let mut lines = snapshot.lines();
    while let Some(raw) = within(dir, lines.read().map_err(JournalError::reading))? {
        if last.len() == number {
            last.pop_front();
        }
        if number > 0 {
            last.push_back(raw.bytes.to_vec());
        }
    }
    for line in last {
        tell(out, &line, json)?;
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
        while let Some(raw) = within(dir, lines.read().map_err(JournalError::reading))? {
            tell(out, raw.bytes, json)?;
        }
        snapshot = now;
    }
}

fn tell(out: &mut dyn Write, line: &[u8], json: bool) -> Result<()> {
    if json {
        return Ok(out.write_all(line)?);
    }
    match Line::read(line) {
        Ok(Line::Record(record)) => {
            let at = local(record.header.ts).strftime("%Y-%m-%d %H:%M:%S").to_string();
            let told = sentence::in_words(&record.body);
            writeln!(out, "{at}  {}  {}", record.header.run, visible(told.lines().next().unwrap_or_default()))?;
        }
        Ok(Line::Newer { v, .. }) => writeln!(out, "a record in format {v}, which is newer than this halligan")?,
        Err(fault) => writeln!(out, "a line that cannot be told: {}", visible(&fault.to_string()))?,
    }
    Ok(())
}
