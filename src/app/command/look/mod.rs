//! The commands that only look: nothing is taken, recorded or changed by them.

mod config;
mod doctor;
mod draft;
mod handover;
mod named_run;
mod play;
mod report;
mod report_chart;
mod report_html;
mod report_page;
mod reported;
mod status;
mod watch;
mod without;

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli::LookCommand,
};

pub(in crate::app) use config::SettingsReport;
pub(in crate::app) use doctor::DoctorReport;
pub(in crate::app) use handover::HandoverPage;
pub(in crate::app) use reported::RunReport;
pub(in crate::app) use status::StatusReport;
pub(in crate::app) use without::WithoutReport;

/// Does what one of them says.
///
/// # Errors
/// The journal cannot be used, or there is no such run.
pub(super) fn look(context: &Context, command: &LookCommand) -> Result<ProgramExit, Failure> {
    match command {
        LookCommand::Status(args) => status::status(context, args),
        LookCommand::Watch(args) => watch::watch(context, args),
        LookCommand::Handover(args) => handover::handover(context, args),
        LookCommand::Doctor(args) if !args.without.is_empty() => without::without(context, args),
        LookCommand::Doctor(args) => doctor::doctor(context, args),
        LookCommand::Config(args) => config::config(context, args),
        LookCommand::Draft(args) => draft::draft(context, args),
        LookCommand::Play(args) => play::play(context, args),
        LookCommand::Report(args) => report::report(context, args),
    }
}
