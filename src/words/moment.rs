//! A moment where the operator is.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// In the time zone of this machine, or that of `TZ`.
#[must_use]
pub(crate) fn local(moment: Timestamp) -> Zoned {
    moment.to_zoned(TimeZone::system())
}
