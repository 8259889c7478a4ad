//! What `halligan test` has shown, as `JUnit` XML. The only file that names `quick_junit`.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::tested::Tested;
use crate::words::quote::CommandLine;

/// A suite for each runbook, with a case for each scenario and for each fault that breaks something.
///
/// # Errors
/// A name or message cannot stand in XML.
pub(crate) fn report(results: &[Tested]) -> Result<String, SerializeError> {
    let mut report = Report::new("halligan test");
    for result in results {
        let name = result.runbook.as_str();
        let mut suite = TestSuite::new(name);
        let mut add = |case: String, took, wrong: &[super::wrong::Wrong], more: Option<&CommandLine>| {
            let status = match wrong.first() {
                None => TestCaseStatus::success(),
                Some(first) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(first.to_string());
                    let all = wrong.iter().map(ToString::to_string).chain(more.map(|again| format!("again: {again}")));
                    status.set_description(all.collect::<Vec<_>>().join("\n"));
                    status
                }
            };
            let mut case = TestCase::new(case, status);
            case.set_classname(name);
            case.set_time(took);
            suite.add_test_case(case);
        };
        for went in &result.scenarios {
            add(went.scenario.clone(), went.took, &went.wrong, None);
        }
        for broken in result.broken() {
            add(format!("{} with {}", broken.scenario, broken.fault), std::time::Duration::ZERO, &broken.wrong, Some(&broken.again));
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}
