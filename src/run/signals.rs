//! The operator's signals, turned into an urgency that the loop looks at.

use std::{io, sync::Arc, thread};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM},
    iterator::{Handle, Signals},
};

use crate::ports::{Interrupts, Urgency};

/// Listens until dropped.
#[derive(Debug)]
pub struct Listener {
    handle: Handle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Listener {
    /// Ctrl-C: once, stop after this step; twice, end this step; three times, leave at once. TERM is the second of these, HUP
    /// means that the terminal is gone. Cleanups heed only the third. A broken pipe is no signal for a run: it goes on.
    ///
    /// # Errors
    /// The handlers cannot be set.
    pub fn start(
        interrupts: Arc<Interrupts>,
        last: Arc<Interrupts>,
        told: impl Fn(&'static str, Urgency) + Send + 'static,
    ) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGPIPE])?;
        let handle = signals.handle();
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let (name, urgency) = match signal {
                    SIGINT => ("SIGINT", interrupts.press()),
                    SIGTERM => {
                        interrupts.raise(Urgency::Now);
                        ("SIGTERM", interrupts.urgency())
                    }
                    SIGHUP => {
                        interrupts.hang_up();
                        ("SIGHUP", interrupts.urgency())
                    }
                    _ => continue,
                };
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
