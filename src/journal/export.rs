//! One run as one file for a ticket: a tar that can be verified by itself, and against a head that somebody has.
//!
//! It holds the journal's lines as they stand, from the run's first record to its last, or to the journal's end as it is now.
//! What other runs wrote in between is in it too, since the chain goes through it.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    path::Path,
};

use super::{
    archive::ArchiveWriter,
    chain::{Chain, Link},
    disk,
    exported::{ExportError, README},
    head::Head,
    location::FILE,
    reader::Snapshot,
    record::{Glance, Line},
    signature,
};
use crate::event::{Captured, Event, RunId};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenExport {
    pub run: RunId,
    pub first: u64,
    pub last: u64,
}

/// Writes one run into a tar. With `through` it goes to the journal's end, so that it can be held against every head until now.
///
/// # Errors
/// There is no such run, its lines do not hold, or a file cannot be read or written.
pub(crate) fn export(dir: &Path, host: &str, run: RunId, through: bool, to: impl Write) -> Result<WrittenExport, ExportError> {
    let snapshot = Snapshot::take(dir)?;
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let (mut chain, mut kept, mut bytes) = (None::<Chain>, 0u64, 0u64);
    let (mut skipped, mut first, mut head) = (0u64, 0, None);
    let mut lines = snapshot.lines();
    while let Some(raw) = lines.read()? {
        let ours = Glance::at(raw.bytes).is_some_and(|glance| glance.run == run);
        let chain = match &mut chain {
            Some(chain) => chain,
            None if !ours => {
                skipped += raw.bytes.len() as u64;
                continue;
            }
            None => {
                let Ok(Line::Record(record)) = Line::read(raw.bytes) else {
                    return Err(ExportError::Line { line: raw.number, why: "it cannot be read".to_owned() });
                };
                first = record.header.seq;
                chain.insert(Chain::before(record.header.seq, record.header.prev))
            }
        };
        bytes += raw.bytes.len() as u64;
        let linked = matches!(chain.push(raw.bytes), Link::Record { .. });
        if ours {
            let (true, Ok(Line::Record(record))) = (linked, Line::read(raw.bytes)) else {
                return Err(ExportError::Line { line: raw.number, why: "it does not follow from the one before it".to_owned() });
            };
            let event = record.body.into_event();
            wanted.extend(event.iter().flat_map(Event::kept).map(|kept| kept.sha256.clone()));
        }
        if ours || through && linked {
            kept = bytes;
            head = Some((chain.records(), chain.head()));
        }
    }
    let Some((last, hash)) = head else { return Err(ExportError::NoSuchRun(run)) };
    let mut tar = ArchiveWriter::new(to);
    let mut text = |name: &str, text: &str| tar.add(name, text.len() as u64, text.as_bytes());
    text("README.txt", README)?;
    text("run", &format!("{run}\n"))?;
    text("head", &format!("{}\n", Head::new(host, dir, last, hash).of_journal(snapshot.mark()?.as_ref())))?;
    for head in signature::whole_heads(dir) {
        let heads = Head::find_all(&String::from_utf8_lossy(&disk::read_small(&head)?)).unwrap_or_default();
        if !heads.iter().any(|head| (first..=last).contains(&head.size)) {
            continue;
        }
        for path in [head.clone(), signature::beside(&head)] {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let bytes = disk::read_small(&path)?;
            tar.add(&format!("heads/{name}"), bytes.len() as u64, bytes.as_slice())?;
        }
    }
    wanted.remove(Captured::EMPTY);
    for sha256 in wanted {
        let file = disk::open_plain(&dir.join("output").join(&sha256))?;
        let size = file.metadata()?.len();
        tar.add(&format!("output/{sha256}"), size, file)?;
    }
    tar.add(FILE, kept, snapshot.from(skipped).take(kept))?;
    tar.finish()?;
    Ok(WrittenExport { run, first, last })
}
