//! Virtual time: it passes at once, and what is due happens in its order.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::ports::{Clock, Interrupts, Urgency};

use super::stage::Stage;

/// What is due when. Things that are due at the same moment happen in the order in which they were planned.
#[derive(Debug, Clone)]
pub struct Timeline<T> {
    now: Duration,
    planned: u64,
    due: BinaryHeap<Reverse<Due<T>>>,
}

#[derive(Debug, Clone)]
struct Due<T> {
    at: Duration,
    number: u64,
    what: T,
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<T> Eq for Due<T> {}
impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self { now: Duration::ZERO, planned: 0, due: BinaryHeap::new() }
    }
}

impl<T> Timeline<T> {
    /// Since the beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Plans something for a moment; one that has passed is now.
    pub fn plan(&mut self, at: Duration, what: T) {
        self.planned += 1;
        self.due.push(Reverse(Due { at: at.max(self.now), number: self.planned, what }));
    }

    /// Whether something is due now that has not happened yet.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.due.peek().is_some_and(|Reverse(due)| due.at <= self.now)
    }

    /// Lets time pass up to what is due next, if that is not after `until`; else up to `until`.
    pub fn next(&mut self, until: Duration) -> Option<T> {
        if self.due.peek().is_some_and(|Reverse(due)| due.at <= until)
            && let Some(Reverse(due)) = self.due.pop()
        {
            self.now = self.now.max(due.at);
            return Some(due.what);
        }
        self.now = self.now.max(until);
        None
    }
}

/// The rehearsal's clock. A pause takes no real time, unless the rehearsal is told to go at some speed.
#[derive(Debug)]
pub struct VirtualClock {
    beginning: jiff::Timestamp,
    stage: Arc<Mutex<Stage>>,
}

impl VirtualClock {
    pub(super) fn new(beginning: jiff::Timestamp, stage: Arc<Mutex<Stage>>) -> Self {
        Self { beginning, stage }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> jiff::Timestamp {
        // Virtual time ends long before timestamps do.
        self.beginning.saturating_add(self.elapsed()).unwrap_or(self.beginning)
    }

    fn elapsed(&self) -> Duration {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    fn pause(&self, length: Duration, stop: &Interrupts) {
        let stage = || self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let speed = stage().speed;
        let mut length = length;
        if let Some(speed) = speed {
            let began = std::time::Instant::now();
            let level = stop.urgency();
            stop.sleep(length.div_f64(speed), level);
            // Interrupted: only what has passed has passed.
            if stop.urgency() > level {
                length = length.min(began.elapsed().mul_f64(speed));
            }
        }
        let mut stage = stage();
        stage.advance(length);
        if stage.endless() {
            stop.raise(Urgency::AtOnce);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn at_some_speed_a_pause_takes_its_share_and_can_be_interrupted() {
        let rehearsal = super::super::bench::rehearsal("");
        rehearsal.simulator.speed(3600.0);
        let began = std::time::Instant::now();
        rehearsal.clock.pause(Duration::from_secs(36), &Interrupts::default());
        assert!(began.elapsed() >= Duration::from_millis(10));
        assert_eq!(rehearsal.clock.elapsed(), Duration::from_secs(36));
        // Ten minutes in a second. A press that comes before the pause interrupts nothing, so there are some attempts.
        rehearsal.simulator.speed(600.0);
        let interrupted = (0..20).any(|_| {
            let (before, stop) = (rehearsal.clock.elapsed(), Interrupts::default());
            std::thread::scope(|threads| {
                threads.spawn(|| stop.press());
                rehearsal.clock.pause(Duration::from_secs(600), &stop);
            });
            rehearsal.clock.elapsed() < before + Duration::from_secs(600)
        });
        assert!(interrupted);
    }

    #[test]
    fn the_past_is_now() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.next(Duration::from_secs(9)), None);
        timeline.plan(Duration::from_secs(1), "late");
        assert_eq!(timeline.next(Duration::from_secs(9)), Some("late"));
        assert_eq!(timeline.now(), Duration::from_secs(9));
    }

    proptest! {
        #[test]
        fn what_is_due_happens_in_its_order(plans in proptest::collection::vec(0_u64..20, 0..40)) {
            let mut timeline = Timeline::default();
            for (number, at) in plans.iter().enumerate() {
                timeline.plan(Duration::from_secs(*at), (*at, number));
            }
            let mut wanted: Vec<_> = plans.iter().copied().enumerate().map(|(number, at)| (at, number)).collect();
            wanted.sort_unstable();
            let mut happened = Vec::new();
            for until in [3, 7, 100] {
                while let Some(what) = timeline.next(Duration::from_secs(until)) {
                    prop_assert!(what.0 <= until && timeline.now() == Duration::from_secs(what.0));
                    happened.push(what);
                }
                prop_assert_eq!(timeline.now(), Duration::from_secs(until));
            }
            prop_assert_eq!(happened, wanted);
        }
    }
}
