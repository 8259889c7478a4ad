//! A test in a process of its own. Signal handlers and children belong to a whole process, and in that of the tests they are
//! the neighbours' as well.

use std::{
    env,
    fs::File,
    io::{Read, Seek},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::signals;

/// Set in the process that is the test's own.
const ALONE: &str = "HALLIGAN_TEST_ALONE";

/// Carries a test out, known by its path, in a process that has no other. One that hangs fails.
pub(super) fn alone(path: &str, test: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    signals::heed_children().unwrap();
    // Not pipes: what a failed test has left behind may hold them for long.
    let mut said = tempfile::tempfile().unwrap();
    let into = |file: &File| Stdio::from(file.try_clone().unwrap());
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", path]).env(ALONE, "").stdin(Stdio::null()).stdout(into(&said)).stderr(into(&said));
    let mut child = command.spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (ended, in_time) = mpsc::channel();
    let waiting = thread::spawn(move || ended.send(child.wait()));
    let status = in_time.recv_timeout(Duration::from_secs(60));
    if status.is_err() {
        let _ = kill(pid, Signal::SIGKILL);
    }
    let _ = waiting.join();
    let mut text = String::new();
    said.rewind().unwrap();
    said.read_to_string(&mut text).unwrap();
    let well = matches!(status, Ok(Ok(status)) if status.success());
    assert!(well && text.contains(" 1 passed"), "{path}: {status:?}\n{text}");
}
