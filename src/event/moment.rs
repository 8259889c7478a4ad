//! A moment, by two clocks.

use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// A moment, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By the clock on the wall, which somebody can set: shown, never reasoned with.
    pub ts: Timestamp,
    /// Since this machine was started, or a simulated world began, in nanoseconds: lengths are measured by it.
    pub mono_ns: u64,
}

impl Moment {
    /// Now, to the millisecond.
    #[must_use]
    pub fn now() -> Self {
        let wall = Timestamp::now();
        let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
        Self { ts: Timestamp::from_millisecond(wall.as_millisecond()).unwrap_or(wall), mono_ns: nanoseconds(since_boot) }
    }

    /// A moment of a clock that nobody can set: so long after `beginning`.
    #[must_use]
    pub(crate) fn after(beginning: Timestamp, elapsed: Duration) -> Self {
        Self { ts: beginning.saturating_add(elapsed).unwrap_or(beginning), mono_ns: nanoseconds(elapsed) }
    }

    /// How long after an earlier moment of the same machine, without a start of it in between.
    #[must_use]
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.mono_ns.saturating_sub(earlier.mono_ns))
    }
}

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
