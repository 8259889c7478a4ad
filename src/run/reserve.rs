//! Memory that is kept for the end of a run: what was set must be put back when there is no more.

use std::sync::{Mutex, PoisonError};

/// How much is kept, and how much must be there beside it before a step begins, in bytes: a step reads so much of what its command
/// prints, and its cleanups need less. It is only asked for, and costs nothing until it is used.
const KEPT: usize = 16 << 20;

/// Memory that is let go of when there is no more.
#[derive(Debug)]
pub(super) struct Reserve(Mutex<Option<Vec<u8>>>);

impl Reserve {
    /// Keeps some, if there is any.
    pub(super) fn new() -> Self {
        Self(Mutex::new(asked_for()))
    }

    /// Whether there is memory for another step. If not, what was kept is free from now on, for cleanups.
    pub(super) fn has_room(&self) -> bool {
        self.has_room_by(|| asked_for().is_some())
    }

    fn has_room_by(&self, there_is: impl FnOnce() -> bool) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_some() && there_is() {
            return true;
        }
        *kept = None;
        false
    }
}

fn asked_for() -> Option<Vec<u8>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(KEPT).ok().map(|()| memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_let_go_of_once_there_is_no_more() {
        let reserve = Reserve::new();
        assert!(reserve.has_room() && reserve.0.lock().unwrap().is_some());
        assert!(!reserve.has_room_by(|| false));
        assert!(reserve.0.lock().unwrap().is_none());
        assert!(!reserve.has_room(), "no step begins on what is meant for cleanups");
    }
}
