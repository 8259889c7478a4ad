//! A moment where the operator is.

use std::time::Duration;

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::quantity::show_duration;

/// In the time zone of this machine, or that of `TZ`.
#[must_use]
pub(crate) fn local(moment: Timestamp) -> Zoned {
    moment.to_zoned(TimeZone::system())
}

/// The time of day, with the date where it is another day.
#[must_use]
pub(crate) fn clock(moment: Timestamp) -> String {
    let (moment, now) = (local(moment), local(Timestamp::now()));
    moment.strftime(if moment.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// The same, and how long ago that is: `02:14:09 (3m 5s ago)`. The clock may have been set since: then only the moment is told.
#[must_use]
pub(crate) fn ago(moment: Timestamp) -> String {
    let at = clock(moment);
    match Duration::try_from(Timestamp::now().duration_since(moment)) {
        Ok(age) => format!("{at} ({} ago)", show_duration(Duration::from_secs(age.as_secs().max(1)))),
        Err(_) => at,
    }
}
