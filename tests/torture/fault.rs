//! A file system that fails at one operation, or from one on.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use halligan::door::{
    event::RunState,
    journal::{Disk, Local},
};
use nix::errno::Errno;

use super::{
    row::{Outcome, Setup},
    story::{self, Witness},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Errno(Errno),
    ShortWrite,
    /// It says that it did it, and did not: what no journal can survive.
    Lie,
}

const FAULTS: [Fault; 5] =
    [Fault::Errno(Errno::EIO), Fault::Errno(Errno::ENOSPC), Fault::Errno(Errno::EROFS), Fault::ShortWrite, Fault::Errno(Errno::EINTR)];

#[derive(Debug)]
struct Faulty {
    count: AtomicU64,
    from: u64,
    /// It goes on failing.
    for_ever: bool,
    fault: Fault,
}

impl Faulty {
    fn never() -> Self {
        Self { count: AtomicU64::new(0), from: u64::MAX, for_ever: false, fault: Fault::Lie }
    }

    fn now(&self) -> Option<Fault> {
        let index = self.count.fetch_add(1, Ordering::SeqCst);
        let due = if self.for_ever { index >= self.from } else { index == self.from };
        due.then_some(self.fault)
    }

    /// Fails, or does it.
    fn or<T>(&self, call: impl FnOnce() -> io::Result<T>, lie: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.now() {
            Some(Fault::Errno(errno)) => Err(errno.into()),
            Some(Fault::Lie) => lie(),
            Some(Fault::ShortWrite) | None => call(),
        }
    }
}

impl Disk for Faulty {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.or(|| Local.make_dir(path), || Local.make_dir(path))
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.or(|| Local.create(path), || Local.create(path))
    }

    fn open_append(&self, path: &Path) -> io::Result<File> {
        self.or(|| Local.open_append(path), || Local.open_append(path))
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let length = buffer.len();
        match self.now() {
            Some(Fault::Errno(errno)) => Err(errno.into()),
            // A short read is no fault.
            Some(Fault::ShortWrite) => Local.read_at(file, &mut buffer[..length.min(7)], offset),
            _ => Local.read_at(file, buffer, offset),
        }
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        match self.now() {
            Some(Fault::Errno(errno)) => Err(errno.into()),
            Some(Fault::ShortWrite) => Local.write(file, &bytes[..bytes.len() / 2]),
            Some(Fault::Lie) => Ok(bytes.len()),
            None => Local.write(file, bytes),
        }
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.or(|| Local.sync_data(file), || Ok(()))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.or(|| Local.sync_dir(path), || Ok(()))
    }

    fn reserve(&self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        self.or(|| Local.reserve(file, offset, length), || Ok(()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.or(|| Local.rename(from, to), || Ok(()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.or(|| Local.remove(path), || Ok(()))
    }

    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        match self.now() {
            // To be interrupted for ever is to wait for ever, which a lock does for half a minute.
            Some(Fault::Errno(errno)) if errno != Errno::EINTR || !self.for_ever => Err(TryLockError::Error(errno.into())),
            _ => Local.try_lock(file),
        }
    }
}

/// Tells the run on a faulty file system, then recovers on a sound one.
fn try_one(setup: &Setup, prepared: Option<(&Path, &Witness)>, faulty: &Arc<Faulty>) -> Result<(), String> {
    let dir = story::fresh(&setup.memory, "fault");
    let second = story::fresh(&setup.memory, "second");
    let mut witness = Witness::default();
    if let Some((image, before)) = prepared {
        copy(image, &dir);
        witness = before.clone();
    }
    let disk: Arc<dyn Disk> = Arc::<Faulty>::clone(faulty);
    let world = witness.effects.clone();
    let said = if prepared.is_some() {
        story::recover(disk, &dir, &second, &world, &mut |mark| witness.take(&mark))
    } else {
        story::open(disk, &dir, &second).and_then(|journal| {
            let told = story::tell(&journal, &RunState::default(), &world, &mut |mark| witness.take(&mark));
            told.map_err(|error| format!("going on: {error}"))
        })
    };
    // A record that was refused is kept elsewhere, or nothing has begun.
    if let Err(why) = &said
        && why.starts_with("going on: ")
        && !why.contains("there is no room")
        && !why.contains("output")
        && !why.contains("what a command printed")
        && !second.join("emergency-0000007f.jsonl").exists()
    {
        return Err(format!("nothing is on the ladder, after: {why}"));
    }
    story::oracles(&dir, &second, &witness)
}

pub fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).recursive(true).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    // A run that was cut off in the midst of its second step, with half a line at its end.
    let image = story::fresh(&setup.memory, "cut");
    let mut cut = Witness::default();
    {
        let journal = story::open(Arc::new(Local), &image, &setup.memory.join("second")).unwrap();
        let mut effects = 0;
        let halves = Arc::new(Faulty::never());
        drop(halves);
        let path = journal.path().to_owned();
        let mut length = 0;
        story::tell(&journal, &RunState::default(), &[], &mut |mark| {
            if effects < 2 {
                cut.take(&mark);
                length = fs::metadata(&path).unwrap().len();
            }
            effects += u64::from(matches!(mark, story::Mark::Effect(_)));
        })
        .unwrap();
        File::options().write(true).open(&path).unwrap().set_len(length + 100).unwrap();
    }
    for (what, prepared) in [("run", None), ("resume", Some((&*image, &cut)))] {
        let sound = Arc::new(Faulty::never());
        try_one(setup, prepared, &sound).unwrap();
        let operations = sound.count.load(Ordering::SeqCst);
        outcome.notes.push(format!("{operations} operations of a {what}"));
        for fault in FAULTS {
            for for_ever in [false, true] {
                for from in 0..operations {
                    let faulty = Arc::new(Faulty { count: AtomicU64::new(0), from, for_ever, fault });
                    let ever = if for_ever { "from there on" } else { "once" };
                    outcome.point(format!("{what}, operation {from}, {fault:?} {ever}"), try_one(setup, prepared, &faulty));
                }
            }
        }
        if what == "run" {
            outcome.control(
                "a disk that drops what it says it wrote",
                (0..operations).map(|from| {
                    try_one(setup, None, &Arc::new(Faulty { count: AtomicU64::new(0), from, for_ever: true, fault: Fault::Lie }))
                }),
            );
        }
    }
    outcome
}
