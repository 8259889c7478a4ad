//! Lists of items as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::value::Scalar;

/// A list of items, each handled in turn.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Items")]
pub(crate) struct ItemsDocument {
    /// The list: an expression in `{{ }}`, or the items themselves.
    #[schemars(required)]
    pub items: Option<ItemList>,
    /// The loop variable's name; else `item`.
    #[serde(rename = "as")]
    pub name: Option<String>,
    /// What each item is called, as a template in the loop variable: short, and of each item another. Else the item itself, or its
    /// `name` or `id`.
    pub label: Option<String>,
}

/// A list that is written out, or an expression that yields one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ItemList {
    Expression(String),
    Literal(Vec<ListedItem>),
}

/// An item that is written out: text, a whole number, or a map with a `name` or `id`, if there is no `label`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ListedItem {
    Scalar(Scalar),
    Map(IndexMap<String, Value>),
}
