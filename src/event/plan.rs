//! The plan of a run as its first record holds it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::place::Place;
use crate::runbook::{document::Effect, model::StepKind};

/// The plan of a run as its first record holds it. Everything in it may be absent, and what this halligan does not know stays: no
/// journal becomes unreadable because of it.
///
/// The digest of a plan is that of its JSON without `programs` and `outline`: the order of the fields belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// The runbooks that it calls, directly or not, by their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<BTreeMap<String, RecordedRunbook>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<RecordedInventory>,
    /// Where each program was found that it needs on this machine; `None` is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programs: Option<BTreeMap<String, Option<PathBuf>>>,
    /// Its steps, those inside loops, groups and called runbooks too. Absent from the first records of version 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outline: Option<Vec<RecordedStep>>,
    /// What else stands there.
    #[serde(flatten)]
    pub(crate) other: BTreeMap<String, serde_json::Value>,
}

/// A runbook that another one calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRunbook {
    /// Where its text came from.
    pub source: String,
    /// Of its text.
    pub sha256: String,
    pub text: String,
}

/// The inventory that a run was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInventory {
    /// Its path.
    pub name: String,
    /// Of its text.
    pub sha256: String,
}

/// A step as the runbook has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedStep {
    pub id: String,
    /// As it is written, with its expressions.
    pub title: Option<String>,
    #[serde(serialize_with = "write_kind", deserialize_with = "read_kind")]
    pub kind: StepKind,
    /// Of the step itself, not of the steps inside it.
    pub effect: Effect,
}

impl RecordedPlan {
    /// The step at a place, if the steps were recorded.
    #[must_use]
    pub fn step(&self, place: &Place) -> Option<&RecordedStep> {
        self.outline.iter().flatten().find(|step| step.id == place.step())
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn write_kind<S: Serializer>(kind: &StepKind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.word())
}

fn read_kind<'de, D: Deserializer<'de>>(from: D) -> Result<StepKind, D::Error> {
    let word = String::deserialize(from)?;
    StepKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| D::Error::custom(format_args!("no step is a `{word}`")))
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

    #[test]
    fn a_step_is_found_at_its_place() {
        let json =
            r#"{"outline":[{"id":"a","title":null,"kind":"loop","effect":"read"},{"id":"b","title":"B","kind":"run","effect":"change"}]}"#;
        let plan: RecordedPlan = serde_json::from_str(json).unwrap();
        let step = plan.step(&Place::top("a").item("osd", "3").child("b")).unwrap();
        assert_eq!((step.title.as_deref(), step.kind, step.effect), (Some("B"), StepKind::Run, Effect::Change));
        assert_eq!(serde_json::to_string(&plan).unwrap(), json);
        assert!(serde_json::from_str::<RecordedPlan>(&json.replace("loop", "dance")).is_err());
    }
}
