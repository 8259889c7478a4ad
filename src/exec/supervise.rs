//! Sees a command to its end: lets it take its time, then asks it to end, then kills it, and never waits without limit.

use std::{thread, time::Duration};

use nix::{errno::Errno, sys::signal::Signal, unistd::Pid};

use super::{child::Child, family::predicament};
use crate::{
    event::{EndSignal, SentSignal},
    ports::{Interrupts, LedgerError, Site, Stopwatch, Urgency},
    quantity,
};

/// How often a running command is looked at for its timeout and the operator's signals. Its own end is seen at once.
const TICK: Duration = Duration::from_millis(50);
/// How long the end of what was killed is waited for when the operator wants to leave at once.
const PARTING: Duration = Duration::from_secs(1);

/// How long a command is given at each stage of its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Between TERM and KILL.
    pub grace: Duration,
    /// After KILL: what is still there then hangs in the kernel.
    pub stuck: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { grace: Duration::from_secs(5), stuck: Duration::from_secs(10) }
    }
}

/// What can be done with a command that is under way.
pub(super) trait Process {
    fn pid(&self) -> Pid;
    /// Waits so long for its end; says whether it has ended.
    fn has_ended(&self, within: Duration) -> bool;
    /// What it has started and is still running.
    fn survivors(&self) -> Vec<Pid>;
    fn terminate(&self) -> nix::Result<()>;
    fn kill(&self) -> nix::Result<()>;
}

impl Process for Child {
    fn pid(&self) -> Pid {
        self.pid()
    }
    fn has_ended(&self, within: Duration) -> bool {
        self.has_ended(within)
    }
    fn survivors(&self) -> Vec<Pid> {
        self.survivors()
    }
    fn terminate(&self) -> nix::Result<()> {
        let sent = self.signal(Signal::SIGTERM);
        // One that is stopped sees it only when it goes on.
        let _ = self.signal(Signal::SIGCONT);
        sent
    }
    fn kill(&self) -> nix::Result<()> {
        self.kill()
    }
}

/// Why a command was made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Timeout { after: Duration },
    Operator,
}

/// What became of the KILL for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    /// There was no need of one.
    Spared,
    Sent,
    /// It could not be sent: whatever ended here, the command itself may go on.
    Unsent,
}

/// How a command's time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over {
    /// `None` if it ended by itself.
    pub cause: Option<Cause>,
    /// It, or something that it started, had to be killed.
    pub force: Force,
    /// It has not ended: even KILL could not reach it.
    pub stuck: bool,
}

/// Sees a process to its end.
///
/// # Errors
/// The journal fails; the process has been asked to end by then.
pub(super) fn supervise(
    process: &impl Process,
    limit: Option<Duration>,
    patience: Patience,
    site: &dyn Site,
    stop: &Interrupts,
) -> Result<Over, LedgerError> {
    let watch = Stopwatch::start(stop);
    // As long as nothing has gone wrong, its end is all there is to wait for.
    let cause = loop {
        if process.has_ended(TICK) {
            return Ok(Over { cause: None, force: Force::Spared, stuck: false });
        }
        let elapsed = watch.elapsed();
        if limit.is_some_and(|limit| elapsed >= limit) {
            break Cause::Timeout { after: elapsed };
        }
        if stop.urgency() >= Urgency::Now {
            break Cause::Operator;
        }
    };
    tracing::debug!(pid = %process.pid(), ?cause, "sends TERM to a command");
    let recorded = site.signalled(sent(EndSignal::Term, process.terminate()));
    let watch = Stopwatch::start(stop);
    loop {
        if over(process, TICK) {
            return recorded.map(|()| Over { cause: Some(cause), force: Force::Spared, stuck: false });
        }
        if watch.elapsed() >= patience.grace || stop.urgency() == Urgency::AtOnce {
            break;
        }
    }
    tracing::debug!(pid = %process.pid(), waited = ?watch.elapsed(), "sends KILL to a command that has not ended after TERM");
    let struck = process.kill();
    let force = if matches!(struck, Ok(()) | Err(Errno::ESRCH)) { Force::Sent } else { Force::Unsent };
    let recorded = recorded.and_then(|()| site.signalled(sent(EndSignal::Kill, struck)));
    let watch = Stopwatch::start(stop);
    loop {
        if over(process, TICK) {
            return recorded.map(|()| Over { cause: Some(cause), force, stuck: false });
        }
        let patience = if stop.urgency() == Urgency::AtOnce { patience.stuck.min(PARTING) } else { patience.stuck };
        if watch.elapsed() >= patience {
            recorded?;
            let who: Vec<String> = std::iter::once(process.pid())
                .filter(|_| !process.has_ended(Duration::ZERO))
                .chain(process.survivors())
                .map(predicament)
                .collect();
            let elapsed = quantity::show_duration(patience);
            site.remark(&format!("still running {elapsed} after KILL; no longer waited for: {}", who.join("; ")))?;
            return Ok(Over { cause: Some(cause), force, stuck: true });
        }
        // What it forked while it was killed.
        let _ = process.kill();
    }
}

/// Whether it is over with it and with all that it has started.
fn over(process: &impl Process, within: Duration) -> bool {
    if !process.has_ended(within) {
        return false;
    }
    if process.survivors().is_empty() {
        return true;
    }
    thread::sleep(within);
    false
}

/// A signal with what kept it from its goal; what has ended already needs none.
fn sent(signal: EndSignal, sent: nix::Result<()>) -> SentSignal {
    let unsent = sent.err().filter(|errno| *errno != Errno::ESRCH).map(|errno| errno.desc().to_owned());
    SentSignal { signal, unsent }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::ports::Capture;

    /// Ends after so many signals.
    #[derive(Default)]
    struct Fake {
        ends_after: u32,
        leaves: bool,
        signals: AtomicU32,
        killed: AtomicU32,
    }

    impl Process for Fake {
        fn pid(&self) -> Pid {
            Pid::from_raw(i32::MAX)
        }
        fn has_ended(&self, _: Duration) -> bool {
            self.signals.load(Ordering::SeqCst) >= self.ends_after
        }
        fn survivors(&self) -> Vec<Pid> {
            if self.leaves && self.killed.load(Ordering::SeqCst) == 0 { vec![Pid::from_raw(i32::MAX - 1)] } else { Vec::new() }
        }
        fn terminate(&self) -> nix::Result<()> {
            self.signals.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        fn kill(&self) -> nix::Result<()> {
            self.signals.fetch_add(1, Ordering::SeqCst);
            self.killed.fetch_add(1, Ordering::SeqCst);
            if self.ends_after > 100 { Err(Errno::EPERM) } else { Ok(()) }
        }
    }

    #[derive(Default)]
    struct Announced(Mutex<Vec<String>>);

    impl Site for Announced {
        fn spawned(&self, _: u32, _: u64) -> Result<(), LedgerError> {
            Ok(())
        }
        fn signalled(&self, signal: SentSignal) -> Result<(), LedgerError> {
            self.remark(&signal.to_string())
        }
        fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
            Err(LedgerError::new("none", None))
        }
        fn line(&self, _: &str) {}
        fn listens(&self) -> bool {
            true
        }
        fn remark(&self, text: &str) -> Result<(), LedgerError> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
    }

    const SHORT: Patience = Patience { grace: Duration::from_millis(5), stuck: Duration::from_millis(5) };

    fn watch(fake: &Fake, limit: Option<Duration>, urgency: Urgency) -> (Over, Vec<String>) {
        let (said, stop) = (Announced::default(), Interrupts::default());
        stop.raise(urgency);
        let over = supervise(fake, limit, SHORT, &said, &stop).unwrap();
        (over, said.0.into_inner().unwrap())
    }

    #[test]
    fn each_stage_follows_the_one_before() {
        let (over, said) = watch(&Fake::default(), None, Urgency::None);
        assert_eq!((over.cause, said.len()), (None, 0));
        let (over, said) = watch(&Fake { ends_after: 1, ..Fake::default() }, None, Urgency::Now);
        assert_eq!((over.cause, over.force, said), (Some(Cause::Operator), Force::Spared, vec!["TERM".to_owned()]));
        let (over, said) = watch(&Fake { ends_after: 2, ..Fake::default() }, Some(Duration::ZERO), Urgency::None);
        assert!(matches!(over, Over { cause: Some(Cause::Timeout { .. }), force: Force::Sent, stuck: false }));
        assert_eq!(said, ["TERM", "KILL"]);
    }

    #[test]
    fn what_outlives_it_is_killed_and_leaves_doubt() {
        let (over, said) = watch(&Fake { ends_after: 1, leaves: true, ..Fake::default() }, None, Urgency::Now);
        assert!(over.force == Force::Sent && !over.stuck);
        assert_eq!(said, ["TERM", "KILL"]);
    }

    #[test]
    fn what_nothing_ends_is_told_and_not_waited_for() {
        let (over, said) = watch(&Fake { ends_after: u32::MAX, ..Fake::default() }, None, Urgency::AtOnce);
        assert!(over.force == Force::Unsent && over.stuck);
        assert_eq!(said[1], "KILL, which could not be sent: Operation not permitted");
        assert!(said[2].contains("no longer waited for: pid 2147483647"), "{}", said[2]);
    }
}
