//! What kind of run this is.

use crate::event::Mode;

/// What there is to know of a run that is not real; nothing of a real one.
#[must_use]
pub(crate) fn mode(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Real => None,
        Mode::DryRun => Some("dry run: only what reads is run"),
        Mode::Rehearsal => Some("rehearsal in a simulated world: nothing real is touched"),
    }
}

/// Its name in a list.
#[must_use]
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Real => "real",
        Mode::DryRun => "dry run",
        Mode::Rehearsal => "rehearsal",
    }
}

/// What the window is called in which a runbook is run.
#[must_use]
pub(crate) fn window(runbook: &str, mode: Mode) -> String {
    match mode {
        Mode::Real => format!("halligan {runbook}"),
        Mode::DryRun | Mode::Rehearsal => format!("halligan {runbook} ({})", mode_name(mode)),
    }
}

/// What a run of this mode is called in a sentence: `run 7f3a stopped`, `dry run 7f3a completed`.
#[must_use]
pub(crate) fn run_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Real => "run",
        other => mode_name(other),
    }
}
