//! One command on the far side: what carries it, how it is signalled, how its end is judged.

use std::{collections::BTreeMap, time::Duration};

use super::{connection::Session, letter};
use crate::{
    event::Exit,
    inventory::{KindName, Quoting, Transport},
    ports::Printed,
    tool::{Tool, ToolError},
};

/// The far end of a passage.
#[derive(Debug)]
pub(crate) struct Far {
    pub mark: String,
    pub carriers: Vec<Carrier>,
    pub errand: Errand,
    pub user: Option<String>,
}

/// One link of the way, and how it says that it broke.
#[derive(Debug)]
pub(crate) enum Carrier {
    Ssh(Session),
    Other { codes: Vec<i32>, messages: Vec<String> },
}

/// The words that lead to a host, without what they carry there.
#[derive(Debug, Clone)]
pub(crate) struct Errand {
    pub words: Vec<String>,
    /// What must be on standard input before anything else.
    pub before: Vec<u8>,
    pub mark: String,
    pub environment: BTreeMap<String, String>,
    /// The last link takes no standard input: what is carried stands in the words.
    pub by_argument: Option<ByArgument>,
}

#[derive(Debug, Clone)]
pub(crate) struct ByArgument {
    pub transport: Transport,
    pub address: String,
}

impl Errand {
    /// The words and the standard input that bring a script to the far side.
    pub(crate) fn post(&self, script: &str, stdin: Option<&str>) -> (Vec<String>, Vec<u8>) {
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
    pub(crate) fn run(&self, script: &str, limit: Duration) -> Result<(Option<i32>, Vec<u8>), String> {
        let (words, stdin) = self.post(script, None);
        let [program, arguments @ ..] = words.as_slice() else { return Err("there is no command".to_owned()) };
        let tool = Tool::new(program, arguments).environment(&self.environment).input(stdin).limit(limit);
        match tool.run() {
            Ok(end) => Ok((end.code, end.stdout)),
            Err(ToolError::NotStarted(error)) => Err(format!("{program}: {error}")),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }
}

impl Far {
    /// Sends a signal to what was started on the far side; waits so long at most. Whether it arrived.
    #[must_use]
    pub(crate) fn signal(&self, name: &str, limit: Duration) -> bool {
        let script = letter::signal_script(&self.mark, name, self.user.as_deref());
        matches!(self.errand.fresh().and_then(|errand| errand.run(&script, limit)), Ok((Some(0), _)))
    }

    /// What the end of the local command means: how the far one ended, or that nobody knows.
    pub(crate) fn judge(&self, exit: Exit, stderr: &mut Printed) -> Exit {
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
    pub(crate) fn fresh(&self) -> Result<Self, String> {
        let mark = mark()?;
        let replace = |word: &String| word.replace(&self.mark, &mark);
        let terminal_off = |word: String| if word == "-tt" { "-T".to_owned() } else { word };
        Ok(Self { words: self.words.iter().map(replace).map(terminal_off).collect(), mark, ..self.clone() })
    }
}

/// A script as it is sent, and what follows it.
pub(super) fn posted(script: &str, rest: Option<&str>) -> Vec<u8> {
    let mut all = letter::posted(script).into_bytes();
    all.push(b'\n');
    all.extend_from_slice(rest.unwrap_or_default().as_bytes());
    all
}

/// A name that nothing else on any host has.
pub(super) fn mark() -> Result<String, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| format!("the operating system gives no randomness: {error}"))?;
    Ok(format!("halligan-{:016x}", u64::from_be_bytes(bytes)))
}

/// The words of a transport around the words that it carries.
pub(super) fn around(transport: &Transport, address: &str, carried: &[String], terminal: bool) -> Vec<String> {
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
