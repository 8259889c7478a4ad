//! What is known of a failure of halligan itself: a panic, caught where the run can go on to its cleanups.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind},
};

thread_local! {
    /// Of the last panic of this thread: what it said, and where.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A failure of halligan itself: what it said, and where in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defect(String);

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "halligan itself has failed: {}", self.0)
    }
}

impl Defect {
    fn of(payload: &(dyn Any + Send)) -> Self {
        if let Some(defect) = payload.downcast_ref::<Self>() {
            return defect.clone();
        }
        let last = LAST.with(|last| last.borrow_mut().take());
        Self(last.unwrap_or_else(|| said(payload).to_owned()))
    }

    /// Fails again with it: whoever waits for this thread's work is told of it in its own thread.
    pub(crate) fn pass_on(self) -> ! {
        resume_unwind(Box::new(self))
    }
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("nothing was said of it")
}

/// Does the work; a panic in it is a defect that is told of, and not the end of the process.
///
/// What the work was changing may be half changed: it is only used where that is looked at with distrust, or not any more.
///
/// # Errors
/// It panicked.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Defect> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Defect::of(&*payload))
}

/// Keeps panics off the screen, which belongs to the run: what they say is remembered for whoever catches them.
pub(crate) fn keep_quiet() {
    std::panic::set_hook(Box::new(remember));
}

fn remember(info: &PanicHookInfo<'_>) {
    let said = said(info.payload());
    let text = match info.location() {
        Some(at) => format!("{said} ({}:{})", at.file(), at.line()),
        None => said.to_owned(),
    };
    tracing::debug!(defect = text, "halligan itself has failed");
    // A thread that is ending has none to remember it in; then its payload tells.
    let _ = LAST.try_with(|last| last.try_borrow_mut().map(|mut last| *last = Some(text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_of_and_passed_on() {
        assert_eq!(caught(|| 7), Ok(7));
        let defect = caught(|| panic!("on {}", "purpose")).unwrap_err();
        assert!(defect.to_string().contains("halligan itself has failed: on purpose"), "{defect}");
        let again = caught(|| defect.clone().pass_on()).unwrap_err();
        assert_eq!(again, defect);
    }
}
