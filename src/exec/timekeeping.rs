//! Whether the kernel knows the time: asked with `adjtimex(2)`, for which no crate at hand has a safe call.

use nix::libc;

/// Whether something keeps this machine's clock in step with others (NTP, PTP); `None` if the kernel does not say.
/// An unsynchronised clock still tells how long something took, but not when it was elsewhere.
#[must_use]
pub(super) fn synchronised() -> Option<bool> {
    // SAFETY: `timex` is a plain C struct of integers, for which all zeros are a value; `modes` is zero, so that the call changes
    // nothing and only fills the struct that it is lent.
    let (answer, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        let answer = libc::adjtimex(&raw mut timex);
        (answer, timex.status)
    };
    // The return value is `TIME_ERROR` for other reasons, too (a pulse that is missing): the flag is what adjtimex(2) names.
    (answer >= 0).then_some(status & libc::STA_UNSYNC == 0)
}
