//! Who gave an answer, and what an interruption means.

use crate::event::{Answerer, StopSignal};

/// Where an answer came from.
#[must_use]
pub(crate) fn answerer(by: Answerer) -> &'static str {
    match by {
        Answerer::Terminal => "at the terminal",
        Answerer::Flag => "by a flag",
        Answerer::Scenario => "by the scenario",
    }
}

/// What the first signal does, said at once.
#[must_use]
pub(crate) fn stopping(signal: StopSignal) -> &'static str {
    match signal {
        StopSignal::HangUp => "terminal lost: stopping after this step",
        StopSignal::Interrupt | StopSignal::Terminate => {
            "stopping after this step; Ctrl-C again ends this step, a third Ctrl-C exits immediately"
        }
    }
}

/// That a person has put something back.
#[must_use]
pub(crate) fn settled_by_hand(reason: &str, by: Answerer) -> String {
    format!("cleanup settled by hand, confirmed {}: {reason}", answerer(by))
}

/// What the interruption means and what the next one would; the first is `1`.
#[must_use]
pub(crate) fn interruption(signal: StopSignal, count: u32) -> String {
    let what = match (signal, count) {
        (StopSignal::HangUp, _) => "terminal lost: stopping after the current step",
        (_, 1) => "stopping after the current step; repeat to end that step now",
        (_, 2) => "ending the current step now; repeat to exit immediately",
        _ => "exiting immediately",
    };
    match signal {
        StopSignal::Interrupt => format!("Ctrl-C: {what}"),
        StopSignal::Terminate | StopSignal::HangUp => format!("{signal}: {what}"),
    }
}
