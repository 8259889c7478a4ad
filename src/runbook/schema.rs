//! The JSON Schema of a runbook, and the faults of shape that it finds. What is read is defined by types, such as [`Document`]: of those, schemas
//! are made beforehand (`docs/schema`), so that the program holds what was made and not what makes it.
//!
//! [`Document`]: super::document::Document

use std::sync::LazyLock;

use jsonschema::{
    JsonType, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
    paths::{Location, LocationSegment},
};
use serde_json::Value;

use super::{
    bundle,
    diagnostic::Fault,
    model::Span,
    node::{Node, NodeKind, Segment},
};
use crate::expression::name::nearest;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| made("runbook"));

/// The schema of that name, as it was made beforehand. What cannot be read allows nothing.
#[must_use]
pub(crate) fn made(name: &str) -> Value {
    serde_json::from_str(written(name)).unwrap_or(Value::Bool(false))
}

/// Its text; empty if it cannot be unpacked.
#[must_use]
pub(crate) fn written(name: &str) -> &'static str {
    bundle::schema(name).unwrap_or_default()
}

/// Makes the JSON Schema (draft 2020-12) of a type, with a title of its own.
#[must_use]
pub(crate) fn of<T: schemars::JsonSchema>(title: &str) -> Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    without_null(&mut schema);
    if let Value::Object(map) = &mut schema {
        map.insert("title".to_owned(), Value::from(title));
    }
    schema
}

/// A schema as text that ends with a newline.
#[must_use]
pub(crate) fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// `None` cannot be: a test builds it.
static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).ok());

/// A key that is left out is left out; a key with nothing after it is a mistake. So `null` is nowhere allowed.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            map.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(values)) = map.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    map.shift_remove("anyOf");
                    for (key, value) in only {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.shift_remove("default");
            }
        }
        _ => {}
    }
}

/// A fault of shape.
#[derive(Debug)]
pub(crate) struct Misshape {
    pub fault: Fault,
    /// What has to be left out so that the rest can be read.
    pub prune: Option<Vec<Segment>>,
}

/// Every way in which the value is not shaped like a runbook.
#[must_use]
pub(crate) fn check(value: &Value, root: &Node, text: &str) -> Vec<Misshape> {
    let mut checker = Checker { root, text, found: Vec::new() };
    match VALIDATOR.as_ref() {
        Some(validator) => validator.iter_errors(value).for_each(|error| checker.error(&error)),
        None => checker.found.push(Misshape {
            fault: Fault::error("bug", Span::default(), "the schema of runbooks does not compile; this is a bug in halligan"),
            prune: Some(Vec::new()),
        }),
    }
    checker.found
}

fn path(location: &Location) -> Vec<Segment> {
    location
        .segments()
        .map(|segment| match segment {
            LocationSegment::Index(index) => Segment::Index(index),
            LocationSegment::Property(key) => Segment::Key(key.into_owned()),
        })
        .collect()
}

/// The schema that holds the keyword at this place.
fn holder(location: &Location) -> &'static Value {
    let pointer = location.as_str();
    let parent = pointer.rfind('/').map_or("", |at| &pointer[..at]);
    SCHEMA.pointer(parent).unwrap_or(&Value::Null)
}

/// The words that an enumeration allows.
fn options(schema: &Value) -> Vec<&str> {
    let of = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let words = of("enum").chain(schema.get("const")).filter_map(Value::as_str);
    words.chain(of("oneOf").flat_map(options)).collect()
}

/// What a definition of the schema is called, with its article.
fn noun(definition: &str) -> &'static str {
    match definition {
        "Reference" => "a reference",
        "Requires" => "`requires`",
        "Parameter" => "a parameter",
        "LiveChoices" => "`choices`",
        "Probe" => "a probe",
        "Items" | "ForEach" => "`for_each`",
        "Wait" => "`wait`",
        "Stall" => "`stall`",
        "Progress" => "`progress`",
        "Confirm" => "`confirm`",
        "Manual" => "`manual`",
        "Remedy" => "an `undo` or `cleanup`",
        "Retry" => "`retry`",
        "Step" => "a step",
        "Case" => "a case",
        _ => "a runbook",
    }
}

fn definition(location: &Location) -> &str {
    location.as_str().strip_prefix("/$defs/").and_then(|rest| rest.split('/').next()).unwrap_or("")
}

fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "nothing",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "text",
        JsonType::Array => "a list",
        JsonType::Object => "a map",
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

/// Whether an alternative is of the right type, and wrong only in something inside.
fn fits(branch: &[ValidationError<'_>], at: &Location) -> bool {
    branch.iter().all(|error| {
        error.instance_path() != at
            || match error.kind() {
                ValidationErrorKind::Type { .. } => false,
                ValidationErrorKind::AnyOf { context } => context.iter().any(|branch| fits(branch, at)),
                _ => true,
            }
    })
}

/// The types that the alternatives want.
fn wanted(branches: &[Vec<ValidationError<'_>>], at: &Location, types: &mut Vec<JsonType>) {
    for error in branches.iter().flatten().filter(|error| error.instance_path() == at) {
        match error.kind() {
            ValidationErrorKind::Type { kind } => types.extend(listed(kind)),
            ValidationErrorKind::AnyOf { context } => wanted(context, at, types),
            _ => {}
        }
    }
}

fn listed(kind: &TypeKind) -> Vec<JsonType> {
    match kind {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(kinds) => kinds.iter().collect(),
    }
}

#[derive(Debug)]
struct Checker<'a> {
    root: &'a Node,
    text: &'a str,
    found: Vec<Misshape>,
}

impl Checker<'_> {
    /// What stands at this path, in words.
    fn subject(path: &[Segment]) -> String {
        match path {
            [] => "a runbook".to_owned(),
            [.., Segment::Key(list), Segment::Index(index)] => format!("item {} of `{list}`", index + 1),
            [.., Segment::Index(index)] => format!("item {}", index + 1),
            [.., Segment::Key(key)] => format!("`{key}`"),
        }
    }

    fn push(&mut self, fault: Fault, prune: Option<Vec<Segment>>) {
        self.found.push(Misshape { fault, prune });
    }

    fn value_span(&self, path: &[Segment]) -> Span {
        let span = self.root.at(path).unwrap_or(self.root).span;
        let span = if span.len == 0 { self.root.key_span(path) } else { span };
        span.first_line(self.text)
    }

    fn error(&mut self, error: &ValidationError<'_>) {
        let at = path(error.instance_path());
        let schema = holder(error.schema_path());
        let instance = error.instance().as_ref();
        if instance.is_null() {
            let fault = Fault::error("no-value", self.root.key_span(&at), format!("{} has no value", Self::subject(&at)))
                .label("no value")
                .hint("write a value, or remove the key");
            return self.push(fault, Some(at));
        }
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for key in unexpected {
                    self.unknown_key(key, &at, schema, definition(error.schema_path()));
                }
            }
            ValidationErrorKind::Required { property } => {
                let property = property.as_str().unwrap_or_default();
                let what = noun(definition(error.schema_path()));
                let span = match at.last() {
                    Some(Segment::Key(_)) => self.root.key_span(&at),
                    _ => self.value_span(&at),
                };
                let meaning = schema.pointer(&format!("/properties/{property}/description")).and_then(Value::as_str).unwrap_or_default();
                let fault = Fault::error("missing-key", span, format!("missing `{property}` in {what}"))
                    .label(format!("no `{property}` here"))
                    .hint(format!("add `{property}`: {}", meaning.lines().next().unwrap_or_default()));
                self.push(fault, None);
            }
            ValidationErrorKind::Type { kind } => self.wrong_type(&at, &listed(kind), instance),
            ValidationErrorKind::AnyOf { context } => {
                let fitting: Vec<_> = context.iter().filter(|branch| fits(branch, error.instance_path())).collect();
                if let [branch] = fitting.as_slice() {
                    branch.iter().for_each(|error| self.error(error));
                } else {
                    let mut types = Vec::new();
                    wanted(context, error.instance_path(), &mut types);
                    self.wrong_type(&at, &types, instance);
                }
            }
            ValidationErrorKind::Enum { .. } | ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::Constant { .. } => {
                let words = options(schema);
                let subject = Self::subject(&at);
                let near = instance.as_str().and_then(|word| nearest(word, words.iter().copied()));
                let hint = near.map_or_else(|| format!("write one of {}", words.join(", ")), |near| format!("did you mean `{near}`?"));
                let fault = Fault::error("not-a-choice", self.value_span(&at), format!("{subject} must be one of {}", words.join(", ")))
                    .label("not one of them")
                    .hint(hint);
                self.push(fault, Some(at));
            }
            ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. } if matches!(at.as_slice(), [Segment::Key(key)] if key == "halligan") =>
            {
                let fault = Fault::error(
                    "format-version",
                    self.value_span(&at),
                    format!("unsupported format version {instance}: this halligan reads version 1"),
                )
                .label("unsupported")
                .hint("write `halligan: 1`, or use a halligan version that reads this format");
                self.push(fault, Some(at));
            }
            ValidationErrorKind::Minimum { limit } => self.out_of_range(at, "at least", limit),
            ValidationErrorKind::Maximum { limit } => self.out_of_range(at, "at most", limit),
            other => {
                let fault = Fault::error("shape", self.value_span(&at), format!("invalid {}: {error}", Self::subject(&at)))
                    .label(other.keyword())
                    .hint("see `halligan schema` for the allowed values");
                self.push(fault, Some(at));
            }
        }
    }

    fn out_of_range(&mut self, at: Vec<Segment>, which: &str, limit: &Value) {
        let fault = Fault::error("out-of-range", self.value_span(&at), format!("{} must be {which} {limit}", Self::subject(&at)))
            .label("out of range")
            .hint(format!("write a number that is {which} {limit}"));
        self.push(fault, Some(at));
    }

    fn unknown_key(&mut self, key: &str, at: &[Segment], schema: &Value, definition: &str) {
        let mut full = at.to_vec();
        full.push(Segment::Key(key.to_owned()));
        let known: Vec<&str> =
            schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let elsewhere = SCHEMA
            .get("$defs")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .find(|(name, other)| *name != definition && other.pointer(&format!("/properties/{key}")).is_some())
            .map(|(name, _)| noun(name));
        let what = noun(definition);
        let hint = match (nearest(key, known.iter().copied()), elsewhere) {
            (_, Some(elsewhere)) => format!("`{key}` belongs to {elsewhere}"),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => format!("known keys: {}", known.join(", ")),
        };
        let fault = Fault::error("unknown-key", self.root.key_span(&full), format!("unknown key `{key}` in {what}"))
            .label(format!("not a key of {what}"));
        self.push(fault.hint(hint), Some(full));
    }

    fn wrong_type(&mut self, at: &[Segment], types: &[JsonType], instance: &Value) {
        let mut names: Vec<&str> = types.iter().map(|kind| type_name(*kind)).collect();
        names.dedup();
        let needs = names.join(" or ");
        let hint = self.type_hint(at, types, instance);
        let fault =
            Fault::error("wrong-type", self.value_span(at), format!("{} must be {needs}, found {}", Self::subject(at), found(instance)))
                .label(format!("must be {needs}"))
                .hint(hint);
        self.push(fault, Some(at.to_vec()));
    }

    fn type_hint(&self, at: &[Segment], types: &[JsonType], instance: &Value) -> String {
        let key = at.iter().rev().find_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        });
        let key = key.unwrap_or_default();
        let written = match self.root.at(at).map(|node| &node.kind) {
            Some(NodeKind::Scalar { text, .. }) => text.as_str(),
            _ => "",
        };
        let timespan = ["timeout", "every", "within", "stable_for", "pause", "after", "delay", "poll_timeout", "unread_for"].contains(&key);
        let wants = |kind| types.contains(&kind);
        match instance {
            Value::Number(_) if timespan => format!("add the unit: `{written}s`"),
            Value::Number(_) | Value::Bool(_) if wants(JsonType::String) => format!("quote it: \"{written}\""),
            Value::String(text) if wants(JsonType::Array) && key == "run" => {
                let words: Vec<&str> = text.split_whitespace().collect();
                format!("write one item per word: [{}]; or use `shell`", words.join(", "))
            }
            Value::Array(_) if wants(JsonType::Object) && ["undo", "cleanup", "verify", "done_if", "probe", "wait"].contains(&key) => {
                "write the command under `run`".to_owned()
            }
            Value::String(_) if wants(JsonType::Boolean) => "write `true` or `false`, without quotes".to_owned(),
            Value::String(_) if wants(JsonType::Integer) || wants(JsonType::Number) => "write a number, without quotes".to_owned(),
            Value::Object(_) if wants(JsonType::String) => "quote a value that begins with `{`".to_owned(),
            Value::Array(_) if wants(JsonType::String) => "write one value, not a list".to_owned(),
            _ if wants(JsonType::Array) => "write a list, each item after `- `".to_owned(),
            _ if wants(JsonType::Object) => "write a map, one `key: value` per line".to_owned(),
            _ => "see `halligan schema` for the allowed values".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{document, source};

    fn faults(text: &str) -> Vec<String> {
        let value = document::parse(text).unwrap();
        let root = source::read(text).root.unwrap();
        let mut all: Vec<_> = check(&value, &root, text).into_iter().map(|found| found.fault).collect();
        all.sort_by_key(|fault| fault.span.offset);
        all.into_iter().map(|fault| format!("{} | {}", fault.message, fault.hint.unwrap_or_default())).collect()
    }

    #[test]
    fn the_schema_compiles_and_knows_no_null() {
        assert!(VALIDATOR.is_some());
        assert!(!written("runbook").contains("null"), "{}", written("runbook"));
    }

    #[test]
    fn every_fault_of_shape_is_found_at_once() {
        let text = "halligan: 1\nname: x\ntitle: X\nsummary: 5\nsteps:\n- id: a\n  run: [a]\n  tmeout: 5m\n  effect: chang\n  undo:\n- id: b\n  wait: {run: [x], timeout: 5}\n- run: ls -l\n  retry: {times: x}\n- id: c\n  for_each: {items: [1], batch: true}\n  steps:\n  - id: d\n    run: [a, true]\n    batch: 3\n";
        assert_eq!(
            faults(text),
            [
                "`summary` must be text, found the number 5 | quote it: \"5\"",
                "unknown key `tmeout` in a step | did you mean `timeout`?",
                "`effect` must be one of read, change, destroy | did you mean `change`?",
                "`undo` has no value | write a value, or remove the key",
                "missing `until` in `wait` | add `until`: The condition to wait for, an expression.",
                "`timeout` must be text, found the number 5 | add the unit: `5s`",
                "missing `id` in a step | add `id`: The step's name in `snake_case`, unique in the file.",
                "`run` must be a list, found text | write one item per word: [ls, -l]; or use `shell`",
                "`times` must be a whole number, found text | write a number, without quotes",
                "`batch` must be a whole number or text or a list, found `true` | quote it: \"true\"",
                "item 2 of `run` must be a whole number or text, found `true` | quote it: \"true\"",
                "unknown key `batch` in a step | `batch` belongs to `for_each`",
            ]
        );
    }
}
