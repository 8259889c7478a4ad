//! Locks between operators on one host: runs that share a lock never run at the same time.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, Flock, FlockArg, fcntl},
    libc,
};

use serde::{Deserialize, Serialize};

use crate::{event::RunId, quantity::show_duration, trust};

/// How long a lock may outlive the halligan that held it. A command that it was just starting shares the lock until it has become
/// a program of its own, which takes a moment, and a long one on a busy host.
const LINGER: Duration = Duration::from_secs(2);
/// What is longer says nothing of a lock, in bytes.
const LONGEST: u64 = 64 << 10;

/// Asks until the answer is not that somebody holds the lock, or until it is no remnant of a dead run.
fn outlive<T>(mut ask: impl FnMut() -> T, is_held: impl Fn(&T) -> bool) -> T {
    let began = Instant::now();
    loop {
        let answer = ask();
        if !is_held(&answer) || began.elapsed() >= LINGER {
            return answer;
        }
        tracing::trace!("the lock is held: asked again, since a dead run's may linger for a moment");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The run that holds a lock, as its file says for whoever is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockHolder {
    pub run: RunId,
    pub runbook: String,
    pub operator: String,
    pub host: String,
    pub pid: u32,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, runbook, operator, host, pid } = self;
        write!(f, "run {run} of {runbook} by {operator} on {host}, pid {pid}")
    }
}

/// A lock that could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// `holder` is in words; `run` is not known where the file does not say it: that of an earlier halligan, or of one that is just taking the lock.
    #[error("the lock `{name}` is held: {holder}{}", held_for(*.since))]
    Held { name: String, holder: String, run: Option<RunId>, since: Option<Timestamp> },
    #[error("the lock `{name}` cannot be taken in {}", path.display())]
    Unusable { name: String, path: PathBuf, source: io::Error },
}

/// How long ago it was taken, as far as the clock can tell.
fn held_for(since: Option<Timestamp>) -> String {
    let Some(since) = since else { return String::new() };
    match Duration::try_from(Timestamp::now().duration_since(since)) {
        Ok(age) => format!(", for {}", show_duration(Duration::from_secs(age.as_secs()))),
        // The clock went back.
        Err(_) => format!(", since {since:.0}"),
    }
}

/// A lock as its file tells of it: who has taken it last, and when. Whether that run holds it still its own lock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenLock {
    pub name: String,
    pub holder: LockHolder,
    pub since: Option<Timestamp>,
}

impl SeenLock {
    /// All that were ever taken in a directory, by their names. What cannot be read, or says no run, is left out.
    #[must_use]
    pub(crate) fn all(directory: &Path) -> Vec<Self> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut seen: Vec<Self> = entries.filter_map(|entry| Self::read(directory, entry.file_name().to_str()?)).collect();
        seen.sort_by(|a, b| a.name.cmp(&b.name));
        seen
    }

    fn read(directory: &Path, file: &str) -> Option<Self> {
        let name = percent_encoding::percent_decode_str(file.strip_suffix(".lock")?).decode_utf8().ok()?.into_owned();
        let mut text = String::new();
        trust::plain_file(directory, file).ok()??.take(LONGEST).read_to_string(&mut text).ok()?;
        let holder = text.lines().nth(2).and_then(|line| serde_json::from_str(line).ok())?;
        Some(Self { name, holder, since: text.lines().nth(1).and_then(|line| line.trim().parse().ok()) })
    }
}

/// Locks that are held until dropped. The kernel lets go of them when the process ends, however it ends.
#[derive(Debug, Default)]
pub(crate) struct Locks(Vec<Flock<File>>);

impl Locks {
    /// Takes every lock, in alphabetical order so that two runs cannot wait for each other, or none.
    ///
    /// # Errors
    /// One of them is held, and by whom; or the directory cannot be used.
    pub(crate) fn take(directory: &Path, names: &[String], holder: &LockHolder) -> Result<Self, LockError> {
        let mut names: Vec<&String> = names.iter().collect();
        names.sort();
        names.dedup();
        let mut held = Self::default();
        for name in names {
            held.0.push(take(directory, name, holder).inspect_err(|error| tracing::debug!(%error, "a lock cannot be taken"))?);
            tracing::debug!(lock = name, file = %directory.join(file_name(name)).display(), "lock taken");
        }
        Ok(held)
    }
}

/// Held while a run is carried out: there is never more than one who does. The kernel lets go of it when the process ends.
#[derive(Debug)]
pub(crate) struct RunLock(#[allow(dead_code, reason = "held, not used")] File);

impl RunLock {
    /// Takes it, or gives nothing if somebody else carries the run out.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub(crate) fn take(directory: &Path, run: u32) -> io::Result<Option<Self>> {
        let file = runs_file(directory)?;
        let busy = |answer: &Result<_, Errno>| matches!(answer, Err(Errno::EAGAIN | Errno::EACCES));
        match outlive(|| fcntl(&file, FcntlArg::F_OFD_SETLK(&byte(run))), busy) {
            Ok(_) => {
                tracing::debug!(run = %format_args!("{run:08x}"), directory = %directory.display(), "the run's own lock taken");
                Ok(Some(Self(file)))
            }
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl RunLock {
    /// Whether somebody carries the run out now. To look makes nothing and takes nothing, and the directory may be another user's.
    #[must_use]
    pub(crate) fn look(directory: &Path, run: u32) -> RunHold {
        Self::look_at(directory, byte(run))
    }

    /// Whether somebody carries any run out now.
    #[must_use]
    pub(crate) fn look_all(directory: &Path) -> RunHold {
        // No length: to the end, wherever that is.
        Self::look_at(directory, libc::flock { l_len: 0, ..byte(0) })
    }

    fn look_at(directory: &Path, mut lock: libc::flock) -> RunHold {
        let unknown = |why: String| RunHold::Unknown { why };
        let file = match trust::plain_file(directory, RUNS) {
            Ok(Some(file)) => file,
            // Whoever carries a run out makes it first.
            Ok(None) => return RunHold::Free,
            Err(error) => return unknown(error.to_string()),
        };
        match fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)) {
            Ok(_) if i32::from(lock.l_type) == libc::F_UNLCK => RunHold::Free,
            Ok(_) => RunHold::Held,
            Err(errno) => unknown(errno.to_string()),
        }
    }
}

/// Whether somebody carries a run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunHold {
    Held,
    Free,
    /// Its lock cannot be looked at.
    Unknown {
        why: String,
    },
}

/// The file of all runs.
const RUNS: &str = "runs";

/// All runs share one file, a byte for each of them.
fn runs_file(directory: &Path) -> io::Result<File> {
    trust::own_file(&trust::own_directory(directory)?, RUNS, true)
}

#[allow(clippy::cast_possible_truncation, reason = "both constants are small")]
fn byte(run: u32) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: i64::from(run),
        l_len: 1,
        l_pid: 0,
    }
}

/// A file name for a lock: what is no plain character becomes `%XX`, so that no name reaches out of the directory.
fn file_name(name: &str) -> String {
    use std::fmt::Write;
    let mut file = String::with_capacity(name.len() + 5);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            file.push(char::from(byte));
        } else {
            let _ = write!(file, "%{byte:02x}");
        }
    }
    file.push_str(".lock");
    file
}

/// What a lock's file says of who holds it: a line of words, one with the time, and one for a program, as JSON. The first two have
/// been there since the beginning.
fn written(holder: &LockHolder) -> String {
    let json = serde_json::json!(holder);
    format!("{}\n{}\n{json}\n", holder.to_string().replace('\n', " "), Timestamp::now())
}

/// Reads who holds a lock, as far as its file says.
fn held(name: &str, file: &str) -> LockError {
    let mut lines = file.lines();
    let words = lines.next().map(str::trim).filter(|line| !line.is_empty()).unwrap_or("by a run that has not said its name yet");
    let since = lines.next().and_then(|line| line.trim().parse().ok());
    let run = lines.next().and_then(|line| serde_json::from_str::<LockHolder>(line).ok()).map(|holder| holder.run);
    LockError::Held { name: name.to_owned(), holder: words.to_owned(), run, since }
}

fn take(directory: &Path, name: &str, holder: &LockHolder) -> Result<Flock<File>, LockError> {
    let path = directory.join(file_name(name));
    let unusable = |source: io::Error| LockError::Unusable { name: name.to_owned(), path: path.clone(), source };
    let directory = trust::own_directory(directory).map_err(unusable)?;
    let file = file_name(name);
    let lock = || Ok(Flock::lock(trust::own_file(&directory, &file, true)?, FlockArg::LockExclusiveNonblock));
    let taken = outlive(lock, |taken| matches!(taken, Ok(Err((_, Errno::EWOULDBLOCK))))).map_err(unusable)?;
    let mut lock = match taken {
        Ok(lock) => lock,
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(held(name, &text));
        }
        Err((_, errno)) => return Err(unusable(errno.into())),
    };
    // Only words for whoever is refused: the lock itself is the kernel's.
    lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(written(holder).as_bytes())).map_err(unusable)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(run: &str) -> LockHolder {
        LockHolder { run: run.parse().unwrap(), runbook: "x".into(), operator: "ops".into(), host: "db3".into(), pid: 7 }
    }

    #[test]
    fn the_second_is_told_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["ceph/a".to_owned()];
        let first = Locks::take(directory.path(), &names, &holder("00000001")).unwrap();
        let refusal = Locks::take(directory.path(), &names, &holder("00000002")).unwrap_err();
        let text = refusal.to_string();
        assert!(text.starts_with("the lock `ceph/a` is held: run 00000001 of x by ops on db3, pid 7, for "), "{text}");
        assert!(matches!(refusal, LockError::Held { run: Some(run), .. } if run.number() == 1));
        fs::write(directory.path().join("stray.lock"), "by hand\n").unwrap();
        let seen = SeenLock::all(directory.path());
        assert_eq!(seen.iter().map(|lock| (lock.name.as_str(), &lock.holder)).collect::<Vec<_>>(), [("ceph/a", &holder("00000001"))]);
        assert!(seen[0].since.is_some());
        drop(first);
        assert!(Locks::take(directory.path(), &names, &holder("00000002")).is_ok());
    }

    #[test]
    fn a_run_is_carried_out_once_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = RunLock::take(directory.path(), 7).unwrap();
        assert!(first.is_some());
        assert!(RunLock::take(directory.path(), 7).unwrap().is_none());
        assert_eq!([7, 8].map(|run| RunLock::look(directory.path(), run)), [RunHold::Held, RunHold::Free]);
        assert!(RunLock::take(directory.path(), u32::MAX).unwrap().is_some());
        assert_eq!(RunLock::look_all(directory.path()), RunHold::Held);
        drop(first);
        assert_eq!(RunLock::look_all(directory.path()), RunHold::Free);
        let last = RunLock::take(directory.path(), u32::MAX).unwrap();
        assert_eq!(RunLock::look_all(directory.path()), RunHold::Held);
        drop(last);
        assert!(RunLock::take(directory.path(), 7).unwrap().is_some());
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_free() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let locks = directory.path().join("locks");
        assert_eq!(RunLock::look(&locks, 7), RunHold::Free, "nobody was ever here");
        let held = RunLock::take(&locks, 7).unwrap();
        // A file that anybody can write says nothing.
        fs::set_permissions(locks.join(RUNS), PermissionsExt::from_mode(0o666)).unwrap();
        assert!(matches!(RunLock::look(&locks, 7), RunHold::Unknown { .. }));
        fs::set_permissions(locks.join(RUNS), PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(RunLock::look(&locks, 7), RunHold::Held);
        // One who may only read sees as much as who may write.
        fs::set_permissions(locks.join(RUNS), PermissionsExt::from_mode(0o400)).unwrap();
        assert_eq!(RunLock::look(&locks, 7), RunHold::Held);
        drop(held);
        fs::remove_dir_all(&locks).unwrap();
        fs::write(&locks, "").unwrap();
        assert!(matches!(RunLock::look(&locks, 7), RunHold::Unknown { .. }), "no directory");
    }

    #[test]
    fn a_lock_that_outlives_its_run_for_a_moment_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["a".to_owned()];
        let (run, lock) =
            (RunLock::take(directory.path(), 7).unwrap(), Locks::take(directory.path(), &names, &holder("00000007")).unwrap());
        // The next one asks, and only then are they let go of.
        let (asked, let_go) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let_go.recv().unwrap();
                drop((run, lock));
            });
            let mut asked = Some(asked);
            let taken = outlive(
                || {
                    let taken = fcntl(runs_file(directory.path()).unwrap(), FcntlArg::F_OFD_SETLK(&byte(7)));
                    asked.take().map(|asked| asked.send(()));
                    taken
                },
                Result::is_err,
            );
            assert!(taken.is_ok());
        });
        assert!(RunLock::take(directory.path(), 7).unwrap().is_some());
        assert!(Locks::take(directory.path(), &names, &holder("00000008")).is_ok());
    }

    #[test]
    fn no_link_is_followed_and_only_a_directory_of_our_own_is_used() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let (locks, aim) = (directory.path().join("locks"), directory.path().join("aim"));
        let names = ["a".to_owned()];
        let takes = || (RunLock::take(&locks, 7).is_ok(), Locks::take(&locks, &names, &holder("00000007")).is_ok());
        assert_eq!(takes(), (true, true));
        fs::write(&aim, "precious").unwrap();
        for file in [RUNS, "a.lock"] {
            for link in [symlink::<_, PathBuf>, |from, to| fs::hard_link(from, to)] {
                fs::remove_file(locks.join(file)).unwrap();
                link(aim.clone(), locks.join(file)).unwrap();
                assert_eq!(takes(), (file != RUNS, file == RUNS));
                let seen = RunLock::look(&locks, 7);
                assert_eq!(matches!(seen, RunHold::Unknown { .. }), file == RUNS, "{seen:?}");
            }
            fs::remove_file(locks.join(file)).unwrap();
            assert_eq!(takes(), (true, true));
        }
        assert_eq!(fs::read_to_string(&aim).unwrap(), "precious");
        fs::set_permissions(&locks, PermissionsExt::from_mode(0o770)).unwrap();
        assert_eq!(takes(), (false, false));
        fs::remove_dir_all(&locks).unwrap();
        fs::create_dir(directory.path().join("other")).unwrap();
        symlink("other", &locks).unwrap();
        assert_eq!(takes(), (false, false));
    }

    #[test]
    fn a_file_that_says_less_is_understood() {
        for (file, words, dated) in [
            ("", "by a run that has not said its name yet", false),
            ("run 1 by ops\n", "run 1 by ops", false),
            ("run 0000000a of x by ops, pid 7\n2026-11-21T13:00:02Z\n", "run 0000000a of x by ops, pid 7", true),
            ("run 0000000a of x by ops\n2026-11-21T13:00:02Z\n{\"run\":", "run 0000000a of x by ops", true),
        ] {
            let LockError::Held { holder, run, since, .. } = held("a", file) else { panic!("{file}") };
            assert_eq!((holder.as_str(), run, since.is_some()), (words, None, dated));
        }
    }

    #[test]
    fn no_name_reaches_out_of_the_directory() {
        assert_eq!(file_name("../x y"), "%2e%2e%2fx%20y.lock");
    }
}
