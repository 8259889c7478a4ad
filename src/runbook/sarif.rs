//! Reports as SARIF 2.1.0, for editors and CI.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    diagnostic::{FaultSeverity, Report, position},
    model::Span,
};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What was found in some files.
#[derive(Debug, Serialize)]
pub(crate) struct SarifLog {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [SarifRun; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRun {
    tool: SarifTool,
    column_kind: &'static str,
    invocations: [Invocation; 1],
    results: Vec<SarifResult>,
}

#[derive(Debug, Serialize)]
struct SarifTool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<SarifRule>,
}

#[derive(Debug, Serialize)]
struct SarifRule {
    id: String,
}

/// Whether every file could be read, and which could not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
struct Notification {
    level: &'static str,
    message: SarifMessage,
}

#[derive(Debug, Serialize)]
struct SarifMessage {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    level: &'static str,
    message: SarifMessage,
    locations: [SarifLocation; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<SarifLocation>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifLocation {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<SarifMessage>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

/// From 1, in characters; the end column is behind the last one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

/// A file's name as a reference: what a URI cannot hold is written with `%`.
fn uri(name: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let encoded = percent_encoding::utf8_percent_encode(name, KEPT).to_string();
    if name.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

fn location(report: &Report, span: Span, message: Option<&str>) -> SarifLocation {
    let text = &report.source.text;
    let (start_line, start_column) = position(text, span.offset);
    let (end_line, end_column) = position(text, span.offset + span.len);
    SarifLocation {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri: uri(&report.source.name) },
            region: Region { start_line, start_column, end_line, end_column },
        },
        message: message.map(|text| SarifMessage { text: text.to_owned() }),
    }
}

impl SarifLog {
    /// The faults of these files; `refused` are those that could not be read, each with why.
    #[must_use]
    pub(crate) fn of(reports: &[Report], refused: &[String]) -> Self {
        let mut results = Vec::new();
        let mut codes = BTreeSet::new();
        for report in reports {
            for fault in &report.faults {
                codes.insert(fault.code);
                let hint = fault.hint.as_ref().map(|hint| format!("\nhelp: {hint}")).unwrap_or_default();
                results.push(SarifResult {
                    rule_id: fault.code.to_owned(),
                    level: match fault.severity {
                        FaultSeverity::Error => "error",
                        FaultSeverity::Warning => "warning",
                        FaultSeverity::Note => "note",
                    },
                    message: SarifMessage { text: format!("{}{hint}", fault.message) },
                    locations: [location(report, fault.span, None)],
                    related_locations: fault
                        .also
                        .as_deref()
                        .into_iter()
                        .map(|(span, label)| location(report, *span, Some(label)))
                        .collect(),
                });
            }
        }
        let notify = |why: &String| Notification { level: "error", message: SarifMessage { text: why.clone() } };
        Self {
            schema: SCHEMA,
            version: "2.1.0",
            runs: [SarifRun {
                tool: SarifTool {
                    driver: Driver {
                        name: "halligan",
                        version: env!("CARGO_PKG_VERSION"),
                        rules: codes.into_iter().map(|code| SarifRule { id: code.to_owned() }).collect(),
                    },
                },
                column_kind: "unicodeCodePoints",
                invocations: [Invocation {
                    execution_successful: refused.is_empty(),
                    tool_execution_notifications: refused.iter().map(notify).collect(),
                }],
                results,
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{
        model::{Origin, SourceText},
        resolve,
    };

    #[test]
    fn each_fault_is_a_result_with_its_place() {
        let text = "halligan: 1\nname: x\ntitle: Ü\nsummary: X\nsteps:\n- {id: é, run: [x], effect: reed}\n- {id: a, run: [x], effect: read}\n- {id: a, run: [x], effect: read}\n";
        let (_, report) = resolve(SourceText::new("a b/x.yaml", Origin::File("x.yaml".into()), text));
        let log = serde_json::to_value(SarifLog::of(std::slice::from_ref(&report), &["y: gone".to_owned()])).unwrap();
        let at = |pointer: &str| log.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/version"), "2.1.0");
        assert_eq!(at("/runs/0/results").as_array().unwrap().len(), report.faults.len());
        assert_eq!(at("/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri"), "a%20b/x.yaml");
        assert_eq!(at("/runs/0/invocations/0/executionSuccessful"), false);
        let results = at("/runs/0/results");
        let choice = results.as_array().unwrap().iter().find(|result| result["ruleId"] == "not-a-choice").unwrap();
        assert_eq!(
            choice.pointer("/locations/0/physicalLocation/region").unwrap(),
            &serde_json::json!({"startLine": 6, "startColumn": 29, "endLine": 6, "endColumn": 33})
        );
        let twice = results.as_array().unwrap().iter().find(|result| result["ruleId"] == "duplicate-id").unwrap();
        assert_eq!(twice.pointer("/relatedLocations/0/physicalLocation/region/startLine").unwrap(), 7);
        let rules = at("/runs/0/tool/driver/rules");
        assert!(
            results.as_array().unwrap().iter().all(|result| rules.as_array().unwrap().iter().any(|rule| rule["id"] == result["ruleId"]))
        );
    }
}
