//! Whether what a scenario speaks of is there in its runbook.

use std::collections::BTreeSet;

use crate::{
    event::Place,
    expression::name::nearest,
    runbook::model::{Kind, Runbook},
};

use super::{answers::PLAN, fault::ScenarioFault, scenario::Scenario};

impl Scenario {
    /// Everything that the scenario names and the runbook does not have: an answer to a question that is never asked would
    /// otherwise pass unnoticed.
    #[must_use]
    pub fn check(&self, runbook: &Runbook) -> Vec<ScenarioFault> {
        let mut faults = Vec::new();
        let mut fault = |path: &str, what: String| {
            faults.push(ScenarioFault::at(&self.name, self.lines.get(path), format!("{path}: {what}")));
        };
        if self.runbook != runbook.name {
            fault("runbook", format!("this is a scenario of {}, not of {}", self.runbook, runbook.name));
        }
        let params: BTreeSet<&str> = runbook.params.iter().map(|parameter| parameter.name.as_str()).collect();
        for name in self.params.keys().filter(|name| !params.contains(name.as_str())) {
            fault(&format!("params.{name}"), format!("{} has no parameter `{name}`{}", runbook.name, near(name, &params)));
        }
        // What stands in a called runbook is not known here.
        if runbook.all_steps().any(|step| matches!(step.kind, Kind::Call(_))) {
            return faults;
        }
        let mut ids: BTreeSet<&str> = runbook.preflight.iter().filter_map(|probe| Some(probe.id.as_ref()?.as_str())).collect();
        let mut gates: BTreeSet<String> = ["user", "commands"].map(ToOwned::to_owned).into();
        for step in runbook.all_steps() {
            ids.insert(step.id.as_str());
            let inner = match &step.kind {
                Kind::ForEach(each) => Some(("gate", &each.before_batch)),
                Kind::Confirm(confirm) => Some(("show", &confirm.show)),
                _ => None,
            };
            if let Some((word, probes)) = inner {
                let names = probes.iter().enumerate();
                gates.extend(names.map(|(at, probe)| probe.id.as_ref().map_or_else(|| format!("{word}{}", at + 1), ToString::to_string)));
            }
        }
        ids.extend(gates.iter().map(String::as_str));
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
                Ok(id) => fault(&path, format!("{} has no step or probe `{id}`{}", runbook.name, near(&id, &ids))),
                Err(bad) => fault(&path, bad.to_string()),
            }
        }
        faults
    }
}

fn near(name: &str, known: &BTreeSet<&str>) -> String {
    nearest(name, known.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
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
                "s.yaml:5: answers.sett: x has no step or probe `sett`; did you mean `set`?",
                "s.yaml:6: faults[1].step: x has no step or probe `sel`; did you mean `set`?",
                "s.yaml:7: expect.at: x has no step or probe `gone`",
                "s.yaml:7: expect.asked[1]: `all[i=1` is not a place in a run: an item has no `]` at its end",
            ]
        );
    }
}
