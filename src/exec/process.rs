//! Commands as processes of this machine: each in a session of its own, never waited for without end.

use std::{
    collections::BTreeMap,
    io,
    os::{fd::BorrowedFd, unix::process::ExitStatusExt},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use nix::{
    sys::resource::{Resource, getrlimit},
    unistd::Uid,
};

pub(crate) use super::family::start_time;
use super::{
    cgroup::Cgroups,
    child::{Child, StartManner},
    foreground::{Attended, Foreground},
    held::{self, Hold, Holder},
    output::{self, StreamRead},
    program::{self, Unfit},
    scarcity::patiently,
    supervise::{Cause, Force, Over, Patience, supervise},
    transport::{Carried, Passage, Transports, judge},
};
use crate::{
    account::name_of,
    event::{Effect, Exit, Holding},
    inheritance::{Inheritance, RefusedVariable},
    inventory::Inventory,
    ports::{Capture, Executor, Interrupts, LedgerError, Order, Printed, Ran, Site},
    quantity,
    secret::Secrets,
    tool::{in_memory, nothing},
};

/// Where the streams of a command go.
pub(super) enum Streams<'a> {
    /// What it prints. It reads nothing but what the order gives it.
    Pipes(io::PipeWriter, io::PipeWriter),
    /// Where ours go.
    Foreground(&'a Foreground),
    /// To a terminal of its own.
    Terminal(BorrowedFd<'a>),
}

/// Runs orders as processes.
#[derive(Debug)]
pub struct ProcessExecutor {
    pub(super) secrets: Secrets,
    environment: BTreeMap<String, String>,
    /// What the runbook has passed on of the operator's environment.
    passed: BTreeMap<String, String>,
    /// Where a command is started that names no directory; `None` is where halligan was.
    directory: Option<PathBuf>,
    /// Why no command may be started at all.
    refused: Option<String>,
    /// Looked for when the first command is started.
    cgroups: LazyLock<Cgroups>,
    patience: Patience,
    pub(super) transports: Transports,
    holder: Holder,
}

impl ProcessExecutor {
    #[must_use]
    pub fn new(secrets: Secrets, inventory: Option<Arc<Inventory>>, password: Option<String>) -> Self {
        Self::in_surroundings(Inheritance::of_process(&[]), secrets, inventory, password)
    }

    /// One whose commands inherit other than what halligan was started with.
    #[must_use]
    pub(crate) fn in_surroundings(
        inherited: Inheritance,
        secrets: Secrets,
        inventory: Option<Arc<Inventory>>,
        password: Option<String>,
    ) -> Self {
        let Inheritance { variables: environment, passed, directory, refused, .. } = inherited;
        tracing::trace!(path = environment.get("PATH"), "programs are looked for here");
        let refused = refused.first().map(RefusedVariable::line);
        let ssh = program::find(path_of(&environment), "ssh").unwrap_or_else(|_| PathBuf::from("ssh"));
        // What leads to another host may need it as much as a command here.
        let leading = passed.clone().into_iter().chain(environment.clone()).collect();
        let transports = Transports::new(inventory, password, ssh, user(), leading);
        Self {
            secrets,
            environment,
            passed,
            directory,
            refused,
            cgroups: LazyLock::new(Cgroups::find),
            patience: Patience::default(),
            transports,
            holder: Holder::default(),
        }
    }

    /// Marks every command as one of this run, so that one that outlives halligan is found again.
    #[must_use]
    pub fn of_run(mut self, run: &str) -> Self {
        self.environment.insert(super::alive::MARK.to_owned(), run.to_owned());
        self
    }

    /// Why an order that reads is not held to it; `None` if it is.
    fn unheld(&self, order: &Order) -> Option<String> {
        if order.interactive {
            return Some("it has the terminal".to_owned());
        }
        if let Some(host) = order.host.as_deref().filter(|host| !matches!(self.transports.is_here(host), Ok(true))) {
            return Some(format!("it runs on {host}"));
        }
        if self.other_user(order).is_some() && !held::changes_user() {
            return Some("it needs sudo".to_owned());
        }
        if order.reading.unheld.is_some() {
            return order.reading.unheld.clone();
        }
        (!held::is_possible()).then(|| "this kernel has no Landlock".to_owned())
    }

    /// The user that an order runs as, if it is not ours.
    fn other_user<'a>(&self, order: &'a Order) -> Option<&'a str> {
        order.user.as_deref().filter(|other| *other != self.transports.user())
    }

    /// What holds an order to reading; nothing if it changes something or cannot be held.
    fn hold(&self, order: &Order) -> Result<Option<Arc<Hold>>, String> {
        match self.holding(order) {
            None | Some(Holding::NotHeld { .. }) => Ok(None),
            Some(Holding::Held | Holding::ButSockets) => self.holder.hold(&order.reading, self.other_user(order)).map(Some),
        }
    }

    /// Starts an order. The error says why it is not started.
    pub(super) fn start(
        &self,
        order: &Order,
        passage: &Passage,
        streams: Streams<'_>,
        hold: Option<Arc<Hold>>,
        stop: &Interrupts,
    ) -> Result<Child, String> {
        let [program, arguments @ ..] = passage.words.as_slice() else { return Err("there is no command".to_owned()) };
        if let Some(why) = &self.refused {
            return Err(why.clone());
        }
        let path =
            program::find(path_of(&self.environment), program).map_err(|unfit| unfit.at_the_start(program, order.user.as_deref()))?;
        let directory = passage.cwd.as_ref().or(self.directory.as_ref());
        if let Some(directory) = directory {
            program::enter(directory)?;
        }
        let host = passage.far.as_ref().and(order.host.as_deref()).unwrap_or("this host");
        tracing::debug!(place = %order.place, part = ?order.part, host, program = %path.display(), "starts a command");
        let said = |error: io::Error| format!("{program}: {error}");
        let make = || {
            let mut command = Command::new(&path);
            command.args(arguments).env_clear();
            if passage.far.is_some() || self.other_user(order).is_none() {
                command.envs(&self.passed);
            }
            match &hold {
                Some(hold) => command.envs(hold.environment(&self.environment)),
                None => command.envs(&self.environment),
            };
            command.envs(passage.env.iter().map(|variable| (&variable.name, &variable.value)));
            if let Some(directory) = directory {
                command.current_dir(directory);
            }
            command.stdin(match (&passage.stdin, &streams) {
                // A file, so that no process has to feed it and none can be kept waiting by one that does not read.
                (Some(bytes), _) => Stdio::from(in_memory(bytes)?),
                (None, Streams::Pipes(..)) => Stdio::from(nothing()?),
                (None, Streams::Foreground(_)) => Stdio::inherit(),
                (None, Streams::Terminal(terminal)) => Stdio::from(terminal.try_clone_to_owned()?),
            });
            match &streams {
                Streams::Pipes(stdout, stderr) => {
                    command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
                }
                Streams::Foreground(_) => {}
                Streams::Terminal(terminal) => {
                    command.stdout(terminal.try_clone_to_owned()?).stderr(terminal.try_clone_to_owned()?);
                }
            }
            Ok(command)
        };
        let terminal = if let Streams::Foreground(foreground) = streams { Some(foreground.descriptor().map_err(said)?) } else { None };
        // Whoever would have read the answer is gone then. What changes something is let finish: half of it may be worse.
        let dies_with_parent = order.effect == Effect::Read && matches!(streams, Streams::Pipes(..));
        let takes_terminal = matches!(streams, Streams::Terminal(_));
        let manner = StartManner { terminal, takes_terminal, dies_with_parent, hold: hold.clone() };
        patiently(|| Child::start(make, &manner, &self.cgroups), stop).map_err(said)
    }

    /// Sees an order that talks with the operator to its end: nothing of what it prints is kept.
    fn attend(&self, order: &Order, passage: &Passage, site: &dyn Site, stop: &Interrupts) -> Result<Exit, LedgerError> {
        let foreground = match Foreground::find() {
            Ok(foreground) => foreground,
            Err(why) => return Ok(Exit::NotStarted { why }),
        };
        let child = match self.start(order, passage, Streams::Foreground(&foreground), None, stop) {
            Ok(child) => child,
            Err(why) => return Ok(Exit::NotStarted { why }),
        };
        let over = spawned(&child, site).and_then(|()| {
            let attended = Attended { child: &child, foreground: &foreground, stop };
            supervise(&attended, order.timeout, self.patience, site, stop)
        });
        drop(foreground);
        settle(child, over)
    }
}

/// Records that a child is there. One that cannot be recorded must not go on unseen.
fn spawned(child: &Child, site: &dyn Site) -> Result<(), LedgerError> {
    let pid = u32::try_from(child.pid().as_raw()).unwrap_or_default();
    let recorded = site.spawned(pid, start_time(pid).unwrap_or_default());
    if recorded.is_err() {
        let _ = child.signal(nix::sys::signal::Signal::SIGTERM);
    }
    recorded
}

/// Lets go of a child whose time is over, and says how it ended.
pub(super) fn settle(child: Child, over: Result<Over, LedgerError>) -> Result<Exit, LedgerError> {
    let over = match over {
        Ok(over) => over,
        Err(error) => {
            child.abandon();
            return Err(error);
        }
    };
    let status = if over.stuck {
        child.abandon();
        None
    } else {
        Some(child.reap())
    };
    let killed = over.force == Force::Sent;
    let exit = match (over.cause, status) {
        (Some(cause), _) if over.force == Force::Unsent => {
            let why = match cause {
                Cause::Timeout { after } => format!("timed out after {}", quantity::show_duration(after)),
                Cause::Operator => "cancelled by the operator".to_owned(),
            };
            Exit::Lost { why: format!("{why}, and KILL could not be sent: it may still be running") }
        }
        (Some(Cause::Timeout { after }), _) => Exit::TimedOut { after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX), killed },
        (Some(Cause::Operator), _) => Exit::Interrupted { killed },
        (None, Some(Ok(status))) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Lost { why: "unknown kind of exit".to_owned() },
        },
        (None, Some(Err(error))) => Exit::Lost { why: format!("its end cannot be waited for: {error}") },
        (None, None) => Exit::Lost { why: "it could not be reached".to_owned() },
    };
    tracing::trace!(?exit, "process ended");
    Ok(exit)
}

impl Executor for ProcessExecutor {
    fn admits(&self, _: &Order) -> bool {
        true
    }

    fn holding(&self, order: &Order) -> Option<Holding> {
        (order.effect == Effect::Read && !order.words.is_empty()).then(|| match self.unheld(order) {
            Some(why) => Holding::NotHeld { why },
            None if !order.reading.sockets.is_empty() => Holding::ButSockets,
            None => Holding::Held,
        })
    }

    fn concurrency(&self) -> usize {
        // Each command holds two pipes, two files for its output and its input; halligan itself needs some more.
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| soft);
        usize::try_from(descriptors.saturating_sub(64) / 8).unwrap_or(usize::MAX).clamp(4, 256)
    }

    fn locate(&self, program: &str) -> Option<PathBuf> {
        program::find(path_of(&self.environment), program).ok()
    }

    fn unfit(&self, program: &str) -> Option<String> {
        match program::find(path_of(&self.environment), program) {
            Ok(_) | Err(Unfit::Absent) => None,
            Err(unfit) => Some(unfit.to_string()),
        }
    }

    fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String> {
        self.transports.missing_on(host, programs, stop)
    }

    fn user(&self) -> String {
        user()
    }

    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError> {
        let began = Instant::now();
        let reader = self.transports.as_reader(order);
        let order = &*reader;
        let captures = (site.capture()?, site.capture()?);
        let silent = |exit: Exit, captures: (Box<dyn Capture>, Box<dyn Capture>)| {
            let printed = |capture: Box<dyn Capture>| Ok::<_, LedgerError>(Printed::new(capture.finish()?, Vec::new()));
            Ok(Ran { exit, stdout: printed(captures.0)?, stderr: printed(captures.1)?, took: began.elapsed(), leaked: false })
        };
        let carried = match self.hold(order) {
            Ok(Some(hold)) => Ok((Passage::plain(order), Some(hold))),
            Ok(None) => self.transports.carry(order, &self.secrets, stop).map(|passage| (passage, None)),
            Err(why) => Err(why),
        };
        let (passage, hold) = match carried {
            Ok(carried) => carried,
            Err(why) => return silent(Exit::NotStarted { why }, captures),
        };
        if order.interactive {
            let exit = self.attend(order, &passage, site, stop)?;
            return silent(passage.far.as_ref().map_or(exit.clone(), |far| far.attended(exit)), captures);
        }
        let ((out, out_writer), (err, err_writer)) = match (patiently(output::pipe, stop), patiently(output::pipe, stop)) {
            (Ok(out), Ok(err)) => (out, err),
            (Err(error), _) | (_, Err(error)) => {
                return silent(Exit::NotStarted { why: format!("no pipe for its output: {error}") }, captures);
            }
        };
        let (ended, reply) = (AtomicBool::new(false), passage.reply.as_ref());
        // Taken by whoever reads; left here where nobody could be made to read.
        let streams = Mutex::new(Some([(out, captures.0), (err, captures.1)]));
        let take = || streams.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread::scope(|threads| {
            // Before the command is started: one whose output nobody reads must not be.
            let read = || take().map(|streams| output::read(streams, &self.secrets, &ended, site, reply));
            let reader = match patiently(|| thread::Builder::new().spawn_scoped(threads, read), stop) {
                Ok(reader) => reader,
                Err(error) => {
                    let why = format!("no thread to read its output: {error}");
                    return match take() {
                        Some([(_, out), (_, err)]) => silent(Exit::NotStarted { why }, (out, err)),
                        None => Err(LedgerError::new("a command's output was given away", None)),
                    };
                }
            };
            let child = match self.start(order, &passage, Streams::Pipes(out_writer, err_writer), hold, stop) {
                Ok(child) => child,
                Err(why) => {
                    let [stdout, stderr] = joined(reader);
                    let ((stdout, _), (stderr, _)) = (stdout?, stderr?);
                    return Ok(Ran { exit: Exit::NotStarted { why }, stdout, stderr, took: began.elapsed(), leaked: false });
                }
            };
            let carried = passage.far.as_ref().zip(reply);
            let carried = carried.map(|(far, reply)| Carried::new(&child, far, reply, self.patience.grace, output::LEAK_GRACE));
            let over = spawned(&child, site).and_then(|()| match &carried {
                None => supervise(&child, order.timeout, self.patience, site, stop),
                Some(carried) => supervise(carried, order.timeout, self.patience, site, stop),
            });
            // Its end is one thing, the end of its output another.
            ended.store(true, Ordering::SeqCst);
            let [out, err] = joined(reader);
            let left = carried.is_some_and(|carried| carried.was_left());
            let exit = settle(child, over)?;
            let ((stdout, out_leaked), (stderr, err_leaked)) = (out?, err?);
            let exit = match reply {
                Some(reply) => {
                    let judged = judge(passage.far.as_ref(), reply, exit.clone(), &stdout, &stderr);
                    tracing::debug!(place = %order.place, here = ?exit, there = ?judged, "how a command on another host ended");
                    judged
                }
                None => match passage.sudo.as_ref().and_then(|sudo| sudo.refused(&exit, &stdout, &stderr, &self.environment)) {
                    Some(why) => Exit::NotStarted { why },
                    None => exit,
                },
            };
            Ok(Ran { exit, stdout, stderr, took: began.elapsed(), leaked: out_leaked || err_leaked || left })
        })
    }
}

/// The user who runs halligan.
fn user() -> String {
    let uid = Uid::effective().as_raw();
    name_of(uid).unwrap_or_else(|| uid.to_string())
}

fn path_of(environment: &BTreeMap<String, String>) -> &str {
    environment.get("PATH").map(String::as_str).unwrap_or_default()
}

fn joined(reader: thread::ScopedJoinHandle<'_, Option<[StreamRead; 2]>>) -> [StreamRead; 2] {
    let failed = || Err(LedgerError::new("the thread that keeps a command's output has failed", None));
    reader.join().ok().flatten().unwrap_or_else(|| [failed(), failed()])
}
