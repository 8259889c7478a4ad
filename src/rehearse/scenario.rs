//! A scenario without faults.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::runbook::name::{Name, RunbookName};

use super::{
    document::{AnswerDocument, EventDocument, ExpectDocument, InjectionDocument, SaidDocument, ScenarioDocument},
    fault::{ScenarioError, ScenarioFault},
    fixture::Fixtures,
    injection::Injection,
    installed::InstalledPrograms,
    line::LineMap,
    reader::ScenarioReader,
    rule::{Expectation, Happening, Printout, Rule},
    world::BUILTINS,
    written::ScenarioText,
};

/// Every rehearsal begins at the same moment unless it says otherwise.
const BEGINNING: &str = "2026-11-01T03:00:00Z";

/// What the operator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    YesNo(bool),
    Text(String),
}

/// A simulated world with its rules, and how a rehearsal in it must end.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// As it was given: its path, or its name if it is bundled.
    pub name: String,
    pub runbook: RunbookName,
    pub title: String,
    pub params: IndexMap<String, Value>,
    pub now: jiff::Timestamp,
    pub user: String,
    pub programs: InstalledPrograms,
    pub world: IndexMap<String, Value>,
    /// Shared by the scenarios that extend one another.
    pub rules: Vec<Arc<Rule>>,
    pub happenings: Vec<Happening>,
    pub injections: Vec<Injection>,
    /// By step id, place or `plan`: one answer for every time, or one for each.
    pub answers: IndexMap<String, ScriptedAnswers>,
    pub overrides: IndexMap<String, String>,
    pub expect: Expectation,
    pub lines: Arc<LineMap>,
}

/// The answers to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptedAnswers {
    Always(Said),
    Each(Vec<Said>),
}

impl Scenario {
    /// Reads a scenario that stands alone. `name` is its path or name, for messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        Self::parse_beside(name, text, &|path: &str| Err(format!("nothing is beside it, and no {path}")))
    }

    /// Reads a scenario with what it extends and the fixtures that its rules print, which stand beside it.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its file and line.
    pub fn read(name: &str, text: &str, beside: &dyn Fixtures) -> Result<Self, ScenarioError> {
        Self::parse_beside(name, text, beside)?.load(beside)
    }

    fn parse_beside(name: &str, text: &str, beside: &dyn Fixtures) -> Result<Self, ScenarioError> {
        let ScenarioText { mut document, lines, faults } = ScenarioText::read(name, text, beside)?;
        let refuse = |faults| ScenarioError { name: name.to_owned(), faults };
        let mut reader = ScenarioReader { name, lines: Arc::new(lines), faults };
        let rules = reader.commands(&mut document);
        let events: Vec<Option<EventDocument>> = reader.list(&mut document, "events");
        let injections: Vec<Option<InjectionDocument>> = reader.list(&mut document, "faults");
        let expect: ExpectDocument = match document.get_mut("expect").map(Value::take) {
            None | Some(Value::Null) => ExpectDocument::default(),
            Some(expect) => reader.read("expect", expect).unwrap_or_default(),
        };
        if let Some(map) = document.as_object_mut() {
            map.remove("expect");
        }
        let Some(document): Option<ScenarioDocument> = reader.read("", document) else { return Err(refuse(reader.faults)) };

        if document.halligan_scenario != Some(1) {
            reader.fault("halligan_scenario", "the first line must be `halligan_scenario: 1`");
        }
        let runbook = document
            .runbook
            .as_ref()
            .and_then(|runbook| reader.take("runbook", RunbookName::new(runbook).map_err(|error| error.to_string())));
        if document.runbook.is_none() {
            reader.fault("", "`runbook` is missing: the name of the runbook that is rehearsed");
        }
        if document.title.is_none() {
            reader.fault("", "`title` is missing: what happens in this scenario, as one line");
        }
        let now = reader.take("now", document.now.as_deref().unwrap_or(BEGINNING).parse().map_err(|error: jiff::Error| error.to_string()));
        for name in document.world.keys() {
            let path = format!("world.{name}");
            if BUILTINS.contains(&name.as_str()) {
                reader.fault(&path, format!("{path}: `{name}` means something of its own in rules"));
            } else {
                reader.take(&path, Name::new(name).map_err(|error| error.to_string()));
            }
        }
        let world: Vec<&str> = document.world.keys().map(String::as_str).collect();
        let rules: Vec<Arc<Rule>> =
            rules.into_iter().enumerate().filter_map(|(index, rule)| reader.command(index, rule?, &world)).collect();
        let happenings = events.iter().enumerate().filter_map(|(index, event)| reader.happening(index, event.as_ref()?, &world)).collect();
        let injections =
            injections.into_iter().enumerate().filter_map(|(index, written)| Some(reader.injection(index, written?))).collect();
        let expect = reader.expectation(expect, &world);
        let (Some(runbook), Some(now), true) = (runbook, now, reader.faults.is_empty()) else { return Err(refuse(reader.faults)) };

        let listed = document.commands_present.is_some();
        let here = document.commands_present.unwrap_or_else(|| {
            let mut programs: Vec<String> = rules.iter().flat_map(|rule| rule.pattern.programs()).map(ToOwned::to_owned).collect();
            programs.sort();
            programs.dedup();
            programs
        });
        Ok(Self {
            name: name.to_owned(),
            runbook,
            title: document.title.unwrap_or_default(),
            params: document.params,
            now,
            user: document.user.unwrap_or_else(|| "root".to_owned()),
            programs: InstalledPrograms { here, listed, missing: document.commands_missing.into_iter().collect() },
            world: document.world,
            rules,
            happenings,
            injections,
            answers: document.answers.into_iter().map(|(key, answer)| (key, answers(answer))).collect(),
            overrides: document.overrides,
            expect,
            lines: reader.lines,
        })
    }

    /// Reads the fixtures that its rules print.
    ///
    /// # Errors
    /// Every one that cannot be read.
    pub fn load(mut self, fixtures: &dyn Fixtures) -> Result<Self, ScenarioError> {
        let mut faults = Vec::new();
        for rule in &mut self.rules {
            let Printout::Unread(path) = &rule.stdout else { continue };
            match fixtures.read(path) {
                Ok(bytes) => Arc::make_mut(rule).stdout = Printout::Bytes(bytes.into()),
                Err(what) => faults.push(ScenarioFault::at(&self.name, rule.line.clone(), format!("the fixture cannot be read: {what}"))),
            }
        }
        if faults.is_empty() { Ok(self) } else { Err(ScenarioError { name: self.name, faults }) }
    }
}

fn answers(written: AnswerDocument) -> ScriptedAnswers {
    let said = |said| match said {
        SaidDocument::YesNo(yes) => Said::YesNo(yes),
        SaidDocument::Text(text) => Said::Text(text),
    };
    match written {
        AnswerDocument::YesNo(yes) => ScriptedAnswers::Always(Said::YesNo(yes)),
        AnswerDocument::Text(text) => ScriptedAnswers::Always(Said::Text(text)),
        AnswerDocument::Each(all) => ScriptedAnswers::Each(all.into_iter().map(said).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(below: &str) -> Vec<String> {
        let text = format!("halligan_scenario: 1\nrunbook: x\ntitle: t\n{below}");
        Scenario::parse("s.yaml", &text).unwrap_err().faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let told = faults(
            "world: {noout: false, params: 1}
commands:
  - match: [a, '{id:integer}']
  - match: [b]
    stdout: '{{ nout }}'
  - match: [c]
    set:
      noout: true
      nout: false
  - match: [d]
    stduot: x
  - match: [e]
    takes: 5
  - {match: [f], stdout: x, stdout_file: y}
  - {match: [g], stdout_file: ../../etc/passwd}
  - {match: ['{noout}']}
  - {match: [h], code: 256}
events:
  - {set: {noout: true}}
faults:
  - {step: s, do: slow}
  - {step: s, do: explode}
expect:
  never: [nout]
  world: {nout: true}
  ran: [[a, '{{ b }}']]
",
        );
        for (line, said) in [
            (4, "means something of its own"),
            (6, "no kind of word `integer`"),
            (8, "`nout` is no variable of the world and nothing that is captured here\ndid you mean `noout`?"),
            (12, "only what `world` declares can be set\ndid you mean `noout`?"),
            (13, "unknown field `stduot`"),
            (15, "expected a string"),
            (17, "only one of them"),
            (18, "not a path below the scenario's own directory"),
            (19, "a variable of the world too"),
            (20, "256 is no exit code"),
            (22, "it needs `at`"),
            (24, "`do: slow` needs `takes`"),
            (25, "unknown variant `explode`"),
            (27, "did you mean `noout`?"),
            (28, "`nout` is no variable"),
            (29, "a pattern is no template"),
        ] {
            let at = format!("s.yaml:{line}: ");
            assert!(told.iter().any(|fault| fault.starts_with(&at) && fault.contains(said)), "{line} {said}: {told:#?}");
        }
        assert_eq!(told.len(), 16, "{told:#?}");
    }

    #[test]
    fn what_is_no_scenario_says_so() {
        for (text, said) in [
            ("", "s.yaml:1: "),
            ("a: 1\nb: {c: 1, c: 2}\n", "s.yaml:2: duplicate key `c`"),
            ("a: &x 1\nb: *x\n", "s.yaml:2: aliases"),
            ("a: [", "s.yaml:"),
            ("[]", "s.yaml"),
            ("halligan_scenario: 2\nrunbook: x\ntitle: t\n", "halligan_scenario: 1"),
            ("halligan_scenario: 1\n", "`runbook` is missing"),
            ("halligan_scenario: 1\nrunbook: X\ntitle: t\n", "kebab"),
            ("halligan_scenario: 1\nrunbook: x\ntitle: t\nnow: soon\n", "s.yaml:4: now"),
            ("halligan_scenario: 1\nrunbook: x\ntitle: t\nanswers: {a: 3}\n", "true, false, a text"),
        ] {
            let error = Scenario::parse("s.yaml", text).unwrap_err().to_string();
            assert!(error.contains(said) || (said == "kebab" && error.contains("lower-case letters, digits")), "{text:?}: {error}");
        }
    }

    #[test]
    fn fixtures_are_read_once_and_checked() {
        let text = "halligan_scenario: 1\nrunbook: x\ntitle: t\ncommands:\n  - {match: [a], stdout_file: out/a.json}\n";
        let scenario = Scenario::parse("s.yaml", text).unwrap();
        let error = scenario.clone().load(&|path: &str| Err(format!("no {path}"))).unwrap_err();
        assert_eq!(error.to_string(), "s.yaml:5: the fixture cannot be read: no out/a.json");
        assert!(scenario.load(&|_: &str| Ok(b"{}".to_vec())).is_ok());
    }
}
