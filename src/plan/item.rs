//! What a loop or a probe goes through: values of which each has a label of its own, by which its place names it.

use std::collections::BTreeMap;

use minijinja::{Value, value::ValueKind};

use super::scope::{Evaluated, Scope};
use crate::{
    event::texts::recorded_length,
    expression,
    runbook::model::{ItemList, Items},
    secret::Secrets,
};

/// So many characters of two items that are called alike are shown.
const SHOWN: usize = 120;

/// The longest label, in bytes of its record: it stands in places and cannot be cut there.
const LONGEST_LABEL: usize = 1 << 10;

/// The longest that all labels of a loop may be together, in bytes of their record.
const LONGEST_LABELS: usize = 8 << 20;

/// A value that a loop goes through, and what it is called in places and records, which hold no secret.
#[derive(Debug, Clone)]
pub(crate) struct LabelledItem {
    label: String,
    pub value: Value,
}

impl LabelledItem {
    #[must_use]
    pub(crate) fn label(&self) -> &str {
        &self.label
    }
}

/// Items of which no two are called alike: a place names one of them, and never two.
#[derive(Debug, Clone, Default)]
pub(crate) struct DistinctItems(Vec<LabelledItem>);

impl DistinctItems {
    /// Gives each value its label: the value itself; of a map, its `name` or `id`.
    ///
    /// # Errors
    /// As for [`DistinctItems::labelled`]; names the first map without a name, too.
    pub(crate) fn of(values: impl IntoIterator<Item = Value>, secrets: &Secrets) -> Result<Self, String> {
        Self::labelled(values, secrets, |value| match named(value) {
            Some(name) => Ok(name.to_string()),
            None if value.kind() == ValueKind::Map => {
                let shown = shown(value, secrets);
                Err(format!("has neither `name` nor `id`, by which it would be called: {shown}; give each item a `name` of its own"))
            }
            None => Ok(value.to_string()),
        })
    }

    /// Gives each value the label that is said for it.
    ///
    /// # Errors
    /// Names the first item without a value or a label, the first two that are called alike, or the first label that is too long
    /// to be recorded; or all together are.
    pub(crate) fn labelled(
        values: impl IntoIterator<Item = Value>,
        secrets: &Secrets,
        mut label: impl FnMut(&Value) -> Result<String, String>,
    ) -> Result<Self, String> {
        let mut items = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            if value.is_none() || value.is_undefined() {
                return Err(format!("item {} has no value; leave it out, or give it one", index + 1));
            }
            let mut label = label(&value).map_err(|why| format!("item {} {why}", index + 1))?;
            if label.trim().is_empty() {
                return Err(format!("item {} has an empty name; a place could not name it", index + 1));
            }
            secrets.hide(&mut label);
            items.push(LabelledItem { label, value });
        }
        if let Some(at) = items.iter().position(|item| recorded_length([item.label()]) > LONGEST_LABEL) {
            let bytes = items[at].label.len();
            return Err(format!("the name of item {} has {bytes} bytes; the limit is {LONGEST_LABEL}", at + 1));
        }
        if recorded_length(items.iter().map(LabelledItem::label)) > LONGEST_LABELS {
            return Err(format!("the names of the loop's {} items exceed the limit of {} MiB together", items.len(), LONGEST_LABELS >> 20));
        }
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            if let Some(before) = first.insert(&item.label, index) {
                return Err(format!(
                    "items {} and {} are both called `{}`: {} and {}; give each item a name of its own, or list it once",
                    before + 1,
                    index + 1,
                    item.label,
                    shown(&items[before].value, secrets),
                    shown(&item.value, secrets)
                ));
            }
        }
        Ok(Self(items))
    }

    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &LabelledItem> {
        self.0.iter()
    }

    #[must_use]
    pub(crate) fn into_vec(self) -> Vec<LabelledItem> {
        self.0
    }

    /// The same, those that belong together one after the other: in the order in which the first of each group stands. Returns how
    /// many each group has.
    pub(crate) fn grouped<K: Ord>(self, keys: impl IntoIterator<Item = K>) -> (Self, Vec<usize>) {
        let mut order: BTreeMap<K, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<LabelledItem>> = Vec::new();
        for (item, key) in self.0.into_iter().zip(keys) {
            let group = *order.entry(key).or_insert(groups.len());
            match groups.get_mut(group) {
                Some(group) => group.push(item),
                None => groups.push(vec![item]),
            }
        }
        let counts = groups.iter().map(Vec::len).collect();
        (Self(groups.into_iter().flatten().collect()), counts)
    }

    /// Those of these labels, in their order.
    ///
    /// # Errors
    /// Names the first label that is not among them, or that stands there twice: older versions took two items for one.
    pub(crate) fn called<'l>(self, labels: impl IntoIterator<Item = &'l String>) -> Result<Self, &'l str> {
        let mut left: BTreeMap<String, LabelledItem> = self.0.into_iter().map(|item| (item.label.clone(), item)).collect();
        labels.into_iter().map(|label| left.remove(label).ok_or(label.as_str())).collect::<Result<_, _>>().map(Self)
    }
}

/// The items of a loop or a probe.
///
/// # Errors
/// They cannot be evaluated, are no list, or two of them are called alike.
pub(crate) fn list_of(items: &Items, scope: &Scope, secrets: &Secrets) -> Result<Evaluated<DistinctItems>, String> {
    let template = match &items.list {
        ItemList::Literal(list) => return labelled(items, list.iter().map(expression::from_json), scope, secrets),
        ItemList::Expression(template) => template,
    };
    let value = match scope.render(template).map_err(|error| format!("the items cannot be evaluated: {error}"))? {
        Evaluated::Known(value) => value,
        Evaluated::Unknown(needs) => return Ok(Evaluated::Unknown(needs)),
    };
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let values = value.try_iter().map_err(|error| error.to_string())?;
            labelled(items, values, scope, secrets)
        }
        kind => Err(format!("the items must be a list, not a {kind}")),
    }
}

/// Values with what each is called.
fn labelled(
    items: &Items,
    values: impl Iterator<Item = Value>,
    scope: &Scope,
    secrets: &Secrets,
) -> Result<Evaluated<DistinctItems>, String> {
    let Some(label) = &items.label else { return DistinctItems::of(values, secrets).map(Evaluated::Known) };
    let mut scope = scope.clone();
    let mut unknown = Vec::new();
    let items = DistinctItems::labelled(values, secrets, |value| {
        scope.set(items.name.as_str(), value.clone());
        match scope.text(label) {
            Ok(Evaluated::Known(text)) => Ok(text),
            Ok(Evaluated::Unknown(needs)) => {
                unknown = needs;
                Err("has no label yet".to_owned())
            }
            Err(error) => Err(format!("has no label: {error}")),
        }
    });
    if unknown.is_empty() { items.map(Evaluated::Known) } else { Ok(Evaluated::Unknown(unknown)) }
}

/// The beginning of an item, without secrets.
fn shown(value: &Value, secrets: &Secrets) -> String {
    let mut text = value.to_string();
    secrets.hide(&mut text);
    text.chars().take(SHOWN).collect()
}

/// The `name` or `id` of an item.
fn named(item: &Value) -> Option<Value> {
    ["name", "id"].iter().find_map(|key| item.get_attr(key).ok().filter(|value| !value.is_undefined() && !value.is_none()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(json: serde_json::Value) -> Result<DistinctItems, String> {
        DistinctItems::of(expression::from_json(&json).try_iter().unwrap(), &Secrets::default())
    }

    #[test]
    fn two_items_of_one_label_are_refused_and_both_named() {
        for (list, called) in [
            (serde_json::json!([{"name": "data", "ns": "a"}, {"name": "logs"}, {"name": "data", "ns": "b"}]), "data"),
            (serde_json::json!([{"id": 3, "x": 1}, {"id": "3", "x": 2}]), "3"),
            (serde_json::json!([1, "1"]), "1"),
            (serde_json::json!(["sdb", "sdb"]), "sdb"),
        ] {
            let refused = of(list.clone()).unwrap_err();
            assert!(refused.contains(&format!("are both called `{called}`")), "{refused}");
            assert!(refused.starts_with("items 1 and "), "{refused}");
        }
        let refused = of(serde_json::json!([{"name": "data", "ns": "a"}, {"name": "data", "ns": "b"}])).unwrap_err();
        assert!(refused.contains("'ns': 'a'") && refused.contains("'ns': 'b'"), "{refused}");
    }

    #[test]
    fn two_secrets_are_masked_to_one_label_and_are_refused_unseen() {
        let secrets = Secrets::new(["hunter22", "hunter33"].into_iter());
        let refused = DistinctItems::of(["hunter22", "hunter33"].map(Value::from), &secrets).unwrap_err();
        assert!(!refused.contains("hunter"), "{refused}");
    }

    #[test]
    fn what_is_recorded_twice_is_not_found_twice() {
        let items = of(serde_json::json!(["a", "b", "c"])).unwrap();
        let called = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
            items
                .clone()
                .called(&labels)
                .map(|found| found.iter().map(|item| item.label().to_owned()).collect::<Vec<_>>())
                .map_err(str::to_owned)
        };
        assert_eq!(called(&["c", "a"]), Ok(vec!["c".to_owned(), "a".to_owned()]));
        assert_eq!(called(&["a", "a"]), Err("a".to_owned()));
        assert_eq!(called(&["d"]), Err("d".to_owned()));
    }

    #[test]
    fn an_item_without_a_value_or_a_label_is_refused() {
        for (list, why) in [
            (serde_json::json!(["a", null]), "item 2 has no value"),
            (serde_json::json!([" "]), "item 1 has an empty name"),
            (serde_json::json!([{"disk": "sdb"}]), "item 1 has neither `name` nor `id`"),
        ] {
            let refused = of(list).unwrap_err();
            assert!(refused.starts_with(why), "{refused}");
        }
        let values = || [1, 2].map(Value::from);
        let secrets = Secrets::default();
        let called = DistinctItems::labelled(values(), &secrets, |value| Ok(format!("osd.{value}"))).unwrap();
        assert_eq!(called.iter().map(LabelledItem::label).collect::<Vec<_>>(), ["osd.1", "osd.2"]);
        let refused = DistinctItems::labelled(values(), &secrets, |_| Ok("osd".to_owned())).unwrap_err();
        assert!(refused.starts_with("items 1 and 2 are both called `osd`"), "{refused}");
    }

    proptest! {
        #[test]
        fn no_two_labels_are_alike(names in proptest::collection::vec("[ab]{0,2}", 0..6)) {
            let distinct: std::collections::BTreeSet<&String> = names.iter().filter(|name| !name.is_empty()).collect();
            let items = DistinctItems::of(names.iter().map(|name| Value::from(name.as_str())), &Secrets::default());
            prop_assert_eq!(items.is_ok(), distinct.len() == names.len());
        }
    }
}
