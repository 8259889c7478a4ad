//! How often the steps of a plan will be done, as far as that is known beforehand.

use super::{
    Plan,
    called::unbound,
    case::foreknown,
    item::list_of,
    scope::{Evaluated, Scope},
};
use crate::{
    event::{Effect, StepKind},
    runbook::model::{Kind, Step},
};

/// Of a loop with more items than this the first stands for all.
const EACH: usize = 64;
/// Loops inside one another are followed so deep.
const DEEP: usize = 4;

/// Steps, counted for each item of the loops around them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Instances {
    pub read: usize,
    pub change: usize,
    pub destroy: usize,
    /// Some of them depend on a condition that only the run will know: there may be fewer.
    pub fewer: bool,
    /// The items of a loop are known only at run time: there may be more, or fewer.
    pub unsure: bool,
}

impl Instances {
    fn add(&mut self, other: Self, times: usize) {
        self.read = self.read.saturating_add(other.read.saturating_mul(times));
        self.change = self.change.saturating_add(other.change.saturating_mul(times));
        self.destroy = self.destroy.saturating_add(other.destroy.saturating_mul(times));
        self.fewer |= other.fewer;
        self.unsure |= other.unsure;
    }

    /// Those of some steps. Of a runbook that is called nothing is known beforehand but its steps.
    pub(super) fn of(plan: &Plan, steps: &[Step], scope: &Scope, depth: usize) -> Self {
        let mut all = Self::default();
        for step in steps {
            let step = foreknown(step, scope);
            match step.when.as_ref().map(|when| scope.holds(when)) {
                Some(Ok(Evaluated::Known(false))) => continue,
                Some(Ok(Evaluated::Unknown(_)) | Err(_)) => all.fewer = true,
                None | Some(Ok(Evaluated::Known(true))) => {}
            }
            match (step.kind(), step.effect()) {
                (StepKind::Run, Effect::Change) => all.change += 1,
                (StepKind::Run, Effect::Destroy) => all.destroy += 1,
                (StepKind::Run | StepKind::Probe | StepKind::Wait, _) => all.read += 1,
                (StepKind::Ask | StepKind::Manual | StepKind::Loop | StepKind::Group | StepKind::Call, _) => {}
            }
            match &step.kind {
                Kind::Group { steps, .. } => all.add(Self::of(plan, steps, scope, depth), 1),
                Kind::ForEach(each) => match list_of(&each.items, scope, plan.secrets()) {
                    Ok(Evaluated::Known(items)) if depth < DEEP => {
                        let of = |value: minijinja::Value| {
                            let mut inner = scope.clone();
                            inner.set(each.items.name.as_str(), value);
                            Self::of(plan, &each.steps, &inner, depth + 1)
                        };
                        if items.len() > EACH {
                            let first = items.iter().next().map(|item| of(item.value.clone())).unwrap_or_default();
                            all.add(first, items.len());
                        } else {
                            items.iter().for_each(|item| all.add(of(item.value.clone()), 1));
                        }
                    }
                    _ => {
                        all.unsure = true;
                        let mut inner = scope.clone();
                        inner.set_unknown(each.items.name.as_str());
                        all.add(Self::of(plan, &each.steps, &inner, depth + 1), 1);
                    }
                },
                Kind::Call(call) => {
                    all.unsure = true;
                    if let Some(called) = plan.called.get(&call.runbook).filter(|_| depth < DEEP) {
                        all.add(Self::of(plan, &called.steps, &unbound(called), depth + 1), 1);
                    }
                }
                _ => {}
            }
        }
        all
    }
}
