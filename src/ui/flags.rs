//! Answers that were given in advance, as flags.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::{
    event::{Answerer, Place},
    ports::{Answer, Ask, Choice, NoAnswer, Prompt, Question},
};

/// Answers from flags, and asks `inner` what they leave open.
///
/// `yes` stands for the plan and for questions that want only a yes. A phrase is never covered by it, whatever it
/// guards: it takes `--confirm STEP=PHRASE`, with exactly that phrase.
pub(crate) struct Flags<'a> {
    yes: bool,
    /// By step id or whole place.
    confirms: BTreeMap<String, String>,
    /// By probe id or whole place.
    overrides: BTreeMap<String, String>,
    inner: &'a dyn Prompt,
    used: Mutex<BTreeSet<String>>,
    /// Reasons that have served for a probe of what must hold: each does so once.
    served: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Flags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags")
            .field("yes", &self.yes)
            .field("confirms", &self.confirms)
            .field("overrides", &self.overrides)
            .finish_non_exhaustive()
    }
}

impl<'a> Flags<'a> {
    #[must_use]
    pub(crate) fn new(yes: bool, confirms: BTreeMap<String, String>, overrides: BTreeMap<String, String>, inner: &'a dyn Prompt) -> Self {
        Self { yes, confirms, overrides, inner, used: Mutex::default(), served: Mutex::default() }
    }

    /// Flags that no question has asked for, as they were written.
    #[must_use]
    pub(crate) fn unused(&self) -> Vec<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let confirms = self.confirms.keys().map(|name| format!("--confirm {name}"));
        let overrides = self.overrides.keys().map(|name| format!("--override {name}"));
        confirms.chain(overrides).filter(|flag| !used.contains(flag)).collect()
    }

    /// The name under which there is a reason for this probe that has not served.
    fn unserved(&self, place: Option<&Place>) -> Option<(&str, &str)> {
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = place?.names().into_iter().filter(|name| !served.contains(*name));
        let (name, reason) = names.find_map(|name| self.overrides.get_key_value(name))?;
        Some((name, reason))
    }

    /// Nothing here answers a question at that place; where `yes` is enough it wants no phrase.
    #[must_use]
    pub(crate) fn leaves_open(&self, place: &Place, yes_is_enough: bool) -> bool {
        let confirmed = || place.names().into_iter().any(|name| self.confirms.contains_key(name));
        !(self.yes && yes_is_enough || confirmed())
    }

    /// The reason to override a probe.
    fn reason(&self, place: Option<&Place>) -> Option<&str> {
        let (name, reason) = self.unserved(place)?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("--override {name}"));
        if place.is_some_and(|place| place.preflight().is_none()) {
            self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        }
        Some(reason)
    }

    /// The whole place counts before the step's id alone.
    fn find<'b>(&self, flag: &str, given: &'b BTreeMap<String, String>, place: Option<&Place>) -> Option<&'b str> {
        let place = place?;
        let (name, value) = place.names().into_iter().find_map(|name| given.get_key_value(name))?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{flag} {name}"));
        Some(value)
    }
}

fn yes(typed: &str) -> Answer {
    Answer::Yes { typed: typed.to_owned(), by: Answerer::Flag }
}

impl Prompt for Flags<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let place = question.place.as_ref();
        let confirm = || self.find("--confirm", &self.confirms, place);
        let name = place.map_or("", Place::as_str);
        let answer = match &question.ask {
            Ask::Plan { .. } | Ask::GoOn => self.yes.then(|| yes("--yes")),
            Ask::YesNo => match confirm() {
                Some(given @ ("yes" | "y")) => Some(yes(given)),
                Some(given) => Some(Answer::No { why: format!("--confirm {name}={given}: only `yes` confirms this step") }),
                None => self.yes.then(|| yes("--yes")),
            },
            Ask::Phrase { phrase, .. } => confirm().map(|given| {
                if given == phrase && !phrase.is_empty() {
                    yes(given)
                } else {
                    Answer::No { why: format!("--confirm {name}: got `{given}`, expected `{phrase}`") }
                }
            }),
            Ask::Report { .. } => confirm().map(|given| {
                if given.trim().is_empty() {
                    Answer::No { why: format!("--confirm {name} does not say what was done") }
                } else {
                    yes(given)
                }
            }),
            Ask::Override => self.reason(place).map(|reason| {
                if reason.trim().is_empty() { Answer::No { why: format!("--override {name} gives no reason") } } else { yes(reason) }
            }),
            Ask::Failed { choices } if choices.contains(&Choice::Override) => {
                self.unserved(place).map(|_| Answer::Chosen { choice: Choice::Override, by: Answerer::Flag })
            }
            Ask::Failed { .. } | Ask::Step { .. } | Ask::Doubt { .. } => None,
        };
        answer.map_or_else(|| self.inner.ask(question), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Behind;

    /// Nobody is there.
    struct Nobody;

    impl Prompt for Nobody {
        fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
            Err(NoAnswer::NoTerminal { beforehand: super::super::answer::beforehand(question) })
        }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn question(ask: Ask, place: Place) -> Question {
        Question { place: Some(place), ask, text: String::new(), behind: Behind::default() }
    }

    fn phrase(destroys: bool) -> Ask {
        Ask::Phrase { phrase: "sdd".into(), destroys }
    }

    #[test]
    fn yes_covers_no_phrase() {
        let flags = Flags::new(true, map(&[]), map(&[]), &Nobody);
        let plan = Question { place: None, ask: Ask::Plan { changes: 1, destroys: 1 }, text: String::new(), behind: Behind::default() };
        assert_eq!(flags.ask(&plan).unwrap(), yes("--yes"));
        assert_eq!(flags.ask(&question(Ask::YesNo, Place::top("a"))).unwrap(), yes("--yes"));
        for destroys in [true, false] {
            assert!(flags.ask(&question(phrase(destroys), Place::top("a"))).is_err());
        }
        let failed = Ask::Failed { choices: vec![Choice::Continue] };
        for ask in
            [failed, Ask::Override, Ask::Report { ask: String::new() }, Ask::Step { choices: vec![] }, Ask::Doubt { choices: vec![] }]
        {
            assert!(flags.ask(&question(ask, Place::top("a"))).is_err());
        }
    }

    #[test]
    fn a_phrase_must_be_right_and_the_whole_place_wins() {
        let given = map(&[("wipe", "sdc"), ("each[disk=sdd].wipe", "sdd"), ("typo", "x")]);
        let flags = Flags::new(false, given, map(&[("conntrack", "seen"), ("empty", " ")]), &Nobody);
        let sdd = Place::top("each").item("disk", "sdd").child("wipe");
        assert_eq!(flags.ask(&question(phrase(true), sdd)).unwrap(), yes("sdd"));
        let other = Place::top("each").item("disk", "sde").child("wipe");
        let Answer::No { why } = flags.ask(&question(phrase(true), other)).unwrap() else { panic!() };
        assert_eq!(why, "--confirm each[disk=sde].wipe: got `sdc`, expected `sdd`");
        assert_eq!(flags.ask(&question(Ask::Override, Place::top("conntrack"))).unwrap(), yes("seen"));
        assert!(matches!(flags.ask(&question(Ask::Override, Place::top("empty"))).unwrap(), Answer::No { .. }));
        assert_eq!(flags.unused(), ["--confirm typo"]);
    }

    #[test]
    fn what_flags_leave_open_is_known_beforehand() {
        let wipe = |disk: &str| Place::top("each").item("disk", disk).child("wipe");
        let leaves = |yes: bool, confirms: &[(&str, &str)], place: &Place, enough: bool| {
            Flags::new(yes, map(confirms), map(&[]), &Nobody).leaves_open(place, enough)
        };
        let sure = Place::top("sure");
        assert!(leaves(false, &[], &sure, true) && !leaves(true, &[], &sure, true));
        assert!(leaves(true, &[], &wipe("sdd"), false), "a phrase is more than a yes");
        assert!(!leaves(true, &[("wipe", "sdd")], &wipe("sdd"), false));
        let one = [("each[disk=sdd].wipe", "sdd")];
        assert!(!leaves(true, &one, &wipe("sdd"), false) && leaves(true, &one, &wipe("sde"), false));
    }

    #[test]
    fn a_confirmation_may_say_no() {
        let flags = Flags::new(true, map(&[("go", "no")]), map(&[]), &Nobody);
        assert!(matches!(flags.ask(&question(Ask::YesNo, Place::top("go"))).unwrap(), Answer::No { .. }));
    }
}
