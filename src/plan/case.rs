//! One step, several ways: which of them it is.

use super::scope::{Evaluated, Scope, scalar_text};
use crate::runbook::model::{Choose, Kind, Step};

/// The case that is chosen, as far as it is known.
///
/// # Errors
/// It cannot be evaluated, or there is no case for what was chosen.
pub(crate) fn chosen<'c>(choose: &'c Choose, scope: &Scope) -> Result<Evaluated<&'c Step>, String> {
    let value = match scope.evaluate(&choose.by).map_err(|error| format!("`choose`: {error}"))? {
        Evaluated::Known(value) => value,
        Evaluated::Unknown(needs) => return Ok(Evaluated::Unknown(needs)),
    };
    let case = scalar_text(&value, &choose.by.text).map_err(|error| format!("`choose`: {error}"))?;
    choose.cases.get(&case).map(Evaluated::Known).ok_or_else(|| {
        let cases: Vec<&str> = choose.cases.keys().map(String::as_str).collect();
        format!("`{}` is `{case}`, for which there is no case; there are {}", choose.by, cases.join(", "))
    })
}

/// The step as it is done, where that is known already; else the step with all its cases.
pub(crate) fn foreknown<'s>(step: &'s Step, scope: &Scope) -> &'s Step {
    match &step.kind {
        Kind::Choose(choose) => match chosen(choose, scope) {
            Ok(Evaluated::Known(case)) => case,
            Ok(Evaluated::Unknown(_)) | Err(_) => step,
        },
        _ => step,
    }
}
