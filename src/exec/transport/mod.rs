//! How an order gets to where it runs: to another user, into a container, to another host.
//!
//! Whatever carries it, the far side is a POSIX `sh` that reads a [`letter`]; only the words around it differ.

pub(crate) mod carried;
mod connection;
mod errand;
mod letter;
mod private;
mod refusal;
mod reply;

use std::{borrow::Cow, collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

pub(crate) use carried::Carried;
use connection::Connections;
pub(crate) use errand::judge;
pub(super) use errand::mark;
use letter::{Letter, LetterAnswer, LetterInput};
pub(super) use private::{PREFIX, places as private_places};
pub(crate) use reply::{FarReply, Sieve};

use super::{program, sudo::SudoCall};
use crate::{
    event::{Effect, Words},
    exec::transport::errand::{ByArgument, Carrier, Errand, Far, around, success},
    inventory::{self, Inventory, KindName, Transport},
    ports::{EnvValue, Interrupts, Order},
    secret::Secrets,
};

/// How long a question that halligan itself asks of a far host may take, once it is connected.
const ASKING: Duration = Duration::from_secs(60);

/// Carries orders.
#[derive(Debug)]
pub(crate) struct Transports {
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
pub(crate) struct Passage {
    /// Never empty.
    pub words: Vec<String>,
    pub cwd: Option<PathBuf>,
    pub env: Vec<EnvValue>,
    pub stdin: Option<Vec<u8>>,
    /// `None` if it runs on this machine, where signals reach it directly.
    pub far: Option<Far>,
    /// Set where sudo runs it as another user, and only its exit code tells.
    pub sudo: Option<SudoCall>,
    /// What is heard of its letter, if one is sent whose answer is read.
    pub reply: Option<FarReply>,
}

impl Passage {
    /// Nothing is around the order: it is started here, as it is.
    pub(crate) fn plain(order: &Order) -> Self {
        let stdin = order.stdin.clone().map(String::into_bytes);
        Self { words: order.words.argv(), cwd: order.cwd.clone(), env: order.env.clone(), stdin, far: None, sudo: None, reply: None }
    }
}

impl Transports {
    #[must_use]
    pub(crate) fn new(
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
    pub(crate) fn carry(&self, order: &Order, secrets: &Secrets, stop: &Interrupts) -> Result<Passage, String> {
        let argv = order.words.argv();
        let user = order.user.as_deref();
        match &order.host {
            Some(host) if !self.is_here(host)? => self.to_host(host, &argv, order, secrets, stop),
            _ => self.here(argv, user.filter(|user| *user != self.user), order),
        }
    }

    /// An order with what the inventory gives to those that only read: an identity that may only read. What the order itself says wins.
    pub(crate) fn as_reader<'a>(&self, order: &'a Order) -> Cow<'a, Order> {
        let Some(inventory) = self.inventory.as_ref().filter(|_| order.effect == Effect::Read) else { return Cow::Borrowed(order) };
        let given = inventory.reads_on(order.host.as_deref());
        let mut reader = order.clone();
        for (name, value) in given.into_iter().filter(|(name, _)| order.env.iter().all(|own| own.name != *name)) {
            reader.env.push(EnvValue { name: name.to_owned(), value: value.to_owned() });
        }
        Cow::Owned(reader)
    }

    /// The user who runs halligan.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether what is called so is this machine.
    ///
    /// # Errors
    /// No host is called so.
    pub(crate) fn is_here(&self, host: &str) -> Result<bool, String> {
        Ok(self.find(host)?.1.kind == KindName::Local)
    }

    /// A host's address, how it is reached, and through which other host.
    fn find(&self, name: &str) -> Result<(String, Transport, Option<String>), String> {
        let Some(inventory) = &self.inventory else {
            inventory::destination(name).map_err(|why| format!("`{name}` is not a valid host name: {why}"))?;
            let ssh = Transport::plain("ssh").ok_or("ssh is not installed")?;
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
            return Ok(Passage::plain(order));
        };
        if self.password.is_some() && !order.interactive {
            let mark = mark()?;
            let letter = self.letter(&argv, order, LetterAnswer::Marks);
            let stdin = letter::posted(&mark, &letter.script()?) + &letter.input.rest();
            let (words, reply) = (letter::awaiting(&mark), Some(FarReply::to(&mark)));
            return Ok(Passage { words, cwd: None, env: Vec::new(), stdin: Some(stdin.into_bytes()), far: None, sudo: None, reply });
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
        let sudo = Some(SudoCall::new(user, &argv));
        words.append(&mut argv);
        let stdin = order.stdin.clone().map(String::into_bytes);
        Ok(Passage { words, cwd, env: order.env.clone(), stdin, far: None, sudo, reply: None })
    }

    fn letter<'a>(&'a self, argv: &'a [String], order: &'a Order, answer: LetterAnswer) -> Letter<'a> {
        Letter {
            argv,
            env: &order.env,
            cwd: order.cwd.as_deref(),
            user: order.user.as_deref(),
            password: self.password.as_deref(),
            input: match &order.stdin {
                _ if order.interactive => LetterInput::Rest,
                Some(text) => LetterInput::Text(text),
                None => LetterInput::Nothing,
            },
            answer,
        }
    }

    fn to_host(&self, host: &str, argv: &[String], order: &Order, secrets: &Secrets, stop: &Interrupts) -> Result<Passage, String> {
        let mut carriers = Vec::new();
        let errand = self.errand(host, order.interactive, &mut carriers, stop)?;
        let success = success()?;
        let mut argv = argv.to_vec();
        if matches!(order.words, Words::Script(_)) {
            // bash reads a start file where it takes itself for the first that sshd has started.
            argv.insert(1, "--norc".to_owned());
        }
        let answer = if order.interactive { LetterAnswer::Code(success) } else { LetterAnswer::Marks };
        let letter = self.letter(&argv, order, answer);
        let script = letter.script()?;
        if errand.by_argument.is_some() {
            if order.env.iter().any(|variable| secrets.found_in(&variable.value)) || (self.password.is_some() && order.user.is_some()) {
                return Err(format!("a secret would be visible in the process list of {host}: its transport carries no standard input"));
            }
            if order.stdin.is_some() {
                return Err(format!("the transport of {host} carries no standard input"));
            }
        }
        let (words, stdin) = errand.post(&script, &letter.input.rest());
        let stdin = (!order.interactive).then_some(stdin);
        let reply = (!order.interactive).then(|| FarReply::to(&errand.mark));
        let far = Far { mark: errand.mark.clone(), carriers, errand, user: order.user.clone(), success };
        Ok(Passage { words, cwd: None, env: Vec::new(), stdin, far: Some(far), sudo: None, reply })
    }

    /// The way to a host, link by link.
    fn errand(&self, host: &str, terminal: bool, carriers: &mut Vec<Carrier>, stop: &Interrupts) -> Result<Errand, String> {
        let (address, transport, via) = self.find(host)?;
        tracing::trace!(host, address, kind = ?transport.kind, via, "the way to a host");
        let mark = mark()?;
        let mut errand =
            Errand { words: Vec::new(), before: Vec::new(), mark, environment: self.environment.clone(), by_argument: None, terminal };
        if transport.kind == KindName::Ssh {
            if via.is_some() {
                return Err(format!(
                    "{host} is reached by ssh: name its jump host with ProxyJump in the transport's options, not with `via`"
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
        let here = via.is_none() && matches!(transport.kind, KindName::Chroot | KindName::Nsenter | KindName::CephadmShell);
        carriers.push(Carrier::Other { codes: transport.lost_codes.clone(), messages: transport.lost_messages.clone(), here });
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
            let (input, answer) = (LetterInput::Rest, LetterAnswer::Nothing);
            let inner = Letter { argv: &errand.words, env: &[], cwd: None, user: None, password: None, input, answer };
            let (words, before) = outer.post(&inner.script()?, "");
            (errand.words, errand.before) = (words, before);
        }
        Ok(errand)
    }

    /// Which of these programs a host does not have.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String> {
        if self.is_here(host)? {
            let path = self.environment.get("PATH").map(String::as_str).unwrap_or_default();
            let there = |program: &String| program::find(path, program).is_ok();
            return Ok(programs.iter().filter(|program| !there(program)).cloned().collect());
        }
        let mut carriers = Vec::new();
        let errand = self.errand(host, false, &mut carriers, stop)?;
        let asked = errand.ask(&letter::missing_script(programs)?, ASKING);
        tracing::debug!(host, programs = programs.len(), code = ?asked.as_ref().ok().map(|(code, _)| *code), "asked a host for its programs");
        let (code, stdout) = asked?;
        if code != 0 {
            return Err("it does not answer".to_owned());
        }
        Ok(String::from_utf8_lossy(&stdout).lines().map(str::to_owned).collect())
    }
}
