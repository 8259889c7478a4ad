use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
};

use super::*;
use crate::{
    event::{Effect, Part},
    journal::{
        location::FILE,
        record::{Durability, Line},
        sample::{self, append_all, open, print, run, small, temp_dir, verdict},
        writer::Journal,
    },
    ports::Ledger,
};

#[test]
fn a_flipped_bit_is_found_in_its_line() {
    let temp = temp_dir();
    let whole = small(temp.path());
    let file = OpenOptions::new().write(true).open(temp.path().join(FILE)).unwrap();
    let mut line = 1;
    for (position, byte) in whole.iter().enumerate() {
        let flipped = byte ^ 1 << (position % 8);
        file.write_all_at(&[flipped], position as u64).unwrap();
        match verdict(temp.path()) {
            JournalVerdict::Invalid { line: found, .. } => assert_eq!(found, line, "byte {position}"),
            other => panic!("byte {position}: {other}"),
        }
        file.write_all_at(&[*byte], position as u64).unwrap();
        line += u64::from(*byte == b'\n');
    }
    assert_eq!(verdict(temp.path()), JournalVerdict::Unanchored { records: 6 });
}

#[test]
fn altered_and_missing_output_is_found() {
    let temp = temp_dir();
    small(temp.path());
    let path = temp.path().join("output").join(Digest::of(b"noout is set\n").to_string());
    let whole = fs::read(&path).unwrap();
    for position in 0..whole.len() {
        let mut altered = whole.clone();
        altered[position] ^= 4;
        fs::write(&path, altered).unwrap();
        assert!(matches!(verdict(temp.path()), JournalVerdict::Invalid { line: 4, fault: RecordFault::Output { .. } }), "byte {position}");
    }
    assert!(open(temp.path()).read_output(&Digest::of(b"noout is set\n").to_string()).is_err());
    fs::remove_file(&path).unwrap();
    let found = verdict(temp.path());
    assert!(found.to_string().contains("line 4") && found.to_string().contains("is missing"), "{found}");
    // The same output again, and all is well.
    print(&open(temp.path()).begin_run(run(2), Durability::EachRecord), &whole);
    assert!(verdict(temp.path()).holds());
}

#[test]
fn heads_show_what_the_chain_alone_cannot() {
    let temp = temp_dir();
    let whole = small(temp.path());
    let head = open(temp.path()).head();
    let path = temp.path().join(FILE);

    let third = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).unwrap().0 + 1;
    for cut in [third, third + 100] {
        fs::write(&path, &whole[..cut]).unwrap();
        let found = verify(temp.path(), std::slice::from_ref(&head)).unwrap().verdict;
        assert_eq!(found, JournalVerdict::Truncated { records: 3, head: head.clone() });
    }

    fs::remove_file(&path).unwrap();
    let other = open(temp.path());
    append_all(&other.begin_run(run(9), Durability::EachRecord), &sample::dry());
    assert!(verdict(temp.path()).holds(), "a chain written anew holds by itself");
    let found = verify(temp.path(), std::slice::from_ref(&head)).unwrap().verdict;
    assert_eq!(found, JournalVerdict::Diverged { line: 6, head });
}

#[test]
fn edits_with_a_right_checksum_are_found() {
    let temp = temp_dir();
    let whole = small(temp.path());
    let path = temp.path().join(FILE);
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();

    let Ok(Line::Record(mut record)) = Line::read(lines[2]) else { panic!("line 3") };
    record.header.host = "elsewhere".into();
    let edited = record.line().unwrap();
    fs::write(&path, [lines[0], lines[1], &edited, lines[3], lines[4], lines[5]].concat()).unwrap();
    assert_eq!(verdict(temp.path()), JournalVerdict::Invalid { line: 3, fault: RecordFault::Link });

    fs::write(&path, [lines[0], lines[1], lines[3], lines[4], lines[5]].concat()).unwrap();
    assert_eq!(verdict(temp.path()), JournalVerdict::Invalid { line: 3, fault: RecordFault::Gap { expected: 3, found: 4 } });

    fs::write(&path, [lines[0], lines[1], lines[3], lines[2], lines[4]].concat()).unwrap();
    assert!(matches!(verdict(temp.path()), JournalVerdict::Invalid { line: 3, .. }));
}

#[test]
fn an_illegal_transition_is_found_in_its_line() {
    let temp = temp_dir();
    let journal = open(temp.path());
    let ledger = journal.begin_run(run(1), Durability::EachRecord);
    append_all(&ledger, &sample::short(Captured::empty()));
    ledger.append(&sample::began("late", Part::Main, Effect::Read)).unwrap();
    assert!(matches!(verdict(temp.path()), JournalVerdict::Invalid { line: 7, fault: RecordFault::Illegal(_) }));
}

#[test]
fn a_newer_format_is_told_apart_from_damage() {
    let temp = temp_dir();
    let whole = small(temp.path());
    let path = temp.path().join(FILE);
    let covered = format!(",\"v\":3,\"seq\":7,\"prev\":\"{}\",\"what\":[1]}}", open(temp.path()).head().hash);
    let newer = format!("{{\"crc\":\"{:08x}\"{covered}\n", crc32fast::hash(covered.as_bytes()));
    fs::write(&path, [&whole, newer.as_bytes()].concat()).unwrap();
    assert!(matches!(verify(temp.path(), &[]), Err(JournalError::Newer { version: 3 })));
    assert!(matches!(Journal::open(temp.path()), Err(JournalError::Newer { version: 3 })));

    // A field that version 1 does not have is no record of version 1.
    let v1 = String::from_utf8(whole).unwrap();
    let last = v1.lines().last().unwrap();
    let covered = format!("{},\"extra\":1}}", &last[17..last.len() - 1]);
    let extra = format!("{{\"crc\":\"{:08x}\"{covered}\n", crc32fast::hash(covered.as_bytes()));
    assert!(matches!(Line::read(extra.as_bytes()), Err(RecordFault::Shape { what }) if what.contains("extra")));
}

#[test]
fn a_journal_of_version_1_still_holds() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/v1");
    let head: Head = fs::read_to_string(dir.join("head")).unwrap().parse().unwrap();
    let found = verify(&dir, std::slice::from_ref(&head)).unwrap();
    assert_eq!(found.verdict, JournalVerdict::Anchored { anchor: head.size, after: 0 });
    assert_eq!(found.torn_lines, 1);
}
