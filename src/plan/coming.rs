//! The questions that a plan is sure to ask, as far as that is known beforehand: whoever cannot be asked later must know them all at once.

use super::{
    Plan,
    case::foreknown,
    item::list_of,
    scope::{Evaluated, Scope},
};
use crate::{
    event::{Effect, Place},
    runbook::{
        model::{Confirm, Kind, Step},
        name::StepId,
    },
};

/// So many questions are foreseen; a loop over more items asks them in its turn.
const MOST: usize = 500;

/// A question that will be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coming {
    pub place: Place,
    pub wants: WantedAnswer,
}

/// What answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedAnswer {
    Yes,
    Phrase(String),
    /// What was done, in somebody's own words.
    Words,
}

/// The questions of a plan, in order; in `scope` the steps have no results yet. One that depends on what only the run will know is none of
/// them: it may never be asked.
#[must_use]
pub(super) fn coming(plan: &Plan, scope: &Scope) -> Vec<Coming> {
    let mut all = Vec::new();
    add(&mut all, plan, &plan.runbook.steps, scope, None);
    for coming in &mut all {
        if let WantedAnswer::Phrase(phrase) = &mut coming.wants {
            plan.secrets().hide(phrase);
        }
    }
    all
}

fn add(all: &mut Vec<Coming>, plan: &Plan, steps: &[Step], scope: &Scope, around: Option<&Place>) {
    let mut covered: Vec<&StepId> = Vec::new();
    for written in steps {
        if all.len() >= MOST {
            return;
        }
        let step = foreknown(written, scope);
        match step.when.as_ref().map(|when| scope.holds(when)) {
            None | Some(Ok(Evaluated::Known(true))) => {}
            Some(Ok(Evaluated::Known(false))) => continue,
            Some(Ok(Evaluated::Unknown(_)) | Err(_)) => {
                // It may be asked, and then answers for what it covers, too.
                if let Kind::Confirm(confirm) = &step.kind {
                    covered.extend(&confirm.covers);
                }
                continue;
            }
        }
        let place = around.map_or_else(|| Place::top(step.id.as_str()), |around| around.child(step.id.as_str()));
        let wants = match &step.kind {
            Kind::Confirm(confirm) => {
                covered.extend(&confirm.covers);
                wanted(confirm, scope)
            }
            Kind::Manual(_) => Some(WantedAnswer::Words),
            // It may be found done already.
            Kind::Command(_) if step.effect() == Effect::Destroy && step.done_if.is_none() && !covered.contains(&&step.id) => {
                Some(WantedAnswer::Phrase(step.id.to_string()))
            }
            Kind::Group { steps, .. } => {
                add(all, plan, steps, scope, Some(&place));
                None
            }
            Kind::ForEach(each) => {
                if let Ok(Evaluated::Known(items)) = list_of(&each.items, scope, plan.secrets()) {
                    for item in items.iter() {
                        let mut inner = scope.clone();
                        inner.set(each.items.name.as_str(), item.value.clone());
                        add(all, plan, &each.steps, &inner, Some(&place.item(each.items.name.as_str(), item.label())));
                    }
                }
                None
            }
            _ => None,
        };
        all.extend(wants.map(|wants| Coming { place, wants }));
    }
}

fn wanted(confirm: &Confirm, scope: &Scope) -> Option<WantedAnswer> {
    match confirm.phrase.as_ref().map(|phrase| scope.text(phrase)) {
        None => Some(WantedAnswer::Yes),
        Some(Ok(Evaluated::Known(phrase))) => Some(WantedAnswer::Phrase(phrase)),
        Some(Ok(Evaluated::Unknown(_)) | Err(_)) => None,
    }
}
