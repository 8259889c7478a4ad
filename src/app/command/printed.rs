//! What halligan prints for programs: how it is written, and the JSON Schema of each line.

use std::{collections::BTreeSet, io};

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    journal::{record::Header, shape::Body},
    ui::json,
    words::sanitise,
};

/// What was found, as a line of JSON.
///
/// # Errors
/// It holds something that is no JSON.
pub(super) fn line(found: &impl Serialize) -> io::Result<String> {
    Ok(sanitise::json(&serde_json::to_string(found)?).into_owned())
}

/// The same on several lines, for people, too.
///
/// # Errors
/// It holds something that is no JSON.
pub(super) fn page(found: &impl Serialize) -> io::Result<String> {
    Ok(sanitise::json(&serde_json::to_string_pretty(found)?).into_owned())
}

/// Prints `what` was found as a line of JSON.
pub(super) fn print_json(context: &Context, what: &str, found: &impl Serialize) -> Result<(), Failure> {
    let line = line(found).map_err(|error| Failure::new(ProgramExit::Bug, format!("the {what} cannot be written as JSON: {error}")))?;
    context.out.stdout.line(&line);
    Ok(())
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().into_generator()
}

/// The schema of one that is printed. What is not known is null, and further names may come.
pub(super) fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let mut schema = generator().into_root_schema_for::<T>().to_value();
    schema["title"] = title.into();
    schema
}

/// The schema of a line of the journal: what every record holds, and what those of its type do.
pub(super) fn schema_of_records() -> Value {
    let mut generator = generator();
    let header = Header::json_schema(&mut generator).to_value();
    let mut envelope = header["properties"].as_object().cloned().unwrap_or_default();
    envelope.insert("crc".to_owned(), json!({ "type": "string" }));
    lines("a record of the journal", generator, &envelope, Vec::new())
}

/// The schema of a line that a run prints: most are what its records are, without what every record holds.
pub(super) fn schema_of_events() -> Value {
    let text = json!({ "type": "string" });
    let envelope = Map::from_iter(["time", "run"].map(|name| (name.to_owned(), text.clone())));
    let mut generator = generator();
    let others = json::other_lines(&mut generator);
    lines("a line of a run with `--format json`", generator, &envelope, others)
}

/// The types of lines that have it, and the schema of what stands in them.
type Content = (&'static [&'static str], Value);

/// A line is one of these: of a type that the journal knows, or another.
fn lines(title: &str, mut generator: SchemaGenerator, envelope: &Map<String, Value>, others: Vec<Content>) -> Value {
    let contents = Body::schemas(&mut generator).into_iter().map(|(names, schema)| (names, schema.to_value()));
    let all: Vec<Value> = contents.chain(others).map(|(names, schema)| with_envelope(names, &schema, envelope)).collect();
    let definitions = generator.take_definitions(true);
    json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "oneOf": all, "$defs": definitions })
}

/// What stands in every line, and what stands in those of these types. Further names may come.
fn with_envelope(names: &[&str], schema: &Value, envelope: &Map<String, Value>) -> Value {
    let mut properties = envelope.clone();
    properties.extend(schema["properties"].as_object().cloned().unwrap_or_default());
    properties.insert("type".to_owned(), json!({ "enum": names }));
    let mut required: BTreeSet<&str> = envelope.keys().map(String::as_str).chain(["type"]).collect();
    required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
    json!({ "type": "object", "title": names.join(", "), "properties": properties, "required": required })
}
