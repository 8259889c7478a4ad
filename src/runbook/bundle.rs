//! The runbooks that are part of the program, with their scenarios, and the schemas of what is read. `build.rs` packs each; one is unpacked
//! when it is asked for.

use std::{io, path::Path, str, sync::OnceLock};

use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// A runbook and the files of its scenarios.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub name: &'static str,
    /// As `headline` tells it.
    pub title: Option<&'static str>,
    /// Of the runbook, as [`crate::runbook::model::SourceText`] has it: nothing is unpacked to compare.
    pub sha256: &'static str,
    runbook: Pack,
    /// One after the other, as `files` names them.
    scenarios: Pack,
    /// The path of each below the directory of the scenarios, and its length in bytes.
    files: &'static [(&'static str, usize)],
}

include!(concat!(env!("OUT_DIR"), "/bundles.rs"));

impl Bundle {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        BUNDLES.iter().find(|bundle| bundle.name == name)
    }

    /// The bytes of the runbook.
    pub(crate) fn runbook(&self) -> io::Result<&[u8]> {
        self.runbook.unpacked()
    }

    /// The bytes of a file below the directory of the scenarios; `None` if there is none of that name.
    pub(crate) fn file(&self, path: &Path) -> io::Result<Option<&[u8]>> {
        let Some(at) = self.files.iter().position(|(name, _)| Path::new(name) == path) else { return Ok(None) };
        let start: usize = self.files[..at].iter().map(|(_, length)| length).sum();
        self.scenarios.unpacked()?.get(start..start + self.files[at].1).map(Some).ok_or_else(damaged)
    }

    /// The paths of all that stands in the directory of the scenarios.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'static Path> {
        self.files.iter().map(|(name, _)| Path::new(*name))
    }
}

/// The JSON Schema of that name, as it stands in `docs/schema`.
pub(super) fn schema(name: &str) -> io::Result<&'static str> {
    let (_, pack) = SCHEMAS.iter().find(|(known, _)| *known == name).ok_or_else(damaged)?;
    str::from_utf8(pack.unpacked()?).map_err(|_| damaged())
}

/// Bytes that are packed, and unpacked once.
#[derive(Debug)]
struct Pack {
    /// A bare DEFLATE stream.
    packed: &'static [u8],
    /// How many bytes it was made of.
    length: usize,
    unpacked: OnceLock<Vec<u8>>,
}

impl Pack {
    const fn new(packed: &'static [u8], length: usize) -> Self {
        Self { packed, length, unpacked: OnceLock::new() }
    }

    fn unpacked(&self) -> io::Result<&[u8]> {
        if let Some(bytes) = self.unpacked.get() {
            return Ok(bytes);
        }
        let bytes = decompress_to_vec_with_limit(self.packed, self.length).map_err(|_| damaged())?;
        if bytes.len() == self.length { Ok(self.unpacked.get_or_init(|| bytes)) } else { Err(damaged()) }
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what is packed in this program is damaged")
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::digest::Digest;

    /// Every file below a directory, by its path below it.
    fn below(top: &Path, folder: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(top, &path, all);
            } else {
                all.push((path.strip_prefix(top).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
        all.sort();
    }

    #[test]
    fn what_is_packed_is_what_is_shipped() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let (mut shipped, mut packed) = (Vec::new(), Vec::new());
        below(&top, &top, &mut shipped);
        for bundle in &BUNDLES {
            assert_eq!(Digest::of(bundle.runbook().unwrap()).to_string(), bundle.sha256);
            packed.push((PathBuf::from(format!("{}.yaml", bundle.name)), bundle.runbook().unwrap().to_vec()));
            let folder = Path::new("scenarios").join(bundle.name);
            packed.extend(bundle.files().map(|path| (folder.join(path), bundle.file(path).unwrap().unwrap().to_vec())));
        }
        packed.sort();
        let paths = |all: &[(PathBuf, Vec<u8>)]| all.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&packed), paths(&shipped));
        assert!(packed == shipped && shipped.len() > 100);
        assert!(Bundle::named("nothing").is_none() && BUNDLES[0].file(Path::new("nothing")).unwrap().is_none());
    }

    #[test]
    fn the_schemas_are_those_that_are_documented() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
        for (name, _) in &SCHEMAS {
            assert_eq!(schema(name).unwrap(), fs::read_to_string(folder.join(format!("{name}.json"))).unwrap());
        }
        assert!(schema("nothing").is_err());
    }

    #[test]
    fn what_is_damaged_is_not_taken_for_a_runbook() {
        // A stored block of three bytes.
        static WHOLE: &[u8] = &[1, 3, 0, 252, 255, b'a', b'b', b'c'];
        assert_eq!(Pack::new(WHOLE, 3).unpacked().unwrap(), b"abc");
        for (packed, length) in [(WHOLE, 2), (WHOLE, 4), (&WHOLE[..7], 3), (&WHOLE[1..], 3), (&WHOLE[..0], 0)] {
            assert!(Pack::new(packed, length).unpacked().is_err(), "{packed:?}");
        }
    }
}
