//! From a file to an inventory, or to every fault of it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use jsonschema::{Validator, error::ValidationErrorKind, paths::LocationSegment};
use serde::Deserialize;
use serde_json::Value;

use super::{checker, document::InventoryDocument, model::Inventory};
use crate::{
    expression::name::nearest,
    runbook::{
        diagnostic::{Fault, Report},
        library::{self, LibraryError},
        model::{Origin, SourceText, Span},
        node::{Node, Segment},
        schema, source,
    },
};

pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| schema::made("inventory"));

/// `None` cannot be: a test builds it.
pub(super) static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).ok());

/// Where the inventory is when no flag says: `$HALLIGAN_INVENTORY` comes with the flag; else `/etc/halligan/inventory.yaml` if it
/// is there. Never the working directory: what stands there by chance must not decide where commands go.
#[must_use]
pub(crate) fn standard() -> Option<PathBuf> {
    let path = Path::new("/etc/halligan/inventory.yaml");
    path.exists().then(|| path.to_owned())
}

/// Reads an inventory file.
///
/// # Errors
/// It cannot be read, is no regular file, or somebody else than root could write what root would obey; or the report has its faults.
pub(crate) fn read(path: &Path) -> Result<(Option<Inventory>, Report), LibraryError> {
    let gone = |source: io::Error| LibraryError::Unreadable { path: path.display().to_string(), source };
    match library::read_guarded(path) {
        Ok(Some(mut source)) => {
            // Whoever takes a run up again may stand in another directory.
            source.origin = Origin::File(std::path::absolute(path).map_err(gone)?);
            Ok(Inventory::parse(source))
        }
        Ok(None) => Err(gone(io::ErrorKind::NotFound.into())),
        Err(LibraryError::Refused(report)) => Ok((None, *report)),
        Err(error) => Err(error),
    }
}

pub(super) fn from_tree(source: &SourceText, root: &Node, faults: &mut Vec<Fault>) -> Option<Inventory> {
    let before = faults.len();
    let value = root.value(&source.text, faults)?;
    shape(&value, root, &source.text, faults);
    if faults.len() > before {
        return None;
    }
    let document = match InventoryDocument::deserialize(&value) {
        Ok(document) => document,
        Err(error) => {
            faults.push(
                Fault::error("shape", root.span.first_line(&source.text), format!("not an inventory: {error}"))
                    .hint("see `halligan schema --inventory`"),
            );
            return None;
        }
    };
    Some(checker::InventoryChecker { root, text: &source.text, document: &document, faults }.inventory(source))
}

/// Every way in which the value is not shaped like an inventory.
pub(super) fn shape(value: &Value, root: &Node, text: &str, faults: &mut Vec<Fault>) {
    let Some(validator) = VALIDATOR.as_ref() else {
        faults.push(Fault::error("bug", Span::default(), "the schema of inventories does not compile; this is a bug in halligan"));
        return;
    };
    for error in validator.iter_errors(value) {
        let path: Vec<Segment> = error
            .instance_path()
            .segments()
            .map(|segment| match segment {
                LocationSegment::Index(index) => Segment::Index(index),
                LocationSegment::Property(key) => Segment::Key(key.into_owned()),
            })
            .collect();
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            let known = properties(error.schema_path().as_str());
            for key in unexpected {
                let mut at = path.clone();
                at.push(Segment::Key(key.clone()));
                let hint = match nearest(key, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known keys: {}", known.join(", ")),
                };
                faults
                    .push(Fault::error("unknown-key", root.key_span(&at), format!("unknown key `{key}`")).label("unknown key").hint(hint));
            }
            continue;
        }
        let span = root.at(&path).map_or(root.span, |node| node.span);
        let span = if span.len == 0 { root.key_span(&path) } else { span };
        faults.push(
            Fault::error("wrong-shape", span.first_line(text), format!("invalid inventory: {error}"))
                .label("here")
                .hint("see `halligan schema --inventory`"),
        );
    }
}

/// The keys that the schema knows where it refused one.
pub(super) fn properties(schema_path: &str) -> Vec<String> {
    let holder = schema_path.rfind('/').map_or("", |at| &schema_path[..at]);
    let of = |pointer: &str| SCHEMA.pointer(pointer).and_then(|schema| schema.get("properties")?.as_object()).cloned();
    of(holder).unwrap_or_default().into_iter().map(|(key, _)| key).collect()
}

impl Inventory {
    /// Reads an inventory's text. There is an inventory exactly when the report holds no error.
    #[must_use]
    pub fn parse(source: SourceText) -> (Option<Self>, Report) {
        let source::Parsed { root, mut faults, usable } = source::read(&source.text);
        let inventory = root.filter(|_| usable).and_then(|root| from_tree(&source, &root, &mut faults));
        let report = Report::new(source, faults);
        (inventory.filter(|_| report.errors() == 0), report)
    }
}
