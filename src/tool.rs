//! Programs that halligan starts for its own purposes, such as `ssh` and `ssh-keygen`. A step of a runbook is none of them:
//! those are started by `exec/child.rs`, which reaches all that they start in turn.
//!
//! duct starts them and waits for them. It is given files alone, in memory and bounded: then it has no thread that could wait
//! for a process that the program has left behind with its output.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Seek, Write},
    os::unix::process::CommandExt,
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        signal::{Signal, killpg},
    },
    unistd::Pid,
};

use crate::{
    inheritance,
    ports::{Interrupts, Urgency},
};

/// So much is kept of each of its streams, in bytes. Writing more fails for the program: nobody has asked for it.
const MOST_KEPT: u64 = 1 << 20;
/// How long a killed program may take to go.
const GOING: Duration = Duration::from_secs(1);

/// A program to be started, and how.
#[derive(Debug)]
pub(crate) struct Tool<'a> {
    program: OsString,
    words: Vec<OsString>,
    environment: Option<&'a BTreeMap<String, String>>,
    input: ToolInput,
    log: Option<File>,
    limit: Option<Duration>,
    stop: Option<&'a Interrupts>,
}

/// What a program reads.
#[derive(Debug)]
enum ToolInput {
    Nothing,
    Bytes(Vec<u8>),
    File(File),
    /// What halligan reads. It talks with the operator, and so stays in the terminal's foreground.
    Operator,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct ToolEnd {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    /// Empty if it went to a log.
    pub stderr: Vec<u8>,
}

impl ToolEnd {
    pub(crate) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }
}

/// Why nobody knows how a program ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("{0}")]
    NotStarted(#[source] io::Error),
    #[error("it has not ended within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("ended by the operator")]
    Stopped,
    #[error("it cannot be waited for: {0}")]
    Lost(#[source] io::Error),
}

impl<'a> Tool<'a> {
    /// It reads nothing, has halligan's own environment and no limit of time, until another word is said.
    pub(crate) fn new<W: AsRef<OsStr>>(program: impl AsRef<OsStr>, words: impl IntoIterator<Item = W>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            words: words.into_iter().map(|word| word.as_ref().to_owned()).collect(),
            environment: None,
            input: ToolInput::Nothing,
            log: None,
            limit: None,
            stop: None,
        }
    }

    /// All of its environment.
    pub(crate) fn environment(self, environment: &'a BTreeMap<String, String>) -> Self {
        Self { environment: Some(environment), ..self }
    }

    /// It reads these bytes.
    pub(crate) fn input(self, bytes: Vec<u8>) -> Self {
        Self { input: ToolInput::Bytes(bytes), ..self }
    }

    /// It reads this file.
    pub(crate) fn input_file(self, file: File) -> Self {
        Self { input: ToolInput::File(file), ..self }
    }

    /// It may ask the operator.
    pub(crate) fn with_operator(self) -> Self {
        Self { input: ToolInput::Operator, ..self }
    }

    /// Its standard error goes to this file, and may go on to when it has left a process behind.
    pub(crate) fn log(self, file: File) -> Self {
        Self { log: Some(file), ..self }
    }

    /// It is killed after so long.
    pub(crate) fn limit(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// It is killed once the operator does not want to wait for what is under way.
    pub(crate) fn stop(self, stop: &'a Interrupts) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Starts it and sees it to its end.
    ///
    /// # Errors
    /// It cannot be started, or was killed because its time was over or the operator wanted it.
    pub(crate) fn run(self) -> Result<ToolEnd, ToolError> {
        let (mut stdout, mut stderr) = (bounded().map_err(ToolError::NotStarted)?, bounded().map_err(ToolError::NotStarted)?);
        let began = Instant::now();
        let (limit, stop, program) = (self.limit, self.stop, self.program.clone());
        let handle = self.start(&stdout, &stderr).map_err(ToolError::NotStarted)?;
        tracing::trace!(program = %program.display(), pid = ?handle.pids(), "halligan's own helper program started");
        let code = loop {
            if let Some(output) = handle.try_wait().map_err(ToolError::Lost)? {
                break output.status.code();
            }
            let why = match (limit, stop) {
                (Some(limit), _) if began.elapsed() >= limit => ToolError::TimedOut(limit),
                (_, Some(stop)) if stop.urgency() >= Urgency::Now => ToolError::Stopped,
                _ => {
                    thread::sleep((began.elapsed() / 8).clamp(Duration::from_millis(1), Duration::from_millis(50)));
                    continue;
                }
            };
            tracing::debug!(program = %program.display(), why = %why, "halligan's own helper program is killed");
            kill(&handle);
            return Err(why);
        };
        tracing::trace!(program = %program.display(), code, took = ?began.elapsed(), "halligan's own helper program ended");
        Ok(ToolEnd { code, stdout: written(&mut stdout).map_err(ToolError::Lost)?, stderr: written(&mut stderr).map_err(ToolError::Lost)? })
    }

    fn start(self, stdout: &File, stderr: &File) -> io::Result<duct::Handle> {
        let mut expression = duct::cmd(self.program, self.words).unchecked().stdout_file(stdout.try_clone()?);
        expression = match self.log {
            Some(log) => expression.stderr_file(log),
            None => expression.stderr_file(stderr.try_clone()?),
        };
        if let Some(environment) = self.environment {
            expression = expression.full_env(environment);
        }
        // What a program looks for where it stands, others may have made.
        if let Some(directory) = inheritance::safe_directory() {
            expression = expression.dir(directory);
        }
        let alone = !matches!(self.input, ToolInput::Operator);
        expression = match self.input {
            ToolInput::Nothing => expression.stdin_file(nothing()?),
            ToolInput::Bytes(bytes) => expression.stdin_file(in_memory(&bytes)?),
            ToolInput::File(file) => expression.stdin_file(file),
            ToolInput::Operator => expression,
        };
        if alone {
            // The terminal's Ctrl-C is halligan's to hear.
            expression = expression.before_spawn(|command| {
                command.process_group(0);
                Ok(())
            });
        }
        expression.start()
    }
}

/// Kills a program with what is still in its group. It has not been waited for, so its number is still its own.
fn kill(handle: &duct::Handle) {
    for pid in handle.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok()) {
        // Fails where the program has no group of its own.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = handle.kill();
    let began = Instant::now();
    while matches!(handle.try_wait(), Ok(None)) && began.elapsed() < GOING {
        thread::sleep(Duration::from_millis(2));
    }
}

/// A file that is nowhere but in memory, ready to be read.
///
/// # Errors
/// The kernel gives none.
pub(crate) fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// What a program reads that is given nothing. Where `/dev` is empty, as in an empty root, a file in memory holds as little as `/dev/null`.
///
/// # Errors
/// The kernel gives neither.
pub(crate) fn nothing() -> io::Result<File> {
    File::open("/dev/null").or_else(|_| in_memory(&[]))
}

/// A file in memory that takes so much and no more.
fn bounded() -> io::Result<File> {
    let file = File::from(memfd_create(c"output", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    file.set_len(MOST_KEPT)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW))?;
    Ok(file)
}

/// What a program has written to such a file: all who write have one position in it.
fn written(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.stream_position()?.min(MOST_KEPT);
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Tool<'static> {
        Tool::new("sh", ["-c", script])
    }

    #[test]
    fn what_it_says_and_how_it_ends_is_known() {
        let end = sh("cat; echo out; echo err >&2; exit 3").run().unwrap();
        assert_eq!((end.code, end.succeeded()), (Some(3), false));
        assert_eq!((end.stdout.as_slice(), end.stderr.as_slice()), (b"out\n".as_slice(), b"err\n".as_slice()));
        assert_eq!(sh("kill -9 $$").run().unwrap().code, None);
        assert!(matches!(Tool::new("/nowhere/at-all", [""; 0]).run(), Err(ToolError::NotStarted(_))));
    }

    #[test]
    fn it_reads_what_it_is_given_and_has_the_environment_that_is_said() {
        let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned()), ("A".to_owned(), "b c".to_owned())]);
        let end = sh("cat; echo; env").environment(&environment).input(vec![b'x'; 300_000]).run().unwrap();
        let text = String::from_utf8(end.stdout).unwrap();
        let (input, variables) = text.split_once('\n').unwrap();
        assert_eq!(input.len(), 300_000);
        let variables: Vec<&str> = variables.lines().filter(|line| !line.starts_with("PWD=") && !line.starts_with("_=")).collect();
        assert!(variables.contains(&"A=b c") && !variables.iter().any(|line| line.starts_with("HOME=")), "{variables:?}");
        // Whoever does not read is not waited for.
        assert!(sh("exit 0").input(vec![b'x'; 300_000]).run().unwrap().succeeded());
    }

    #[test]
    fn one_that_is_left_behind_with_the_output_is_not_waited_for() {
        let began = Instant::now();
        let end = sh("echo here; sleep 20 & echo $!").limit(Duration::from_secs(15)).run().unwrap();
        assert!(began.elapsed() < Duration::from_secs(10));
        let text = String::from_utf8(end.stdout).unwrap();
        let left = text.lines().nth(1).unwrap().parse().unwrap();
        assert!(text.starts_with("here\n"));
        nix::sys::signal::kill(Pid::from_raw(left), Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_flood_is_cut_off() {
        let end = sh("yes 2>/dev/null; exit 7").limit(Duration::from_secs(60)).run().unwrap();
        assert_eq!(end.code, Some(7));
        assert!(end.stdout.len() as u64 <= MOST_KEPT && end.stdout.len() > 500_000, "{}", end.stdout.len());
    }

    #[test]
    fn it_is_killed_with_its_group_when_its_time_is_over_or_the_operator_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > '{}'; wait", said.display());
        let error = sh(&script).limit(Duration::from_millis(500)).run().unwrap_err();
        assert!(matches!(error, ToolError::TimedOut(_)), "{error}");
        let pid: i32 = std::fs::read_to_string(&said).unwrap().trim().parse().unwrap();
        let began = Instant::now();
        let procfs = crate::procfs::Procfs::system();
        while procfs.stat(Pid::from_raw(pid)).is_some_and(|stat| !stat.has_ended()) {
            assert!(began.elapsed() < Duration::from_secs(10), "it goes on");
            thread::yield_now();
        }
        let stop = Interrupts::default();
        stop.raise(Urgency::Now);
        assert!(matches!(sh("sleep 60").stop(&stop).run(), Err(ToolError::Stopped)));
    }
}
