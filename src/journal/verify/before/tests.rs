use std::{
    collections::VecDeque,
    fs,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use fastrand::Rng;

use super::*;
use crate::{
    event::{Captured, Event},
    journal::{
        history::may_owe,
        location::FILE,
        reader::runs,
        record::Durability,
        sample::{append_all, dry, eventful, open, print, run, short, small, temp_dir},
        verified::{FILE as MARK, Keeping, LineSum, VerifiedMark},
        verify::{JournalVerdict, Verification, further, verify},
    },
    ports::Ledger,
};

/// Marks are kept of what is small, and whenever an output was written.
const ALWAYS: Keeping = Keeping { worth: 0, coarse_ns: 0 };

fn further_in(dir: &Path) -> Verification {
    further(dir, &Snapshot::to_verify(dir).unwrap(), ALWAYS).unwrap()
}

/// All that is found, to be compared.
fn told(found: Verification) -> impl PartialEq + std::fmt::Debug {
    let Verification { verdict, place, records, hash, torn_lines, torn_tail, runs } = found;
    (verdict, place, records, hash, torn_lines, torn_tail, runs)
}

fn same(dir: &Path, case: &str) {
    assert_eq!(told(further_in(dir)), told(verify(dir, &[]).unwrap()), "{case}");
}

/// Runs, and what they have still to record.
type Runs = Vec<(RunId, VecDeque<Event>)>;

/// Begins some runs, each of which comes as far as it comes.
fn begin(dir: &Path, rng: &mut Rng, first: u32) -> Runs {
    let journal = open(dir);
    let events = |number| {
        let ledger = journal.begin_run(run(number), Durability::EachRecord);
        let stdout = if rng.bool() { print(&ledger, format!("text {}\n", rng.u8(0..3)).as_bytes()) } else { Captured::empty() };
        let events = match rng.u8(0..3) {
            0 => eventful(&stdout),
            1 => short(stdout),
            _ => dry(),
        };
        (run(number), events.into())
    };
    let mut runs: Runs = (first..first + 3).map(events).collect();
    runs.truncate(rng.usize(1..=3));
    go_on(dir, rng, &mut runs);
    runs
}

/// Records more of some runs, in any order beside each other.
fn go_on(dir: &Path, rng: &mut Rng, runs: &mut Runs) {
    let journal = open(dir);
    let left: usize = runs.iter().map(|(_, events)| events.len()).sum();
    for _ in 0..rng.usize(..=left).max(1) {
        let at = rng.usize(..runs.len());
        let (run, events) = &mut runs[at];
        if let Some(event) = events.pop_front() {
            journal.begin_run(*run, Durability::EachRecord).append(&event).unwrap();
        }
    }
}

fn outputs(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("output")).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
    let mut outputs: Vec<PathBuf> = entries.unwrap_or_default();
    outputs.sort();
    outputs
}

/// Rewrites a file so that its time of change is another.
fn rewrite(path: &Path, text: &[u8]) {
    let changed = || fs::symlink_metadata(path).map(|metadata| (metadata.ctime(), metadata.ctime_nsec())).unwrap();
    let before = changed();
    while changed() == before {
        fs::write(path, text).unwrap();
    }
}

/// Does something to a journal or its mark; says what.
fn tamper(dir: &Path, other: &Path, rng: &mut Rng) -> String {
    let (path, mark) = (dir.join(FILE), dir.join(MARK));
    let whole = fs::read(&path).unwrap();
    let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let line = rng.usize(..lines.len());
    let kind = rng.u8(0..14);
    match kind {
        0 => {}
        1 => drop(begin(dir, rng, 20)),
        2 => {
            let mut flipped = whole.clone();
            flipped[rng.usize(..whole.len())] ^= 1 << rng.u8(0..8);
            fs::write(&path, flipped).unwrap();
        }
        3 => {
            lines.remove(line);
            fs::write(&path, lines.concat()).unwrap();
        }
        4 => {
            let other = rng.usize(..lines.len());
            lines.swap(line, other);
            fs::write(&path, lines.concat()).unwrap();
        }
        5 => {
            // What its checksum does not show.
            let Ok(Line::Record(mut record)) = Line::read(lines[line]) else { panic!("line {line}") };
            record.header.host = "db4".into();
            let edited = record.line().unwrap();
            lines[line] = &edited;
            fs::write(&path, lines.concat()).unwrap();
        }
        6 => fs::write(&path, &whole[..rng.usize(1..whole.len())]).unwrap(),
        7 => fs::write(&path, lines[..=line].concat()).unwrap(),
        8 => drop(fs::copy(other.join(FILE), &path).unwrap()),
        9 => drop(fs::copy(other.join(MARK), &mark).unwrap()),
        10 => {
            let mut text = fs::read(&mark).unwrap();
            let at = rng.usize(..text.len());
            text[at] = rng.u8(b' '..=b'~');
            fs::write(&mark, text).unwrap();
        }
        11 => {
            let text = fs::read(&mark).unwrap();
            fs::write(&mark, &text[..rng.usize(..text.len())]).unwrap();
        }
        12 => {
            let outputs = outputs(dir);
            if let Some(path) = rng.choice(&outputs) {
                let mut text = fs::read(path).unwrap();
                text[0] ^= 1;
                rewrite(path, &text);
            }
        }
        _ => {
            let outputs = outputs(dir);
            if let Some(path) = rng.choice(&outputs) {
                fs::remove_file(path).unwrap();
            }
        }
    }
    format!("what was done: {kind}, at line {}", line + 1)
}

#[test]
fn what_was_verified_before_changes_nothing_that_is_found() {
    let mut holds = [0, 0];
    for seed in 0..120 {
        let mut rng = Rng::with_seed(seed);
        let (temp, other) = (temp_dir(), temp_dir());
        let mut runs = begin(temp.path(), &mut rng, 1);
        begin(other.path(), &mut rng, 1);
        for dir in [temp.path(), other.path()] {
            assert!(further_in(dir).verdict.holds() && dir.join(MARK).exists(), "seed {seed}");
        }
        if rng.bool() {
            // Runs go on over the end of what was verified, and now and then as they cannot.
            go_on(temp.path(), &mut rng, &mut runs);
            if rng.u8(0..8) == 0 {
                for (_, events) in &mut runs {
                    events.pop_front();
                }
                go_on(temp.path(), &mut rng, &mut runs);
            }
        }
        let case = tamper(temp.path(), other.path(), &mut rng);
        same(temp.path(), &format!("seed {seed}; {case}"));
        // And with the mark that this has left.
        same(temp.path(), &format!("seed {seed}; {case}; again"));
        holds[usize::from(further_in(temp.path()).verdict.holds())] += 1;
    }
    assert!(holds.iter().all(|count| *count > 20), "{holds:?}");
}

/// The control of all others here: a mark counts. Whoever can write the journal can write one; whoever verifies all of it is not taken in.
#[test]
fn a_mark_that_was_forged_for_an_edited_journal_is_believed_and_by_verify_it_is_not_read() {
    let temp = temp_dir();
    let whole = small(temp.path());
    let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let Ok(Line::Record(mut record)) = Line::read(lines[2]) else { panic!("line 3") };
    record.header.host = "db4".into();
    let edited = record.line().unwrap();
    lines[2] = &edited;
    fs::write(temp.path().join(FILE), lines.concat()).unwrap();
    assert!(!further_in(temp.path()).verdict.holds() && !temp.path().join(MARK).exists());
    let mut sum = Sha256::default();
    for line in &lines {
        LineSum::of(line).add_to(&mut sum);
    }
    let outputs = Listing::of(&temp.path().join("output")).unwrap();
    let mark = VerifiedMark::new(lines.concat().len() as u64, 6, Digest::of(lines[5]), Digest::finish(sum), &outputs);
    Snapshot::take(temp.path()).unwrap().keep(&mark, temp.path());
    assert!(further_in(temp.path()).verdict.holds());
    assert!(matches!(verify(temp.path(), &[]).unwrap().verdict, JournalVerdict::Invalid { line: 3, .. }));
    // Bound to its own bytes all the same.
    let file = fs::OpenOptions::new().write(true).open(temp.path().join(FILE)).unwrap();
    file.write_all_at(b"7", 100).unwrap();
    same(temp.path(), "edited again");
}

#[test]
fn a_mark_that_others_could_have_written_or_that_is_no_file_is_none() {
    let temp = temp_dir();
    small(temp.path());
    further_in(temp.path());
    let mark = temp.path().join(MARK);
    let beside = || Snapshot::to_verify(temp.path()).unwrap().verified().cloned();
    let (text, known) = (fs::read_to_string(&mark).unwrap(), beside().unwrap());
    assert_eq!(fs::metadata(&mark).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(&mark, fs::Permissions::from_mode(0o620)).unwrap();
    assert_eq!(beside(), None);
    fs::set_permissions(&mark, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(beside().as_ref(), Some(&known));
    fs::hard_link(&mark, temp.path().join("second")).unwrap();
    assert_eq!(beside(), None);
    fs::remove_file(temp.path().join("second")).unwrap();
    for foreign in
        [text.replacen("0.", "9.", 1), format!("{text}x"), text.replacen('{', "{\"more\":1,", 1), String::new(), "\u{0}".repeat(300)]
    {
        fs::write(&mark, foreign).unwrap();
        assert_eq!(beside(), None);
    }
    fs::write(&mark, &text).unwrap();
    fs::rename(&mark, temp.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &mark).unwrap();
    assert_eq!(beside(), None);
    // What stands in its place and cannot be replaced keeps nobody from verifying.
    fs::remove_file(&mark).unwrap();
    fs::create_dir(&mark).unwrap();
    fs::write(mark.join("something"), "").unwrap();
    same(temp.path(), "a folder");
    assert!(!temp.path().join(".verified.json.new").exists());
}

#[test]
fn a_mark_is_kept_where_it_is_worth_it_and_outputs_have_settled() {
    let temp = temp_dir();
    small(temp.path());
    let kept = |keeping| {
        further(temp.path(), &Snapshot::to_verify(temp.path()).unwrap(), keeping).unwrap();
        fs::read(temp.path().join(MARK)).ok()
    };
    assert_eq!(kept(Keeping { worth: 1 << 20, ..ALWAYS }), None);
    assert_eq!(kept(Keeping { coarse_ns: u64::MAX, ..ALWAYS }), None);
    let first = kept(ALWAYS);
    assert!(first.is_some());
    // What has been verified since counts, and not what was before.
    let ledger = open(temp.path()).begin_run(run(2), Durability::EachRecord);
    append_all(&ledger, &dry()[..1]);
    assert_eq!(kept(Keeping { worth: 1 << 20, ..ALWAYS }), first);
    assert_ne!(kept(ALWAYS), first);
}

#[test]
fn a_journal_that_has_grown_is_told_as_if_it_were_read_anew() {
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let temp = temp_dir();
        let mut begun = begin(temp.path(), &mut rng, 1);
        let before = Snapshot::to_verify(temp.path()).unwrap();
        before.survey().unwrap();
        let path = temp.path().join(FILE);
        let torn = rng.u8(0..4) == 0;
        if torn {
            let whole = fs::read(&path).unwrap();
            fs::write(&path, [&whole[..], b"{\"crc\":"].concat()).unwrap();
        }
        let before = before.renewed(temp.path()).unwrap();
        go_on(temp.path(), &mut rng, &mut begun);
        drop(begin(temp.path(), &mut rng, 4));
        let (now, anew) = (before.renewed(temp.path()).unwrap(), Snapshot::take(temp.path()).unwrap());
        assert_eq!(runs(&now).unwrap(), runs(&anew).unwrap(), "seed {seed}");
        assert_eq!(may_owe(&now).unwrap(), may_owe(&anew).unwrap(), "seed {seed}");
    }
}
