//! `halligan report`: the timeline of a run for the post-mortem.

use super::{
    named_run::{NamedRun, named},
    report_chart::Chart,
    report_html,
    report_page::ReportPage,
    reported::RunReport,
};
use crate::{
    app::{
        command::printed::print_json,
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{earlier::paces, journal::journal_failure},
    },
    cli::{self, ReportFormat},
    journal::summary::RunSummary,
};

/// Prints the report of one run.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub(super) fn report(context: &Context, args: &cli::ReportArgs) -> Result<ProgramExit, Failure> {
    let NamedRun { looked, opening, head, directory, snapshot } = named(context, &args.run)?;
    let RunSummary { id, mode, runbook, .. } = &looked.summary;
    let paces = snapshot.survey().and_then(|survey| {
        let before = survey.runs().take_while(|run| run.id != *id).collect();
        paces(&snapshot, before, runbook, *mode, Some(*id))
    });
    let paces = paces.map_err(|error| journal_failure(&directory, &error))?;
    let report = RunReport::of(&looked, &opening, &paces, head);
    let out = &context.out.stdout;
    match args.format {
        ReportFormat::Md => out.text(&ReportPage::of(&report).markdown()),
        ReportFormat::Html => {
            let page = report_html::render(&ReportPage::of(&report), &Chart::of(&looked))
                .map_err(|error| Failure::new(ProgramExit::Bug, format!("the report cannot be written as HTML: {error}")))?;
            out.text(&page);
        }
        ReportFormat::Json => print_json(context, "report", &report)?,
    }
    Ok(ProgramExit::Completed)
}
