//! The plan, as the screen wants it.

use std::path::Path;

use crate::{
    plan::{
        Plan,
        instances::Instances,
        preview::{Preview, PreviewLine},
    },
    runbook::{model::Origin, value},
    surroundings::Surroundings,
    ui::plan::{Counts, PlanLine, PlanView},
    words,
};

/// Where programs are expected to be; of one that is elsewhere the plan says so.
const USUAL: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// Longer conditions are not shown.
const BRIEF: usize = 60;

/// Puts a plan and its preview before the operator.
#[must_use]
pub(super) fn plan(plan: &Plan, preview: &Preview, surroundings: Option<&Surroundings>) -> PlanView {
    let runbook = &plan.runbook;
    let params = plan.shown_params().into_iter().map(|(name, value)| {
        let text = if value.is_null() { "(secret)".to_owned() } else { value::plain(&value) };
        (name, if text.is_empty() { "(none)".to_owned() } else { text })
    });
    let unknown = preview.lines.iter().filter(|line| !line.needs.is_empty()).count();
    let mut notes = Vec::new();
    if unknown > 0 {
        let steps = words::counted(unknown, "step", "steps");
        notes.push(format!("values in {{braces}} are filled in per item or once known ({steps})"));
    }
    if !preview.left_out.is_empty() {
        notes.push(format!("skipped with these parameters: {}", preview.left_out.join(", ")));
    }
    for (program, path) in &preview.programs {
        match path {
            Err(why) => notes.push(format!("{program}: {why}")),
            Ok(path) if !path.parent().is_some_and(|folder| USUAL.iter().any(|usual| folder == Path::new(usual))) => {
                notes.push(format!("{program} is {}", path.display()));
            }
            Ok(_) => {}
        }
    }
    let variables = surroundings.map(words::variables).unwrap_or_default();
    PlanView {
        name: runbook.name.to_string(),
        title: runbook.title.clone(),
        source: runbook.source.name.clone(),
        sha256: runbook.source.sha256.clone(),
        origin: match runbook.source.origin {
            Origin::Bundled => "bundled".to_owned(),
            Origin::File(_) => String::new(),
        },
        params: params.collect(),
        variables,
        passed_on: surroundings.and_then(words::passed_on),
        steps: preview.lines.iter().map(line).collect(),
        counts: counts(preview),
        system: preview.system.clone(),
        notes,
    }
}

/// The steps that stand in the plan, and how often they are done where that is another number.
fn counts(preview: &Preview) -> Counts {
    let Instances { read, change, destroy, fewer, unsure } = preview.instances;
    let once = (read, change, destroy) == (preview.read, preview.change, preview.destroy);
    let about = match (fewer, unsure) {
        (false, false) => "",
        (true, false) => "up to ",
        (_, true) => "about ",
    };
    Counts { steps: preview.steps(), read, change, destroy, times: (!once).then_some(about) }
}

fn line(line: &PreviewLine) -> PlanLine {
    let mut remarks: Vec<String> = Vec::new();
    // A long condition says nothing to who reads a plan; the runbook has it.
    let when = |when: &String| if when.len() > BRIEF { "only if its condition holds".to_owned() } else { format!("only if {when}") };
    remarks.extend(line.when.as_ref().map(when));
    remarks.extend(line.taken_back.clone());
    if !line.needs.is_empty() {
        remarks.push(format!("known only at run time (depends on {})", line.needs.join(", ")));
    }
    PlanLine {
        number: line.number.clone(),
        id: line.id.clone(),
        kind: line.kind,
        effect: line.effect,
        text: line.what.clone(),
        remark: remarks.join("; "),
        depth: line.depth,
    }
}
