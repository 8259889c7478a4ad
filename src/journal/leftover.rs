//! What runs that were killed have left in their journal's directory, beside the records.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::event::RunId;

/// A file that a run makes for as long as it is carried out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunFile {
    /// In the journal's directory.
    pub path: PathBuf,
    pub run: RunId,
    /// In bytes.
    pub size: u64,
    /// What a command had printed until then: whoever takes the run up is shown it.
    pub printed: bool,
}

impl RunFile {
    /// All that are there, of runs that are carried out now, too.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn all(dir: &Path) -> io::Result<Vec<Self>> {
        let mut files = Vec::new();
        for (folder, of_run) in [("output", half_printed as fn(&str) -> Option<RunId>), ("live", live)] {
            let entries = match fs::read_dir(dir.join(folder)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let (Some(run), metadata) = (entry.file_name().to_str().and_then(of_run), entry.metadata()?) else { continue };
                if metadata.is_file() {
                    let path = Path::new(folder).join(entry.file_name());
                    files.push(Self { path, run, size: metadata.len(), printed: folder == "output" });
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

/// `.RUN-PID-NUMBER`: the run whose command had not printed all when it was killed.
fn half_printed(name: &str) -> Option<RunId> {
    let (run, process) = name.strip_prefix('.')?.split_once('-')?;
    let (pid, number) = process.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(pid) && digits(number)).then(|| run.parse().ok()).flatten()
}

/// `RUN`, or `.RUN.new` as long as it is written.
fn live(name: &str) -> Option<RunId> {
    name.strip_prefix('.').map_or(Some(name), |name| name.strip_suffix(".new"))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_runs_make_for_a_time_are_theirs() {
        let journal = tempfile::tempdir().unwrap();
        assert_eq!(RunFile::all(journal.path()).unwrap(), []);
        for folder in ["output", "live", "output/.0000000a-1-1"] {
            fs::create_dir(journal.path().join(folder)).unwrap();
        }
        let ours = ["live/.0000000a.new", "live/0000000a", "output/.0000000b-4711-2"];
        let others = ["live/a", "live/.0000000a", "live/0000000a.new", "output/0000000b", "output/.0000000b-x-2", "output/.0000000b-1"];
        for path in ours.iter().chain(&others).chain(&["output/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"]) {
            fs::write(journal.path().join(path), "x").unwrap();
        }
        std::os::unix::fs::symlink("0000000a", journal.path().join("live/0000000c")).unwrap();
        let found = RunFile::all(journal.path()).unwrap();
        assert_eq!(found.iter().map(|file| file.path.to_str().unwrap()).collect::<Vec<_>>(), ours);
        assert_eq!((found[2].run, found[2].size, found[2].printed), ("0000000b".parse().unwrap(), 1, true));
    }
}
