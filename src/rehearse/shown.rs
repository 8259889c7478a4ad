//! What one rehearsal has shown of a runbook.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::{Event, Exit, Finding, Outcome, Part, Place, Skip, StepOutcome, Verdict},
    runbook::model::{Kind, Runbook},
};

use super::aspect::{Aspect, as_case, gate_id};

/// What a rehearsal has shown of a runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exercised(BTreeSet<(String, Aspect)>);

impl Exercised {
    /// From the events of one rehearsal.
    #[must_use]
    pub(crate) fn of<'a>(runbook: &Runbook, events: impl IntoIterator<Item = &'a Event>) -> Self {
        let calls: BTreeSet<&str> =
            runbook.all_steps().filter(|step| matches!(step.kind, Kind::Call(_))).map(|step| step.id.as_str()).collect();
        let mut seen = ExercisedSoFar::new(runbook);
        for event in events {
            seen.take(event, &calls);
        }
        Self(seen.shown)
    }

    /// The ids of steps and probes, and the ways in which they went.
    pub(crate) fn ways(&self) -> impl Iterator<Item = (&str, Aspect)> {
        self.0.iter().map(|(id, aspect)| (id.as_str(), *aspect))
    }
}

/// What the events of a rehearsal, one after the other, have shown.
struct ExercisedSoFar {
    shown: BTreeSet<(String, Aspect)>,
    /// Probes of the preflight that may be passed over, and gates that may be.
    probes: Vec<String>,
    gates: BTreeMap<String, Vec<String>>,
    /// Probes of what must hold.
    holds: BTreeSet<String>,
    /// Those that were asked since the run was opened, or since the last batch of their loop.
    asked: BTreeSet<String>,
}

impl ExercisedSoFar {
    fn new(runbook: &Runbook) -> Self {
        let probes = runbook.preflight.iter().filter(|probe| probe.when.is_some()).filter_map(|probe| Some(probe.id.as_ref()?.to_string()));
        let gates = runbook.all_steps().filter_map(|step| match &step.kind {
            Kind::ForEach(each) => {
                let gates = each.before_batch.iter().enumerate().filter(|(_, gate)| gate.when.is_some());
                Some((step.id.to_string(), gates.map(|(index, gate)| gate_id(gate, index)).collect()))
            }
            _ => None,
        });
        let holds = runbook.all_steps().flat_map(|step| &step.holds).filter_map(|probe| Some(probe.id.as_ref()?.to_string()));
        let holds = holds.collect();
        Self { shown: BTreeSet::new(), probes: probes.collect(), gates: gates.collect(), holds, asked: BTreeSet::new() }
    }

    fn take(&mut self, event: &Event, calls: &BTreeSet<&str>) {
        match event {
            Event::RunOpened(_) => self.asked.clear(),
            // The plan stands, or the preflight bars the run: every probe that matters has been asked by now.
            Event::Planned { .. } | Event::RunClosed { outcome: Outcome::Blocked, .. } => {
                let passed_over = self.probes.iter().filter(|id| !self.asked.contains(*id));
                self.shown.extend(passed_over.map(|id| (id.clone(), Aspect::WhenFalse)));
            }
            Event::BatchBegan { place, .. } => {
                for id in self.gates.get(place.step()).into_iter().flatten() {
                    if !self.asked.remove(id) {
                        self.shown.insert((id.clone(), Aspect::WhenFalse));
                    }
                }
            }
            Event::StepReached { place, case: Some(case), .. } => {
                self.shown.extend(own_id(place, calls).map(|id| (as_case(&id, case), Aspect::Reached)));
            }
            Event::Checked { place, .. } | Event::StepEnded { place, part: Part::Gate, .. } => {
                self.asked.insert(place.step().to_owned());
            }
            _ => {}
        }
        // One answer serves all that ask for it at one look.
        if let Event::AnswerShared { place, verdict: Verdict::Passed, .. } = event
            && let Some(id) = own_id(place, calls).filter(|id| self.holds.contains(id))
        {
            self.shown.insert((id, Aspect::Held));
        }
        for (place, aspect) in aspects_of(event) {
            if let Some(id) = own_id(place, calls) {
                self.shown.insert((id, aspect));
            }
        }
    }
}

/// The step's id, if it is a step of the runbook itself and not of one that it calls.
fn own_id(place: &Place, calls: &BTreeSet<&str>) -> Option<String> {
    let mut ids = place.steps();
    let own = ids.pop()?;
    (!ids.iter().any(|id| calls.contains(id))).then(|| own.to_owned())
}

/// A timeout is a failure too.
fn aspects_of(event: &Event) -> impl Iterator<Item = (&Place, Aspect)> {
    let late = match event {
        Event::StepEnded { place, part: Part::Main, exit, verdict, .. } => match (exit, verdict) {
            (Exit::TimedOut { .. }, _) => Some((place, Aspect::TimedOut)),
            (_, Verdict::Failed { late: true, .. }) => Some((place, Aspect::TimedOut)),
            (_, Verdict::Failed { .. }) => Some((place, Aspect::GivenUp)),
            _ => None,
        },
        _ => None,
    };
    aspect(event).into_iter().chain(late)
}

fn aspect(event: &Event) -> Option<(&Place, Aspect)> {
    Some(match event {
        Event::Checked { place, finding: Finding::Pass { .. }, .. } => (place, Aspect::ProbePassed),
        Event::Checked { finding: Finding::NotJudged { .. }, .. } => return None,
        Event::Checked { place, .. } => (place, Aspect::ProbeFailed),
        Event::Confirmed { place: Some(place), .. } => (place, Aspect::Yes),
        Event::Declined { place: Some(place), .. } => (place, Aspect::No),
        Event::HoldFailed { place, .. } => (place, Aspect::NotHeld),
        Event::StepReached { place, .. } => (place, Aspect::Reached),
        Event::StepSkipped { place, why: Skip::When { .. } } => (place, Aspect::WhenFalse),
        Event::StepSkipped { place, why: Skip::AlreadyDone { .. } } => (place, Aspect::AlreadyDone),
        Event::StepSettled { place, outcome: StepOutcome::Failed { .. } | StepOutcome::InDoubt { .. } } => (place, Aspect::Failed),
        Event::StepEnded { place, part, verdict, .. } => {
            let passed = *verdict == Verdict::Passed;
            let aspect = match (part, passed) {
                (Part::Main, false) => Aspect::Failed,
                (Part::DoneIf, false) => Aspect::NotYetDone,
                (Part::Verify, true) => Aspect::VerifyPassed,
                (Part::Verify, false) => Aspect::VerifyFailed,
                (Part::Gate, true) => Aspect::GatePassed,
                (Part::Gate, false) => Aspect::GateFailed,
                (Part::Holds, true) => Aspect::Held,
                // That it failed is a fact of its own, also where a wait asks.
                (Part::Holds, false) => return None,
                (Part::Undo, _) => Aspect::Undo,
                (Part::Cleanup, _) => Aspect::Cleanup,
                (Part::Main | Part::DoneIf, true) | (Part::Show | Part::Lock, _) => return None,
            };
            (place, aspect)
        }
        _ => return None,
    })
}
