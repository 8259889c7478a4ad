//! Which system a run is bound to: asked before all else, and again before anything is changed on the strength of an old answer.

use std::sync::PoisonError;

use minijinja::Value;

use super::{engine::Engine, halt::Halt, printed::PRINTED, system::AskedSystem};
use crate::{
    event::{Event, Finding, Part, Place, SystemAnswer, Verdict},
    plan::{Evaluated, Scope},
    ports::{Ask, Behind, Choice, Question},
    runbook::{
        model::{Probe, Runbook},
        name::IDENTITY,
    },
    words,
};

/// What a system calls itself is one line, of at most so many characters.
const LONGEST: usize = 300;

impl Engine<'_> {
    /// Asks the system of a runbook which one it is, and binds the run to it; or finds out whether it is still the same.
    pub(super) fn identify(&self, runbook: &Runbook, scope: &mut Scope, call: Option<&Place>) -> Result<(), Halt> {
        let Some(probe) = &runbook.identity else { return Ok(()) };
        let place = Place::identity_in(call);
        self.know_identity(probe, scope, &place);
        match self.ask_identity(probe, scope, &place)? {
            Evaluated::Known(result) => scope.set(IDENTITY, result),
            // A dry run calls a runbook with what only the real run will know.
            Evaluated::Unknown(needs) => {
                let title = "Which system this is".to_owned();
                self.emit(Event::Checked { place, title, finding: Finding::Unknown { needs } })?;
                scope.set_unknown(IDENTITY);
            }
        }
        Ok(())
    }

    /// What the system of a runbook had answered before: how it is asked again is known from here on.
    pub(super) fn identity_before(&self, runbook: &Runbook, scope: &mut Scope, call: Option<&Place>) -> Result<(), Halt> {
        let (Some(probe), Some(before)) = (&runbook.identity, self.before) else { return Ok(()) };
        let place = Place::identity_in(call);
        self.know_identity(probe, scope, &place);
        if let Some(result) = self.probe_before(probe, scope, &place, &|place| before.past.found.get(place))? {
            scope.set(IDENTITY, result);
        }
        Ok(())
    }

    /// Asks each system that is changed at this place whether it is still the same, where that is not sure.
    pub(super) fn same_system(&self, at: &Place) -> Result<(), Halt> {
        if self.unsure_of(at).is_empty() {
            return Ok(());
        }
        // One after the other: what several items of a loop wait for is asked once.
        let systems = self.systems.all();
        for place in self.unsure_of(at) {
            let Some(AskedSystem { probe, scope }) = systems.get(&place) else {
                return Err(Halt::OtherSystem { whys: vec![words::not_asked_which_system(&place)], place });
            };
            self.ask_identity(probe, scope, &place)?;
        }
        Ok(())
    }

    /// A question, with the systems that it is about.
    pub(super) fn question(&self, place: Option<&Place>, ask: Ask, mut text: String) -> Question {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let here = state.systems.iter().filter(|(asked, _)| place.is_none_or(|place| asked.identifies(place)));
        if let Some(line) = words::on_system(here.map(|(_, system)| system.name.as_str())) {
            text = format!("{}\n{line}", text.trim_end());
        }
        drop(state);
        let offered = matches!(&ask, Ask::Failed { choices } if choices.contains(&Choice::Rollback));
        let takes_back = if offered { self.would_take_back() } else { String::new() };
        Question { place: place.cloned(), ask, text, behind: Behind { takes_back, ..Behind::default() } }
    }

    /// The systems that the run is bound to, in one line.
    pub(super) fn bound_to(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        words::on_system(state.systems.values().map(|system| system.name.as_str()))
    }

    /// A system has said there which one it is.
    pub(super) fn is_bound(&self, asked: &Place) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).systems.contains_key(asked)
    }

    fn unsure_of(&self, at: &Place) -> Vec<Place> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).unsure_of(at).cloned().collect()
    }

    fn know_identity(&self, probe: &Probe, scope: &Scope, place: &Place) {
        self.systems.all().insert(place.clone(), AskedSystem { probe: probe.clone(), scope: scope.clone() });
    }

    fn ask_identity(&self, probe: &Probe, scope: &Scope, place: &Place) -> Result<Evaluated<Value>, Halt> {
        let asked = match self.ask(probe, scope, place, Part::Main)? {
            Evaluated::Known(mut answers) => answers.pop(),
            Evaluated::Unknown(needs) => return Ok(Evaluated::Unknown(needs)),
        };
        let (answer, result) = match asked {
            None => (Err("it was not asked".to_owned()), Value::from(())),
            Some(asked) => {
                let said = match &asked.verdict {
                    Verdict::Passed => called(probe, scope, &asked.result),
                    Verdict::Failed { why, .. } | Verdict::Unknown { why } => Err(why.clone()),
                };
                (said, asked.result)
            }
        };
        // Nobody asked any more: that is the operator's stop, and says nothing of the system.
        self.check_interrupts(Some(place))?;
        let answer = match answer {
            Ok(system) => SystemAnswer::Known { system },
            Err(why) => SystemAnswer::Unknown { why },
        };
        let bound = || self.state.lock().unwrap_or_else(PoisonError::into_inner).systems.get(place).cloned();
        let before = bound().map(|system| system.name);
        self.emit(Event::Identified { place: place.clone(), answer: answer.clone() })?;
        if bound().is_some_and(|system| system.sure) {
            return Ok(Evaluated::Known(result));
        }
        let answer = match answer {
            SystemAnswer::Known { system } => SystemAnswer::Known { system: self.secrets.mask(&system).into_owned() },
            SystemAnswer::Unknown { why } => SystemAnswer::Unknown { why: self.secrets.mask(&why).into_owned() },
        };
        let whys = words::other_system(before.as_deref(), &answer).unwrap_or_default();
        Err(Halt::OtherSystem { place: place.clone(), whys })
    }
}

/// What a system calls itself, by the message of the runbook's `identity`. It is what is compared, so it is evaluated strictly.
fn called(probe: &Probe, scope: &Scope, result: &Value) -> Result<String, String> {
    let mut inner = scope.clone();
    for name in PRINTED {
        if let Ok(value) = result.get_attr(name) {
            inner.set(name, value);
        }
    }
    // What the message says beside the answer tells no system from another.
    if result.get_attr("stdout").is_ok_and(|printed| printed.as_str().is_some_and(|text| text.trim().is_empty())) {
        return Err("its answer is empty".to_owned());
    }
    let Some(message) = &probe.message else { return Err("the runbook's `identity` has no message".to_owned()) };
    let text = match inner.text(message) {
        Ok(Evaluated::Known(text)) => text.trim().to_owned(),
        Ok(Evaluated::Unknown(needs)) => return Err(format!("its message depends on {}, which is not known", needs.join(", "))),
        Err(error) => return Err(error.to_string()),
    };
    match text.as_str() {
        "" => Err("its answer is empty".to_owned()),
        text if text.lines().count() > 1 || text.chars().count() > LONGEST => {
            Err(format!("its answer is no single line of at most {LONGEST} characters"))
        }
        _ => Ok(text),
    }
}
