//! The real clock.

use std::time::Duration;

use super::timekeeping::synchronised;
use crate::{
    event::moment::Moment,
    ports::{Clock, Interrupts, Stopwatch},
};

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
    fn now(&self) -> Moment {
        Moment::now()
    }

    fn is_synchronised(&self) -> Option<bool> {
        synchronised()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn pause(&self, length: Duration, stop: &Interrupts) {
        stop.sleep(length, stop.urgency());
    }
}
