//! The key of a journal, with which records tell whether a variable has the value that it had, and do not tell the value.
//!
//! It stands beside the records and in none of them: whoever is given an export or a copy of the records cannot try out values, as he
//! could with a plain hash of something short.

use std::{
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{digest::Digest, trust};

/// Its file in a journal's directory.
const FILE: &str = "environment.key";

/// 256 random bits.
pub(crate) struct EnvironmentKey([u8; 32]);

impl EnvironmentKey {
    /// That of the journal in this directory; made where it is not there yet.
    ///
    /// # Errors
    /// The file is not ours alone, or the file system's; or the system gives no random bytes.
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let held = trust::own_directory(directory)?;
        let mut file = trust::own_file(&held, FILE, true)?;
        // Two runs that begin at once have one key.
        file.lock()?;
        let mut kept = Vec::new();
        file.by_ref().take(64).read_to_end(&mut kept)?;
        if let Ok(key) = kept.try_into() {
            return Ok(Self(key));
        }
        // Not there yet, or cut off while it was made.
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        file.set_len(0)?;
        file.write_all_at(&key, 0)?;
        file.sync_all()?;
        std::fs::File::from(held).sync_all()?;
        Ok(Self(key))
    }

    /// HMAC-SHA-256 of a variable, in lower-case hex.
    pub(crate) fn digest(&self, name: &str, value: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        Some(Digest::from(<[u8; 32]>::from(mac.finalize().into_bytes())).to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_journal_has_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let digest = |directory: &Path, value: &str| EnvironmentKey::of(directory).unwrap().digest("AWS_PROFILE", value).unwrap();
        let first = digest(&one, "ops");
        assert_eq!((first.len(), digest(&one, "ops") == first), (64, true));
        assert!(digest(&one, "dev") != first && digest(&other, "ops") != first);
        assert_ne!(EnvironmentKey::of(&one).unwrap().digest("AWS_REGION", "ops").unwrap(), first);
        let file = one.join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // One that was cut off while it was made is made anew; one that somebody else may have written is not taken.
        fs::write(&file, "short").unwrap();
        assert_ne!(digest(&one, "ops"), first);
        assert_eq!(fs::metadata(&file).unwrap().len(), 32);
        fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
        assert!(EnvironmentKey::of(&one).is_err());
    }

    /// RFC 4231, test case 2.
    #[test]
    fn it_is_hmac_as_others_have_it() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        let digest = Digest::from(<[u8; 32]>::from(mac.finalize().into_bytes())).to_string();
        assert_eq!(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
