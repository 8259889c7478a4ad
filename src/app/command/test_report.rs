//! What `halligan test --format json` prints.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::rehearsal::{sweep::Swept, tested::Tested, wrong::Wrong},
    ports::Choice,
    rehearse::coverage::Coverage,
};

/// What `halligan test --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct TestReport {
    /// Scenarios.
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Faults that broke something.
    pub(super) broken: usize,
    pub(super) runbooks: Vec<TestedRunbook>,
}

/// What the scenarios of one runbook have shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TestedRunbook {
    runbook: String,
    /// As it was named.
    given: String,
    scenarios: Vec<TestedScenario>,
    coverage: CoverageReport,
    /// With `--fault-sweep`.
    sweep: Option<SweepReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TestedScenario {
    scenario: String,
    passed: bool,
    wrong: Vec<WrongLine>,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize, JsonSchema)]
struct WrongLine {
    file: String,
    line: Option<usize>,
    what: String,
    hint: Option<String>,
}

/// How many of the points of a runbook its scenarios have come to.
#[derive(Debug, Serialize, JsonSchema)]
struct CoverageReport {
    total: usize,
    exercised: usize,
    percent: usize,
    points: Vec<PointKind>,
    missing: Vec<MissingPoint>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PointKind {
    kind: String,
    exercised: usize,
    total: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MissingPoint {
    /// The step's.
    id: String,
    what: String,
    line: usize,
}

/// What happened when each call went wrong in each way.
#[derive(Debug, Serialize, JsonSchema)]
struct SweepReport {
    tried: usize,
    broken: Vec<BrokenTrial>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BrokenTrial {
    scenario: String,
    /// As `--fault` takes it.
    fault: String,
    /// What the operator did then.
    then: &'static str,
    wrong: Vec<WrongLine>,
    /// The command line that does it again.
    again: String,
}

impl From<&Wrong> for WrongLine {
    fn from(wrong: &Wrong) -> Self {
        Self { file: wrong.file.clone(), line: wrong.line, what: wrong.what.clone(), hint: wrong.hint.clone() }
    }
}

impl From<&Tested> for TestedRunbook {
    fn from(tested: &Tested) -> Self {
        let scenarios = tested.scenarios.iter().map(|went| TestedScenario {
            scenario: went.scenario.clone(),
            passed: went.wrong.is_empty(),
            wrong: lines(&went.wrong),
        });
        Self {
            runbook: tested.runbook.to_string(),
            given: tested.name.clone(),
            scenarios: scenarios.collect(),
            coverage: CoverageReport::from(&tested.coverage),
            sweep: tested.swept.as_ref().map(SweepReport::from),
        }
    }
}

impl From<&Coverage> for CoverageReport {
    fn from(coverage: &Coverage) -> Self {
        let points = coverage.table().into_iter().map(|(kind, exercised, total)| PointKind { kind: kind.clone(), exercised, total });
        let missing = coverage.missing.iter().map(|point| MissingPoint { id: point.id.clone(), what: point.to_string(), line: point.line });
        Self {
            total: coverage.total(),
            exercised: coverage.exercised(),
            percent: coverage.percent(),
            points: points.collect(),
            missing: missing.collect(),
        }
    }
}

impl From<&Swept> for SweepReport {
    fn from(swept: &Swept) -> Self {
        let broken = swept.broken.iter().map(|broken| BrokenTrial {
            scenario: broken.scenario.clone(),
            fault: broken.fault.clone(),
            then: Choice::from(broken.then).word(),
            wrong: lines(&broken.wrong),
            again: broken.again.to_string(),
        });
        Self { tried: swept.tried, broken: broken.collect() }
    }
}

fn lines(wrong: &[Wrong]) -> Vec<WrongLine> {
    wrong.iter().map(WrongLine::from).collect()
}
