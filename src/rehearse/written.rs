//! A scenario as it is written, with what it extends laid under it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    expression::cache::Cache,
    runbook::{document::parse, source},
};

use super::{
    fault::{ScenarioError, ScenarioFault},
    fixture::Fixtures,
    line::LineMap,
};

/// How many scenarios may extend one another.
const DEPTH: usize = 8;

/// Lists whose members from below come after its own.
const LISTS: [&str; 3] = ["commands", "events", "faults"];

/// Maps of which each member is taken from below unless it stands here.
const MAPS: [&str; 5] = ["params", "world", "answers", "overrides", "commands_missing"];

/// Single values that are taken from below unless they stand here.
const SINGLES: [&str; 4] = ["runbook", "now", "user", "commands_present"];

/// The text of a scenario as data, with the place of each part of it.
#[derive(Clone)]
pub(super) struct ScenarioText {
    pub document: Value,
    pub lines: LineMap,
    /// What is wrong with its form.
    pub faults: Vec<ScenarioFault>,
}

/// What scenarios extend, by its name and text: most of those of a runbook extend the same one.
static EXTENDED: Cache<Arc<ScenarioText>> = Cache::new(64);

impl ScenarioText {
    /// # Errors
    /// It cannot be read at all.
    pub(super) fn read(name: &str, text: &str, beside: &dyn Fixtures) -> Result<Self, ScenarioError> {
        Self::alone(name, text)?.laid_over(name, beside, 0)
    }

    /// As it stands, without what it extends.
    fn alone(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let refuse = |faults| ScenarioError { name: name.to_owned(), faults };
        let parsed = source::read(text);
        let lines = LineMap::of(name, text, parsed.root.as_ref());
        let mut form = parsed.faults;
        let mut document = Value::Null;
        if parsed.usable {
            document = parse(text).map_err(|error| {
                let line = error.location().map(|at| at.line());
                refuse(vec![ScenarioFault {
                    file: name.to_owned(),
                    line,
                    what: error.to_string(),
                    hint: Some("check indentation, quotes and brackets".to_owned()),
                }])
            })?;
            if let Some(root) = &parsed.root {
                root.disagreements(&document, &mut form);
            }
        }
        let at = |offset| Some(lines.at(offset));
        let faults: Vec<ScenarioFault> = form
            .into_iter()
            .map(|fault| ScenarioFault { file: name.to_owned(), line: at(fault.span.offset), what: fault.message, hint: fault.hint })
            .collect();
        if parsed.usable { Ok(Self { document, lines, faults }) } else { Err(refuse(faults)) }
    }

    fn laid_over(self, name: &str, beside: &dyn Fixtures, depth: usize) -> Result<Self, ScenarioError> {
        let refuse = |faults| ScenarioError { name: name.to_owned(), faults };
        let Some(base) = self.document.get("extends").and_then(Value::as_str).map(str::to_owned) else { return Ok(self) };
        let wrong = |what: String| refuse(vec![ScenarioFault::at(name, self.lines.get("extends"), format!("extends: {what}"))]);
        if depth == DEPTH {
            return Err(wrong(format!("more than {DEPTH} scenarios extend one another; perhaps in a circle")));
        }
        let file = format!("{base}.yaml");
        let bytes = beside.read(&file).map_err(|why| wrong(format!("the scenario `{base}` cannot be read: {why}")))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong(format!("the scenario `{base}` is not text")))?;
        let folder = name.rfind(['/', ':']).map_or("", |end| &name[..=end]);
        let file = format!("{folder}{file}");
        // No name holds a NUL byte, so no two keys are the same by accident.
        let below = EXTENDED.get(&format!("{file}\0{text}"), |_| Self::alone(&file, &text).map(Arc::new))?;
        let below = Self::clone(&below).laid_over(&file, beside, depth + 1)?;
        Ok(self.over(below))
    }

    /// This one, with what it does not say taken from below.
    fn over(mut self, mut below: Self) -> Self {
        self.faults.append(&mut below.faults);
        let mut moved = Vec::new();
        if let (Some(own), Value::Object(mut base)) = (self.document.as_object_mut(), below.document) {
            for key in LISTS {
                moved.push((key, append(own, key, base.remove(key))));
            }
            let never = base.get_mut("expect").and_then(|expect| expect.as_object_mut()?.remove("never"));
            if never.is_some() {
                let expect = own.entry("expect").or_insert_with(|| Value::Object(Map::new()));
                if let Some(expect) = expect.as_object_mut() {
                    moved.push(("expect.never", append(expect, "never", never)));
                }
            }
            for key in MAPS {
                let Some(Value::Object(members)) = base.remove(key) else { continue };
                let all = own.entry(key).or_insert_with(|| Value::Object(Map::new()));
                let Some(all) = all.as_object_mut() else { continue };
                for (name, value) in members {
                    all.entry(name).or_insert(value);
                }
            }
            for key in SINGLES {
                if let Some(value) = base.remove(key) {
                    own.entry(key).or_insert(value);
                }
            }
        }
        self.lines.extend(below.lines, moved);
        self
    }
}

/// Adds members behind a list's own, of which it returns the number.
fn append(map: &mut Map<String, Value>, key: &str, more: Option<Value>) -> usize {
    let list = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    let Some(list) = list.as_array_mut() else { return 0 };
    let own = list.len();
    if let Some(Value::Array(more)) = more {
        list.extend(more);
    }
    own
}

#[cfg(test)]
mod tests {
    use super::super::scenario::Scenario;

    #[test]
    fn what_is_not_said_is_as_below() {
        let base = "halligan_scenario: 1\nrunbook: x\ntitle: base\nworld: {a: 1, b: 2}\nanswers: {s: true}\n\
            commands: [{match: [x], stdout: base}]\nexpect: {outcome: completed, never: [a > 5]}\n";
        let beside = |path: &str| match path {
            "base.yaml" => Ok(base.as_bytes().to_vec()),
            "round.yaml" => Ok(b"extends: round\n".to_vec()),
            other => Err(format!("no {other}")),
        };
        let text = "halligan_scenario: 1\nextends: base\ntitle: own\nworld: {b: 3}\ncommands: [{match: [y]}, {match: [x], when: b == 3}]\n\
            expect: {exit: 6, never: [b > 5]}\n";
        let scenario = Scenario::read("dir/own.yaml", text, &beside).unwrap();
        assert_eq!((scenario.title.as_str(), scenario.runbook.as_str()), ("own", "x"));
        assert_eq!(serde_json::to_string(&scenario.world).unwrap(), r#"{"b":3,"a":1}"#);
        let places: Vec<String> =
            scenario.rules.iter().filter_map(|rule| rule.line.as_ref()).map(|at| format!("{}:{}", at.file, at.line)).collect();
        assert_eq!(places, ["dir/own.yaml:5", "dir/own.yaml:5", "dir/base.yaml:6"]);
        assert_eq!((scenario.expect.outcome, scenario.expect.exit, scenario.expect.never.len()), (None, Some(6), 2));
        for (text, said) in [
            ("extends: gone\n", "own.yaml:1: extends: the scenario `gone` cannot be read: no gone.yaml"),
            ("extends: round\n", "in a circle"),
            (
                "halligan_scenario: 1\nextends: base\ntitle: t\ncommands: [{match: [z], stdout: '{{ c }}'}]\n",
                "own.yaml:4: commands[0].stdout",
            ),
        ] {
            let told = Scenario::read("own.yaml", text, &beside).unwrap_err().to_string();
            assert!(told.contains(said), "{text}: {told}");
        }
    }
}
