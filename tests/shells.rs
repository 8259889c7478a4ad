//! Arguments are completed in bash, fish and zsh themselves, each on a terminal, by real keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod surroundings;
#[allow(dead_code, reason = "the other tests use more of it")]
mod workbench;

use std::path::Path;

use workbench::{Terminal, Workbench};

/// A runbook with something of each kind to complete, a scenario of it, and one run in the journal, which is returned.
fn bench() -> (Workbench, String) {
    let folder = Path::new(env!("CARGO_BIN_EXE_halligan")).parent().unwrap();
    let bench = Workbench::new().variable("PATH", &format!("{}:/usr/bin:/bin", folder.display())).variable("PS1", "ready> ");
    bench.runbook(
        "drill",
        "params:\n  loudness: {type: enum, choices: [quiet, loud], help: How loud it is}\n  \
         hosts: {list: enum, choices: [alpha, beta, gamma], default: [alpha], help: Where}\n\
         preflight:\n  - {id: room, title: Room is left, run: ['true'], expect: 'code == 0'}\n\
         steps:\n  - {id: sure, title: Ask, confirm: {message: Really?, phrase: yes really}}\n  \
         - {id: mark, title: Mark it, run: [touch, mark], effect: change, undo: {impossible: a test}}\n",
    );
    bench.file(
        "runbooks/scenarios/drill/all-well.yaml",
        "halligan_scenario: 1\nrunbook: drill\ntitle: All well\ncommands:\n  - {match: [touch, mark]}\nexpect: {outcome: completed}\n",
    );
    bench.run(&["run", "drill", "--yes", "--set", "loudness=loud", "--confirm", "sure=yes really"]).exits(0);
    let runs = bench.run(&["journal", "list"]).exits(0).stdout;
    let run = runs.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    (bench, run)
}

/// What is typed before the tabulator, and what stands there afterwards. All of them are the only one that fits.
fn cases(run: &str) -> Vec<(String, String)> {
    let plain = [
        ("halligan resu", "halligan resume "),
        ("halligan run dri", "halligan run drill "),
        ("halligan show staggered-osd-r", "halligan show staggered-osd-restart "),
        ("halligan run drill --expe", "halligan run drill --expect-sha256 "),
        ("halligan run drill --set lou", "halligan run drill --set loudness="),
        ("halligan run drill --set loudness=q", "halligan run drill --set loudness=quiet "),
        ("halligan run drill --set=loudness=q", "halligan run drill --set=loudness=quiet "),
        ("halligan run drill --set hosts=alpha,b", "halligan run drill --set hosts=alpha,beta "),
        ("halligan rehearse drill --scenario al", "halligan rehearse drill --scenario all-well "),
        ("halligan run drill --confirm s", "halligan run drill --confirm sure="),
        ("halligan run drill --override r", "halligan run drill --override room="),
        ("halligan rehearse drill --fault mark=ga", "halligan rehearse drill --fault mark=garble "),
        ("halligan doctor ./runbooks/dri", "halligan doctor ./runbooks/drill.yaml "),
    ];
    let mut cases: Vec<_> = plain.map(|(typed, told)| (typed.to_owned(), told.to_owned())).into();
    let begun = &run[..4];
    cases.push((format!("halligan journal show {begun}"), format!("halligan journal show {run} ")));
    cases.push((format!("halligan rollback {run} --set lou"), format!("halligan rollback {run} --set loudness=")));
    cases
}

/// Types each, and looks at what becomes of it. The last letter is typed behind it: it shows whether a space is.
fn complete(shell: &mut Terminal, run: &str) {
    for (number, (typed, told)) in cases(run).into_iter().enumerate() {
        let behind = format!("{told}<{number}");
        shell.send(&typed).shows(&typed).send("\t").send(&format!("<{number}")).shows(&behind);
        // The line is left without being carried out.
        shell.send("\u{15}");
    }
}

#[test]
fn bash_completes_values() {
    let (bench, run) = bench();
    let mut shell = bench.other(100, "bash", &["--norc", "--noprofile", "-i"]);
    shell.expect("ready> ").send("source <(halligan completions bash); echo lo''aded\r").expect("loaded");
    complete(&mut shell, &run);
    // What fits is listed, in a quoted word too.
    shell.send("halligan run drill --set 'loudness=l").send("\t").shows("'loudness=loud'");
    shell.send("\u{15}").send("halligan run drill --set ").send("\t\t").shows("hosts=");
    shell.shows("loudness=").send("\u{15}exit\r");
    assert_eq!(shell.end().0, 0);
}

#[test]
fn zsh_completes_values() {
    let (bench, run) = bench();
    let mut shell = bench.other(100, "zsh", &["-f", "-i"]);
    shell
        .expect("ready> ")
        .send("autoload -Uz compinit; compinit -D -u; source <(halligan completions zsh); echo lo''aded\r")
        .expect("loaded");
    complete(&mut shell, &run);
    shell.send("halligan run drill --set ").send("\t").shows("How loud it is").shows("Where");
    // As a package installs it: read when it is needed.
    let bench = bench.variable("FPATH", &format!("{}/completions:{}", env!("CARGO_MANIFEST_DIR"), functions()));
    let mut shell = bench.other(100, "zsh", &["-f", "-i"]);
    shell.expect("ready> ").send("autoload -Uz compinit; compinit -D -u; echo lo''aded\r").expect("loaded");
    shell.send("halligan run dri").send("\t").send("<").shows("halligan run drill <");
    shell.send("\u{15}exit\r");
    assert_eq!(shell.end().0, 0);
}

/// Where zsh keeps its own functions.
fn functions() -> String {
    let output = std::process::Command::new("zsh").args(["-fc", "print -r -- ${(j.:.)fpath}"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn fish_completes_values() {
    let (bench, run) = bench();
    let mut shell = bench.other(
        100,
        "fish",
        &[
            "--no-config",
            "--interactive",
            "--init-command",
            "function fish_prompt; echo 'ready> '; end; set -g fish_autosuggestion_enabled 0",
        ],
    );
    shell.expect("ready> ").send("halligan completions fish | source; echo lo''aded\r").expect("loaded");
    complete(&mut shell, &run);
    shell.send("halligan run drill --set ").send("\t").shows("How loud it is").shows("Where");
}
