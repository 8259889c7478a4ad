//! The preflight, told calmly: checks that stand together and pass are one line.

use std::collections::HashMap;

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
    open: Option<OpenGroup>,
}

/// Checks of one group that pass one after another.
#[derive(Debug)]
struct OpenGroup {
    group: usize,
    passed: usize,
    last: Place,
    /// What would be told of each.
    lines: Vec<String>,
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

    /// Keeps what passed in a group back until it is known how its other checks end.
    pub(super) fn fold(&mut self, page: &Page, event: &Event, told: ToldParts) -> ToldParts {
        let ToldParts { mut before, heading, mut lines } = told;
        // What was kept until now are answers that passed: those of the group's last check.
        if let Some(open) = &mut self.open {
            open.lines.append(&mut before);
        }
        let checked = match event {
            Event::Checked { place, finding, .. } => Some((place.without_item(), matches!(finding, Finding::Pass { .. }))),
            _ => None,
        };
        let group = checked.and_then(|(place, _)| self.groups.get(place).copied());
        let goes_on = self.open.as_ref().is_some_and(|open| group == Some(open.group));
        if !goes_on && (checked.is_some() || self.over || !lines.is_empty() || !heading.is_empty()) {
            before.extend(self.close(page));
        }
        if let (Some(group), Some((place, true))) = (group, checked) {
            let open = self.open.get_or_insert_with(|| OpenGroup { group, passed: 0, last: Place::preflight_in(None), lines: Vec::new() });
            open.passed += usize::from(open.last != *place);
            open.last.clone_from(place);
            open.lines.append(&mut lines);
        }
        ToldParts { before, heading, lines }
    }

    /// One line for several; the only one as it is.
    fn close(&mut self, page: &Page) -> Vec<String> {
        let Some(open) = self.open.take() else { return Vec::new() };
        match self.titles.get(open.group) {
            Some(title) if open.passed > 1 => {
                block::checked(page, Mark::Passed, title, &format!("{} passed", words::counted(open.passed, "check", "checks")), None)
            }
            _ => open.lines,
        }
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

    /// What is told of these, one after another, where `a`, `b` and `c` stand together.
    fn told(events: &[(Event, &[&str], &[&str])]) -> Vec<String> {
        let at = Place::preflight_in(None);
        let groups = ["a", "b", "c"].map(|check| (at.child(check), 0)).into();
        let mut checks = Checks { titles: vec!["All of them".into()], groups, ..Checks::default() };
        let page = Page::new(80, Style { colour: false, unicode: true });
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let mut all = Vec::new();
        for (event, before, own) in events {
            checks.count(event);
            let told = checks.fold(&page, event, ToldParts { before: lines(before), heading: Vec::new(), lines: lines(own) });
            all.extend([told.before, told.heading, told.lines].concat());
        }
        all.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn what_passes_in_a_group_is_one_line() {
        let planned = Event::Planned { steps: 1, read: 1, change: 0, destroy: 0 };
        let one = |check: &str| (checked(check, pass()), &[][..], &["a line"][..]);
        assert_eq!(told(&[one("a"), one("b"), one("c"), (planned.clone(), &[], &["plan"])]), ["✓ All of them 3 checks passed", "plan"]);
        assert_eq!(told(&[one("x"), one("a"), one("y")]), ["a line", "a line", "a line"], "one alone is told as it is");
        let answers = (checked("c", pass()), &["answers of b"][..], &[][..]);
        let end = (planned.clone(), &["answers of c"][..], &[][..]);
        assert_eq!(told(&[one("a"), one("b"), answers, end]), ["✓ All of them 3 checks passed"], "what was kept of an item is its, too");
    }

    #[test]
    fn what_does_not_pass_is_told_at_once() {
        let warned = (checked("b", Finding::Warn { message: "hm".into(), hint: None }), &[][..], &["! hm"][..]);
        let planned = (Event::Planned { steps: 1, read: 1, change: 0, destroy: 0 }, &[][..], &[][..]);
        let one = |check: &str| (checked(check, pass()), &[][..], &["a line"][..]);
        assert_eq!(told(&[one("a"), warned, one("c"), planned]), ["! hm", "✓ All of them 2 checks passed"]);
    }
}
