//! The tar of an export: what is written, and the reading of exactly that and nothing else.
//!
//! A tar can say the same in many ways, and programs that unpack it differ on which of two members of one name counts, or on
//! what a long name, a link or a sparse file is. What is verified must be what everybody unpacks. So a header is taken only if
//! it is, byte for byte, the one that is written here for its name and size.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
};

/// The unit of a tar, in bytes.
const BLOCK: u64 = 512;

/// One unit.
type TarBlock = [u8; 512];

/// No export has so many members: a bound on what is kept in memory of a file from elsewhere.
const MOST_MEMBERS: usize = 1 << 20;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchiveMember {
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Where it begins in the archive.
    offset: u64,
}

/// Why a file is not an archive that was written here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveFault {
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    #[error("it is cut short")]
    Short,
    #[error("the member at byte {at} has a header that no export has")]
    Header { at: u64 },
    #[error("something stands after the member `{name}` that no export has")]
    Padding { name: String },
    #[error("something stands after its end")]
    After,
    #[error("it has more members than any export")]
    TooMany,
}

/// The one header that a member has.
fn header(name: &str, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Writes members, one after the other.
#[derive(Debug)]
pub(super) struct ArchiveWriter<W> {
    to: W,
}

impl<W: Write> ArchiveWriter<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to }
    }

    /// Writes a member of this size.
    ///
    /// # Errors
    /// The name is too long for a header, there is less to read than was said, or the file system's.
    pub(super) fn add(&mut self, name: &str, size: u64, from: impl Read) -> io::Result<()> {
        self.to.write_all(header(name, size)?.as_bytes())?;
        if io::copy(&mut from.take(size), &mut self.to)? != size {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} has become shorter")));
        }
        io::copy(&mut io::repeat(0).take(padding(size)), &mut self.to)?;
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn finish(mut self) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(2 * BLOCK), &mut self.to)?;
        self.to.flush()
    }
}

/// How many bytes follow a member, to the next block.
fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

/// The members of an archive, in their order. None of them is read.
///
/// # Errors
/// Says what no archive has that was written here.
pub(super) fn members(file: &File) -> Result<Vec<ArchiveMember>, ArchiveFault> {
    let length = file.metadata()?.len();
    let mut members = Vec::new();
    let mut at = 0;
    loop {
        let block = read_block(file, at, length)?;
        if block == [0; 512] {
            if read_block(file, at + BLOCK, length)? != block || at + 2 * BLOCK != length {
                return Err(ArchiveFault::After);
            }
            return Ok(members);
        }
        let member = named(&block, at).filter(|member| header(&member.name, member.size).is_ok_and(|header| *header.as_bytes() == block));
        let member = member.ok_or(ArchiveFault::Header { at })?;
        let end = member.offset.checked_add(member.size).ok_or(ArchiveFault::Short)?;
        let next = end.checked_add(padding(member.size)).filter(|next| *next <= length).ok_or(ArchiveFault::Short)?;
        let mut between: TarBlock = [0; 512];
        #[allow(clippy::cast_possible_truncation, reason = "less than a block")]
        let between = &mut between[..(next - end) as usize];
        file.read_exact_at(between, end)?;
        if between.iter().any(|byte| *byte != 0) {
            return Err(ArchiveFault::Padding { name: member.name });
        }
        if members.len() == MOST_MEMBERS {
            return Err(ArchiveFault::TooMany);
        }
        members.push(member);
        at = next;
    }
}

fn read_block(file: &File, at: u64, length: u64) -> Result<TarBlock, ArchiveFault> {
    if at.checked_add(BLOCK).is_none_or(|end| end > length) {
        return Err(ArchiveFault::Short);
    }
    let mut block: TarBlock = [0; 512];
    file.read_exact_at(&mut block, at)?;
    Ok(block)
}

/// What a header says of its name and size.
fn named(block: &TarBlock, at: u64) -> Option<ArchiveMember> {
    let name = block[..100].split(|byte| *byte == 0).next().and_then(|name| str::from_utf8(name).ok())?;
    let size = tar::Header::from_byte_slice(block).entry_size().ok()?;
    Some(ArchiveMember { name: name.to_owned(), size, offset: at + BLOCK })
}

impl ArchiveMember {
    /// What it holds, from its beginning.
    pub(super) fn reader<'f>(&self, archive: &'f File) -> MemberReader<'f> {
        MemberReader { archive, at: self.offset, left: self.size }
    }

    /// What it holds, whole, if that is no more than so many bytes.
    pub(super) fn bytes(&self, archive: &File, most: u64) -> io::Result<Option<Vec<u8>>> {
        if self.size > most {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.reader(archive).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// Reads one member.
#[derive(Debug)]
pub(super) struct MemberReader<'f> {
    archive: &'f File,
    at: u64,
    left: u64,
}

impl Read for MemberReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.archive.read_at(&mut buffer[..most], self.at)?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn a_header_is_the_same_in_every_version() {
        // Exports that were written before have these bytes: whatever makes headers must go on to make them.
        let bytes = *header("output/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 9 << 30).unwrap().as_bytes();
        assert_eq!(Digest::of(&bytes).to_string(), "e16ad2e36549ac1becf2de92ec0f17947f21395dfd089ab8ab8a67c2858b6897");
    }

    #[test]
    fn what_is_written_is_read_and_its_twin_by_the_tar_crate_too() {
        let mut ours = Vec::new();
        let mut writer = ArchiveWriter::new(&mut ours);
        let mut theirs = tar::Builder::new(Vec::new());
        for (name, text) in [("run", "0000007f\n"), ("empty", ""), ("output/x", &"x".repeat(512))] {
            writer.add(name, text.len() as u64, text.as_bytes()).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_entry_type(tar::EntryType::Regular);
            theirs.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(ours, theirs.into_inner().unwrap(), "the exports of earlier versions, written by the crate");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&ours).unwrap();
        let members = members(&file).unwrap();
        assert_eq!(members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["run", "empty", "output/x"]);
        assert_eq!(members[0].bytes(&file, 9).unwrap().unwrap(), b"0000007f\n");
        assert_eq!(members[0].bytes(&file, 8).unwrap(), None);
    }
}
