//! What must hold before anything runs. All of it is asked, so that the operator sees every obstacle at once.

use minijinja::{Value, context};

use super::{engine::Engine, halt::Halt, probe::ProbeAnswer};
use crate::{
    event::{Event, Finding, Mode, Part, Place, Verdict},
    plan::{Evaluated, Scope, remaining},
    ports::{Answer, Ask, NoAnswer, Question},
    runbook::model::{Runbook, Severity},
    words,
};

impl Engine<'_> {
    /// Asks every preflight probe. Returns why the run may not go on, which only a dry run survives.
    pub(super) fn preflight(&self, runbook: &Runbook, scope: &mut Scope, parent: Option<&Place>) -> Result<Option<Vec<String>>, Halt> {
        let at = Place::preflight_in(parent);
        let mut blocks = self.requirements(runbook, scope, &Place::requires_in(parent))?;
        // The answers of now judge one another; what the plan was made with comes after them.
        let plan = scope.clone();
        let standing = self.found_before_a_change(runbook, scope, parent)?;
        for probe in &runbook.preflight {
            self.check_interrupts(parent)?;
            let Some(id) = &probe.id else { continue };
            let place = at.child(id.as_str());
            if let Some(value) = standing.as_ref().filter(|_| probe.once).and_then(|standing| standing.get(id.as_str()))
                && self.stands(&place)?
            {
                scope.set(id.as_str(), value.clone());
                continue;
            }
            let answers = match self.ask(probe, scope, &place, Part::Main)? {
                Evaluated::Known(answers) => answers,
                Evaluated::Unknown(needs) => {
                    let title = probe.title.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
                    self.emit(Event::Checked { place, title, finding: Finding::Unknown { needs } })?;
                    scope.set_unknown(id.as_str());
                    continue;
                }
            };
            for asked in &answers {
                let finding = finding(asked, probe.severity);
                let blocks_run = matches!(finding, Finding::Block { .. });
                self.emit(Event::Checked { place: asked.place.clone(), title: asked.title.clone(), finding })?;
                if blocks_run {
                    blocks.push((asked.place.clone(), asked.title.clone(), asked.why()));
                }
            }
            let read = answers.iter().all(|asked| asked.passed() || asked.has_output());
            scope.set(id.as_str(), together(probe.for_each.is_some(), answers));
            if !read {
                scope.set_failed(id.as_str());
            }
        }
        // Whoever wants to stop is not asked for reasons to go on.
        self.check_interrupts(parent)?;
        let mut left = Vec::new();
        for (place, title, why) in blocks {
            if !self.overridden(&place, &title, &why)? {
                // A check that is made for each host has one title for all.
                let item = place.own_item().filter(|item| !why.contains(item)).map(|item| format!("{item}: ")).unwrap_or_default();
                left.push(words::failed_check(&format!("{item}{why}"), &title));
            }
        }
        if self.before.is_some_and(|before| before.past.planned) {
            let fresh = std::mem::replace(scope, plan);
            for id in runbook.preflight.iter().filter_map(|probe| probe.id.as_ref()) {
                if let Some(value) = fresh.get(id.as_str()) {
                    scope.set(id.as_str(), value.clone());
                }
            }
            self.preflight_before(runbook, scope, parent)?;
        }
        if left.is_empty() {
            return Ok(None);
        }
        if self.setting.mode == Mode::DryRun { Ok(Some(left)) } else { Err(Halt::Blocked { whys: left }) }
    }

    /// What was found before the run's own first change, if it has come to that: what it has changed since speaks neither for
    /// nor against going on.
    fn found_before_a_change(&self, runbook: &Runbook, scope: &Scope, parent: Option<&Place>) -> Result<Option<Scope>, Halt> {
        if !self.before.is_some_and(|before| remaining::changed(self.plan, before.past, parent)) {
            return Ok(None);
        }
        let mut standing = scope.clone();
        self.preflight_before(runbook, &mut standing, parent)?;
        Ok(Some(standing))
    }

    /// Tells what a probe had found that is not asked again. Whether there is anything to tell: else it is asked.
    fn stands(&self, place: &Place) -> Result<bool, Halt> {
        let Some(before) = self.before else { return Ok(false) };
        let found: Vec<_> = before.past.findings(place).collect();
        if found.is_empty() || found.iter().any(|(_, checked)| matches!(checked.finding, Finding::Unknown { .. })) {
            return Ok(false);
        }
        for (place, checked) in found {
            let (_, name, message, _) = words::finding(&checked.finding);
            let overridden = checked.overridden.as_ref().map(|reason| format!("; overridden: {reason}")).unwrap_or_default();
            let text = format!("{}: not checked again; before the first change: {name}: {message}{overridden}", checked.title);
            self.emit(Event::Note { place: Some(place.clone()), text, taken: None })?;
        }
        Ok(true)
    }

    /// What the preflight had found when the plan was made: what takes a step back restores that, not what is so now.
    pub(super) fn preflight_before(&self, runbook: &Runbook, scope: &mut Scope, parent: Option<&Place>) -> Result<(), Halt> {
        let at = Place::preflight_in(parent);
        let Some(before) = self.before else { return Ok(()) };
        let found = &before.past.found;
        for probe in &runbook.preflight {
            let Some(id) = &probe.id else { continue };
            if let Some(value) = self.probe_before(probe, scope, &at.child(id.as_str()), &|place| found.get(place))? {
                scope.set(id.as_str(), value);
            }
        }
        Ok(())
    }

    /// Whether the operator overrides a blocking probe, with a reason.
    fn overridden(&self, place: &Place, title: &str, why: &str) -> Result<bool, Halt> {
        let question =
            Question { place: Some(place.clone()), ask: Ask::Override, text: format!("Failed check: {why}\n  (check: {title})") };
        match self.put_question(&question) {
            Ok(Answer::Yes { typed, by }) if !typed.trim().is_empty() => {
                self.emit(Event::Overridden { place: place.clone(), title: title.to_owned(), reason: typed, by })?;
                Ok(true)
            }
            Err(none @ (NoAnswer::Interrupted | NoAnswer::Ended | NoAnswer::Gone)) => {
                Err(Halt::Stopped { place: Some(place.clone()), why: none.to_string() })
            }
            // Everything else leaves the block standing.
            Ok(_) | Err(NoAnswer::NoTerminal { .. }) => Ok(false),
        }
    }
}

fn finding(asked: &ProbeAnswer, severity: Severity) -> Finding {
    match (&asked.verdict, severity) {
        (Verdict::Passed, _) => Finding::Pass { message: asked.message.clone() },
        (_, Severity::Warn) => Finding::Warn { message: asked.why(), hint: asked.hint.clone() },
        (_, Severity::Block) => Finding::Block { message: asked.why(), hint: asked.hint.clone(), lacks: None },
    }
}

/// What later expressions see of a probe.
pub(super) fn together(many: bool, mut answers: Vec<ProbeAnswer>) -> Value {
    if many {
        let ok = answers.iter().all(ProbeAnswer::passed);
        return context! { ran => true, ok => ok, results => answers.into_iter().map(|asked| asked.result).collect::<Vec<_>>() };
    }
    answers.pop().map_or_else(|| context! { ran => false }, |asked| asked.result)
}
