//! What a variable names, and whether what it names can be trusted.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use nix::unistd::Uid;

use crate::trust::{self, Distrust};

/// What a variable names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Naming {
    Nothing,
    /// Something that is used as it stands: a directory in which everybody may make files, or a socket.
    Place,
    /// A directory in which things are looked for by name.
    Closed,
    /// Files, with these characters between them.
    Files(&'static [char]),
    /// Options of a program, some of which name files.
    Options,
    /// A time zone, or a file with one.
    Zone,
    /// A directory that is its user's alone, whoever that is.
    Runtime,
}

/// Options of Ceph's programs that take a file after them.
const WITH_FILE: &[&str] = &["-c", "--conf", "-k", "--keyring", "--admin-daemon"];

/// Whether a value may be passed on: as root, all that it names must be out of others' hands.
///
/// # Errors
/// Why not.
pub(super) fn judge(names: Naming, value: &str, root: bool) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    if let Naming::Runtime = names {
        private(Path::new(value))?;
    }
    if !root {
        return Ok(());
    }
    match names {
        Naming::Nothing => Ok(()),
        Naming::Place | Naming::Runtime => held(Path::new(value)),
        Naming::Closed => closed(Path::new(value)),
        Naming::Files(between) => value.split(between).filter(|file| file.contains('/') || between == [':']).try_for_each(file),
        Naming::Options => files_of_options(value).into_iter().try_for_each(file),
        Naming::Zone => match value.trim_start_matches(':') {
            zone if zone.starts_with('/') => file(zone),
            zone if zone.contains("..") => Err(format!("`{zone}` is no name of a time zone")),
            _ => Ok(()),
        },
    }
}

/// What is a file, by a path that may be relative; nothing is no file.
pub(super) fn file(path: &str) -> Result<(), String> {
    if path.is_empty() { Ok(()) } else { held(Path::new(path)) }
}

/// The paths in a value of which nobody has said what it is: alone, in a list, or after a name and `=`.
pub(super) fn paths_in(value: &str) -> impl Iterator<Item = &str> {
    let parts = value.split([':', ',', ';', '=', ' ', '\t']);
    parts.filter(|part| ["/", "./", "../", "~"].iter().any(|start| part.starts_with(start)) && !part.starts_with("//"))
}

fn held(path: &Path) -> Result<(), String> {
    trust::place(path).map(|_| ()).map_err(said)
}

/// A directory in which nobody else can make anything.
pub(super) fn closed(path: &Path) -> Result<(), String> {
    if trust::place(path).map_err(said)?.open { Err(format!("everybody may make files in {}", path.display())) } else { Ok(()) }
}

fn said(distrust: Distrust) -> String {
    match distrust {
        Distrust::Exposed(exposed) => exposed.to_string(),
        Distrust::Unreadable(error) => error.to_string(),
    }
}

/// As systemd makes it: a directory of our own, closed to all others.
fn private(path: &Path) -> Result<(), String> {
    let found = fs::symlink_metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !path.is_absolute() || !found.is_dir() {
        Err(format!("{} is no directory", path.display()))
    } else if found.uid() != Uid::effective().as_raw() {
        Err(format!("{} belongs to user {}", path.display(), found.uid()))
    } else if found.mode() & 0o777 != 0o700 {
        Err(format!("{} has mode {:04o}, not 0700", path.display(), found.mode() & 0o7777))
    } else {
        Ok(())
    }
}

/// What may be a file in a line of options.
fn files_of_options(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut files = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let after = at.checked_sub(1).and_then(|at| words.get(at)).is_some_and(|before| WITH_FILE.contains(before));
        let short = word.len() > 2 && word.starts_with('-') && !word.starts_with("--");
        let value = match word.split_once('=') {
            Some((_, value)) => value,
            None if short => word.get(2..).unwrap_or_default(),
            None => word,
        };
        if after || ["/", "./", "../"].iter().any(|start| value.starts_with(start)) {
            files.push(value);
        }
    }
    files
}
