//! The leases that a run holds, and their fencing tokens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    event::moment::Moment,
    last_line::last_line,
    ports::{Interrupts, Ran},
};

/// The leases that the run holds.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// By the name of the lock.
    held: Mutex<BTreeMap<String, Arc<HeldLease>>>,
    /// Raised when nothing is to be renewed any more.
    pub over: Interrupts,
}

/// A lease that was taken.
#[derive(Debug)]
pub(super) struct HeldLease {
    pub token: u64,
    /// When it was begun to ask for what was answered last: from then on it lasts its time, or longer. Whoever asks holds this.
    pub last: Mutex<Moment>,
}

impl Leases {
    /// A lease was taken by a command that was begun at that moment, with this token.
    pub(super) fn take(&self, name: &str, began: Moment, token: u64) {
        let held = Arc::new(HeldLease { token, last: Mutex::new(began) });
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), held);
    }

    /// Each that the run holds, or has lost, by the name of its lock.
    pub(super) fn all(&self) -> BTreeMap<String, Arc<HeldLease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The fencing token that a command has printed: its last line.
pub(super) fn token_of(ran: &Ran) -> Option<u64> {
    last_line(&String::from_utf8_lossy(ran.stdout.end()))?.trim().parse().ok()
}
