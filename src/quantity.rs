//! Lengths of time (`90s`, `1h30m`) and sizes (`4GiB`) as a person writes them.

use std::time::Duration;

/// Text that is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: write {example}")]
pub(crate) struct BadQuantity {
    pub text: String,
    pub what: &'static str,
    pub example: &'static str,
}

/// Splits `1h30m` into (1, "h"), (30, "m").
fn parts(text: &str) -> Option<Vec<(f64, &str)>> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        found.push((number.parse().ok()?, unit));
        rest = tail.trim_start();
    }
    Some(found).filter(|found| !found.is_empty())
}

/// A length of time: numbers with `ms`, `s`, `m`, `h` or `d`, the largest unit first; `0` alone is zero.
///
/// # Errors
/// Anything else, and anything over 10 years.
pub(crate) fn duration(text: &str) -> Result<Duration, BadQuantity> {
    let bad = || BadQuantity { text: text.to_owned(), what: "duration", example: "a number with its unit, such as `90s`, `5m` or `1h30m`" };
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let mut seconds = 0.0;
    let mut last = f64::INFINITY;
    for (number, unit) in parts(text).ok_or_else(bad)? {
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(bad()),
        };
        if factor >= last {
            return Err(bad());
        }
        last = factor;
        seconds += number * factor;
    }
    if seconds > 10.0 * 366.0 * 86400.0 {
        return Err(bad());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| bad())
}

/// A size in bytes: a whole number, or a number with `B`, `kB`, `MB`, `GB`, `TB`, `PB` (powers of 1000) or `KiB` … `PiB`
/// (powers of 1024).
///
/// # Errors
/// Anything else, and anything that is no whole number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, BadQuantity> {
    let bad = || BadQuantity {
        text: text.to_owned(),
        what: "size",
        example: "a number of bytes, or one with its unit, such as `512MiB`, `4GiB` or `10GB`",
    };
    let trimmed = text.trim();
    if let Ok(bytes) = trimmed.parse::<u64>() {
        return Ok(bytes);
    }
    let found = parts(trimmed).ok_or_else(bad)?;
    let [(number, unit)] = found[..] else { return Err(bad()) };
    let factor: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1000u64.pow(2),
        "GB" => 1000u64.pow(3),
        "TB" => 1000u64.pow(4),
        "PB" => 1000u64.pow(5),
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "PiB" => 1 << 50,
        _ => return Err(bad()),
    };
    #[allow(clippy::cast_precision_loss, reason = "the factor is a power far below 2^53 or a power of two")]
    let bytes = number * factor as f64;
    if bytes.fract() != 0.0 || !(0.0..9.0e15).contains(&bytes) {
        return Err(bad());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and within range")]
    Ok(bytes as u64)
}

/// A length of time for the screen: `1m 12s`, `4.2s`, `350ms`.
#[must_use]
pub(crate) fn show_duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => format!("{}ms", length.as_millis()),
        1..=9 if length.subsec_millis() >= 50 => format!("{:.1}s", length.as_secs_f64()),
        1..=59 => format!("{seconds}s"),
        60..=3599 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        60..=3599 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ if seconds % 3600 < 60 => format!("{}h", seconds / 3600),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("90s").unwrap().as_secs(), 90);
        assert_eq!(duration("1h30m").unwrap().as_secs(), 5400);
        assert_eq!(duration("250ms").unwrap().as_millis(), 250);
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        for bad in ["", "5", "5x", "m5", "-5s", "5m1h", "5s5s", "1e9d", "99999999d", "five minutes", "."] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("512").unwrap(), 512);
        assert_eq!(size("4GiB").unwrap(), 4 << 30);
        assert_eq!(size("10MB").unwrap(), 10_000_000);
        assert_eq!(size("1.5KiB").unwrap(), 1536);
        for bad in ["", "-1", "4G", "0.3B", "1 000", "99999999PiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shown() {
        for (ms, text) in
            [(350, "350ms"), (4200, "4.2s"), (4000, "4s"), (72_000, "1m 12s"), (900_000, "15m"), (7_200_000, "2h"), (5_400_000, "1h 30m")]
        {
            assert_eq!(show_duration(Duration::from_millis(ms)), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "\\PC{0,20}|[0-9.]{0,25}[a-zA-Z]{0,3}") {
            let _ = duration(&text);
            let _ = size(&text);
        }
    }
}
