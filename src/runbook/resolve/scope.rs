//! What an expression may refer to at the point where it stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::resolver::{GivenName, Resolver};
use crate::{
    expression::{Names, name::nearest},
    runbook::{
        diagnostic::Fault,
        model::{Output, Probe, Span},
        name::IDENTITY,
    },
};

/// What is known of a step or probe by later expressions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub fields: &'static [&'static str],
    pub output: Option<Output>,
}

const COMMAND: &[&str] = &["ok", "code", "output", "stdout", "stderr", "ran"];
const LIST: &[&str] = &["ok", "ran", "results"];
const REPORT: &[&str] = &["ok", "ran", "report", "output"];
const TYPED: &[&str] = &["ok", "ran", "output"];
const PLAIN: &[&str] = &["ok", "ran"];
/// What is known of the inventory; its names are known when it is read.
const INVENTORY: &[&str] = &["hosts", "groups"];
/// What is known of the run itself.
const RUN: &[&str] = &["id", "operator", "host", "started"];

impl Shape {
    /// What is known of a probe that was asked.
    pub(super) fn of(probe: &Probe) -> Self {
        match (&probe.for_each, &probe.command) {
            (Some(_), _) => Self::list(),
            (None, Some(command)) => Self::command(command.output),
            (None, None) => Self::plain(),
        }
    }
    /// What is known of a step that is done in this way or in that: its output is JSON where each prints something else.
    pub(super) fn or(self, other: Self) -> Self {
        match (self.output, other.output) {
            (Some(one), Some(two)) if one != two => Self { output: Some(Output::Json), ..self },
            _ => self,
        }
    }
    pub(super) fn command(output: Output) -> Self {
        Self { fields: COMMAND, output: Some(output) }
    }
    pub(super) fn list() -> Self {
        Self { fields: LIST, output: None }
    }
    pub(super) fn report() -> Self {
        Self { fields: REPORT, output: Some(Output::Text) }
    }
    pub(super) fn typed() -> Self {
        Self { fields: TYPED, output: Some(Output::Text) }
    }
    pub(super) fn plain() -> Self {
        Self { fields: PLAIN, output: None }
    }
}

/// The names at one point of the runbook. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct NameScope {
    pub results: Arc<BTreeMap<String, Shape>>,
    /// Loop variables, and the groups of a progress pattern.
    pub locals: Arc<Vec<String>>,
    /// `output`, `code`, `stdout` and `stderr` are in scope, and `output` is this.
    pub own: Option<Output>,
}

impl NameScope {
    #[must_use]
    pub(super) fn with_local(&self, name: &str) -> Self {
        let mut inner = self.clone();
        Arc::make_mut(&mut inner.locals).push(name.to_owned());
        inner
    }

    #[must_use]
    pub(super) fn with_own(&self, output: Option<Output>) -> Self {
        Self { own: output, ..self.clone() }
    }

    #[must_use]
    pub(super) fn with_result(&self, id: &str, shape: Shape) -> Self {
        let mut inner = self.clone();
        Arc::make_mut(&mut inner.results).insert(id.to_owned(), shape);
        inner
    }
}

/// Whether a secret may be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretUse {
    Allowed,
    Refused,
}

impl Resolver<'_> {
    /// Checks every name that an expression refers to.
    pub(super) fn references(&mut self, names: &Names, scope: &NameScope, at: Span, secrets: SecretUse) {
        for name in names.iter() {
            let span = self.locate(at, name);
            self.reference(name, scope, span, &mut BTreeSet::new(), None);
            if secrets == SecretUse::Refused
                && let Some((secret, via)) = self.secret_in(name, &mut BTreeSet::new())
            {
                let through = via.map(|var| format!(", through `vars.{var}`")).unwrap_or_default();
                self.faults.push(
                    Fault::error("secret-exposed", span, format!("the secret `params.{secret}` would be visible here{through}"))
                        .label("a secret")
                        .hint("pass a secret to a command only through `env` or `stdin`"),
                );
            }
        }
    }

    fn reference(&mut self, name: &str, scope: &NameScope, at: Span, seen: &mut BTreeSet<String>, via: Option<&str>) {
        if !self.may_follow() {
            return;
        }
        let mut parts = name.split('.');
        let root = parts.next().unwrap_or_default();
        let field = parts.next();
        match root {
            "params" => self.param(field, at),
            "vars" => self.var(field, scope, at, seen),
            "run" => {
                if let Some(field) = field.filter(|field| !RUN.contains(field)) {
                    self.no_field("run", field, RUN, at);
                }
            }
            "inventory" => {
                if let Some(field) = field.filter(|field| !INVENTORY.contains(field)) {
                    self.no_field("inventory", field, INVENTORY, at);
                }
            }
            "output" | "code" | "stdout" | "stderr" => match scope.own {
                None => self.faults.push(
                    Fault::error("not-in-scope", at, format!("`{root}` is available only inside the probe or wait with the command"))
                        .label("not available here")
                        .hint(format!("write `ID.{root}` for the result of an earlier step or probe")),
                ),
                Some(output) if root == "output" => self.inside_output(root, output, field, at),
                Some(_) => {}
            },
            _ if scope.locals.iter().any(|local| local == root) => {}
            _ => match scope.results.get(root).copied() {
                Some(shape) => match field {
                    Some(field) if !shape.fields.contains(&field) => self.no_field(root, field, shape.fields, at),
                    Some("output") => {
                        self.inside_output(&format!("{root}.output"), shape.output.unwrap_or(Output::Json), parts.next(), at);
                    }
                    _ => {}
                },
                None => self.unknown(root, scope, at, via),
            },
        }
    }

    fn no_field(&mut self, owner: &str, field: &str, known: &[&str], at: Span) {
        let hint = nearest(field, known.iter().copied())
            .map_or_else(|| format!("`{owner}` has the fields {}", known.join(", ")), |near| format!("did you mean `{owner}.{near}`?"));
        self.faults.push(Fault::error("no-such-field", at, format!("`{owner}` has no field `{field}`")).label("no such field").hint(hint));
    }

    fn inside_output(&mut self, owner: &str, output: Output, field: Option<&str>, at: Span) {
        let what = match output {
            Output::Json => return,
            Output::Text => "text",
            Output::Lines => "a list of lines",
            Output::Int => "a number",
        };
        if let Some(field) = field {
            self.faults.push(
                Fault::error("no-such-field", at, format!("`{owner}` is {what} and has no field `{field}`"))
                    .label("no such field")
                    .hint("set `output: json` on the command if it prints JSON"),
            );
        }
    }

    fn param(&mut self, field: Option<&str>, at: Span) {
        let Some(field) = field else {
            self.used_params.extend(self.params.keys().cloned());
            return;
        };
        if self.params.contains_key(field) {
            self.used_params.insert(field.to_owned());
        } else if !self.incomplete {
            let hint = nearest(field, self.params.keys().map(String::as_str))
                .map_or_else(|| "declare it under `params`".to_owned(), |near| format!("did you mean `params.{near}`?"));
            self.faults
                .push(Fault::error("unknown-name", at, format!("unknown parameter `{field}`")).label("unknown parameter").hint(hint));
        }
    }

    fn var(&mut self, field: Option<&str>, scope: &NameScope, at: Span, seen: &mut BTreeSet<String>) {
        let Some(field) = field else {
            let all: Vec<String> = self.vars.keys().cloned().collect();
            for var in all {
                self.var(Some(&var), scope, at, seen);
            }
            return;
        };
        let Some((names, _)) = self.vars.get(field).cloned() else {
            if !self.incomplete {
                let hint = nearest(field, self.vars.keys().map(String::as_str))
                    .map_or_else(|| "declare it under `vars`".to_owned(), |near| format!("did you mean `vars.{near}`?"));
                self.faults
                    .push(Fault::error("unknown-name", at, format!("unknown variable `{field}`")).label("unknown variable").hint(hint));
            }
            return;
        };
        self.used_vars.insert(field.to_owned());
        if seen.insert(field.to_owned()) {
            // A variable is evaluated where it is used, and it never sees `output`: that is said where it is declared.
            let scope = scope.with_own(Some(Output::Json));
            for name in names.iter() {
                // What nowhere exists is said where the variable is declared.
                if self.exists_somewhere(name) {
                    self.reference(name, &scope, at, seen, Some(field));
                }
            }
        }
    }

    /// Whether there is any point in the file at which this name is known.
    fn exists_somewhere(&self, name: &str) -> bool {
        let root = name.split('.').next().unwrap_or(name);
        match root {
            "params" | "run" | "inventory" => false,
            "vars" => name.split('.').nth(1).is_none_or(|var| self.vars.contains_key(var)),
            _ => self.given.contains_key(root) || self.loop_variables.contains(root),
        }
    }

    fn unknown(&mut self, root: &str, scope: &NameScope, at: Span, via: Option<&str>) {
        let through = via.map(|var| format!(" (used by `vars.{var}`)")).unwrap_or_default();
        let fault = match self.given.get(root) {
            Some(GivenName { kept: false, span, .. }) => {
                Fault::error("not-in-scope", at, format!("the result of `{root}` is shown but not kept{through}"))
                    .also(*span, format!("`{root}` is here"))
                    .hint("to use the result, make the probe a step before this one")
            }
            Some(GivenName { inside: Some(around), span, .. }) if scope.results.contains_key(around) => {
                Fault::error("not-in-scope", at, format!("`{root}` is available only inside the loop `{around}`{through}"))
                    .also(*span, format!("`{root}` is here"))
                    .hint(format!("use `{around}.results` for the results of the loop"))
            }
            Some(GivenName { span, .. }) => Fault::error("not-yet", at, format!("`{root}` has no result yet{through}"))
                .also(*span, format!("`{root}` runs here"))
                .hint(format!("move this after `{root}`, or use an earlier result")),
            None if self.loop_variables.contains(root) => {
                Fault::error("not-in-scope", at, format!("loop variable `{root}` is available only inside its loop{through}"))
                    .hint("use it only in the steps of the loop")
            }
            None if self.incomplete => return,
            None => {
                let known = scope.results.keys().map(String::as_str).chain(scope.locals.iter().map(String::as_str));
                let known = known.chain(["params", "vars", "run", "inventory"]);
                let hint = if self.params.contains_key(root) {
                    format!("did you mean `params.{root}`?")
                } else if self.vars.contains_key(root) {
                    format!("did you mean `vars.{root}`?")
                } else if root == IDENTITY {
                    "the runbook has no `identity`: add it at the top".to_owned()
                } else if let Some(near) = nearest(root, known) {
                    format!("did you mean `{near}`?")
                } else {
                    "available: `params`, `vars`, `run`, `inventory`, earlier results by id, the loop variable".to_owned()
                };
                Fault::error("unknown-name", at, format!("unknown name `{root}`{through}")).hint(hint)
            }
        };
        self.faults.push(fault.label("not available here"));
    }

    /// The secret parameter that a name leads to, and the variable that leads there.
    pub(super) fn secret_in(&self, name: &str, seen: &mut BTreeSet<String>) -> Option<(String, Option<String>)> {
        if !self.may_follow() {
            return None;
        }
        let mut parts = name.split('.');
        match (parts.next(), parts.next()) {
            (Some("params"), Some(field)) => self.params.get(field).filter(|secret| **secret).map(|_| (field.to_owned(), None)),
            (Some("params"), None) => self.params.iter().find(|(_, secret)| **secret).map(|(name, _)| (name.clone(), None)),
            (Some("vars"), var) => self.vars.iter().filter(|(name, _)| var.is_none_or(|var| var == *name)).find_map(|(var, (names, _))| {
                if !seen.insert(var.clone()) {
                    return None;
                }
                names.iter().find_map(|name| self.secret_in(name, seen)).map(|(secret, _)| (secret, Some(var.clone())))
            }),
            _ => None,
        }
    }

    /// Where in a node's text a name stands, as nearly as it can be found.
    pub(super) fn locate(&self, at: Span, name: &str) -> Span {
        let raw = self.text.get(at.offset..at.offset + at.len).unwrap_or_default();
        let root = name.split('.').next().unwrap_or(name);
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        for needle in [name, root] {
            for (found, _) in raw.match_indices(needle) {
                let before = raw[..found].chars().next_back().is_some_and(word);
                let after = raw[found + needle.len()..].chars().next().is_some_and(|c| word(c) && c != '.');
                if !before && !after {
                    return Span { offset: at.offset + found, len: needle.len() };
                }
            }
        }
        at.first_line(self.text)
    }
}
