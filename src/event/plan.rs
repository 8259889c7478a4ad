//! The plan of a run as its first record holds it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The plan of a run as its first record holds it. Everything in it may be absent, and what this halligan does not know stays: no
/// journal becomes unreadable because of it.
///
/// The digest of a plan is that of its JSON without `programs` and `groups`: the order of the fields belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecordedPlan {
    /// The runbook's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Secrets as `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<BTreeMap<String, serde_json::Value>>,
    /// The parameters whose values are not recorded whole, since a secret is masked in them; absent if there are none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub masked: BTreeSet<String>,
    /// The runbooks that it calls, directly or not, by their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<BTreeMap<String, RecordedRunbook>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<RecordedInventory>,
    /// Where each program was found that it needs on this machine; `None` is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programs: Option<BTreeMap<String, Option<PathBuf>>>,
    /// Which checks of the preflight stand together under a title.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<RecordedGroup>,
    /// What else stands there.
    #[serde(flatten)]
    pub(crate) other: BTreeMap<String, serde_json::Value>,
}

/// Checks of the preflight that stand together under a title.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecordedGroup {
    pub title: String,
    /// Their ids.
    pub checks: Vec<String>,
}

/// A runbook that another one calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedRunbook {
    /// Where its text came from.
    pub source: String,
    /// Of its text.
    pub sha256: String,
    pub text: String,
}

/// The inventory that a run was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedInventory {
    /// Its path.
    pub name: String,
    /// Of its text.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_stays() {
        for json in [
            json!({}),
            json!({"steps": [{"id": "set_noout", "half": 0.1, "third": 0.333_333_333_333_333_3, "big": u64::MAX, "least": i64::MIN}]}),
            json!({"runbook": "x", "text": "t", "called": {}, "programs": {"ceph": null}, "tomorrow": {"a": [null]}}),
        ] {
            let plan: RecordedPlan = serde_json::from_str(&json.to_string()).unwrap();
            assert_eq!(serde_json::to_string(&plan).unwrap(), json.to_string());
        }
    }
}
