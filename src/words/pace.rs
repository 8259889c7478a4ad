//! How fast something goes, and how long it takes.

use std::time::Duration;

use crate::quantity::show_duration;

/// `1m 10s to 1m 40s`, in whole seconds; one length where both are the same.
#[must_use]
pub(crate) fn between(least: Duration, most: Duration) -> String {
    let [least, most] = [least, most].map(|length| show_duration(Duration::from_secs_f64(length.as_secs_f64().round())));
    if least == most { least } else { format!("{least} to {most}") }
}

/// `3.2 a second`, or of what is slower `12.0 an hour`.
#[must_use]
pub(crate) fn rate(a_second: f64) -> String {
    let units = [(1.0, "a second"), (60.0, "a minute"), (3600.0, "an hour")];
    let (times, unit) = units.into_iter().find(|(times, _)| a_second * times >= 1.0).unwrap_or((3600.0, "an hour"));
    let shown = a_second * times;
    if shown < 100.0 { format!("{shown:.1} {unit}") } else { format!("{shown:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_short() {
        let seconds = Duration::from_secs_f64;
        assert_eq!(between(seconds(70.2), seconds(99.8)), "1m 10s to 1m 40s");
        assert_eq!(between(seconds(4.9), seconds(5.1)), "5s");
        let told = [1234.0, 12.34, 0.5, 0.003, 0.0001].map(rate);
        assert_eq!(told, ["1234 a second", "12.3 a second", "30.0 a minute", "10.8 an hour", "0.4 an hour"]);
    }
}
