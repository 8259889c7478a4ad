//! Commands as processes of this machine: each in a session of its own, never waited for without end.

use std::{
    collections::BTreeMap,
    io::{self, PipeReader, Read, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use duct::Handle;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        resource::{Resource, getrlimit},
        signal::{Signal, killpg},
    },
    unistd::{Pid, Uid, User},
};

use super::{
    mask::{Masker, Secrets},
    spawn,
    transport::{Far, Passage, Transports},
};
use crate::{
    event::Exit,
    inventory::Inventory,
    ports::{Capture, Executor, Interrupts, LedgerError, Order, Printed, Ran, Site, Urgency},
};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);
/// How long a grandchild may hold the output open after its parent has ended.
const LEAK_GRACE: Duration = Duration::from_millis(500);
/// How often a running command is looked at for timeouts and the operator's signals.
const TICK: Duration = Duration::from_millis(50);
/// The longest line that is shown while it is under way.
const LINE: usize = 1000;

/// Where root's programs are looked for: nowhere that another user may write.
const SAFE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a command may inherit of the operator's environment.
const INHERITED: &[&str] = &[
    "CEPH_ARGS",
    "CEPH_CONF",
    "HOME",
    "KUBECONFIG",
    "LOGNAME",
    "LVM_SYSTEM_DIR",
    "SSH_AUTH_SOCK",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
];

/// Runs orders as processes.
#[derive(Debug)]
pub struct ProcessExecutor {
    secrets: Secrets,
    environment: BTreeMap<String, String>,
    transports: Transports,
}

impl ProcessExecutor {
    /// Runs on this machine, and on other hosts as the inventory says; without one, by ssh. `password` is sudo's.
    #[must_use]
    pub fn new(secrets: Secrets, inventory: Option<Arc<Inventory>>, password: Option<String>) -> Self {
        let mut environment: BTreeMap<String, String> =
            INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
        let own = std::env::var("PATH").unwrap_or_default();
        let own: Vec<&str> = own.split(':').filter(|part| part.starts_with('/')).collect();
        let path = if Uid::effective().is_root() || own.is_empty() { SAFE_PATH.to_owned() } else { own.join(":") };
        environment.insert("PATH".to_owned(), path);
        environment.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
        let ssh = locate(&environment, "ssh").unwrap_or_else(|| PathBuf::from("ssh"));
        let transports = Transports::new(inventory, password, ssh, user(), environment.clone());
        Self { secrets, environment, transports }
    }

    /// Starts what carries an order.
    fn spawn(&self, order: &Order, passage: &Passage, pipes: Option<(io::PipeWriter, io::PipeWriter)>) -> Result<Handle, String> {
        let [program, arguments @ ..] = passage.words.as_slice() else { return Err("there is no command".to_owned()) };
        let path = self.locate(program).ok_or_else(|| format!("there is no program `{program}` on the PATH"))?;
        let mut environment = self.environment.clone();
        environment.extend(passage.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())));
        let mut expression = duct::cmd(path, arguments).unchecked().full_env(environment);
        if let Some(cwd) = &passage.cwd {
            expression = expression.dir(cwd);
        }
        expression = match &passage.stdin {
            Some(bytes) => expression.stdin_bytes(bytes.clone()),
            None if order.interactive => expression,
            None => expression.stdin_null(),
        };
        if let Some((stdout, stderr)) = pipes {
            expression = expression.stdout_file(stdout).stderr_file(stderr).before_spawn(|command| {
                spawn::in_own_session(command);
                Ok(())
            });
        }
        expression.start().map_err(|error| format!("{program}: {error}"))
    }
}

impl Executor for ProcessExecutor {
    fn admits(&self, _: &Order) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        // Each command holds two pipes, two files for its output and its input; halligan itself needs some more.
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| soft);
        usize::try_from(descriptors.saturating_sub(64) / 8).unwrap_or(usize::MAX).clamp(4, 256)
    }

    fn locate(&self, program: &str) -> Option<PathBuf> {
        locate(&self.environment, program)
    }

    fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String> {
        self.transports.missing_on(host, programs, stop)
    }

    fn user(&self) -> String {
        user()
    }

    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError> {
        let began = Instant::now();
        let captures = (site.capture()?, site.capture()?);
        let not_started = |why: String, captures: (Box<dyn Capture>, Box<dyn Capture>)| {
            let printed = |capture: Box<dyn Capture>| Ok::<_, LedgerError>(Printed { captured: capture.finish()?, head: Vec::new() });
            let (stdout, stderr) = (printed(captures.0)?, printed(captures.1)?);
            Ok(Ran { exit: Exit::NotStarted { why }, stdout, stderr, took: began.elapsed(), leaked: false })
        };
        let passage = match self.transports.carry(order, &self.secrets, stop) {
            Ok(passage) => passage,
            Err(why) => return not_started(why, captures),
        };
        let far = passage.far.as_ref();
        if order.interactive {
            let handle = match self.spawn(order, &passage, None) {
                Ok(handle) => handle,
                Err(why) => return not_started(why, captures),
            };
            let exit = wait(&handle, order, far, site, stop)?;
            let printed = |capture: Box<dyn Capture>| Ok::<_, LedgerError>(Printed { captured: capture.finish()?, head: Vec::new() });
            return Ok(Ran { exit, stdout: printed(captures.0)?, stderr: printed(captures.1)?, took: began.elapsed(), leaked: false });
        }
        let ((out, out_writer), (err, err_writer)) = match (io::pipe(), io::pipe()) {
            (Ok(out), Ok(err)) => (out, err),
            (Err(error), _) | (_, Err(error)) => return not_started(format!("no pipe for its output: {error}"), captures),
        };
        let handle = match self.spawn(order, &passage, Some((out_writer, err_writer))) {
            Ok(handle) => handle,
            Err(why) => return not_started(why, captures),
        };
        let ended = AtomicBool::new(false);
        thread::scope(|threads| {
            let out = threads.spawn(|| read(out, captures.0, &self.secrets, &ended, site));
            let err = threads.spawn(|| read(err, captures.1, &self.secrets, &ended, site));
            let exit = wait(&handle, order, far, site, stop);
            ended.store(true, Ordering::SeqCst);
            let (stdout, out_leaked) = joined(out)?;
            let (mut stderr, err_leaked) = joined(err)?;
            let exit = match far {
                Some(far) => far.judge(exit?, &mut stderr),
                None => exit?,
            };
            Ok(Ran { exit, stdout, stderr, took: began.elapsed(), leaked: out_leaked || err_leaked })
        })
    }
}

/// The user who runs halligan.
fn user() -> String {
    let uid = Uid::effective();
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// Where a program stands on this machine's own PATH.
fn locate(environment: &BTreeMap<String, String>, program: &str) -> Option<PathBuf> {
    let executable = |path: &Path| path.is_file() && nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| executable(path));
    }
    environment.get("PATH")?.split(':').map(|directory| Path::new(directory).join(program)).find(|path| executable(path))
}

fn joined(reader: thread::ScopedJoinHandle<'_, Result<(Printed, bool), LedgerError>>) -> Result<(Printed, bool), LedgerError> {
    reader
        .join()
        .unwrap_or_else(|_| Err(LedgerError { what: "the thread that keeps a command's output has failed".to_owned(), source: None }))
}

/// Reads a stream to its end, or until its command has ended and the grace for what it left behind is over.
fn read(
    mut pipe: PipeReader,
    capture: Box<dyn Capture>,
    secrets: &Secrets,
    ended: &AtomicBool,
    site: &dyn Site,
) -> Result<(Printed, bool), LedgerError> {
    let failed = |source: io::Error| LedgerError { what: "a command's output".to_owned(), source: Some(source) };
    let mut masker = Masker::new(secrets, Keeper { capture, head: Vec::new(), line: Vec::new(), site });
    let mut buffer = vec![0; 64 << 10];
    let mut deadline = None;
    let mut leaked = false;
    loop {
        if ended.load(Ordering::SeqCst) {
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + LEAK_GRACE);
            if Instant::now() >= deadline {
                leaked = true;
                break;
            }
        }
        let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(50u8)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => masker.write_all(&buffer[..count]).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let (keeper, redactions) = masker.finish().map_err(failed)?;
    let mut captured = keeper.capture.finish()?;
    captured.redactions = redactions;
    captured.truncated |= leaked;
    Ok((Printed { captured, head: keeper.head }, leaked))
}

/// Keeps a stream whole, its beginning for expressions, and its lines for the screen.
struct Keeper<'a> {
    capture: Box<dyn Capture>,
    head: Vec<u8>,
    line: Vec<u8>,
    site: &'a dyn Site,
}

impl Write for Keeper<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.capture.write_all(bytes)?;
        let room = Printed::LIMIT.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        // Of a flood only the last line of each piece is shown.
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                if !self.line.is_empty() && bytes.len() < 4096 {
                    self.site.line(&String::from_utf8_lossy(&self.line));
                }
                self.line.clear();
            } else if self.line.len() < LINE {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When a process was started, in clock ticks since boot (proc(5), field 22 of `stat`): with its pid it names a process for good.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is in parentheses and may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Waits for the end of a command. Until this has seen it end, its pid cannot be used again, so signals reach the right one.
fn wait(handle: &Handle, order: &Order, far: Option<&Far>, site: &dyn Site, stop: &Interrupts) -> Result<Exit, LedgerError> {
    use std::os::unix::process::ExitStatusExt;
    let pid = handle.pids().first().copied().unwrap_or_default();
    // A begin whose process cannot be recorded must not go on unseen.
    if let Err(error) = site.spawned(pid, start_time(pid).unwrap_or_default()) {
        end(handle, pid, Signal::SIGTERM);
        return Err(error);
    }
    let began = Instant::now();
    let mut ending: Option<(Instant, bool, bool)> = None; // since when, by timeout, killed
    loop {
        match handle.wait_timeout(TICK) {
            Ok(Some(output)) => {
                let by_itself = match (output.status.code(), output.status.signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (None, Some(signal)) => Exit::Signal(signal),
                    (None, None) => Exit::NotStarted { why: "it ended in no known way".to_owned() },
                };
                // A connection that broke meanwhile has not seen the far command end.
                let unseen = far.is_some() && by_itself == Exit::Code(255);
                return Ok(match ending {
                    None => by_itself,
                    Some((_, true, killed)) => {
                        let after_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                        Exit::TimedOut { after_ms, killed: killed || unseen }
                    }
                    Some((_, false, killed)) => Exit::Interrupted { killed: killed || unseen },
                });
            }
            Ok(None) => {}
            Err(error) => return Ok(Exit::Lost { why: format!("it cannot be waited for: {error}") }),
        }
        let timed_out = order.timeout.is_some_and(|limit| began.elapsed() >= limit);
        match &mut ending {
            None if timed_out || stop.urgency() >= Urgency::Now => {
                ending = Some((Instant::now(), timed_out, false));
                if let Some(far) = far {
                    // What carries it ends when the far command does.
                    site.signalled(&far.signal("TERM", GRACE))?;
                } else {
                    site.signalled("TERM")?;
                    end(handle, pid, Signal::SIGTERM);
                }
            }
            Some((since, _, killed)) if !*killed && (since.elapsed() >= GRACE || stop.urgency() == Urgency::AtOnce) => {
                *killed = true;
                site.signalled(&far.map_or_else(|| "KILL".to_owned(), |far| far.signal("KILL", GRACE)))?;
                end(handle, pid, Signal::SIGKILL);
            }
            // What even KILL does not end hangs in the kernel: it is reported, not waited for.
            Some((since, by_timeout, true)) if since.elapsed() >= GRACE * 3 => {
                return Ok(match by_timeout {
                    true => Exit::TimedOut { after_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), killed: true },
                    false => Exit::Interrupted { killed: true },
                });
            }
            _ => {}
        }
    }
}

/// Signals the command's whole group, which is its session's; without one, the command alone.
fn end(handle: &Handle, pid: u32, signal: Signal) {
    let group = i32::try_from(pid).ok().filter(|pid| *pid > 1).map(Pid::from_raw);
    let in_own_group = group.is_some_and(|group| nix::unistd::getpgid(Some(group)) == Ok(group));
    match group {
        Some(group) if in_own_group => {
            let _ = killpg(group, signal);
        }
        Some(pid) if signal != Signal::SIGKILL => {
            let _ = nix::sys::signal::kill(pid, signal);
        }
        _ => {
            let _ = handle.kill();
        }
    }
}
