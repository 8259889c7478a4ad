//! Whether a command that a run has started is still there, though halligan is not.

use std::{fs, path::Path};

/// A command that is still running, or something that it has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alive {
    pub pid: u32,
    /// As it stands in the process list.
    pub command: String,
}

/// Looks for the process that was started as `pid` at `start_time`, or for any other of the session that it led: a script
/// may be dead and what it has started go on. Only the records of this start of the machine may be asked about.
#[must_use]
pub(crate) fn alive(pid: u32, start_time: u64) -> Option<Alive> {
    alive_in(Path::new("/proc"), pid, start_time)
}

/// The variable by which every command knows which run it belongs to.
pub(crate) const MARK: &str = "HALLIGAN_RUN";

/// Looks for any process of a run: for a command that was killed over before its number was recorded.
#[must_use]
pub(crate) fn of_run(run: &str) -> Option<Alive> {
    let mark = format!("{MARK}={run}");
    let entries = fs::read_dir("/proc").ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let stat = Stat::read(Path::new("/proc"), pid).filter(|stat| !stat.dead);
        let ours = environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes());
        (ours && stat.is_some()).then(|| Alive { pid, command: command(Path::new("/proc"), pid) })
    })
}

fn alive_in(proc: &Path, pid: u32, start_time: u64) -> Option<Alive> {
    let leader = Stat::read(proc, pid);
    if leader.as_ref().is_some_and(|stat| stat.start_time == start_time && !stat.dead) {
        return Some(Alive { pid, command: command(proc, pid) });
    }
    // Its number went to another process: then nothing of its session is left, since a session keeps its number.
    if leader.is_some_and(|stat| stat.start_time != start_time) {
        return None;
    }
    let entries = fs::read_dir(proc).ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let other: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = Stat::read(proc, other)?;
        (stat.session == pid && !stat.dead && stat.start_time >= start_time).then(|| Alive { pid: other, command: command(proc, other) })
    })
}

struct Stat {
    session: u32,
    start_time: u64,
    /// It has ended, and nobody has asked how.
    dead: bool,
}

impl Stat {
    fn read(proc: &Path, pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
        // The second field is in parentheses and may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            session: fields.get(3)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
            dead: matches!(fields.first(), Some(&("Z" | "X"))),
        })
    }
}

fn command(proc: &Path, pid: u32) -> String {
    let words = fs::read(proc.join(pid.to_string()).join("cmdline")).unwrap_or_default();
    let words: Vec<_> = words.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy).collect();
    words.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(proc: &Path, pid: u32, state: &str, session: u32, start_time: u64) {
        let dir = proc.join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        let zeros = ["0"; 15].join(" ");
        fs::write(dir.join("stat"), format!("{pid} (a) b) {state} 1 {pid} {session} {zeros} {start_time} 0\n")).unwrap();
        fs::write(dir.join("cmdline"), b"ddrescue\0/dev/sdc\0").unwrap();
    }

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 100, "S", 100, 5000);
        assert_eq!(alive_in(proc.path(), 100, 5000).unwrap().command, "ddrescue /dev/sdc");
        assert_eq!(alive_in(proc.path(), 100, 4000), None, "the number was given to another");
        assert_eq!(alive_in(proc.path(), 101, 5000), None);
        process(proc.path(), 100, "Z", 100, 5000);
        assert_eq!(alive_in(proc.path(), 100, 5000), None, "dead and not asked about");
    }

    #[test]
    fn what_it_has_started_may_outlive_it() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 107, "R", 100, 5007);
        process(proc.path(), 108, "R", 99, 5007);
        assert_eq!(alive_in(proc.path(), 100, 5000).unwrap().pid, 107);
        process(proc.path(), 107, "R", 100, 4999);
        assert_eq!(alive_in(proc.path(), 100, 5000), None, "older than what was started");
    }

    #[test]
    fn this_very_process_is_alive() {
        let pid = std::process::id();
        let start = super::super::process::start_time(pid).unwrap();
        assert!(alive(pid, start).is_some());
    }
}
