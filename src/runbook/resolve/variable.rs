//! Variables: what they refer to, circles among them, and those that nobody uses.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    resolver::Resolver,
    scope::{NameScope, SecretUse},
    value::{Field, key_of, span_of},
};
use crate::{
    expression,
    runbook::{diagnostic::Fault, document::Document, model::Template, node::Node},
};

/// Through so many variables one leads at most.
pub(crate) const VARIABLE_DEPTH: usize = 32;

impl Resolver<'_> {
    /// Variables are evaluated where they are used, so only what can never be known is a fault here.
    pub(super) fn vars(&mut self, document: &Document, root: &Node) -> IndexMap<String, Template> {
        let node = root.get("vars").unwrap_or(root);
        let mut all = IndexMap::new();
        for (name, text) in &document.vars {
            let span = span_of(node, name);
            self.parameter_name("variable", name, key_of(node, name));
            all.insert(name.clone(), Template { text: text.as_str().into(), span });
            let names = expression::check_template(text).unwrap_or_default();
            self.vars.insert(name.clone(), (names, span));
        }
        if !self.shallow() {
            return all;
        }
        // Everything that exists anywhere is in this scope.
        let given = self.given.iter().filter(|(_, given)| given.kept).map(|(id, _)| id.clone());
        let anywhere = NameScope { locals: Arc::new(self.loop_variables.iter().cloned().chain(given).collect()), ..NameScope::default() };
        let used = (self.used_params.clone(), self.used_vars.clone());
        for (name, text) in &document.vars {
            let span = span_of(node, name);
            self.template_with(Field { key: name, text, span }, &anywhere, SecretUse::Allowed);
            if let Some(round) = self.cycle(name) {
                self.faults.push(
                    Fault::error("cycle", span.first_line(self.text), format!("`vars.{name}` refers to itself: {round}"))
                        .label("circular reference")
                        .hint("break the circle: one of these variables must not use the others"),
                );
            }
        }
        // What only an unused variable refers to is not used.
        (self.used_params, self.used_vars) = used;
        all
    }

    /// Whether each variable leads only through as many others as are followed when it is evaluated. What leads back to itself is
    /// another fault.
    pub(super) fn shallow(&mut self) -> bool {
        let mut heights: HashMap<String, usize> = HashMap::new();
        let deep = self.vars.iter().find(|(name, _)| self.height(name, &mut Vec::new(), &mut heights).is_none());
        let Some((name, (_, span))) = deep.map(|(name, found)| (name.clone(), found.clone())) else { return true };
        self.faults.push(
            Fault::error(
                "too-deep",
                span.first_line(self.text),
                format!("`vars.{name}` leads through more than {VARIABLE_DEPTH} variables"),
            )
            .label("too deep")
            .hint("join some of them"),
        );
        false
    }

    /// How many variables stand on one another from this one on; `None` if there are too many.
    fn height(&self, name: &str, way: &mut Vec<String>, heights: &mut HashMap<String, usize>) -> Option<usize> {
        if let Some(height) = heights.get(name) {
            return Some(*height);
        }
        let Some((names, _)) = self.vars.get(name) else { return Some(0) };
        if way.iter().any(|before| before == name) {
            return Some(0);
        }
        if way.len() >= VARIABLE_DEPTH {
            return None;
        }
        way.push(name.to_owned());
        let mut most = 0;
        for next in names.iter().filter_map(|name| name.strip_prefix("vars.")).map(|name| name.split('.').next().unwrap_or(name)) {
            most = most.max(self.height(next, way, heights)?);
        }
        way.pop();
        heights.insert(name.to_owned(), most + 1);
        (most < VARIABLE_DEPTH).then_some(most + 1)
    }

    /// The way from a variable back to itself.
    fn cycle(&self, name: &str) -> Option<String> {
        let mut way = vec![name.to_owned()];
        let mut seen = BTreeSet::new();
        self.round(name, name, &mut way, &mut seen).then(|| way.join(" → "))
    }

    fn round(&self, from: &str, to: &str, way: &mut Vec<String>, seen: &mut BTreeSet<String>) -> bool {
        let Some((names, _)) = self.vars.get(from) else { return false };
        for next in names.iter().filter_map(|name| name.strip_prefix("vars.")).map(|name| name.split('.').next().unwrap_or(name)) {
            if !self.may_follow() {
                return false;
            }
            way.push(next.to_owned());
            if next == to || (seen.insert(next.to_owned()) && self.round(next, to, way, seen)) {
                return true;
            }
            way.pop();
        }
        false
    }

    pub(super) fn unused(&mut self, root: &Node) {
        if self.incomplete {
            return;
        }
        let used_by_vars: Vec<String> = self
            .vars
            .iter()
            .filter(|(name, _)| self.used_vars.contains(*name))
            .flat_map(|(_, (names, _))| names.iter().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        for name in used_by_vars {
            match name.strip_prefix("params.") {
                Some(param) => drop(self.used_params.insert(param.split('.').next().unwrap_or(param).to_owned())),
                None if name == "params" => self.used_params.extend(self.params.keys().cloned()),
                None => {}
            }
        }
        for (key, what, names, used) in [
            ("params", "parameter", self.params.keys().collect::<Vec<_>>(), &self.used_params),
            ("vars", "variable", self.vars.keys().collect::<Vec<_>>(), &self.used_vars),
        ] {
            let Some(map) = root.get(key) else { continue };
            for name in names.into_iter().filter(|name| !used.contains(*name)) {
                self.faults.push(
                    Fault::warning("unused", key_of(map, name), format!("unused {what} `{name}`"))
                        .label("unused")
                        .hint("use or remove it: unused parameters still prompt the operator"),
                );
            }
        }
    }
}
