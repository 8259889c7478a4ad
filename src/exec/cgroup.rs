//! Control groups: where the system has version 2 and lets us, each step gets one, so that nothing of it can slip away.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use nix::unistd::Pid;

use crate::procfs::{Mount, Procfs};

/// What the names of our groups begin with; our pid and a number follow.
const PREFIX: &str = "halligan-";

/// Where groups for steps can be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cgroups {
    /// Our own group; `None` where steps get none.
    own: Option<PathBuf>,
}

impl Cgroups {
    /// Looks for our own group, and tries whether one can be made in it.
    #[must_use]
    pub(crate) fn find() -> Self {
        let procfs = Procfs::system();
        let Some(own) = procfs.own_cgroup().and_then(|path| own_group(&path, &procfs.mounts())) else {
            tracing::debug!("no control group a command: this process is in none of version 2 that is mounted here");
            return Self::default();
        };
        Self::at(own)
    }

    /// Makes groups in this one, if that is possible.
    #[must_use]
    pub(crate) fn at(own: PathBuf) -> Self {
        sweep(&own);
        let found = Self { own: Some(own) };
        let Some(tried) = found.make() else {
            tracing::debug!(own = ?found.own, "no control group a command: none can be made here, or none that can be killed as a whole");
            return Self::default();
        };
        tried.remove();
        tracing::debug!(own = ?found.own, "each command gets a control group");
        found
    }

    /// A new group, empty; `None` where there can be none.
    #[must_use]
    pub(crate) fn make(&self) -> Option<Cgroup> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let own = self.own.as_ref()?;
        let name = format!("{PREFIX}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let group = Cgroup { directory: own.join(name), parent: own.clone() };
        fs::create_dir(&group.directory).ok()?;
        // What cannot be ended as a whole (before Linux 5.14) is of no use here.
        if group.directory.join("cgroup.kill").exists() && group.door().is_ok() {
            return Some(group);
        }
        group.remove();
        None
    }
}

/// The directory of our group in the version 2 hierarchy (see cgroups(7)).
fn own_group(path: &str, mounts: &[Mount]) -> Option<PathBuf> {
    let path = Path::new(path);
    // A group outside our namespace is shown with `..`.
    let inside = |path: &Path| !path.components().any(|part| part == Component::ParentDir);
    mounts.iter().filter(|mount| mount.kind == "cgroup2").find_map(|mount| {
        let below = path.strip_prefix(&mount.root).ok()?;
        (inside(path) && inside(&mount.root)).then(|| mount.point.join(below))
    })
}

/// Removes the empty groups of those of us that were killed.
fn sweep(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next()?.parse().ok());
        if pid.is_some_and(|pid| !Procfs::system().exists(Pid::from_raw(pid))) {
            // One that still holds a process stays, which the kernel sees to.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// What leads into a group.
#[derive(Debug)]
pub(crate) struct Door {
    /// The group itself: a process can be born in it.
    pub group: File,
    /// A process that writes `0` here moves in.
    pub procs: File,
}

/// One step's group.
#[derive(Debug)]
pub(crate) struct Cgroup {
    directory: PathBuf,
    parent: PathBuf,
}

impl Cgroup {
    /// The way in.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn door(&self) -> io::Result<Door> {
        let procs = OpenOptions::new().write(true).open(self.directory.join("cgroup.procs"))?;
        Ok(Door { group: File::open(&self.directory)?, procs })
    }

    /// Kills everything in it at once, and whatever it forks meanwhile.
    ///
    /// # Errors
    /// The kernel does not take it.
    pub(crate) fn kill(&self) -> io::Result<()> {
        fs::write(self.directory.join("cgroup.kill"), "1")
    }

    /// The processes in it and in groups that they have made below it. One that has ended and only waits to be reaped is not among them.
    #[must_use]
    pub(crate) fn members(&self) -> Vec<Pid> {
        let mut all = Vec::new();
        members_below(&self.directory, 0, &mut all);
        all
    }

    /// Lets go of it. What is still running goes on in our own group, as if there had never been another.
    pub(crate) fn remove(self) {
        // A process that forks while it is moved needs another turn.
        for _ in 0..8 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            for pid in self.members() {
                let _ = fs::write(self.parent.join("cgroup.procs"), pid.to_string());
            }
            remove_below(&self.directory, 0);
        }
    }
}

fn below(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

fn members_below(directory: &Path, depth: usize, all: &mut Vec<Pid>) {
    let procs = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    all.extend(procs.lines().filter_map(|line| line.parse().ok()).map(Pid::from_raw));
    if depth < 16 {
        below(directory).for_each(|child| members_below(&child, depth + 1, all));
    }
}

fn remove_below(directory: &Path, depth: usize) {
    if depth < 16 {
        for child in below(directory) {
            remove_below(&child, depth + 1);
            let _ = fs::remove_dir(child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "30 23 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

    fn found(path: &str, mounts: &str) -> Option<String> {
        own_group(path, &crate::procfs::mounts(mounts.as_bytes())).map(|path| path.display().to_string())
    }

    #[test]
    fn finds_the_own_group() {
        assert_eq!(found("/user.slice/session-3.scope", UNIFIED).unwrap(), "/sys/fs/cgroup/user.slice/session-3.scope");
        let hybrid = "25 20 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(found("/", hybrid).unwrap(), "/sys/fs/cgroup/unified/");
        let container = "30 23 0:27 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(found("/docker/abc/x", container).unwrap(), "/sys/fs/cgroup/x");
        assert_eq!(found("/docker/abcd", container), None, "only named like it");
    }

    #[test]
    fn without_version_2_there_are_none() {
        let legacy = "29 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        assert_eq!(found("/x", legacy), None);
        assert_eq!(found("/../outside", UNIFIED), None);
        assert_eq!(found("/", ""), None);
        // A place that is no group hierarchy at all.
        let directory = tempfile::tempdir().unwrap();
        assert!(Cgroups::at(directory.path().to_owned()).own.is_none());
        assert!(directory.path().read_dir().unwrap().next().is_none());
        assert!(Cgroups::at(PathBuf::from("/nowhere")).own.is_none());
    }
}
