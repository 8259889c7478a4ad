//! Which system a run is bound to, and what it answers when it is asked again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a system answered when it was asked which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SystemAnswer {
    /// The message of the runbook's `identity`, filled in.
    Known { system: String },
    /// It did not say.
    Unknown { why: String },
}

/// A system that a run is bound to by its first answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSystem {
    pub name: String,
    /// It has given the same answer since the plan was made, or the run was taken up: what changes something may be begun.
    pub sure: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{Captured, Effect, Event, Mode, Opening, Outcome, Part, Place, RecordedPlan, RunState, Shown, Words};

    fn begins(place: &Place, part: Part, effect: Effect) -> Event {
        let command = Shown {
            words: Words::Argv(vec!["x".to_owned()]),
            effect,
            host: None,
            user: None,
            cwd: None,
            env: Vec::new(),
            stdin: false,
            timeout_ms: None,
            held: None,
            fences: BTreeMap::new(),
        };
        Event::StepBegan { place: place.clone(), part, attempt: 1, command, owes: None }
    }

    /// The fold itself refuses a change on a system that was not found to be the same: no journal holds one.
    #[test]
    fn nothing_is_changed_before_the_system_is_known_to_be_the_same() {
        let opening = Opening {
            runbook: "x".into(),
            title: "X".into(),
            source: "x.yaml".into(),
            runbook_sha256: Captured::EMPTY.into(),
            plan: RecordedPlan::default(),
            plan_sha256: Captured::EMPTY.into(),
            params: BTreeMap::new(),
            mode: Mode::Real,
            version: "0".into(),
            clock_synchronised: None,
            surroundings: None,
            machine: None,
        };
        let (asked, step, lock) = (Place::identity_in(None), Place::top("set"), Place::of_lock("a"));
        let known = |system: &str| Event::Identified { place: asked.clone(), answer: SystemAnswer::Known { system: system.into() } };
        let silent = Event::Identified { place: asked.clone(), answer: SystemAnswer::Unknown { why: "exit 1".into() } };
        let change = begins(&step, Part::Main, Effect::Change);
        let refused = |state: &RunState, event: &Event| state.clone().apply(event).is_err();
        let mut state = RunState::default();
        state.apply(&Event::RunOpened(Box::new(opening))).unwrap();
        state.apply(&known("a")).unwrap();
        state.apply(&Event::Planned { steps: 1, read: 0, change: 1, destroy: 0 }).unwrap();
        for answer in [None, Some(known("b")), Some(silent)] {
            if let Some(answer) = answer {
                state.apply(&answer).unwrap();
            }
            assert!(refused(&state, &change) && !refused(&state, &begins(&step, Part::Main, Effect::Read)));
            // A lock stands elsewhere.
            assert!(!refused(&state, &begins(&lock, Part::Cleanup, Effect::Change)));
        }
        state.apply(&known("a")).unwrap();
        assert!(!refused(&state, &change) && refused(&state, &begins(&asked, Part::Main, Effect::Change)));
        state.apply(&Event::RunClosed { outcome: Outcome::Stopped, why: String::new(), owed: Vec::new() }).unwrap();
        let cleanup = begins(&step, Part::Cleanup, Effect::Change);
        assert!(refused(&state, &cleanup) && !refused(&state, &begins(&asked, Part::Main, Effect::Read)));
        state.apply(&known("a")).unwrap();
        assert!(!refused(&state, &cleanup));
        // The system of a runbook that is called is nobody else's.
        let inner =
            Event::Identified { place: Place::identity_in(Some(&Place::top("inner"))), answer: SystemAnswer::Known { system: "c".into() } };
        state.apply(&Event::Resumed { from: String::new() }).unwrap();
        state.apply(&inner).unwrap();
        assert!(refused(&state, &begins(&Place::top("inner").child("set"), Part::Undo, Effect::Change)));
        state.apply(&known("a")).unwrap();
        assert!(!refused(&state, &begins(&Place::top("inner").child("set"), Part::Undo, Effect::Change)));
    }
}
