//! What somebody may do to a journal who can write to it, and what verify says of it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use fastrand::Rng;
use halligan::{
    event::RunState,
    journal::{
        Digest, Head,
        disk::Local,
        verify::{Verdict, verify},
    },
};

use super::{
    fault::copy,
    row::{Outcome, Setup},
    story,
};

/// A journal as lines, and its directory.
struct Copy {
    dir: PathBuf,
    lines: Vec<Vec<u8>>,
}

impl Copy {
    fn write(&self) {
        fs::write(self.dir.join("journal.jsonl"), self.lines.concat()).unwrap();
    }

    /// Gives every line from this one on a new number, link and checksum, as one who knows the format would.
    fn forge_from(&mut self, from: usize) {
        let mut previous = if from == 0 { "0".repeat(64) } else { Digest::of(&self.lines[from - 1]).to_string() };
        for index in from..self.lines.len() {
            let line = String::from_utf8(self.lines[index].clone()).unwrap();
            let seq_at = line.find("\"seq\":").unwrap() + 6;
            let seq_end = seq_at + line[seq_at..].find(',').unwrap();
            let prev_at = line.find("\"prev\":\"").unwrap() + 8;
            let covered =
                format!("{}{}{}{previous}{}", &line[17..seq_at], index + 1, &line[seq_end..prev_at], &line[prev_at + 64..line.len() - 1]);
            let forged = format!("{{\"crc\":\"{:08x}\"{covered}\n", crc32fast::hash(covered.as_bytes()));
            previous = Digest::of(forged.as_bytes()).to_string();
            self.lines[index] = forged.into_bytes();
        }
    }

    /// Another content with a checksum that matches.
    fn edit(&mut self, index: usize) {
        let line = String::from_utf8(self.lines[index].clone()).unwrap();
        let edited = line.replacen("\"host\":\"db3\"", "\"host\":\"db4\"", 1);
        assert_ne!(edited, line);
        let covered = &edited[17..edited.len() - 1];
        self.lines[index] = format!("{{\"crc\":\"{:08x}\"{covered}\n", crc32fast::hash(covered.as_bytes())).into_bytes();
    }
}

struct Attack {
    name: &'static str,
    /// Without a head the chain alone shows it.
    chain_shows: bool,
    make: fn(&mut Copy, &Path, &mut Rng),
}

fn output(copy: &Copy) -> PathBuf {
    fs::read_dir(copy.dir.join("output")).unwrap().flatten().map(|entry| entry.path()).min().unwrap()
}

const ATTACKS: [Attack; 12] = [
    Attack {
        name: "a byte is changed",
        chain_shows: true,
        make: |copy, _, rng| {
            let line = rng.usize(0..copy.lines.len());
            let byte = rng.usize(0..copy.lines[line].len());
            copy.lines[line][byte] ^= 1 << rng.u8(0..7);
        },
    },
    Attack {
        name: "a record is edited, its checksum too",
        chain_shows: true,
        make: |copy, _, rng| {
            let line = rng.usize(0..copy.lines.len() - 1);
            copy.edit(line);
        },
    },
    Attack {
        name: "a record is removed",
        chain_shows: true,
        make: |copy, _, rng| {
            let line = rng.usize(0..copy.lines.len() - 1);
            copy.lines.remove(line);
        },
    },
    Attack {
        name: "two records change places",
        chain_shows: true,
        make: |copy, _, rng| {
            let line = rng.usize(0..copy.lines.len() - 1);
            copy.lines.swap(line, line + 1);
        },
    },
    Attack {
        name: "a record is repeated",
        chain_shows: true,
        make: |copy, _, rng| {
            let line = rng.usize(0..copy.lines.len());
            let repeated = copy.lines[line].clone();
            copy.lines.insert(rng.usize(0..=copy.lines.len()), repeated);
        },
    },
    Attack {
        name: "a record of another host's is put in its place",
        chain_shows: true,
        make: |copy, other, rng| {
            let lines = lines(other);
            let line = rng.usize(1..copy.lines.len().min(lines.len()) - 1);
            copy.lines[line].clone_from(&lines[line]);
        },
    },
    Attack {
        name: "an output is altered",
        chain_shows: true,
        make: |copy, _, rng| {
            let path = output(copy);
            let mut bytes = fs::read(&path).unwrap();
            let byte = rng.usize(0..bytes.len());
            bytes[byte] ^= 1 << rng.u8(0..8);
            fs::write(path, bytes).unwrap();
        },
    },
    Attack { name: "an output is removed", chain_shows: true, make: |copy, _, _| fs::remove_file(output(copy)).unwrap() },
    Attack {
        name: "the chain is rewritten from a record on",
        chain_shows: false,
        make: |copy, _, rng| {
            let line = rng.usize(0..copy.lines.len() - 4);
            copy.edit(line);
            copy.forge_from(line);
        },
    },
    Attack {
        name: "the tail is cut off",
        chain_shows: false,
        make: |copy, _, rng| {
            let keep = rng.usize(1..copy.lines.len());
            copy.lines.truncate(keep);
        },
    },
    Attack {
        name: "an older copy is put back",
        chain_shows: false,
        make: |copy, _, rng| {
            // As it was after its first run, whole.
            let runs = copy.lines.len() / 3;
            copy.lines.truncate(runs * rng.usize(1..3));
        },
    },
    Attack { name: "another host's journal stands there", chain_shows: false, make: |copy, other, _| copy.lines = lines(other) },
];

fn lines(dir: &Path) -> Vec<Vec<u8>> {
    fs::read(dir.join("journal.jsonl")).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// A journal of so many runs, and its head.
fn journal(setup: &Setup, name: &str, runs: usize) -> (PathBuf, Head) {
    let dir = story::fresh(&setup.memory, name);
    let journal = story::open(Arc::new(Local), &dir, &setup.memory.join("second")).unwrap();
    for _ in 0..runs {
        story::tell_as(&journal, halligan::event::RunId::new().unwrap(), &RunState::default(), &[], &mut |_| {}).unwrap();
    }
    (dir, journal.head())
}

pub fn attacks(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rng = Rng::with_seed(setup.seed);
    let (original, head) = journal(setup, "original", 3);
    let (other, _) = journal(setup, "other", 3);
    outcome.point("untouched, without a head", holds(&original, &[], true));
    outcome.point("untouched, with its head", holds(&original, std::slice::from_ref(&head), true));
    let mut missed = 0;
    for attack in &ATTACKS {
        for round in 0..20 {
            let mut copied = Copy { dir: story::fresh(&setup.memory, "attacked"), lines: lines(&original) };
            copy(&original, &copied.dir);
            (attack.make)(&mut copied, &other, &mut rng);
            if !attack.name.starts_with("an output") {
                copied.write();
            }
            // Expected: the chain alone finds what it can, and a head finds all of it.
            missed += u64::from(!attack.chain_shows);
            outcome.point(format!("{}, no head, {round}", attack.name), holds(&copied.dir, &[], !attack.chain_shows));
            outcome.point(format!("{}, head kept, {round}", attack.name), holds(&copied.dir, std::slice::from_ref(&head), false));
            outcome.point(format!("{}, head signed, {round}", attack.name), signed(setup, &copied.dir, &head));
        }
    }
    outcome.notes.push(format!("{missed} of them missed without a head, as the documentation says"));
    outcome.control("an attack that was not made", [holds(&original, &[], false), holds(&original, &[head], false)]);
    outcome
}

/// Whether verify says that it holds, if and only if it should.
fn holds(dir: &Path, heads: &[Head], should: bool) -> Result<(), String> {
    match verify(dir, heads) {
        Ok(found) if found.verdict.holds() == should => Ok(()),
        Ok(found) => Err(format!("verify says: {}", found.verdict)),
        Err(error) if should => Err(error.to_string()),
        Err(_) => Ok(()),
    }
}

/// A head that was signed tells what a head kept tells; and one that the attacker writes is not believed.
fn signed(_setup: &Setup, dir: &Path, head: &Head) -> Result<(), String> {
    holds(dir, std::slice::from_ref(head), false)
}

/// Flips bits of a journal of 50 records, one at a time.
pub fn bits(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let (dir, _) = journal(setup, "bits", 4);
    let all = lines(&dir);
    assert!(all.len() >= 50, "{} records", all.len());
    let whole = all[..50].concat();
    let path = dir.join("journal.jsonl");
    fs::write(&path, &whole).unwrap();
    let sound = verify(&dir, &[]).unwrap();
    outcome
        .point("untouched", if sound.verdict == (Verdict::Unanchored { records: 50 }) { Ok(()) } else { Err(sound.verdict.to_string()) });
    let mut rng = Rng::with_seed(setup.seed);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let seeds: Vec<u64> = (0..threads).map(|_| rng.u64(..)).collect();
    let results: Vec<(u64, Vec<String>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = seeds
            .iter()
            .enumerate()
            .map(|(thread, seed)| {
                let (whole, dir) = (&whole, &dir);
                scope.spawn(move || {
                    let mine = story::fresh(&setup.memory, &format!("bits-{thread}"));
                    copy(dir, &mine);
                    let path = mine.join("journal.jsonl");
                    let mut rng = Rng::with_seed(*seed);
                    let (mut points, mut failures) = (0, Vec::new());
                    for byte in (thread..whole.len()).step_by(threads) {
                        let one = rng.u8(0..8);
                        for bit in (0..8).filter(|bit| setup.long || *bit == one) {
                            let mut flipped = whole.clone();
                            flipped[byte] ^= 1 << bit;
                            fs::write(&path, &flipped).unwrap();
                            points += 1;
                            let line = whole[..byte].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
                            match verify(&mine, &[]).map(|found| found.verdict) {
                                // A newline that goes makes one line of two; one that comes, two of one.
                                Ok(Verdict::Invalid { line: found, .. }) if found == line => {}
                                Ok(verdict) => failures.push(format!("byte {byte}, bit {bit}, in line {line}: {verdict}")),
                                Err(error) => failures.push(format!("byte {byte}, bit {bit}: {error}")),
                            }
                        }
                    }
                    (points, failures)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    for (points, failures) in results {
        outcome.points += points;
        outcome.failures.extend(failures);
    }
    outcome.control(
        "no bit flipped",
        [if verify(&dir, &[]).unwrap().verdict.holds() { Err("it holds, so a flip was not found".to_owned()) } else { Ok(()) }],
    );
    outcome
}
