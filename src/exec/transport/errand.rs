//! One command on the far side: what carries it, how it is signalled, how its end is judged.

use std::{collections::BTreeMap, io::Write, time::Duration};

use super::{
    connection::Session,
    letter,
    reply::{FarReply, Sieve},
};
use crate::{
    event::Exit,
    inventory::{KindName, Quoting, Transport},
    last_line::last_line,
    ports::Printed,
    quantity,
    tool::{Tool, ToolError},
};

/// The far end of a passage.
#[derive(Debug)]
pub(crate) struct Far {
    pub mark: String,
    pub carriers: Vec<Carrier>,
    pub errand: Errand,
    pub user: Option<String>,
    /// The code with which a command that talks with the operator says that it ended well.
    pub success: i32,
}

/// One link of the way, and how it says that it broke.
#[derive(Debug)]
pub(crate) enum Carrier {
    Ssh(Session),
    Other {
        codes: Vec<i32>,
        messages: Vec<String>,
        /// It leaves this machine by no network.
        here: bool,
    },
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
    /// The operator's terminal goes with it.
    pub terminal: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ByArgument {
    pub transport: Transport,
    pub address: String,
}

impl Errand {
    /// The words and the standard input that bring a script to the far side, and what follows it there.
    pub(crate) fn post(&self, script: &str, rest: &str) -> (Vec<String>, Vec<u8>) {
        let Some(ByArgument { transport, address }) = &self.by_argument else {
            let mut all = self.before.clone();
            all.extend(letter::posted(&self.mark, script).into_bytes());
            all.extend_from_slice(rest.as_bytes());
            return (self.words.clone(), all);
        };
        let holding = letter::holding(&self.mark, script);
        if transport.kind == KindName::Ssh {
            let mut words = self.words.clone();
            words.pop();
            words.push(letter::line(&holding));
            return (words, Vec::new());
        }
        (around(transport, address, &holding, self.terminal), Vec::new())
    }

    /// Asks a question of halligan's own there, for so long at most. Returns its exit code and what it printed.
    ///
    /// # Errors
    /// The far side has not said that it was the question's own answer.
    pub(crate) fn ask(&self, script: &str, limit: Duration) -> Result<(i32, Vec<u8>), String> {
        let (words, stdin) = self.post(&letter::question(script), "");
        let [program, arguments @ ..] = words.as_slice() else { return Err("there is no command".to_owned()) };
        let tool = Tool::new(program, arguments).environment(&self.environment).input(stdin).limit(limit);
        let end = match tool.run() {
            Ok(end) => end,
            Err(ToolError::NotStarted(error)) => return Err(format!("{program}: {error}")),
            Err(_) => return Err("it does not answer".to_owned()),
        };
        let reply = FarReply::to(&self.mark);
        let [stdout, stderr] = [&end.stdout, &end.stderr].map(|stream| {
            let mut sieve = Sieve::new(Some(&reply), Vec::new());
            // A vector takes whatever is written to it.
            sieve.write_all(stream).and_then(|()| sieve.finish()).map(|(kept, _)| kept).unwrap_or_default()
        });
        match reply.code() {
            Some(code) => Ok((code, stdout)),
            None if reply.opened() => Err("its answer was cut off".to_owned()),
            None => Err(unasked(&reply, end.code, &last_words(&[&stderr, &stdout]))),
        }
    }
}

/// Why nothing was begun: the far side's session is over, and the letter was never opened.
fn unasked(reply: &FarReply, code: Option<i32>, said: &str) -> String {
    let code = code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
    if reply.unread() {
        return format!("something on the host reads standard input before the command's shell does ({code})");
    }
    let said = if said.is_empty() { "and said nothing".to_owned() } else { format!("and said: {said}") };
    format!("the host did something else instead ({code}), {said}")
}

/// The last line with something in it, of the first stream that has one.
fn last_words(streams: &[&[u8]]) -> String {
    let line = |stream: &&[u8]| {
        let text = String::from_utf8_lossy(&stream[stream.len().saturating_sub(4096)..]).into_owned();
        last_line(&text).map(|line| line.chars().take(200).collect())
    };
    streams.iter().find_map(line).unwrap_or_default()
}

impl Far {
    /// Sends a signal to what was started on the far side; waits so long at most. Whether it arrived.
    #[must_use]
    pub(crate) fn signal(&self, name: &str, limit: Duration) -> bool {
        let script = letter::signal_script(&self.mark, name, self.user.as_deref());
        matches!(self.errand.fresh().and_then(|errand| errand.ask(&script, limit)), Ok((0, _)))
    }

    /// What the end of a command that talked with the operator means. Of what it printed nothing was read: only its code tells.
    pub(crate) fn attended(&self, exit: Exit) -> Exit {
        let Exit::Code(code) = exit else { return exit };
        if code == self.success {
            return Exit::Code(0);
        }
        let broken = self.carriers.iter().any(|carrier| match carrier {
            Carrier::Ssh(_) => code == 255,
            Carrier::Other { codes, .. } => codes.contains(&code),
        });
        match code {
            0 => Exit::Lost { why: "the host ended the session well, but has not said that the command did".to_owned() },
            _ if broken => {
                Exit::Lost { why: format!("the session ended with exit code {code}, which is also that of a connection that breaks") }
            }
            _ => exit,
        }
    }
}

/// What the end of the process here means for the command there: how it ended, that it never began, or that nobody knows.
pub(crate) fn judge(far: Option<&Far>, reply: &FarReply, exit: Exit, stdout: &Printed, stderr: &Printed) -> Exit {
    if let Some(code) = reply.code() {
        return match exit {
            // The time that it had was over all the same.
            Exit::TimedOut { .. } | Exit::Interrupted { .. } => exit,
            _ => Exit::Code(code),
        };
    }
    let said = last_words(&[stderr.end(), stdout.end()]);
    let code = match exit {
        Exit::Code(code) => Some(code),
        Exit::Signal(_) => None,
        Exit::TimedOut { killed: false, after_ms } => {
            let after = quantity::show_duration(Duration::from_millis(after_ms));
            return Exit::Lost { why: format!("timed out after {after}, and has not said how it ended") };
        }
        Exit::Interrupted { killed: false } => {
            return Exit::Lost { why: "cancelled by the operator, and has not said how it ended".to_owned() };
        }
        other => return other,
    };
    let Some(far) = far else {
        return match exit {
            Exit::Code(_) if !reply.opened() => Exit::NotStarted { why: said },
            _ => Exit::Lost { why: "its shell ended before it did".to_owned() },
        };
    };
    for carrier in &far.carriers {
        match carrier {
            Carrier::Ssh(session) if code.is_none_or(|code| code == 255) => {
                return match session.lost(&String::from_utf8_lossy(stderr.end())) {
                    Ok(why) if !reply.opened() => Exit::NotStarted { why },
                    Ok(why) | Err(why) => Exit::Lost { why },
                };
            }
            Carrier::Other { codes, messages, .. }
                if code.is_some_and(|code| codes.contains(&code))
                    && (messages.is_empty() || messages.iter().any(|message| String::from_utf8_lossy(stderr.end()).contains(message))) =>
            {
                let why = if said.is_empty() { "no reason was given" } else { &said };
                return Exit::Lost { why: format!("connection lost: {why}") };
            }
            _ => {}
        }
    }
    let code_said = code.map_or_else(String::new, |code| format!(" (exit code {code})"));
    if reply.opened() {
        return Exit::Lost { why: format!("the host has not said how the command ended{code_said}") };
    }
    // Where nobody has said what a connection that breaks looks like, only what a transport does in good order tells that the mark
    // is not still on its way: an end that it calls good, and that there was nothing to run.
    let orderly = far.carriers.iter().all(|carrier| match carrier {
        Carrier::Ssh(_) => true,
        Carrier::Other { codes, here, .. } => *here || !codes.is_empty() || matches!(code, Some(0 | 126 | 127)),
    });
    if orderly && code.is_some() {
        return Exit::NotStarted { why: unasked(reply, code, &said) };
    }
    Exit::Lost {
        why: format!(
            "the host has not said that the command began{code_said}; its transport does not say what a lost connection looks like"
        ),
    }
}

impl Errand {
    /// The same way with a mark of its own, so that what it carries is not taken for what it looks for.
    pub(crate) fn fresh(&self) -> Result<Self, String> {
        let mark = mark()?;
        let replace = |word: &String| word.replace(&self.mark, &mark);
        let terminal_off = |word: String| if word == "-tt" { "-T".to_owned() } else { word };
        // Marks are of one length, so a letter around it keeps its own.
        let before = String::from_utf8_lossy(&self.before).replace(&letter::seal(&self.mark), &letter::seal(&mark)).into_bytes();
        Ok(Self { words: self.words.iter().map(replace).map(terminal_off).collect(), before, mark, terminal: false, ..self.clone() })
    }
}

/// A name that nothing else on any host has.
pub(in crate::exec) fn mark() -> Result<String, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| format!("the operating system gives no randomness: {error}"))?;
    Ok(format!("halligan-{:016x}", u64::from_be_bytes(bytes)))
}

/// An exit code that nothing but this command's letter has a reason for.
pub(super) fn success() -> Result<i32, String> {
    let mut byte = [0];
    getrandom::fill(&mut byte).map_err(|error| format!("the operating system gives no randomness: {error}"))?;
    Ok(65 + i32::from(byte[0] % 60))
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
