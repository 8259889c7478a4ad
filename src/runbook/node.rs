//! The tree of a YAML text: every node with the place where it stands.

use serde_json::Value;

use super::{diagnostic::Fault, document, model::Span};

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarForm {
    Plain,
    Quoted,
    /// `|` or `>`
    Block,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    Scalar { text: String, style: ScalarForm },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub span: Span,
    pub kind: NodeKind,
}

/// A key of a map with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

/// One step on the way from the root to a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    Index(usize),
    Key(String),
}

/// What serde makes of a scalar without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainScalar {
    Null,
    Bool,
    Int,
    Float,
    NotFinite,
    Text,
}

/// The type of a scalar without quotes, by the core schema of YAML 1.2.
#[must_use]
pub(crate) fn plain(text: &str) -> PlainScalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return PlainScalar::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return PlainScalar::Bool,
        ".nan" | ".NaN" | ".NAN" => return PlainScalar::NotFinite,
        _ => {}
    }
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(bare, ".inf" | ".Inf" | ".INF") {
        return PlainScalar::NotFinite;
    }
    let digits =
        |prefix: &str, radix| bare.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)));
    if digits("0x", 16) || digits("0o", 8) || digits("0b", 2) {
        return PlainScalar::Int;
    }
    if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) {
        // `0755` is text: an operator means the digits.
        return if bare.len() > 1 && bare.starts_with('0') { PlainScalar::Text } else { PlainScalar::Int };
    }
    if bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') && bare.parse::<f64>().is_ok_and(f64::is_finite) {
        return PlainScalar::Float;
    }
    PlainScalar::Text
}

impl Span {
    /// The part of it that stands on its first line.
    #[must_use]
    pub fn first_line(self, text: &str) -> Self {
        let shown = text.get(self.offset..self.offset + self.len).unwrap_or_default();
        Self { len: shown.lines().next().unwrap_or_default().trim_end().len(), ..self }
    }
}

impl Node {
    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            NodeKind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => &[],
        }
    }

    #[must_use]
    pub fn item(&self, index: usize) -> Option<&Self> {
        self.items().get(index)
    }

    /// The entry with this key; of two with one key, the last, which is also serde's choice.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| entry.key == key)
    }

    /// The same, to put something into it.
    pub(super) fn entry_mut(&mut self, key: &str) -> Option<&mut Entry> {
        match &mut self.kind {
            NodeKind::Map(entries) => entries.iter_mut().rev().find(|entry| entry.key == key),
            _ => None,
        }
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A list that is written out and has nothing in it.
    #[must_use]
    pub fn is_empty_list(&self) -> bool {
        matches!(&self.kind, NodeKind::List(items) if items.is_empty())
    }

    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The node at the end of a path.
    #[must_use]
    pub fn at(&self, path: &[Segment]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| match segment {
            Segment::Index(index) => node.item(*index),
            Segment::Key(key) => node.get(key),
        })
    }

    fn at_mut(&mut self, path: &[Segment]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, segment| match (&mut node.kind, segment) {
            (NodeKind::List(items), Segment::Index(index)) => items.get_mut(*index),
            (NodeKind::Map(entries), Segment::Key(key)) => {
                entries.iter_mut().rev().find(|entry| entry.key == *key).map(|entry| &mut entry.value)
            }
            _ => None,
        })
    }

    /// Where to point for the node at the end of a path: at the key if it has one, at the item otherwise.
    #[must_use]
    pub fn key_span(&self, path: &[Segment]) -> Span {
        match path.split_last() {
            Some((Segment::Key(key), parent)) => self.at(parent).and_then(|node| node.entry(key)).map(|entry| entry.key_span),
            _ => self.at(path).map(|node| node.span),
        }
        .unwrap_or(self.span)
    }

    /// Takes what is at the end of a path out of the tree and the value together. A map's entry stays in the tree, so that
    /// the key still counts as written.
    pub fn prune(&mut self, value: &mut Value, path: &[Segment]) {
        let Some((last, parent)) = path.split_last() else { return };
        let target = parent.iter().try_fold(value, |value, segment| match segment {
            Segment::Index(index) => value.get_mut(*index),
            Segment::Key(key) => value.get_mut(key),
        });
        match (target, last) {
            (Some(Value::Object(map)), Segment::Key(key)) => {
                map.shift_remove(key);
            }
            (Some(Value::Array(items)), Segment::Index(index)) if *index < items.len() => {
                items.remove(*index);
                if let Some(NodeKind::List(nodes)) = self.at_mut(parent).map(|node| &mut node.kind)
                    && *index < nodes.len()
                {
                    nodes.remove(*index);
                }
            }
            _ => {}
        }
    }

    /// The value of the text that this is the tree of; nothing if the two readers of YAML do not read the same, which is a fault.
    pub fn value(&self, text: &str, faults: &mut Vec<Fault>) -> Option<Value> {
        let value = match document::parse(text) {
            Ok(value) => value,
            Err(error) => {
                let offset = error.location().map_or(0, |at| at.index().min(text.len()));
                faults.push(
                    Fault::error("syntax", Span { offset, len: 0 }, format!("invalid YAML: {error}"))
                        .label("found here")
                        .hint("check indentation, quotes and brackets on this line and the one before it"),
                );
                return None;
            }
        };
        let before = faults.len();
        self.disagreements(&value, faults);
        (faults.len() == before).then_some(value)
    }

    /// Holds the tree against what serde read: two readers of YAML must not differ.
    pub fn disagreements(&self, value: &Value, faults: &mut Vec<Fault>) {
        let agree = match (&self.kind, value) {
            (NodeKind::Map(entries), Value::Object(map)) => {
                for entry in entries {
                    // An earlier one of two equal keys is a fault already.
                    if self.entry(&entry.key).is_some_and(|last| last.key_span == entry.key_span)
                        && let Some(value) = map.get(&entry.key)
                    {
                        entry.value.disagreements(value, faults);
                    }
                }
                entries.iter().all(|entry| map.contains_key(&entry.key)) && map.keys().all(|key| self.has(key))
            }
            (NodeKind::List(items), Value::Array(values)) => {
                for (item, value) in items.iter().zip(values) {
                    item.disagreements(value, faults);
                }
                items.len() == values.len()
            }
            (NodeKind::Scalar { text, style: ScalarForm::Quoted | ScalarForm::Block }, Value::String(read)) => text == read,
            (NodeKind::Scalar { text, style: ScalarForm::Plain }, read) => match (plain(text), read) {
                (PlainScalar::Text, Value::String(read)) => text == read,
                (PlainScalar::Null, Value::Null)
                | (PlainScalar::Bool, Value::Bool(_))
                | (PlainScalar::Int | PlainScalar::Float, Value::Number(_)) => true,
                _ => false,
            },
            _ => false,
        };
        if !agree {
            faults.push(
                Fault::error("ambiguous", self.span, "ambiguous YAML: this can be read in two ways")
                    .label("ambiguous")
                    .hint("quote the value, or write it on one line"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_yaml_1_2() {
        for (text, kind) in [
            ("", PlainScalar::Null),
            ("~", PlainScalar::Null),
            ("yes", PlainScalar::Text),
            ("on", PlainScalar::Text),
            ("True", PlainScalar::Bool),
            ("-12", PlainScalar::Int),
            ("0x1F", PlainScalar::Int),
            ("0755", PlainScalar::Text),
            ("1e3", PlainScalar::Float),
            (".5", PlainScalar::Float),
            ("-.inf", PlainScalar::NotFinite),
            ("inf", PlainScalar::Text),
            ("2026-11-01", PlainScalar::Text),
            ("1.2.3", PlainScalar::Text),
        ] {
            assert_eq!(plain(text), kind, "{text}");
        }
    }
}
