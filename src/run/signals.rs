//! The operator's signals, turned into an urgency that the loop looks at.

use std::{io, sync::Arc, thread};

use nix::sys::signal::{Signal, raise};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGTSTP},
    iterator::{Handle, Signals},
};

use super::child;
use crate::ports::{Heard, Interrupts, Urgency};

/// Listens until dropped.
#[derive(Debug)]
pub struct Listener {
    handle: Handle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Listener {
    /// Ctrl-C: once, stop after this step; twice, end this step; three times, leave at once. TERM is the second of these, HUP
    /// means that the terminal is gone. Cleanups heed only the third. A broken pipe is no signal for a run: it goes on.
    /// Ctrl-Z stops us with all that is under way, and no time passes for it.
    ///
    /// What was ignored when we were started stays ignored, as after `nohup`.
    ///
    /// # Errors
    /// The handlers cannot be set.
    pub fn start(
        interrupts: Arc<Interrupts>,
        last: Arc<Interrupts>,
        told: impl Fn(&'static str, Urgency) + Send + 'static,
    ) -> io::Result<Self> {
        let ignored = ignored();
        let wanted = [SIGINT, SIGTERM, SIGHUP, SIGTSTP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let mut signals = Signals::new(wanted.chain([SIGPIPE]))?;
        let handle = signals.handle();
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let name = match signal {
                    SIGINT => "SIGINT",
                    SIGTERM => "SIGTERM",
                    SIGHUP => "SIGHUP",
                    SIGTSTP => {
                        stand_still(&interrupts, || ());
                        continue;
                    }
                    _ => continue,
                };
                // Remembered before it takes effect, so that its record comes before those of what it brings about.
                interrupts.hear(Heard::Stop(name));
                match signal {
                    SIGINT => {
                        interrupts.press();
                    }
                    SIGTERM => interrupts.raise(Urgency::Now),
                    _ => interrupts.hang_up(),
                }
                let urgency = interrupts.urgency();
                if urgency == Urgency::AtOnce {
                    last.raise(Urgency::AtOnce);
                }
                told(name, urgency);
            }
        })?;
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The signals that are ignored from the start, one bit each (proc(5), `SigIgn`).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Stops us and all that is under way until somebody lets us go on; `first` is done before anything else then. Where nobody
/// could let us go on, nothing happens, as the kernel has it for signals of the terminal.
pub(super) fn stand_still(interrupts: &Interrupts, first: impl FnOnce()) {
    if child::has_job_control() {
        interrupts.suspend();
        child::signal_all(Signal::SIGSTOP);
        let _ = raise(Signal::SIGSTOP);
        first();
        child::signal_all(Signal::SIGCONT);
        interrupts.hear(Heard::Suspended(interrupts.proceed()));
    } else {
        first();
        child::signal_all(Signal::SIGCONT);
    }
}
