//! The operator's signals, turned into an urgency that the loop looks at.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use nix::sys::signal::{Signal, raise};
use signal_hook::{
    SigId,
    consts::{SIGABRT, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGTSTP, SIGWINCH, SIGXFSZ},
    flag,
    iterator::{Handle, Signals},
    low_level,
};

use super::{child, spawn};
use crate::{
    event::StopSignal,
    ports::{Heard, Interrupts, Urgency},
    procfs::Procfs,
};

/// Listens until dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    handle: Handle,
    thread: Option<thread::JoinHandle<()>>,
    broken_pipe: SigId,
}

impl Listener {
    /// Ctrl-C: once, stop after this step; twice, end this step; three times, leave at once. TERM is the second of these, HUP
    /// means that terminal lost. Cleanups heed only the third. A broken pipe is no signal for a run: it goes on.
    /// Ctrl-Z stops us with all that is under way, and no time passes for it.
    ///
    /// What was ignored when we were started stays ignored, as after `nohup`.
    ///
    /// # Errors
    /// The handlers cannot be set.
    pub(crate) fn start(
        interrupts: Arc<Interrupts>,
        last: Arc<Interrupts>,
        told: impl Fn(StopSignal, Urgency) + Send + 'static,
    ) -> io::Result<Self> {
        let ignored = Procfs::system().ignored_signals();
        tracing::trace!(ignored = %format_args!("{ignored:#x}"), "listens for signals, but for those that are ignored from the start");
        let wanted = [SIGINT, SIGTERM, SIGHUP, SIGTSTP].into_iter().filter(|signal| !holds(ignored, *signal));
        let mut signals = Signals::new(wanted)?;
        // Only caught. It must not wake the thread: the waking is a write to a pipe, which may itself be broken when we end,
        // and would then bring itself about for ever.
        let broken_pipe = flag::register(SIGPIPE, Arc::new(AtomicBool::new(false)))?;
        let handle = signals.handle();
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let asked = match signal {
                    SIGINT => StopSignal::Interrupt,
                    SIGTERM => StopSignal::Terminate,
                    SIGHUP => StopSignal::HangUp,
                    SIGTSTP => {
                        tracing::debug!("SIGTSTP came: all stands still until SIGCONT");
                        stand_still(&interrupts, || ());
                        continue;
                    }
                    _ => continue,
                };
                // Remembered before it takes effect, so that its record comes before those of what it brings about.
                interrupts.hear(Heard::Stop(asked));
                match asked {
                    StopSignal::Interrupt => {
                        interrupts.press();
                    }
                    StopSignal::Terminate => interrupts.raise(Urgency::Now),
                    StopSignal::HangUp => interrupts.hang_up(),
                }
                let urgency = interrupts.urgency();
                tracing::debug!(signal = %asked, ?urgency, "a signal came");
                if urgency == Urgency::AtOnce {
                    last.raise(Urgency::AtOnce);
                }
                told(asked, urgency);
            }
        })?;
        Ok(Self { handle, thread: Some(thread), broken_pipe })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        low_level::unregister(self.broken_pipe);
    }
}

/// What calls on whoever waits for something else: another size of the window, and that we are to end.
#[derive(Debug)]
pub(super) struct SignalCalls {
    resized: UnixStream,
    called: UnixStream,
    ids: Vec<SigId>,
}

impl SignalCalls {
    /// Listens until dropped.
    ///
    /// # Errors
    /// The handlers cannot be set.
    pub(super) fn listen() -> io::Result<Self> {
        let ((resized, resizes), (called, calls)) = (UnixStream::pair()?, UnixStream::pair()?);
        resized.set_nonblocking(true)?;
        let mut listening = Self { resized, called, ids: Vec::new() };
        listening.ids.push(low_level::pipe::register(SIGWINCH, resizes)?);
        for signal in [SIGTERM, SIGHUP] {
            listening.ids.push(low_level::pipe::register(signal, calls.try_clone()?)?);
        }
        Ok(listening)
    }

    /// Readable when the window has another size.
    pub(super) fn resized(&self) -> BorrowedFd<'_> {
        self.resized.as_fd()
    }

    /// Whether it has, since this was asked last.
    pub(super) fn take_resized(&self) -> bool {
        let mut told = [0; 64];
        matches!((&self.resized).read(&mut told), Ok(1..))
    }

    /// Readable when we are to end.
    pub(super) fn called(&self) -> BorrowedFd<'_> {
        self.called.as_fd()
    }
}

impl Drop for SignalCalls {
    fn drop(&mut self) {
        for id in &self.ids {
            low_level::unregister(*id);
        }
    }
}

/// Undoes what whoever has started us may have left to us, and what we start would inherit: that the end of children is ignored,
/// and open descriptors.
///
/// # Errors
/// It cannot be undone.
pub(crate) fn begin_plainly() -> io::Result<()> {
    spawn::keep_descriptors()?;
    // A file that has reached its limit (RLIMIT_FSIZE) is a write that fails, as on a full disk, and not the end of the process. Only
    // caught, so that what we start has the default again.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    heed_children()
}

/// Sees to it that our children can be waited for. Some who start us ignore the end of theirs, which we inherit, and then the
/// kernel forgets how a command ended before we can ask.
///
/// # Errors
/// The handler cannot be set.
pub fn heed_children() -> io::Result<()> {
    if holds(Procfs::system().ignored_signals(), SIGCHLD) {
        // That it is caught is all that matters, and what we start does not inherit it.
        flag::register(SIGCHLD, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// Ends the process with this code where it would abort: when no memory is left, or no stack. There is nothing it could still do.
///
/// # Errors
/// The handler cannot be set.
pub(crate) fn end_when_out_of_memory(code: i32) -> io::Result<()> {
    flag::register_conditional_shutdown(SIGABRT, code, Arc::new(AtomicBool::new(true))).map(drop)
}

fn holds(mask: u64, signal: i32) -> bool {
    mask >> (signal - 1) & 1 == 1
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

#[cfg(test)]
mod tests {
    use super::{super::alone::alone, *};

    /// A listener whose thread is gone before it is woken writes to a pipe that nobody reads any more. The signal of that
    /// must not write to it again, for ever.
    #[test]
    fn it_ends_however_its_thread_and_its_waker_meet() {
        alone("exec::signals::tests::it_ends_however_its_thread_and_its_waker_meet", || {
            let (interrupts, last) = (Arc::new(Interrupts::default()), Arc::new(Interrupts::default()));
            let mut listener = Listener::start(interrupts, last, |_, _| ()).unwrap();
            listener.handle.close();
            listener.thread.take().unwrap().join().unwrap();
            drop(listener);
        });
    }
}
