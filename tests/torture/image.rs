//! The disk as it is in the midst of a run: copied while halligan stands still, mounted anew, looked at.
//!
//! What the file system has not written yet is not in the copy, as after a loss of power.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use fastrand::Rng;
use nix::sys::signal::{Signal, kill};

use super::{
    row::{Outcome, Setup},
    stage::{Loop, Shown, Stage},
};

/// Runs to the end, with so many copies on the way.
fn copies(
    setup: &Setup,
    disk: &Loop,
    rng: &mut Rng,
    count: usize,
    environment: &[(&str, &str)],
    mut check: impl FnMut(usize, Result<(), String>),
) {
    let stage = Stage::new(setup, disk.mount.join("journal"), 200);
    let _ = fs::remove_dir_all(&stage.journal);
    let mut taken = 0;
    while taken < count {
        let _ = fs::remove_dir_all(&stage.journal);
        fs::write(&stage.ledger, "").unwrap();
        let mut under = stage.run_under(&[], environment);
        while taken < count {
            thread::sleep(Duration::from_millis(rng.u64(1..40)));
            if under.child.try_wait().unwrap().is_some() {
                break;
            }
            kill(under.pid(), Signal::SIGSTOP).unwrap();
            let (shown, effects) = (under.shown(), stage.effects());
            let copy = setup.disk.join("copy.img");
            let copied = Command::new("cp").arg("--sparse=always").arg(&disk.image).arg(&copy).status().unwrap();
            let _ = kill(under.pid(), Signal::SIGCONT);
            assert!(copied.success(), "cp");
            taken += 1;
            check(taken, look(setup, &copy, &shown, &effects));
        }
        let _ = kill(under.pid(), Signal::SIGKILL);
        under.end();
    }
}

/// Mounts a copy, which replays the file system's own journal, and looks at ours.
fn look(setup: &Setup, copy: &Path, shown: &[Shown], effects: &[String]) -> Result<(), String> {
    let mounted = Loop::of(copy.to_owned(), setup.disk.join("copy"));
    let journal = mounted.mount.join("journal");
    // What rides along with the next record may be lost with the power.
    let durable: Vec<Shown> = shown
        .iter()
        .filter(|(kind, _)| matches!(kind.as_str(), "step_began" | "step_ended" | "confirmed" | "run_closed"))
        .cloned()
        .collect();
    Stage::holds(&journal, &durable, effects)?;
    if !journal.join("journal.jsonl").exists() {
        return Ok(());
    }
    // Another run mends it, and then it is valid.
    let stage = Stage::with(setup, journal, 1, "true");
    let (code, _) = stage.run_under(&[], &[]).end();
    if code != Some(0) {
        return Err(format!("another run ended with {code:?}"));
    }
    match stage.verdict().as_str() {
        "valid_unanchored" => stage.no_secrets(),
        verdict => Err(format!("the journal is {verdict}")),
    }
}

pub fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rng = Rng::with_seed(setup.seed);
    let disk = Loop::new(setup, "images", 16);
    copies(setup, &disk, &mut rng, if setup.long { 100 } else { 10 }, &[], |number, result| {
        outcome.point(format!("copy {number}"), result);
    });
    let liar = setup.no_sync.to_str().unwrap();
    let mut results = Vec::new();
    copies(setup, &disk, &mut rng, 12, &[("LD_PRELOAD", liar), ("LIAR_SYNC", "1")], |_, result| results.push(result));
    outcome.control("fdatasync switched off", results);
    outcome
}
