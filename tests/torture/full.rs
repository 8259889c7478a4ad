//! A disk with 0 to 64 KiB left: before the intent, during the output, before the outcome.

use std::{fs, path::Path, process::Command};

use super::{
    row::{Outcome, Setup},
    stage::{Loop, Stage, records},
};

/// Leaves so many KiB free, and reads them back.
const FILL: &str = r#"fill() { free=$(stat -f -c %a "$1"); take=$((free - $2)); [ $take -le 0 ] || fallocate -l "${take}K" "$1/fill"; }; "#;

#[derive(Debug, Clone, Copy)]
enum When {
    BeforeIntent,
    DuringOutput,
    BeforeOutcome,
}

fn fill(mount: &Path, kibibytes: u64) {
    let script = format!("{FILL} fill \"$1\" {kibibytes}");
    let output = Command::new("bash").args(["-c", &script, "bash"]).arg(mount).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// One run. So many bytes of `padding` move its records within their blocks.
fn one(setup: &Setup, disk: &Loop, when: When, kibibytes: u64, padding: usize, environment: &[(&str, &str)]) -> Result<(), String> {
    let _ = fs::remove_file(disk.mount.join("fill"));
    let journal = disk.mount.join("journal");
    let _ = fs::remove_dir_all(&journal);
    let mount = disk.mount.display();
    let script = match when {
        When::BeforeIntent => "echo \"$1\" >>\"$2\"; echo done".to_owned(),
        When::DuringOutput => {
            format!("{FILL} echo \"$1\" >>\"$2\"; fill {mount} {kibibytes}; head -c 200000 /dev/urandom | base64; echo \"$TOKEN\"")
        }
        When::BeforeOutcome => format!("{FILL} echo \"$1\" >>\"$2\"; fill {mount} {kibibytes}; echo \"$TOKEN\""),
    };
    let stage = Stage::with(setup, journal, 2, &format!("{script}; : {}", "x".repeat(padding)));
    // There was a run before, when there was room.
    let earlier = Stage::holds(&stage.journal, &[], &[]);
    earlier?;
    if matches!(when, When::BeforeIntent) {
        fill(&disk.mount, kibibytes);
    }
    let (code, shown) = stage.run_under(&[], environment).end();
    let effects = stage.effects();
    let said = Stage::holds(&stage.journal, &shown, &effects);
    if !matches!(code, Some(0 | 6 | 9)) {
        return Err(format!("it ended with {code:?}"));
    }
    if code == Some(0) && effects.len() < 2 {
        return Err("it completed without doing all".to_owned());
    }
    said?;
    // What was reserved suffices for the outcome of what began.
    let ended: Vec<_> = records(&stage.journal).into_iter().filter(|(kind, _)| kind == "step_ended").map(|(_, place)| place).collect();
    if let Some(effect) = effects.iter().find(|effect| !ended.contains(effect)) {
        return Err(format!("{effect} was done, and its outcome is not in the journal (exit {code:?})"));
    }
    // With room again, all is well again.
    let _ = fs::remove_file(disk.mount.join("fill"));
    let (code, _) = stage.run_under(&[], &[]).end();
    if !matches!(code, Some(0 | 9)) {
        return Err(format!("with room again it ended with {code:?}"));
    }
    let _ = fs::remove_file(disk.mount.join("fill"));
    let verdict = stage.verdict();
    if verdict != "valid_unanchored" && !verdict.contains("cut short") {
        return Err(format!("with room again the journal is {verdict}"));
    }
    stage.no_secrets()
}

pub fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let disk = Loop::new(setup, "full", 8);
    for when in [When::BeforeIntent, When::DuringOutput, When::BeforeOutcome] {
        for kibibytes in 0..=64 {
            outcome.point(format!("{when:?}, {kibibytes} KiB left"), one(setup, &disk, when, kibibytes, 0, &[]));
        }
    }
    let liar = setup.no_sync.to_str().unwrap();
    let environment = [("LD_PRELOAD", liar), ("LIAR_RESERVE", "1")];
    // What still fits into the last block of the file needs no room: some of these runs end their block with the intent.
    let paddings = (0..8).map(|step| step * 512);
    outcome.control("no space is reserved", paddings.map(|padding| one(setup, &disk, When::BeforeOutcome, 0, padding, &environment)));
    outcome
}
