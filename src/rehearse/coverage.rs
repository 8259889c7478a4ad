//! What of a runbook its rehearsals have exercised, and what none has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    aspect::{Aspect, as_case, gate_id},
    shown::Exercised,
};
use crate::runbook::model::{Kind, Runbook, Step, Undo};

/// A part of the runbook and a way in which it can go: `wait_up fails`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    /// The id of a step or probe.
    pub id: String,
    pub aspect: Aspect,
    /// In the runbook, from 1.
    pub line: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.aspect)
    }
}

/// How much of a runbook was exercised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Every way in which it can go, in the order of the runbook.
    all: Vec<Point>,
    /// What no rehearsal has shown, in the same order.
    pub missing: Vec<Point>,
}

impl Coverage {
    /// Compares what can happen in a runbook with what all its rehearsals have shown.
    #[must_use]
    pub(crate) fn of<'a>(runbook: &Runbook, shown: impl IntoIterator<Item = &'a Exercised>) -> Self {
        let shown: BTreeSet<(&str, Aspect)> = shown.into_iter().flat_map(Exercised::ways).collect();
        let all = points(runbook);
        let missing = all.iter().filter(|point| !shown.contains(&(point.id.as_str(), point.aspect))).cloned().collect();
        Self { all, missing }
    }

    #[must_use]
    pub(crate) fn total(&self) -> usize {
        self.all.len()
    }

    #[must_use]
    pub(crate) fn exercised(&self) -> usize {
        self.all.len() - self.missing.len()
    }

    /// In whole percent, rounded down: 100 is all.
    #[must_use]
    pub(crate) fn percent(&self) -> usize {
        (self.exercised() * 100).checked_div(self.total()).unwrap_or(100)
    }

    /// For each way in which things can go: in words, how often it was exercised, and how often it can be.
    #[must_use]
    pub(crate) fn table(&self) -> Vec<(String, usize, usize)> {
        let mut counts: BTreeMap<Aspect, (usize, usize)> = BTreeMap::new();
        for point in &self.all {
            counts.entry(point.aspect).or_default().1 += 1;
        }
        for (aspect, count) in &mut counts {
            count.0 = count.1 - self.missing.iter().filter(|point| point.aspect == *aspect).count();
        }
        counts.into_iter().map(|(aspect, (exercised, all))| (aspect.to_string(), exercised, all)).collect()
    }
}

/// Every way in which the runbook can go.
fn points(runbook: &Runbook) -> Vec<Point> {
    let mut points = Vec::new();
    let text = runbook.source.text.as_bytes();
    let line = |offset: usize| 1 + memchr::memchr_iter(b'\n', &text[..offset.min(text.len())]).count();
    let mut add = |id: &str, offset: usize, aspects: &[Aspect]| {
        points.extend(aspects.iter().map(|aspect| Point { id: id.to_owned(), aspect: *aspect, line: line(offset) }));
    };
    for probe in &runbook.preflight {
        if let Some(id) = &probe.id {
            add(id.as_str(), probe.span.offset, &[Aspect::ProbePassed, Aspect::ProbeFailed]);
            if probe.when.is_some() {
                add(id.as_str(), probe.span.offset, &[Aspect::WhenFalse]);
            }
        }
    }
    for step in runbook.all_steps() {
        let id = step.id.as_str();
        if let Some(case) = &step.case {
            add(&as_case(id, case), step.span.offset, &[Aspect::Reached]);
        }
        add(id, step.span.offset, &aspects(step));
        for probe in &step.holds {
            if let Some(id) = &probe.id {
                add(id.as_str(), probe.span.offset, &[Aspect::Held, Aspect::NotHeld]);
            }
        }
        if let Kind::ForEach(each) = &step.kind {
            for (index, gate) in each.before_batch.iter().enumerate() {
                add(&gate_id(gate, index), gate.span.offset, &[Aspect::GatePassed, Aspect::GateFailed]);
                if gate.when.is_some() {
                    add(&gate_id(gate, index), gate.span.offset, &[Aspect::WhenFalse]);
                }
            }
        }
    }
    // What several cases of a step have in common is one way in which it can go.
    let mut seen = BTreeSet::new();
    points.retain(|point| seen.insert((point.id.clone(), point.aspect)));
    points
}

fn aspects(step: &Step) -> Vec<Aspect> {
    let mut aspects = vec![Aspect::Reached];
    if step.when.is_some() {
        aspects.push(Aspect::WhenFalse);
    }
    if step.done_if.is_some() {
        aspects.extend([Aspect::AlreadyDone, Aspect::NotYetDone]);
    }
    match &step.kind {
        Kind::Command(_) | Kind::Probe(_) => aspects.push(Aspect::Failed),
        Kind::Wait(wait) => {
            aspects.extend(wait.timeout.as_ref().map(|_| Aspect::TimedOut));
            aspects.extend(wait.fail_if.as_ref().map(|_| Aspect::GivenUp));
        }
        Kind::Confirm(_) | Kind::Manual(_) => aspects.extend([Aspect::Yes, Aspect::No]),
        // Its cases are looked at one by one.
        Kind::ForEach(_) | Kind::Group { .. } | Kind::Call(_) | Kind::Choose(_) => {}
    }
    if matches!(&step.kind, Kind::Command(command) if command.timeout.is_some()) {
        aspects.push(Aspect::TimedOut);
    }
    let manual = matches!(&step.kind, Kind::Manual(manual) if manual.verify.is_some());
    if step.verify.is_some() || manual {
        aspects.extend([Aspect::VerifyPassed, Aspect::VerifyFailed]);
    }
    if matches!(step.undo, Undo::Command(_)) {
        aspects.push(Aspect::Undo);
    }
    if step.cleanup.is_some() {
        aspects.push(Aspect::Cleanup);
    }
    aspects
}

#[cfg(test)]
pub(super) mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        event::{Captured, Effect, Event, Excerpt, Exit, Part, Place, Verdict},
        runbook::{
            model::{Call, Command, Expr, OnFail, Origin, Output, Probe, Program, Requires, SourceText, Span, Template},
            name::{RunbookName, StepId},
        },
    };

    fn step(id: &str, offset: usize, kind: Kind) -> Step {
        Step {
            id: StepId::new(id).unwrap(),
            case: None,
            title: None,
            why: None,
            when: None,
            on_fail: OnFail::Stop,
            kind,
            holds: Vec::new(),
            done_if: None,
            verify: None,
            undo: Undo::Unsaid,
            cleanup: None,
            idempotent: false,
            retry: None,
            progress: None,
            span: Span { offset, len: 1 },
        }
    }

    pub(crate) fn runbook() -> Runbook {
        let command = Command {
            query: None,
            program: Program::Argv(vec![Template { text: "true".into(), span: Span::default() }]),
            effect: Effect::Change,
            on: None,
            env: indexmap::IndexMap::new(),
            stdin: None,
            cwd: None,
            user: None,
            timeout: None,
            output: Output::Text,
            interactive: false,
            reads: crate::runbook::reading::ReadClause { may_write: Vec::new(), may_connect: false, because: None },
            span: Span::default(),
        };
        let mut set = step("set", 2, Kind::Command(command));
        set.when = Some(Expr { text: "true".into(), span: Span::default() });
        set.verify = Some(Probe {
            id: None,
            title: None,
            when: None,
            for_each: None,
            command: None,
            expect: None,
            within: None,
            every: None,
            severity: crate::runbook::model::Severity::Block,
            once: false,
            message: None,
            hint: None,
            span: Span::default(),
        });
        let call = Call {
            runbook: RunbookName::new("other").unwrap(),
            params: indexmap::IndexMap::new(),
            spans: indexmap::IndexMap::new(),
            span: Span::default(),
        };
        let steps = vec![
            step("all", 0, Kind::Group { title: Template { text: "g".into(), span: Span::default() }, steps: vec![set] }),
            step("sub", 4, Kind::Call(call)),
        ];
        let text: Arc<str> = "a\nb\nc\n".into();
        Runbook {
            name: RunbookName::new("x").unwrap(),
            title: String::new(),
            summary: String::new(),
            tags: Vec::new(),
            owner: None,
            reviewed: None,
            references: Vec::new(),
            params: Vec::new(),
            requires: Requires::default(),
            environment: Vec::new(),
            locks: Vec::new(),
            vars: indexmap::IndexMap::new(),
            queries: indexmap::IndexMap::new(),
            identity: None,
            preflight: Vec::new(),
            groups: Vec::new(),
            steps,
            source: SourceText { name: "x.yaml".into(), origin: Origin::Bundled, text, sha256: String::new() },
        }
    }

    fn reached(place: Place) -> Event {
        Event::StepReached { place, title: String::new(), kind: crate::event::StepKind::Run, effect: Effect::Read, case: None }
    }

    fn verified(place: Place, verdict: Verdict) -> Event {
        let nothing = Captured { sha256: String::new(), bytes: 0, cut: None, redactions: 0 };
        Event::StepEnded {
            place,
            part: Part::Verify,
            attempt: 1,
            exit: Exit::Code(0),
            stdout: nothing.clone(),
            stderr: nothing,
            took: Duration::ZERO,
            askings: 1,
            verdict,
            message: String::new(),
            excerpt: Excerpt::default(),
        }
    }

    #[test]
    fn what_no_rehearsal_has_shown_is_named() {
        let set = Place::top("all").child("set");
        let events = [
            reached(Place::top("all")),
            reached(set.clone()),
            verified(set, Verdict::Passed),
            // A step of another runbook says nothing about one of this that has the same name.
            verified(Place::top("sub").child("set"), Verdict::failed(String::new())),
        ];
        let coverage = Coverage::of(&runbook(), [&Exercised::of(&runbook(), &events)]);
        let missing: Vec<String> = coverage.missing.iter().map(|point| format!("{}: {point}", point.line)).collect();
        assert_eq!(
            missing,
            ["2: set is skipped because of its `when`", "2: set fails", "2: set fails its verification", "3: sub is reached"]
        );
        assert_eq!((coverage.total(), coverage.exercised(), coverage.percent()), (7, 3, 42));
    }

    #[test]
    fn nothing_at_all_is_missing_everything() {
        let coverage = Coverage::of(&runbook(), []);
        assert_eq!((coverage.exercised(), coverage.percent()), (0, 0));
        assert_eq!(Coverage::default().percent(), 100);
    }
}
