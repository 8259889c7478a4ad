//! What the journal promises, tried until it would break. See `docs/reliability.md`.
//!
//! `tests/torture/run [--long] [--seed N] [ROW]...`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "a test")]
#![allow(unreachable_pub, reason = "a program of its own, whose files see one another's items")]

use std::{path::PathBuf, process::ExitCode, time::Instant};

mod account;
mod export;
mod far;
mod fault;
mod full;
mod image;
mod kill;
mod life;
mod operator;
mod power;
mod row;
mod scarce;
mod secrets;
#[path = "../ssh/sides.rs"]
mod sides;
mod stage;
mod story;
#[path = "../surroundings.rs"]
mod surroundings;
mod tamper;
mod tree;
mod verifier;

use row::{Row, Setup};

const ROWS: &[Row] = &[
    Row { name: "faults", about: "each operation fails, in each way, once and for ever", least: (1000, 1000), run: fault::run },
    Row { name: "power", about: "the power fails at each operation of a run", least: (1200, 1200), run: power::run },
    Row { name: "power-again", about: "and at each operation of the resume and verify after it", least: (500, 500), run: power::again },
    Row { name: "power-archive", about: "the power fails at each operation of `journal archive`", least: (200, 200), run: power::archive },
    Row { name: "tampering", about: "12 attacks, 3 ways to keep a head", least: (783, 783), run: tamper::attacks },
    Row { name: "bits", about: "a bit of a journal of 50 records flips", least: (10_000, 100_000), run: tamper::bits },
    Row {
        name: "kill",
        about: "kill -9 and signals at random in all kinds of steps; resume, rollback, debts",
        least: (60, 2000),
        run: kill::lives,
    },
    Row { name: "kill-line", about: "kill -9 at random times in 200 steps in a row, then resume", least: (20, 1000), run: kill::random },
    Row { name: "syscalls", about: "kill -9 at each system call of 3 steps, then resume", least: (100, 600), run: kill::syscalls },
    Row { name: "archive", about: "kill -9 at each system call of `journal archive`, then again", least: (25, 25), run: kill::archive },
    Row { name: "full", about: "the disk is full, but for 0 to 64 KiB", least: (195, 195), run: full::run },
    Row {
        name: "secrets",
        about: "1,000 random secrets in every promised form, and runs that print them everywhere",
        least: (100_000, 1_000_000),
        run: secrets::run,
    },
    Row { name: "images", about: "the disk as it is in the midst of a run, mounted anew", least: (10, 100), run: image::run },
    Row { name: "threads", about: "no more threads, processes or descriptors than so many", least: (26, 78), run: scarce::threads },
    Row {
        name: "memory",
        about: "no more memory than so much; expressions and files that are bombs",
        least: (35, 90),
        run: scarce::memory,
    },
    Row { name: "far", about: "31 kinds of hosts that run something else", least: (31, 300), run: far::run },
    Row { name: "exports", about: "exports that somebody has made something of", least: (1000, 20_000), run: export::run },
];

fn main() -> ExitCode {
    surroundings::settle();
    let mut long = false;
    let mut seed = 20_261_121;
    let mut binary = PathBuf::from(env!("CARGO_BIN_EXE_halligan"));
    let mut names: Vec<String> = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--long" => long = true,
            "--seed" => seed = words.next().and_then(|word| word.parse().ok()).expect("--seed needs a number"),
            "--binary" => binary = words.next().map(PathBuf::from).expect("--binary needs a path"),
            name if ROWS.iter().any(|row| row.name == name) => names.push(word),
            other => {
                eprintln!("torture: there is no row `{other}`; there are");
                for row in ROWS {
                    eprintln!("  {:<14} {}", row.name, row.about);
                }
                return ExitCode::from(2);
            }
        }
    }
    // Rows start it in directories of their own.
    let binary = binary.canonicalize().expect("there is no such binary");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let disk = tempfile::Builder::new().prefix("torture").tempdir_in(&target).unwrap();
    let memory = tempfile::Builder::new().prefix("torture").tempdir_in("/dev/shm").unwrap();
    let no_sync = stage::no_sync(disk.path());
    let setup = Setup { seed, long, binary, memory: memory.path().to_owned(), disk: disk.path().to_owned(), no_sync };
    println!("         row             points failures    time");
    let mut well = true;
    for row in ROWS.iter().filter(|row| names.is_empty() || names.iter().any(|name| name == row.name)) {
        let began = Instant::now();
        let outcome = (row.run)(&setup);
        well &= row.tell(&outcome, &setup, began.elapsed());
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
