//! What must hold while the steps of a stretch change something.

use std::sync::{Arc, atomic::AtomicBool};

use crate::{
    event::Place,
    plan::Scope,
    runbook::model::{OnFail, Probe, Step},
};

/// What must hold inside a stretch of steps, with what must hold around it.
#[derive(Debug)]
pub(super) struct StretchHolds {
    pub probes: Vec<Probe>,
    /// What they speak of, as it stood when the stretch was entered; for a loop, when the item was.
    pub scope: Scope,
    /// The group or the loop.
    pub bearer: Place,
    pub on_fail: OnFail,
    /// When one fails that is no stop: the run goes on after the stretch, or takes back.
    pub passed_over: bool,
    /// A dry run has told of them.
    pub told: Arc<AtomicBool>,
    around: Option<Arc<Self>>,
}

impl StretchHolds {
    /// What must hold inside a step that is about to be entered. A failure `around` it may be passed over.
    pub(super) fn inside(step: &Step, scope: &Scope, place: &Place, around: Option<&Arc<Self>>, passed_over: bool) -> Option<Arc<Self>> {
        if step.holds.is_empty() {
            return around.cloned();
        }
        Some(Arc::new(Self {
            probes: step.holds.clone(),
            scope: scope.clone(),
            bearer: place.clone(),
            on_fail: step.on_fail,
            passed_over: passed_over || matches!(step.on_fail, OnFail::Continue | OnFail::Rollback),
            told: Arc::default(),
            around: around.cloned(),
        }))
    }

    /// The same for an item of the loop at this place, whose variable is in scope.
    pub(super) fn of_item(holds: Option<&Arc<Self>>, each: &Place, scope: &Scope) -> Option<Arc<Self>> {
        let holds = holds?;
        if holds.bearer != *each {
            return Some(Arc::clone(holds));
        }
        let Self { probes, bearer, on_fail, passed_over, told, around, .. } = &**holds;
        Some(Arc::new(Self {
            probes: probes.clone(),
            scope: scope.clone(),
            bearer: bearer.clone(),
            on_fail: *on_fail,
            passed_over: *passed_over,
            told: Arc::clone(told),
            around: around.clone(),
        }))
    }

    /// From the outermost to this.
    pub(super) fn inwards(&self) -> Vec<&Self> {
        let mut all: Vec<&Self> = std::iter::successors(Some(self), |holds| holds.around.as_deref()).collect();
        all.reverse();
        all
    }
}
