//! Steps in which a person decides or does something.

use std::fmt::Write;

use minijinja::context;

use super::{did::Did, engine::Engine, frame::Frame, halt::Halt, offer::would_run};
use crate::{
    event::{Event, Part, Place, Prediction},
    plan::{Evaluated, Scope, case::chosen, remaining},
    ports::{Answer, Ask, Question},
    runbook::{
        model::{Confirm, Kind, Manual},
        name::StepId,
    },
};

impl Engine<'_> {
    /// The operator decides.
    pub(super) fn confirm(&self, confirm: &Confirm, scope: &Scope, frame: &mut Frame, place: &Place) -> Result<Did, Halt> {
        let mut text = match scope.message(&confirm.message) {
            Ok(Evaluated::Known(text)) => text,
            Ok(Evaluated::Unknown(needs)) => return Ok(Did::Predicted(Prediction::AtRunTime { needs })),
            Err(error) => return Ok(Did::failed(format!("the message cannot be evaluated: {error}"))),
        };
        let phrase = match confirm.phrase.as_ref().map(|phrase| scope.text(phrase)) {
            None => None,
            Some(Ok(Evaluated::Known(phrase))) => Some(phrase),
            Some(Ok(Evaluated::Unknown(needs))) => return Ok(Did::Predicted(Prediction::AtRunTime { needs })),
            Some(Err(error)) => return Ok(Did::failed(format!("the phrase cannot be evaluated: {error}"))),
        };
        for (index, probe) in confirm.show.iter().enumerate() {
            let name = probe.id.as_ref().map_or_else(|| format!("show{}", index + 1), ToString::to_string);
            match self.ask(probe, scope, &place.child(&name), Part::Show)? {
                Evaluated::Known(answers) => {
                    for asked in answers {
                        let _ = match (asked.passed(), asked.message.as_str()) {
                            (true, "") => write!(text, "\n  {}: OK", asked.title),
                            (true, seen) => write!(text, "\n  {}: {seen}", asked.title),
                            (false, _) => write!(text, "\n  FAILED CHECK: {} (check: {})", asked.why(), asked.title),
                        };
                    }
                }
                Evaluated::Unknown(needs) => {
                    let _ = write!(text, "\n  known only at run time: {}", needs.join(", "));
                }
            }
        }
        let covered = self.shown_with(confirm, scope, place);
        for (id, shown) in &covered {
            let _ = match shown {
                Ok(shown) => write!(text, "\nWould run {id}:  {shown}"),
                Err(why) => write!(text, "\nWould run {id}:  known only at run time{why}"),
            };
        }
        let asked = match phrase {
            Some(phrase) => self.ask_phrase(place, text, phrase, !confirm.covers.is_empty())?,
            None => self.ask_yes(place, text)?,
        };
        Ok(match asked {
            Consent::Yes(typed) => {
                frame.covered.extend(covered.into_iter().map(|(id, shown)| (id, shown.ok())));
                Did::Done(context! { ran => true, ok => true, output => typed })
            }
            Consent::NotAsked(question) => Did::Predicted(Prediction::WouldAsk { question }),
        })
    }

    /// What a question covers, each with what it would run, or why that is not known yet.
    fn shown_with(&self, confirm: &Confirm, scope: &Scope, place: &Place) -> Vec<(StepId, Result<String, String>)> {
        let shown = |id: &StepId| {
            let at = place.beside(id.as_str());
            let step = self.plan.step(&at)?;
            let step = self.before.map_or(step, |before| remaining::way(&before.past.state, step, &at));
            if let Some(when) = &step.when
                && matches!(scope.holds(when), Ok(Evaluated::Known(false)))
            {
                return None;
            }
            let step = match &step.kind {
                Kind::Choose(choose) => match chosen(choose, scope) {
                    Ok(Evaluated::Known(case)) => case,
                    Ok(Evaluated::Unknown(needs)) => return Some((id.clone(), Err(format!(" (depends on {})", needs.join(", "))))),
                    Err(_) => return Some((id.clone(), Err(String::new()))),
                },
                _ => step,
            };
            let Kind::Command(command) = &step.kind else { return None };
            let order = match Self::order(command, scope, &at, Part::Main) {
                Ok(Evaluated::Known(order)) => Ok(would_run(&order)),
                Ok(Evaluated::Unknown(needs)) => Err(format!(" (depends on {})", needs.join(", "))),
                // A later step has not been come to.
                Err(_) => Err(String::new()),
            };
            Some((id.clone(), order))
        };
        confirm.covers.iter().filter_map(shown).collect()
    }

    /// A person does something elsewhere and says what was done.
    pub(super) fn manual(&self, manual: &Manual, scope: &Scope, place: &Place) -> Result<Did, Halt> {
        let text = match scope.message(&manual.message) {
            Ok(Evaluated::Known(text)) => text,
            Ok(Evaluated::Unknown(needs)) => return Ok(Did::Predicted(Prediction::AtRunTime { needs })),
            Err(error) => return Ok(Did::failed(format!("the message cannot be evaluated: {error}"))),
        };
        let ask = match manual.ask.as_ref().map(|ask| scope.message(ask)) {
            None => "What was done?".to_owned(),
            Some(Ok(Evaluated::Known(ask))) => ask,
            Some(Ok(Evaluated::Unknown(needs))) => return Ok(Did::Predicted(Prediction::AtRunTime { needs })),
            Some(Err(error)) => return Ok(Did::failed(format!("the question cannot be evaluated: {error}"))),
        };
        let report = match self.put(place, self.question(Some(place), Ask::Report { ask }, text))? {
            Consent::Yes(report) => report,
            Consent::NotAsked(question) => return Ok(Did::Predicted(Prediction::WouldAsk { question })),
        };
        let result = context! { ran => true, ok => true, report => report.as_str(), output => report.as_str() };
        let Some(probe) = &manual.verify else { return Ok(Did::Done(result)) };
        let mut scope = scope.clone();
        scope.set(place.step(), result.clone());
        Ok(match self.ask_one(probe, &scope, place, Part::Verify)? {
            Evaluated::Known(Some(asked)) if !asked.passed() => Did::failed(asked.why()),
            Evaluated::Known(_) => Did::Done(result),
            Evaluated::Unknown(needs) => Did::failed(format!("`verify` needs {}, which is not known", needs.join(", "))),
        })
    }

    pub(super) fn ask_phrase(&self, place: &Place, text: String, phrase: String, destroys: bool) -> Result<Consent, Halt> {
        self.put(place, self.question(Some(place), Ask::Phrase { phrase, destroys }, text))
    }

    fn ask_yes(&self, place: &Place, text: String) -> Result<Consent, Halt> {
        self.put(place, self.question(Some(place), Ask::YesNo, text))
    }

    fn put(&self, place: &Place, question: Question) -> Result<Consent, Halt> {
        match self.put_question(&question) {
            Ok(Answer::Yes { typed, by }) => {
                self.emit(Event::Confirmed { place: Some(place.clone()), text: question.text, typed: typed.clone(), by })?;
                Ok(Consent::Yes(typed))
            }
            Ok(Answer::NotAsked) => Ok(Consent::NotAsked(question.text)),
            Ok(Answer::No { why }) => self.decline(Some(place), question.text, why),
            Ok(Answer::Chosen { .. } | Answer::Noted { .. } | Answer::OffScript { .. }) => {
                self.decline(Some(place), question.text, "no clear answer".to_owned())
            }
            Err(no_answer) => self.no_answer(Some(place), question.text, no_answer),
        }
    }
}

/// An answer that lets the run go on.
pub(super) enum Consent {
    Yes(String),
    /// A dry run does not ask; this is what it would have asked.
    NotAsked(String),
}
