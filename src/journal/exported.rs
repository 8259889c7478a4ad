//! An export of one run, read as strictly as it is written: what is verified here is what everybody unpacks.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    archive::{self, ArchiveFault, ArchiveMember},
    chain::{Chain, Link},
    disk,
    error::JournalError,
    fault::RecordFault,
    head::Head,
    lines::Lines,
    location::FILE,
    record::{Line, Record},
    signature,
};
use crate::{
    digest::Digest,
    event::{Captured, RunId, RunState, state::Phase},
};

/// What an export says of itself. Fixed: a later text gets a name of its own, and this one is still read.
pub(super) const README: &str = "\
One run of halligan, from the journal of one host.

  journal.jsonl   the journal's lines from the run's first record on, as they stand
  output/         what commands of the run printed, whole, each named by its SHA-256
  heads/          heads that were signed, with their signatures
  head            how long the journal was at the last of these lines, and its hash
  run             which run this is

With halligan:    halligan journal verify THIS.tar --head FILE
Without it:       each line's `prev` is the SHA-256 of the whole line before it, newline included:
                      sed -n 1p journal.jsonl | sha256sum     is `prev` in line 2
                  and the SHA-256 of the last line stands in `head`.

A head that was kept or signed elsewhere shows that nothing was changed since, if it is of one of these lines. For one
of a later line, have the run exported with --through. Without a head, this file only shows that it has not been
damaged on the way.
";

/// What the first exports say of themselves.
const README_1: &str = "\
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

/// The longest of the small members, in bytes: a head with the longest path, a signature.
const LONGEST_SMALL: u64 = 64 << 10;

/// No export has so many signed heads.
const MOST_HEADS: usize = 10_000;

/// What an export is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedExport {
    pub run: RunId,
    pub first: u64,
    pub last: u64,
    /// The longest head that it was held against and that it contains.
    pub anchor: Option<u64>,
    /// Heads of records that are not in it: of these it shows nothing.
    pub beyond: Vec<Head>,
    /// The record of the run's end is in it.
    pub ended: bool,
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
    #[error("it is no export: {0}")]
    Archive(#[from] ArchiveFault),
    #[error("line {line} does not hold: {why}")]
    Line { line: u64, why: String },
    #[error("{0}")]
    Content(String),
    #[error("record {size} is not the one that a head names")]
    Diverged { size: u64 },
}

fn content<T>(what: impl Into<String>) -> Result<T, ExportError> {
    Err(ExportError::Content(what.into()))
}

/// A signed head in an export, and its signature.
#[derive(Debug)]
struct SignedHead {
    name: String,
    head: Vec<u8>,
    signature: Vec<u8>,
}

/// An export whose members are those that an export has, each once and in its order. What they hold is not verified yet.
#[derive(Debug)]
pub(crate) struct Exported {
    file: File,
    run: RunId,
    /// How long the journal is at its end, as it says itself.
    head: Head,
    heads: Vec<SignedHead>,
    outputs: BTreeMap<String, ArchiveMember>,
    journal: ArchiveMember,
}

impl Exported {
    /// Opens an export.
    ///
    /// # Errors
    /// It cannot be read, or is not laid out as an export is.
    pub(crate) fn open(path: &Path) -> Result<Self, ExportError> {
        let file = disk::open_named(path)?;
        let mut members = archive::members(&file)?.into_iter().peekable();
        let mut next = |name: &str| match members.next_if(|member| member.name == name) {
            Some(member) => Ok(member),
            None => content(match members.peek() {
                Some(member) => format!("the member `{}` stands where `{name}` should", member.name),
                None => format!("it holds no {name}"),
            }),
        };
        let small = |member: &ArchiveMember| match member.bytes(&file, LONGEST_SMALL)? {
            Some(bytes) => Ok(bytes),
            None => content(format!("its {} is longer than any", member.name)),
        };
        let readme = small(&next("README.txt")?)?;
        if ![README, README_1].iter().any(|text| text.as_bytes() == readme) {
            return content("its README.txt is none that halligan has written");
        }
        let text = |member: &ArchiveMember| small(member).map(|bytes| String::from_utf8(bytes).ok());
        let run = text(&next("run")?)?.and_then(|text| Some((text.strip_suffix('\n')?.parse::<RunId>().ok()?, text)));
        let Some((run, _)) = run.filter(|(run, text)| *text == format!("{run}\n")) else {
            return content("it does not say which run it holds");
        };
        let head = text(&next("head")?)?.and_then(|text| Some((text.parse::<Head>().ok()?, text)));
        let Some((head, _)) = head.filter(|(head, text)| *text == format!("{head}\n")) else {
            return content("its `head` is none");
        };
        let mut heads: Vec<SignedHead> = Vec::new();
        let mut outputs = BTreeMap::new();
        while let Some(member) = members.next_if(|member| member.name != FILE) {
            if let Some(name) = member.name.strip_prefix("heads/") {
                let after = heads.last().is_none_or(|last| last.name.as_str() < name);
                if !after || !signature::is_head_name(name) || !outputs.is_empty() || heads.len() == MOST_HEADS {
                    return content(format!("`{}` is no member of an export, or not in its place", member.name));
                }
                let Some(beside) = members.next_if(|beside| beside.name.strip_prefix(&member.name) == Some(".sig")) else {
                    return content(format!("no signature stands after `{}`", member.name));
                };
                heads.push(SignedHead { name: name.to_owned(), head: small(&member)?, signature: small(&beside)? });
            } else if let Some(sha256) = member.name.strip_prefix("output/") {
                let after = outputs.last_key_value().is_none_or(|(last, _): (&String, _)| last.as_str() < sha256);
                if !after || sha256.parse::<Digest>().is_err() {
                    return content(format!("`{}` is no member of an export, or not in its place", member.name));
                }
                outputs.insert(sha256.to_owned(), member);
            } else {
                return content(format!("`{}` is no member of an export", member.name));
            }
        }
        let Some(journal) = members.next() else { return content(format!("it holds no {FILE}")) };
        if let Some(member) = members.next() {
            return content(format!("`{}` stands after its {FILE}", member.name));
        }
        Ok(Self { file, run, head, heads, outputs, journal })
    }

    /// Puts its signed heads into a directory, each with its signature beside it, and says where they are.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn put_heads(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let put = |signed: &SignedHead| {
            let path = dir.join(&signed.name);
            fs::write(&path, &signed.head)?;
            fs::write(signature::beside(&path), &signed.signature)?;
            Ok(path)
        };
        self.heads.iter().map(put).collect()
    }

    /// Verifies it from its bytes, and against these heads.
    ///
    /// # Errors
    /// Says what does not hold.
    pub(crate) fn verify(&self, heads: &[Head]) -> Result<CheckedExport, ExportError> {
        if let Some(head) = heads.iter().find(|head| head.journal().zip(self.head.journal()).is_some_and(|(head, ours)| head != ours)) {
            return content(format!("the head of {} records is of another journal, {}", head.size, head.origin));
        }
        let mut walk = ExportWalk { export: self, state: RunState::default(), anchor: None, intact: HashSet::new() };
        let mut pending: BTreeMap<u64, Vec<&Head>> = BTreeMap::new();
        for head in heads {
            pending.entry(head.size).or_default().push(head);
        }
        let mut beyond: Vec<Head> = Vec::new();
        let mut lines = Lines::new(self.journal.reader(&self.file));
        let Some(raw) = lines.read()? else { return content(format!("it holds no record of run {}", self.run)) };
        let begin = match Line::read(raw.bytes).map_err(|fault| at(1, &fault))? {
            Line::Record(record) if record.header.run == self.run => record.header,
            Line::Record(_) => return content(format!("it does not begin with a record of run {}", self.run)),
            Line::Newer { v, .. } => return Err(JournalError::Newer { version: v }.into()),
        };
        let first = begin.seq;
        let mut chain = Chain::after(first.saturating_sub(1), begin.prev);
        // What the first record links to is known, though it is not here.
        for head in heads.iter().filter(|head| head.size < first) {
            if head.size == first - 1 && head.hash != chain.head() {
                return Err(ExportError::Diverged { size: head.size });
            }
            beyond.push(head.clone());
        }
        walk.line(&mut chain, raw.bytes, 1, &mut pending)?;
        while let Some(raw) = lines.read()? {
            walk.line(&mut chain, raw.bytes, raw.number, &mut pending)?;
        }
        if let Some(stretch) = chain.stretch() {
            return Err(at(stretch.line, &stretch.fault));
        }
        let last = chain.records();
        if (self.head.size, self.head.hash) != (last, chain.head()) {
            return content(format!("its `head` is not that of its last record, which is {last}"));
        }
        let named: BTreeSet<&String> = walk.intact.iter().collect();
        if let Some(sha256) = self.outputs.keys().find(|sha256| !named.contains(sha256)) {
            return content(format!("no record of the run names its output/{sha256}"));
        }
        beyond.extend(pending.range(last + 1..).flat_map(|(_, heads)| heads.iter().map(|head| (*head).clone())));
        let ended = matches!(walk.state.phase, Phase::Closed(_));
        Ok(CheckedExport { run: self.run, first, last, anchor: walk.anchor, beyond, ended })
    }
}

fn at(line: u64, fault: &RecordFault) -> ExportError {
    ExportError::Line { line, why: fault.to_string() }
}

/// How far an export was walked.
struct ExportWalk<'e> {
    export: &'e Exported,
    state: RunState,
    anchor: Option<u64>,
    /// Outputs that were found as they should be.
    intact: HashSet<String>,
}

impl ExportWalk<'_> {
    fn line(&mut self, chain: &mut Chain, bytes: &[u8], number: u64, pending: &mut BTreeMap<u64, Vec<&Head>>) -> Result<(), ExportError> {
        match chain.push(bytes) {
            Link::Record { .. } => {}
            Link::Newer(version) => return Err(JournalError::Newer { version }.into()),
            // A torn line, if a later record commits it.
            Link::Loose => return Ok(()),
        }
        if let Line::Record(record) = Line::read(bytes).map_err(|fault| at(number, &fault))?
            && record.header.run == self.export.run
        {
            self.record(*record).map_err(|fault| at(number, &fault))?;
        }
        let size = chain.records();
        for head in pending.remove(&size).unwrap_or_default() {
            if head.hash != chain.head() {
                return Err(ExportError::Diverged { size });
            }
            self.anchor = Some(size);
        }
        Ok(())
    }

    /// Takes in a record of the run.
    fn record(&mut self, record: Record<'_>) -> Result<(), RecordFault> {
        let Record { header, body } = record;
        let Some(event) = body.into_event() else { return Ok(()) };
        if event.name() != header.kind.0 {
            return Err(RecordFault::Misnamed { kind: header.kind.0.into_owned(), event: event.name() });
        }
        event.kept().into_iter().try_for_each(|kept| self.output(kept))?;
        Ok(self.state.apply(&event)?)
    }

    fn output(&mut self, captured: &Captured) -> Result<(), RecordFault> {
        let fault = |what: String| Err(RecordFault::Output { sha256: captured.sha256.clone(), what });
        if captured.sha256 == Captured::EMPTY && captured.bytes == 0 {
            return Ok(());
        }
        let Some(member) = self.export.outputs.get(&captured.sha256) else { return fault("is missing".to_owned()) };
        if member.size != captured.bytes {
            return fault(format!("holds {} bytes, and the record says {}", member.size, captured.bytes));
        }
        if self.intact.contains(&captured.sha256) {
            return Ok(());
        }
        match hash(member.reader(&self.export.file)) {
            Ok(digest) if digest.to_string() == captured.sha256 => {
                self.intact.insert(captured.sha256.clone());
                Ok(())
            }
            Ok(_) => fault("has been altered".to_owned()),
            Err(error) => fault(format!("cannot be read: {error}")),
        }
    }
}

fn hash(mut from: impl Read) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(Digest::finish(hasher)),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
