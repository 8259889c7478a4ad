use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use super::*;
use crate::{
    event::{Answerer, Captured, Effect, Event, Exit, Outcome, Part, Place, Verdict},
    journal::{
        head::Head,
        ladder::Ladder,
        location::FILE,
        sample::{self, closed, identity, no_ladder, open, opened, run, small, temp_dir, verdict},
        summary::RunSummary,
        verify::{JournalVerdict, verify},
    },
};

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Appends facts of a run as of a moment.
fn tell(journal: &Journal, number: u32, at: &str, events: &[Event]) {
    for event in events {
        let (kind, body, moment) = (event.name(), &Body::of(event), Moment { ts: moment(at), mono_ns: 1 });
        journal.shared.append(&NewRecord { run: run(number), kind, moment, body, sync: true, change: false }).unwrap();
    }
}

fn ended() -> Event {
    Event::RunClosed { outcome: Outcome::Completed, why: String::new(), owed: Vec::new() }
}

/// Runs of three months: the second goes on over the end of September, the fourth has no end.
fn months(dir: &Path) -> Journal {
    let journal = open(dir);
    tell(&journal, 1, "2026-09-03T10:00:00Z", &[opened(Mode::Real), ended()]);
    tell(&journal, 2, "2026-09-30T23:59:00Z", &[opened(Mode::Real)]);
    tell(&journal, 3, "2026-10-01T00:00:00Z", &[opened(Mode::Rehearsal), ended()]);
    tell(&journal, 2, "2026-10-01T00:01:00Z", &[ended()]);
    tell(&journal, 4, "2026-10-20T12:00:00Z", &[opened(Mode::DryRun)]);
    tell(&journal, 5, "2026-10-20T12:00:00Z", &[opened(Mode::Real), ended()]);
    tell(&journal, 6, "2026-11-02T12:00:00Z", &[opened(Mode::Real)]);
    tell(&journal, 7, "2026-11-03T12:00:00Z", &[opened(Mode::Real), ended()]);
    journal
}

fn bytes(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    Snapshot::take(dir).unwrap().from(0).read_to_end(&mut bytes).unwrap();
    bytes
}

fn summaries(dir: &Path) -> Vec<RunSummary> {
    runs(&Snapshot::take(dir).unwrap()).unwrap().runs
}

fn files(done: &Archiving) -> Vec<(String, u64, u64)> {
    done.files.iter().map(|(path, first, last)| (path.display().to_string(), *first, *last)).collect()
}

const DECEMBER: &str = "2026-12-01T00:00:00Z";

fn archive(journal: &Journal, before: &str) -> Archiving {
    journal.archive(moment(before), &|| None).unwrap()
}

#[test]
fn closed_runs_go_by_month_and_nothing_of_the_journal_is_changed_or_lost() {
    let temp = temp_dir();
    let journal = months(temp.path());
    let (before, told, head) = (bytes(temp.path()), summaries(temp.path()), journal.head());
    let done = archive(&journal, DECEMBER);
    let (september, october) = ("archive/000000000001-2026-09.jsonl", "archive/000000000007-2026-10.jsonl");
    assert_eq!(files(&done), [(september.to_owned(), 1, 6), (october.to_owned(), 7, 9)]);
    assert_eq!(done.kept_by, Some(run(6)));
    assert_eq!(summaries(temp.path()), told);
    let after = bytes(temp.path());
    assert_eq!(&after[..before.len()], before);
    assert_eq!(after[before.len()..].split_inclusive(|byte| *byte == b'\n').count(), 1, "a record that says so");
    assert_eq!(verify(temp.path(), &[head]).unwrap().verdict, JournalVerdict::Anchored { anchor: 12, after: 1 });
    // By hand it is the same: the shell's order is the journal's.
    let by_hand = [september, october, FILE].map(|file| fs::read(temp.path().join(file)).unwrap()).concat();
    assert_eq!(by_hand, after);
    assert!(!temp.path().join(NEW).exists());

    // The journal goes on where it stood, and is none that somebody has copied.
    let journal = open(temp.path());
    assert_eq!(Snapshot::take(temp.path()).unwrap().copied().unwrap(), None);
    assert!(journal.head().journal().is_some());
    tell(&journal, 6, "2026-11-30T12:00:00Z", &[ended()]);
    tell(&journal, 8, "2026-12-01T12:00:00Z", &[opened(Mode::Real), ended()]);
    assert_eq!(files(&archive(&journal, "2026-11-01T00:00:00Z")), [], "October is archived already");
    let done = archive(&open(temp.path()), DECEMBER);
    assert_eq!((files(&done), done.kept_by), (vec![("archive/000000000010-2026-11.jsonl".to_owned(), 10, 14)], None));
    assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: 17 });
    assert_eq!(verify(temp.path(), &[]).unwrap().runs, 8, "what is said of the journal is no run");
}

#[test]
fn a_journal_of_which_all_is_archived_goes_on() {
    let temp = temp_dir();
    let journal = open(temp.path());
    tell(&journal, 1, "2026-09-03T10:00:00Z", &[opened(Mode::Real), ended()]);
    assert_eq!(archive(&journal, DECEMBER).files.len(), 1);
    let stale = journal.shared.append(&NewRecord {
        run: run(1),
        kind: "resumed",
        moment: Moment::now(),
        body: &Body::of(&Event::Resumed { from: "0".to_owned() }),
        sync: true,
        change: false,
    });
    assert!(stale.unwrap_err().what.contains("no longer the one that was opened"));
    assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: 3 });
    // A run that was closed and is taken up again is one, in two files.
    let again = open(temp.path());
    assert_eq!(again.head().size, 3);
    tell(&again, 1, "2026-12-03T10:00:00Z", &[Event::Resumed { from: "0".to_owned() }]);
    assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: 4 });
    assert_eq!(summaries(temp.path())[0].outcome, None);
    let done = archive(&again, "2100-01-01T00:00:00Z");
    assert_eq!((files(&done), done.kept_by), (Vec::new(), Some(run(1))), "what says that it was archived is not archived alone");
    assert_eq!(Snapshot::take(temp.path()).unwrap().head(temp.path()).unwrap().size, 4);
}

#[test]
fn what_is_owed_stays_until_it_is_settled() {
    let temp = temp_dir();
    let journal = open(temp.path());
    let owes = sample::began("set_noout", Part::Main, Effect::Change);
    let planned = Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 };
    let done = sample::ended("set_noout", Part::Main, Exit::Code(0), Verdict::Passed, Captured::empty());
    let stays = Event::Owed { place: Place::top("set_noout"), why: "it was stopped".to_owned() };
    tell(&journal, 1, "2026-09-03T10:00:00Z", &[opened(Mode::Real), planned, owes, done, stays, closed(Outcome::Stopped)]);
    assert!(verdict(temp.path()).holds(), "{}", verdict(temp.path()));
    let done = archive(&journal, DECEMBER);
    assert_eq!((files(&done), done.kept_by), (Vec::new(), Some(run(1))));
    assert!(!temp.path().join(DIRECTORY).exists());
    let settled = Event::SettledByHand { place: Place::top("set_noout"), reason: "unset".to_owned(), by: Answerer::Flag };
    tell(&journal, 1, "2026-09-04T10:00:00Z", &[settled]);
    assert!(verdict(temp.path()).holds(), "{}", verdict(temp.path()));
    assert_eq!(archive(&journal, DECEMBER).files.len(), 1);
    assert_eq!(may_owe(&Snapshot::take(temp.path()).unwrap()).unwrap().into_iter().map(|(run, _)| run).collect::<Vec<_>>(), [run(1)]);
}

#[test]
fn an_archive_that_was_cut_swapped_changed_or_removed_is_found() {
    let temp = temp_dir();
    archive(&months(temp.path()), DECEMBER);
    let [first, second] = ["archive/000000000001-2026-09.jsonl", "archive/000000000007-2026-10.jsonl"].map(|name| temp.path().join(name));
    let texts = [&first, &second].map(|path| fs::read(path).unwrap());
    let found = |what: &str| {
        let found = verify(temp.path(), &[]).unwrap();
        assert!(matches!(found.verdict, JournalVerdict::Invalid { .. }), "{what}: {}", found.verdict);
        for (path, text) in [(&first, &texts[0]), (&second, &texts[1])] {
            fs::write(path, text).unwrap();
        }
        assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: 13 }, "{what}");
        found.place.unwrap()
    };
    let lines = |text: &[u8], keep: usize| text.split_inclusive(|byte| *byte == b'\n').take(keep).flatten().copied().collect::<Vec<_>>();
    for keep in 0..3 {
        fs::write(&second, lines(&texts[1], keep)).unwrap();
        let (path, line) = found(&format!("{keep} lines of the second"));
        // The first line that does not follow is that of the next file.
        assert_eq!((path.as_path(), line), (Path::new(FILE), 1), "{keep} lines of the second");
    }
    fs::write(&first, &texts[0][..texts[0].len() - 1]).unwrap();
    assert_eq!(found("without its last byte").0, Path::new("archive/000000000001-2026-09.jsonl"));
    let mut changed = texts[0].clone();
    changed[100] ^= 1;
    fs::write(&first, changed).unwrap();
    assert_eq!(found("a bit"), (PathBuf::from("archive/000000000001-2026-09.jsonl"), 1));
    for (path, text) in [(&first, &texts[1]), (&second, &texts[0])] {
        fs::write(path, text).unwrap();
    }
    assert_eq!(found("swapped"), (PathBuf::from("archive/000000000001-2026-09.jsonl"), 1));
    for (path, kept) in [(&first, second.as_path()), (&second, Path::new(FILE))] {
        fs::remove_file(path).unwrap();
        let (file, line) = found("removed");
        assert!(kept.ends_with(&file) && line == 1, "{} is where it shows", file.display());
    }
    let copy = temp.path().join("archive/000000000003-2026-09.jsonl");
    fs::write(&copy, &texts[0]).unwrap();
    let twice = verify(temp.path(), &[]).unwrap();
    assert_eq!(twice.place, Some((PathBuf::from("archive/000000000003-2026-09.jsonl"), 1)), "{}", twice.verdict);
    fs::remove_file(copy).unwrap();

    // All of them: the records before the first one are missed. And the other way round.
    fs::remove_dir_all(temp.path().join(DIRECTORY)).unwrap();
    assert!(matches!(verdict(temp.path()), JournalVerdict::Invalid { line: 1, fault: crate::journal::fault::RecordFault::Gap { .. } }));
    fs::create_dir(temp.path().join(DIRECTORY)).unwrap();
    fs::write(&first, &texts[0]).unwrap();
    fs::write(temp.path().join(FILE), "").unwrap();
    assert!(matches!(verify(temp.path(), &[]), Err(JournalError::Gone { .. })));
    fs::remove_file(temp.path().join(FILE)).unwrap();
    assert!(matches!(verify(temp.path(), &[]), Err(JournalError::Gone { .. })));
    let refused = Journal::open_with(temp.path(), no_ladder());
    assert!(matches!(refused, Err(JournalError::Gone { .. })), "nothing is begun anew beside archived months: {refused:?}");
    assert!(!temp.path().join(FILE).exists());
}

#[test]
fn a_run_under_way_and_a_copy_are_refused_and_nothing_is_done() {
    let temp = temp_dir();
    let journal = months(temp.path());
    let refused = journal.archive(moment(DECEMBER), &|| Some("run 00000007 is under way".to_owned()));
    assert!(matches!(refused, Err(ArchivingError::UnderWay(_))));
    let before = bytes(temp.path());
    let path = temp.path().join(FILE);
    fs::copy(&path, temp.path().join("aside")).unwrap();
    fs::rename(temp.path().join("aside"), &path).unwrap();
    let refused = open(temp.path()).archive(moment(DECEMBER), &|| None);
    assert!(matches!(refused, Err(ArchivingError::Copy(_))), "{refused:?}");
    assert_eq!(bytes(temp.path()), before);
    assert!(!temp.path().join(DIRECTORY).exists());
}

#[test]
fn a_journal_of_before_there_was_a_mark_is_archived_and_stays_without() {
    let temp = temp_dir();
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/v1");
    fs::copy(frozen.join(FILE), temp.path().join(FILE)).unwrap();
    fs::create_dir(temp.path().join("output")).unwrap();
    for entry in fs::read_dir(frozen.join("output")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), temp.path().join("output").join(entry.file_name())).unwrap();
    }
    for path in ["output", FILE, ""] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(temp.path().join(path), fs::Permissions::from_mode(0o700)).unwrap();
    }
    let JournalVerdict::Unanchored { records } = verdict(temp.path()) else { panic!() };
    let done = archive(&open(temp.path()), "2100-01-01T00:00:00Z");
    assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: records + 1 }, "{done:?}");
    assert!(!done.files.is_empty());
    assert_eq!(open(temp.path()).head().journal(), None);
}

/// A file system on which the operation with this number fails; and all that come after it, if the process is killed there.
#[derive(Debug)]
struct FailingDisk {
    left: AtomicI64,
    killed: bool,
}

impl FailingDisk {
    fn step(&self) -> io::Result<()> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left == 0 || left < 0 && self.killed { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for FailingDisk {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        disk::Local.make_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        disk::Local.create(path)
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        // Half of it comes to the disk.
        match self.step() {
            Ok(()) => disk::Local.write(file, bytes),
            Err(_) => disk::Local.write(file, &bytes[..bytes.len() / 2]),
        }
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.step()?;
        disk::Local.sync_data(file)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        disk::Local.sync_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        disk::Local.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        disk::Local.remove(path)
    }
}

/// Archives with a failure at this operation; what is left must hold, and be brought to its end. `false` if it came to that operation
/// no more.
fn survives(at: i64, killed: bool) -> bool {
    let temp = temp_dir();
    let head: Head = months(temp.path()).head();
    let before = bytes(temp.path());
    let disk = Arc::new(FailingDisk { left: AtomicI64::new(at), killed });
    let opened = Journal::open_on(Arc::<FailingDisk>::clone(&disk), temp.path(), Ladder::nowhere(Box::new(io::sink())), identity());
    let done = opened.map_err(ArchivingError::from).and_then(|journal| journal.archive(moment(DECEMBER), &|| None));
    let what = format!("operation {at}, killed: {killed}: {done:?}");
    let found = verify(temp.path(), std::slice::from_ref(&head)).unwrap().verdict;
    assert!(found.holds(), "{what}: {found}");
    assert!(bytes(temp.path()).starts_with(&before), "{what}");
    let names = || fs::read_dir(temp.path().join(DIRECTORY)).map_or(0, Iterator::count);
    let complete = |dir: &Path| fs::metadata(dir.join(FILE)).unwrap().len() < before.len() as u64;
    if !killed && done.is_err() && !complete(temp.path()) {
        assert!(names() == 0 && !temp.path().join(NEW).exists(), "{what}: what failed leaves nothing");
    }
    // The next call brings it to its end, or finds it done.
    archive(&open(temp.path()), DECEMBER);
    assert!(complete(temp.path()) && names() == 2 && !temp.path().join(NEW).exists(), "{what}");
    let found = verify(temp.path(), &[head]).unwrap().verdict;
    assert_eq!(found, JournalVerdict::Anchored { anchor: 12, after: 1 }, "{what}");
    disk.left.load(Ordering::SeqCst) < 0
}

#[test]
fn whatever_fails_and_wherever_it_is_killed_nothing_is_lost() {
    for killed in [false, true] {
        let operations = (0..100).find(|at| !survives(*at, killed)).unwrap();
        assert!(operations > 12, "{operations} operations");
    }
}

#[test]
fn records_that_come_while_it_works_are_kept() {
    let temp = temp_dir();
    small(temp.path());
    let (one, other) = (open(temp.path()), open(temp.path()));
    tell(&one, 9, "2026-09-03T10:00:00Z", &[opened(Mode::Real), ended()]);
    // Behind the one that archives, before it has the lock: `under_way` is asked after that, and here stands for any who was faster.
    archive(&other, "2100-01-01T00:00:00Z");
    assert!(verdict(temp.path()).holds());
    assert_eq!(summaries(temp.path()).len(), 2);
}
