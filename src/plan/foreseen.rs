//! What is known before the run to fail when it is reached, such as a loop with two items of one name, or a choice without a case.

use super::{
    Plan,
    batch::grouped,
    case::chosen,
    item::list_of,
    remaining::place_in,
    scope::{Evaluated, Scope},
};
use crate::{
    event::Place,
    runbook::model::{Kind, Step},
};

/// So many faults are told.
const MOST_TOLD: usize = 20;

/// So many items of loops around others are looked at.
const MOST_ITEMS: usize = 10_000;

/// What cannot go well, as far as it is known. Of what may be passed over nothing is said.
pub(super) fn foreseen(plan: &Plan, scope: &Scope) -> Vec<String> {
    let mut foresight = Foresight { plan, faults: Vec::new(), looked_at: 0 };
    foresight.stretch(&plan.runbook.steps, scope, None);
    foresight.faults
}

struct Foresight<'a> {
    plan: &'a Plan,
    faults: Vec<String>,
    looked_at: usize,
}

impl Foresight<'_> {
    fn stretch(&mut self, steps: &[Step], scope: &Scope, around: Option<&Place>) {
        for step in steps {
            if step.when.as_ref().is_some_and(|when| !matches!(scope.holds(when), Ok(Evaluated::Known(true)))) {
                continue;
            }
            let place = place_in(around, step);
            match &step.kind {
                Kind::Group { steps, .. } => self.stretch(steps, scope, Some(&place)),
                Kind::ForEach(each) => match list_of(&each.items, scope, self.plan.secrets()) {
                    Ok(Evaluated::Known(items)) => {
                        if let Err(why) = grouped(each, items.clone(), scope) {
                            self.fault(&place, &why);
                        }
                        if !each.steps.iter().any(is_foreseeable) {
                            continue;
                        }
                        let mut scope = scope.clone();
                        each.before_batch.iter().filter_map(|gate| gate.id.as_ref()).for_each(|id| scope.set_unknown(id.as_str()));
                        for item in items.into_vec() {
                            self.looked_at += 1;
                            if self.looked_at > MOST_ITEMS {
                                return;
                            }
                            let name = each.items.name.as_str();
                            let place = place.item(name, item.label());
                            scope.set(name, item.value);
                            self.stretch(&each.steps, &scope, Some(&place));
                        }
                    }
                    Ok(Evaluated::Unknown(_)) => {}
                    Err(why) => self.fault(&place, &why),
                },
                Kind::Choose(choose) => {
                    if let Err(why) = chosen(choose, scope) {
                        self.fault(&place, &why);
                    }
                }
                _ => {}
            }
        }
    }

    fn fault(&mut self, place: &Place, why: &str) {
        if self.faults.len() < MOST_TOLD {
            self.faults.push(format!("{place}: {why}"));
        }
    }
}

/// Whether of a step inside a loop anything can be told beforehand.
fn is_foreseeable(step: &Step) -> bool {
    matches!(step.kind, Kind::ForEach(_) | Kind::Choose(_)) || step.children().iter().any(is_foreseeable)
}
