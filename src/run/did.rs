//! What has become of a step, or of an item of a loop.

use minijinja::{Value, context};

use super::halt::Halt;
use crate::{
    event::{Place, Prediction, Skip},
    plan::Scope,
    runbook::model::Step,
};

/// What has become of a step.
pub(super) enum Did {
    Done(Value),
    Failed {
        why: String,
        at: Option<Place>,
        /// Something inside is in doubt, or could not be put back: it is not passed over.
        unsettled: bool,
        /// What later steps may ask of it, where that is more than that it failed.
        result: Option<Value>,
    },
    /// Nobody can say whether it took effect.
    Doubt {
        why: String,
    },
    /// A dry run does not do it.
    Predicted(Prediction),
    Skipped(Skip, Value),
}

impl Did {
    pub(super) fn failed(why: String) -> Self {
        Self::Failed { why, at: None, unsettled: false, result: None }
    }

    /// What has become of a stretch of steps. A failure inside is the stretch's own, for its `on_fail` to decide.
    pub(super) fn of(result: Result<(), Halt>) -> Result<Self, Halt> {
        match result {
            Ok(()) => Ok(Self::Done(context! { ran => true, ok => true })),
            Err(Halt::Failed { place, why }) => Ok(Self::Failed { why, at: Some(place), unsettled: false, result: None }),
            Err(Halt::Unsettled { place, why }) => Ok(Self::Failed { why, at: Some(place), unsettled: true, result: None }),
            Err(halt) => Err(halt),
        }
    }

    /// The same once its cleanups have run.
    pub(super) fn ended(self, cleanups: Result<(), Halt>) -> Result<Self, Halt> {
        match (self, cleanups) {
            (did, Ok(())) => Ok(did),
            (Self::Failed { why, at, result, .. }, Err(Halt::Unsettled { why: more, .. })) => {
                Ok(Self::Failed { why: format!("{why}; {more}"), at, unsettled: true, result })
            }
            (_, cleanups) => Self::of(cleanups),
        }
    }
}

/// What has become of one item.
pub(crate) struct ItemResult {
    pub(crate) item: Value,
    /// Where, and why.
    pub(crate) failed: Option<(Place, String)>,
}

impl ItemResult {
    fn value(self) -> Value {
        context! { item => self.item, ok => self.failed.is_none(), why => self.failed.map(|(_, why)| why) }
    }
}

/// What later steps may ask of a loop.
pub(crate) fn loop_result(ok: bool, done: Vec<ItemResult>) -> Value {
    context! { ran => true, ok => ok, results => done.into_iter().map(ItemResult::value).collect::<Vec<_>>() }
}

/// What a name that was not reached stands for.
pub(super) fn not_run() -> Value {
    context! { ran => false }
}

/// Settles the names of steps that were not reached.
pub(super) fn forget(steps: &[Step], scope: &mut Scope, settle: &dyn Fn(&mut Scope, &str)) {
    for step in steps {
        settle(scope, step.id.as_str());
        forget(step.children(), scope, settle);
    }
}
