//! Compares how a rehearsal ended with how it should have.

use std::fmt;

use crate::{
    event::{Finding, Place},
    expression,
    quantity::show_duration,
    runbook::name::PLAN,
};

use super::{
    account::Account,
    answers::AskedQuestion,
    document::{At, FindingName},
    injection::Calls,
    line::Spot,
    rule::ExpectedCommand,
    scenario::Scenario,
    simulator::Simulator,
    stage::{AnsweredCall, Violation},
};

/// What a scenario expects something of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExpectedFact {
    Outcome,
    Exit,
    At,
    /// By its index, as the next two.
    Ran(usize),
    NeverRan(usize),
    Asked(usize),
    /// A variable.
    World(String),
    /// By its index.
    Never(usize),
    Owed,
    /// Of a probe.
    Findings(String),
    /// That an injected fault strikes.
    Fault(String),
}

impl fmt::Display for ExpectedFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome => f.write_str("outcome"),
            Self::Exit => f.write_str("exit"),
            Self::At => f.write_str("at"),
            Self::Ran(index) => write!(f, "ran[{index}]"),
            Self::NeverRan(index) => write!(f, "never_ran[{index}]"),
            Self::Asked(index) => write!(f, "asked[{index}]"),
            Self::World(path) => write!(f, "world.{path}"),
            Self::Never(index) => write!(f, "never[{index}]"),
            Self::Owed => f.write_str("owed"),
            Self::Findings(probe) => write!(f, "findings.{probe}"),
            Self::Fault(injection) => write!(f, "fault {injection}"),
        }
    }
}

/// One expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub(crate) about: ExpectedFact,
    pub wanted: String,
    pub found: String,
    /// Where the scenario says so.
    pub spot: Option<Spot>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  expected  {}\n  found     {}", self.about, self.wanted, self.found)
    }
}

/// What a rehearsal has shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub account: &'a Account,
    /// The exit code, where there is one.
    pub exit: Option<u8>,
    pub asked: &'a [AskedQuestion],
    pub simulator: &'a Simulator,
}

struct Comparison<'a> {
    scenario: &'a Scenario,
    mismatches: Vec<Mismatch>,
}

impl Comparison<'_> {
    fn differs(&mut self, about: ExpectedFact, wanted: impl Into<String>, found: impl Into<String>) {
        let spot = self.scenario.lines.get(&format!("expect.{about}"));
        self.mismatches.push(Mismatch { about, wanted: wanted.into(), found: found.into(), spot });
    }
}

/// Every expectation of the scenario that was not met, and every fault in it that never struck.
#[must_use]
pub(crate) fn compare(scenario: &Scenario, shown: Evidence<'_>) -> Vec<Mismatch> {
    let mut comparison = Comparison { scenario, mismatches: Vec::new() };
    let expect = &scenario.expect;
    let account = shown.account;

    if let Some(wanted) = expect.outcome
        && account.outcome != Some(wanted)
    {
        let found = account.outcome.map_or("the run did not end".to_owned(), |found| format!("{} ({})", found.name(), account.why));
        comparison.differs(ExpectedFact::Outcome, wanted.name(), found);
    }
    if let Some(wanted) = expect.exit
        && shown.exit != Some(wanted)
    {
        comparison.differs(ExpectedFact::Exit, wanted.to_string(), shown.exit.map_or("no exit code".to_owned(), |code| code.to_string()));
    }
    let at = account.at.as_ref().map(Place::as_str);
    if let Some(wanted) = &expect.at
        && at != Some(wanted)
    {
        comparison.differs(ExpectedFact::At, wanted, at.unwrap_or("no place in particular"));
    }
    shown.simulator.look_at_calls(|calls| {
        ran(&mut comparison, &expect.ran, calls);
        never_ran(&mut comparison, &expect.never_ran, calls);
    });

    for (index, wanted) in expect.asked.iter().enumerate() {
        let names = |asked: &AskedQuestion| match &asked.place {
            None => wanted == PLAN,
            Some(place) => place.is_named(wanted),
        };
        if !shown.asked.iter().any(names) {
            let all: Vec<&str> = shown.asked.iter().map(|asked| asked.place.as_ref().map_or(PLAN, Place::as_str)).collect();
            let found = if all.is_empty() { "nothing was asked".to_owned() } else { format!("asked: {}", all.join(", ")) };
            comparison.differs(ExpectedFact::Asked(index), format!("`{wanted}` is asked"), found);
        }
    }
    for (path, wanted) in &expect.world {
        let found = shown.simulator.world(path);
        if found.as_ref() != Some(&expression::from_json(wanted)) {
            let found = found.map_or("there is no such thing".to_owned(), |found| expression_json(&found));
            comparison.differs(ExpectedFact::World(path.clone()), wanted.to_string(), found);
        }
    }
    for violation in shown.simulator.violations() {
        let (wanted, found) = scenario.told(&violation);
        comparison.differs(ExpectedFact::Never(violation.never), wanted, found);
    }
    // What is owed is told, and is then for the operator to put right.
    if account.owed.is_empty() {
        for violation in shown.simulator.violations_at_the_end() {
            let (wanted, found) = scenario.told(&violation);
            comparison.differs(ExpectedFact::Never(violation.never), wanted, found);
        }
    }
    if let Some(wanted) = &expect.owed {
        let mut found: Vec<&str> = account.owed.iter().map(Place::as_str).collect();
        let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        if found != wanted {
            comparison.differs(ExpectedFact::Owed, list(&wanted), list(&found));
        }
    }
    findings(&mut comparison, account);
    for (injection, calls) in shown.simulator.injections_left() {
        let call = match injection.calls {
            Calls::Nth(nth) => format!("call {nth}"),
            Calls::Every => "every call".to_owned(),
        };
        comparison.mismatches.push(Mismatch {
            about: ExpectedFact::Fault(injection.to_string()),
            wanted: format!("injected at {call} of {}", injection.step),
            found: format!("{} was called {calls} times", injection.step),
            spot: injection.line,
        });
    }
    comparison.mismatches
}

impl Scenario {
    /// What must not have been, and how it was.
    #[must_use]
    pub fn told(&self, violation: &Violation) -> (String, String) {
        let never = self.expect.never.get(violation.never);
        let text = never.map_or("", |never| never.text.as_str());
        if never.is_some_and(|never| never.at == At::End) {
            return (format!("not `{text}` at the end"), "true".to_owned());
        }
        let place = violation.place.as_ref().map_or("nothing in particular".to_owned(), ToString::to_string);
        (format!("never `{text}`"), format!("true after {}, during {place}", show_duration(violation.at)))
    }
}

/// Whether commands ran in the order in which they are listed.
fn ran(comparison: &mut Comparison<'_>, wanted: &[ExpectedCommand], calls: &[AnsweredCall]) {
    let mut from = 0;
    let mut before: Option<&str> = None;
    for (index, wanted) in wanted.iter().enumerate() {
        let about = ExpectedFact::Ran(index);
        let matches = |call: &AnsweredCall| wanted.pattern.matches(&call.words, call.host.as_deref(), call.query.as_deref()).is_some();
        let all = calls.iter().filter(|call| matches(call)).count();
        if let Some(times) = wanted.times
            && times != all
        {
            comparison.differs(about, format!("`{}` runs {times} times", wanted.text), format!("ran {all} times"));
            continue;
        }
        if wanted.times == Some(0) {
            continue;
        }
        match calls[from..].iter().position(matches) {
            Some(at) => {
                from += at + 1;
                before = Some(&wanted.text);
            }
            None if all == 0 => comparison.differs(about, format!("`{}` runs", wanted.text), "never ran"),
            None => {
                comparison.differs(about, format!("`{}` runs after `{}`", wanted.text, before.unwrap_or_default()), "ran only before that");
            }
        }
    }
}

fn never_ran(comparison: &mut Comparison<'_>, unwanted: &[ExpectedCommand], calls: &[AnsweredCall]) {
    for (index, unwanted) in unwanted.iter().enumerate() {
        let call = calls.iter().find(|call| unwanted.pattern.matches(&call.words, call.host.as_deref(), call.query.as_deref()).is_some());
        if let Some(call) = call {
            let found = format!("ran after {}, at {}", show_duration(call.at), call.place);
            comparison.differs(ExpectedFact::NeverRan(index), format!("`{}` never runs", unwanted.text), found);
        }
    }
}

/// A probe that was asked for several items must have found the same for at least one, and `pass` for all.
fn findings(comparison: &mut Comparison<'_>, account: &Account) {
    for (probe, wanted) in &comparison.scenario.expect.findings {
        let found: Vec<FindingName> = account
            .findings
            .iter()
            .filter(|(place, _)| place.is_named(probe))
            .map(|(_, finding)| match finding {
                Finding::Pass { .. } => FindingName::Pass,
                Finding::Warn { .. } => FindingName::Warn,
                Finding::Block { .. } => FindingName::Block,
                Finding::Unknown { .. } => FindingName::Unknown,
                Finding::NotJudged { .. } => FindingName::NotJudged,
            })
            .collect();
        let met = match wanted {
            FindingName::Pass => !found.is_empty() && found.iter().all(|found| found == wanted),
            _ => found.contains(wanted),
        };
        if !met {
            let names: Vec<&str> = found.iter().map(|found| finding(*found)).collect();
            let found = if names.is_empty() { "not asked".to_owned() } else { names.join(", ") };
            comparison.differs(ExpectedFact::Findings(probe.clone()), finding(*wanted), found);
        }
    }
}

fn list(places: &[&str]) -> String {
    if places.is_empty() { "nothing".to_owned() } else { places.join(", ") }
}

fn finding(name: FindingName) -> &'static str {
    match name {
        FindingName::Pass => "pass",
        FindingName::Warn => "warn",
        FindingName::Block => "block",
        FindingName::Unknown => "unknown",
        FindingName::NotJudged => "not_judged",
    }
}

fn expression_json(value: &minijinja::Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{
        account::Account,
        bench::{rehearsal, run},
        rehearsal::Rehearsal,
    };
    use crate::event::{Event, Finding, Outcome, Place};

    fn world(expect: &str) -> Rehearsal {
        let rehearsal = rehearsal(&format!(
            "world: {{noout: false, n: 1}}
commands:
  - {{match: [ceph, '{{what:set|unset}}'], set: {{noout: \"{{{{ what == 'set' }}}}\"}}}}
  - {{match: [restart, '{{id:int}}']}}
expect:
{expect}"
        ));
        for command in ["ceph set", "restart 1", "restart 2", "ceph unset"] {
            run(&rehearsal, command);
        }
        rehearsal
    }

    fn account() -> Account {
        let checked = Event::Checked { place: Place::top("quorum"), title: "t".into(), finding: Finding::Pass { message: "m".into() } };
        let closed = Event::RunClosed { outcome: Outcome::Stopped, why: "it broke".into(), owed: vec![Place::top("set")] };
        Account::of(&[checked, closed])
    }

    fn mismatches(expect: &str) -> Vec<String> {
        let judgement = world(expect).judge(&account(), Some(6));
        assert_eq!(judgement.faults, []);
        judgement.mismatches.iter().map(|mismatch| format!("{}: {mismatch}", mismatch.spot.as_ref().map_or(0, |spot| spot.line))).collect()
    }

    #[test]
    fn what_is_as_expected_is_not_mentioned() {
        let none: [&str; 0] = [];
        assert_eq!(
            mismatches(
                "  outcome: stopped
  exit: 6
  ran: [[ceph, set], {match: [restart, '{id}'], times: 2}, [ceph, unset]]
  never_ran: [[restart, 3]]
  world: {noout: false, n: 1.0}
  never: [n > 1]
  owed: [set]
  findings: {quorum: pass}
"
            ),
            none
        );
        assert_eq!(mismatches("  exit: 6\n"), none);
    }

    #[test]
    fn every_difference_is_told_with_its_line() {
        let told = mismatches(
            "  outcome: completed
  exit: 0
  at: restart
  ran: [[ceph, unset], [restart, 1], [restart, 9], {match: [restart, '{id}'], times: 3}]
  never_ran: [[restart, '{id:int}']]
  asked: [sure]
  world: {noout: true}
  never: [noout]
  owed: []
  findings: {quorum: block, gone: pass}
",
        );
        assert_eq!(
            told,
            [
                "9: outcome\n  expected  completed\n  found     stopped (it broke)",
                "10: exit\n  expected  0\n  found     6",
                "11: at\n  expected  restart\n  found     no place in particular",
                "12: ran[1]\n  expected  `restart 1` runs after `ceph unset`\n  found     ran only before that",
                "12: ran[2]\n  expected  `restart 9` runs\n  found     never ran",
                "12: ran[3]\n  expected  `restart {id}` runs 3 times\n  found     ran 2 times",
                "13: never_ran[0]\n  expected  `restart {id:int}` never runs\n  found     ran after 0ms, at each[i=1].step",
                "14: asked[0]\n  expected  `sure` is asked\n  found     nothing was asked",
                "15: world.noout\n  expected  true\n  found     false",
                "16: never[0]\n  expected  never `noout`\n  found     true after 0ms, during each[i=1].step",
                "17: owed\n  expected  nothing\n  found     set",
                "18: findings.quorum\n  expected  block\n  found     pass",
                "18: findings.gone\n  expected  pass\n  found     not asked",
            ]
        );
    }

    #[test]
    fn a_fault_that_never_struck_is_a_difference() {
        let rehearsal = rehearsal("faults:\n  - {step: gone, do: hang}\n");
        let judgement = rehearsal.judge(&account(), None);
        assert!(!judgement.passed());
        assert_eq!(
            judgement.mismatches[0].to_string(),
            "fault gone=hang\n  expected  injected at call 1 of gone\n  found     gone was called 0 times"
        );
    }
}
