//! Where a step needs a word: before it begins, after it failed, and when nobody knows how it ended.

use std::sync::atomic::Ordering;

use super::{engine::Engine, frame::Frame, halt::Halt, offer::would_run, probe::at_once};
use crate::{
    event::{Effect, Event, Part, Place, StepOutcome},
    plan::{Evaluated, Scope},
    ports::{Answer, Ask, Choice, Order, Urgency},
    runbook::model::{Kind, OnFail, Step},
};

impl Engine<'_> {
    /// What happens after a failure: as the runbook says, or as the operator decides.
    pub(super) fn after_failure(&self, step: &Step, place: &Place, why: &str, doubt: bool) -> Result<Choice, Halt> {
        match step.on_fail {
            OnFail::Stop => return Ok(Choice::Stop),
            // What is in doubt is never passed over without a person's word.
            OnFail::Continue if !doubt => return Ok(Choice::Continue),
            OnFail::Rollback => return Ok(Choice::Rollback),
            // What failed inside has been asked about there.
            OnFail::Ask | OnFail::Continue if !matches!(step.kind, Kind::Command(_) | Kind::Probe(_) | Kind::Wait(_) | Kind::Manual(_)) => {
                return Ok(Choice::Stop);
            }
            OnFail::Ask | OnFail::Continue => {}
        }
        if self.ports.interrupts.urgency() > Urgency::None {
            return Ok(Choice::Stop);
        }
        let mut choices = vec![Choice::Stop, Choice::Rollback, Choice::Continue];
        if !doubt || step.effect() == Effect::Read || step.idempotent {
            choices.insert(0, Choice::Retry);
        }
        let question = self.question(Some(place), Ask::Failed { choices: choices.clone() }, format!("{place} failed: {why}"));
        match self.put_question(&question) {
            Ok(Answer::Chosen { choice, by }) if choices.contains(&choice) => {
                let text = question.shown(choice == Choice::Rollback);
                self.emit(Event::Confirmed { place: Some(place.clone()), text, typed: choice.word().to_owned(), by })?;
                Ok(choice)
            }
            _ => Ok(Choice::Stop),
        }
    }

    /// First the probe that can tell, then the operator.
    ///
    /// `before` describes a step that was begun before this run was taken up again.
    pub(super) fn resolve_doubt(
        &self,
        step: &Step,
        scope: &Scope,
        place: &Place,
        why: &str,
        before: Option<&str>,
    ) -> Result<Option<Choice>, Halt> {
        match self.ports.interrupts.urgency() {
            Urgency::AtOnce => return Err(Halt::Abandoned),
            // Whoever ends a step now has no time for questions: it stays in doubt.
            Urgency::Now => return Ok(None),
            Urgency::AfterStep | Urgency::None => {}
        }
        let resolved = |outcome, evidence: String, by| Event::DoubtResolved { place: place.clone(), outcome, evidence, by };
        let mut evidence = "no check can tell".to_owned();
        if let Some(probe) = &step.done_if {
            let asked = match before {
                Some(_) => self.ask_one(&at_once(probe), scope, place, Part::DoneIf)?,
                None => self.ask_one(probe, scope, place, Part::DoneIf)?,
            };
            if let Evaluated::Known(Some(asked)) = asked {
                evidence = if asked.message.is_empty() { asked.why() } else { asked.message.clone() };
                if asked.passed() {
                    self.emit(resolved(StepOutcome::Done, format!("`done_if` is true {evidence}").trim().to_owned(), None))?;
                    return Ok(Some(Choice::Done));
                }
            }
            if before.is_some() && step.idempotent {
                let outcome = StepOutcome::Failed { why: "not in the wanted state".to_owned() };
                self.emit(resolved(outcome, format!("`done_if` is false, and the step may be run again: {evidence}"), None))?;
                return Ok(Some(Choice::Retry));
            }
        } else if let (Some(_), Some(probe)) = (before, &step.verify)
            && let Evaluated::Known(Some(asked)) = self.ask_one(&at_once(probe), scope, place, Part::Verify)?
        {
            // The proof shows what is so, and not what has made it so: the operator judges.
            evidence = match (asked.passed(), asked.message.is_empty()) {
                (true, true) => "`verify` passes now".to_owned(),
                (true, false) => format!("`verify` passes now: {}", asked.message),
                (false, _) => format!("`verify` fails now: {}", asked.why()),
            };
        }
        let choices = vec![Choice::Done, Choice::NotDone, Choice::Retry, Choice::Stop];
        let mut text = format!("Unknown whether {place} took effect: {why}\n  {evidence}");
        if let Some(before) = before {
            text = format!("{text}\n{before}");
        }
        let question = self.question(Some(place), Ask::Doubt { choices: choices.clone() }, text);
        match self.put_question(&question) {
            Ok(Answer::Chosen { choice, by }) if choices.contains(&choice) => {
                let outcome = match choice {
                    Choice::Done => StepOutcome::Done,
                    Choice::Stop => return Ok(Some(choice)),
                    _ => StepOutcome::Failed { why: "the operator says it was not done".to_owned() },
                };
                self.emit(resolved(outcome, format!("the operator: {}", choice.word()), Some(by)))?;
                Ok(Some(choice))
            }
            Err(no_answer) if before.is_some() => {
                Err(Halt::unanswered(place, &no_answer, format!("unknown whether {place} took effect: {why}")))
            }
            _ => Ok(None),
        }
    }

    /// Asks where the operator's word is needed before a step begins: for what destroys, and in step mode.
    pub(super) fn may_begin(&self, step: &Step, order: &Order, frame: &mut Frame, place: &Place) -> Result<Choice, Halt> {
        let would_run = would_run(order);
        // What was typed speaks of what was shown then, and of nothing else.
        let covered = frame.covered.get(&step.id).is_some_and(|shown| shown.as_ref().is_none_or(|shown| *shown == would_run));
        if order.effect == Effect::Destroy && !covered {
            let phrase = step.id.to_string();
            let text = format!("{place} cannot be undone.{}\nWould run:  {would_run}", why_line(step));
            self.ask_phrase(place, text, phrase, true)?;
        }
        if !self.step_by_step.load(Ordering::SeqCst) || order.effect == Effect::Read {
            return Ok(Choice::Run);
        }
        let choices = vec![Choice::Run, Choice::Skip, Choice::Continue, Choice::Stop];
        let text = format!("Next: {place}{}\nWould run:  {would_run}", why_line(step));
        let question = self.question(Some(place), Ask::Step { choices }, text);
        match self.put_question(&question) {
            Ok(Answer::Chosen { choice, by }) => {
                self.emit(Event::Confirmed { place: Some(place.clone()), text: question.text, typed: choice.word().to_owned(), by })?;
                match choice {
                    Choice::Run => Ok(Choice::Run),
                    Choice::Skip => Ok(Choice::Skip),
                    Choice::Continue => {
                        self.step_by_step.store(false, Ordering::SeqCst);
                        Ok(Choice::Run)
                    }
                    _ => Err(Halt::Stopped { place: Some(place.clone()), why: "stopped by the operator".to_owned() }),
                }
            }
            Ok(Answer::Yes { .. } | Answer::NotAsked) => Ok(Choice::Run),
            Ok(Answer::Noted { .. } | Answer::OffScript { .. }) => self.decline(Some(place), question.text, "no clear answer".to_owned()),
            Ok(Answer::No { why }) => self.decline(Some(place), question.text, why),
            Err(no_answer) => self.no_answer(Some(place), question.text, no_answer),
        }
    }
}

fn why_line(step: &Step) -> String {
    step.why.as_ref().map(|why| format!(" {}", why.trim())).unwrap_or_default()
}
