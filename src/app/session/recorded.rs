//! The runbooks of a run, as its first record holds them.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    digest::Digest,
    event::Opening,
    plan::Called,
    runbook::{
        model::{Origin, Runbook, SourceText},
        resolve,
    },
};

/// The text as it was recorded, if it is what its digest says.
pub(super) fn recorded_text(name: &str, text: &str, sha256: &str) -> Option<SourceText> {
    if Digest::of(text.as_bytes()).to_string() != sha256 {
        return None;
    }
    let origin = if SourceText::bundled_path(name).is_some() { Origin::Bundled } else { Origin::File(name.into()) };
    Some(SourceText { name: name.to_owned(), origin, text: text.into(), sha256: sha256.to_owned() })
}

/// The runbook of a run and those that it calls, to look at. `None` where they are not recorded whole, or this halligan finds faults in
/// them.
#[must_use]
pub(crate) fn runbooks(opening: &Opening) -> Option<(Arc<Runbook>, Called)> {
    let checked = |source: SourceText| resolve(source).0.map(Arc::new);
    let runbook = checked(recorded_text(&opening.source, opening.plan.text.as_deref()?, &opening.runbook_sha256)?)?;
    let mut called = BTreeMap::new();
    for about in opening.plan.called.iter().flat_map(|called| called.values()) {
        let inner = checked(recorded_text(&about.source, &about.text, &about.sha256)?)?;
        called.insert(inner.name.clone(), inner);
    }
    Some((runbook, called))
}
