//! Virtual time: it passes at once, and what is due happens in its order.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::stage::Stage;
use crate::{
    event::moment::Moment,
    ports::{Clock, Interrupts, Urgency},
};

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
    fn now(&self) -> Moment {
        Moment::after(self.beginning, self.elapsed())
    }

    fn is_synchronised(&self) -> Option<bool> {
        None
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
}
