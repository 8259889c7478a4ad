//! From a scenario's shapes to its checked rules, collecting every fault with its place.

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{expression::cache::Cache, quantity};

use super::{
    document::{
        At, CallDocument, CodeDocument, EventDocument, EveryName, ExpectDocument, InjectionDocument, Mishap, NeverDocument, RanDocument,
        RuleDocument, Word,
    },
    fault::{Mistake, ScenarioFault},
    fixture,
    injection::{Calls, FAILED, Injection},
    line::LineMap,
    matcher::{Pattern, WrittenPattern},
    rule::{Assignment, Code, Expectation, ExpectedCommand, Happening, Never, Printout, Rule, UsableNames},
};

/// The rules of what scenarios extend, with the lines that tell the file apart.
static RULES: Cache<(LineMap, Arc<Rule>)> = Cache::new(4096);

/// A rule as far as it has been read.
pub(super) enum RuleSource {
    /// It was read for another scenario.
    Known(Arc<Rule>),
    /// With the key under which others find it, if it stands in what they extend.
    Written(Box<RuleDocument>, Option<String>),
}

/// Collects faults with their places.
pub(super) struct ScenarioReader<'a> {
    pub name: &'a str,
    pub lines: Arc<LineMap>,
    pub faults: Vec<ScenarioFault>,
}

impl ScenarioReader<'_> {
    pub(super) fn fault(&mut self, path: &str, what: impl Into<String>) {
        self.faults.push(ScenarioFault::at(self.name, self.lines.get(path), what));
    }

    /// The value of a result, whose fault is noted with where it stands.
    pub(super) fn take<T>(&mut self, path: &str, result: Result<T, impl Into<Mistake>>) -> Option<T> {
        result.map_err(|mistake| self.faults.push(mistake.into().at(self.name, self.lines.get(path), path))).ok()
    }

    pub(super) fn read<T: DeserializeOwned>(&mut self, path: &str, value: Value) -> Option<T> {
        let result = serde_json::from_value(value).map_err(|error| error.to_string());
        if path.is_empty() { result.map_err(|what| self.fault(path, what)).ok() } else { self.take(path, result) }
    }

    /// Takes a list out of the document and reads each member for itself, so that one fault does not hide the next.
    pub(super) fn list<T: DeserializeOwned>(&mut self, document: &mut Value, key: &str) -> Vec<Option<T>> {
        let Some(Value::Array(members)) = document.get_mut(key) else { return Vec::new() };
        let members = std::mem::take(members);
        members.into_iter().enumerate().map(|(index, member)| self.read(&format!("{key}[{index}]"), member)).collect()
    }

    /// The rules: those of what is extended are the same for each scenario that has the same variables.
    pub(super) fn commands(&mut self, document: &mut Value) -> Vec<Option<RuleSource>> {
        let world = document.get("world").and_then(Value::as_object);
        let world = world.map(|world| world.keys().map(String::as_str).collect::<Vec<_>>().join(" ")).unwrap_or_default();
        let Some(Value::Array(members)) = document.get_mut("commands") else { return Vec::new() };
        let members = std::mem::take(members);
        let lines = Arc::clone(&self.lines);
        let read = members.into_iter().enumerate().map(|(index, member)| {
            let (origin, number) = lines.origin("commands", index);
            let extended = origin.identity() != lines.identity();
            let key = extended.then(|| format!("{:x} {number} {world}", origin.identity()));
            let known = key.as_ref().and_then(|key| RULES.get(key, |_| Err(())).ok());
            match known {
                Some((_, rule)) => Some(RuleSource::Known(rule)),
                None => Some(RuleSource::Written(Box::new(self.read(&format!("commands[{index}]"), member)?), key)),
            }
        });
        read.collect()
    }

    pub(super) fn command(&mut self, index: usize, read: RuleSource, world: &[&str]) -> Option<Arc<Rule>> {
        let (document, key) = match read {
            RuleSource::Known(rule) => return Some(rule),
            RuleSource::Written(document, key) => (document, key),
        };
        let faults = self.faults.len();
        let rule = Arc::new(self.rule(index, &document, world)?);
        if let Some(key) = key.filter(|_| self.faults.len() == faults) {
            let origin = self.lines.origin("commands", index).0.clone();
            RULES.of(&key, |_| (origin, Arc::clone(&rule)));
        }
        Some(rule)
    }

    fn duration(&mut self, path: &str, text: &str) -> Duration {
        self.take(path, quantity::duration(text).map_err(|error| error.to_string())).unwrap_or_default()
    }

    fn assignments(&mut self, path: &str, set: &IndexMap<String, Value>, known: UsableNames<'_>) -> Vec<Assignment> {
        let read = set.iter().filter_map(|(target, value)| {
            let path = format!("{path}.set.{target}");
            let line = self.lines.get(&path);
            self.take(&path, known.assignment(target, value, line))
        });
        read.collect()
    }

    fn rule(&mut self, index: usize, written: &RuleDocument, world: &[&str]) -> Option<Rule> {
        let path = format!("commands[{index}]");
        let pattern = self.take(&path, Pattern::new(pattern_of(written)))?;
        let captures = pattern.names();
        if let Some(name) = captures.iter().find(|name| world.contains(&name.as_str())) {
            self.fault(&path, format!("{path}: `{name}` is captured here and is a variable of the world too: give one another name"));
        }
        let known = UsableNames { world, captures: &captures, command: true };
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
        Some(Rule {
            pattern,
            text: written_text(&pattern_of(written)),
            when,
            takes,
            set,
            stdout,
            stderr,
            code,
            hang: written.hang,
            after,
            line: self.lines.get(&path),
        })
    }

    pub(super) fn happening(&mut self, index: usize, written: &EventDocument, world: &[&str]) -> Option<Happening> {
        let path = format!("events[{index}]");
        let known = UsableNames { world, captures: &[], command: false };
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

    pub(super) fn injection(&mut self, index: usize, written: InjectionDocument) -> Injection {
        let path = format!("faults[{index}]");
        let calls = match written.call {
            None => Calls::Nth(1),
            Some(CallDocument::Every(EveryName::Every)) => Calls::Every,
            Some(CallDocument::Nth(nth)) => Calls::Nth(nth),
        };
        if calls == Calls::Nth(0) {
            self.fault(&path, format!("{path}: calls are counted from 1"));
        }
        if written.mishap.ends_halligan() && calls == Calls::Every {
            self.fault(&path, format!("{path}: halligan is ended once, not at every call"));
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
        if (written.mishap == Mishap::Hands) == written.set.is_empty() {
            self.fault(&path, format!("{path}: `do: hands` needs `set`, what somebody else changes, and nothing else has it"));
        }
        Injection {
            calls,
            set: written.set.into_iter().collect(),
            code: i32::from(written.code.unwrap_or(1)),
            stderr: written.stderr.unwrap_or_else(|| FAILED.to_owned()),
            takes: written.takes.as_ref().map(|text| self.duration(&format!("{path}.takes"), text)),
            line: self.lines.get(&path),
            ..Injection::new(&written.step, written.part.into(), written.mishap)
        }
    }

    fn ran(&mut self, key: &str, written: &[RanDocument]) -> Vec<ExpectedCommand> {
        let mut all = Vec::new();
        for (index, written) in written.iter().enumerate() {
            let path = format!("expect.{key}[{index}]");
            let (pattern, times) = match written {
                RanDocument::Words(words) => (WrittenPattern { words: Some(words), ..WrittenPattern::default() }, None),
                RanDocument::Whole(whole) => (
                    WrittenPattern {
                        words: whole.words.as_deref(),
                        script: whole.script.as_deref(),
                        query: whole.query.as_deref(),
                        flags: &whole.flags,
                        may_have: &whole.may_have,
                        on: whole.on.as_deref(),
                    },
                    whole.times,
                ),
            };
            let text = written_text(&pattern);
            let line = self.lines.get(&path);
            all.extend(self.take(&path, Pattern::new(pattern)).map(|pattern| ExpectedCommand { pattern, times, text, line }));
        }
        all
    }

    pub(super) fn expectation(&mut self, written: ExpectDocument, world: &[&str]) -> Expectation {
        let known = UsableNames { world, captures: &[], command: false };
        let mut never = Vec::new();
        for (index, written) in written.never.into_iter().enumerate() {
            let path = format!("expect.never[{index}]");
            let line = self.lines.get(&path);
            let Some((text, at)) = self.take(&path, never_text(written)) else { continue };
            never.extend(self.take(&path, known.expression(&text)).map(|expression| Never { expression, at, text, line }));
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

/// The pattern of a rule.
fn pattern_of(written: &RuleDocument) -> WrittenPattern<'_> {
    WrittenPattern {
        words: written.words.as_deref(),
        script: written.script.as_deref(),
        query: written.query.as_deref(),
        flags: &written.flags,
        may_have: &written.may_have,
        on: written.on.as_deref(),
    }
}

/// A pattern as it stands in the scenario.
fn written_text(pattern: &WrittenPattern<'_>) -> String {
    let words = pattern.words.map(|words| words.iter().map(word_text).collect::<Vec<_>>().join(" "));
    let script = pattern.script.map(|script| format!("the script `{script}`"));
    let query = pattern.query.map(|query| format!("the query `{query}`"));
    let text = words.or(script).or(query).unwrap_or_default();
    match pattern.on {
        Some(on) => format!("{text} on {on}"),
        None => text,
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

/// Whether a value is nothing, or has nothing somewhere inside it.
fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(fields) => fields.values().any(holds_null),
        _ => false,
    }
}

/// What must not be true as one expression: a map says it of each variable that it names.
fn never_text(written: NeverDocument) -> Result<(String, At), String> {
    let mut map = match written {
        NeverDocument::Text(text) => return Ok((text, At::Any)),
        NeverDocument::Map(map) => map,
    };
    let at = match map.shift_remove("at") {
        None => At::Any,
        Some(at) => serde_json::from_value(at).map_err(|error| format!("`at`: {error}"))?,
    };
    let mut parts = Vec::new();
    if let Some(that) = map.shift_remove("that") {
        let that = that.as_str().ok_or("`that` must be an expression")?;
        parts.push(if map.is_empty() { that.to_owned() } else { format!("({that})") });
    }
    for (path, value) in &map {
        let text = value.to_string();
        if holds_null(value) {
            return Err(format!("`{path}`: write an expression (`that`) to compare with nothing"));
        }
        let path = path.split('.').map(|part| if part.parse::<u64>().is_ok() { format!("[{part}]") } else { format!(".{part}") });
        let path = path.collect::<String>();
        parts.push(format!("{} == {text}", path.trim_start_matches('.')));
    }
    if parts.is_empty() { Err("it names nothing that must not be".to_owned()) } else { Ok((parts.join(" and "), at)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_found_at_any_depth_and_in_no_text() {
        for (value, holds) in [(json!(null), true), (json!([1, {"a": null}]), true), (json!("null"), false), (json!({"null": 1}), false)] {
            assert_eq!(holds_null(&value), holds, "{value}");
        }
    }
}
