//! What must hold before anything runs. All of it is asked, so that the operator sees every obstacle at once.

use minijinja::{Value, context};

use super::{
    engine::Engine,
    halt::Halt,
    probe::{ProbeAnswer, answer},
    requirement::Uses,
    sweep::{Answered, Gap, Sweep},
    unjudged::{BlockedCheck, UnjudgedCheck, all_unjudged},
};
use crate::{
    event::{Event, Finding, Mode, Part, Place, Verdict},
    plan::{Evaluated, Scope, remaining},
    ports::{Answer, Ask, NoAnswer},
    runbook::{
        model::{Probe, Runbook, Severity},
        name::StepId,
    },
    words,
};

/// What has come of the sweep so far.
#[derive(Debug, Default)]
struct SweepFindings {
    blocks: Vec<BlockedCheck>,
    warnings: Vec<BlockedCheck>,
    unjudged: Vec<UnjudgedCheck>,
    /// Those of them that are not told of yet: of what they are not judged without more may turn out to depend.
    untold: Vec<UnjudgedCheck>,
}

impl Engine<'_> {
    /// Asks every preflight probe. Returns why the run may not go on, which only a dry run survives, and only if all was answered.
    pub(super) fn preflight(&self, runbook: &Runbook, scope: &mut Scope, parent: Option<&Place>) -> Result<Option<Vec<String>>, Halt> {
        let at = Place::preflight_in(parent);
        let sweep = Sweep::default();
        let mut found = SweepFindings::default();
        self.required_before(runbook, scope, parent, &sweep, &mut found)?;
        // The answers of now judge one another; what the plan was made with comes after them.
        let plan = scope.clone();
        let standing = self.found_before_a_change(runbook, scope, parent)?;
        let stands = |probe: &Probe| {
            let id = probe.id.as_ref().filter(|_| probe.once)?;
            standing.as_ref()?.get(id.as_str()).filter(|_| self.stood(&at.child(id.as_str()))).cloned()
        };
        for (index, probe) in runbook.preflight.iter().enumerate() {
            self.check_interrupts(parent)?;
            let Some(id) = &probe.id else { continue };
            let place = at.child(id.as_str());
            if let Some(value) = stands(probe) {
                self.tell_standing(&place)?;
                scope.set(id.as_str(), value);
                continue;
            }
            self.leave_unjudged(probe, &runbook.preflight[index..], scope, &at, &sweep, &mut found)?;
            if sweep.is_settled(id.as_str()) {
                continue;
            }
            let mut answers = match self.ask_in(probe, scope, &place, Part::Main, Some(&sweep))? {
                Evaluated::Known(answers) => answers,
                Evaluated::Unknown(needs) => {
                    let title = probe.title.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
                    self.emit(Event::Checked { place, title, finding: Finding::Unknown { needs } })?;
                    scope.set_unknown(id.as_str());
                    continue;
                }
            };
            if answers.iter().any(|asked| asked.no_value)
                && let Some(gap) = sweep.hollow(probe, scope)
            {
                answers.iter_mut().filter(|asked| asked.no_value).for_each(|asked| asked.answered = Answered::NotAsked(gap.clone()));
            }
            let mut unjudged = conclude(probe, &answers, scope, &sweep);
            let unanswered = |asked: &ProbeAnswer| !matches!(asked.answered, Answered::Whole);
            if answers.iter().any(unanswered) {
                // What follows from an answer that is not there is told under it.
                let rest: Vec<&Probe> = runbook.preflight.iter().skip(index + 1).filter(|probe| stands(probe).is_none()).collect();
                unjudged.extend(self.unjudged(&rest, scope, &at, &sweep));
            }
            for asked in answers.iter().filter(|asked| !matches!(asked.answered, Answered::NotAsked(_))) {
                // What keeps a check from being judged that would bar the run bars it, too.
                let bars = unjudged.iter().any(|check| check.bars && check.gap.failed == asked.place);
                self.tell(asked, if bars { Severity::Block } else { probe.severity }, &mut found)?;
            }
            self.keep_unjudged(unjudged, &runbook.preflight[index + 1..], &sweep, &mut found)?;
        }
        self.keep_unjudged(Vec::new(), &[], &sweep, &mut found)?;
        // Whoever wants to stop is not asked for reasons to go on.
        self.check_interrupts(parent)?;
        self.bar_for_the_unjudged(&mut found)?;
        let (mut left, mut unanswered) = (Vec::new(), false);
        for block in &found.blocks {
            if !self.overridden(block, &found.unjudged)? {
                left.push(block.told(&found.unjudged));
                unanswered |= block.unanswered;
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
        // Where something was not answered, a dry run would only ask the same again, and has no plan to show.
        if self.setting.mode == Mode::DryRun && !unanswered { Ok(Some(left)) } else { Err(Halt::Blocked { whys: left }) }
    }

    /// Checks what the runbook requires. Where programs are not there nothing else is asked, unless the operator says so.
    fn required_before(
        &self,
        runbook: &Runbook,
        scope: &Scope,
        parent: Option<&Place>,
        sweep: &Sweep,
        found: &mut SweepFindings,
    ) -> Result<(), Halt> {
        let place = Place::requires_in(parent);
        found.blocks.extend(self.required_user(runbook, &place)?);
        if runbook.requires.commands.is_empty() {
            return Ok(());
        }
        let uses = Uses::of(runbook, scope);
        if let Some((block, programs)) = self.missing_here(runbook, &uses, &place)?
            && !self.overridden(&block, &[])?
        {
            let gap = Gap { failed: block.place.clone(), without: programs };
            let unjudged = all_unjudged(&runbook.preflight, scope, &Place::preflight_in(parent), &gap);
            self.tell_unjudged(&unjudged)?;
            found.blocks.push(block);
            return Err(Halt::Blocked { whys: found.blocks.iter().map(|block| block.told(&unjudged)).collect() });
        }
        found.blocks.extend(self.missing_there(runbook, &uses, &place, sweep)?);
        Ok(())
    }

    /// Finds out whether a check is not judged before it is asked.
    fn leave_unjudged(
        &self,
        probe: &Probe,
        rest: &[Probe],
        scope: &mut Scope,
        at: &Place,
        sweep: &Sweep,
        found: &mut SweepFindings,
    ) -> Result<(), Halt> {
        let unjudged = self.unjudged(&[probe], scope, at, sweep);
        self.keep_unjudged(unjudged, rest, sweep, found)
    }

    /// Tells of what is not judged, as soon as none of the checks that are left can turn out to be so for the same reason.
    fn keep_unjudged(&self, unjudged: Vec<UnjudgedCheck>, rest: &[Probe], sweep: &Sweep, found: &mut SweepFindings) -> Result<(), Halt> {
        found.unjudged.extend(unjudged.iter().cloned());
        found.untold.extend(unjudged);
        let (later, mut now): (Vec<_>, Vec<_>) =
            std::mem::take(&mut found.untold).into_iter().partition(|check| sweep.may_grow(&check.gap, rest));
        found.untold = later;
        now.sort_by(|a, b| a.gap.cmp(&b.gap));
        self.tell_unjudged(&now)
    }

    /// Tells of an answer.
    fn tell(&self, asked: &ProbeAnswer, severity: Severity, found: &mut SweepFindings) -> Result<(), Halt> {
        let finding = finding(asked, severity);
        self.emit(Event::Checked { place: asked.place.clone(), title: asked.title.clone(), finding: finding.clone() })?;
        let check = BlockedCheck {
            place: asked.place.clone(),
            title: asked.title.clone(),
            why: asked.why(),
            hint: asked.hint.clone(),
            unanswered: !matches!(asked.answered, Answered::Whole | Answered::CodeAlone),
        };
        match finding {
            Finding::Block { .. } => found.blocks.push(check),
            Finding::Warn { .. } => found.warnings.push(check),
            _ => {}
        }
        Ok(())
    }

    /// What is not judged and would have barred the run is spoken for by a block: by what was not answered, or by itself.
    fn bar_for_the_unjudged(&self, found: &mut SweepFindings) -> Result<(), Halt> {
        for check in found.unjudged.iter().filter(|check| check.bars) {
            if found.blocks.iter().any(|block| block.place == check.gap.failed || block.place == check.place) {
                continue;
            }
            let warned = found.warnings.iter().find(|warned| warned.place == check.gap.failed);
            let block = warned.cloned().unwrap_or_else(|| BlockedCheck::of(check));
            let finding = Finding::Block { message: block.why.clone(), hint: block.hint.clone(), lacks: None };
            self.emit(Event::Checked { place: block.place.clone(), title: block.title.clone(), finding })?;
            found.blocks.push(block);
        }
        Ok(())
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

    /// Whether there is anything to tell of what a probe had found that is not asked again: else it is asked.
    fn stood(&self, place: &Place) -> bool {
        let Some(before) = self.before else { return false };
        let mut found = before.past.findings(place).peekable();
        found.peek().is_some() && found.all(|(_, checked)| !matches!(checked.finding, Finding::Unknown { .. } | Finding::NotJudged { .. }))
    }

    /// Tells what a probe had found that is not asked again.
    fn tell_standing(&self, place: &Place) -> Result<(), Halt> {
        let Some(before) = self.before else { return Ok(()) };
        for (place, checked) in before.past.findings(place) {
            let (_, name, message, _) = words::finding(&checked.finding);
            let overridden = checked.overridden.as_ref().map(|reason| format!("; overridden: {reason}")).unwrap_or_default();
            let text = format!("{}: not checked again; before the first change: {name}: {message}{overridden}", checked.title);
            self.emit(Event::Note { place: Some(place.clone()), text, taken: None, person: false })?;
        }
        Ok(())
    }

    /// What the preflight had found when the plan was made: what takes a step back restores that, not what is so now.
    pub(super) fn preflight_before(&self, runbook: &Runbook, scope: &mut Scope, parent: Option<&Place>) -> Result<(), Halt> {
        let at = Place::preflight_in(parent);
        let Some(before) = self.before else { return Ok(()) };
        self.identity_before(runbook, scope, parent)?;
        let found = &before.past.found;
        for probe in &runbook.preflight {
            let Some(id) = &probe.id else { continue };
            if let Some(value) = self.probe_before(probe, scope, &at.child(id.as_str()), &|place| found.get(place))? {
                scope.set(id.as_str(), value);
            }
        }
        Ok(())
    }

    /// Whether the operator overrides a blocking probe, with a reason that speaks for what is not judged without it, too.
    fn overridden(&self, block: &BlockedCheck, unjudged: &[UnjudgedCheck]) -> Result<bool, Halt> {
        let BlockedCheck { place, title, why, .. } = block;
        let spoken_for: Vec<&UnjudgedCheck> = unjudged.iter().filter(|check| check.gap.failed == *place).collect();
        let mut text = format!("Failed check: {why}\n  (check: {title})");
        if !spoken_for.is_empty() {
            let names: Vec<String> = spoken_for.iter().map(|check| words::check_name(&check.place)).collect();
            text.push_str("\n  ");
            text.push_str(&words::left_unjudged(&names));
        }
        let question = self.question(Some(place), Ask::Override, text);
        match self.put_question(&question) {
            Ok(Answer::Yes { typed, by }) if !typed.trim().is_empty() => {
                let unjudged = spoken_for.iter().map(|check| check.place.clone()).collect();
                self.emit(Event::Overridden { place: place.clone(), title: title.clone(), reason: typed, by, unjudged })?;
                Ok(true)
            }
            Err(none @ (NoAnswer::Interrupted | NoAnswer::Ended | NoAnswer::Left | NoAnswer::Gone)) => {
                Err(Halt::Stopped { place: Some(place.clone()), why: none.to_string() })
            }
            // Everything else leaves the block standing.
            Ok(_) | Err(NoAnswer::NoTerminal { .. }) => Ok(false),
        }
    }
}

/// Takes answers in: what later expressions see of them, and what is not there for them. Returns what was not asked.
fn conclude(probe: &Probe, answers: &[ProbeAnswer], scope: &mut Scope, sweep: &Sweep) -> Vec<UnjudgedCheck> {
    let Some(id) = probe.id.as_ref().map(StepId::as_str) else { return Vec::new() };
    let mut unjudged = Vec::new();
    let mut whole = true;
    if answers.is_empty() {
        sweep.pass_over(id, probe, scope);
    }
    for asked in answers {
        if !asked.passed() && matches!(asked.answered, Answered::Whole | Answered::CodeAlone) {
            sweep.fail(id, sweep.own_gap(&asked.place, id));
        }
        match &asked.answered {
            Answered::Whole => {}
            Answered::CodeAlone if probe.for_each.is_some() => {}
            Answered::CodeAlone => sweep.leave(id, sweep.own_gap(&asked.place, id), true),
            Answered::Nothing => {
                whole = false;
                sweep.leave(id, sweep.own_gap(&asked.place, id), false);
            }
            Answered::NotAsked(gap) => {
                whole = false;
                sweep.leave(id, gap.clone(), false);
                if sweep.tells(&asked.place) {
                    let bars = probe.severity == Severity::Block;
                    unjudged.push(UnjudgedCheck { place: asked.place.clone(), title: asked.title.clone(), gap: gap.clone(), bars });
                }
            }
        }
    }
    if whole {
        scope.set(id, together(probe.for_each.is_some(), answers.to_vec()));
    } else {
        // Half an answer is none: what a command had printed before it was cut off is nobody's value.
        scope.set(id, answer(Vec::new(), false));
        scope.set_failed(id);
    }
    unjudged
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
