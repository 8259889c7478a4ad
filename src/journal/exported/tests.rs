use std::{
    io::{Seek, Write},
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    event::Mode,
    journal::{
        export::export,
        record::Durability,
        sample::{self, append_all, open, print, run, temp_dir},
    },
    ports::Ledger,
};

/// One member of a malformed archive.
#[derive(Clone)]
struct RawMember {
    header: tar::Header,
    data: Vec<u8>,
}

impl RawMember {
    fn new(name: &str, data: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(data.len() as u64);
        header.set_mode(0o600);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        Self { header, data: data.to_vec() }
    }

    /// The same with a changed header, whose checksum is right.
    fn with(mut self, change: impl FnOnce(&mut tar::Header)) -> Self {
        change(&mut self.header);
        self.header.set_cksum();
        self
    }

    /// The same under a name that stands in the header as it is given.
    fn called(self, name: &[u8]) -> Self {
        self.with(|header| {
            let bytes = header.as_mut_bytes();
            bytes[..100].fill(0);
            bytes[..name.len()].copy_from_slice(name);
        })
    }

    fn of_type(self, kind: tar::EntryType) -> Self {
        self.with(|header| header.set_entry_type(kind))
    }

    fn name(&self) -> String {
        String::from_utf8_lossy(&self.header.path_bytes()).into_owned()
    }
}

fn written(members: &[RawMember]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        bytes.extend_from_slice(member.header.as_bytes());
        bytes.extend_from_slice(&member.data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A good export of one run, with two heads that look signed, as its members.
fn good(dir: &Path) -> Vec<RawMember> {
    let journal = open(dir);
    let ledger = journal.begin_run(run(1), Durability::EachRecord);
    append_all(&ledger, &sample::short(print(&ledger, b"what was printed\n")));
    for name in ["6-a", "6-b"] {
        fs::write(dir.join("heads").join(name), format!("{}\n", journal.head())).unwrap();
        fs::write(dir.join("heads").join(format!("{name}.sig")), "a signature").unwrap();
    }
    let mut tar = Vec::new();
    export(dir, "host", run(1), false, &mut tar).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let members: Vec<RawMember> = { archive.entries().unwrap() }
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut data = Vec::new();
            entry.read_to_end(&mut data).unwrap();
            RawMember { header: entry.header().clone(), data }
        })
        .collect();
    assert_eq!(written(&members), tar, "an export is nothing but its members");
    members
}

fn checked(path: &Path, heads: &[Head]) -> Result<CheckedExport, ExportError> {
    Exported::open(path)?.verify(heads)
}

/// A way to spoil an archive: its name, and what is done.
type Spoilt = (&'static str, Vec<u8>);

fn corpus(good: &[RawMember]) -> Vec<Spoilt> {
    let at = |name: &str| good.iter().position(|member| member.name().starts_with(name)).unwrap();
    let (readme, named_run, head, heads, output, journal) =
        (at("README"), at("run"), at("head"), at("heads/"), at("output/"), at("journal"));
    let forged = { String::from_utf8(good[journal].data.clone()).unwrap() }.replace("short", "forged").into_bytes();
    let forged = RawMember::new("journal.jsonl", &forged);
    let printed = good[output].name();
    let inserted = |at: usize, member: RawMember| {
        let mut members = good.to_vec();
        members.insert(at, member);
        written(&members)
    };
    let changed = |at: usize, change: &dyn Fn(RawMember) -> RawMember| {
        let mut members = good.to_vec();
        members[at] = change(members[at].clone());
        written(&members)
    };
    let without = |at: usize| {
        let mut members = good.to_vec();
        members.remove(at);
        written(&members)
    };
    let swapped = |a: usize, b: usize| {
        let mut members = good.to_vec();
        members.swap(a, b);
        written(&members)
    };
    let end = good.len();
    let whole = written(good);
    let tail = |more: &[u8]| [whole.as_slice(), more].concat();
    let pax = |text: &str| RawMember::new("pax", format!("{} {text}\n", text.len() + 4).as_bytes()).of_type(tar::EntryType::XHeader);
    let long = |name: &str| RawMember::new("././@LongLink", format!("{name}\0").as_bytes()).of_type(tar::EntryType::GNULongName);
    let link = |kind| RawMember::new("journal.jsonl", b"").of_type(kind).with(|header| header.set_link_name("output/x").unwrap());
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let head_text = String::from_utf8(good[head].data.clone()).unwrap();
    vec![
        ("a second journal after the first", inserted(end, forged.clone())),
        ("a second journal before the first", inserted(journal, forged.clone())),
        ("a journal as ./journal.jsonl", inserted(end, forged.clone().called(b"./journal.jsonl"))),
        ("a journal as .//journal.jsonl", inserted(end, forged.clone().called(b".//journal.jsonl"))),
        ("a journal as /journal.jsonl", inserted(end, forged.clone().called(b"/journal.jsonl"))),
        ("a journal as x/../journal.jsonl", inserted(end, forged.clone().called(b"x/../journal.jsonl"))),
        ("a journal with a NUL in its name", inserted(end, forged.clone().called(b"journal.jsonl\0x"))),
        ("a journal in capitals", inserted(end, forged.clone().called(b"JOURNAL.JSONL"))),
        ("a journal by a path of PAX", {
            let mut members = good.to_vec();
            members.extend([pax("path=journal.jsonl"), RawMember::new("harmless", &forged.data)]);
            written(&members)
        }),
        ("a journal by a GNU long name", {
            let mut members = good.to_vec();
            members.extend([long("journal.jsonl"), RawMember::new("harmless", &forged.data)]);
            written(&members)
        }),
        ("PAX for all that follows", inserted(0, pax("comment=x").of_type(tar::EntryType::XGlobalHeader))),
        ("the journal behind a GNU long name", inserted(journal, long("journal.jsonl"))),
        ("the journal behind a GNU long link", inserted(journal, long("x").of_type(tar::EntryType::GNULongLink))),
        ("the journal behind a PAX header", inserted(journal, pax("comment=x"))),
        ("a symbolic link as the journal", inserted(end, link(tar::EntryType::Symlink))),
        ("a hard link as the journal", inserted(end, link(tar::EntryType::Link))),
        ("a symbolic link in the place of the journal", changed(journal, &|_| link(tar::EntryType::Symlink))),
        ("a FIFO", inserted(end, RawMember::new("pipe", b"").of_type(tar::EntryType::Fifo))),
        ("a device", inserted(end, RawMember::new("device", b"").of_type(tar::EntryType::Char))),
        ("a directory", inserted(3, RawMember::new("output/", b"").of_type(tar::EntryType::Directory))),
        ("a contiguous file", changed(journal, &|member| member.of_type(tar::EntryType::Continuous))),
        ("a file of the old type", changed(journal, &|member| member.with(|header| header.as_mut_bytes()[156] = 0))),
        ("a sparse file", changed(output, &|member| member.of_type(tar::EntryType::GNUSparse))),
        ("an output as ./output/", inserted(output, good[output].clone().called(format!("./{printed}").as_bytes()))),
        ("an output as output//", inserted(output, good[output].clone().called(printed.replace('/', "//").as_bytes()))),
        ("an output in capitals", changed(output, &|member| member.called(printed.to_uppercase().as_bytes()))),
        ("an output twice", inserted(output, good[output].clone())),
        ("an output that no record names", inserted(output, RawMember::new(&format!("output/{}", Digest::of(b"x")), b"x"))),
        ("an output that is not called by a hash", inserted(output, RawMember::new("output/x", b"x"))),
        ("an output left out", without(output)),
        ("an altered output", changed(output, &|member| RawMember::new(&member.name(), &member.data.to_ascii_uppercase()))),
        ("a longer output", changed(output, &|member| RawMember::new(&member.name(), &[member.data.as_slice(), b"x"].concat()))),
        ("no README", without(readme)),
        ("another README", changed(readme, &|_| RawMember::new("README.txt", b"Run this script: ..."))),
        ("no run", without(named_run)),
        ("another run", changed(named_run, &|_| RawMember::new("run", b"00000002\n"))),
        ("a run with more after it", changed(named_run, &|_| RawMember::new("run", b"00000001\nx"))),
        ("no head", without(head)),
        ("a head of another length", changed(head, &|_| RawMember::new("head", head_text.replace(" 6 ", " 7 ").as_bytes()))),
        (
            "a head of another hash",
            changed(head, &|_| RawMember::new("head", head_text.replace(|c: char| c.is_ascii_hexdigit(), "0").as_bytes())),
        ),
        ("two heads in one", changed(head, &|_| RawMember::new("head", head_text.repeat(2).as_bytes()))),
        ("a head with words around it", changed(head, &|_| RawMember::new("head", format!("see {head_text}").as_bytes()))),
        ("a head without its signature", without(heads + 1)),
        ("a signature without its head", without(heads)),
        ("signed heads in another order", swapped(heads, heads + 2)),
        ("a head called ..", changed(heads, &|member| member.called(b"heads/.."))),
        ("a head in a folder", changed(heads, &|member| member.called(b"heads/a/b"))),
        ("a member that no export has", inserted(end, RawMember::new("verify.sh", b"#!/bin/sh\n"))),
        ("another order", swapped(head, named_run)),
        ("the journal before the outputs", swapped(output, journal)),
        ("no journal", without(journal)),
        ("an empty journal", changed(journal, &|_| RawMember::new("journal.jsonl", b""))),
        (
            "a journal with its first line cut off",
            changed(journal, &|member| {
                let first = member.data.iter().position(|byte| *byte == b'\n').unwrap() + 1;
                RawMember::new("journal.jsonl", &member.data[first..])
            }),
        ),
        (
            "a journal with its last line cut off",
            changed(journal, &|member| {
                let last = member.data[..member.data.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
                RawMember::new("journal.jsonl", &member.data[..last])
            }),
        ),
        ("a journal with half a line", changed(journal, &|member| RawMember::new("journal.jsonl", &member.data[..member.data.len() - 9]))),
        ("another owner", changed(journal, &|member| member.with(|header| header.set_uid(1000)))),
        ("another mode", changed(journal, &|member| member.with(|header| header.set_mode(0o4755)))),
        ("another time", changed(journal, &|member| member.with(|header| header.set_mtime(1)))),
        (
            "the header of ustar",
            changed(journal, &|member| {
                let mut header = tar::Header::new_ustar();
                header.set_path("journal.jsonl").unwrap();
                header.set_size(member.data.len() as u64);
                header.set_mode(0o600);
                header.set_cksum();
                RawMember { header, data: member.data }
            }),
        ),
        (
            "a size in binary",
            changed(journal, &|member| {
                let size = member.data.len() as u64;
                member.with(|header| {
                    let field = &mut header.as_mut_bytes()[124..136];
                    field.fill(0);
                    field[0] = 0x80;
                    field[4..].copy_from_slice(&size.to_be_bytes());
                })
            }),
        ),
        ("a wrong checksum", flip(150)),
        ("something in the unused end of a header", flip(511)),
        ("something after a member", flip(512 + good[0].data.len())),
        ("something after the end", tail(b"x")),
        ("zeros after the end", tail(&[0; 512])),
        ("another archive after the end", tail(&whole)),
        ("an end of one block", whole[..whole.len() - 512].to_vec()),
        ("no end", whole[..whole.len() - 1024].to_vec()),
        ("something in the end", flip(whole.len() - 1)),
        ("cut in the middle of a member", whole[..whole.len() / 2].to_vec()),
        ("nothing", Vec::new()),
        ("nothing but an end", vec![0; 1024]),
        ("no archive", b"not a tar at all\n".repeat(100)),
    ]
}

#[test]
fn what_an_export_does_not_have_is_refused() {
    let temp = temp_dir();
    let good = good(&temp.path().join("journal"));
    let path = temp.path().join("export.tar");
    fs::write(&path, written(&good)).unwrap();
    let found = checked(&path, &[]).unwrap();
    assert_eq!((found.run, found.first, found.last, found.anchor, found.ended), (run(1), 1, 6, None, true));
    let corpus = corpus(&good);
    assert!(corpus.len() >= 70, "{}", corpus.len());
    let taken: Vec<_> = { corpus.into_iter() }
        .filter(|(_, bytes)| {
            fs::write(&path, bytes).unwrap();
            checked(&path, &[]).is_ok()
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(taken, [""; 0], "taken for exports");
}

#[test]
fn any_changed_byte_of_an_export_is_found() {
    let temp = temp_dir();
    let members = good(&temp.path().join("journal"));
    // What a signed head and its signature say is for ssh-keygen to judge, and where a journal was is only told.
    let mut free = Vec::new();
    let mut at = 0;
    for member in &members {
        let (begin, end) = (at + 512, at + 512 + member.data.len());
        match member.name().as_str() {
            "head" => free.push(begin + member.data.iter().rposition(|byte| *byte == b' ').unwrap()..end - 1),
            name if name.starts_with("heads/") => free.push(begin..end),
            _ => {}
        }
        at = end.next_multiple_of(512);
    }
    let good = written(&members);
    let path = temp.path().join("export.tar");
    let mut random = fastrand::Rng::with_seed(13);
    for _ in 0..2000 {
        let mut bytes = good.clone();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u32(..8);
        fs::write(&path, &bytes).unwrap();
        let free = free.iter().any(|range| range.contains(&at));
        assert!(free || checked(&path, &[]).is_err(), "the change of byte {at} is not found");
    }
}

/// Memory that this process has taken at most, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Puts a header that promises so much into a sparse file that has it, and verifies it.
fn bomb(path: &Path, members: &[RawMember], size: u64) {
    let mut file = File::create(path).unwrap();
    for member in members {
        file.write_all(member.header.as_bytes()).unwrap();
        file.write_all(&member.data).unwrap();
        let at = file.stream_position().unwrap();
        file.set_len(at.next_multiple_of(512)).unwrap();
        file.seek(io::SeekFrom::End(0)).unwrap();
    }
    let end = file.stream_position().unwrap() + size.next_multiple_of(512) + 1024;
    file.set_len(end).unwrap();
    assert!(file.metadata().unwrap().blocks() < 200, "it is small on the disk");
    let (before, begin) = (peak(), Instant::now());
    assert!(checked(path, &[]).is_err());
    // Far from the gigabytes that it promises, and from what reading those would take.
    assert!(peak() - before < 200 << 10, "{} KiB", peak() - before);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn what_promises_terabytes_costs_neither_memory_nor_time() {
    let temp = temp_dir();
    let good = good(&temp.path().join("journal"));
    let path = temp.path().join("bomb.tar");
    let huge = |name: &str, size: u64| RawMember::new(name, b"").with(|header| header.set_size(size));
    bomb(&path, &[huge("././@LongLink", 2 << 30).of_type(tar::EntryType::GNULongName)], 2 << 30);
    bomb(&path, &[huge("pax", 2 << 30).of_type(tar::EntryType::XHeader)], 2 << 30);
    let sparse = huge("output/x", 512).of_type(tar::EntryType::GNUSparse).with(|header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(1 << 40);
    });
    bomb(&path, &[sparse], 512);
    for name in ["README.txt", "run", "head", "heads/6-a", "output/", "journal.jsonl"] {
        let at = good.iter().position(|member| member.name().starts_with(name)).unwrap();
        let mut members = good[..at].to_vec();
        members.push(huge(&good[at].name(), 64 << 30));
        bomb(&path, &members, 64 << 30);
    }
}

#[test]
fn an_export_is_held_against_the_heads_of_its_own_records_and_through_against_later_ones() {
    let temp = temp_dir();
    let dir = temp.path().join("journal");
    let journal = open(&dir);
    let write = |number: u32| {
        let ledger = journal.begin_run(run(number), Durability::EachRecord);
        append_all(&ledger, &sample::short(print(&ledger, b"printed\n")));
        journal.head()
    };
    let (first, second, third) = (write(1), write(2), write(3));
    let path = temp.path().join("export.tar");
    let exported = |through| {
        let written = export(&dir, "host", run(2), through, File::create(&path).unwrap()).unwrap();
        (written.first, written.last)
    };
    assert_eq!(exported(false), (7, 12));
    let found = checked(&path, &[second.clone(), third.clone()]).unwrap();
    assert_eq!((found.anchor, found.beyond), (Some(12), vec![third.clone()]), "a later head is no fault, and is said");
    let found = checked(&path, std::slice::from_ref(&first)).unwrap();
    assert_eq!((found.anchor, found.beyond), (None, vec![first.clone()]), "an earlier head shows nothing of the run");
    let mut other = first.clone();
    other.hash = Digest::of(b"another journal");
    assert!(matches!(checked(&path, &[other]), Err(ExportError::Diverged { size: 6 })));

    // What was written since is in it, and its head may be held against it: also when another run is under way.
    journal.begin_run(run(4), Durability::EachRecord).append(&sample::opened(Mode::Real)).unwrap();
    assert_eq!(exported(true), (7, 19));
    let found = checked(&path, &[second, third.clone(), journal.head()]).unwrap();
    assert_eq!((found.anchor, found.beyond.len(), found.last), (Some(19), 0, 19));
    let mut other = third;
    other.hash = Digest::of(b"another journal");
    assert!(matches!(checked(&path, &[other]), Err(ExportError::Diverged { size: 18 })));
}
