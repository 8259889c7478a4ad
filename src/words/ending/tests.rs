//! What is said of an end, held against a world that keeps its own account of what took effect.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::event::{
    Answerer, Captured, Effect, Event, Excerpt, Exit, Mode, Opening, Part, Place, RecordedPlan, Shown, StepOutcome, Verdict, Words,
};

/// What becomes of a command.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Well,
    /// It says that it failed, and did what it was to do, or not.
    Fails {
        took: bool,
    },
    NotStarted,
    Killed {
        took: bool,
    },
    /// Whoever carries the run out dies with it under way.
    Dies {
        took: bool,
    },
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Change {
        place: usize,
        owes: bool,
        fate: Fate,
    },
    Read {
        place: usize,
        fate: Fate,
    },
    Undo {
        place: usize,
        fate: Fate,
    },
    Cleanup {
        place: usize,
        fate: Fate,
    },
    /// Somebody puts back by hand what is owed, and says so.
    ByHand {
        place: usize,
    },
    Resume,
    Settle {
        place: usize,
        done: bool,
    },
}

/// What is really so.
#[derive(Debug, Default)]
struct World {
    state: RunState,
    effects: BTreeMap<usize, bool>,
    set: BTreeSet<usize>,
    /// Commands that may still be running, or of which nobody knows what they did.
    open: BTreeSet<(usize, u8)>,
    /// Changes of which nobody knows whether they took effect: neither undone, nor begun again, nor settled since.
    doubted: BTreeSet<usize>,
    /// Something took effect once, taken back since or not.
    ever: bool,
    /// Every command told the truth about what it did.
    certain: bool,
}

fn ended(state: &RunState) -> String {
    let (ended, remains) = left(state);
    ended + &remains
}

fn place(number: usize) -> Place {
    Place::top(["a", "b", "c"][number])
}

fn shown(effect: Effect) -> Shown {
    Shown {
        words: Words::Argv(vec!["x".into()]),
        effect,
        host: None,
        user: None,
        cwd: None,
        env: vec![],
        stdin: false,
        timeout_ms: None,
        held: None,
        fences: BTreeMap::new(),
    }
}

impl World {
    fn open() -> Self {
        let mut world = Self { certain: true, ..Self::default() };
        let opening = Opening {
            runbook: "r".into(),
            title: String::new(),
            source: String::new(),
            runbook_sha256: String::new(),
            plan: RecordedPlan::default(),
            plan_sha256: String::new(),
            params: BTreeMap::new(),
            mode: Mode::Real,
            version: String::new(),
            clock_synchronised: None,
            surroundings: None,
            machine: None,
        };
        world.say(&Event::RunOpened(Box::new(opening)));
        world.planned();
        world
    }

    fn planned(&mut self) {
        self.say(&Event::Planned { steps: 3, read: 0, change: 3, destroy: 0 });
    }

    fn say(&mut self, event: &Event) -> bool {
        self.state.apply(event).is_ok()
    }

    /// Begins a command and lets it meet its fate; `None` if it may not begin here, else whether it did what it was to do.
    fn command(&mut self, number: usize, part: Part, effect: Effect, owes: bool, fate: Fate) -> Option<bool> {
        let owes = owes.then(|| shown(Effect::Change));
        if !self.say(&Event::StepBegan { place: place(number), part, attempt: 1, command: shown(effect), owes }) {
            return None;
        }
        let why = String::new;
        let (took, exit, verdict) = match fate {
            Fate::Well => (true, Exit::Code(0), Verdict::Passed),
            Fate::Fails { took } => (took, Exit::Code(1), Verdict::failed(why())),
            Fate::NotStarted => (false, Exit::NotStarted { why: why() }, Verdict::failed(why())),
            Fate::Killed { took } => (took, Exit::TimedOut { after_ms: 1, killed: true }, Verdict::Unknown { why: why() }),
            Fate::Dies { took } => {
                self.certain = false;
                self.open.insert((number, part as u8));
                return Some(took);
            }
        };
        self.certain &= matches!(fate, Fate::Well | Fate::NotStarted);
        let ended = Event::StepEnded {
            place: place(number),
            part,
            attempt: 1,
            exit,
            stdout: Captured::empty(),
            stderr: Captured::empty(),
            took: std::time::Duration::ZERO,
            askings: 1,
            verdict,
            message: String::new(),
            excerpt: Excerpt::default(),
        };
        assert!(self.say(&ended), "what has begun may end");
        self.open.remove(&(number, part as u8));
        Some(took)
    }

    fn do_it(&mut self, deed: Deed) {
        match deed {
            Deed::Change { place, owes, fate } => {
                let took = self.command(place, Part::Main, Effect::Change, owes, fate);
                if took.is_some() {
                    self.doubted.remove(&place);
                    if matches!(fate, Fate::Killed { .. } | Fate::Dies { .. }) {
                        self.doubted.insert(place);
                    }
                }
                if took == Some(true) {
                    self.effects.insert(place, true);
                    self.ever = true;
                    if owes {
                        self.set.insert(place);
                    }
                }
            }
            Deed::Read { place, fate } => {
                self.command(place, Part::Verify, Effect::Read, false, fate);
            }
            Deed::Undo { place, fate } => {
                if self.command(place, Part::Undo, Effect::Change, false, fate) == Some(true) {
                    self.effects.remove(&place);
                }
                if matches!(fate, Fate::Well) {
                    self.doubted.remove(&place);
                }
            }
            Deed::Cleanup { place, fate } => {
                if self.command(place, Part::Cleanup, Effect::Change, false, fate) == Some(true) {
                    self.set.remove(&place);
                }
            }
            Deed::ByHand { place: number } => {
                let reason = "by hand".to_owned();
                if self.say(&Event::SettledByHand { place: place(number), reason, by: Answerer::Terminal }) {
                    self.set.remove(&number);
                    self.open.remove(&(number, Part::Cleanup as u8));
                }
            }
            Deed::Resume => {
                if self.say(&Event::Resumed { from: String::new() }) {
                    // Whoever resumes has waited for what was still running. What an undo has come to nobody has said yet.
                    self.open.retain(|(_, part)| *part == Part::Undo as u8);
                    self.planned();
                }
            }
            Deed::Settle { place: number, done } => {
                let outcome = if done { StepOutcome::Done } else { StepOutcome::Failed { why: String::new() } };
                if self.say(&Event::StepSettled { place: place(number), outcome }) {
                    self.doubted.remove(&number);
                }
            }
        }
    }

    /// Everything that is said of this end is so.
    fn is_told_rightly(&self, outcome: Outcome) -> Result<(), TestCaseError> {
        let mut state = self.state.clone();
        if state.apply(&Event::RunClosed { outcome, why: String::new(), owed: vec![] }).is_err() {
            return Ok(());
        }
        let left = state.aftermath();
        let said = ended(&state) + &remains(outcome, &left);
        for number in self.effects.keys() {
            prop_assert!(left.standing.contains(&place(*number)), "{number} took effect, and is not said to remain: {left:?}");
        }
        for number in &self.set {
            prop_assert!(left.owed.contains(&place(*number)), "{number} is set, and not owed: {left:?}");
        }
        if said.contains("completed") || said.contains("nothing left to clean up") {
            prop_assert!(self.set.is_empty() && self.open.is_empty() && self.doubted.is_empty(), "{said}: {self:?}");
        }
        if said.contains("nothing had been changed") {
            prop_assert!(!self.ever, "{said}: {self:?}");
        }
        prop_assert!(left.changed || !self.ever, "something was changed: {left:?}");
        if said.starts_with("rolled back") && !said.contains('(') {
            prop_assert!(self.effects.is_empty(), "{said}: {self:?}");
        }
        if self.certain {
            let standing: BTreeSet<Place> = left.standing.iter().cloned().collect();
            prop_assert_eq!(standing, self.effects.keys().map(|number| place(*number)).collect::<BTreeSet<_>>());
            prop_assert_eq!(left.owed.len(), self.set.len());
            prop_assert_eq!(left.changed, self.ever);
            prop_assert_eq!(left.is_settled(), self.set.is_empty());
        }
        Ok(())
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Well),
        1 => any::<bool>().prop_map(|took| Fate::Fails { took }),
        1 => Just(Fate::NotStarted),
        1 => any::<bool>().prop_map(|took| Fate::Killed { took }),
        1 => any::<bool>().prop_map(|took| Fate::Dies { took }),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let place = 0..3_usize;
    prop_oneof![
        4 => (place.clone(), any::<bool>(), fate()).prop_map(|(place, owes, fate)| Deed::Change { place, owes, fate }),
        1 => (place.clone(), fate()).prop_map(|(place, fate)| Deed::Read { place, fate }),
        2 => (place.clone(), fate()).prop_map(|(place, fate)| Deed::Undo { place, fate }),
        2 => (place.clone(), fate()).prop_map(|(place, fate)| Deed::Cleanup { place, fate }),
        1 => place.clone().prop_map(|place| Deed::ByHand { place }),
        1 => Just(Deed::Resume),
        2 => (place, any::<bool>()).prop_map(|(place, done)| Deed::Settle { place, done }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn nothing_is_said_of_an_end_that_is_not_so(deeds in proptest::collection::vec(deed(), 0..16)) {
        let mut world = World::open();
        for deed in deeds {
            world.do_it(deed);
            for outcome in [Outcome::Completed, Outcome::Stopped, Outcome::RolledBack, Outcome::Stuck, Outcome::Declined] {
                world.is_told_rightly(outcome)?;
            }
        }
    }
}

#[test]
fn each_end_has_its_words() {
    let told = |deeds: &[Deed], outcome| {
        let mut world = World::open();
        for deed in deeds {
            world.do_it(*deed);
        }
        let closed = Event::RunClosed { outcome, why: String::new(), owed: vec![] };
        world.state.apply(&closed).unwrap();
        ended(&world.state)
    };
    let change = |place, owes| Deed::Change { place, owes, fate: Fate::Well };
    let undo = |place| Deed::Undo { place, fate: Fate::Well };
    let killed = Deed::Change { place: 2, owes: false, fate: Fate::Killed { took: true } };
    for (deeds, outcome, words) in [
        (&[change(0, false)][..], Outcome::Completed, "completed"),
        (&[change(0, true)], Outcome::Completed, "reached the last step; 1 cleanup is owed"),
        (&[killed], Outcome::Completed, "reached the last step; 1 step is in doubt"),
        (&[change(0, true), killed], Outcome::Stopped, "stopped; 1 step is in doubt; 1 cleanup is owed"),
        (&[change(0, false)], Outcome::Stopped, "stopped"),
        (&[], Outcome::RolledBack, "rolled back (nothing had been changed)"),
        (&[change(0, false), undo(0)], Outcome::RolledBack, "rolled back"),
        (&[change(0, false), change(1, false), undo(0)], Outcome::RolledBack, "rolled back as far as possible (1 change remains)"),
        (&[change(0, true), change(1, false)], Outcome::RolledBack, "rolled back as far as possible (2 changes remain); 1 cleanup is owed"),
    ] {
        assert_eq!(told(deeds, outcome), words, "{deeds:?}");
    }
    assert_eq!(remains(Outcome::Stopped, &World::open().state.aftermath()), "; nothing left to clean up");
    assert_eq!(ended(&World::open().state), CRASHED);
}
