//! One run as one file for a ticket: a tar that can be verified by itself, and against a head that somebody has.
//!
//! It holds the journal's lines as they stand, from the run's first record to its last. What other runs wrote in between is
//! in it too, since the chain goes through it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use super::{
    chain::{Chain, Link},
    digest::Digest,
    error::JournalError,
    head::Head,
    lines::Lines,
    location::FILE,
    reader::Snapshot,
    record::{Glance, Line},
    shape::Body,
    signature,
};
use crate::event::{Captured, RunId, RunState};

const README: &str = "\
One run of halligan, from the journal of one host.

  journal.jsonl   the journal's lines from the run's first record to its last, as they stand
  output/         what commands of the run printed, whole, each named by its SHA-256
  heads/          heads that were signed, with their signatures
  head            how long the journal was at the run's last record, and its hash
  run             which run this is

With halligan:    halligan journal verify THIS.tar --head FILE
Without it:       each line's `prev` is the SHA-256 of the whole line before it, newline included:
                      sed -n 1p journal.jsonl | sha256sum     is `prev` in line 2
                  and the SHA-256 of the last line stands in `head`.

A head that was kept or signed elsewhere shows that nothing was changed since. Without one, this file only shows
that it has not been damaged on the way.
";

/// What an export is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedExport {
    pub run: RunId,
    pub first: u64,
    pub last: u64,
    /// The longest head that it was held against and that it contains.
    pub anchor: Option<u64>,
}

/// Why an export does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("there is no run {0} in the journal")]
    NoSuchRun(RunId),
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    #[error("line {line} does not hold: {why}")]
    Line { line: u64, why: String },
    #[error("{0}")]
    Content(String),
    #[error("record {size} is not the one that a head names")]
    Diverged { size: u64 },
    #[error("it ends with record {last}, and a head says {size}")]
    Short { last: u64, size: u64 },
}

/// Writes one run into a tar.
///
/// # Errors
/// There is no such run, its lines do not hold, or a file cannot be read or written.
pub(crate) fn export(dir: &Path, host: &str, run: RunId, to: impl Write) -> Result<CheckedExport, ExportError> {
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
                chain.insert(Chain::after(record.header.seq.saturating_sub(1), record.header.prev))
            }
        };
        bytes += raw.bytes.len() as u64;
        let link = chain.push(raw.bytes);
        if !ours {
            continue;
        }
        let (Link::Record { .. }, Ok(Line::Record(record))) = (link, Line::read(raw.bytes)) else {
            return Err(ExportError::Line { line: raw.number, why: "it does not follow from the one before it".to_owned() });
        };
        if let Body::StepEnded(ended) = &record.body {
            wanted.extend([&ended.stdout, &ended.stderr].map(|stream| stream.sha256.clone()));
        }
        kept = bytes;
        head = Some((record.header.seq, Digest::of(raw.bytes)));
    }
    let Some((last, hash)) = head else { return Err(ExportError::NoSuchRun(run)) };
    let mut tar = tar::Builder::new(to);
    let mut text = |name: &str, text: &str| add(&mut tar, name, text.len() as u64, text.as_bytes());
    text("README.txt", README)?;
    text("run", &format!("{run}\n"))?;
    text("head", &format!("{}\n", Head::new(host, dir, last, hash)))?;
    for head in signature::kept(dir) {
        for path in [head.clone(), signature::beside(&head)] {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let bytes = std::fs::read(&path)?;
            add(&mut tar, &format!("heads/{name}"), bytes.len() as u64, bytes.as_slice())?;
        }
    }
    wanted.remove(Captured::EMPTY);
    for sha256 in wanted {
        let file = File::open(dir.join("output").join(&sha256))?;
        let size = file.metadata()?.len();
        add(&mut tar, &format!("output/{sha256}"), size, file)?;
    }
    let mut journal = File::open(dir.join(FILE))?;
    journal.seek(io::SeekFrom::Start(skipped))?;
    add(&mut tar, FILE, kept, journal.take(kept))?;
    tar.into_inner()?.flush()?;
    Ok(CheckedExport { run, first, last, anchor: None })
}

fn add(tar: &mut tar::Builder<impl Write>, name: &str, size: u64, from: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, name, from)
}

/// Verifies an export from its bytes, and against these heads.
///
/// # Errors
/// Says what does not hold.
pub(crate) fn verify(path: &Path, heads: &[Head]) -> Result<CheckedExport, ExportError> {
    let mut outputs: BTreeMap<String, (Digest, u64)> = BTreeMap::new();
    let mut run = None;
    for entry in tar::Archive::new(File::open(path)?).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if let Some(sha256) = name.strip_prefix("output/") {
            let mut hasher = Sha256::new();
            let mut bytes = 0;
            let mut buffer = vec![0; 1 << 16];
            loop {
                let read = entry.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
            outputs.insert(sha256.to_owned(), (Digest::finish(hasher), bytes));
        } else if name == "run" {
            let mut text = String::new();
            entry.take(64).read_to_string(&mut text)?;
            run = text.trim().parse::<RunId>().ok();
        }
    }
    let run = run.ok_or_else(|| ExportError::Content("it does not say which run it holds".to_owned()))?;
    for entry in tar::Archive::new(File::open(path)?).entries()? {
        let entry = entry?;
        if entry.path()?.to_string_lossy() == FILE {
            return walk(entry, run, &outputs, heads);
        }
    }
    Err(ExportError::Content(format!("it holds no {FILE}")))
}

fn walk(journal: impl Read, run: RunId, outputs: &BTreeMap<String, (Digest, u64)>, heads: &[Head]) -> Result<CheckedExport, ExportError> {
    let mut lines = Lines::new(journal);
    let mut chain = None::<Chain>;
    let mut state = RunState::default();
    let (mut first, mut anchor, mut records) = (0, None, 0u64);
    while let Some(raw) = lines.read()? {
        let line = raw.number;
        let bad = |why: String| ExportError::Line { line, why };
        let chain = match &mut chain {
            Some(chain) => chain,
            None => match Line::read(raw.bytes).map_err(|fault| bad(fault.to_string()))? {
                Line::Record(record) => {
                    first = record.header.seq;
                    chain.insert(Chain::after(first.saturating_sub(1), record.header.prev))
                }
                Line::Newer { v, .. } => return Err(JournalError::Newer { version: v }.into()),
            },
        };
        match chain.push(raw.bytes) {
            Link::Record { .. } => {
                let Line::Record(record) = Line::read(raw.bytes).map_err(|fault| bad(fault.to_string()))? else { continue };
                let ours = record.header.run == run;
                if ours && let Body::StepEnded(ended) = &record.body {
                    for stream in [&ended.stdout, &ended.stderr] {
                        printed(stream, outputs).map_err(bad)?;
                    }
                }
                if ours && let Some(event) = record.body.into_event() {
                    state.apply(&event).map_err(|illegal| bad(illegal.to_string()))?;
                    records += 1;
                }
            }
            Link::Newer(version) => return Err(JournalError::Newer { version }.into()),
            // A torn line, if a later record commits it.
            Link::Loose => continue,
        }
        let size = chain.records();
        for head in heads.iter().filter(|head| head.size == size) {
            if head.hash != chain.head() {
                return Err(ExportError::Diverged { size });
            }
            anchor = Some(size);
        }
    }
    let Some(chain) = chain.filter(|_| records > 0) else {
        return Err(ExportError::Content(format!("it holds no record of run {run}")));
    };
    if let Some(stretch) = chain.stretch() {
        return Err(ExportError::Line { line: stretch.line, why: stretch.fault.to_string() });
    }
    let last = chain.records();
    // A longer head is of a journal that went on; one that this should contain, and ends before, shows a cut.
    if let Some(head) = heads.iter().filter(|head| head.size > last).min_by_key(|head| head.size)
        && anchor.is_none()
    {
        return Err(ExportError::Short { last, size: head.size });
    }
    Ok(CheckedExport { run, first, last, anchor })
}

fn printed(stream: &Captured, outputs: &BTreeMap<String, (Digest, u64)>) -> Result<(), String> {
    if stream.sha256 == Captured::EMPTY {
        return Ok(());
    }
    match outputs.get(&stream.sha256) {
        Some((digest, bytes)) if digest.to_string() == stream.sha256 && *bytes == stream.bytes => Ok(()),
        Some(_) => Err(format!("output/{} has been altered", stream.sha256)),
        None => Err(format!("output/{} is missing", stream.sha256)),
    }
}
