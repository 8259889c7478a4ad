//! What is looked at on another machine than the one that was changed.

use super::{
    diagnostic::Fault,
    model::{Kind, Probe, Step},
};

/// What a step's `done_if` and `verify` run here, of a step that says where it runs.
#[must_use]
pub(super) fn elsewhere(step: &Step, text: &str) -> Vec<Fault> {
    if !is_placed(step) {
        return Vec::new();
    }
    let probes = [("done_if", &step.done_if), ("verify", &step.verify)];
    let here = probes.into_iter().filter_map(|(key, probe)| Some((key, probe.as_ref().filter(|probe| is_here(probe))?)));
    here.map(|(key, probe)| {
        let message = format!("`{key}` of step `{}` runs on this machine, the step itself on its `on`", step.id);
        Fault::warning("looked-at-elsewhere", probe.span.first_line(text), message)
            .label("no `on` here, nor in its query")
            .hint("say `on`, as the step does; or `on: local`, if this machine is meant")
    })
    .collect()
}

fn is_placed(step: &Step) -> bool {
    match &step.kind {
        Kind::Command(command) => command.on.as_ref().is_some_and(|on| !matches!(on.text.trim(), "" | "local")),
        Kind::Choose(choose) => choose.cases.values().any(is_placed),
        _ => false,
    }
}

fn is_here(probe: &Probe) -> bool {
    probe.command.as_ref().is_some_and(|command| command.on.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{
        model::{Origin, SourceText},
        resolve,
    };

    /// What is told of a step `x`, in a runbook that can ask `here` and `there`.
    fn told(step: &str) -> Vec<String> {
        let text = format!(
            "halligan: 1\nname: x\ntitle: X\nsummary: X\nreviewed: 2026-01-01\nqueries:\n  here: {{run: [x]}}\n  there: {{run: [x], on: a}}\n\
             preflight:\n- {{id: one, ask: here}}\n- {{id: two, ask: there}}\nsteps:\n- {{id: x, {step}, undo: {{impossible: x}}}}\n"
        );
        let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), &text));
        let runbook = runbook.unwrap_or_else(|| panic!("{}", report.plain()));
        runbook.all_steps().flat_map(|step| elsewhere(step, &text)).map(|fault| fault.message).collect()
    }

    #[test]
    fn a_step_is_verified_where_it_ran_or_says_where() {
        let run = "run: [x], effect: change, on: a";
        let fault = |key| vec![format!("`{key}` of step `x` runs on this machine, the step itself on its `on`")];
        assert_eq!(told(&format!("{run}, verify: {{run: [y]}}")), fault("verify"));
        assert_eq!(told(&format!("{run}, done_if: {{ask: here}}")), fault("done_if"));
        let cases = "choose: \"'b'\", cases: {b: {run: [x], on: a}, c: {run: [z]}}, effect: change";
        assert_eq!(told(&format!("{cases}, verify: {{run: [y]}}")), fault("verify"));
        for well in ["verify: {run: [y], on: a}", "verify: {run: [y], on: local}", "done_if: {ask: there}", "verify: {expect: 1 == 1}"] {
            assert_eq!(told(&format!("{run}, {well}")), [""; 0], "{well}");
        }
        assert_eq!(told("run: [x], effect: change, verify: {run: [y]}"), [""; 0]);
        assert_eq!(told("run: [x], effect: change, on: local, verify: {run: [y]}"), [""; 0]);
    }
}
