//! How long steps took before, and what is to be expected of them now.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::{
    fact::{Event, Part, Verdict},
    place::Place,
};

/// Fewer say too little: between the shortest and the longest of seven lies the next one in 6 of 8 cases.
const FEWEST: usize = 7;
/// So many of a step are kept, the latest.
const KEPT: usize = 200;

/// How long each step took, whatever item it was for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Paces {
    took: HashMap<String, VecDeque<Duration>>,
}

/// How long a step will take, if it is like those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PaceRange {
    pub least: Duration,
    pub most: Duration,
    /// Of so many.
    pub of: usize,
}

impl Paces {
    /// Learns from the end of a step. One that failed took as long as it took to fail.
    pub(crate) fn note(&mut self, event: &Event) {
        if let Event::StepEnded { place, part: Part::Main, took, verdict: Verdict::Passed, .. } = event {
            let all = self.took.entry(key(place)).or_default();
            all.push_back(*took);
            if all.len() > KEPT {
                all.pop_front();
            }
        }
    }

    /// What came before what is known here.
    pub(crate) fn add_earlier(&mut self, earlier: Self) {
        for (step, mut all) in earlier.took {
            let known = self.took.entry(step).or_default();
            all.extend(known.drain(..));
            all.drain(..all.len().saturating_sub(KEPT));
            *known = all;
        }
    }

    /// What is to be expected of a step; nothing where too little is known, and of what is done for it besides.
    ///
    /// Of n lengths before, the next lies between the k-th shortest and the k-th longest in n+1-2k of n+1 cases, whatever their distribution, if
    /// all come about alike: k is the tenth part, so that it does in 75 to 90 of 100.
    #[must_use]
    pub(crate) fn of(&self, place: &Place, part: Part) -> Option<PaceRange> {
        let all = self.took.get(&key(place)).filter(|_| part == Part::Main).filter(|all| all.len() >= FEWEST)?;
        let mut all: Vec<Duration> = all.iter().copied().collect();
        all.sort_unstable();
        let beyond = ((all.len() + 1) / 10).max(1);
        let (least, most) = (*all.get(beyond - 1)?, *all.get(all.len() - beyond)?);
        Some(PaceRange { least, most, of: all.len() })
    }
}

/// A step of a loop is the same for each item.
fn key(place: &Place) -> String {
    place.steps().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Captured, Excerpt, Exit};

    fn ended(place: &str, took: Duration, verdict: Verdict) -> Event {
        Event::StepEnded {
            place: place.parse().unwrap(),
            part: Part::Main,
            attempt: 1,
            exit: Exit::Code(0),
            stdout: Captured::empty(),
            stderr: Captured::empty(),
            took,
            askings: 1,
            verdict,
            message: String::new(),
            excerpt: Excerpt::default(),
        }
    }

    #[test]
    fn what_is_expected_lies_within_what_was_seen() {
        let mut paces = Paces::default();
        let place: Place = "loop[osd=3].wait".parse().unwrap();
        for seconds in [40, 30, 90, 35, 33, 31] {
            paces.note(&ended(&format!("loop[osd={seconds}].wait"), Duration::from_secs(seconds), Verdict::Passed));
        }
        assert_eq!(paces.of(&place, Part::Main), None, "six are too few");
        paces.note(&ended("loop[osd=0].wait", Duration::from_secs(1), Verdict::failed("exit 1")));
        assert_eq!(paces.of(&place, Part::Main), None, "what failed says nothing");
        let mut earlier = Paces::default();
        earlier.note(&ended("loop[osd=1].wait", Duration::from_secs(50), Verdict::Passed));
        paces.add_earlier(earlier);
        let range = PaceRange { least: Duration::from_secs(30), most: Duration::from_secs(90), of: 7 };
        assert_eq!(paces.of(&place, Part::Main), Some(range));
        assert_eq!(paces.of(&"loop[osd=3].other".parse().unwrap(), Part::Main), None);
    }

    /// Two hundred runs whose step takes as long as such steps do: mostly about as long, and now and then much longer.
    #[test]
    fn the_true_length_lies_in_the_range_in_75_to_90_of_100() {
        for seed in 1..=5_u64 {
            let mut state = seed;
            let mut random = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
            };
            let (mut paces, mut within, mut shown) = (Paces::default(), 0, 0);
            for _ in 0..200 {
                // The product of several is skewed as the lengths of waits are.
                let took = Duration::from_secs_f64(20.0 * (0..4).map(|_| 0.5 + random()).product::<f64>());
                if let Some(range) = paces.of(&"wait".parse().unwrap(), Part::Main) {
                    shown += 1;
                    within += usize::from((range.least..=range.most).contains(&took));
                }
                paces.note(&ended("wait", took, Verdict::Passed));
            }
            let share = 100 * within / shown;
            assert!(shown == 193 && (75..=90).contains(&share), "seed {seed}: {share} of 100");
        }
    }
}
