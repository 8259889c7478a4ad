//! One step, several ways: its cases, and whether there is one for whatever may be chosen.

use indexmap::IndexMap;

use super::{
    resolver::Resolver,
    scope::{NameScope, Shape},
    value::{field, key_of, span_of},
};
use crate::runbook::{
    diagnostic::Fault,
    document,
    model::{Choices, Choose, Kind, Parameter, Step, TypeName},
    node::Node,
    value::plain,
};

/// What a case can be.
const WAYS: [&str; 5] = ["run", "shell", "probe", "wait", "manual"];

/// So many cases of a step: more are a table, and no runbook.
const MOST_CASES: usize = 50;

/// Every value that a parameter may have, as text; `None` where nobody can list them.
pub(super) fn values(parameter: &Parameter) -> Option<Vec<String>> {
    match (parameter.kind, &parameter.choices) {
        _ if parameter.list => None,
        (_, Some(Choices::Fixed(choices))) => Some(choices.iter().map(plain).collect()),
        (TypeName::Bool, None) => Some(vec!["true".to_owned(), "false".to_owned()]),
        _ => None,
    }
}

impl Resolver<'_> {
    /// The ways of a step. What the step says stands in each case already.
    pub(super) fn choose(&mut self, step: &document::Step, node: &Node, scope: &NameScope) -> (Option<Kind>, Shape) {
        let by = field(node, "choose", step.choose.as_ref()).map(|field| self.expression(field, scope));
        let list = node.get("cases");
        let count = list.map_or(0, |list| list.entries().len());
        if count == 0 || count > MOST_CASES {
            let (message, hint) = if count == 0 {
                (
                    "`choose` has no `cases`".to_owned(),
                    "add `cases`: a map of each value to the way in which the step is done then".to_owned(),
                )
            } else {
                (format!("a step has {count} cases, more than {MOST_CASES}"), "put what differs into a variable or a parameter".to_owned())
            };
            let at = key_of(node, if list.is_some() { "cases" } else { "choose" });
            self.faults.push(Fault::error("bad-cases", at, message).label("cases").hint(hint));
            return (None, Shape::plain());
        }
        let Some(list) = list else { return (None, Shape::plain()) };
        let mut cases: IndexMap<String, Step> = IndexMap::new();
        let mut shape: Option<Shape> = None;
        for (name, case) in &step.cases {
            let here = list.get(name).unwrap_or(list);
            if !WAYS.iter().any(|way| here.has(way)) {
                // What the shape check took out is no fault of its own.
                if !self.incomplete {
                    self.faults.push(
                        Fault::error("no-kind", key_of(list, name), format!("the case `{name}` does nothing"))
                            .label("no way to do the step here")
                            .hint(format!("add one of {}", WAYS.join(", "))),
                    );
                }
                continue;
            }
            let mut own = scope.clone();
            let Some(resolved) = self.step(case, here, &mut own) else { continue };
            if let Some(given) = own.results.get(resolved.id.as_str()) {
                shape = Some(shape.map_or(*given, |shape| shape.or(*given)));
            }
            if let Some((first, other)) = cases.first().filter(|(_, other)| other.kind() != resolved.kind()) {
                self.faults.push(
                    Fault::error("two-kinds", key_of(list, name), format!("the cases `{first}` and `{name}` are steps of different kinds"))
                        .label(format!("`{}`", resolved.kind().word()))
                        .also(key_of(list, first), format!("`{}`", other.kind().word()))
                        .hint("let all cases be commands, probes, waits, or work by hand; or write a step for each, with `when`"),
                );
            }
            cases.insert(name.clone(), Step { case: Some(name.clone()), ..resolved });
        }
        self.every_value_has_a_case(step, node, list);
        let whole = cases.len() == step.cases.len();
        let kind = by.filter(|_| whole).map(|by| Kind::Choose(Box::new(Choose { by, cases })));
        (kind, shape.unwrap_or_else(Shape::plain))
    }

    /// Where it is known what may be chosen, there is a case for each of it, and no other.
    fn every_value_has_a_case(&mut self, step: &document::Step, node: &Node, list: &Node) {
        let name = step.choose.as_deref().and_then(|by| by.trim().strip_prefix("params."));
        let Some((name, values)) = name.and_then(|name| self.values.get_key_value(name)) else { return };
        let missing: Vec<String> = values.iter().filter(|value| !list.has(value)).map(|value| format!("`{value}`")).collect();
        let mut faults = Vec::new();
        if !missing.is_empty() {
            let cases = if missing.len() == 1 { "the case" } else { "the cases" };
            faults.push(
                Fault::error("missing-case", key_of(node, "cases"), format!("missing {cases} {} of `params.{name}`", missing.join(", ")))
                    .label("not every value has a case")
                    .also(span_of(node, "choose"), "chosen by this")
                    .hint("add a case for each value that the parameter may have"),
            );
        }
        for entry in list.entries().iter().filter(|entry| !values.contains(&entry.key)) {
            faults.push(
                Fault::error("unknown-case", entry.key_span, format!("`params.{name}` is never `{}`", entry.key))
                    .label("never chosen")
                    .hint(format!("its values are {}", values.join(", "))),
            );
        }
        self.faults.extend(faults);
    }
}
