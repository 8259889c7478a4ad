//! The steps of a run as its records have them: their titles and kinds, to tell the run again.

use crate::{
    event::{Opening, RecordedStep},
    plan,
    runbook::{
        model::{Origin, SourceText},
        resolve,
    },
};

/// Every step of the plan that a run was opened with. Empty where nobody can say: the text of a runbook is not there, or this halligan
/// does not understand it.
#[must_use]
#[allow(dead_code, reason = "for `journal show`, which is to tell the titles of steps")]
pub(crate) fn steps(opening: &Opening) -> Vec<RecordedStep> {
    if let Some(outline) = &opening.plan.outline {
        return outline.clone();
    }
    // The first records of version 1 hold no outline, but the texts of all runbooks.
    let called = opening.plan.called.iter().flatten().map(|(_, called)| (&called.source, &called.text, &called.sha256));
    let own = opening.plan.text.iter().map(|text| (&opening.source, text, &opening.runbook_sha256));
    let texts = own.chain(called).map(|(source, text, sha256)| SourceText {
        name: source.clone(),
        origin: Origin::Bundled,
        text: text.as_str().into(),
        sha256: sha256.clone(),
    });
    texts.filter_map(|text| resolve(text).0).flat_map(|runbook| plan::outline(&runbook).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Mode, RecordedPlan, StepKind};

    #[test]
    fn steps_are_as_recorded_and_else_read_from_the_recorded_text() {
        let text = "halligan: 1\nname: x\ntitle: X\nsummary: For a test.\nreviewed: 2026-11-01\nsteps:\n- {id: a, title: A, run: [ls], effect: read}\n";
        let mut opening = Opening {
            runbook: "x".into(),
            title: "X".into(),
            source: "x.yaml".into(),
            runbook_sha256: "0".repeat(64),
            plan: RecordedPlan { text: Some(text.into()), ..RecordedPlan::default() },
            plan_sha256: String::new(),
            params: std::collections::BTreeMap::new(),
            mode: Mode::Real,
            version: String::new(),
        };
        let read = steps(&opening);
        assert_eq!(
            read.iter().map(|step| (step.id.as_str(), step.title.as_deref(), step.kind)).collect::<Vec<_>>(),
            [("a", Some("A"), StepKind::Run)]
        );
        opening.plan = RecordedPlan { outline: Some(read.clone()), ..RecordedPlan::default() };
        assert_eq!(steps(&opening), read);
        opening.plan = RecordedPlan { text: Some("nothing: 1".into()), ..RecordedPlan::default() };
        assert_eq!(steps(&opening), []);
    }
}
