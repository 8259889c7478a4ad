//! What the operator's signals have asked for, and time without suspension.

use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use crate::event::StopSignal;

/// What the operator's signals have asked for so far.
#[derive(Debug, Default)]
pub struct Interrupts {
    pub level: AtomicU8,
    pub gone: AtomicU8,
    pub bell: Condvar,
    pub latch: Mutex<()>,
    pub heard: Mutex<Vec<Heard>>,
    pub pauses: Mutex<Pauses>,
}

/// A signal that came, for the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It asks for an end.
    Stop(StopSignal),
    /// The operator suspended everything for so long.
    Suspended(Duration),
}

/// How long everything stood still.
#[derive(Debug, Default)]
pub struct Pauses {
    pub over: Duration,
    pub since: Option<Instant>,
    /// How often it went on again.
    pub times: u32,
}

/// How urgently a run is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    None,
    /// Stop after this step.
    AfterStep,
    /// End this step now.
    Now,
    /// Leave at once.
    AtOnce,
}

impl Interrupts {
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        match self.level.load(Ordering::SeqCst) {
            0 => Urgency::None,
            1 => Urgency::AfterStep,
            2 => Urgency::Now,
            _ => Urgency::AtOnce,
        }
    }

    /// The terminal is gone: finish the step, then park the run.
    #[must_use]
    pub fn terminal_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst) != 0
    }

    /// Raises the urgency to at least this.
    pub fn raise(&self, urgency: Urgency) {
        self.level.fetch_max(urgency as u8, Ordering::SeqCst);
        self.ring();
    }

    /// One more Ctrl-C; returns what it means.
    pub fn press(&self) -> Urgency {
        let _ = self.level.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |level| (level < 3).then_some(level + 1));
        self.ring();
        self.urgency()
    }

    pub fn hang_up(&self) {
        self.gone.store(1, Ordering::SeqCst);
        self.raise(Urgency::AfterStep);
    }

    /// Remembers a signal until the loop takes it for the journal.
    pub fn hear(&self, heard: Heard) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    }

    /// The signals that nobody has taken yet, in order.
    #[must_use]
    pub fn take_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on no time passes, until [`Interrupts::proceed`].
    pub fn suspend(&self) {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).since.get_or_insert_with(Instant::now);
    }

    /// Time passes again. Returns how long it stood still.
    pub fn proceed(&self) -> Duration {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let length = pauses.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        pauses.over += length;
        pauses.times += 1;
        length
    }

    /// How often all that stood still was let go on: the screen may show something else since.
    #[must_use]
    pub fn continuations(&self) -> u32 {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).times
    }

    /// How long everything stood still so far: no limit of time counts it.
    #[must_use]
    pub fn suspended(&self) -> Duration {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.over + pauses.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub fn ring(&self) {
        let _guard = self.latch.lock().unwrap_or_else(PoisonError::into_inner);
        self.bell.notify_all();
    }

    /// Sleeps for so long, or until the urgency rises above `level`.
    pub fn sleep(&self, length: Duration, level: Urgency) {
        let watch = Stopwatch::start(self);
        loop {
            let left = length.saturating_sub(watch.elapsed());
            if left.is_zero() || self.urgency() > level {
                return;
            }
            let guard = self.latch.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = self.bell.wait_timeout_while(guard, left, |()| self.urgency() <= level);
        }
    }
}

/// Measures time, without that during which everything was suspended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch<'a> {
    pub began: Instant,
    pub before: Duration,
    pub interrupts: &'a Interrupts,
}

impl<'a> Stopwatch<'a> {
    #[must_use]
    pub(crate) fn start(interrupts: &'a Interrupts) -> Self {
        Self { began: Instant::now(), before: interrupts.suspended(), interrupts }
    }

    #[must_use]
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.interrupts.suspended().saturating_sub(self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspended_time_does_not_count() {
        let length = Duration::from_millis(30);
        let interrupts = Interrupts::default();
        let began = Instant::now();
        let watch = Stopwatch::start(&interrupts);
        interrupts.suspend();
        let (before, since) = (began.elapsed(), Instant::now());
        while since.elapsed() < length {
            assert!(watch.elapsed() <= before);
        }
        assert!(interrupts.proceed() >= length);
        assert!(watch.elapsed() + length <= began.elapsed());
        assert_eq!(interrupts.proceed(), Duration::ZERO);
    }

    #[test]
    fn a_sleep_ends_when_the_urgency_rises() {
        let interrupts = Interrupts::default();
        std::thread::scope(|threads| {
            threads.spawn(|| interrupts.sleep(Duration::from_secs(60), Urgency::None));
            interrupts.press();
        });
        assert_eq!(interrupts.urgency(), Urgency::AfterStep);
    }
}
