//! The real clock.

use std::time::{Duration, Instant};

use crate::ports::{Clock, Interrupts};

/// Time as it passes.
#[derive(Debug)]
pub struct RealClock(Instant);

impl Default for RealClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RealClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn pause(&self, length: Duration, stop: &Interrupts) {
        stop.sleep(length, stop.urgency());
    }
}
