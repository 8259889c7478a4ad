//! What a disk may hold after its power fails: what was synced, and of the rest any part in any order.
//!
//! Every operation is recorded as it is done. From the record, the states are built in which a disk could be found: a write
//! that was not synced may be missing, whole, or there in some of its sectors of 512 bytes; a name that was not synced may be
//! missing. What was synced is there.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use fastrand::Rng;
use halligan::door::{
    event::RunState,
    journal::{Disk, Local},
};

use super::{
    row::{Outcome, Setup},
    story::{self, Mark, Witness},
};

const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Operation {
    MakeDir(PathBuf),
    Create(PathBuf, usize),
    Write(usize, Vec<u8>),
    Sync(usize),
    SyncDir(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    /// What somebody outside has seen so far.
    Seen(Box<Witness>),
}

/// The machine's file system, with a record of what was done.
#[derive(Debug, Default)]
struct Recorder {
    log: Mutex<Vec<Operation>>,
    /// By inode.
    files: Mutex<HashMap<u64, usize>>,
    /// No sync does anything.
    no_sync: bool,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} heads, {} effects", self.heads.len(), self.effects.len())
    }
}

impl Recorder {
    fn note(&self, operation: Operation) {
        self.log.lock().unwrap().push(operation);
    }

    fn id(&self, file: &File) -> usize {
        let files = self.files.lock().unwrap();
        files[&file.metadata().unwrap().ino()]
    }

    fn known(&self, file: &File, id: usize) {
        self.files.lock().unwrap().insert(file.metadata().unwrap().ino(), id);
    }
}

impl Disk for Recorder {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        Local.make_dir(path)?;
        self.note(Operation::MakeDir(path.to_owned()));
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let file = Local.create(path)?;
        let id = self.log.lock().unwrap().len() + 1_000_000;
        self.known(&file, id);
        self.note(Operation::Create(path.to_owned(), id));
        Ok(file)
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        let written = Local.write(file, bytes)?;
        self.note(Operation::Write(self.id(file), bytes[..written].to_vec()));
        Ok(written)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        if !self.no_sync {
            self.note(Operation::Sync(self.id(file)));
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.note(Operation::SyncDir(path.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Local.rename(from, to)?;
        self.note(Operation::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Local.remove(path)?;
        self.note(Operation::Remove(path.to_owned()));
        Ok(())
    }
}

/// A file: what of it is on the disk, and what is on its way there.
#[derive(Debug, Clone, Default)]
struct Content {
    synced: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

impl Content {
    fn length(&self) -> usize {
        self.pending.iter().map(|(offset, bytes)| offset + bytes.len()).max().unwrap_or(0).max(self.synced.len())
    }
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Dir,
    File(usize),
}

/// A disk at one moment.
#[derive(Debug, Clone, Default)]
struct Model {
    names: BTreeMap<PathBuf, Node>,
    /// Operations on names that are not on the disk yet, in order.
    pending: Vec<Operation>,
    files: HashMap<usize, Content>,
}

impl Model {
    /// What is in a directory, all of it on the disk.
    fn of(dir: &Path, recorder: &Recorder) -> Self {
        let mut model = Self::default();
        let mut next = 0;
        model.take_in(dir, recorder, &mut next);
        model
    }

    fn take_in(&mut self, path: &Path, recorder: &Recorder, next: &mut usize) {
        if path.is_dir() {
            self.names.insert(path.to_owned(), Node::Dir);
            for entry in fs::read_dir(path).unwrap() {
                self.take_in(&entry.unwrap().path(), recorder, next);
            }
        } else if path.is_file() {
            *next += 1;
            recorder.known(&File::open(path).unwrap(), *next);
            self.names.insert(path.to_owned(), Node::File(*next));
            self.files.insert(*next, Content { synced: fs::read(path).unwrap(), pending: Vec::new() });
        }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Write(id, bytes) => {
                let content = self.files.entry(*id).or_default();
                content.pending.push((content.length(), bytes.clone()));
            }
            Operation::Sync(id) => {
                let content = self.files.entry(*id).or_default();
                content.synced = render(content, &mut |_| Fate::Whole);
                content.pending.clear();
            }
            Operation::SyncDir(dir) => {
                let (now, later) = std::mem::take(&mut self.pending).into_iter().partition(|operation| within(operation, dir));
                self.pending = later;
                let now: Vec<Operation> = now;
                for operation in now {
                    rename(&mut self.names, &operation);
                }
            }
            Operation::Seen(_) => {}
            named => self.pending.push(named.clone()),
        }
    }

    /// Puts the disk as it may be found into a directory.
    fn build(&self, from: &Path, to: &Path, how: &mut dyn FnMut(&Self) -> Found) {
        let (kept, mut fate) = how(self);
        let mut names = self.names.clone();
        for operation in self.pending.iter().take(kept) {
            rename(&mut names, operation);
        }
        for (path, node) in &names {
            let Ok(below) = path.strip_prefix(from) else { continue };
            let path = to.join(below);
            match node {
                Node::Dir => DirBuilder::new().mode(0o700).recursive(true).create(path).unwrap(),
                Node::File(id) => {
                    let Some(content) = self.files.get(id).cloned().or_else(|| Some(Content::default())) else { continue };
                    if path.parent().is_some_and(Path::is_dir) {
                        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
                        file.write_all(&render(&content, &mut fate)).unwrap();
                    }
                }
            }
        }
    }
}

fn within(operation: &Operation, dir: &Path) -> bool {
    match operation {
        Operation::MakeDir(path) | Operation::Create(path, _) | Operation::Remove(path) | Operation::Rename(_, path) => {
            path.parent() == Some(dir)
        }
        _ => false,
    }
}

fn rename(names: &mut BTreeMap<PathBuf, Node>, operation: &Operation) {
    match operation {
        Operation::MakeDir(path) => {
            names.insert(path.clone(), Node::Dir);
        }
        Operation::Create(path, id) => {
            names.insert(path.clone(), Node::File(*id));
        }
        Operation::Remove(path) => {
            names.remove(path);
        }
        Operation::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
        _ => {}
    }
}

/// What becomes of a write that was not synced.
#[derive(Clone)]
enum Fate {
    Gone,
    Whole,
    /// Only its first bytes came to the disk, and the file is no longer than that.
    Cut(usize),
    /// The file has its length, and only these sectors.
    Sectors(u64),
}

fn render(content: &Content, fate: &mut dyn FnMut(usize) -> Fate) -> Vec<u8> {
    let mut bytes = content.synced.clone();
    for (index, (offset, piece)) in content.pending.iter().enumerate() {
        let mut put = |length: usize, keep: &dyn Fn(usize) -> bool| {
            if bytes.len() < offset + length {
                bytes.resize(offset + length, 0);
            }
            for position in 0..length {
                if keep((offset + position) / SECTOR) {
                    bytes[offset + position] = piece[position];
                }
            }
        };
        match fate(index) {
            Fate::Gone => {}
            Fate::Whole => put(piece.len(), &|_| true),
            // Sectors begin where the disk says, not where the write does.
            Fate::Cut(sectors) => {
                let end = (offset / SECTOR + sectors) * SECTOR;
                put(end.saturating_sub(*offset).min(piece.len()), &|_| true);
            }
            Fate::Sectors(which) => put(piece.len(), &|sector| which >> (sector % 64) & 1 == 1),
        }
    }
    bytes
}

/// How many of the pending names are kept, and what becomes of each pending write.
type Found = (usize, Box<dyn FnMut(usize) -> Fate>);
type How = (String, Box<dyn FnMut(&Model) -> Found>);

/// The ways in which a disk may be found: all dropped, all kept, cut at each sector, and anything.
fn ways(seed: u64, random: u64) -> Vec<How> {
    let mut ways: Vec<How> = vec![
        ("all dropped".to_owned(), Box::new(|_| (0, Box::new(|_| Fate::Gone)))),
        ("all there".to_owned(), Box::new(|model| (model.pending.len(), Box::new(|_| Fate::Whole)))),
        ("names without content".to_owned(), Box::new(|model| (model.pending.len(), Box::new(|_| Fate::Gone)))),
        ("lengths without content".to_owned(), Box::new(|model| (model.pending.len(), Box::new(|_| Fate::Sectors(0))))),
    ];
    for sectors in 1..3 {
        ways.push((
            format!("cut after {sectors} sectors"),
            Box::new(move |model| (model.pending.len(), Box::new(move |_| Fate::Cut(sectors)))),
        ));
    }
    for number in 0..random {
        let how = move |model: &Model| -> Found {
            let mut rng = Rng::with_seed(seed ^ number << 32);
            let kept = rng.usize(0..=model.pending.len());
            (
                kept,
                Box::new(move |_| match rng.u8(0..6) {
                    0 => Fate::Gone,
                    1 => Fate::Whole,
                    2 => Fate::Cut(rng.usize(0..3)),
                    _ => Fate::Sectors(rng.u64(..)),
                }),
            )
        };
        ways.push((format!("at random, {number}"), Box::new(how)));
    }
    ways
}

/// Records what `act` does in `dir`, as the disk sees it.
fn record(
    recorder: &Arc<Recorder>,
    dir: &Path,
    witness: &Witness,
    act: impl FnOnce(Arc<dyn Disk>, &mut dyn FnMut(Mark<'_>)) -> Result<(), String>,
) -> (Model, Vec<Operation>) {
    let base = Model::of(dir.parent().unwrap(), recorder);
    let mut witness = witness.clone();
    let noting = Arc::clone(recorder);
    let disk: Arc<dyn Disk> = Arc::<Recorder>::clone(recorder);
    act(disk, &mut |mark| {
        witness.take(&mark);
        noting.note(Operation::Seen(Box::new(witness.clone())));
    })
    .unwrap();
    let log = recorder.log.lock().unwrap().clone();
    (base, log)
}

/// Every disk that may be found if the power fails during these operations, given to `check`.
fn crash(base: Model, log: &[Operation], start: &Witness, seed: u64, random: u64, mut check: impl FnMut(&str, &Model, &mut How, &Witness)) {
    let mut model = base;
    let mut seen = start.clone();
    for (index, operation) in log.iter().enumerate() {
        model.apply(operation);
        if let Operation::Seen(witness) = operation {
            seen = (**witness).clone();
        }
        for mut way in ways(seed ^ index as u64, random) {
            let at = format!("after operation {index}, {}", way.0);
            check(&at, &model, &mut way, &seen);
        }
    }
}

fn recorder(no_sync: bool) -> Arc<Recorder> {
    Arc::new(Recorder { no_sync, ..Recorder::default() })
}

struct Places {
    world: PathBuf,
    dir: PathBuf,
    found: PathBuf,
    second: PathBuf,
}

impl Places {
    fn new(setup: &Setup) -> Self {
        let world = story::fresh(&setup.memory, "world");
        fs::create_dir_all(&world).unwrap();
        Self { dir: world.join("journal"), world, found: setup.memory.join("found"), second: setup.memory.join("second") }
    }

    /// Builds a disk as it may be found.
    fn build(&self, model: &Model, way: &mut How) -> PathBuf {
        let _ = fs::remove_dir_all(&self.found);
        fs::create_dir_all(&self.found).unwrap();
        model.build(&self.world, &self.found, &mut *way.1);
        self.found.join("journal")
    }
}

fn whole_run(places: &Places, no_sync: bool) -> (Model, Vec<Operation>) {
    let recorder = recorder(no_sync);
    record(&recorder, &places.dir, &Witness::default(), |disk, mark| {
        let journal = story::open(disk, &places.dir, &places.second)?;
        story::tell(&journal, &RunState::default(), &[], mark).map_err(|error| error.to_string())
    })
}

pub fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let random = if setup.long { 40 } else { 14 };
    let places = Places::new(setup);
    let (base, log) = whole_run(&places, false);
    outcome.notes.push(format!("{} operations of a run, {} ways each", log.len(), 6 + random));
    crash(base, &log, &Witness::default(), setup.seed, random, |at, model, way, seen| {
        let dir = places.build(model, way);
        outcome.point(at, story::oracles(&dir, &places.second, seen));
    });
    let places = Places::new(setup);
    let (base, log) = whole_run(&places, true);
    let mut results = Vec::new();
    crash(base, &log, &Witness::default(), setup.seed, 0, |_, model, way, seen| {
        let dir = places.build(model, way);
        results.push(story::oracles(&dir, &places.second, seen));
    });
    outcome.control("fdatasync switched off", results);
    outcome
}

/// The power fails while a journal is archived of which one run is over and another is not.
pub fn archive(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut control = Vec::new();
    for no_sync in [false, true] {
        let places = Places::new(setup);
        let mut witness = Witness::default();
        let journal = story::open(Arc::new(Local), &places.dir, &places.second).unwrap();
        story::tell(&journal, &RunState::default(), &[], &mut |mark| witness.take(&mark)).unwrap();
        story::begin_another(&journal).unwrap();
        witness.take(&Mark::Acknowledged(journal.head()));
        let recorder = recorder(no_sync);
        let (base, log) = record(&recorder, &places.dir, &witness, |disk, _| story::archive(disk, &places.dir, &places.second));
        let random = match (no_sync, setup.long) {
            (true, _) => 0,
            (false, true) => 40,
            (false, false) => 14,
        };
        crash(base, &log, &witness, setup.seed, random, |at, model, way, seen| {
            let dir = places.build(model, way);
            let result = story::oracles(&dir, &places.second, seen)
                .and_then(|()| story::archive(Arc::new(Local), &dir, &places.second))
                .and_then(|()| if dir.join("archive").is_dir() { Ok(()) } else { Err("the next call archives nothing".to_owned()) })
                .and_then(|()| story::oracles(&dir, &places.second, seen));
            if no_sync {
                control.push(result);
            } else {
                outcome.point(at, result);
            }
        });
    }
    outcome.control("fdatasync switched off", control);
    outcome
}

/// The power fails, and fails again while what was left is put in order.
pub fn again(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let random = if setup.long { 8 } else { 2 };
    let places = Places::new(setup);
    let (base, log) = whole_run(&places, false);
    let mut firsts: Vec<(Model, Witness, u64)> = Vec::new();
    let mut rng = Rng::with_seed(setup.seed);
    let mut index = 0;
    crash(base, &log, &Witness::default(), setup.seed, 2, |_, model, _, seen| {
        index += 1;
        firsts.push((model.clone(), seen.clone(), index));
    });
    rng.shuffle(&mut firsts);
    let mut control = Vec::new();
    for (number, (model, seen, index)) in firsts.iter().take(if setup.long { 60 } else { 3 }).enumerate() {
        for no_sync in [false, true] {
            let places = Places::new(setup);
            let mut way = ways(setup.seed ^ index, 3).pop().unwrap();
            let _ = fs::remove_dir_all(&places.world);
            fs::create_dir_all(&places.world).unwrap();
            model.build(&places.world, &places.world, &mut *way.1);
            let recorder = recorder(no_sync);
            let (base, log) =
                record(&recorder, &places.dir, seen, |disk, mark| story::recover(disk, &places.dir, &places.second, &seen.effects, mark));
            crash(base, &log, seen, setup.seed ^ index, if no_sync { 0 } else { random }, |at, model, way, seen| {
                let dir = places.build(model, way);
                let result = story::oracles(&dir, &places.second, seen);
                if no_sync {
                    control.push(result);
                } else {
                    outcome.point(format!("first crash {number}, {at}"), result);
                }
            });
        }
    }
    outcome.control("fdatasync switched off", control);
    outcome
}
