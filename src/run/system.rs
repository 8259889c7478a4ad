//! How each system is asked which one it is.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{event::Place, plan::Scope, runbook::model::Probe};

/// How a system is asked: the question, and what its words stand for.
#[derive(Debug)]
pub(super) struct AskedSystem {
    pub probe: Probe,
    pub scope: Scope,
}

/// By where each is asked.
#[derive(Debug, Default)]
pub(super) struct AskedSystems(Mutex<BTreeMap<Place, AskedSystem>>);

impl AskedSystems {
    /// Whoever holds this keeps others from asking.
    pub(super) fn all(&self) -> MutexGuard<'_, BTreeMap<Place, AskedSystem>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
