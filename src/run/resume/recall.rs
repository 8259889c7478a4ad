//! Taking up a run that was left: what is done is not done again, and its results and what takes it back are as they were.

use minijinja::{Value, context};

use crate::{
    event::{Effect, Event, Part, Place, Skip, StepOutcome, StepState},
    plan::{
        Evaluated, Scope,
        remaining::{self, Standing},
    },
    ports::{Answer, Ask, Choice},
    run::{
        did::{Did, forget, not_run},
        engine::Engine,
        frame::Frame,
        halt::Halt,
        holds::HoldsAsked,
        probe::{at_once, judged_anew},
        setting::Before,
    },
    runbook::model::{Kind, OnFail, Step},
    words,
};

/// How a step is taken up.
pub(crate) enum Recall {
    /// Nothing is left to do of it.
    Settled,
    /// It is to be done; if something is known of it already, from there.
    Begin(Option<Did>),
}

impl Engine<'_> {
    /// Looks up where a step stands, and brings back what it has left behind. `rest` is what comes after it.
    #[allow(clippy::too_many_arguments, reason = "where the walk stands, in one place")]
    pub(crate) fn recall(
        &self,
        step: &Step,
        rest: &[Step],
        over: bool,
        scope: &mut Scope,
        frame: &mut Frame,
        place: &Place,
        parent: Option<&Place>,
    ) -> Result<Recall, Halt> {
        let Some(before) = self.before else { return Ok(Recall::Begin(None)) };
        let past = before.past;
        let mut standing = remaining::standing(past, step, place, over);
        if !frame.gathers {
            standing = remaining::asked_anew(past, step, place, standing, frame.changed);
            frame.changed = frame.changed.max(remaining::changed_at(past, step, place));
        }
        if standing == Standing::Skipped {
            // It may have been done before it was skipped.
            if past.state.took_effect.contains(place) || past.state.owed.contains_key(place) {
                self.bring_back(before, step, &mut scope.clone(), frame, place)?;
            }
            scope.set(step.id.as_str(), skipped(past.skips.get(place)));
            forget(step.children(), scope, &|scope, id| scope.set(id, not_run()));
            return Ok(Recall::Settled);
        }
        if frame.gathers {
            self.gather(before, step, scope, frame, place)?;
            return Ok(Recall::Settled);
        }
        if step.is_stretch() {
            if let Standing::PassedOver { .. } = &standing {
                let mut gathering = Frame { gathers: true, ..Frame::default() };
                self.gather(before, step, scope, &mut gathering, place)?;
                gathering.gathers = false;
                // It is over: what it still owes is put back before anything else is done.
                self.end_frame(gathering, Some(frame), Ok(()))?;
                return Ok(Recall::Settled);
            }
            return Ok(Recall::Begin(None));
        }
        if before.doubted && standing == Standing::Done && step.effect() != Effect::Read {
            standing = Standing::InDoubt { why: "recorded as done, but in a damaged journal".to_owned() };
        }
        match standing {
            Standing::ToDo => {
                if past.state.took_effect.contains(place) {
                    // What its cleanup has left is taken back with the rest, whatever becomes of it now.
                    self.bring_back(before, step, &mut scope.clone(), frame, place)?;
                }
                Ok(Recall::Begin(None))
            }
            // An answer stands for what was done after it, and for nothing else.
            Standing::Done if matches!(step.kind, Kind::Confirm(_)) && remaining::asked_again(past, rest, parent) => {
                Ok(Recall::Begin(None))
            }
            Standing::Done => {
                self.bring_back(before, step, scope, frame, place)?;
                self.still_so(before, step, scope, frame, place)
            }
            Standing::PassedOver { why } => {
                self.bring_back(before, step, scope, frame, place)?;
                if past.state.steps.get(place).and_then(StepState::failure).is_none() {
                    self.emit(Event::StepSettled { place: place.clone(), outcome: StepOutcome::Failed { why } })?;
                }
                Ok(Recall::Settled)
            }
            Standing::Unproven => {
                let result = self.bring_back(before, step, scope, frame, place)?;
                Ok(Recall::Begin(Some(self.verify(step, scope, place, result)?)))
            }
            Standing::Again { why } => {
                if past.state.steps.get(place) == Some(&StepState::Done) {
                    let outcome = StepOutcome::Failed { why: why.clone() };
                    self.emit(Event::DoubtResolved { place: place.clone(), outcome, evidence: why, by: None })?;
                }
                self.bring_back(before, step, &mut scope.clone(), frame, place)?;
                Ok(Recall::Begin(None))
            }
            Standing::Failed { why } => {
                self.bring_back(before, step, &mut scope.clone(), frame, place)?;
                // Whoever decides should know what does not hold any more.
                self.must_hold(frame, place, &mut HoldsAsked::default())?;
                self.ask_of_failure(before, step, scope, frame, place, &why)
            }
            Standing::InDoubt { why } => {
                let result = self.bring_back(before, step, &mut scope.clone(), frame, place)?;
                self.must_hold(frame, place, &mut HoldsAsked::default())?;
                match self.resolve_doubt(step, scope, place, &why, Some(&detail(before, place)))? {
                    Some(Choice::Done) => {
                        let result = judged_anew(&result, true);
                        scope.set(step.id.as_str(), result.clone());
                        Ok(Recall::Begin(Some(self.verify(step, scope, place, result)?)))
                    }
                    Some(Choice::Retry | Choice::NotDone) => Ok(Recall::Begin(None)),
                    _ => Err(Halt::Stopped { place: Some(place.clone()), why: format!("in doubt: {why}") }),
                }
            }
            Standing::Skipped => Ok(Recall::Settled),
        }
    }

    /// What ended badly before is not simply begun again: the operator decides.
    fn ask_of_failure(
        &self,
        before: &Before<'_>,
        step: &Step,
        scope: &mut Scope,
        frame: &mut Frame,
        place: &Place,
        why: &str,
    ) -> Result<Recall, Halt> {
        let mut choices = vec![Choice::Retry, Choice::Stop, Choice::Rollback];
        if step.on_fail != OnFail::Stop {
            choices.push(Choice::Continue);
        }
        let text = format!("{place} had failed: {why}\n{}", detail(before, place));
        let question = self.question(Some(place), Ask::Failed { choices: choices.clone() }, text);
        let (choice, by) = match self.put_question(&question) {
            Ok(Answer::Chosen { choice, by }) if choices.contains(&choice) => (choice, by),
            Ok(_) => return Err(Halt::Stopped { place: Some(place.clone()), why: format!("had failed: {why}") }),
            Err(no_answer) => {
                return Err(Halt::unanswered(
                    place,
                    &no_answer,
                    format!("{place} had failed, and is not run again without an operator: {why}"),
                ));
            }
        };
        let typed = choice.word().to_owned();
        self.emit(Event::Confirmed { place: Some(place.clone()), text: question.shown(choice == Choice::Rollback), typed, by })?;
        match choice {
            Choice::Retry => Ok(Recall::Begin(None)),
            Choice::Continue => {
                self.bring_back(before, step, scope, frame, place)?;
                Ok(Recall::Settled)
            }
            Choice::Rollback => Err(Halt::Rollback { place: place.clone(), why: why.to_owned() }),
            _ => Err(Halt::Stopped { place: Some(place.clone()), why: format!("had failed: {why}") }),
        }
    }

    /// The last change that was made should still be there; of earlier ones, later ones may rightly have changed the proof. So
    /// should every change that stands on something which has been done again.
    fn still_so(&self, before: &Before<'_>, step: &Step, scope: &Scope, frame: &Frame, place: &Place) -> Result<Recall, Halt> {
        let probe = match (&step.verify, &step.done_if) {
            (Some(probe), _) => Some((probe, Part::Verify)),
            (None, Some(probe)) => Some((probe, Part::DoneIf)),
            (None, None) => None,
        };
        let state = &before.past.state;
        let put_back = |place: &Place| state.steps.get(place).is_some_and(StepState::is_put_back);
        let last = state.took_effect.iter().rev().find(|other| !put_back(other));
        // What its own cleanup has put back need not be there any more.
        let stands = |place| state.took_effect.contains(place) && !put_back(place);
        let why = match probe.filter(|_| last == Some(place) || (before.past.known_before(place, frame.changed) && stands(place))) {
            Some((probe, part)) => match self.ask_one(&at_once(probe), scope, place, part)? {
                Evaluated::Known(Some(asked)) if !asked.passed() => asked.why(),
                _ => return Ok(Recall::Settled),
            },
            None => match before.past.put_back_around(place).filter(|_| probe.is_none() && stands(place)) {
                // To do it again changes nothing that is still so.
                Some(around) if step.idempotent => {
                    let evidence = format!("the cleanup of {around} has run since");
                    let outcome = StepOutcome::Failed { why: evidence.clone() };
                    self.emit(Event::DoubtResolved { place: place.clone(), outcome, evidence, by: None })?;
                    return Ok(Recall::Begin(None));
                }
                Some(around) => format!("the cleanup of {around} has run since, and may have taken it back"),
                None => return Ok(Recall::Settled),
            },
        };
        let choices = vec![Choice::Done, Choice::Retry, Choice::Stop];
        let text = format!("{place} is recorded as done, but may not be any more: {why}\n{}", detail(before, place));
        let question = self.question(Some(place), Ask::Doubt { choices: choices.clone() }, text);
        match self.put_question(&question) {
            Ok(Answer::Chosen { choice, by }) if choices.contains(&choice) => {
                let outcome = match choice {
                    Choice::Done => StepOutcome::Done,
                    Choice::Retry => StepOutcome::Failed { why: format!("no longer done: {why}") },
                    _ => return Err(Halt::Stopped { place: Some(place.clone()), why: format!("no longer done: {why}") }),
                };
                let evidence = format!("{why}; the operator: {}", choice.word());
                self.emit(Event::DoubtResolved { place: place.clone(), outcome, evidence, by: Some(by) })?;
                Ok(if choice == Choice::Done { Recall::Settled } else { Recall::Begin(None) })
            }
            Ok(_) => Err(Halt::Stopped { place: Some(place.clone()), why: format!("no longer done: {why}") }),
            Err(no_answer) => {
                Err(Halt::unanswered(place, &no_answer, format!("{place} is recorded as done, but may not be any more: {why}")))
            }
        }
    }
}

/// What there is to know of a step whose end nobody knows.
fn detail(before: &Before<'_>, place: &Place) -> String {
    let mut lines = Vec::new();
    if let Some(command) = before.past.commands.get(place) {
        lines.push(format!("  command:    {}", words::command(command)));
    }
    let end = before.past.end(place, Part::Main);
    let printed = match end {
        Some(end) => {
            [&end.stdout, &end.stderr].iter().map(|stream| (before.output)(&stream.sha256).unwrap_or_default()).collect::<Vec<_>>().concat()
        }
        None => before.printed.clone(),
    };
    let text = String::from_utf8_lossy(&printed);
    let last: Vec<&str> = text.lines().rev().take(10).collect();
    if last.is_empty() {
        lines.push("  output:     (nothing recorded)".to_owned());
    }
    lines.extend(last.iter().rev().map(|line| format!("  output:     {line}")));
    lines.join("\n")
}

/// The result of a step that was skipped.
fn skipped(why: Option<&Skip>) -> Value {
    match why {
        Some(Skip::AlreadyDone { .. }) => context! { ran => false, ok => true },
        Some(Skip::Empty) => context! { ran => false, ok => true, results => Vec::<Value>::new() },
        Some(Skip::When { .. } | Skip::Operator) | None => not_run(),
    }
}
