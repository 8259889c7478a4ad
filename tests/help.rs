//! Every command's help, as a golden file, and the files that are generated from the same definitions.

use clap::CommandFactory;
use halligan::door::{Cli, generated_files, generated_schemas};

use crate::workbench::{Workbench, golden};

fn names(command: &clap::Command, path: &[String], all: &mut Vec<Vec<String>>) {
    all.push(path.to_vec());
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        let mut path = path.to_vec();
        path.push(inner.get_name().to_owned());
        names(inner, &path, all);
    }
}

#[test]
fn every_command_has_its_help() {
    let bench = Workbench::new().variable("COLUMNS", "100");
    let mut all = Vec::new();
    names(&Cli::command(), &[], &mut all);
    assert!(all.len() > 10);
    for path in all {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = bench.run(&arguments).exits(0);
        assert_eq!(help.stderr, "");
        golden(&["help"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("-"), &help.stdout);
    }
}

/// What is committed must be what is made; where it may be written anew, it is.
fn committed(files: &[(String, Vec<u8>)]) {
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, content) in files {
        if std::env::var_os("HALLIGAN_BLESS").is_some() {
            std::fs::write(top.join(path), content).unwrap();
        }
        let committed = std::fs::read(top.join(path)).unwrap_or_default();
        assert!(committed == *content, "{path} is stale: `HALLIGAN_BLESS=1 cargo test --test main generated_files` writes it anew");
    }
    let folders: std::collections::BTreeSet<_> = files.iter().map(|(path, _)| path.rsplit_once('/').unwrap().0).collect();
    for folder in folders {
        for entry in std::fs::read_dir(top.join(folder)).unwrap() {
            let path = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            assert!(files.iter().any(|(known, _)| *known == path), "{path} is made by nothing any more");
        }
    }
}

#[test]
fn generated_files_are_up_to_date() {
    // First the schemas: a runbook with a key that is new is only read by a program that holds the new one.
    committed(&generated_schemas());
    committed(&generated_files().expect("where a schema was written anew just now, this is to be run again"));
}

#[test]
fn the_page_of_a_runbook_is_what_show_prints() {
    let bench = Workbench::new();
    let committed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks/staggered-osd-restart.md");
    let shown = bench.run(&["show", "staggered-osd-restart", "--markdown"]).exits(0);
    assert_eq!((shown.stdout, shown.stderr.as_str()), (std::fs::read_to_string(committed).unwrap(), ""));
    let ran = bench.run(&["show", "staggered-osd-restart", "--markdown", "--source"]).exits(2);
    assert!(ran.stderr.contains("cannot be used with"), "{}", ran.stderr);
}

#[test]
fn a_wrong_word_gets_a_clear_error() {
    let bench = Workbench::new();
    let ran = bench.run(&["rum"]).exits(2);
    assert!(ran.stderr.contains("similar subcommand") && ran.stderr.contains("run"), "{}", ran.stderr);
    let ran = bench.run(&["run", "x", "--set", "novalue"]).exits(2);
    assert!(ran.stderr.contains("NAME=VALUE"), "{}", ran.stderr);
}

#[test]
fn what_could_not_be_written_is_no_success() {
    let bench = Workbench::new();
    for arguments in ["list", "schema", "show staggered-osd-restart"] {
        let mut shell = bench.shell(100, &format!("$HALLIGAN {arguments} >/dev/full; echo \"ended with $?\""));
        shell.expect("ended with ");
        let (_, text) = shell.end();
        assert!(text.contains("ended with 1") && text.contains("not whole"), "{arguments}: {text}");
        // A reader that has seen enough is no fault.
        let mut shell = bench.shell(100, &format!("$HALLIGAN {arguments} | true; echo \"ended with ${{PIPESTATUS[0]}}\""));
        shell.expect("ended with 0");
        shell.end();
    }
}
