//! Whether what a scenario speaks of is there in its runbook.

use std::collections::BTreeSet;

use crate::{
    event::Place,
    expression::name::nearest,
    runbook::{
        model::{Kind, Runbook},
        name::{IDENTITY, PLAN},
    },
};

use super::{
    fault::{Mistake, ScenarioFault},
    scenario::Scenario,
};

impl Scenario {
    /// Whether a rule answers a query of the runbook that runs this program: then it is installed, unless the scenario lists what is.
    #[must_use]
    pub(super) fn answers_with(&self, program: &str, runbook: &Runbook) -> bool {
        let asked = self.rules.iter().filter_map(|rule| runbook.queries.get(rule.pattern.query()?));
        !self.programs.listed && asked.into_iter().any(|asked| asked == program)
    }

    /// Everything that the scenario names and the runbook does not have: an answer to a question that is never asked would
    /// otherwise pass unnoticed.
    #[must_use]
    pub fn check(&self, runbook: &Runbook) -> Vec<ScenarioFault> {
        let mut faults = Vec::new();
        let mut fault = |path: &str, mistake: Mistake| faults.push(mistake.at(&self.name, self.lines.get(path), path));
        if self.runbook != runbook.name {
            fault("runbook", format!("this is a scenario of {}, not of {}", self.runbook, runbook.name).into());
        }
        let params: BTreeSet<&str> = runbook.params.iter().map(|parameter| parameter.name.as_str()).collect();
        for name in self.params.keys().filter(|name| !params.contains(name.as_str())) {
            let what = format!("{} has no parameter `{name}`", runbook.name);
            fault(&format!("params.{name}"), Mistake { what, near: near(name, &params) });
        }
        // What stands in a called runbook is not known here.
        if runbook.all_steps().any(|step| matches!(step.kind, Kind::Call(_))) {
            return faults;
        }
        let rules = self.rules.iter().map(|rule| (rule.line.clone(), "commands", &rule.pattern));
        let ran = self.expect.ran.iter().map(|ran| (ran.line.clone(), "expect.ran", &ran.pattern));
        let never_ran = self.expect.never_ran.iter().map(|ran| (ran.line.clone(), "expect.never_ran", &ran.pattern));
        for (line, path, query) in
            rules.chain(ran).chain(never_ran).filter_map(|(line, path, pattern)| Some((line, path, pattern.query()?)))
        {
            if !runbook.queries.contains_key(query) {
                let near = nearest(query, runbook.queries.keys().map(String::as_str)).map(ToOwned::to_owned);
                let what = format!("{} has no query `{query}`", runbook.name);
                faults.push(Mistake { what, near }.at(&self.name, line, path));
            }
        }
        let mut fault = |path: &str, mistake: Mistake| faults.push(mistake.at(&self.name, self.lines.get(path), path));
        let names = names(runbook);
        let ids: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let expect = &self.expect;
        let named = (self.answers.keys().map(|key| (format!("answers.{key}"), key.as_str())))
            .chain(self.overrides.keys().map(|key| (format!("overrides.{key}"), key.as_str())))
            .chain(self.injections.iter().enumerate().map(|(index, fault)| (format!("faults[{index}].step"), fault.step.as_str())))
            .chain(expect.at.iter().map(|at| ("expect.at".to_owned(), at.as_str())))
            .chain(expect.asked.iter().enumerate().map(|(index, asked)| (format!("expect.asked[{index}]"), asked.as_str())))
            .chain(expect.owed.iter().flatten().enumerate().map(|(index, owed)| (format!("expect.owed[{index}]"), owed.as_str())))
            .chain(expect.findings.iter().map(|(key, _)| (format!("expect.findings.{key}"), key.as_str())));
        for (path, place) in named {
            match place.parse::<Place>().map(|place| place.step().to_owned()) {
                _ if place == PLAN => {}
                Ok(id) if ids.contains(id.as_str()) => {}
                Ok(id) => {
                    let what = format!("{} has no step or probe `{id}`", runbook.name);
                    fault(&path, Mistake { what, near: near(&id, &ids) });
                }
                Err(bad) => fault(&path, bad.to_string().into()),
            }
        }
        faults
    }
}

/// The ids of a runbook, and what checks without one are called in their places.
fn names(runbook: &Runbook) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = runbook.preflight.iter().filter_map(|probe| Some(probe.id.as_ref()?.to_string())).collect();
    names.extend(["user", "commands", "commands_there"].map(ToOwned::to_owned));
    names.extend(runbook.identity.iter().map(|_| IDENTITY.to_owned()));
    for step in runbook.all_steps() {
        names.insert(step.id.to_string());
        names.extend(step.holds.iter().filter_map(|probe| Some(probe.id.as_ref()?.to_string())));
        let inner = match &step.kind {
            Kind::ForEach(each) => Some(("gate", &each.before_batch)),
            Kind::Confirm(confirm) => Some(("show", &confirm.show)),
            _ => None,
        };
        if let Some((word, probes)) = inner {
            let probes = probes.iter().enumerate();
            names.extend(probes.map(|(at, probe)| probe.id.as_ref().map_or_else(|| format!("{word}{}", at + 1), ToString::to_string)));
        }
    }
    names
}

/// What an operator has named and no runbook has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownStep {
    pub what: String,
    /// The nearest name that there is.
    pub near: Option<String>,
}

/// Holds a step that an operator has named, by its id or its whole place, against these runbooks and those that they call.
///
/// # Errors
/// None of them has such a step or probe.
pub(crate) fn known<'a>(step: &str, runbooks: impl IntoIterator<Item = &'a Runbook>) -> Result<(), UnknownStep> {
    let id = match step.parse::<Place>() {
        Ok(place) => place.step().to_owned(),
        Err(bad) => return Err(UnknownStep { what: bad.to_string(), near: None }),
    };
    let names: BTreeSet<String> = runbooks.into_iter().flat_map(names).collect();
    if names.contains(&id) {
        return Ok(());
    }
    let near = nearest(&id, names.iter().map(String::as_str)).map(ToOwned::to_owned);
    Err(UnknownStep { what: format!("unknown step or probe `{id}`"), near })
}

fn near(name: &str, known: &BTreeSet<&str>) -> Option<String> {
    nearest(name, known.iter().copied()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::{bench::scenario, coverage::tests::runbook};

    #[test]
    fn what_the_runbook_does_not_have_is_named() {
        let mut runbook = runbook();
        runbook.steps.pop();
        let scenario = scenario(
            "params: {osds: [1]}
answers: {plan: true, sett: stop, 'all.set': stop}
faults: [{step: all, do: hang}, {step: sel, do: hang}]
expect: {at: 'all[i=1].gone', asked: [plan, 'all[i=1'], findings: {commands: pass}}
",
        );
        let told: Vec<String> = scenario.check(&runbook).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "s.yaml:4: params.osds: x has no parameter `osds`",
                "s.yaml:5: answers.sett: x has no step or probe `sett`\ndid you mean `set`?",
                "s.yaml:6: faults[1].step: x has no step or probe `sel`\ndid you mean `set`?",
                "s.yaml:7: expect.at: x has no step or probe `gone`",
                "s.yaml:7: expect.asked[1]: `all[i=1` is not a place in a run: an item has no `]` at its end",
            ]
        );
    }
}
