//! What is changed after a long wait on the strength of what was seen before it.

use std::time::Duration;

use super::{
    diagnostic::Fault,
    model::{Effect, Kind, Runbook, Step, Timespan, Wait},
    name::StepId,
};

/// A wait that may take longer is one in which somebody else may do something.
const LONG: Duration = Duration::from_secs(10 * 60);

/// The first change after each long wait that no `holds` guards, with the wait.
#[must_use]
pub(super) fn unguarded(runbook: &Runbook) -> Vec<Fault> {
    let mut walk = UnguardedWalk { text: &runbook.source.text, waited: None, faults: Vec::new() };
    walk.steps(&runbook.steps, false);
    walk.faults
}

struct UnguardedWalk<'r> {
    text: &'r str,
    /// The long wait after which nothing has been looked at.
    waited: Option<&'r StepId>,
    faults: Vec<Fault>,
}

impl<'r> UnguardedWalk<'r> {
    fn steps(&mut self, steps: &'r [Step], guarded: bool) {
        for step in steps {
            let guarded = guarded || !step.holds.is_empty();
            match &step.kind {
                Kind::Wait(wait) if is_long(wait) => self.waited = Some(&step.id),
                // Whoever looks, or asks the operator, knows how things stand.
                Kind::Wait(_) | Kind::Probe(_) | Kind::Confirm(_) | Kind::Manual(_) => self.waited = None,
                Kind::Command(command) if command.effect != Effect::Read => self.change(step, guarded),
                _ => {}
            }
            if let Kind::Choose(choose) = &step.kind {
                let waited = self.waited;
                for case in choose.cases.values() {
                    self.waited = waited;
                    self.steps(std::slice::from_ref(case), guarded);
                }
            }
            if step.is_stretch() {
                self.steps(step.children(), guarded);
                // What comes after it stands on how it ended.
                self.waited = None;
            }
        }
    }

    fn change(&mut self, step: &Step, guarded: bool) {
        // A step that asks whether it is done already has looked at what it changes.
        let Some(wait) = self.waited.take().filter(|_| !guarded && step.done_if.is_none()) else { return };
        let message = format!("step `{}` changes something after the wait `{wait}`, and no `holds` guards it", step.id);
        self.faults.push(
            Fault::warning("unguarded-change", step.span.first_line(self.text), message)
                .label("what was seen before the wait may be old")
                .hint("put both into a group with `holds`: what must be so is then asked while it waits, and right before the change"),
        );
    }
}

fn is_long(wait: &Wait) -> bool {
    match &wait.timeout {
        Some(Timespan::Fixed(timeout)) => *timeout > LONG,
        // How long is the operator's to say.
        Some(Timespan::Template(_)) | None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{
        model::{Origin, SourceText},
        resolve,
    };

    const WAIT: &str = "- {id: w, wait: {run: [x], until: code == 0, timeout: 1h}}\n";
    const CHANGE: &str = "- {id: c, run: [x], effect: change, undo: {impossible: x}}\n";

    fn found(steps: &str) -> usize {
        let text = format!("halligan: 1\nname: x\ntitle: X\nsummary: X\nreviewed: 2026-01-01\nsteps:\n{steps}");
        let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), &text));
        unguarded(&runbook.unwrap_or_else(|| panic!("{}", report.plain()))).len()
    }

    #[test]
    fn a_change_after_a_long_wait_is_guarded_or_warned_of() {
        assert_eq!(found(&format!("{WAIT}{CHANGE}")), 1);
        assert_eq!(found(&format!("{WAIT}{CHANGE}").replace("1h", "10m")), 0);
        // Somebody has looked since.
        assert_eq!(found(&format!("{WAIT}- {{id: p, probe: {{run: [x]}}}}\n{CHANGE}")), 0);
        assert_eq!(found(&format!("{WAIT}{}", CHANGE.replace("undo", "done_if: {run: [x]}, undo"))), 0);
        // What must hold around it is asked before it.
        let group = |holds: &str| {
            let inner = format!("{WAIT}{CHANGE}").replace("- {", "  - {");
            format!("- id: g\n  group: G\n{holds}  steps:\n{inner}")
        };
        assert_eq!((found(&group("")), found(&group("  holds: [{id: h, run: [x]}]\n"))), (1, 0));
        assert_eq!(found(&format!("{}{CHANGE}", group("").replace(&CHANGE.replace("- {", "  - {"), ""))), 0);
        // It is told once, since what comes after was as old before.
        assert_eq!(found(&format!("{WAIT}{CHANGE}{}", CHANGE.replace("id: c", "id: d"))), 1);
    }
}
