//! What somebody may do to a journal who can write to it, and what verify says of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use fastrand::Rng;
use halligan::door::{
    event::RunState,
    journal::{Digest, Head, JournalVerdict, Local, beside, verify},
};

use super::{
    fault::copy,
    row::{Outcome, Setup},
    story,
    verifier::{Keys, SHORN, Verifier, asked, real, sound},
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
        story::tell_as(&journal, halligan::door::event::RunId::new().unwrap(), &RunState::default(), &[], &mut |_| {}).unwrap();
    }
    (dir, journal.head())
}

pub fn attacks(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rng = Rng::with_seed(setup.seed);
    let (original, head) = journal(setup, "original", 3);
    let (other, _) = journal(setup, "other", 3);
    let keys = Keys::make(&story::fresh(&setup.memory, "keys"));
    let signed = Signed::make(setup, &original, keys);
    outcome.point("untouched, with its head signed", signed.holds(&original));
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
            outcome.point(format!("{}, head signed, {round}", attack.name), signed.refuses(&copied.dir, &signed.head));
            // One who has rewritten it writes a head that fits, and wants it believed.
            if !attack.chain_shows && round < 5 {
                for (how, forged) in signed.forged(&copied.dir) {
                    outcome.point(format!("{}, {how}, {round}", attack.name), signed.refuses(&copied.dir, &forged));
                }
            }
        }
    }
    outcome.notes.push(format!("{missed} of them missed without a head, as the documentation says"));
    let controls: Vec<_> = SHORN.iter().map(|(what, shorn)| (*what, passes(setup, &original, &other, &head, *shorn))).collect();
    for (what, passes) in &controls {
        if passes.is_ok() {
            outcome.failures.push(format!("a verifier that {what} passes all of it"));
        }
    }
    // Without the signature, what the attacker has written would be believed.
    let mut rewritten = Copy { dir: story::fresh(&setup.memory, "attacked"), lines: lines(&original) };
    copy(&original, &rewritten.dir);
    rewritten.lines.truncate(20);
    rewritten.write();
    let unsigned = signed.forged(&rewritten.dir).into_iter().map(|(how, forged)| {
        let head = Head::find_all(&fs::read_to_string(forged).unwrap()).unwrap();
        if real(&rewritten.dir, &head) { Err(format!("{how}, and believed")) } else { Ok(()) }
    });
    outcome.control("verifiers that leave one thing out", controls.into_iter().map(|(_, passes)| passes).chain(unsigned));
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

/// Whether this verifier says what is right of each attack, once without a head and once with it.
fn passes(setup: &Setup, original: &Path, other: &Path, head: &Head, verifier: Verifier) -> Result<(), String> {
    let mut rng = Rng::with_seed(setup.seed);
    for attack in &ATTACKS {
        let mut copied = Copy { dir: story::fresh(&setup.memory, "attacked"), lines: lines(original) };
        copy(original, &copied.dir);
        (attack.make)(&mut copied, other, &mut rng);
        if !attack.name.starts_with("an output") {
            copied.write();
        }
        for (heads, should) in [(&[][..], !attack.chain_shows), (std::slice::from_ref(head), false)] {
            if verifier(&copied.dir, heads) != should {
                return Err(format!("{}, with {} heads", attack.name, heads.len()));
            }
        }
    }
    Ok(())
}

/// A head that the operator has signed and keeps elsewhere.
struct Signed<'s> {
    setup: &'s Setup,
    keys: Keys,
    head: PathBuf,
}

impl<'s> Signed<'s> {
    fn make(setup: &'s Setup, journal: &Path, keys: Keys) -> Self {
        let mut command = Command::new(&setup.binary);
        command.args(["journal", "sign", "--journal-dir"]).arg(journal).arg("--key").arg(&keys.operator);
        let signed = command.env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
        assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
        // Carried away, so that the attacker does not reach it.
        let elsewhere = story::fresh(&setup.memory, "elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        let mut head = PathBuf::new();
        for entry in fs::read_dir(journal.join("heads")).unwrap().flatten() {
            let path = elsewhere.join(entry.file_name());
            fs::rename(entry.path(), &path).unwrap();
            if path.extension().is_none() {
                head = path;
            }
        }
        Self { setup, keys, head }
    }

    fn holds(&self, journal: &Path) -> Result<(), String> {
        let (code, said) = asked(&self.setup.binary, journal, &self.head, &self.keys.allowed);
        let right = code == Some(0) && said.starts_with("valid, anchored to ") && said.contains("signed by ops@example.org");
        if right { Ok(()) } else { Err(format!("{code:?}: {said}")) }
    }

    fn refuses(&self, journal: &Path, head: &Path) -> Result<(), String> {
        let (code, said) = asked(&self.setup.binary, journal, head, &self.keys.allowed);
        if code == Some(1) && !said.contains("valid, ") { Ok(()) } else { Err(format!("{code:?}: {said}")) }
    }

    /// Heads that fit the journal as the attacker has made it, and that nobody who may has signed.
    fn forged(&self, journal: &Path) -> Vec<(&'static str, PathBuf)> {
        let bytes = fs::read(journal.join("journal.jsonl")).unwrap();
        let last = bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
        let count = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let head = Head::new("db3", journal, count, Digest::of(last));
        let dir = story::fresh(&self.setup.memory, "forged");
        fs::create_dir_all(&dir).unwrap();
        let write = |name: &str| {
            let path = dir.join(name);
            fs::write(&path, format!("{head}\n")).unwrap();
            path
        };
        let (stranger, other, elsewhere) = (write("stranger"), write("other"), write("elsewhere"));
        Keys::sign(&self.keys.stranger, "halligan-head@v1", &stranger);
        fs::copy(beside(&self.head), beside(&other)).unwrap();
        Keys::sign(&self.keys.operator, "file", &elsewhere);
        vec![("signed by a stranger", stranger), ("with the signature of another head", other), ("signed for something else", elsewhere)]
    }
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
    let untouched = verify(&dir, &[]).unwrap();
    outcome.point(
        "untouched",
        if untouched.verdict == (JournalVerdict::Unanchored { records: 50 }) { Ok(()) } else { Err(untouched.verdict.to_string()) },
    );
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
                            let line = memchr::memchr_iter(b'\n', &whole[..byte]).count() as u64 + 1;
                            match verify(&mine, &[]).map(|found| found.verdict) {
                                // A newline that goes makes one line of two; one that comes, two of one.
                                Ok(JournalVerdict::Invalid { line: found, .. }) if found == line => {}
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
    // One byte in forty, its lowest bit: still JSON more often than not.
    let shorn = (0..whole.len()).step_by(40).map(|byte| {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1;
        let found = !flipped.split_inclusive(|byte| *byte == b'\n').all(|line| sound(line, false));
        if found { Ok(()) } else { Err("it is still JSON".to_owned()) }
    });
    outcome.control("a verifier that only reads the lines", shorn);
    outcome
}
