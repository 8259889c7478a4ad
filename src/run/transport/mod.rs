//! How an order gets to where it runs: to another user, into a container, to another host.
//!
//! Whatever carries it, the far side is a POSIX `sh` that reads a [`letter`]; only the words around it differ.

mod carried;
mod connection;
mod letter;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

pub(super) use self::carried::Carried;
use self::{
    connection::{Connections, Session},
    letter::Letter,
};
use super::mask::Secrets;
use crate::{
    event::Exit,
    inventory::{self, Inventory, KindName, Quoting, Transport},
    ports::{EnvValue, Interrupts, Order, Printed, Words},
};

/// How long a question that halligan itself asks of a far host may take, once it is connected.
const ASKING: Duration = Duration::from_secs(60);

/// Carries orders.
#[derive(Debug)]
pub struct Transports {
    inventory: Option<Arc<Inventory>>,
    /// Sudo's password, where the operator gave one.
    password: Option<String>,
    environment: BTreeMap<String, String>,
    /// The user who runs halligan.
    user: String,
    connections: Connections,
}

/// What is started on this machine for an order to run where it should.
#[derive(Debug)]
pub struct Passage {
    /// Never empty.
    pub words: Vec<String>,
    pub cwd: Option<PathBuf>,
    pub env: Vec<EnvValue>,
    pub stdin: Option<Vec<u8>>,
    /// `None` if it runs on this machine, where signals reach it directly.
    pub far: Option<Far>,
}

/// The far end of a passage.
#[derive(Debug)]
pub struct Far {
    mark: String,
    carriers: Vec<Carrier>,
    errand: Errand,
    user: Option<String>,
}

/// One link of the way, and how it says that it broke.
#[derive(Debug)]
enum Carrier {
    Ssh(Session),
    Other { codes: Vec<i32>, messages: Vec<String> },
}

/// The words that lead to a host, without what they carry there.
#[derive(Debug, Clone)]
struct Errand {
    words: Vec<String>,
    /// What must be on standard input before anything else.
    before: Vec<u8>,
    mark: String,
    environment: BTreeMap<String, String>,
    /// The last link takes no standard input: what is carried stands in the words.
    by_argument: Option<ByArgument>,
}

#[derive(Debug, Clone)]
struct ByArgument {
    transport: Transport,
    address: String,
}

impl Transports {
    #[must_use]
    pub fn new(
        inventory: Option<Arc<Inventory>>,
        password: Option<String>,
        ssh: PathBuf,
        user: String,
        environment: BTreeMap<String, String>,
    ) -> Self {
        let connections = Connections::new(ssh, environment.clone());
        Self { inventory, password, environment, user, connections }
    }

    /// Prepares the way for an order; for another host this opens its connection if it is not open. The error says why it cannot
    /// be started: nothing was begun then.
    ///
    /// # Errors
    /// The host is unknown or cannot be reached, or a secret would be seen on the way.
    pub fn carry(&self, order: &Order, secrets: &Secrets, stop: &Interrupts) -> Result<Passage, String> {
        let argv = match &order.words {
            Words::Argv(argv) => argv.clone(),
            Words::Script(script) => ["bash", "-euo", "pipefail", "-c", script].map(String::from).to_vec(),
        };
        let user = order.user.as_deref();
        match &order.host {
            Some(host) if !self.is_here(host)? => self.to_host(host, &argv, order, secrets, stop),
            _ => self.here(argv, user.filter(|user| *user != self.user), order),
        }
    }

    fn is_here(&self, host: &str) -> Result<bool, String> {
        Ok(self.find(host)?.1.kind == KindName::Local)
    }

    /// A host's address, how it is reached, and through which other host.
    fn find(&self, name: &str) -> Result<(String, Transport, Option<String>), String> {
        let Some(inventory) = &self.inventory else {
            inventory::destination(name).map_err(|why| format!("`{name}` is no host: {why}"))?;
            let ssh = Transport::plain("ssh").ok_or("there is no ssh")?;
            return Ok((name.to_owned(), ssh, None));
        };
        match inventory.hosts.get(name) {
            Some(host) => Ok((host.address.clone(), host.transport.clone(), host.via.clone())),
            None => Err(format!("the host `{name}` is not in the inventory {}", inventory.source.name)),
        }
    }

    fn here(&self, mut argv: Vec<String>, user: Option<&str>, order: &Order) -> Result<Passage, String> {
        let cwd = order.cwd.clone();
        let Some(user) = user else {
            let stdin = order.stdin.clone().map(String::into_bytes);
            return Ok(Passage { words: argv, cwd, env: order.env.clone(), stdin, far: None });
        };
        if self.password.is_some() && !order.interactive {
            let mark = mark()?;
            let letter = self.letter(&argv, order, None);
            let stdin = posted(&letter.script(&mark)?, order.stdin.as_deref());
            return Ok(Passage { words: letter::awaiting(&mark), cwd: None, env: Vec::new(), stdin: Some(stdin), far: None });
        }
        let mut words = vec!["sudo".to_owned()];
        if !order.interactive {
            words.push("-n".to_owned());
        }
        words.extend(["-u".to_owned(), user.to_owned()]);
        if !order.env.is_empty() {
            let names: Vec<&str> = order.env.iter().map(|variable| variable.name.as_str()).collect();
            words.push(format!("--preserve-env={}", names.join(",")));
        }
        words.push("--".to_owned());
        words.append(&mut argv);
        let stdin = order.stdin.clone().map(String::into_bytes);
        Ok(Passage { words, cwd, env: order.env.clone(), stdin, far: None })
    }

    fn letter<'a>(&'a self, argv: &'a [String], order: &'a Order, ambiguous: Option<i32>) -> Letter<'a> {
        Letter {
            argv,
            env: &order.env,
            cwd: order.cwd.as_deref(),
            user: order.user.as_deref(),
            password: self.password.as_deref(),
            stdin: order.stdin.is_some() || order.interactive,
            ambiguous,
        }
    }

    fn to_host(&self, host: &str, argv: &[String], order: &Order, secrets: &Secrets, stop: &Interrupts) -> Result<Passage, String> {
        let mut carriers = Vec::new();
        let errand = self.errand(host, order.interactive, &mut carriers, stop)?;
        let ambiguous = carriers.iter().any(|carrier| matches!(carrier, Carrier::Ssh(_))).then_some(255);
        let script = self.letter(argv, order, ambiguous).script(&errand.mark)?;
        if errand.by_argument.is_some() {
            if order.env.iter().any(|variable| secrets.found_in(&variable.value)) || (self.password.is_some() && order.user.is_some()) {
                return Err(format!("a secret would be seen in the process list of {host}: its transport carries no standard input"));
            }
            if order.stdin.is_some() {
                return Err(format!("the transport of {host} carries no standard input"));
            }
        }
        let (words, stdin) = errand.post(&script, order.stdin.as_deref());
        let stdin = (!order.interactive).then_some(stdin);
        let far = Far { mark: errand.mark.clone(), carriers, errand, user: order.user.clone() };
        Ok(Passage { words, cwd: None, env: Vec::new(), stdin, far: Some(far) })
    }

    /// The way to a host, link by link.
    fn errand(&self, host: &str, terminal: bool, carriers: &mut Vec<Carrier>, stop: &Interrupts) -> Result<Errand, String> {
        let (address, transport, via) = self.find(host)?;
        let mark = mark()?;
        let mut errand = Errand { words: Vec::new(), before: Vec::new(), mark, environment: self.environment.clone(), by_argument: None };
        if transport.kind == KindName::Ssh {
            if via.is_some() {
                return Err(format!(
                    "{host} is reached by ssh; name the host before it with ProxyJump in its transport's options, not with `via`"
                ));
            }
            let (connection, session) = self.connections.session(&address, &transport.options, stop)?;
            carriers.push(Carrier::Ssh(session));
            if terminal {
                errand.by_argument = Some(ByArgument { transport, address });
                errand.words = connection.words(true, String::new());
            } else {
                errand.words = connection.words(false, letter::line(&letter::awaiting(&errand.mark)));
            }
            return Ok(errand);
        }
        carriers.push(Carrier::Other { codes: transport.lost_codes.clone(), messages: transport.lost_messages.clone() });
        if !transport.stdin || terminal {
            if via.is_some() {
                return Err(format!("what goes to {host} through another host needs standard input, and its transport carries none"));
            }
            errand.by_argument = Some(ByArgument { transport, address });
            return Ok(errand);
        }
        errand.words = around(&transport, &address, &letter::awaiting(&errand.mark), false);
        if let Some(via) = via.filter(|via| !matches!(self.is_here(via), Ok(true))) {
            let outer = self.errand(&via, false, carriers, stop)?;
            let inner = Letter { argv: &errand.words, env: &[], cwd: None, user: None, password: None, stdin: true, ambiguous: None };
            let (words, before) = outer.post(&inner.script(&outer.mark)?, None);
            (errand.words, errand.before) = (words, before);
        }
        Ok(errand)
    }

    /// Which of these programs a host does not have.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String> {
        if self.is_here(host)? {
            let path = self.environment.get("PATH").map(String::as_str).unwrap_or_default();
            let there = |program: &String| path.split(':').any(|directory| std::path::Path::new(directory).join(program).is_file());
            return Ok(programs.iter().filter(|program| !there(program)).cloned().collect());
        }
        let mut carriers = Vec::new();
        let errand = self.errand(host, false, &mut carriers, stop)?;
        let (code, stdout) = errand.run(&letter::missing_script(programs)?, ASKING)?;
        if code != Some(0) {
            return Err("it does not answer".to_owned());
        }
        Ok(String::from_utf8_lossy(&stdout).lines().map(str::to_owned).collect())
    }
}

impl Errand {
    /// The words and the standard input that bring a script to the far side.
    fn post(&self, script: &str, stdin: Option<&str>) -> (Vec<String>, Vec<u8>) {
        let Some(ByArgument { transport, address }) = &self.by_argument else {
            let mut all = self.before.clone();
            all.extend(posted(script, stdin));
            return (self.words.clone(), all);
        };
        let holding = letter::holding(&self.mark, script);
        if transport.kind == KindName::Ssh {
            let mut words = self.words.clone();
            words.pop();
            words.push(letter::line(&holding));
            return (words, Vec::new());
        }
        (around(transport, address, &holding, true), Vec::new())
    }

    /// Runs a script of halligan's own there, for so long at most. Returns its exit code and what it printed.
    fn run(&self, script: &str, limit: Duration) -> Result<(Option<i32>, Vec<u8>), String> {
        let (words, stdin) = self.post(script, None);
        let [program, arguments @ ..] = words.as_slice() else { return Err("there is no command".to_owned()) };
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let writer = thread::spawn(move || input.map(|mut input| input.write_all(&stdin)));
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            // What it printed until it ended or was cut off; more than this nobody asked for.
            let _ = output.map(|output| output.take(1 << 20).read_to_end(&mut all));
            all
        });
        let began = Instant::now();
        let code = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status.code(),
                Ok(None) if began.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
                Ok(None) | Err(_) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err("it does not answer".to_owned());
                }
            }
        };
        let _ = writer.join();
        Ok((code, reader.join().unwrap_or_default()))
    }
}

impl Far {
    /// Sends a signal to what was started on the far side; waits so long at most. Whether it arrived.
    #[must_use]
    pub fn signal(&self, name: &str, limit: Duration) -> bool {
        let script = letter::signal_script(&self.mark, name, self.user.as_deref());
        matches!(self.errand.fresh().and_then(|errand| errand.run(&script, limit)), Ok((Some(0), _)))
    }

    /// What the end of the local command means: how the far one ended, or that nobody knows.
    pub fn judge(&self, exit: Exit, stderr: &mut Printed) -> Exit {
        let Exit::Code(code) = exit else { return exit };
        let text = String::from_utf8_lossy(&stderr.head).into_owned();
        let proof = letter::proof(&self.mark, code);
        if let Some(before) = text.trim_end().strip_suffix(proof.as_str()) {
            stderr.head.truncate(before.len().min(stderr.head.len()));
            return exit;
        }
        for carrier in &self.carriers {
            match carrier {
                Carrier::Ssh(session) if code == 255 => {
                    return match session.lost(&text) {
                        Ok(why) => Exit::NotStarted { why },
                        Err(why) => Exit::Lost { why },
                    };
                }
                Carrier::Other { codes, messages }
                    if codes.contains(&code) && (messages.is_empty() || messages.iter().any(|message| text.contains(message))) =>
                {
                    let why = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason was given").to_owned();
                    return Exit::Lost { why };
                }
                _ => {}
            }
        }
        exit
    }
}

impl Errand {
    /// The same way with a mark of its own, so that what it carries is not taken for what it looks for.
    fn fresh(&self) -> Result<Self, String> {
        let mark = mark()?;
        let replace = |word: &String| word.replace(&self.mark, &mark);
        let terminal_off = |word: String| if word == "-tt" { "-T".to_owned() } else { word };
        Ok(Self { words: self.words.iter().map(replace).map(terminal_off).collect(), mark, ..self.clone() })
    }
}

/// A script as it is sent, and what follows it.
fn posted(script: &str, rest: Option<&str>) -> Vec<u8> {
    let mut all = letter::posted(script).into_bytes();
    all.push(b'\n');
    all.extend_from_slice(rest.unwrap_or_default().as_bytes());
    all
}

/// The words of a transport around the words that it carries.
fn around(transport: &Transport, address: &str, carried: &[String], terminal: bool) -> Vec<String> {
    let fixed = |before: &[&str], after: &[&str]| {
        let words = before.iter().map(|word| (*word).to_owned()).chain(transport.options.iter().cloned());
        words.chain(after.iter().map(|word| (*word).to_owned())).chain(carried.iter().cloned()).collect()
    };
    match transport.kind {
        KindName::Local | KindName::Ssh => carried.to_vec(),
        KindName::KubectlExec => fixed(&["kubectl", "exec", if terminal { "-it" } else { "-i" }], &[address, "--"]),
        KindName::Chroot => fixed(&["chroot"], &[address]),
        KindName::Nsenter => {
            if transport.options.is_empty() {
                fixed(&["nsenter", "--mount", "--uts", "--ipc", "--net", "--pid", "--target", address], &["--"])
            } else {
                fixed(&["nsenter", "--target", address], &["--"])
            }
        }
        KindName::CephadmShell => fixed(&["cephadm", "shell"], &["--"]),
        KindName::Command => {
            let mut words = Vec::new();
            for word in &transport.command {
                match (word.as_str(), transport.quoting) {
                    ("{command}", Quoting::Argv) => words.extend(carried.iter().cloned()),
                    ("{command}", Quoting::Shell) => words.push(letter::line(carried)),
                    _ => words.push(word.replace("{host}", address)),
                }
            }
            words
        }
    }
}

/// A name that nothing else on any host has.
fn mark() -> Result<String, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| format!("the operating system gives no randomness: {error}"))?;
    Ok(format!("halligan-{:016x}", u64::from_be_bytes(bytes)))
}
