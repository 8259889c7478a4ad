//! The real clock.

use std::time::Duration;

use crate::ports::{Clock, Interrupts, Stopwatch};

/// Time as it passes; it stands still while the operator has suspended everything.
#[derive(Debug)]
pub(crate) struct RealClock<'a>(Stopwatch<'a>);

impl<'a> RealClock<'a> {
    #[must_use]
    pub(crate) fn start(interrupts: &'a Interrupts) -> Self {
        Self(Stopwatch::start(interrupts))
    }
}

impl Clock for RealClock<'_> {
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
