//! Whether a check is made: for all that it goes through, for nothing, or for those items that its `when` speaks well of.

use super::{
    item::LabelledItem,
    scope::{Evaluated, Scope},
};
use crate::{
    expression::{self, ExpressionError},
    runbook::model::Probe,
};

/// What a check's `when` comes to before its items are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeFor {
    All,
    Nothing,
    /// It speaks of the item: it is asked of each.
    ByItem,
}

/// Whether a check is made.
///
/// # Errors
/// Its `when` cannot be evaluated, though all names are known.
pub(crate) fn made(probe: &Probe, scope: &Scope) -> Result<Evaluated<MadeFor>, ExpressionError> {
    let Some(when) = &probe.when else { return Ok(Evaluated::Known(MadeFor::All)) };
    let holds = |scope: &Scope| Ok(scope.holds(when)?.map(|holds| if holds { MadeFor::All } else { MadeFor::Nothing }));
    let Some(item) = probe.for_each.as_ref().map(|items| items.name.as_str()) else { return holds(scope) };
    let names = expression::names_in_expression(&when.text)?;
    if !scope.all_names(&names).iter().any(|name| name.split('.').next() == Some(item)) {
        return holds(scope);
    }
    // What comes to its end without the item is so for every one: a group's condition stands before that of its check, and where it
    // does not hold, there need be no list.
    let mut without = scope.clone();
    without.set(item, expression::withheld("it is asked of each item".to_owned(), None));
    Ok(holds(&without).unwrap_or(Evaluated::Known(MadeFor::ByItem)))
}

/// Whether a check that is [`MadeFor::ByItem`] is made for this one; `scope` is that of the check.
///
/// # Errors
/// As for [`made`].
pub(crate) fn made_for(probe: &Probe, item: &LabelledItem, scope: &Scope) -> Result<Evaluated<bool>, ExpressionError> {
    let (Some(when), Some(items)) = (&probe.when, &probe.for_each) else { return Ok(Evaluated::Known(true)) };
    let mut scope = scope.clone();
    scope.set(items.name.as_str(), item.value.clone());
    scope.holds(when)
}
