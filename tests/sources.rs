//! The rules of `docs/architecture.md` that a machine can hold the sources to.

use std::path::{Path, PathBuf};

/// Each outside power, and the files that may name it.
const POWERS: &[(&str, &[&str])] = &[
    ("serde_yaml::", &["runbook/document.rs"]),
    ("saphyr_parser::", &["runbook/source.rs"]),
    ("duct::", &["tool.rs"]),
    // Steps; their tests; all else is started by duct.
    ("Command::new", &["exec/process.rs", "exec/alone.rs"]),
    // The pool; a command's two streams; blocks of a journal that are read in order.
    ("thread::scope", &["parallel.rs", "exec/process.rs", "journal/verify/passage.rs"]),
    ("\"/proc", &["procfs.rs"]),
    ("rustix::", &["exec/child.rs", "exec/family.rs", "exec/spawn.rs"]),
    ("dialoguer::", &["ui/prompt.rs"]),
    ("indicatif::", &["ui/terminal.rs"]),
    ("signal_hook::", &["exec/signals.rs"]),
    ("machinery::", &["expression/compare.rs", "expression/name.rs"]),
    ("include_dir::", &["runbook/library.rs"]),
    ("quick_junit::", &["app/rehearsal/junit.rs"]),
];

/// Each folder, and what it may not know of.
const LAYERS: &[(&str, &[&str])] = &[
    ("runbook", &["plan", "event", "words", "run", "exec", "rehearse", "journal", "ui", "app", "cli", "ports"]),
    ("expression", &["runbook", "plan", "event", "words", "run", "exec", "rehearse", "journal", "ui", "app", "cli", "ports"]),
    ("inventory", &["plan", "event", "words", "run", "exec", "rehearse", "journal", "ui", "app", "cli", "ports"]),
    ("plan", &["words", "run", "exec", "rehearse", "journal", "ui", "app", "cli", "ports"]),
    ("event", &["plan", "words", "run", "exec", "rehearse", "journal", "ui", "app", "cli", "ports"]),
    ("words", &["plan", "run", "exec", "rehearse", "journal", "ui", "app", "cli", "ports"]),
    ("run", &["words", "exec", "rehearse", "journal", "ui", "app", "cli"]),
    ("exec", &["runbook", "plan", "words", "run", "rehearse", "journal", "ui", "app", "cli"]),
    ("rehearse", &["words", "run", "exec", "journal", "ui", "app", "cli"]),
    ("journal", &["words", "run", "exec", "rehearse", "ui", "app", "cli", "plan"]),
    ("ui", &["run", "exec", "rehearse", "journal", "app", "cli"]),
];

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, all: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                all.push(path);
            }
        }
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    walk(&top, &mut all);
    all.into_iter().map(|path| (path.strip_prefix(&top).unwrap().display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
}

/// The text without its tests.
fn code(text: &str) -> &str {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.split("#[cfg(test)]\npub(super) mod tests").next().unwrap()
}

fn names(text: &str, word: &str) -> bool {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .any(|line| line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')))
}

#[test]
fn each_outside_power_has_its_door() {
    let sources = sources();
    for (power, doors) in POWERS {
        for (path, text) in &sources {
            if !path.ends_with("/tests.rs") && names(code(text), power) {
                assert!(doors.contains(&path.as_str()), "src/{path} names {power}, which only {doors:?} may");
            }
        }
        for door in *doors {
            assert!(sources.iter().any(|(path, text)| path == door && names(text, power)), "src/{door} does not name {power} any more");
        }
    }
}

#[test]
fn data_flows_one_way() {
    for (path, text) in sources() {
        let folder = path.split(['/', '.']).next().unwrap();
        let Some((_, forbidden)) = LAYERS.iter().find(|(layer, _)| *layer == folder) else { continue };
        let text = code(&text).replace('\n', " ");
        // Both `crate::run::x` and the branches of `use crate::{run::x, …}`.
        let uses: String = text.split("use crate::{").skip(1).map(|rest| rest.split("};").next().unwrap()).collect();
        for other in *forbidden {
            assert!(!names(&text, &format!("crate::{other}::")), "src/{path} knows of {other}");
            let branch = uses.split(['{', ',', ' ']).any(|word| word.strip_prefix(other).is_some_and(|rest| rest.starts_with("::")));
            assert!(!branch, "src/{path} knows of {other}");
        }
    }
}

#[test]
fn unsafe_has_one_file() {
    for (path, text) in sources() {
        assert!(path == "exec/spawn.rs" || !names(&text, "unsafe {"), "src/{path} holds unsafe code");
    }
}

#[test]
fn files_stay_small_and_have_one_noun() {
    for (path, text) in sources() {
        let lines = code(&text).lines().count();
        assert!(lines <= 450, "src/{path} has {lines} lines besides its tests: is it still one noun?");
        let stem = Path::new(&path).file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(!["util", "utils", "helper", "helpers", "common", "misc"].contains(&stem.as_str()), "src/{path}");
    }
}
