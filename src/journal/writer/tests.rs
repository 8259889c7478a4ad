use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use super::*;
use crate::{
    event::{Captured, Mode, Outcome, Place, StepKind, moment::Moment},
    journal::{
        fault::RecordFault,
        join::Synced,
        memory::MemoryLedger,
        reader::{Snapshot, runs},
        record::{Glance, Header, Line, Record},
        sample::{self, append_all, identity, open, print, run, small, temp_dir, verdict},
        verify::{JournalVerdict, verify},
    },
};

#[test]
fn every_event_comes_back_as_it_went_in() {
    let temp = temp_dir();
    let journal = open(temp.path());
    let memory = MemoryLedger::default();
    let real = journal.begin_run(run(1), Durability::EachRecord);
    let rehearsed = journal.begin_run(run(2), Durability::AtClose);
    let stdout = print(&real, b"some\noutput");
    assert_eq!(print(&memory, b"some\noutput"), stdout);
    assert_eq!(print(&rehearsed, b""), Captured::empty());
    assert_eq!(memory.output(&stdout.sha256).unwrap(), journal.read_output(&stdout.sha256).unwrap());

    let (eventful, dry) = (sample::eventful(&stdout), sample::dry());
    append_all(&real, &eventful);
    append_all(&rehearsed, &dry);
    append_all(&memory, &eventful);
    assert_eq!(memory.events(), eventful);

    let mut stored = Vec::new();
    let snapshot = Snapshot::take(temp.path()).unwrap();
    let mut lines = snapshot.lines();
    while let Some(raw) = lines.read().unwrap() {
        let Ok(Line::Record(record)) = Line::read(raw.bytes) else { panic!("line {} is no record", raw.number) };
        assert_eq!(record.header.seq, raw.number);
        assert_eq!(record.line().unwrap(), raw.bytes, "a record that was read is written the same");
        let event = record.body.into_event().unwrap();
        assert_eq!(event.name(), record.header.kind.0);
        stored.push(event);
    }
    assert_eq!(stored, [eventful, dry].concat());
    let found = verify(temp.path(), &[journal.head()]).unwrap();
    assert_eq!(found.verdict, JournalVerdict::Anchored { anchor: stored.len() as u64, after: 0 });
}

#[test]
fn a_record_bears_the_version_that_its_type_came_with() {
    let temp = temp_dir();
    let journal = open(temp.path());
    let ledger = journal.begin_run(run(1), Durability::EachRecord);
    let place = Place::top("a");
    let reached = Event::StepReached { place, title: "The first".to_owned(), kind: StepKind::Run, effect: Effect::Read, case: None };
    append_all(&ledger, &[sample::opened(Mode::Real), reached.clone()]);
    let lines = fs::read_to_string(journal.path()).unwrap();
    let read: Vec<_> = lines
        .split_inclusive('\n')
        .map(|line| match Line::read(line.as_bytes()).unwrap() {
            Line::Record(record) => (record.header.v, record.body.into_event().unwrap()),
            newer @ Line::Newer { .. } => panic!("{newer:?}"),
        })
        .collect();
    // The first has the journal's mark, which came with version 2.
    assert_eq!(read, [(2, sample::opened(Mode::Real)), (2, reached)]);
    append_all(&journal.begin_run(run(2), Durability::EachRecord), &[sample::opened(Mode::Real)]);
    let lines = fs::read_to_string(journal.path()).unwrap();
    let Ok(Line::Record(record)) = Line::read(lines.split_inclusive('\n').next_back().unwrap().as_bytes()) else { panic!() };
    assert_eq!(record.header.v, 1);
    assert_eq!(lines.lines().filter_map(|line| Glance::at(line.as_bytes())).count(), 3);
}

#[test]
fn a_journal_has_a_mark_that_its_copies_and_heads_have_too() {
    let temp = temp_dir();
    let (here, there) = (temp.path().join("here"), temp.path().join("there"));
    small(&here);
    let take = |dir: &Path| Snapshot::take(dir).unwrap();
    let mark = take(&here).mark().unwrap().unwrap();
    assert_eq!((take(&here).copied().unwrap(), mark.id.len()), (None, 32));
    assert_eq!(open(&here).head().journal(), Some(mark.id.as_str()));
    assert_eq!(take(&here).head(&here).unwrap().journal(), Some(mark.id.as_str()));

    fs::create_dir_all(&there).unwrap();
    fs::copy(here.join(FILE), there.join(FILE)).unwrap();
    fs::create_dir(there.join("output")).unwrap();
    for entry in fs::read_dir(here.join("output")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), there.join("output").join(entry.file_name())).unwrap();
    }
    fs::set_permissions(there.join("output"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(take(&there).copied().unwrap(), Some("it was written in another file"));
    open(&there).settle_here(run(1), None).unwrap();
    assert_eq!(take(&there).copied().unwrap(), None, "it stands here now");
    assert_eq!(take(&there).mark().unwrap(), Some(mark.clone()), "and is the same journal");
    assert_eq!(take(&here).copied().unwrap(), None, "of which its original knows nothing");
    assert_eq!(verdict(&there), JournalVerdict::Unanchored { records: 7 });

    // A note whose text looks like a mark is none.
    let ledger = open(&here).begin_run(run(1), Durability::EachRecord);
    let text = format!("\"journal\":{{\"id\":\"{}\",\"machine\":null,\"inode\":1,\"born_ns\":null}}", mark.id);
    ledger.append(&Event::Note { place: None, text, taken: None, person: false }).unwrap();
    assert_eq!(take(&here).copied().unwrap(), None);

    // Moved within a file system it is no copy. A head of another journal never fits, whatever id that has.
    fs::rename(&here, temp.path().join("moved")).unwrap();
    let moved = temp.path().join("moved");
    assert_eq!(take(&moved).copied().unwrap(), None);
    let other = temp.path().join("other");
    small(&other);
    let head = open(&other).head();
    let found = verify(&moved, std::slice::from_ref(&head)).unwrap().verdict;
    assert!(matches!(&found, JournalVerdict::Diverged { head: other, .. } if *other == head) && !found.holds(), "{found}");
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/v1");
    assert_eq!((take(&frozen).mark().unwrap(), take(&frozen).copied().unwrap()), (None, None), "one of before there were marks");
}

#[test]
fn writers_interleave_into_one_chain() {
    let temp = temp_dir();
    thread::scope(|scope| {
        for writer in 0..2 {
            let journal = open(temp.path());
            for thread in 0..2 {
                let durability = if thread == 0 { Durability::EachRecord } else { Durability::AtClose };
                let ledger = journal.begin_run(run(writer * 2 + thread), durability);
                scope.spawn(move || {
                    let stdout = print(&ledger, b"the same for all");
                    append_all(&ledger, &sample::short(stdout));
                });
            }
        }
    });
    assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: 24 });
    let outputs: Vec<_> = fs::read_dir(temp.path().join("output")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outputs, [Digest::of(b"the same for all").to_string().as_str()]);
    let listed = runs(&Snapshot::take(temp.path()).unwrap()).unwrap();
    assert_eq!((listed.runs.len(), listed.unreadable), (4, 0));
    assert!(listed.runs.iter().all(|run| run.outcome == Some(Outcome::Completed) && (run.planned, run.settled) == (Some(1), 1)));
}

#[test]
fn a_torn_last_line_is_closed_wherever_it_was_cut() {
    let temp = temp_dir();
    let whole = small(temp.path());
    let path = temp.path().join(FILE);
    let start = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in start..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        if cut > start {
            assert_eq!(verdict(temp.path()), JournalVerdict::Invalid { line: 6, fault: RecordFault::Unterminated }, "cut at {cut}");
        }
        let journal = open(temp.path());
        let ledger = journal.begin_run(run(2), Durability::EachRecord);
        ledger.append(&sample::opened(Mode::Real)).unwrap();
        let found = verify(temp.path(), &[journal.head()]).unwrap();
        assert!(found.verdict.holds(), "cut at {cut}: {}", found.verdict);
        // Before the first byte nothing is torn, and where only the newline is missing the record is whole.
        let torn = cut > start && cut < whole.len() - 1;
        assert_eq!(found.torn_lines, u64::from(torn), "cut at {cut}");
        assert!(fs::read(&path).unwrap().starts_with(&whole[..cut]), "nothing is rewritten");
        // A second crash, in the midst of closing the first.
        if torn {
            let closing = fs::read(&path).unwrap();
            let second = (cut + 300).min(closing.len());
            fs::write(&path, &closing[..second]).unwrap();
            open(temp.path()).begin_run(run(3), Durability::AtClose).append(&sample::opened(Mode::DryRun)).unwrap();
            let found = verify(temp.path(), &[]).unwrap();
            assert!(found.verdict.holds(), "cut at {cut}, then at {second}: {}", found.verdict);
        }
    }
}

#[test]
fn records_lost_in_a_run_that_was_not_synced_are_committed_as_torn() {
    let temp = temp_dir();
    small(temp.path());
    let journal = open(temp.path());
    let ledger = journal.begin_run(run(2), Durability::AtClose);
    append_all(&ledger, &sample::dry()[..4]);
    let mut bytes = fs::read(journal.path()).unwrap();
    let lost = bytes.len() - 1200;
    bytes[lost..lost + 512].fill(0);
    fs::write(journal.path(), &bytes).unwrap();

    let journal = open(temp.path());
    journal.begin_run(run(3), Durability::EachRecord).append(&sample::opened(Mode::Real)).unwrap();
    let found = verify(temp.path(), &[journal.head()]).unwrap();
    assert!(found.verdict.holds(), "{}", found.verdict);
    assert!(found.torn_lines > 1);
}

#[test]
fn a_synced_record_after_damage_is_never_let_go() {
    let temp = temp_dir();
    small(temp.path());
    let journal = open(temp.path());
    let before = fs::metadata(journal.path()).unwrap().len();
    let other = open(temp.path());
    append_all(&other.begin_run(run(2), Durability::EachRecord), &sample::short(Captured::empty())[..4]);
    let mut bytes = fs::read(journal.path()).unwrap();
    bytes[usize::try_from(before).unwrap() + 40] ^= 1;
    fs::write(journal.path(), &bytes).unwrap();
    let error = journal.begin_run(run(3), Durability::EachRecord).append(&sample::opened(Mode::Real)).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert_eq!(fs::read(journal.path()).unwrap(), bytes);
}

#[test]
fn a_record_too_long_to_be_read_back_is_refused_and_poisons_nothing() {
    let temp = temp_dir();
    let journal = open(temp.path());
    let ledger = journal.begin_run(run(1), Durability::EachRecord);
    ledger.append(&sample::opened(Mode::Real)).unwrap();
    let note = |text: String| Event::Note { place: None, text, taken: None, person: false };
    let refused = ledger.append(&note("\0".repeat(3 << 20))).unwrap_err();
    assert!(refused.what.contains("cannot be written so that it can be read again"), "{refused}");
    assert_eq!(refused.fate, None);
    ledger.append(&note("the next".to_owned())).unwrap();
    assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: 2 });
}

#[test]
fn a_poisoned_journal_takes_nothing_more_and_says_where_records_went() {
    let temp = temp_dir();
    let dir = temp.path().join("journal");
    let before = small(&dir);
    let second = temp.path().join("second");
    let ladder = Ladder::new(Some(second.clone()), Box::new(io::sink()));
    let mut journal = Journal::open_on(Arc::new(Local), &dir, ladder, identity()).unwrap();
    // A descriptor that cannot write stands for a disk that will not.
    Arc::get_mut(&mut journal.shared).unwrap().file = File::open(dir.join(FILE)).unwrap();

    let ledger = journal.begin_run(run(2), Durability::EachRecord);
    let first = ledger.append(&sample::opened(Mode::Real)).unwrap_err();
    assert!(first.to_string().contains("emergency-00000002.jsonl") && first.source.is_some(), "{first}");
    let again = ledger.append(&sample::closed(Outcome::Stopped)).unwrap_err();
    assert!(again.to_string().contains("an earlier failure"), "{again}");
    assert!(ledger.capture().is_err());
    assert_eq!(fs::read(dir.join(FILE)).unwrap(), before);

    // What was kept continues the chain.
    let kept = fs::read(second.join("emergency-00000002.jsonl")).unwrap();
    fs::write(dir.join(FILE), [before, kept].concat()).unwrap();
    assert_eq!(verdict(&dir), JournalVerdict::Unanchored { records: 8 });
}

#[test]
fn a_journal_that_was_moved_away_is_not_written() {
    let temp = temp_dir();
    let journal = open(temp.path());
    fs::rename(journal.path(), temp.path().join("journal.jsonl.1")).unwrap();
    let error = journal.begin_run(run(1), Durability::EachRecord).append(&sample::opened(Mode::Real)).unwrap_err();
    assert!(error.to_string().contains("no longer the one"), "{error}");
}

#[test]
fn is_private_and_refuses_what_others_can_write() {
    let temp = temp_dir();
    let dir = temp.path().join("a/b");
    small(&dir);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(&temp.path().join("a")), mode(&dir), mode(&dir.join("output")), mode(&dir.join("heads"))], [0o700; 4]);
    let output = dir.join("output").join(Digest::of(b"noout is set\n").to_string());
    assert_eq!([mode(&dir.join(FILE)), mode(&output)], [0o600; 2]);

    for (path, loose, tight) in [(dir.clone(), 0o720, 0o700), (dir.join(FILE), 0o602, 0o600), (dir.join("output"), 0o702, 0o700)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(loose)).unwrap();
        assert!(matches!(Journal::open(&dir), Err(JournalError::Exposed { .. })), "{}", path.display());
        fs::set_permissions(&path, fs::Permissions::from_mode(tight)).unwrap();
    }
    fs::rename(dir.join(FILE), dir.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(dir.join("elsewhere"), dir.join(FILE)).unwrap();
    assert!(matches!(Journal::open(&dir), Err(JournalError::Io { .. })), "a link may lead anywhere");
}

/// What would be frozen today holds. With `HALLIGAN_FREEZE=tests/journals/vN` it is kept: once for each version of the format,
/// and never again.
#[test]
fn freeze() {
    let temp = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("HALLIGAN_FREEZE").map_or_else(|| temp.path().join("frozen"), PathBuf::from);
    assert!(!dir.exists(), "a frozen journal is never written again");
    let journal = open(&dir);
    let real = journal.begin_run(run(1), Durability::EachRecord);
    let stdout = print(&real, b"noout is set\n");
    append_all(&real, &sample::eventful(&stdout));
    OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(b"{\"crc\":\"0000").unwrap();
    append_all(&journal.begin_run(run(2), Durability::AtClose), &sample::dry());
    append_all(&journal.begin_run(run(3), Durability::EachRecord), &sample::short(stdout));
    let head = Head { origin: "db3:/var/lib/halligan".to_owned(), ..journal.head() };
    fs::write(dir.join("head"), format!("{head}\n")).unwrap();
    assert!(verify(&dir, &[head]).unwrap().verdict.holds());
}

#[test]
fn a_record_whose_place_is_none_is_damage_that_names_it() {
    let temp = temp_dir();
    let whole = String::from_utf8(small(temp.path())).unwrap();
    let line = whole.split_inclusive('\n').find(|line| line.contains("\"place\":\"set_noout\"")).unwrap();
    // Its checksum is right: whoever wrote it meant it.
    let covered = line[17..].replace("\"place\":\"set_noout\"", "\"place\":\"set..noout\"");
    let forged = format!("{{\"crc\":\"{:08x}\"{covered}", crc32fast::hash(covered.trim_end().as_bytes()));
    let error = Line::read(forged.as_bytes()).unwrap_err();
    assert!(matches!(&error, RecordFault::Shape { what } if what.contains("`set..noout` is not a place in a run")), "{error}");
    // As the last line, so that nothing else can be wrong with it.
    let (before, _) = whole.split_once(line).unwrap();
    fs::write(temp.path().join(FILE), format!("{before}{forged}")).unwrap();
    let found = verdict(temp.path());
    assert!(!found.holds() && found.to_string().contains("line 3"), "{found}");
}

proptest::proptest! {
    #[test]
    fn any_text_comes_back(text in "\\PC{0,40}|[\\x00-\\x20\\x7f-\\u{a0}\"\\\\]{0,20}", number: f64) {
        let body = Body::of(&Event::Note { place: Some(Place::top("each").item("x", &text)), text: text.clone(), taken: None, person: false });
        let mut opened = sample::opened(Mode::Real);
        if let Event::RunOpened(opening) = &mut opened {
            opening.params.insert(text.clone(), serde_json::json!(number));
        }
        for (kind, body) in [("note", body), ("run_opened", Body::of(&opened))] {
            let header = Header {
                v: 1,
                seq: 1,
                prev: Digest::NONE,
                kind: kind.into(),
                ts: Moment::now().ts,
                mono_ns: 1,
                boot_id: "b".into(),
                run: run(1),
                sync: Synced::All,
                host: text.as_str().into(),
                uid: 0,
                login_uid: None,
                tty: None,
                ssh: Some(text.as_str().into()),
            };
            let record = Record { header, body };
            let line = record.line().unwrap();
            proptest::prop_assert_eq!(Line::read(&line).unwrap(), Line::Record(Box::new(record)));
        }
    }

    #[test]
    fn no_line_makes_reading_panic(bytes: Vec<u8>, text in "[{}\",:a-z0-9]{0,60}") {
        let _ = Line::read(&bytes);
        let covered = format!(",\"v\":1,{text}");
        let _ = Line::read(format!("{{\"crc\":\"{:08x}\"{covered}\n", crc32fast::hash(covered.as_bytes())).as_bytes());
        let _ = Glance::at(&bytes);
    }
}
