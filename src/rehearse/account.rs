//! What a run came to, from its events.

use std::collections::BTreeMap;

use crate::event::{Event, Finding, Outcome, Place, StepOutcome};

/// What an expectation may speak of: how a run ended and where, what was found before, what is owed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    pub outcome: Option<Outcome>,
    pub why: String,
    /// The innermost place that made it end; `None` if it ended well or nothing in particular did.
    pub at: Option<Place>,
    pub findings: BTreeMap<Place, Finding>,
    pub owed: Vec<Place>,
}

impl Account {
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut account = Self::default();
        for event in events {
            account.add(event);
        }
        account
    }

    /// Takes one more event in.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Checked { place, finding, .. } => {
                if matches!(finding, Finding::Block { .. } | Finding::Unknown { .. }) && self.at.is_none() {
                    self.at = Some(place.clone());
                }
                self.findings.insert(place.clone(), finding.clone());
            }
            Event::HoldFailed { before, .. } => self.at = Some(before.clone()),
            Event::HoldOverridden { before, .. } if self.at.as_ref() == Some(before) => self.at = None,
            Event::Overridden { place, .. } if self.at.as_ref() == Some(place) => self.at = None,
            // Refusing to override says nothing new about where it ended.
            Event::Declined { place, .. } if !place.as_ref().is_some_and(|place| self.findings.contains_key(place)) => {
                self.at.clone_from(place);
            }
            Event::StepSettled { place, outcome: StepOutcome::Done } if self.at.as_ref() == Some(place) => self.at = None,
            // What is around a failed step fails with it: the step itself is where it ended.
            Event::StepSettled { place, outcome: StepOutcome::Failed { .. } | StepOutcome::InDoubt { .. } }
                if !self.at.as_ref().is_some_and(|at| at.is_within(place)) =>
            {
                self.at = Some(place.clone());
            }
            Event::RunClosed { outcome, why, owed } => {
                self.outcome = Some(*outcome);
                self.why.clone_from(why);
                self.owed.clone_from(owed);
                if *outcome == Outcome::Completed {
                    self.at = None;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(place: &Place) -> Event {
        Event::StepSettled { place: place.clone(), outcome: StepOutcome::Failed { why: "x".into() } }
    }

    fn closed(outcome: Outcome) -> Event {
        Event::RunClosed { outcome, why: "x".into(), owed: vec![Place::top("set_noout")] }
    }

    #[test]
    fn it_ended_at_the_innermost_place() {
        let each = Place::top("restart");
        let inner = each.item("osd", "3").child("wait_up");
        let earlier = Place::top("note");
        let account = Account::of(&[failed(&earlier), failed(&inner), failed(&each), closed(Outcome::Stopped)]);
        assert_eq!(account.at, Some(inner));
        assert_eq!((account.outcome, account.owed.len()), (Some(Outcome::Stopped), 1));
        assert_eq!(Account::of(&[failed(&earlier), closed(Outcome::Completed)]).at, None);
    }

    #[test]
    fn a_blocking_probe_is_a_place_too_unless_it_is_overridden() {
        let probe = Place::top("conntrack");
        let checked = Event::Checked {
            place: probe.clone(),
            title: "t".into(),
            finding: Finding::Block { message: "m".into(), hint: None, lacks: None },
        };
        assert_eq!(Account::of(&[checked.clone(), closed(Outcome::Blocked)]).at, Some(probe.clone()));
        let overridden = Event::Overridden {
            place: probe,
            title: "t".into(),
            reason: "r".into(),
            by: crate::event::Answerer::Scenario,
            unjudged: Vec::new(),
        };
        assert_eq!(Account::of(&[checked, overridden, closed(Outcome::Stopped)]).at, None);
    }
}
