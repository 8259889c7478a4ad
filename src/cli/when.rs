//! A moment in the past, as somebody types it.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, ToSpan, Zoned, civil};

use crate::quantity::duration;

/// A moment as it was typed: `2h` ago, a time of day, a date, a date with a time, or RFC 3339. It is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When(String);

impl When {
    /// The moment that is meant; where no time zone is written, it is that of `now`.
    #[must_use]
    pub fn moment(&self, now: &Zoned) -> Timestamp {
        // It was understood when it was typed; what no clock shows in this time zone is as long ago as can be.
        moment(&self.0, now).unwrap_or(Timestamp::MIN)
    }
}

fn moment(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(ago) = duration(text) {
        return now.timestamp().checked_sub(ago).ok();
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let here = |moment: civil::DateTime| moment.to_zoned(now.time_zone().clone()).ok().map(|moment| moment.timestamp());
    if let Ok(moment) = text.parse::<civil::DateTime>() {
        return here(moment);
    }
    let time = text.parse::<civil::Time>().ok()?;
    let today = here(now.date().to_datetime(time))?;
    // At three in the morning, 23:00 was yesterday.
    if today <= now.timestamp() { Some(today) } else { here(now.date().checked_sub(1.day()).ok()?.to_datetime(time)) }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match moment(text, &Zoned::now()) {
            Some(_) => Ok(Self(text.to_owned())),
            None => {
                Err("write how long ago (`2h`, `3d`), a time (`23:00`), a date (`2026-11-29`), or both (`2026-11-29 02:30`)".to_owned())
            }
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_understood_as_somebody_on_call_means_them() {
        let now: Zoned = "2026-11-29T03:00:00+01:00[Europe/Berlin]".parse().unwrap();
        for (text, is) in [
            ("2h", "2026-11-29T00:00:00Z"),
            ("3d", "2026-11-26T02:00:00Z"),
            ("23:00", "2026-11-28T22:00:00Z"),
            ("02:30", "2026-11-29T01:30:00Z"),
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-11-29 02:30", "2026-11-29T01:30:00Z"),
            ("2026-11-29T02:30:00Z", "2026-11-29T02:30:00Z"),
        ] {
            assert_eq!(text.parse::<When>().unwrap().moment(&now).to_string(), is, "{text}");
        }
        for text in ["", "yesterday", "25:00", "2026-13-01", "5", "-2h", "2026-11-29T02:30"] {
            let understood = text.parse::<When>().is_ok();
            assert_eq!(understood, text.starts_with("2026-11"), "{text}");
        }
    }
}
