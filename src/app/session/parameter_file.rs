//! Files of parameters. What is wrong with one is told by line and column: what stands there may be a secret, or a part of one.

use std::path::Path;

use serde_json::Value;

use crate::{
    app::{exit::ProgramExit, failure::Failure},
    plan::binding::{Giver, Raw},
    runbook::{
        diagnostic::{Fault, position},
        document::{self, TypeName},
        library::{self, LibraryError},
        model::{Parameter, Runbook},
        node::{Node, NodeKind, PlainScalar, ScalarForm, plain},
        source,
    },
};

/// A name, its value, and where it stands.
pub(super) type Written = (String, Raw, Giver);

/// Reads a map of names to values, held to the same rules as a runbook's text. A secret is taken as it is written.
///
/// # Errors
/// The file cannot be read, or is no such map.
pub(super) fn read(path: &Path, runbook: &Runbook) -> Result<Vec<Written>, Failure> {
    let refused = |text: &str, faults: &[Fault]| {
        let mut failure = wrong(path, if faults.len() == 1 { "1 error".to_owned() } else { format!("{} errors", faults.len()) });
        for fault in faults {
            let (line, column) = position(text, fault.span.offset);
            failure = failure.why(format!("line {line}, column {column}: {}", in_words(fault.code)));
        }
        failure.next("put a secret into single quotes, and write each `'` in it twice; or after `|` on indented lines of its own")
    };
    let text = library::read_guarded(path).map_err(|error| match (error.hint(), error) {
        (_, LibraryError::Refused(report)) => refused(&report.source.text, &report.faults),
        (Some(hint), error) => Failure::new(ProgramExit::Usage, format!("{} was not read: {error}", path.display())).next(hint),
        (None, error) => wrong(path, error.to_string()),
    })?;
    let source = text.ok_or_else(|| wrong(path, "no such file".to_owned()))?;
    let text = &*source.text;
    let read = source::read(text);
    let known = |name: &str| runbook.params.iter().find(|parameter| parameter.name.as_str() == name);
    let secret = |name: &str| known(name).is_some_and(|parameter| parameter.kind == TypeName::Secret);
    let entries = read.root.as_ref().map(Node::entries).unwrap_or_default();
    // A secret is text, whatever YAML would make of it.
    let secrets: Vec<&Node> =
        entries.iter().filter(|entry| secret(&entry.key) && entry.value.text().is_some()).map(|entry| &entry.value).collect();
    let taken_as_text: Vec<_> = secrets.iter().map(|node| node.span).collect();
    let matters =
        |fault: &Fault| !(matches!(fault.code, "not-finite" | "too-large-number" | "ambiguous") && taken_as_text.contains(&fault.span));
    let mut faults: Vec<Fault> = read.faults.into_iter().filter(matters).collect();
    if !faults.is_empty() {
        return Err(refused(text, &faults));
    }
    let Some(root) = read.root.as_ref().filter(|root| matches!(root.kind, NodeKind::Map(_))) else {
        return Err(wrong(path, "not a map".to_owned()));
    };
    let values = document::parse(&without(text, &secrets)).map_err(|error| {
        let place = error.location().map(|at| format!("line {}, column {}: ", at.line(), at.column())).unwrap_or_default();
        wrong(path, format!("{place}{}", in_words("syntax")))
    })?;
    root.disagreements(&values, &mut faults);
    faults.retain(matters);
    if !faults.is_empty() {
        return Err(refused(text, &faults));
    }
    let entry = |entry: &crate::runbook::node::Entry| {
        let parameter = known(&entry.key);
        let at = if parameter.is_some() { entry.value.span } else { entry.key_span };
        let (line, column) = position(text, at.offset);
        let place = Giver::Place(format!("{}, line {line}, column {column}", path.display()));
        let value = values.get(&entry.key).cloned().unwrap_or_default();
        (entry.key.clone(), raw(parameter, &entry.value, value), place)
    };
    Ok(root.entries().iter().map(entry).collect())
}

/// The text with letters where a secret stands that YAML takes for something else, such as a number too large for it.
fn without(text: &str, secrets: &[&Node]) -> String {
    let mut text = text.to_owned();
    for node in secrets {
        let taken = matches!(&node.kind, NodeKind::Scalar { text, style: ScalarForm::Plain } if plain(text) != PlainScalar::Text);
        let range = node.span.offset..node.span.offset + node.span.len;
        if taken && text.get(range.clone()).is_some() {
            text.replace_range(range, &"x".repeat(node.span.len));
        }
    }
    text
}

fn wrong(path: &Path, why: String) -> Failure {
    Failure::new(ProgramExit::Usage, format!("{} is not a parameter file: {why}", path.display()))
        .next("write a map of names to values, such as `osds: [1, 2]`")
}

/// A value as its parameter wants it: of text, the digits that were written are meant, not the number that YAML makes of them.
fn raw(parameter: Option<&Parameter>, node: &Node, value: Value) -> Raw {
    let Some(kind) = parameter.map(|parameter| parameter.kind) else { return Raw::Typed(value) };
    match (kind, &node.kind) {
        (TypeName::Secret, NodeKind::Scalar { text, style }) if *style != ScalarForm::Plain || !text.is_empty() => Raw::Text(text.clone()),
        (TypeName::Secret | TypeName::Int | TypeName::Float | TypeName::Bool, _) => Raw::Typed(value),
        (_, NodeKind::List(items)) => match value {
            Value::Array(values) => Raw::Typed(items.iter().zip(values).map(|(item, value)| as_written(item, value)).collect()),
            other => Raw::Typed(other),
        },
        _ => Raw::Typed(as_written(node, value)),
    }
}

fn as_written(node: &Node, value: Value) -> Value {
    match &node.kind {
        NodeKind::Scalar { text, style: ScalarForm::Plain } if plain(text) == PlainScalar::Int => Value::from(text.as_str()),
        _ => value,
    }
}

/// A fault of form in words that hold nothing of the text.
fn in_words(code: &str) -> &'static str {
    match code {
        "syntax" => "invalid YAML",
        "several-documents" => "a second YAML document begins here",
        "alias" => "aliases (`*name`) are not allowed",
        "anchor" => "anchors (`&name`) are not allowed",
        "tag" => "tags (`!name`) are not allowed",
        "merge-key" => "merge keys (`<<`) are not allowed",
        "too-deep" => "maps and lists are nested too deep",
        "not-finite" => "not a finite number; quote it if it is text",
        "too-large-number" => "too large for a 64-bit number; quote it if it is text",
        "duplicate-key" => "the same name a second time",
        "unquoted-template" => "a value that begins with `{{` must be quoted",
        "key-not-text" => "a name must be text",
        "hidden-character" => "a hidden character, such as NUL",
        "ambiguous" => "can be read in two ways; quote it",
        "empty" => "the file is empty",
        "too-large" => "the file is too large",
        "not-utf8" => "not UTF-8",
        _ => "not allowed in a file of parameters",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::runbook::{
        model::{Origin, SourceText},
        resolve,
    };

    fn runbook() -> Arc<Runbook> {
        let text = "halligan: 1\nname: x\ntitle: X\nsummary: S\nreviewed: 2026-11-01\nparams:\n  token: {type: secret, help: h}\n  \
                    serial: {type: string, help: h}\n  serials: {list: string, help: h}\n  count: {type: int, help: h}\nsteps:\n  \
                    - {id: a, run: [ls, '{{ params.serial }}', '{{ params.serials }}', '{{ params.count }}'], effect: read, env: {T: '{{ params.token }}'}}\n";
        let source = SourceText::new("x.yaml", Origin::Bundled, text);
        let (runbook, report) = resolve(source);
        Arc::new(runbook.unwrap_or_else(|| panic!("{}", report.plain())))
    }

    fn of(text: &str) -> Result<Vec<Written>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.yaml");
        std::fs::write(&path, text).unwrap();
        read(&path, &runbook())
    }

    #[test]
    fn a_secret_is_taken_as_it_is_written() {
        for written in [
            "0xDEADBEEF",
            "+123456",
            "007",
            "~",
            "yes",
            "no",
            "null",
            "True",
            "1234567.5",
            "12e10",
            ".nan",
            "-.inf",
            "0b11",
            "1_000",
            "12345678901234567890",
            "123456789012345678901234567890",
            "123456789012345678901234567890123456789012",
            "2026-11-01",
            "0o17",
            "=",
            "a b",
        ] {
            let entries = of(&format!("count: 7\ntoken: {written}\n")).unwrap();
            assert_eq!(entries[1].1, Raw::Text(written.to_owned()), "{written}");
        }
        assert_eq!(of("token: '0x1'").unwrap()[0].1, Raw::Text("0x1".to_owned()));
        assert_eq!(of("token: ''").unwrap()[0].1, Raw::Text(String::new()));
        assert_eq!(of("token: |\n  a\n  b\n").unwrap()[0].1, Raw::Text("a\nb\n".to_owned()));
        assert_eq!(of("token:\n").unwrap()[0].1, Raw::Typed(Value::Null));
    }

    #[test]
    fn of_text_the_digits_are_meant() {
        let entries = of("serial: 0xDEADBEEF\nserials: [+1, 007, 8]\ncount: 0x10\n").unwrap();
        assert_eq!(entries[0].1, Raw::Typed("0xDEADBEEF".into()));
        assert_eq!(entries[1].1, Raw::Typed(serde_json::json!(["+1", "007", "8"])));
        assert_eq!(entries[2].1, Raw::Typed(16.into()));
    }
}
