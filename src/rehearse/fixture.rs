//! Real output, kept in files beside the scenarios.

use std::path::{Component, Path, PathBuf};

/// Where a scenario's fixtures are.
pub trait Fixtures {
    /// The bytes of a fixture; `path` has passed [`check`].
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

impl<F: Fn(&str) -> Result<Vec<u8>, String>> Fixtures for F {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self(path)
    }
}

/// Fixtures in the directory of the scenario's file.
#[derive(Debug, Clone)]
pub(crate) struct Directory(pub PathBuf);

impl Directory {
    /// The largest fixture, in bytes.
    pub(crate) const LIMIT: u64 = 8 << 20;
}

impl Fixtures for Directory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        check(path)?;
        let root = if self.0.as_os_str().is_empty() { Path::new(".") } else { self.0.as_path() };
        let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
        let file = root.join(path).canonicalize().map_err(|error| format!("{path}: {error}"))?;
        // A link could still lead outside.
        if !file.starts_with(&root) {
            return Err(format!("`{path}` leads out of {}", root.display()));
        }
        let size = file.metadata().map_err(|error| format!("{path}: {error}"))?;
        if !size.is_file() || size.len() > Self::LIMIT {
            return Err(format!("`{path}` is not a file of at most {} MiB", Self::LIMIT >> 20));
        }
        std::fs::read(&file).map_err(|error| format!("{path}: {error}"))
    }
}

/// Whether a path stays where it starts.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn check(path: &str) -> Result<(), String> {
    let inside = !path.is_empty() && !path.contains('\0') && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if inside { Ok(()) } else { Err(format!("`{path}` is not a path below the scenario's own directory")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fixture_is_read_from_elsewhere() {
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "./x", "a\0b"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        let top = tempfile::tempdir().unwrap();
        let inside = top.path().join("scenarios");
        std::fs::create_dir_all(inside.join("out")).unwrap();
        std::fs::write(inside.join("out/status.json"), "{}").unwrap();
        std::fs::write(top.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        let directory = Directory(inside);
        assert_eq!(directory.read("out/status.json").unwrap(), b"{}");
        assert!(directory.read("link").unwrap_err().contains("leads out"));
        assert!(directory.read("../secret").is_err());
        assert!(directory.read("out").is_err());
        assert!(directory.read("gone").is_err());
    }
}
