//! A place to try the real program in: a temporary directory, a bare environment, exact output.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::{Winsize, openpty},
};

use crate::surroundings;

/// Nothing under test takes as long as this; what does, hangs.
const PATIENCE: Duration = Duration::from_secs(30);

const ROWS: u16 = 50;

/// A temporary directory with an environment of its own.
pub(crate) struct Workbench {
    directory: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

/// What a program has done.
#[derive(Debug)]
pub(crate) struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Holds the exit code against the expected one, and shows everything if it differs.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n-- stdout\n{}\n-- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

impl Workbench {
    pub(crate) fn new() -> Self {
        surroundings::settle();
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().display().to_string();
        let environment = [
            ("HOME", home.as_str()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("TERM", "xterm-256color"),
            ("TZ", "UTC"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let journal = directory.path().join("journal").display().to_string();
        Self { directory, environment }.variable("HALLIGAN_JOURNAL_DIR", &journal)
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file below the directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes `runbooks/NAME.yaml` with the given lines after the usual head.
    pub(crate) fn runbook(&self, name: &str, body: &str) -> PathBuf {
        let head = format!("halligan: 1\nname: {name}\ntitle: Try {name}\nsummary: For a test.\nreviewed: 2026-11-01\n");
        self.file(&format!("runbooks/{name}.yaml"), &format!("{head}{body}"))
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// A program in the directory, with the environment, and with nothing of what the tests were started from.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        surroundings::plain(&mut command).current_dir(self.directory.path()).env_clear().envs(&self.environment);
        command
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_halligan"));
        command.args(arguments);
        command
    }

    /// Runs halligan without a terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs halligan without a terminal, with something piped in.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that never reads its input closes the pipe: no fault of the test.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Starts halligan on a pseudo-terminal of so many columns.
    pub(crate) fn terminal(&self, columns: u16, arguments: &[&str]) -> Terminal {
        self.terminal_of(ROWS, columns, arguments)
    }

    /// Starts halligan on a pseudo-terminal of so many lines and columns.
    pub(crate) fn terminal_of(&self, rows: u16, columns: u16, arguments: &[&str]) -> Terminal {
        Self::on_terminal(rows, columns, self.command(arguments))
    }

    /// Starts a shell with job control on a pseudo-terminal; `$HALLIGAN` is the program.
    pub(crate) fn shell(&self, columns: u16, script: &str) -> Terminal {
        self.other(columns, "bash", &["-mc", script])
    }

    /// Starts another program on a pseudo-terminal, with the same `$HALLIGAN`.
    pub(crate) fn other(&self, columns: u16, program: &str, arguments: &[&str]) -> Terminal {
        let mut command = self.program(program);
        command.args(arguments).env("HALLIGAN", env!("CARGO_BIN_EXE_halligan"));
        Self::on_terminal(ROWS, columns, command)
    }

    fn on_terminal(rows: u16, columns: u16, mut command: Command) -> Terminal {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        // The program must not hold the end that is ours: it would never be closed.
        let close_on_exec = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
        nix::fcntl::fcntl(&pty.master, close_on_exec).unwrap();
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        command.stdin(end(&pty.slave)).stdout(end(&pty.slave)).stderr(end(&pty.slave));
        // SAFETY: two system calls between fork and exec, both async-signal-safe; nothing is allocated.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                nix::ioctl_write_int_bad!(take_terminal, nix::libc::TIOCSCTTY);
                take_terminal(0, 0)?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop(command);
        drop(pty.slave);
        let master = File::from(pty.master);
        let (sender, bytes) = mpsc::channel();
        let mut reader = master.try_clone().unwrap();
        let closing = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&closing);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !closed.load(Ordering::SeqCst) {
                let mut ready = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
                if poll(&mut ready, PollTimeout::from(20u8)) == Ok(0) {
                    continue;
                }
                let Ok(count @ 1..) = reader.read(&mut buffer) else { return };
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            child,
            master: Some(master),
            closing,
            bytes,
            raw: Vec::new(),
            parser: vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 5000),
        }
    }
}

/// A program on a pseudo-terminal.
pub(crate) struct Terminal {
    child: Child,
    master: Option<File>,
    closing: Arc<AtomicBool>,
    bytes: mpsc::Receiver<Vec<u8>>,
    /// Every byte that reached the terminal.
    pub raw: Vec<u8>,
    parser: vt100::Parser,
}

impl Terminal {
    pub(crate) fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// All that a person sees who scrolls back to the beginning.
    pub(crate) fn everything(&mut self) -> String {
        let screen = self.parser.screen_mut();
        let (rows, columns) = screen.size();
        let (rows, columns) = (usize::from(rows.get()), columns.get());
        screen.set_scrollback(usize::MAX);
        let mut lines = Vec::new();
        for back in (1..=screen.scrollback()).rev() {
            screen.set_scrollback(back);
            lines.extend(screen.rows(0, columns).take(1));
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, columns).take(rows));
        let text = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
        text.trim_end().to_owned() + "\n"
    }

    /// Everything that was printed so far, without its escape sequences.
    pub(crate) fn text(&self) -> String {
        console::strip_ansi_codes(&String::from_utf8_lossy(&self.raw)).replace('\r', "")
    }

    fn take(&mut self, deadline: Instant) -> bool {
        match self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                self.parser.process(&bytes);
                self.raw.extend(bytes);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether the text has been printed so far.
    pub(crate) fn has(&mut self, text: &str) -> bool {
        while self.take(Instant::now()) {}
        self.text().contains(text)
    }

    /// Waits until the text has been printed, counting from the beginning.
    pub(crate) fn expect(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(self.take(deadline), "{text:?} never came. The screen:\n{}\n-- all of it\n{}", self.screen(), self.text());
        }
        self
    }

    /// Waits until `text` has been printed somewhere behind `before`.
    pub(crate) fn expect_after(&mut self, before: &str, text: &str) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().split_once(before).is_some_and(|(_, rest)| rest.contains(text)) {
            assert!(
                self.take(deadline),
                "{text:?} never came after {before:?}. The screen:\n{}\n-- all of it\n{}",
                self.screen(),
                self.text()
            );
        }
        self
    }

    pub(crate) fn send(&mut self, keys: &str) -> &mut Self {
        self.master.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Gives the window another size, as somebody does who drags its corner.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) -> &mut Self {
        nix::ioctl_write_ptr_bad!(set_size, nix::libc::TIOCSWINSZ, Winsize);
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the master is open, and the kernel only reads `size`.
        #[allow(unsafe_code)]
        unsafe { set_size(self.master.as_ref().unwrap().as_raw_fd(), &raw const size) }.unwrap();
        self.parser.screen_mut().set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
        self
    }

    /// Waits until the screen itself shows the text, whatever else has been printed.
    pub(crate) fn shows(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen().contains(text) {
            assert!(self.take(deadline), "{text:?} is not on the screen:\n{}", self.screen());
        }
        self
    }

    /// Closes the terminal as somebody does who closes its window: the kernel tells those on it, and nobody reads or writes it again.
    pub(crate) fn hang_up(&mut self) -> &mut Self {
        self.closing.store(true, Ordering::SeqCst);
        // The reader lets go of its end, and then there is no other than ours.
        let deadline = Instant::now() + PATIENCE;
        while self.take(deadline) {}
        self.master = None;
        self
    }

    /// Waits for the end, and returns the exit code (128 + signal if a signal ended it).
    pub(crate) fn end(mut self) -> (i32, String) {
        use std::os::unix::process::ExitStatusExt;
        let deadline = Instant::now() + PATIENCE;
        while self.take(deadline) {}
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() < deadline => std::thread::yield_now(),
                None => panic!("it does not end. The screen:\n{}", self.screen()),
            }
        };
        (status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)), self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds text against `tests/golden/NAME.txt`; writes it there when `HALLIGAN_BLESS` is set.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("HALLIGAN_BLESS").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{} differs; HALLIGAN_BLESS=1 writes it anew. It is now:\n{text}", path.display());
}

/// Replaces what differs from run to run: ids, times, digests, durations.
pub(crate) fn steady(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"\brun [0-9a-f]{8}\b", "run RUN"),
        (r"\brehearsal [0-9a-f]{8}\b", "rehearsal RUN"),
        (r"\bhalligan (resume|rollback|journal show) [0-9a-f]{8}\b", "halligan $1 RUN"),
        (r"\b(rehearsal|show|resume) [0-9a-f]{8}\b", "$1 RUN"),
        (r"--journal-dir \S+", "--journal-dir DIR"),
        (r"sha256 [0-9a-f]{4}…[0-9a-f]{4}", "sha256 DIGEST"),
        (r"head \d+:[0-9a-f]{8}", "head N:HASH"),
        (r"\b\d+(\.\d+)?(ms|s)\b", "SPAN"),
        (r" +SPAN\n", "  SPAN\n"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, with)| regex::Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned())
}
