//! Exports from elsewhere: whatever somebody makes of one, what verify calls valid is what everybody unpacks.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use fastrand::Rng;

use super::{
    row::{Outcome, Setup},
    surroundings,
};

const BLOCK: usize = 512;

/// What a verification may take: exports come from elsewhere, and must not take the machine down.
const MOST_MEMORY_KB: usize = 600_000;
const MOST_SECONDS: usize = 10;

/// A member as it stands in the file: its header, and its data without the padding.
#[derive(Clone)]
struct Member {
    header: Vec<u8>,
    data: Vec<u8>,
    padding: u8,
}

impl Member {
    fn name(&self) -> String {
        String::from_utf8_lossy(self.header[..100].split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
    }

    /// The same under another name.
    fn called(mut self, name: &[u8]) -> Self {
        self.header[..100].fill(0);
        self.header[..name.len()].copy_from_slice(name);
        self.summed()
    }

    fn holding(mut self, data: Vec<u8>) -> Self {
        let size = format!("{:011o}\0", data.len());
        self.header[124..136].copy_from_slice(size.as_bytes());
        self.data = data;
        self.summed()
    }

    /// The same with a checksum that is right.
    fn summed(mut self) -> Self {
        self.header[148..156].fill(b' ');
        let sum: u32 = self.header.iter().map(|byte| u32::from(*byte)).sum();
        self.header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self
    }
}

/// The members of a good export.
fn members(bytes: &[u8]) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = 0;
    while bytes[at] != 0 {
        let header = bytes[at..at + BLOCK].to_vec();
        let size = usize::from_str_radix(str::from_utf8(&header[124..135]).unwrap(), 8).unwrap();
        members.push(Member { header, data: bytes[at + BLOCK..at + BLOCK + size].to_vec(), padding: 0 });
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
    members
}

fn written(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        bytes.extend(&member.header);
        bytes.extend(&member.data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), member.padding);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

/// An operator's export, and the head that was kept of its journal.
struct Good {
    directory: PathBuf,
    bytes: Vec<u8>,
    head: PathBuf,
}

impl Good {
    fn make(setup: &Setup) -> Self {
        let directory = setup.memory.join("exports");
        fs::create_dir_all(&directory).unwrap();
        let path = |name: &str| directory.join(name).display().to_string();
        let book = "halligan: 1\nname: told\ntitle: Told\nsummary: For the torture.\nsteps:\n\
                    - {id: one, run: [seq, '1', '400'], effect: read}\n- {id: two, run: [uname, -a], effect: read}\n";
        fs::write(path("told.yaml"), book).unwrap();
        let halligan = |arguments: &[&str]| {
            let output = surroundings::plain(&mut Command::new(&setup.binary))
                .args(arguments)
                .args(["--journal-dir", &path("journal")])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        halligan(&["run", &path("told.yaml"), "--yes"]);
        let list = halligan(&["journal", "list"]);
        let run = list.lines().nth(1).and_then(|line| line.split(' ').next()).unwrap();
        halligan(&["journal", "export", run, "--to", &path("good.tar")]);
        fs::write(path("good.head"), halligan(&["journal", "head"])).unwrap();
        let head = directory.join("good.head");
        Self { bytes: fs::read(path("good.tar")).unwrap(), head, directory }
    }

    /// The real verifier, in the room that it is given.
    fn verify(&self, setup: &Setup, export: &Path) -> Result<bool, String> {
        let script = format!("ulimit -v {MOST_MEMORY_KB}; exec timeout -s KILL {MOST_SECONDS} \"$@\"");
        let Output { status, stderr, .. } = surroundings::plain(&mut Command::new("sh"))
            .args(["-c", &script, "sh"])
            .arg(&setup.binary)
            .args(["journal", "verify"])
            .arg(export)
            .arg("--head")
            .arg(&self.head)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        match status.code() {
            Some(0) => Ok(true),
            Some(1 | 2 | 9) => Ok(false),
            code => Err(format!("ended with {code:?}: {}", String::from_utf8_lossy(&stderr))),
        }
    }

    /// What is unpacked of it by the program that everybody has is what was exported.
    fn unpacks_the_same(&self, export: &Path) -> Result<(), String> {
        let unpacked = |tar: &Path, into: &str| {
            let into = self.directory.join(into);
            let _ = fs::remove_dir_all(&into);
            fs::create_dir(&into).unwrap();
            let tar = Command::new("tar").arg("--no-same-owner").arg("-xf").arg(tar).arg("-C").arg(&into).output().unwrap();
            (into, tar.status.success())
        };
        let original = self.directory.join("good.tar");
        let ((ours, _), (theirs, well)) = (unpacked(&original, "ours"), unpacked(export, "theirs"));
        // Where the journal lay, at the end of its head, is for people: nothing in an export shows it.
        for place in [&ours, &theirs] {
            let head = fs::read_to_string(place.join("head")).unwrap_or_default();
            let _ = fs::write(place.join("head"), head.split_whitespace().take(4).collect::<Vec<_>>().join(" "));
        }
        let differ = Command::new("diff").arg("-r").arg(&ours).arg(&theirs).output().unwrap();
        if well && differ.status.success() {
            Ok(())
        } else {
            Err(format!("called valid, and tar unpacks something else (tar well: {well})"))
        }
    }

    /// One export that somebody has made something of: refused, or what everybody unpacks of it is the original.
    fn point(&self, bytes: &[u8], verifier: impl Fn(&Path) -> Result<bool, String>) -> Result<(), String> {
        let path = self.directory.join("spoilt.tar");
        fs::write(&path, bytes).unwrap();
        if verifier(&path)? { self.unpacks_the_same(&path) } else { Ok(()) }
    }
}

/// A text of the journal that nobody recorded.
fn forged(journal: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(journal).replace("uname", "mkfs.").into_bytes()
}

/// Makes something of an export. Says what.
fn spoil(members: &mut Vec<Member>, rng: &mut Rng) -> &'static str {
    let at = rng.usize(..members.len());
    let journal = members.iter().find(|member| member.name() == "journal.jsonl").cloned();
    let twin = journal.unwrap_or_else(|| members[at].clone());
    let twin_data = forged(&twin.data);
    match rng.usize(..16) {
        0 => {
            members.insert(at, twin.holding(twin_data));
            "a second journal"
        }
        1 => {
            let names: [&[u8]; 9] = [
                b"./journal.jsonl",
                b".//journal.jsonl",
                b"/journal.jsonl",
                b"journal.jsonl\0x",
                b"output/../journal.jsonl",
                b"journal.jsonl/",
                b"//journal.jsonl",
                b"JOURNAL.jsonl",
                b"./././journal.jsonl",
            ];
            members.insert(at, twin.holding(twin_data).called(names[rng.usize(..names.len())]));
            "a second journal under another name"
        }
        2 => {
            members[at].header[156] = b"01234567LKxgSDMNVX\0 "[rng.usize(..20)];
            members[at] = members[at].clone().summed();
            "another type"
        }
        3 => {
            let mut link = twin.holding(Vec::new());
            link.header[156] = if rng.bool() { b'1' } else { b'2' };
            let target: &[u8] = if rng.bool() { b"README.txt" } else { b"/etc/hostname" };
            link.header[157..157 + target.len()].copy_from_slice(target);
            members.push(link.summed());
            "a link in the journal's place"
        }
        4 => {
            let long = if rng.bool() { b"journal.jsonl\0".to_vec() } else { vec![b'x'; rng.usize(100..70_000)] };
            let mut name = twin.clone().called(b"././@LongLink").holding(long);
            name.header[156] = b'L';
            members.insert(at, name.summed());
            "a long name"
        }
        5 => {
            let mut pax = twin.clone().called(b"pax").holding(b"22 path=journal.jsonl\n".to_vec());
            pax.header[156] = if rng.bool() { b'x' } else { b'g' };
            members.insert(at, pax.summed());
            "a PAX path"
        }
        6 => {
            let other = rng.usize(..members.len());
            members.swap(at, other);
            "two members in each other's place"
        }
        7 => {
            members.remove(at);
            "a member less"
        }
        8 => {
            let copy = members[at].clone();
            members.push(copy);
            "a member twice"
        }
        9 => {
            let sizes: [&[u8; 12]; 7] = [
                b"77777777777\0",
                b"00000000000\0",
                b"           \0",
                b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                b"20000000000\0",
                b"-0000000001\0",
            ];
            members[at].header[124..136].copy_from_slice(sizes[rng.usize(..sizes.len())]);
            members[at] = members[at].clone().summed();
            "another size"
        }
        10 => {
            let byte = rng.usize(100..BLOCK);
            members[at].header[byte] ^= 1 << rng.u8(..8);
            members[at] = members[at].clone().summed();
            "a field of a header"
        }
        11 => {
            members[at].padding = rng.u8(1..);
            "what stands behind a member"
        }
        12 => {
            let data = &mut members[at].data;
            if let Some(byte) = (!data.is_empty()).then(|| rng.usize(..data.len())) {
                data[byte] ^= 1 << rng.u8(..8);
            }
            "a bit of a member"
        }
        13 => {
            let data = forged(&members[at].data);
            members[at] = members[at].clone().holding(data);
            "another text"
        }
        14 => {
            let name: Vec<u8> = (0..rng.usize(1..90)).map(|_| rng.u8(..)).collect();
            members[at] = members[at].clone().called(&name);
            "another name"
        }
        _ => {
            let half = members[at].data.len() / 2;
            let data = members[at].data[..half].to_vec();
            members[at] = members[at].clone().holding(data);
            "half a member"
        }
    }
}

/// The same to its bytes, whatever they mean.
fn spoil_bytes(bytes: &mut Vec<u8>, good: &[u8], rng: &mut Rng) -> &'static str {
    match rng.usize(..4) {
        0 => {
            bytes.truncate(rng.usize(1..=bytes.len()));
            "cut"
        }
        1 => {
            bytes.extend(good);
            "a second archive behind it"
        }
        2 => {
            bytes.extend(std::iter::repeat_n(0, rng.usize(1..4) * rng.usize(1..BLOCK)));
            "more zeros at its end"
        }
        _ => {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u8(..8);
            "a bit of the file"
        }
    }
}

/// Reads the first journal that it finds, as the format of tar would have it, and holds its text against the original's: what is not
/// looked at are the other members.
fn first_member(good: &[u8]) -> impl Fn(&Path) -> Result<bool, String> + use<> {
    let text = |bytes: &[u8]| {
        let mut archive = tar::Archive::new(bytes);
        let mut entries = archive.entries().ok()?.filter_map(Result::ok);
        let mut entry = entries.find(|entry| entry.path().is_ok_and(|path| path.ends_with("journal.jsonl")))?;
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::by_ref(&mut entry), &mut text).ok()?;
        Some(text)
    };
    let original = text(good);
    move |path| Ok(text(&fs::read(path).unwrap()) == original)
}

pub fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rng = Rng::with_seed(setup.seed);
    let good = Good::make(setup);
    let whole = members(&good.bytes);
    assert!(written(&whole) == good.bytes, "an export is taken apart and put together again");
    outcome.point(
        "the export itself",
        match good.verify(setup, &good.directory.join("good.tar")) {
            Ok(true) => Ok(()),
            other => Err(format!("a good export is {other:?}")),
        },
    );
    let spoilt = |rng: &mut Rng| loop {
        let (mut made, mut changed) = (Vec::new(), whole.clone());
        for _ in 0..rng.usize(1..4) {
            if !changed.is_empty() {
                made.push(spoil(&mut changed, rng));
            }
        }
        let mut bytes = written(&changed);
        if rng.usize(..5) == 0 {
            made.push(spoil_bytes(&mut bytes, &good.bytes, rng));
        }
        if bytes != good.bytes {
            return (made.join(", "), bytes);
        }
    };
    let rounds = if setup.long { 20_000 } else { 1000 };
    for number in 0..rounds {
        let (made, bytes) = spoilt(&mut rng);
        outcome.point(format!("{number}: {made}"), good.point(&bytes, |path| good.verify(setup, path)));
    }
    let lenient = first_member(&good.bytes);
    let controls: Vec<_> = (0..100).map(|_| good.point(&spoilt(&mut rng).1, &lenient)).collect();
    outcome.control("a verifier that reads the first journal in it", controls);
    outcome
}
