//! A runbook with its parameters bound: what is known, what only the run will know, and what will be asked.

pub(crate) mod binding;
pub(crate) mod preview;
pub(crate) mod programs;
pub(crate) mod remaining;
pub(crate) mod scope;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use sha2::{Digest, Sha256};

pub(crate) use binding::BoundParams;
pub(crate) use scope::{Evaluated, Scope};

use crate::{
    event::Place,
    inventory::Inventory,
    runbook::{
        model::{Origin, Runbook, Step},
        name::RunbookName,
    },
};

fn called(runbook: &Runbook) -> serde_json::Value {
    serde_json::json!({ "source": runbook.source.name, "sha256": runbook.source.sha256, "text": &*runbook.source.text })
}

/// A runbook that is bound to its parameters, with the runbooks that it calls.
#[derive(Debug, Clone)]
pub struct Plan {
    pub runbook: Arc<Runbook>,
    pub bound: BoundParams,
    /// Every runbook that is called, directly or not.
    pub called: BTreeMap<RunbookName, Arc<Runbook>>,
    /// The hosts, if somebody named them.
    pub inventory: Option<Arc<Inventory>>,
    digest: OnceLock<String>,
}

impl Plan {
    /// The step at a place; of a called runbook too.
    #[must_use]
    pub fn step(&self, place: &Place) -> Option<&Step> {
        let called = self.called.values().flat_map(|runbook| runbook.all_steps());
        self.runbook.all_steps().chain(called).find(|step| step.id.as_str() == place.step())
    }

    #[must_use]
    pub fn new(
        runbook: Arc<Runbook>,
        bound: BoundParams,
        called: BTreeMap<RunbookName, Arc<Runbook>>,
        inventory: Option<Arc<Inventory>>,
    ) -> Self {
        Self { runbook, bound, called, inventory, digest: OnceLock::new() }
    }

    /// All that the plan consists of, for the journal. Secrets are `null`.
    #[must_use]
    pub fn record(&self) -> serde_json::Value {
        let called: serde_json::Map<_, _> = self.called.iter().map(|(name, runbook)| (name.to_string(), called(runbook))).collect();
        let mut record = serde_json::json!({
            "runbook": self.runbook.name,
            "sha256": self.runbook.source.sha256,
            "text": &*self.runbook.source.text,
            "params": self.bound.shown(),
            "called": called,
        });
        if let (Some(inventory), serde_json::Value::Object(record)) = (&self.inventory, &mut record) {
            let source = &inventory.source;
            let name = match &source.origin {
                Origin::File(path) => path.display().to_string(),
                Origin::Bundled => source.name.clone(),
            };
            let shown = serde_json::json!({"name": name, "sha256": source.sha256});
            record.insert("inventory".to_owned(), shown);
        }
        record
    }

    /// What expressions see as `inventory`.
    #[must_use]
    pub fn inventory_value(&self) -> minijinja::Value {
        crate::expression::from_json(&self.inventory.as_ref().map_or_else(Inventory::nothing, |inventory| inventory.value()))
    }

    /// SHA-256 of [`Plan::record`], in lower-case hex.
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            use std::fmt::Write;
            let mut hex = String::with_capacity(64);
            for byte in Sha256::digest(self.record().to_string()) {
                let _ = write!(hex, "{byte:02x}");
            }
            hex
        })
    }
}
