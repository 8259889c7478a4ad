//! Parameters: from what was given to one frozen, checked value each.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    expression::{self, name::nearest},
    runbook::{
        document::TypeName,
        model::{Parameter, Runbook},
    },
    secret::Secrets,
};

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Giver {
    /// `--set name=value`
    Flag,
    /// The `params` of a call or scenario
    File(String),
    /// A place in a file of parameters. What stands there is told by its place alone: it may be a secret, or a part of one.
    Place(String),
    /// An environment variable
    Environment(String),
    /// Asked for
    Prompt,
}

/// A value as it was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    Text(String),
    Typed(Value),
}

/// What was given, the most binding last: a later one replaces an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Given(BTreeMap<String, (Raw, Option<Giver>)>);

impl Given {
    pub fn add(&mut self, name: &str, raw: Raw, giver: Giver) {
        self.0.insert(name.to_owned(), (raw, Some(giver)));
    }

    pub(super) fn add_unless_given(&mut self, name: &str, raw: Raw, giver: Giver) {
        self.0.entry(name.to_owned()).or_insert((raw, Some(giver)));
    }
}

/// A value that cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {why}")]
pub struct BindingFault {
    /// Its name; where that may be a part of a secret, the place of it.
    pub parameter: String,
    pub why: String,
    pub hint: Option<String>,
}

/// Every parameter with its value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoundParams {
    values: IndexMap<String, Value>,
    secrets: Vec<String>,
}

impl BoundParams {
    /// The values for expressions.
    #[must_use]
    pub fn scope_value(&self) -> minijinja::Value {
        minijinja::Value::from_pairs(self.values.iter().map(|(name, value)| (name.clone(), expression::from_json(value))))
    }

    /// The values for the journal and the screen: secrets are `null`, and all of the plan's are masked where another value holds one.
    #[must_use]
    pub(super) fn shown(&self, secrets: &Secrets) -> BTreeMap<String, Value> {
        let show = |(name, value): (&String, &Value)| {
            let value = if self.secrets.contains(name) { Value::Null } else { secrets.mask_value(value) };
            (name.clone(), value)
        };
        self.values.iter().map(show).collect()
    }

    /// The parameters that are no secrets, and whose values hold one: they are shown in part only.
    #[must_use]
    pub(super) fn masked(&self, secrets: &Secrets) -> BTreeSet<String> {
        let shown = self.shown(secrets);
        let differs = |(name, value): &(&String, &Value)| !self.secrets.contains(name) && shown.get(*name) != Some(*value);
        self.values.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    }

    /// What must never be written anywhere, as far as it is this runbook's own: [`super::Plan::secrets`] has all.
    pub(crate) fn secret_values(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().filter_map(|name| self.values.get(name)).flat_map(|value| match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
            other => other.as_str().into_iter().collect(),
        })
    }
}

/// Binds what was given, and the defaults for the rest. Returns the parameters that have neither.
///
/// # Errors
/// Every fault: a value of the wrong type or outside its limits, a name that the runbook does not have.
pub fn bind<'a>(runbook: &'a Runbook, given: &Given) -> Result<(BoundParams, Vec<&'a Parameter>), Vec<BindingFault>> {
    bind_from(runbook, given, |_| true)
}

/// As [`bind`]; only these parameters are taken from the environment.
pub(super) fn bind_from<'a>(
    runbook: &'a Runbook,
    given: &Given,
    from_env: impl Fn(&Parameter) -> bool,
) -> Result<(BoundParams, Vec<&'a Parameter>), Vec<BindingFault>> {
    let mut faults: Vec<BindingFault> = given.0.iter().filter_map(|(name, (_, giver))| unknown(runbook, name, giver.as_ref())).collect();
    let mut bound = BoundParams::default();
    let mut missing = Vec::new();
    for parameter in &runbook.params {
        let name = parameter.name.as_str();
        let variable = parameter.from_env.as_deref().filter(|_| from_env(parameter));
        let from_env = variable.and_then(|variable| std::env::var(variable).ok().map(|text| (Raw::Text(text), variable)));
        let (raw, giver) = match (given.0.get(name), from_env) {
            (Some((raw, giver)), _) => (Some(raw.clone()), giver.clone()),
            (None, Some((raw, variable))) => (Some(raw), Some(Giver::Environment(variable.to_owned()))),
            (None, None) => (parameter.default.clone().map(Raw::Typed), None),
        };
        if parameter.kind == TypeName::Secret {
            bound.secrets.push(name.to_owned());
        }
        let value = match raw {
            None => {
                missing.push(parameter);
                continue;
            }
            Some(Raw::Text(text)) => parameter.read(&text),
            Some(Raw::Typed(value)) => parameter.take(&value),
        };
        match value {
            Ok(value) => {
                bound.values.insert(name.to_owned(), value);
            }
            Err(wrong) => {
                let list = if parameter.list { "a comma-separated list, each " } else { "" };
                faults.push(BindingFault {
                    parameter: name.to_owned(),
                    why: match giver {
                        Some(Giver::Place(place)) => format!("{} ({place})", wrong.unseen),
                        Some(Giver::File(file)) => format!("{wrong} (from {file})"),
                        Some(Giver::Environment(variable)) => format!("{wrong} (from ${variable})"),
                        Some(Giver::Flag | Giver::Prompt) | None => wrong.to_string(),
                    },
                    hint: Some(format!("{}: {list}{}", parameter.help, parameter.kind.words())),
                });
            }
        }
    }
    if faults.is_empty() {
        return Ok((bound, missing));
    }
    let secrets = Secrets::new(bound.secret_values());
    for fault in &mut faults {
        secrets.hide(&mut fault.why);
    }
    Err(faults)
}

/// A name that the runbook does not have.
fn unknown(runbook: &Runbook, name: &str, giver: Option<&Giver>) -> Option<BindingFault> {
    let known = runbook.params.iter().map(|parameter| parameter.name.as_str());
    if known.clone().any(|known| known == name) {
        return None;
    }
    let hint = nearest(name, known.clone()).map_or_else(
        || {
            let all: Vec<_> = known.collect();
            if all.is_empty() { "the runbook has no parameters".to_owned() } else { format!("parameters: {}", all.join(", ")) }
        },
        |near| format!("did you mean `{near}`?"),
    );
    // A secret of several lines that is not indented leaves names like this one.
    let parameter = if let Some(Giver::Place(place)) = giver { place.clone() } else { name.to_owned() };
    Some(BindingFault { parameter, why: format!("not a parameter of {}", runbook.name), hint: Some(hint) })
}
