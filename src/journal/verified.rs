//! How far the journal was verified: a file beside it, so that what was verified once and is as it was need not be verified again.
//!
//! Nothing is known from it. It is a claim about bytes, and counts only as long as each line up to its end has the length and the checksum that it
//! had when it was verified, and each output the inode, size and time of change. Whoever reads it has read the journal, too. One that is not
//! there, cannot be read, or says what is not so, is no error: the journal is verified from its first byte.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::disk;
use crate::digest::Digest;

/// Its name, in the journal's directory.
pub(crate) const FILE: &str = "verified.json";

/// It until it takes its place.
const NEW: &str = ".verified.json.new";

/// Of another halligan nobody knows what it has verified.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "/1");

/// When a mark is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    /// So many bytes more must have been verified: fewer take no time.
    pub worth: u64,
    /// A file's time of change may be that of a change which came so much later, in nanoseconds.
    pub coarse_ns: u64,
}

impl Keeping {
    pub(super) const USUAL: Self = Self { worth: 4 << 20, coarse_ns: 2_000_000_000 };
}

/// Length and checksum of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineSum {
    length: u64,
    crc: u32,
}

impl LineSum {
    pub(super) fn of(line: &[u8]) -> Self {
        Self { length: line.len() as u64, crc: crc32fast::hash(line) }
    }

    pub(super) fn add_to(self, sum: &mut Sha256) {
        sum.update(self.length.to_le_bytes());
        sum.update(self.crc.to_le_bytes());
    }
}

/// So much was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifiedMark {
    pub version: String,
    /// Of the journal, with its archived months.
    pub bytes: u64,
    /// Of these bytes, the number of the last record and its hash.
    pub records: u64,
    pub head: Digest,
    /// Of the lengths and checksums of all lines.
    pub lines: Digest,
    /// Of the outputs that were not changed later than this, in nanoseconds since 1970.
    pub outputs: Digest,
    pub outputs_until_ns: u64,
}

impl VerifiedMark {
    pub(super) fn new(bytes: u64, records: u64, head: Digest, lines: Digest, outputs: &Listing) -> Self {
        let outputs_until_ns = outputs.listed_ns;
        Self { version: VERSION.to_owned(), bytes, records, head, lines, outputs: outputs.sum(outputs_until_ns), outputs_until_ns }
    }

    /// The one beside a journal, if it is for us to believe as much as the journal is: what others could have written says nothing.
    pub(super) fn beside(journal: &File, dir: &Path) -> Option<Self> {
        let read = || -> io::Result<Self> {
            let file = disk::open_plain(&dir.join(FILE))?;
            let (ours, theirs) = (file.metadata()?, journal.metadata()?);
            if ours.uid() != theirs.uid() || ours.mode() & 0o022 != 0 || ours.nlink() != 1 {
                return Err(io::Error::other("others could have written it"));
            }
            Ok(serde_json::from_slice(&disk::read_whole(file, disk::SMALL)?)?)
        };
        match read() {
            Ok(mark) => Some(mark).filter(|mark| mark.version == VERSION),
            Err(error) => {
                tracing::debug!(%error, "how far the journal was verified before is not known");
                None
            }
        }
    }

    /// Keeps it beside a journal that is ours alone. What does not work is not made a fuss of: the next one verifies more.
    pub(super) fn keep(&self, journal: &File, dir: &Path) {
        let write = || -> io::Result<()> {
            if let Some(why) = disk::exposed(&journal.metadata()?).or(disk::exposed(&fs::symlink_metadata(dir)?)) {
                return Err(io::Error::other(why));
            }
            let new = dir.join(NEW);
            // One that was left by who was killed in the midst of it.
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            // Not synced: after a loss of power it is whole, or says nothing.
            let written = serde_json::to_vec(self).map_err(io::Error::from).and_then(|text| file.write_all(&text));
            let kept = written.and_then(|()| fs::rename(&new, dir.join(FILE)));
            if kept.is_err() {
                let _ = fs::remove_file(&new);
            }
            kept
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "how far the journal is verified is not kept");
        }
    }
}

/// The outputs of a journal, as their directory lists them.
#[derive(Debug)]
pub(super) struct Listing {
    listed_ns: u64,
    outputs: Vec<ListedOutput>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ListedOutput {
    name: String,
    size: u64,
    inode: u64,
    changed_ns: u64,
}

impl Listing {
    /// # Errors
    /// The file system's.
    pub(super) fn of(dir: &Path) -> io::Result<Self> {
        let listed_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_nanos();
        let listed_ns = u64::try_from(listed_ns).map_err(io::Error::other)?;
        let mut outputs = Vec::new();
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { listed_ns, outputs }),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // What is still written has another name.
            if name.parse::<Digest>().is_err() {
                continue;
            }
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
                let changed_ns = u64::try_from(changed).map_err(io::Error::other)?;
                outputs.push(ListedOutput { name, size: metadata.size(), inode: metadata.ino(), changed_ns });
            }
        }
        outputs.sort_unstable();
        Ok(Self { listed_ns, outputs })
    }

    /// Whether what is changed from now on is seen by its time.
    pub(super) fn is_settled(&self, keeping: Keeping) -> bool {
        self.outputs.iter().all(|output| output.changed_ns.saturating_add(keeping.coarse_ns) < self.listed_ns)
    }

    /// Of those that were not changed later than this.
    pub(super) fn sum(&self, until_ns: u64) -> Digest {
        let mut sum = Sha256::new();
        for output in self.outputs.iter().filter(|output| output.changed_ns <= until_ns) {
            // Of one length each.
            sum.update(&output.name);
            for number in [output.size, output.inode, output.changed_ns] {
                sum.update(number.to_le_bytes());
            }
        }
        Digest::finish(sum)
    }
}
