//! A test in a process of its own. Signal handlers and children belong to a whole process, and in that of the tests they are
//! the neighbours' as well.

use std::{
    env, io,
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
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", path]).env(ALONE, "").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (ended, in_time) = mpsc::channel();
    let waiting = thread::spawn(move || ended.send(child.wait_with_output()));
    let output: Result<io::Result<_>, _> = in_time.recv_timeout(Duration::from_secs(60));
    if output.is_err() {
        let _ = kill(pid, Signal::SIGKILL);
    }
    let _ = waiting.join();
    let output = output.expect("it hangs").unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains(" 1 passed"), "{path}: {:?}\n{text}", output.status);
}
