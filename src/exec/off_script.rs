//! A shell of the operator's own, on a terminal between his and the shell, so that all it shows can be recorded.

use std::{os::fd::AsFd, time::Duration};

use nix::sys::signal::Signal;

use super::{
    child::Child,
    process::{ProcessExecutor, Streams, settle},
    pseudo_terminal::{OperatorsTerminal, PseudoTerminal},
    relay::{Relay, RelayEnd},
    shell_hooks,
    shell_marks::ShellMarks,
    signals::SignalCalls,
    supervise::{Force, Over},
    transport::{Passage, mark},
};
use crate::{
    event::{Effect, Exit, Part, Place, Words},
    ports::{EnvValue, FromShell, Interrupts, LedgerError, Order},
};

/// How long a shell may take to end once its terminal has hung up.
const PARTING: Duration = Duration::from_secs(5);

/// How a shell ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShellEnd {
    pub exit: Exit,
    /// Why it was hung up on; `None` if it has ended by itself.
    pub cut_off: Option<&'static str>,
}

impl ProcessExecutor {
    /// Opens the operator's shell, here or on another host, and sees it to its end. `prompt` stands in its prompt; here it gets the
    /// `environment` beside what commands inherit.
    ///
    /// # Errors
    /// Those of `hear`: the shell is hung up on then.
    pub(crate) fn open_shell(
        &self,
        host: Option<&str>,
        prompt: &str,
        environment: Vec<EnvValue>,
        stop: &Interrupts,
        hear: &mut dyn FnMut(FromShell<'_>) -> Result<(), LedgerError>,
    ) -> Result<ShellEnd, LedgerError> {
        let not_started = |why: String| Ok(ShellEnd { exit: Exit::NotStarted { why }, cut_off: None });
        // Known to the hooks of this shell alone.
        let word = match mark() {
            Ok(word) => word,
            Err(why) => return not_started(why),
        };
        let operator = match OperatorsTerminal::find() {
            Ok(operator) => operator,
            Err(why) => return not_started(why),
        };
        let words = Words::Argv(shell_hooks::command(&word, prompt));
        let mut order = Order::plain(Place::top("shell"), Part::Main, words, Effect::Change);
        order.host = host.map(str::to_owned);
        order.interactive = true;
        let passage = match self.transports.carry(&order, &self.secrets, stop) {
            Ok(passage) => passage,
            Err(why) => return not_started(why),
        };
        // Here it stands where the operator does.
        let here = std::env::current_dir().ok();
        let passage = if passage.far.is_none() { Passage { env: environment, cwd: here, ..passage } } else { passage };
        let size = operator.size();
        let opened = PseudoTerminal::open(size).and_then(|opened| Ok((opened, SignalCalls::listen()?)));
        let ((shell, other), calls) = match opened {
            Ok(opened) => opened,
            Err(error) => return not_started(format!("no terminal for the shell: {error}")),
        };
        let child = match self.start(&order, &passage, Streams::Terminal(other.as_fd()), None, stop) {
            Ok(child) => child,
            Err(why) => return not_started(why),
        };
        // As long as we have it, nobody sees that the shell has let go of it.
        drop(other);
        let raw = operator.raw();
        let relay = Relay { operator: &operator, shell: &shell, child: &child, calls: &calls, marks: ShellMarks::of(&word) };
        let over = match &raw {
            Ok(_) => hear(FromShell::Started { columns: size.columns, rows: size.rows }).and_then(|()| relay.run(hear)),
            Err(_) => Ok(RelayEnd::Lost),
        };
        drop(raw);
        drop(shell);
        let exit = ended(child)?;
        let exit = passage.far.as_ref().map_or(exit.clone(), |far| far.attended(exit));
        let cut_off = match over? {
            RelayEnd::Ended => None,
            RelayEnd::Lost => Some("the terminal was lost"),
            RelayEnd::Called => Some("halligan was asked to end"),
        };
        Ok(ShellEnd { exit, cut_off })
    }
}

/// Learns how a shell ended whose terminal has hung up. What it has started goes on, as with every terminal that is closed.
fn ended(child: Child) -> Result<Exit, LedgerError> {
    let mut force = Force::Spared;
    if !child.has_ended(PARTING) {
        force = if child.signal(Signal::SIGKILL).is_ok() { Force::Sent } else { Force::Unsent };
    }
    let stuck = !child.has_ended(PARTING);
    settle(child, Ok(Over { cause: None, force, stuck }))
}
