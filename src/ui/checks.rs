//! The preflight, told calmly: checks that stand in groups and pass are counted, all others are told as they come.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{block, layout::Page, told::ToldParts};
use crate::{
    event::{Event, Finding, Opening, Part, Place},
    words::{self, mark::Mark},
};

/// What was checked so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    passed: usize,
    over: bool,
    /// The titles of the groups, and to which of them a check belongs.
    titles: Vec<String>,
    groups: HashMap<Place, usize>,
    /// Checks of groups that have passed and are not told of yet, by their groups; and what would be told of each.
    counted: BTreeMap<usize, usize>,
    lines: Vec<String>,
    /// The one that passed last, if it is of a group.
    last: Option<Place>,
    /// Groups of which not all has passed.
    flawed: BTreeSet<usize>,
}

impl Checks {
    pub(super) fn count(&mut self, event: &Event) {
        if let Event::RunOpened(opening) = event {
            self.learn(opening);
        }
        let back = matches!(event, Event::StepBegan { part: Part::Undo | Part::Cleanup, .. });
        let begun = back || matches!(event, Event::StepReached { .. } | Event::StepSkipped { .. });
        self.over |= begun || matches!(event, Event::Planned { .. } | Event::RunClosed { .. });
        let passed = matches!(event, Event::Checked { finding: Finding::Pass { .. }, .. });
        self.passed += usize::from(passed && !self.over);
    }

    /// The preflight is over.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn passed(&self) -> usize {
        self.passed
    }

    fn learn(&mut self, opening: &Opening) {
        let at = Place::preflight_in(None);
        for group in &opening.plan.groups {
            self.groups.extend(group.checks.iter().map(|check| (at.child(check), self.titles.len())));
            self.titles.push(group.title.clone());
        }
    }

    /// The group of a check. What is required stands under no title, and is routine where others do.
    fn group(&self, place: &Place) -> Option<usize> {
        let required = || !self.titles.is_empty() && place.is_within(&Place::requires_in(None));
        self.groups.get(place).copied().or_else(|| required().then_some(self.titles.len()))
    }

    /// Keeps what passed in a group back until all is known. `hint` says where each of them is told.
    pub(super) fn fold(&mut self, page: &Page, event: &Event, told: ToldParts, hint: &str) -> ToldParts {
        let ToldParts { mut before, heading, mut lines } = told;
        // What was kept until now are answers that passed: those of the check before.
        if self.last.is_some() {
            self.lines.append(&mut before);
        }
        if self.over {
            before.extend(self.so_far(page, hint));
            return ToldParts { before, heading, lines };
        }
        if let Event::Checked { place, finding, .. } = event {
            let place = place.without_item();
            let group = self.group(place);
            let passed = matches!(finding, Finding::Pass { .. });
            if let Some(group) = group.filter(|_| passed) {
                let another = self.last.as_ref() != Some(place);
                *self.counted.entry(group).or_default() += usize::from(another);
                self.lines.append(&mut lines);
                self.last = Some(place.clone());
            } else {
                self.flawed.extend(group);
                self.last = None;
            }
        }
        ToldParts { before, heading, lines }
    }

    /// One line for all that has passed in groups and was not told of, with the titles of those that have passed whole where there is room;
    /// the only one of them is told as it is.
    pub(super) fn so_far(&mut self, page: &Page, hint: &str) -> Vec<String> {
        let counted = std::mem::take(&mut self.counted);
        let lines = std::mem::take(&mut self.lines);
        self.last = None;
        let passed: usize = counted.values().sum();
        if passed < 2 {
            return lines;
        }
        let whole = counted.keys().filter(|group| !self.flawed.contains(group));
        let titles: Vec<&str> = whole.filter_map(|group| self.titles.get(*group)).map(String::as_str).collect();
        let checks = format!("{} passed", words::counted(passed, "check", "checks"));
        if let ([title], 1) = (titles.as_slice(), counted.len()) {
            return block::checked(page, Mark::Passed, title, &checks, None);
        }
        // Many titles say no more to somebody in a hurry than their number does.
        let named = block::line(page, Mark::Passed, "", &format!("{checks}: {}", titles.join("; ")), hint);
        if !titles.is_empty() && named.len() == 1 {
            return named;
        }
        let groups = if titles.len() > 1 { format!(", in {} groups", titles.len()) } else { String::new() };
        block::line(page, Mark::Passed, "", &format!("{checks}{groups}"), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::style::Style, *};

    fn checked(check: &str, finding: Finding) -> Event {
        Event::Checked { place: Place::preflight_in(None).child(check), title: format!("Title of {check}"), finding }
    }

    fn pass() -> Finding {
        Finding::Pass { message: "well".into() }
    }

    /// What is told of these, one after another, where `a`, `b` and `c` stand together, and `d` and `e`.
    fn told(events: &[(Event, &[&str], &[&str])]) -> Vec<String> {
        let at = Place::preflight_in(None);
        let groups = [("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 1)].map(|(check, group)| (at.child(check), group)).into();
        let mut checks = Checks { titles: vec!["All of them".into(), "Others".into()], groups, ..Checks::default() };
        let page = Page::new(80, Style { colour: false, unicode: true });
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let mut all = Vec::new();
        for (event, before, own) in events {
            checks.count(event);
            let told =
                checks.fold(&page, event, ToldParts { before: lines(before), heading: Vec::new(), lines: lines(own) }, "v tells each");
            all.extend([told.before, told.heading, told.lines].concat());
        }
        all.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    fn one(check: &str) -> (Event, &'static [&'static str], &'static [&'static str]) {
        (checked(check, pass()), &[], &["a line"])
    }

    fn warned(check: &str) -> (Event, &'static [&'static str], &'static [&'static str]) {
        (checked(check, Finding::Warn { message: "hm".into(), hint: None }), &[], &["! hm"])
    }

    #[test]
    fn what_passes_in_groups_is_one_line() {
        let planned = || (Event::Planned { steps: 1, read: 1, change: 0, destroy: 0 }, &[][..], &["plan"][..]);
        assert_eq!(told(&[one("a"), one("b"), one("c"), planned()]), ["✓ All of them 3 checks passed", "plan"]);
        assert_eq!(
            told(&[one("a"), one("x"), one("b"), one("d"), one("e"), planned()]),
            ["a line", "✓ 4 checks passed: All of them; Others v tells each", "plan"],
            "who stands in no group is told"
        );
        assert_eq!(told(&[one("x"), one("a"), planned()]), ["a line", "a line", "plan"], "one alone is told as it is");
        let answers = (checked("c", pass()), &["answers of b"][..], &[][..]);
        let end = (planned().0, &["answers of c"][..], &[][..]);
        assert_eq!(told(&[one("a"), one("b"), answers, end]), ["✓ All of them 3 checks passed"], "what was kept of an item is its, too");
        let after = (checked("x", pass()), &["answers of c"][..], &["a line"][..]);
        assert_eq!(told(&[one("b"), one("c"), after, planned()]), ["a line", "✓ All of them 2 checks passed", "plan"]);
        let of_another = (checked("y", pass()), &["answers of x"][..], &["a line"][..]);
        assert_eq!(told(&[one("a"), one("b"), one("x"), of_another]), ["a line", "answers of x", "a line"]);
    }

    #[test]
    fn what_does_not_pass_is_told_at_once() {
        let planned = || (Event::Planned { steps: 1, read: 1, change: 0, destroy: 0 }, &[][..], &[][..]);
        assert_eq!(told(&[one("a"), warned("b"), one("c"), planned()]), ["! hm", "✓ 2 checks passed v tells each"]);
        assert_eq!(
            told(&[one("a"), warned("b"), one("d"), one("e"), planned()]),
            ["! hm", "✓ 3 checks passed: Others v tells each"],
            "a title stands for all that is under it"
        );
    }

    #[test]
    fn what_was_told_at_a_question_is_not_told_again() {
        let page = Page::new(80, Style { colour: false, unicode: true });
        let mut checks = Checks { titles: vec!["T".into()], ..Checks::default() };
        checks.groups = ["a", "b"].map(|check| (Place::preflight_in(None).child(check), 0)).into();
        let fold = |checks: &mut Checks, event: &Event| {
            checks.count(event);
            let told = checks.fold(&page, event, ToldParts { before: Vec::new(), heading: Vec::new(), lines: vec!["its line".into()] }, "");
            [told.before, told.lines].concat()
        };
        assert!(["a", "b"].iter().all(|check| fold(&mut checks, &checked(check, pass())).is_empty()));
        assert_eq!(checks.so_far(&page, ""), block::checked(&page, Mark::Passed, "T", "2 checks passed", None));
        let planned = Event::Planned { steps: 1, read: 1, change: 0, destroy: 0 };
        assert_eq!(fold(&mut checks, &planned), ["its line"]);
        // What a runbook that is called checks is told with its step.
        assert_eq!(fold(&mut checks, &checked("a", pass())), ["its line"]);
    }
}
