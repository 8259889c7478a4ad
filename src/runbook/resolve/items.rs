//! What a loop goes through, and the name of the item at hand.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    resolver::Resolver,
    scope::NameScope,
    value::{Field, field, key_of, span_of},
};
use crate::{
    expression,
    runbook::{
        diagnostic::Fault,
        document::{self, ListedItem, Scalar},
        model::{ItemList, Items, Span, Template},
        name::Name,
        node::Node,
        value::plain,
    },
};

/// What an item is called: itself, or a map's `name` or `id`.
fn label(item: &Value) -> Option<String> {
    match item {
        Value::Object(map) => ["name", "id"].iter().find_map(|key| map.get(*key).filter(|value| !value.is_null())).map(plain),
        other => Some(plain(other)),
    }
}

impl Resolver<'_> {
    /// What is gone through, and how each of it is called.
    pub(super) fn looped(
        &mut self,
        items: Option<&document::ItemList>,
        name: Option<&String>,
        label: Option<&String>,
        node: &Node,
        scope: &NameScope,
    ) -> Option<Items> {
        let list = self.items(items, label.is_some(), node, scope);
        let variable = self.loop_variable(name, node, scope);
        let label = field(node, "label", label).map(|field| self.label(field, name.map_or("item", String::as_str), scope));
        Some(Items { list, name: variable?, label })
    }

    /// What an item is called: of each another, and the same when a run is resumed.
    fn label(&mut self, label: Field<'_>, variable: &str, scope: &NameScope) -> Template {
        let scope = scope.with_local(variable);
        if let Ok(names) = expression::names_in_template(label.text) {
            let lasting = |root: &String| root == "params" || scope.locals.contains(root);
            if let Some(other) = names.roots().iter().find(|root| !lasting(root)) {
                let span = self.locate(label.span, other);
                self.faults.push(
                    Fault::error("bad-label", span, format!("`label` depends on `{other}`, which a resumed run may find different"))
                        .label("may change")
                        .hint("use only the loop variable and `params`; put what else the label needs into the items"),
                );
            } else if !names.roots().contains(variable) {
                self.faults.push(
                    Fault::error("bad-label", label.span.first_line(self.text), "`label` is the same for every item")
                        .label("does not name the item")
                        .hint(format!("use the loop variable: \"{{{{ {variable} }}}}\"")),
                );
            }
        }
        self.template(label, &scope)
    }

    /// The name of a loop variable.
    fn loop_variable(&mut self, name: Option<&String>, node: &Node, scope: &NameScope) -> Option<Name> {
        let text = name.map_or("item", String::as_str);
        let span = if node.has("as") { span_of(node, "as") } else { node.span.first_line(self.text) };
        if let Some(given) = self.given.get(text) {
            let first = given.span;
            self.faults.push(
                Fault::error("duplicate-id", span, format!("loop variable `{text}` has the name of a step or probe"))
                    .label("second use")
                    .also(first, format!("first use of `{text}`"))
                    .hint("choose another name with `as`"),
            );
        } else if scope.locals.iter().any(|local| local == text) {
            self.faults.push(
                Fault::error("duplicate-id", span, format!("loop variable `{text}` shadows that of an outer loop"))
                    .label("shadows the outer one")
                    .hint("choose another name with `as`"),
            );
        }
        self.parameter_name("loop variable", text, span);
        Name::new(text).ok()
    }

    /// A list to go through. What is `labelled` needs no name of its own.
    fn items(&mut self, items: Option<&document::ItemList>, labelled: bool, node: &Node, scope: &NameScope) -> ItemList {
        let span = span_of(node, "items");
        match items {
            None => ItemList::Literal(Vec::new()),
            Some(document::ItemList::Expression(text)) => {
                if expression::whole(text).is_none() && (!text.contains("{{") || expression::check_template(text).is_ok()) {
                    self.faults.push(
                        Fault::error("bad-items", span.first_line(self.text), "`items` must be a list or one expression")
                            .label("not a list")
                            .hint("write a list, or one expression that returns a list: \"{{ params.hosts }}\""),
                    );
                    return ItemList::Expression(Template { text: text.as_str().into(), span });
                }
                ItemList::Expression(self.template(Field { key: "items", text, span }, scope))
            }
            Some(document::ItemList::Literal(list)) => {
                let mut all = Vec::new();
                let mut labels: BTreeMap<String, Span> = BTreeMap::new();
                for (index, item) in list.iter().enumerate() {
                    let span = node.get("items").and_then(|list| list.item(index)).map_or(span, |item| item.span).first_line(self.text);
                    let value = match item {
                        ListedItem::Scalar(Scalar::Int(number)) => Value::from(*number),
                        ListedItem::Scalar(Scalar::Text(text)) => Value::from(text.as_str()),
                        ListedItem::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
                    };
                    if expression::is_dynamic(&plain(&value)) {
                        self.faults.push(
                            Fault::error("bad-items", span, "templates in a literal list are not evaluated")
                                .label("not evaluated")
                                .hint("write one expression for the whole list: \"{{ [params.a, params.b] }}\""),
                        );
                    }
                    if labelled {
                        all.push(value);
                        continue;
                    }
                    let Some(label) = label(&value) else {
                        self.faults.push(
                            Fault::error("bad-items", span, format!("item {} of `items` has neither `name` nor `id`", index + 1))
                                .label("what is this item called?")
                                .hint("give each map a `name` of its own, or write a `label` beside `items`"),
                        );
                        continue;
                    };
                    // A place names one item, by its text.
                    if let Some(first) = labels.insert(label.clone(), span) {
                        self.faults.push(
                            Fault::error("duplicate-item", span, format!("`items`: two items are called `{label}`"))
                                .label("second item of this name")
                                .also(first, "first item of this name")
                                .hint("list each item once"),
                        );
                    }
                    all.push(value);
                }
                if list.is_empty() && node.get("items").is_some_and(|list| list.items().is_empty()) {
                    self.faults.push(
                        Fault::error("bad-items", key_of(node, "items"), "`items` is empty")
                            .label("empty list")
                            .hint("add at least one item"),
                    );
                }
                ItemList::Literal(all)
            }
        }
    }
}
