//! Every integration test but `shells` and `ssh`, in one binary: it links once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod adoption;
mod bare;
mod calm;
mod cases;
mod check;
mod completions;
mod cut;
mod dry_run;
mod endings;
mod environment;
mod for_programs;
mod guide;
mod hand;
mod held;
mod help;
mod holds;
mod identity;
mod injection;
mod journal;
mod keys;
mod leases;
mod locks;
mod loops;
mod not_judged;
mod notify;
mod pace;
mod planted;
mod privileges;
mod processes;
mod prompts;
mod real_run;
mod rehearsal;
mod reports;
mod resume;
mod scale;
mod secrets;
mod settings;
mod signals;
mod sources;
mod status;
mod suggestions;
mod surroundings;
mod taken_back;
mod traces;
mod without;
mod workbench;

/// A file of tests that nobody has listed above would never run.
#[test]
fn every_file_of_tests_is_listed() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(here).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if path.extension().is_some_and(|ending| ending == "rs") && !["main", "shells", "ssh"].contains(&stem) {
            assert!(listed.lines().any(|line| line == format!("mod {stem};")), "tests/{stem}.rs is not listed in tests/main.rs");
        }
    }
}
