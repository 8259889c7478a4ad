//! How fast a figure moves, and how long it will take to reach its end if it goes on like that.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Less says too little.
const SHORTEST: Duration = Duration::from_secs(5);
/// So many are kept; of more every second one.
const KEPT: usize = 128;

/// What was seen of a figure.
#[derive(Debug, Default)]
pub(super) struct Rate {
    seen: VecDeque<(Instant, f64)>,
}

/// What is left, at its slowest and its fastest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TimeLeft {
    /// Over all that was seen.
    pub a_second: f64,
    pub least: Duration,
    pub most: Duration,
}

impl Rate {
    pub(super) fn note(&mut self, at: Instant, done: f64) {
        if self.seen.back().is_some_and(|(_, last)| done < *last) {
            // It counts something else now, or anew.
            self.seen.clear();
        }
        self.seen.push_back((at, done));
        if self.seen.len() > KEPT {
            let mut keep = false;
            self.seen.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// What is left until `total`; nothing where it stands still, or was seen too shortly.
    #[must_use]
    pub(super) fn left(&self, total: f64) -> Option<TimeLeft> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let span = last.0.duration_since(first.0);
        if span < SHORTEST || self.seen.len() < 3 {
            return None;
        }
        // How it went of late, beside how it went in all.
        let middle = self.seen.iter().rev().find(|(at, _)| last.0.duration_since(*at) >= span / 3)?;
        let speed = |from: &(Instant, f64)| (last.1 - from.1) / last.0.duration_since(from.0).as_secs_f64();
        let (all, late) = (speed(first), speed(middle));
        let needs = |speed: f64| Duration::try_from_secs_f64((total - last.1).max(0.0) / speed).ok();
        let (one, other) = (needs(all)?, needs(late)?);
        Some(TimeLeft { a_second: all, least: one.min(other), most: one.max(other) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_how_it_went() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut rate = Rate::default();
        for second in 0..4 {
            rate.note(at(second), 10.0 * f64::from(u32::try_from(second).unwrap()));
        }
        assert_eq!(rate.left(100.0), None, "seen too shortly");
        // Ten a second at first, five of late.
        for second in 4..=10 {
            rate.note(at(second), 30.0 + 5.0 * f64::from(u32::try_from(second - 3).unwrap()));
        }
        let left = rate.left(100.0).unwrap();
        assert_eq!((left.a_second, left.most), (6.5, Duration::from_secs(7)));
        assert!((left.least.as_secs_f64() - 35.0 / 6.5).abs() < 0.01, "{left:?}");
        for second in 11..40 {
            rate.note(at(second), 65.0);
        }
        assert_eq!(rate.left(100.0), None, "it stands still");
        rate.note(at(41), 3.0);
        assert_eq!(rate.left(100.0), None, "it counts anew");
        for step in 0..1000 {
            rate.note(at(42 + step), 3.0 + f64::from(u32::try_from(step).unwrap()));
        }
        assert!(rate.seen.len() <= KEPT);
        assert!((rate.left(2000.0).unwrap().a_second - 1.0).abs() < 0.01);
    }
}
