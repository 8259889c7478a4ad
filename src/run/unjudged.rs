//! Checks of the preflight that are not judged, because something that they depend on was not answered.

use minijinja::context;

use super::{
    engine::Engine,
    halt::Halt,
    probe::title_of,
    sweep::{Foreknown, Gap, Sweep},
};
use crate::{
    event::{Event, Finding, Part, Place},
    plan::{
        Evaluated, Scope,
        condition::{MadeFor, made, made_for},
        item::list_of,
    },
    runbook::{
        model::{Probe, Severity},
        name::StepId,
    },
    words,
};

/// A check that is not judged.
#[derive(Debug, Clone)]
pub(super) struct UnjudgedCheck {
    pub place: Place,
    pub title: String,
    pub gap: Gap,
    /// It would have kept the run from going on.
    pub bars: bool,
}

impl UnjudgedCheck {
    pub(super) fn new(probe: &Probe, scope: &Scope, place: Place, gap: Gap) -> Self {
        Self { title: title_of(probe, scope, &place), place, gap, bars: probe.severity == Severity::Block }
    }
}

/// A check that keeps the run from going on, unless the operator overrides it.
#[derive(Debug, Clone)]
pub(super) struct BlockedCheck {
    pub place: Place,
    pub title: String,
    pub why: String,
    pub hint: Option<String>,
    /// It has no answer, rather than a bad one.
    pub unanswered: bool,
}

impl BlockedCheck {
    /// What is not judged bars the run itself, where nothing else does for it.
    pub(super) fn of(check: &UnjudgedCheck) -> Self {
        let why = words::not_judged(&check.gap.without, 1);
        Self { place: check.place.clone(), title: check.title.clone(), why, hint: None, unanswered: true }
    }

    /// Why the run cannot go on, and what is not judged for it.
    pub(super) fn told(&self, unjudged: &[UnjudgedCheck]) -> String {
        // A check that is made for each host has one title for all.
        let item = self.place.own_item().filter(|item| !self.why.contains(item)).map(|item| format!("{item}: ")).unwrap_or_default();
        let mut told = words::failed_check(&format!("{item}{}", self.why), &self.title);
        let mut gaps: Vec<&Gap> = unjudged.iter().map(|check| &check.gap).filter(|gap| gap.failed == self.place).collect();
        gaps.dedup();
        for gap in gaps {
            let count = unjudged.iter().filter(|check| check.gap == *gap).count();
            told.push('\n');
            told.push_str(&words::not_judged(&gap.without, count));
        }
        told
    }
}

impl Engine<'_> {
    /// What of these checks is not judged, as far as it can be told now; the others are asked in their turn.
    pub(super) fn unjudged(&self, probes: &[&Probe], scope: &mut Scope, at: &Place, sweep: &Sweep) -> Vec<UnjudgedCheck> {
        let mut all = Vec::new();
        for probe in probes {
            let Some(id) = probe.id.as_ref().map(StepId::as_str) else { continue };
            if sweep.is_settled(id) || !Self::matters(probe, scope, sweep) {
                continue;
            }
            let place = at.child(id);
            if let Some(gap) = sweep.gap(probe, scope) {
                all.push(Self::left_out(probe, scope, place, gap, sweep));
            } else if sweep.knows_silence() {
                all.extend(self.silenced(probe, scope, &place, sweep));
            }
        }
        // What is not judged for one reason is told together.
        all.sort_by(|a, b| a.gap.cmp(&b.gap));
        all
    }

    /// Whether a check would be made, or nobody can say for want of an answer.
    fn matters(probe: &Probe, scope: &Scope, sweep: &Sweep) -> bool {
        let Some(when) = &probe.when else { return true };
        sweep.gap_in(when, scope).is_some() || matches!(made(probe, scope), Ok(Evaluated::Known(MadeFor::All | MadeFor::ByItem)))
    }

    /// A check that is over before its turn.
    fn left_out(probe: &Probe, scope: &mut Scope, place: Place, gap: Gap, sweep: &Sweep) -> UnjudgedCheck {
        let check = UnjudgedCheck::new(probe, scope, place, gap);
        let id = check.place.step();
        sweep.leave(id, check.gap.clone(), false);
        sweep.settle(id);
        sweep.tells(&check.place);
        scope.set(id, context! { ran => false });
        scope.set_failed(id);
        check
    }

    /// What of a check would be asked where nobody answers.
    fn silenced(&self, probe: &Probe, scope: &mut Scope, place: &Place, sweep: &Sweep) -> Vec<UnjudgedCheck> {
        let Some(command) = &probe.command else { return Vec::new() };
        let silence = |scope: &Scope, place: &Place| match Self::order(command, scope, place, Part::Main) {
            Ok(Evaluated::Known(order)) => match sweep.foreknown(&order, command.output) {
                Some(Foreknown::NotAsked(gap)) => Some(gap),
                _ => None,
            },
            _ => None,
        };
        let Some(items) = &probe.for_each else {
            let gap = silence(scope, place);
            return gap.map(|gap| Self::left_out(probe, scope, place.clone(), gap, sweep)).into_iter().collect();
        };
        let Ok(Evaluated::Known(list)) = list_of(items, scope, &self.secrets) else { return Vec::new() };
        let mut all = Vec::new();
        for item in list.into_vec() {
            if !matches!(made_for(probe, &item, scope), Ok(Evaluated::Known(true))) {
                continue;
            }
            let place = place.item(items.name.as_str(), item.label());
            let mut inner = scope.clone();
            inner.set(items.name.as_str(), item.value);
            if let Some(gap) = silence(&inner, &place).filter(|_| sweep.tells(&place)) {
                sweep.leave(place.step(), gap.clone(), false);
                all.push(UnjudgedCheck::new(probe, &inner, place, gap));
            }
        }
        all
    }

    /// Tells of checks that are not judged.
    pub(super) fn tell_unjudged(&self, checks: &[UnjudgedCheck]) -> Result<(), Halt> {
        for check in checks {
            let finding = Finding::NotJudged { without: check.gap.without.clone(), failed: check.gap.failed.clone() };
            self.emit(Event::Checked { place: check.place.clone(), title: check.title.clone(), finding })?;
        }
        Ok(())
    }
}

/// All of these checks, but for those that do not matter: none of them is asked.
pub(super) fn all_unjudged(probes: &[Probe], scope: &Scope, at: &Place, gap: &Gap) -> Vec<UnjudgedCheck> {
    let passed_over = |probe: &Probe| matches!(made(probe, scope), Ok(Evaluated::Known(MadeFor::Nothing)));
    let left = probes.iter().filter(|probe| !passed_over(probe));
    left.filter_map(|probe| Some(UnjudgedCheck::new(probe, scope, at.child(probe.id.as_ref()?.as_str()), gap.clone()))).collect()
}
