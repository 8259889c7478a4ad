//! A runbook with its parameters bound: what is known, what only the run will know, and what will be asked.

pub(crate) mod batch;
pub(crate) mod binding;
pub(crate) mod called;
pub(crate) mod case;
pub(crate) mod coming;
pub(crate) mod condition;
mod foreseen;
pub(crate) mod instances;
pub(crate) mod item;
pub(crate) mod missing;
pub(crate) mod preview;
pub(crate) mod programs;
pub(crate) mod remaining;
pub(crate) mod scope;
pub(crate) mod without;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

pub(crate) use binding::BoundParams;
pub(crate) use called::{Called, CalledSecrets};
pub(crate) use scope::{Evaluated, Scope};

use crate::{
    digest::Digest,
    event::{Effect, Place, RecordedGroup, RecordedInventory, RecordedPlan, RecordedRunbook},
    inventory::Inventory,
    runbook::{
        group::PreflightGroup,
        model::{Kind, Origin, Parameter, Runbook, Step},
    },
    secret::Secrets,
};

fn called(runbook: &Runbook) -> RecordedRunbook {
    let source = &runbook.source;
    RecordedRunbook { source: source.name.clone(), sha256: source.sha256.clone(), text: source.text.to_string() }
}

/// The step at a place of a runbook, or of one that it calls.
#[must_use]
pub(crate) fn step_in<'p>(runbook: &'p Runbook, called: &'p Called, place: &Place) -> Option<&'p Step> {
    let mut steps = runbook.steps.as_slice();
    let mut found: Option<&Step> = None;
    for id in place.steps() {
        let step = steps.iter().find(|step| step.id.as_str() == id)?;
        steps = match &step.kind {
            Kind::Call(call) => called.get(&call.runbook).map_or(&[], |runbook| runbook.steps.as_slice()),
            _ => step.children(),
        };
        found = Some(step);
    }
    found
}

/// A runbook that is bound to its parameters, with the runbooks that it calls.
#[derive(Debug, Clone)]
pub struct Plan {
    pub runbook: Arc<Runbook>,
    pub bound: BoundParams,
    /// Every runbook that is called, directly or not.
    pub called: Called,
    /// The hosts, if somebody named them.
    pub inventory: Option<Arc<Inventory>>,
    called_secrets: CalledSecrets,
    secrets: Secrets,
    digest: OnceLock<String>,
}

impl Plan {
    /// The step at a place, found from the outermost step inwards; of a called runbook too. `None` for the place of a probe.
    #[must_use]
    pub fn step(&self, place: &Place) -> Option<&Step> {
        step_in(&self.runbook, &self.called, place)
    }

    /// `hidden` are the secrets that are no parameters: the password for sudo, variables that hold some.
    #[must_use]
    pub fn new(
        runbook: Arc<Runbook>,
        bound: BoundParams,
        (called, called_secrets): (Called, CalledSecrets),
        inventory: Option<Arc<Inventory>>,
        hidden: &[String],
    ) -> Self {
        let secrets = Secrets::new(bound.secret_values().chain(called_secrets.values()).chain(hidden.iter().map(String::as_str)));
        Self { runbook, bound, called, inventory, called_secrets, secrets, digest: OnceLock::new() }
    }

    /// The same plan with another text of its runbook, which has the same parameters and calls.
    #[must_use]
    pub(crate) fn with(&self, runbook: Runbook) -> Self {
        Self { runbook: Arc::new(runbook), digest: OnceLock::new(), ..self.clone() }
    }

    /// All that must stand nowhere: the runbook's secrets, those of the runbooks that it calls, the password for sudo, and those
    /// in variables that are passed on. There
    /// is no other way to the masks of a run.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The parameters for the journal and the screen: secrets are `null`, and masked where another value holds one.
    #[must_use]
    pub(crate) fn shown_params(&self) -> BTreeMap<String, serde_json::Value> {
        self.bound.shown(&self.secrets)
    }

    /// Binds the parameters of a runbook that is called.
    ///
    /// # Errors
    /// As for [`binding::bind`].
    pub(crate) fn bind_called<'a>(
        &self,
        runbook: &'a Runbook,
        given: &binding::Given,
    ) -> Result<(BoundParams, Vec<&'a Parameter>), Vec<binding::BindingFault>> {
        self.called_secrets.bind(runbook, given)
    }

    /// All that the plan consists of, for the journal. Secrets are `null`, and masked where another value holds one.
    #[must_use]
    pub fn record(&self) -> RecordedPlan {
        let inventory = self.inventory.as_ref().map(|inventory| {
            let source = &inventory.source;
            let name = match &source.origin {
                Origin::File(path) => path.display().to_string(),
                Origin::Bundled => source.name.clone(),
            };
            RecordedInventory { name, sha256: source.sha256.clone() }
        });
        RecordedPlan {
            runbook: Some(self.runbook.name.to_string()),
            sha256: Some(self.runbook.source.sha256.clone()),
            text: Some(self.runbook.source.text.to_string()),
            params: Some(self.shown_params()),
            masked: self.bound.masked(&self.secrets),
            called: Some(self.called.iter().map(|(name, runbook)| (name.to_string(), called(runbook))).collect()),
            inventory,
            ..RecordedPlan::default()
        }
    }

    /// The checks of the preflight that stand together under a title.
    #[must_use]
    pub(crate) fn groups(&self) -> Vec<RecordedGroup> {
        let Runbook { groups, preflight, .. } = &*self.runbook;
        let ids = |group: &PreflightGroup| preflight.iter().skip(group.first).take(group.count).filter_map(|probe| probe.id.as_ref());
        let recorded =
            |group: &PreflightGroup| RecordedGroup { title: group.title.clone(), checks: ids(group).map(ToString::to_string).collect() };
        groups.iter().map(recorded).collect()
    }

    /// What expressions see as `inventory`.
    #[must_use]
    pub fn inventory_value(&self) -> minijinja::Value {
        crate::expression::from_json(&self.inventory.as_ref().map_or_else(Inventory::nothing, |inventory| inventory.value()))
    }

    /// Whether all that it changes is on the machine where it is run: then the run is bound to that machine.
    pub(crate) fn changes_this_machine(&self) -> bool {
        let mut all = std::iter::once(&self.runbook).chain(self.called.values());
        let reads = |runbook: &Runbook| runbook.all_steps().all(|step| step.effect() == Effect::Read);
        all.clone().all(|runbook| runbook.identity.is_none() && (runbook.changes_this_machine() || reads(runbook)))
            && all.any(|runbook| runbook.changes_this_machine())
    }

    /// SHA-256 of [`Plan::record`], in lower-case hex.
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| Digest::of(serde_json::json!(self.record()).to_string().as_bytes()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{
        plan::binding::{Given, bind},
        runbook::{model::SourceText, resolve, step_kind::StepKind},
    };

    fn runbook(text: &str) -> Arc<Runbook> {
        let source = SourceText { name: "x.yaml".into(), origin: Origin::Bundled, text: text.into(), sha256: "0".repeat(64) };
        let (runbook, report) = resolve(source);
        Arc::new(runbook.unwrap_or_else(|| panic!("{}", report.plain())))
    }

    #[test]
    fn a_step_is_found_by_its_place_and_not_by_its_id() {
        let head = "halligan: 1\nsummary: For a test.\nreviewed: 2026-11-01\n";
        let outer = runbook(&format!(
            "{head}name: x\ntitle: X\nsteps:\n- {{id: a, call: y}}\n- id: g\n  for_each: {{items: [1], as: i}}\n  steps:\n  - {{id: b, run: [outer], effect: read}}\n"
        ));
        let inner = runbook(&format!(
            "{head}name: y\ntitle: Y\nsteps:\n- {{id: b, run: [inner], effect: read}}\n- {{id: g, run: [x], effect: read}}\n"
        ));
        let (bound, _) = bind(&outer, &Given::default()).unwrap();
        let called = BTreeMap::from([(inner.name.clone(), inner)]);
        let plan = Plan::new(outer, bound, (called, CalledSecrets::default()), None, &[]);
        let kind = |place: &str| plan.step(&place.parse().unwrap()).map(Step::kind);
        let program = |place: &str| match plan.step(&place.parse().unwrap()).map(|step| &step.kind) {
            Some(Kind::Command(command)) => format!("{:?}", command.program),
            _ => String::new(),
        };
        assert!(program("a.b").contains("inner") && program("g[i=1].b").contains("outer"));
        assert_eq!((kind("a.g"), kind("g")), (Some(StepKind::Run), Some(StepKind::Loop)));
        assert_eq!((kind("b"), kind("a.b.c"), kind("preflight.b")), (None, None, None));
    }

    #[test]
    fn the_digest_is_of_what_it_always_was() {
        let head = "halligan: 1\nsummary: For a test.\nreviewed: 2026-11-01\n";
        let text =
            format!("{head}name: x\ntitle: X\nparams:\n  n: {{type: float, help: A number, default: 0.1}}\nsteps:\n- {{id: a, call: y}}\n");
        let inner = format!(
            "{head}name: y\ntitle: Y\nsteps:\n- id: g\n  title: 'All of {{{{ run.id }}}}'\n  group: All\n  steps:\n  - {{id: b, run: [ls], effect: read}}\n"
        );
        let (outer, inner_runbook) = (runbook(&text), runbook(&inner));
        let (bound, _) = bind(&outer, &Given::default()).unwrap();
        let called = BTreeMap::from([(inner_runbook.name.clone(), Arc::clone(&inner_runbook))]);
        let plan = Plan::new(Arc::clone(&outer), bound, (called, CalledSecrets::default()), None, &[]);
        let sha256 = "0".repeat(64);
        let record = json!({
            "runbook": "x", "sha256": sha256, "text": text, "params": {"n": 0.1},
            "called": {"y": {"source": "x.yaml", "sha256": sha256, "text": inner}},
        });
        assert_eq!(serde_json::to_string(&plan.record()).unwrap(), record.to_string());
    }
}
