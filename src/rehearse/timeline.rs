//! What is to happen, in the order of virtual time.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// What is due when. Things that are due at the same moment happen in the order in which they were planned.
#[derive(Debug, Clone)]
pub(super) struct Timeline<T> {
    pub now: Duration,
    pub planned: u64,
    pub due: BinaryHeap<Reverse<Due<T>>>,
}

#[derive(Debug, Clone)]
pub(super) struct Due<T> {
    pub at: Duration,
    pub number: u64,
    pub what: T,
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
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// Plans something for a moment; one that has passed is now.
    pub(super) fn plan(&mut self, at: Duration, what: T) {
        self.planned += 1;
        self.due.push(Reverse(Due { at: at.max(self.now), number: self.planned, what }));
    }

    /// Whether something is due now that has not happened yet.
    #[must_use]
    pub(super) fn is_due(&self) -> bool {
        self.due.peek().is_some_and(|Reverse(due)| due.at <= self.now)
    }

    /// Lets time pass up to what is due next, if that is not after `until`; else up to `until`.
    pub(super) fn next(&mut self, until: Duration) -> Option<T> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
