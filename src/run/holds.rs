//! Asking what must hold: before each step that changes something, and while one waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    time::Duration,
};

use super::{
    engine::Engine,
    frame::Frame,
    halt::Halt,
    meanwhile::StretchHolds,
    order::timespan_of,
    probe::{ProbeAnswer, title_of},
    sweep::{Answered, Sweep},
};
use crate::{
    event::{Answerer, Event, Mode, Part, Place, Prediction},
    plan::Evaluated,
    ports::{Answer, Ask, Choice, NoAnswer, Urgency},
    runbook::model::{OnFail, Probe},
    words,
};

/// How old an answer may be when all are in, where the runbook does not say.
const FRESH: Duration = Duration::from_secs(30);
/// How much older it may be where nothing but the asking took so long: a system that answers slowly has no fresher answers.
const ASKING: Duration = Duration::from_secs(30);
/// How often all are asked again because some answer has become too old meanwhile.
const ROUNDS: u32 = 3;

/// What was asked for one step: what its operator has overridden, and when a wait has asked each.
#[derive(Debug, Default)]
pub(super) struct HoldsAsked {
    spoken_for: BTreeSet<Place>,
    /// By the place of the probe.
    at: BTreeMap<Place, Duration>,
}

/// One that does not hold.
struct NotHeld<'h> {
    of: &'h StretchHolds,
    place: Place,
    title: String,
    why: String,
    hint: Option<String>,
    /// It was not asked, since somebody else had not answered.
    follows: bool,
}

/// For what they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskedFor {
    /// A step is about to begin: all are asked, and what was seen is recorded.
    Begin,
    /// A wait looks once more: those whose time has come are asked, and only what does not hold is recorded.
    Look,
}

impl Engine<'_> {
    /// Asks all that must hold around a step that is about to change something. It may begin only after this.
    pub(super) fn must_hold(&self, frame: &Frame, place: &Place, asked: &mut HoldsAsked) -> Result<(), Halt> {
        if let Some(holds) = &frame.holds {
            // Which system this is comes first: nothing stands between what must hold and what it is asked for.
            self.same_system(place)?;
            self.hold(holds, place, AskedFor::Begin, asked)?;
        }
        // Last of all: while something else is asked, a lease may be lost.
        self.still_leased(place)
    }

    /// Asks what must hold around a wait, as far as its time has come.
    pub(super) fn still_hold(&self, frame: &Frame, place: &Place, asked: &mut HoldsAsked) -> Result<(), Halt> {
        match &frame.holds {
            Some(holds) => self.hold(holds, place, AskedFor::Look, asked),
            None => Ok(()),
        }
    }

    /// Asks in a dry run, once for each stretch: what would be asked before the first change inside.
    pub(super) fn foretell_holds(&self, frame: &Frame, place: &Place) -> Result<(), Halt> {
        let Some(holds) = &frame.holds else { return Ok(()) };
        let fresh: Vec<&StretchHolds> = holds.inwards().into_iter().filter(|holds| !holds.told.swap(true, Ordering::SeqCst)).collect();
        let sweep = Sweep::default();
        let mut failed = Vec::new();
        for (holds, probe, at) in probes(&fresh, place) {
            match self.ask_in(probe, &holds.scope, &at, Part::Holds, Some(&sweep))? {
                Evaluated::Known(answers) => failed.extend(answers.into_iter().filter_map(|answer| NotHeld::of(holds, answer))),
                Evaluated::Unknown(needs) => {
                    self.emit(Event::StepPredicted { place: at, part: Part::Holds, prediction: Prediction::AtRunTime { needs } })?;
                }
            }
        }
        // Once a dry run has passed over changes, what does not hold says nothing about the real run.
        if self.hypothetical() {
            return Ok(());
        }
        for one in &failed {
            self.tell_not_held(one, place, AskedFor::Begin)?;
        }
        failed.first().map_or(Ok(()), |one| Err(one.halt(place, AskedFor::Begin)))
    }

    /// Asks until all hold, or were overridden for this step.
    fn hold(&self, holds: &StretchHolds, place: &Place, asked_for: AskedFor, asked: &mut HoldsAsked) -> Result<(), Halt> {
        loop {
            let failed = self.all_held(holds, place, asked_for, asked)?;
            // What was cut short by the operator says nothing.
            self.check_interrupts(Some(place))?;
            if failed.is_empty() {
                return Ok(());
            }
            for one in &failed {
                self.tell_not_held(one, place, asked_for)?;
            }
            for one in &failed {
                if !self.overridden_hold(one, place, asked_for)? {
                    break;
                }
                asked.spoken_for.insert(one.place.clone());
            }
            // The question may have stood open for hours: what was answered before is old, in a wait too.
            asked.at.clear();
        }
    }

    /// Asks all once, the outermost first; before a change again if an answer is too old by the time that the last is there.
    fn all_held<'h>(
        &self,
        holds: &'h StretchHolds,
        place: &Place,
        asked_for: AskedFor,
        asked: &mut HoldsAsked,
    ) -> Result<Vec<NotHeld<'h>>, Halt> {
        let clock = self.ports.clock;
        let inwards = holds.inwards();
        for round in 1.. {
            let began = clock.elapsed();
            let sweep = if asked_for == AskedFor::Look { Sweep::of_wait(place) } else { Sweep::default() };
            let mut failed = Vec::new();
            // The shortest age that an answer may have, and whose it is if the runbook says so.
            let mut shortest = (FRESH, None);
            for (holds, probe, at) in probes(&inwards, place) {
                if asked.spoken_for.contains(&at) {
                    continue;
                }
                let every = match probe.every.as_ref().map(|every| timespan_of(&holds.scope, every)) {
                    Some(Ok(Evaluated::Known(every))) => Some(every),
                    _ => None,
                };
                if asked_for == AskedFor::Look {
                    let now = clock.elapsed();
                    if every.zip(asked.at.get(&at)).is_some_and(|(every, last)| now.saturating_sub(*last) < every) {
                        continue;
                    }
                    asked.at.insert(at.clone(), now);
                }
                match self.ask_in(probe, &holds.scope, &at, Part::Holds, Some(&sweep))? {
                    Evaluated::Known(answers) => {
                        // What need not be asked has no answer that could be too old.
                        if let Some(every) = every.filter(|every| !answers.is_empty() && (*every < shortest.0 || shortest.1.is_none())) {
                            shortest = (every, Some((holds, probe, at)));
                        }
                        failed.extend(
                            answers
                                .into_iter()
                                .filter(|answer| !asked.spoken_for.contains(&answer.place))
                                .filter_map(|answer| NotHeld::of(holds, answer)),
                        );
                    }
                    Evaluated::Unknown(needs) => {
                        let why = format!("could not check: needs {}, which is not known", needs.join(", "));
                        failed.push(NotHeld::unanswered(holds, probe, at, why));
                    }
                }
            }
            // What was not asked since somebody else did not answer is told with that.
            if failed.iter().any(|one| !one.follows) {
                failed.retain(|one| !one.follows);
            }
            let age = clock.elapsed().saturating_sub(sweep.since(began));
            let asking = if sweep.paused() { Duration::ZERO } else { ASKING };
            if !failed.is_empty() || asked_for == AskedFor::Look || age <= shortest.0.saturating_add(asking) {
                return Ok(failed);
            }
            // Where nobody says how old an answer may be, once more is enough: what is slow is not asked for ever.
            let enough = if shortest.1.is_some() { ROUNDS } else { 2 };
            if round >= enough {
                let Some((holds, probe, at)) = shortest.1 else { return Ok(failed) };
                let show = crate::quantity::show_duration;
                let why = format!(
                    "its answer is {} old when all answers are there; `every` allows {}, and {} for the asking",
                    show(age),
                    show(shortest.0),
                    show(asking)
                );
                return Ok(vec![NotHeld::unanswered(holds, probe, at, why)]);
            }
        }
        Ok(Vec::new())
    }

    fn tell_not_held(&self, one: &NotHeld<'_>, before: &Place, asked_for: AskedFor) -> Result<(), Halt> {
        self.emit(Event::HoldFailed {
            place: one.place.clone(),
            title: one.title.clone(),
            before: before.clone(),
            waiting: asked_for == AskedFor::Look,
            why: one.why.clone(),
            hint: one.hint.clone(),
        })
    }

    /// Asks the operator what now. Returns whether this one is overridden for this step; if not, all are to be asked again.
    fn overridden_hold(&self, one: &NotHeld<'_>, before: &Place, asked_for: AskedFor) -> Result<bool, Halt> {
        // What comes next is in the runbook. While a question stood open, what is under way would go on as it is.
        if one.of.on_fail == OnFail::Continue {
            return Err(one.halt(before, asked_for));
        }
        let mut text =
            format!("Failed check: {}\n  (check: {})\n{}", one.why, one.title, words::not_held(before, asked_for == AskedFor::Look));
        if let Some(hint) = &one.hint {
            text.push('\n');
            text.push_str(hint);
        }
        let question = |ask| self.question(Some(&one.place), ask, text.clone());
        if one.of.on_fail == OnFail::Ask {
            let choices = vec![Choice::Retry, Choice::Override, Choice::Rollback, Choice::Stop];
            let (choice, by) = match self.put_question(&question(Ask::Failed { choices: choices.clone() })) {
                Ok(Answer::Chosen { choice, by }) if choices.contains(&choice) => (choice, by),
                _ => return Err(one.halt(before, asked_for)),
            };
            if choice != Choice::Override {
                let (place, typed) = (Some(one.place.clone()), choice.word().to_owned());
                self.emit(Event::Confirmed { place, text: text.clone(), typed, by })?;
            }
            match choice {
                Choice::Override => {}
                Choice::Retry => return Ok(false),
                Choice::Rollback => return Err(Halt::Rollback { place: before.clone(), why: one.why.clone() }),
                _ => return Err(one.halt(before, asked_for)),
            }
        } else if self.ports.interrupts.urgency() > Urgency::None {
            return Err(one.halt(before, asked_for));
        }
        match self.put_question(&question(Ask::Override)) {
            Ok(Answer::Yes { typed, by }) if !typed.trim().is_empty() => {
                self.override_hold(one, before, typed, by)?;
                Ok(true)
            }
            Err(none @ (NoAnswer::Interrupted | NoAnswer::Ended | NoAnswer::Left | NoAnswer::Gone)) => {
                Err(Halt::Stopped { place: Some(before.clone()), why: none.to_string() })
            }
            Ok(_) | Err(NoAnswer::NoTerminal { .. }) => Err(one.halt(before, asked_for)),
        }
    }

    fn override_hold(&self, one: &NotHeld<'_>, before: &Place, reason: String, by: Answerer) -> Result<(), Halt> {
        let (place, title, before) = (one.place.clone(), one.title.clone(), before.clone());
        self.emit(Event::HoldOverridden { place, title, before, reason, by })
    }

    /// Whether this is a dry run, which asks what must hold once and of nobody.
    pub(super) fn only_foretells(&self) -> bool {
        self.setting.mode == Mode::DryRun
    }
}

impl<'h> NotHeld<'h> {
    fn of(of: &'h StretchHolds, answer: ProbeAnswer) -> Option<Self> {
        if answer.passed() {
            return None;
        }
        let (why, follows) = match &answer.answered {
            Answered::NotAsked(gap) => (format!("could not check: no answer from {}", gap.without.join(", ")), true),
            _ => (answer.why(), false),
        };
        Some(Self { of, place: answer.place, title: answer.title, why, hint: answer.hint, follows })
    }

    fn unanswered(of: &'h StretchHolds, probe: &Probe, place: Place, why: String) -> Self {
        let title = title_of(probe, &of.scope, &place);
        Self { of, place, title, why, hint: None, follows: false }
    }

    /// Why the stretch that bears it ends.
    fn halt(&self, before: &Place, asked_for: AskedFor) -> Halt {
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let why = format!("{}: {}; {}{hint}", self.title, self.why, words::not_held(before, asked_for == AskedFor::Look));
        Halt::NotHeld { bearer: self.of.bearer.clone(), place: before.clone(), why, passed_over: self.of.passed_over }
    }
}

/// Each probe of these stretches, with its place before this step.
fn probes<'h>(inwards: &[&'h StretchHolds], place: &Place) -> Vec<(&'h StretchHolds, &'h Probe, Place)> {
    let of = |holds: &'h StretchHolds| {
        holds.probes.iter().filter_map(|probe| Some((holds, probe, place.child(probe.id.as_ref()?.as_str())))).collect::<Vec<_>>()
    };
    inwards.iter().flat_map(|holds| of(holds)).collect()
}
