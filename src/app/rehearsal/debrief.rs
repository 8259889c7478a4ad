//! What a rehearsal has taught: the decisions, and what each gate that said no has kept from happening.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{
    notebook::Stood,
    trial::{Trial, TrialManner},
};
use crate::{
    event::{Event, Finding, Outcome, Part, Place, StepOutcome, Verdict},
    plan::Plan,
    ports::{Choice, Clock},
    quantity::show_duration,
    rehearse::{
        Rehearsal, Scenario,
        injection::Injection,
        scenario::{Said, ScriptedAnswers},
    },
    runbook::model::{Expr, Kind, Probe, Runbook, Step},
};

/// How many gates are opened, each with a rehearsal of its own.
const MOST: usize = 8;
/// How much of its reason is told, in characters.
const WHY: usize = 160;
/// How many differences are told of each.
const DIFFERENCES: usize = 6;

/// A gate that said no.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gate {
    place: Place,
    part: Part,
    why: String,
}

/// Tells it, as lines for a person.
#[must_use]
pub(crate) fn debrief(
    plan: &Plan,
    rehearsal: &Rehearsal,
    faults: &[Injection],
    events: &[Event],
    stood: &[Stood],
    took: Duration,
) -> Vec<String> {
    let passed = show_duration(rehearsal.clock.elapsed());
    let gates = gates(plan, events);
    let none = if gates.is_empty() { "; no gate blocked" } else { "" };
    let mut lines = vec![format!("Debrief: {passed} of simulated time, {} of real time{none}", show_duration(took))];
    lines.extend(decisions(events, stood));
    for gate in gates.iter().take(MOST) {
        let why: String = gate.why.lines().next().unwrap_or_default().chars().take(WHY).collect();
        lines.push(format!("  {} blocked: {why}", gate.place));
        lines.extend(without(plan, rehearsal, faults, events, gate).into_iter().map(|line| format!("    {line}")));
    }
    if gates.len() > MOST {
        lines.push(format!("  and {} more gates", gates.len() - MOST));
    }
    lines
}

fn decisions(events: &[Event], stood: &[Stood]) -> Vec<String> {
    let mut times: Vec<Stood> = stood.to_vec();
    let mut time = |place: Option<&Place>| {
        let at = times.iter().position(|stood| stood.place.as_ref() == place)?;
        Some(format!("  ({} at the prompt)", show_duration(times.remove(at).stood)))
    };
    let mut lines = Vec::new();
    for event in events {
        let (place, said) = match event {
            Event::Confirmed { place, typed, .. } => (place.as_ref(), typed.clone()),
            Event::Declined { place, why, .. } => (place.as_ref(), format!("no ({why})")),
            Event::Overridden { place, reason, .. } | Event::HoldOverridden { place, reason, .. } => {
                (Some(place), format!("overridden: {reason}"))
            }
            _ => continue,
        };
        let name = place.map_or("the plan", Place::as_str);
        lines.push(format!("  decided  {name}: {said}{}", time(place).unwrap_or_default()));
    }
    lines
}

/// The gates that said no, and were not passed later at the same place; each once.
fn gates(plan: &Plan, events: &[Event]) -> Vec<Gate> {
    // What a failure is around, and a command that fails, keep nothing from happening.
    let asks = |place: &Place| plan.step(place).is_some_and(|step| matches!(step.kind, Kind::Probe(_) | Kind::Wait(_)));
    let mut gates: Vec<Gate> = Vec::new();
    for event in events {
        let (place, part, why) = match event {
            Event::Checked { place, finding: Finding::Block { message, .. }, .. } => (place, Part::Show, Some(message)),
            Event::StepEnded { place, part: part @ (Part::Gate | Part::Verify), verdict, message, .. } => match verdict {
                Verdict::Passed => (place, *part, None),
                Verdict::Failed { why, .. } | Verdict::Unknown { why } => {
                    (place, *part, Some(if message.is_empty() { why } else { message }))
                }
            },
            Event::HoldFailed { place, why, .. } => (place, Part::Holds, Some(why)),
            Event::StepEnded { place, part: Part::Holds, verdict: Verdict::Passed, .. } => (place, Part::Holds, None),
            Event::StepSettled { place, .. } if !asks(place) => continue,
            Event::StepSettled { place, outcome: StepOutcome::Failed { why } } => (place, Part::Main, Some(why)),
            Event::StepSettled { place, outcome: StepOutcome::Done } => (place, Part::Main, None),
            _ => continue,
        };
        gates.retain(|gate| gate.place != *place || gate.part != part);
        if let Some(why) = why {
            gates.push(Gate { place: place.clone(), part, why: why.clone() });
        }
    }
    gates
}

/// What would have happened without it, told by rehearsing it so.
fn without(plan: &Plan, rehearsal: &Rehearsal, faults: &[Injection], events: &[Event], gate: &Gate) -> Vec<String> {
    let mut runbook = Runbook::clone(&plan.runbook);
    // What another runbook asks may have the id of something here.
    if in_a_call(plan, &gate.place) || !opened(&mut runbook, gate) {
        return vec!["unknown what would have happened without this gate".to_owned()];
    }
    let scenario = Arc::new(as_decided(&rehearsal.scenario, events));
    let plan = plan.with(runbook);
    let trial = Trial { name: scenario.name.clone(), scenario, plan };
    let gone = trial.run(&TrialManner { faults, otherwise: Some(Choice::Stop), leave: false });
    let mut lines = vec![match (gone.account.outcome, &gone.account.at) {
        (Some(Outcome::Completed), _) => "without this gate the run would have completed".to_owned(),
        (_, Some(at)) if *at == gate.place => "without this gate the run would have stopped there too".to_owned(),
        (_, Some(at)) => format!("without this gate the run would have continued to {at} and ended there: {}", gone.account.why),
        (_, None) => format!("without this gate the run would have ended with: {}", gone.account.why),
    }];
    for violation in gone.rehearsal.simulator.violations() {
        if !rehearsal.simulator.violations().iter().any(|known| known.never == violation.never) {
            let (wanted, found) = rehearsal.scenario.told(&violation);
            lines.push(format!("{wanted}: {found}"));
        }
    }
    let mut differences = Vec::new();
    let (before, after) = (rehearsal.simulator.snapshot(), gone.rehearsal.simulator.snapshot());
    differ("", &before, &after, &mut differences);
    let more = differences.len().saturating_sub(DIFFERENCES);
    differences.truncate(DIFFERENCES);
    lines.extend(differences);
    if more > 0 {
        lines.push(format!("and {more} more differences in the world"));
    }
    lines
}

/// The place is inside a runbook that is called.
fn in_a_call(plan: &Plan, place: &Place) -> bool {
    let is_call = |place: &Place| plan.step(place).is_some_and(|step| matches!(step.kind, Kind::Call(_)));
    std::iter::successors(place.around(), |place| place.around()).any(is_call)
}

/// Makes the gate let everything through; `false` if there is none.
fn opened(runbook: &mut Runbook, gate: &Gate) -> bool {
    let id = gate.place.step().to_owned();
    if gate.part == Part::Show {
        let own = gate.place.preflight().is_some_and(|preflight| preflight.around().is_none());
        if own && gate.place.requirement().is_some() {
            runbook.requires = crate::runbook::model::Requires::default();
            return true;
        }
        let probe = runbook.preflight.iter_mut().find(|probe| probe.id.as_ref().is_some_and(|own| own.as_str() == id));
        return probe.map(|probe| open(probe, &gate.place)).is_some();
    }
    open_in(&mut runbook.steps, gate, &id)
}

fn open_in(steps: &mut [Step], gate: &Gate, id: &str) -> bool {
    for step in steps {
        let own = step.id.as_str() == id;
        match (&mut step.kind, gate.part) {
            (_, Part::Holds) if step.holds.iter().any(|probe| probe.id.as_ref().is_some_and(|own| own.as_str() == id)) => {
                step.holds.retain(|probe| probe.id.as_ref().is_none_or(|own| own.as_str() != id));
                return true;
            }
            (kind, Part::Verify) if own && !matches!(kind, Kind::Choose(_)) => return step.verify.take().is_some(),
            (Kind::Probe(probe), Part::Main) if own => {
                open(probe, &gate.place);
                return true;
            }
            (Kind::Wait(wait), Part::Main) if own => {
                let here = here(&gate.place);
                wait.until = or(&here, &wait.until);
                if let Some(fail_if) = &mut wait.fail_if {
                    fail_if.text = format!("not ({here}) and ({})", fail_if.text).into();
                }
                return true;
            }
            (Kind::ForEach(each), Part::Gate) => {
                let named =
                    |index: usize, probe: &Probe| probe.id.as_ref().map_or_else(|| format!("gate{}", index + 1), ToString::to_string);
                if let Some((_, probe)) = each.before_batch.iter_mut().enumerate().find(|(index, probe)| named(*index, probe) == id) {
                    open(probe, &gate.place);
                    return true;
                }
            }
            _ => {}
        }
        let inside = match &mut step.kind {
            Kind::ForEach(each) => open_in(&mut each.steps, gate, id),
            Kind::Group { steps, .. } => open_in(steps, gate, id),
            Kind::Choose(choose) => {
                // In each of its cases: which of them it is, the run says.
                let mut opened = false;
                for case in choose.cases.values_mut() {
                    opened |= open_in(std::slice::from_mut(case), gate, id);
                }
                opened
            }
            _ => false,
        };
        if inside {
            return true;
        }
    }
    false
}

fn open(probe: &mut Probe, place: &Place) {
    let otherwise = Expr { text: "code == 0".into(), span: probe.span };
    probe.expect = Some(or(&here(place), probe.expect.as_ref().unwrap_or(&otherwise)));
}

fn or(here: &str, expr: &Expr) -> Expr {
    Expr { text: format!("{here} or ({})", expr.text).into(), span: expr.span }
}

/// An expression that is true at this place only: for the items of the loops around it.
fn here(place: &Place) -> String {
    let parts: Vec<String> = place.items().into_iter().map(|(name, item)| format!("{name} | string == {}", Value::from(item))).collect();
    if parts.is_empty() { "true".to_owned() } else { format!("({})", parts.join(" and ")) }
}

/// The scenario with what the operator said in this rehearsal.
fn as_decided(scenario: &Scenario, events: &[Event]) -> Scenario {
    let mut scenario = scenario.clone();
    for event in events {
        match event {
            Event::Confirmed { place: Some(place), typed, .. } => {
                scenario.answers.insert(place.to_string(), ScriptedAnswers::Always(Said::Text(typed.clone())));
            }
            Event::Declined { place: Some(place), .. } => {
                scenario.answers.insert(place.to_string(), ScriptedAnswers::Always(Said::YesNo(false)));
            }
            Event::Overridden { place, reason, .. } | Event::HoldOverridden { place, reason, .. } => {
                scenario.overrides.insert(place.to_string(), reason.clone());
            }
            _ => {}
        }
    }
    scenario
}

/// Where two worlds differ, by path.
fn differ(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, found: &mut Vec<String>) {
    for (name, is) in before {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        value_differs(&path, is, after.get(name).unwrap_or(&Value::Null), found);
    }
}

fn value_differs(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(before), Value::Object(after)) => differ(path, before, after, found),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                value_differs(&format!("{path}.{index}"), before, after, found);
            }
        }
        (before, after) => found.push(format!("{path} would be {after} instead of {before}")),
    }
}
