//! Secrets of the runbooks that a runbook calls: bound when the plan is made, since what is not known by then is masked nowhere.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    plan::{
        binding::{BindingFault, BoundParams, Given, Giver, Raw, bind_from},
        scope::Scope,
    },
    runbook::{
        document::TypeName,
        model::{Call, Kind, Parameter, Runbook},
        name::{IDENTITY, RunbookName, StepId},
    },
};

/// The runbooks that are called, directly or not, by name.
pub(crate) type Called = BTreeMap<RunbookName, Arc<Runbook>>;

/// The secrets of called runbooks: of each runbook, by the parameter's name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CalledSecrets(BTreeMap<RunbookName, BTreeMap<String, String>>);

impl CalledSecrets {
    /// A value that somebody has given.
    pub(crate) fn add(&mut self, runbook: &RunbookName, parameter: &str, value: String) {
        self.0.entry(runbook.clone()).or_default().insert(parameter.to_owned(), value);
    }

    /// Takes what is not given from the environment variables that the runbooks name. Returns what has no value even then.
    ///
    /// # Errors
    /// Every value that its parameter does not take.
    pub fn complete<'a>(
        &mut self,
        runbook: &'a Runbook,
        called: &'a Called,
    ) -> Result<Vec<(&'a Runbook, &'a Parameter)>, Vec<BindingFault>> {
        let (mut missing, mut faults) = (Vec::new(), Vec::new());
        for (name, inner) in called {
            for parameter in inner.params.iter().filter(|parameter| parameter.kind == TypeName::Secret) {
                let known = self.0.get(name).and_then(|secrets| secrets.get(parameter.name.as_str())).cloned();
                let from_env = || parameter.from_env.as_deref().and_then(|variable| std::env::var(variable).ok());
                match known.or_else(from_env) {
                    Some(value) => match parameter.read(&value) {
                        Ok(_) => self.add(name, parameter.name.as_str(), value),
                        Err(wrong) => faults.push(BindingFault {
                            parameter: format!("{} of {name}", parameter.name),
                            why: wrong.unseen,
                            hint: Some(format!("{}: {}", parameter.help, parameter.kind.words())),
                        }),
                    },
                    // A run from before this was refused may give it a value: one that stands in the record anyway.
                    None if given_by_all(runbook, called, name, parameter) => {}
                    None => missing.push((&**inner, parameter)),
                }
            }
        }
        if faults.is_empty() { Ok(missing) } else { Err(faults) }
    }

    /// What must never be written anywhere.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(BTreeMap::values).map(String::as_str)
    }

    /// Binds the parameters of a runbook that is called. Its secrets are those that were bound when the plan was made.
    ///
    /// # Errors
    /// As for [`crate::plan::binding::bind`].
    pub(crate) fn bind<'a>(&self, runbook: &'a Runbook, given: &Given) -> Result<(BoundParams, Vec<&'a Parameter>), Vec<BindingFault>> {
        let mut given = given.clone();
        for (parameter, value) in self.0.get(&runbook.name).into_iter().flatten() {
            given.add_unless_given(parameter, Raw::Text(value.clone()), Giver::Prompt);
        }
        // Whatever the environment holds by now: a value that is bound only here is masked nowhere.
        bind_from(runbook, &given, |parameter| parameter.kind != TypeName::Secret)
    }
}

/// The calls that give a secret a value: the step, the runbook that it calls, and the parameter. The value comes from what is no
/// secret, so it stands in the record.
pub(crate) fn secrets_given<'a>(runbook: &'a Runbook, inner: &'a Runbook) -> impl Iterator<Item = (&'a str, &'a str)> {
    let secret = |name: &str| inner.params.iter().any(|parameter| parameter.name.as_str() == name && parameter.kind == TypeName::Secret);
    calls(runbook, &inner.name)
        .flat_map(|(step, call)| call.params.keys().map(move |name| (step, name.as_str())))
        .filter(move |(_, name)| secret(name))
}

fn calls<'a>(runbook: &'a Runbook, name: &RunbookName) -> impl Iterator<Item = (&'a str, &'a Call)> {
    runbook.all_steps().filter_map(move |step| match &step.kind {
        Kind::Call(call) if call.runbook == *name => Some((step.id.as_str(), call)),
        _ => None,
    })
}

fn given_by_all(runbook: &Runbook, called: &Called, name: &RunbookName, parameter: &Parameter) -> bool {
    let callers = std::iter::once(runbook).chain(called.values().map(|inner| &**inner));
    callers.flat_map(|caller| calls(caller, name)).all(|(_, call)| call.params.contains_key(parameter.name.as_str()))
}

/// The scope of a called runbook before it is called: nothing of it is known.
pub(super) fn unbound(called: &Runbook) -> Scope {
    let mut scope = Scope::new(Arc::new(called.vars.clone()));
    for name in ["params", "run", "inventory", IDENTITY]
        .into_iter()
        .chain(called.preflight.iter().filter_map(|probe| probe.id.as_ref().map(StepId::as_str)))
    {
        scope.set_unknown(name);
    }
    scope
}
