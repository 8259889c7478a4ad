//! One connection a host, held open by OpenSSH's own client and shared by every command that goes there.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{
    private::PrivateDirectory,
    refusal::{InForce, Refusal},
};
use crate::{
    last_line::last_line,
    parallel,
    ports::{Interrupts, Urgency},
    tool::{Tool, ToolError},
};

/// From the first packet to the end of authentication; ssh's own limits cover only parts of it.
const OPENING: Duration = Duration::from_secs(30);
/// More sessions than this at once are refused by a server with its standard settings (`MaxSessions 10`), and one is kept for signals.
const SESSIONS: usize = 8;
/// So many connections are opened at once: each costs both sides a key exchange.
const OPENED_AT_ONCE: usize = 32;
/// So many of them through one other host: beyond 10 that are not authenticated yet, sshd begins to refuse (`MaxStartups 10:30:100`).
const OPENED_THROUGH_ONE: usize = 8;
/// How long to wait before a crowded host is asked again, each time.
const AGAIN_AFTER: [Duration; 4] = [Duration::from_millis(300), Duration::from_millis(900), Duration::from_secs(2), Duration::from_secs(4)];
/// Why there is no connection, if nobody waits for one any more.
const CANCELLED: &str = "cancelled by the operator before the host was reached";
/// How long ssh may take to say what is in force.
const ASKING: Duration = Duration::from_secs(10);

/// Before all that the inventory or the operator says, so that nothing wins over it: a host whose key is not known is nobody's.
const STRICT: [&str; 4] = ["-o", "StrictHostKeyChecking=yes", "-o", "NoHostAuthenticationForLocalhost=no"];
/// To its master, as OpenSSH's PROTOCOL.mux has it: each message is its length, its number and a word, here the version that is spoken
/// (`MUX_MSG_HELLO`) and which request it is (`MUX_C_TERMINATE`).
const HELLO_AND_TERMINATE: [u32; 6] = [8, 0x0000_0001, 4, 8, 0x1000_0005, 0];
/// How long a connection may take to end when it is asked to.
const CLOSING: Duration = Duration::from_secs(3);
/// So many are asked to end at once.
const CLOSED_AT_ONCE: usize = 32;
/// More idle connections than this are closed, the longest unused first.
const MOST_OPEN: usize = 256;

/// What `ssh` says when the shared connection takes no session: the fallback to a connection of its own is cut off.
const TRAP: &str = "halligan: the shared connection takes no session";

/// Said only where a session may have been asked for already.
const ASKED_ALREADY: &str = "from master failed";

/// Every connection of a run. Closed when dropped.
#[derive(Debug)]
pub(super) struct Connections {
    ssh: PathBuf,
    environment: BTreeMap<String, String>,
    state: Mutex<MasterState>,
    places: Places,
    /// For those that go through another host, by what it is called.
    through: Mutex<HashMap<String, Arc<Places>>>,
}

#[derive(Debug, Default)]
struct MasterState {
    directory: Option<Arc<PrivateDirectory>>,
    open: HashMap<String, Arc<Connection>>,
    made: u64,
}

/// A connection to one host.
#[derive(Debug)]
pub(super) struct Connection {
    number: u64,
    address: String,
    options: Vec<String>,
    /// Where its socket and its log are.
    directory: Arc<PrivateDirectory>,
    socket: PathBuf,
    log: PathBuf,
    /// How long its log was when it was open: what stands before is no reason for its end.
    opened_at: AtomicU64,
    /// Held while it is opened, so that it is opened once. A stream to its master, which hangs up when the master ends.
    master: Mutex<Option<UnixStream>>,
    sessions: Places,
    used: Mutex<Instant>,
}

/// So many at once and no more.
#[derive(Debug)]
struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Places {
    fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    fn take(&self, stop: &Interrupts) -> Result<(), String> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            if stop.urgency() >= Urgency::Now {
                return Err("cancelled by the operator before the command began".to_owned());
            }
            (free, _) = self.freed.wait_timeout(free, Duration::from_millis(200)).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Ok(())
    }

    fn give_back(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
    }
}

/// The right to one session on a connection.
#[derive(Debug)]
pub(crate) struct Session(Arc<Connection>);

impl Drop for Session {
    fn drop(&mut self) {
        *self.0.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.sessions.give_back();
    }
}

impl Session {
    /// Why a session ended with ssh's own code: `Ok` if it never began, `Err` if unknown how far the command got.
    pub(crate) fn lost(&self, stderr: &str) -> Result<String, String> {
        if stderr.contains(TRAP) && !stderr.contains(ASKED_ALREADY) {
            return Ok(self.0.last_words().unwrap_or_else(|| "the shared connection takes no session".to_owned()));
        }
        if self.0.greeting().is_some() {
            return Err("the remote shell ended without an answer".to_owned());
        }
        let why = self.0.last_words().or_else(|| last_line(stderr).map(str::to_owned));
        Err(why.map_or_else(|| "connection lost".to_owned(), |why| format!("connection lost: {why}")))
    }
}

impl Connection {
    /// A stream to whoever listens on the shared socket, and has greeted.
    fn greeting(&self) -> Option<UnixStream> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        stream.read_exact(&mut [0; 4]).ok()?;
        Some(stream)
    }

    /// Asks its master to end, and waits until it has hung up. `ssh -O exit` would do the same, and would read its configuration for that.
    fn end(&self) -> io::Result<()> {
        let mut master = self.greeting().ok_or(io::ErrorKind::NotConnected)?;
        master.set_read_timeout(Some(CLOSING))?;
        master.write_all(&HELLO_AND_TERMINATE.map(u32::to_be_bytes).concat())?;
        io::copy(&mut master, &mut io::sink()).map(|_| ())
    }

    /// The last thing that the connection itself has said since it was open.
    fn last_words(&self) -> Option<String> {
        let log = self.directory.read(&self.log).ok()?;
        let from = usize::try_from(self.opened_at.load(Ordering::SeqCst)).unwrap_or(usize::MAX);
        let text = String::from_utf8_lossy(log.get(from..)?);
        last_line(&text).map(str::to_owned)
    }

    /// The words that name it to ssh.
    fn addressed(&self) -> Vec<OsString> {
        let socket = ["-S".into(), self.socket.clone().into_os_string()];
        STRICT.iter().map(OsString::from).chain(self.options.iter().map(OsString::from)).chain(socket).collect()
    }

    /// What ssh itself prints while it opens the connection, apart from its log.
    fn printed(&self) -> PathBuf {
        self.log.with_extension("printed")
    }

    fn refusal(&self) -> Refusal {
        let [log, printed] = [self.log.clone(), self.printed()].map(|path| self.directory.read(&path).unwrap_or_default());
        Refusal::read(&String::from_utf8_lossy(&log), &String::from_utf8_lossy(&printed))
    }

    /// The words with which a session is asked for.
    pub(super) fn words(&self, terminal: bool, line: String) -> Vec<String> {
        let mut words = vec!["ssh".to_owned()];
        words.extend(self.options.iter().cloned());
        words.extend(["-S".to_owned(), self.socket.display().to_string()]);
        // Without the shared connection there is none: ssh must not quietly open another.
        let trap = format!("ProxyCommand=echo '{TRAP}' >&2; exit 1");
        for option in ["ControlMaster=no", "BatchMode=yes", "RemoteCommand=none", "LogLevel=ERROR", &trap] {
            words.extend(["-o".to_owned(), option.to_owned()]);
        }
        words.extend([if terminal { "-tt" } else { "-T" }.to_owned(), "--".to_owned(), self.address.clone(), line]);
        words
    }
}

/// Whether the other end of a stream is still there.
fn listens(stream: &UnixStream) -> bool {
    // What it has to say is of no interest: only that it hangs up, which is always told.
    let mut streams = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    poll(&mut streams, PollTimeout::ZERO).is_ok_and(|told| told == 0)
}

impl Connections {
    #[must_use]
    pub(super) fn new(ssh: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self { ssh, environment, state: Mutex::default(), places: Places::new(OPENED_AT_ONCE), through: Mutex::default() }
    }

    /// A session on the one connection to a host, which is opened if it is not open. The error says why there is none: nothing
    /// was begun then.
    pub(super) fn session(&self, address: &str, options: &[String], stop: &Interrupts) -> Result<(Arc<Connection>, Session), String> {
        let connection = self.connection(address, options)?;
        connection.sessions.take(stop)?;
        let session = Session(Arc::clone(&connection));
        {
            let mut master = connection.master.lock().unwrap_or_else(PoisonError::into_inner);
            // Asked before each command: a new stream each time would wake the master each time.
            if !master.as_ref().is_some_and(listens) {
                *master = connection.greeting();
            }
            if master.is_some() {
                tracing::trace!(address, socket = %connection.socket.display(), "the ssh master of this host is there already");
            } else {
                let began = Instant::now();
                let opened = self.open_in_turn(&connection, stop);
                let (socket, took) = (connection.socket.display(), began.elapsed());
                match &opened {
                    Ok(_) => tracing::debug!(address, %socket, ?took, "connected to a host; its ssh master listens on this socket"),
                    Err(why) => tracing::debug!(address, why, ?took, "a host is not reached"),
                }
                *master = Some(opened?);
            }
        }
        Ok((connection, session))
    }

    fn connection(&self, address: &str, options: &[String]) -> Result<Arc<Connection>, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let key = std::iter::once(address).chain(options.iter().map(String::as_str)).collect::<Vec<_>>().join("\0");
        if let Some(connection) = state.open.get(&key) {
            return Ok(Arc::clone(connection));
        }
        if state.open.len() >= MOST_OPEN {
            Self::close_idle(&mut state);
        }
        let directory = if let Some(directory) = &state.directory {
            Arc::clone(directory)
        } else {
            let made = PrivateDirectory::make(self.environment.get("XDG_RUNTIME_DIR").map(Path::new));
            let made = Arc::new(made.map_err(|error| format!("no directory for its connection: {error}"))?);
            Arc::clone(state.directory.insert(made))
        };
        let number = state.made;
        state.made += 1;
        let connection = Arc::new(Connection {
            address: address.to_owned(),
            options: options.to_vec(),
            number,
            socket: directory.path().join(number.to_string()),
            log: directory.path().join(format!("{number}.log")),
            directory,
            opened_at: AtomicU64::new(0),
            master: Mutex::new(None),
            sessions: Places::new(SESSIONS),
            used: Mutex::new(Instant::now()),
        });
        state.open.insert(key, Arc::clone(&connection));
        Ok(connection)
    }

    fn close_idle(state: &mut MasterState) {
        let idle = state.open.iter().filter(|(_, connection)| Arc::strong_count(connection) == 1);
        let oldest =
            idle.min_by_key(|(_, connection)| *connection.used.lock().unwrap_or_else(PoisonError::into_inner)).map(|(key, _)| key.clone());
        if let Some(connection) = oldest.and_then(|key| state.open.remove(&key)) {
            close(&connection);
        }
    }

    fn ssh(&self, words: Vec<OsString>) -> Tool<'_> {
        // Its name is looked for on the PATH; a path would be looked for here.
        Tool::new(self.ssh.as_os_str(), words).environment(&self.environment)
    }

    /// Opens a connection when its turn comes, and again where a crowd was refused: no command is begun by it.
    fn open_in_turn(&self, connection: &Connection, stop: &Interrupts) -> Result<UnixStream, String> {
        self.places.take(stop)?;
        let way = self.in_force(connection, stop);
        self.places.give_back();
        let through = way?.through.map(|through| {
            let mut ways = self.through.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(ways.entry(through).or_insert_with(|| Arc::new(Places::new(OPENED_THROUGH_ONE))))
        });
        let mut pauses = AGAIN_AFTER.iter();
        loop {
            let turn = through.as_deref().unwrap_or(&self.places);
            turn.take(stop)?;
            let opened = self.open(connection, stop);
            turn.give_back();
            let refusal = match opened {
                Ok(master) => return Ok(master),
                Err(refusal) => refusal,
            };
            let pause = pauses.next().filter(|_| refusal.crowded);
            let Some(pause) = pause else { return Err(format!("no connection: {}", refusal.why)) };
            // Not all of a crowd at the same moment again.
            let pause = *pause + Duration::from_millis(connection.number % 16 * 50);
            tracing::debug!(connection.address, refusal.why, ?pause, "a host refuses a crowd: asked again");
            stop.sleep(pause, Urgency::AfterStep);
            if stop.urgency() >= Urgency::Now {
                return Err(CANCELLED.to_owned());
            }
        }
    }

    /// Asks ssh what is in force for a host.
    fn in_force(&self, connection: &Connection, stop: &Interrupts) -> Result<InForce, String> {
        let mut words = connection.addressed();
        words.extend(["-G".into(), "--".into(), OsString::from(&connection.address)]);
        let end = self.ssh(words).limit(ASKING).stop(stop).run().map_err(|error| format!("ssh: {error}"))?;
        if !end.succeeded() {
            let said = String::from_utf8_lossy(&end.stderr).trim().to_owned();
            return Err(format!("ssh does not take its options: {said}"));
        }
        let in_force = InForce::read(&String::from_utf8_lossy(&end.stdout));
        match &in_force.trusting {
            Some(why) => Err(format!("anybody could pose as {}: {why}", connection.address)),
            None => Ok(in_force),
        }
    }

    fn open(&self, connection: &Connection, stop: &Interrupts) -> Result<UnixStream, Refusal> {
        let broken = |why: String| Refusal { why, crowded: false };
        let _ = fs::remove_file(&connection.socket);
        let fresh = |path: &Path| connection.directory.fresh(path).map_err(|error| broken(format!("no log for its connection: {error}")));
        fresh(&connection.log)?;
        let printed = fresh(&connection.printed())?;
        // What comes first counts, so the inventory's options win over these, and these over the operator's ssh_config.
        let mut words = connection.addressed();
        // Its log, unlike what it prints, goes on when it has gone to the background.
        words.extend(["-N".into(), "-E".into(), connection.log.clone().into_os_string()]);
        for option in [
            "ControlMaster=yes",
            // Should halligan be killed, its connections end by themselves.
            "ControlPersist=600",
            "BatchMode=yes",
            "ConnectTimeout=10",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
            "ClearAllForwardings=yes",
            "RemoteCommand=none",
            "RequestTTY=no",
            "LogLevel=INFO",
        ] {
            words.extend(["-o".into(), option.into()]);
        }
        words.extend(["--".into(), OsString::from(&connection.address)]);
        let end = self.ssh(words).log(printed).limit(OPENING).stop(stop).run().map_err(|error| match error {
            ToolError::NotStarted(error) => broken(format!("ssh: {error}")),
            ToolError::TimedOut(_) => broken(format!("no answer within {} s", OPENING.as_secs())),
            ToolError::Stopped => broken(CANCELLED.to_owned()),
            ToolError::Lost(error) => broken(format!("ssh cannot be waited for: {error}")),
        })?;
        if let Some(master) = connection.greeting().filter(|_| end.succeeded()) {
            let length = connection.directory.read(&connection.log).map(|log| log.len()).unwrap_or_default();
            connection.opened_at.store(u64::try_from(length).unwrap_or_default(), Ordering::SeqCst);
            return Ok(master);
        }
        Err(connection.refusal())
    }
}

/// One that does not end now ends when nothing has used it for a while.
fn close(connection: &Connection) {
    if connection.socket.exists() {
        let ended = connection.end();
        tracing::debug!(address = connection.address, ?ended, "the ssh master of a host was asked to end");
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        let state = std::mem::take(self.state.get_mut().unwrap_or_else(PoisonError::into_inner));
        let open: Vec<_> = state.open.into_values().collect();
        parallel::map_at_once(CLOSED_AT_ONCE, &open, |connection| close(connection));
    }
}
