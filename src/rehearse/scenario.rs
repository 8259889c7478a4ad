//! A scenario without faults.

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    event::Part,
    quantity,
    runbook::{
        document::parse,
        name::{Name, RunbookName},
        source,
    },
};

use super::{
    document::{
        AnswerDocument, CodeDocument, EventDocument, ExpectDocument, InjectionDocument, Mishap, PartName, RanDocument, RuleDocument,
        SaidDocument, ScenarioDocument, Word,
    },
    fault::{Fault, ScenarioError},
    fixture::{self, Fixtures},
    line::Lines,
    matcher::{Pattern, WrittenPattern},
    rule::{Assignment, Code, Expectation, Happening, Injection, Known, Never, Printout, Ran, Rule},
    world::BUILTINS,
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
    /// Programs that are installed.
    pub programs: Vec<String>,
    /// The scenario lists them itself: no others can be started.
    pub programs_listed: bool,
    pub world: IndexMap<String, Value>,
    pub rules: Vec<Rule>,
    pub happenings: Vec<Happening>,
    pub injections: Vec<Injection>,
    /// By step id, place or `plan`: one answer for every time, or one for each.
    pub answers: IndexMap<String, Answers>,
    pub overrides: IndexMap<String, String>,
    pub expect: Expectation,
    pub lines: Arc<Lines>,
}

/// The answers to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    Always(Said),
    Each(Vec<Said>),
}

/// Collects faults with their places.
struct Reader<'a> {
    name: &'a str,
    lines: Arc<Lines>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, path: &str, what: impl Into<String>) {
        let line = self.lines.get(path);
        self.faults.push(Fault { file: self.name.to_owned(), line, what: what.into(), hint: None });
    }

    /// The value of a result, whose fault is noted with where it stands.
    fn take<T>(&mut self, path: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|what| self.fault(path, format!("{path}: {what}"))).ok()
    }

    fn read<T: DeserializeOwned>(&mut self, path: &str, value: Value) -> Option<T> {
        let result = serde_json::from_value(value).map_err(|error| error.to_string());
        if path.is_empty() { result.map_err(|what| self.fault(path, what)).ok() } else { self.take(path, result) }
    }

    /// Takes a list out of the document and reads each member for itself, so that one fault does not hide the next.
    fn list<T: DeserializeOwned>(&mut self, document: &mut Value, key: &str) -> Vec<Option<T>> {
        let Some(Value::Array(members)) = document.get_mut(key) else { return Vec::new() };
        let members = std::mem::take(members);
        members.into_iter().enumerate().map(|(index, member)| self.read(&format!("{key}[{index}]"), member)).collect()
    }

    fn duration(&mut self, path: &str, text: &str) -> Duration {
        self.take(path, quantity::duration(text).map_err(|error| error.to_string())).unwrap_or_default()
    }

    fn assignments(&mut self, path: &str, set: &IndexMap<String, Value>, known: Known<'_>) -> Vec<Assignment> {
        let read = set.iter().filter_map(|(target, value)| {
            let path = format!("{path}.set.{target}");
            let line = self.lines.get(&path);
            self.take(&path, known.assignment(target, value, line))
        });
        read.collect()
    }

    fn rule(&mut self, index: usize, written: &RuleDocument, world: &[&str]) -> Option<Rule> {
        let path = format!("commands[{index}]");
        let pattern = self.take(
            &path,
            Pattern::new(WrittenPattern {
                words: written.words.as_deref(),
                script: written.script.as_deref(),
                flags: &written.flags,
                may_have: &written.may_have,
                on: written.on.as_deref(),
            }),
        )?;
        let captures = pattern.names();
        if let Some(name) = captures.iter().find(|name| world.contains(&name.as_str())) {
            self.fault(&path, format!("{path}: `{name}` is captured here and is a variable of the world too: give one another name"));
        }
        let known = Known { world, captures: &captures, command: true };
        let when = written.when.as_ref().and_then(|text| self.take(&format!("{path}.when"), known.expression(text)));
        let takes = written.takes.as_ref().map(|text| self.duration(&format!("{path}.takes"), text)).unwrap_or_default();
        let stdout = match (&written.stdout, &written.json, &written.stdout_file) {
            (None, None, None) => Printout::Nothing,
            (Some(text), None, None) => Printout::Template(self.take(&format!("{path}.stdout"), known.template(text))?),
            (None, Some(value), None) => Printout::Json(self.take(&format!("{path}.json"), known.formula(value))?),
            (None, None, Some(file)) => {
                self.take(&format!("{path}.stdout_file"), fixture::check(file))?;
                Printout::Unread(file.clone())
            }
            _ => {
                self.fault(&path, format!("{path}: a command prints `stdout`, `json` or `stdout_file`, only one of them"));
                return None;
            }
        };
        let stderr = written.stderr.as_ref().and_then(|text| self.take(&format!("{path}.stderr"), known.template(text)));
        let code_path = format!("{path}.code");
        let code = match &written.code {
            None => Code::Fixed(0),
            Some(CodeDocument::Number(number)) => Code::Fixed(self.take(&code_path, exit_code(*number))?),
            Some(CodeDocument::Template(text)) => Code::Template(self.take(&code_path, known.template(text))?),
        };
        let after = written.after.iter().map(|(delay, later)| {
            let path = format!("{path}.after.{delay}");
            (self.duration(&path, delay), Arc::from(self.assignments(&path, &later.set, known)))
        });
        let after = after.collect();
        let set = self.assignments(&path, &written.set, known);
        Some(Rule { pattern, when, takes, set, stdout, stderr, code, hang: written.hang, after, line: self.lines.get(&path) })
    }

    fn happening(&mut self, index: usize, written: &EventDocument, world: &[&str]) -> Option<Happening> {
        let path = format!("events[{index}]");
        let known = Known { world, captures: &[], command: false };
        let every = written.every.as_ref().map(|text| self.duration(&format!("{path}.every"), text));
        if every == Some(Duration::ZERO) {
            self.fault(&path, format!("{path}: `every` is longer than no time at all"));
            return None;
        }
        let at = written.at.as_ref().map(|text| self.duration(&format!("{path}.at"), text)).or(every);
        if at.is_none() && written.when.is_none() {
            self.fault(&path, format!("{path}: it needs `at` (a time from the beginning), `every` or `when` (an expression)"));
            return None;
        }
        let when = match &written.when {
            Some(text) => Some(self.take(&format!("{path}.when"), known.expression(text))?),
            None => None,
        };
        let set = self.assignments(&path, &written.set, known);
        Some(Happening { at, every, when, set, line: self.lines.get(&path) })
    }

    fn injection(&mut self, index: usize, written: InjectionDocument) -> Injection {
        let path = format!("faults[{index}]");
        if written.call == Some(0) {
            self.fault(&path, format!("{path}: calls are counted from 1"));
        }
        if written.mishap != Mishap::Fail && (written.code.is_some() || written.stderr.is_some()) {
            self.fault(&path, format!("{path}: `code` and `stderr` belong to `do: fail`"));
        }
        if written.code == Some(0) {
            self.fault(&path, format!("{path}: a command that fails does not exit with 0"));
        }
        if (written.mishap == Mishap::Slow) != written.takes.is_some() {
            self.fault(&path, format!("{path}: `do: slow` needs `takes`, how much longer, and nothing else has it"));
        }
        Injection {
            part: part(written.part),
            call: written.call.unwrap_or(1),
            mishap: written.mishap,
            code: i32::from(written.code.unwrap_or(1)),
            stderr: written.stderr.unwrap_or_else(|| "it failed, as the scenario says\n".to_owned()),
            takes: written.takes.as_ref().map(|text| self.duration(&format!("{path}.takes"), text)).unwrap_or_default(),
            step: written.step,
            line: self.lines.get(&path),
        }
    }

    fn ran(&mut self, key: &str, written: &[RanDocument]) -> Vec<Ran> {
        let mut all = Vec::new();
        for (index, written) in written.iter().enumerate() {
            let path = format!("expect.{key}[{index}]");
            let (pattern, times) = match written {
                RanDocument::Words(words) => (WrittenPattern { words: Some(words), ..WrittenPattern::default() }, None),
                RanDocument::Whole(whole) => (
                    WrittenPattern {
                        words: whole.words.as_deref(),
                        script: whole.script.as_deref(),
                        flags: &whole.flags,
                        may_have: &whole.may_have,
                        on: whole.on.as_deref(),
                    },
                    whole.times,
                ),
            };
            let words = pattern.words.map(|words| words.iter().map(word_text).collect::<Vec<_>>().join(" "));
            let mut text = words.or_else(|| pattern.script.map(ToOwned::to_owned)).unwrap_or_default();
            if let Some(on) = pattern.on {
                text = format!("{text} on {on}");
            }
            let line = self.lines.get(&path);
            all.extend(self.take(&path, Pattern::new(pattern)).map(|pattern| Ran { pattern, times, text, line }));
        }
        all
    }

    fn expectation(&mut self, written: ExpectDocument, world: &[&str]) -> Expectation {
        let known = Known { world, captures: &[], command: false };
        let mut never = Vec::new();
        for (index, text) in written.never.into_iter().enumerate() {
            let path = format!("expect.never[{index}]");
            let line = self.lines.get(&path);
            never.extend(self.take(&path, known.expression(&text)).map(|expression| Never { expression, text, line }));
        }
        for name in written.world.keys() {
            if !world.contains(&name.split('.').next().unwrap_or(name)) {
                self.fault(&format!("expect.world.{name}"), format!("expect.world: `{name}` is no variable of the world"));
            }
        }
        Expectation {
            outcome: written.outcome.map(Into::into),
            exit: written.exit,
            at: written.at,
            ran: self.ran("ran", &written.ran),
            never_ran: self.ran("never_ran", &written.never_ran),
            asked: written.asked,
            world: written.world.into_iter().collect(),
            never,
            owed: written.owed,
            findings: written.findings.into_iter().collect(),
        }
    }
}

impl Scenario {
    /// Reads a scenario. `name` is its path or name, for messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let refuse = |faults| ScenarioError { name: name.to_owned(), faults };
        let parsed = source::read(text);
        let lines = Arc::new(Lines::of(text, parsed.root.as_ref()));
        let mut form = parsed.faults;
        let mut document = Value::Null;
        if parsed.usable {
            document = parse(text).map_err(|error| {
                let line = error.location().map(|at| at.line());
                refuse(vec![Fault { file: name.to_owned(), line, what: error.to_string(), hint: None }])
            })?;
            if let Some(root) = &parsed.root {
                root.disagreements(&document, &mut form);
            }
        }
        let form = form.into_iter().map(|fault| {
            let line = Some(lines.at(fault.span.offset));
            Fault { file: name.to_owned(), line, what: fault.message, hint: None }
        });
        let mut reader = Reader { name, lines: Arc::clone(&lines), faults: form.collect() };
        if !parsed.usable {
            return Err(refuse(reader.faults));
        }
        let rules: Vec<Option<RuleDocument>> = reader.list(&mut document, "commands");
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
        let rules: Vec<Rule> = rules.iter().enumerate().filter_map(|(index, rule)| reader.rule(index, rule.as_ref()?, &world)).collect();
        let happenings = events.iter().enumerate().filter_map(|(index, event)| reader.happening(index, event.as_ref()?, &world)).collect();
        let injections =
            injections.into_iter().enumerate().filter_map(|(index, written)| Some(reader.injection(index, written?))).collect();
        let expect = reader.expectation(expect, &world);
        let (Some(runbook), Some(now), true) = (runbook, now, reader.faults.is_empty()) else { return Err(refuse(reader.faults)) };

        let programs_listed = document.commands_present.is_some();
        let programs = document.commands_present.unwrap_or_else(|| {
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
            programs,
            programs_listed,
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
                Ok(bytes) => rule.stdout = Printout::Bytes(bytes.into()),
                Err(what) => faults.push(Fault {
                    file: self.name.clone(),
                    line: rule.line,
                    what: format!("the fixture cannot be read: {what}"),
                    hint: None,
                }),
            }
        }
        if faults.is_empty() { Ok(self) } else { Err(ScenarioError { name: self.name, faults }) }
    }
}

fn word_text(word: &Word) -> String {
    match word {
        Word::Int(number) => number.to_string(),
        Word::Text(text) => text.clone(),
    }
}

/// # Errors
/// It is not one that a process can end with.
pub(super) fn exit_code(number: i64) -> Result<i32, String> {
    u8::try_from(number).map(i32::from).map_err(|_| format!("{number} is no exit code: they go from 0 to 255"))
}

fn part(name: PartName) -> Part {
    match name {
        PartName::Main => Part::Main,
        PartName::DoneIf => Part::DoneIf,
        PartName::Verify => Part::Verify,
        PartName::Gate => Part::Gate,
        PartName::Show => Part::Show,
        PartName::Undo => Part::Undo,
        PartName::Cleanup => Part::Cleanup,
    }
}

fn answers(written: AnswerDocument) -> Answers {
    let said = |said| match said {
        SaidDocument::YesNo(yes) => Said::YesNo(yes),
        SaidDocument::Text(text) => Said::Text(text),
    };
    match written {
        AnswerDocument::YesNo(yes) => Answers::Always(Said::YesNo(yes)),
        AnswerDocument::Text(text) => Answers::Always(Said::Text(text)),
        AnswerDocument::Each(all) => Answers::Each(all.into_iter().map(said).collect()),
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
            (8, "`nout` is no variable of the world and nothing that is captured here; did you mean `noout`?"),
            (12, "only what `world` declares can be set; did you mean `noout`?"),
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
            ("a: 1\nb: {c: 1, c: 2}\n", "s.yaml:2: the key `c` is here twice"),
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
