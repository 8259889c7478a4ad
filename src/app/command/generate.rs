//! The files that are made from the definitions: manual pages, schemas, pages of the runbooks.

use std::io;

use clap::CommandFactory;

use super::{
    check::CheckReport,
    debts::DebtLine,
    journal::{ArchiveReport, ExportReport, ExportVerdict, HeadReport, LeftoversReport, SignReport, VerifyReport},
    list::RunbookList,
    look::{DoctorReport, HandoverPage, RunReport, SettingsReport, StatusReport, WithoutReport},
    printed::{schema_of, schema_of_events, schema_of_records},
    runbook_page,
    test_report::TestReport,
};
use crate::{
    app::session::notice::Announcement,
    cli::Cli,
    inventory::InventoryDocument,
    journal::summary::RunSummary,
    rehearse::document::ScenarioDocument,
    runbook::{
        document::Document,
        library::{Library, Shelf},
        resolve, schema,
    },
};

/// A generated file: its path below the project's top, and its content.
type File = (String, Vec<u8>);

/// The schemas. Those of what is read are part of the program that is built next.
#[must_use]
pub fn schemas() -> Vec<File> {
    let all = [
        ("runbook", schema::of::<Document>("halligan runbook")),
        ("scenario", schema::of::<ScenarioDocument>("halligan scenario")),
        ("inventory", schema::of::<InventoryDocument>("halligan inventory")),
        ("status", schema_of::<StatusReport>("halligan status")),
        ("handover", schema_of::<HandoverPage>("halligan handover")),
        ("report", schema_of::<RunReport>("halligan report")),
        ("without", schema_of::<WithoutReport>("halligan doctor --without")),
        ("doctor", schema_of::<DoctorReport>("halligan doctor")),
        ("config", schema_of::<SettingsReport>("halligan config")),
        ("notice", schema_of::<Announcement>("what the program of `--notify` reads")),
        ("list", schema_of::<RunbookList<'_>>("halligan list")),
        ("check", schema_of::<CheckReport>("halligan check")),
        ("test", schema_of::<TestReport>("halligan test")),
        ("debt", schema_of::<DebtLine<'_>>("a line of halligan debts")),
        ("journal-run", schema_of::<RunSummary>("a line of halligan journal list")),
        ("journal-verify", schema_of::<VerifyReport>("halligan journal verify")),
        ("journal-verify-export", schema_of::<ExportVerdict>("halligan journal verify EXPORT")),
        ("journal-head", schema_of::<HeadReport>("halligan journal head")),
        ("journal-sign", schema_of::<SignReport>("halligan journal sign")),
        ("journal-export", schema_of::<ExportReport>("halligan journal export")),
        ("journal-archive", schema_of::<ArchiveReport>("halligan journal archive")),
        ("journal-leftovers", schema_of::<LeftoversReport>("halligan journal leftovers")),
        ("record", schema_of_records()),
        ("events", schema_of_events()),
    ];
    all.into_iter().map(|(name, schema)| (format!("docs/schema/{name}.json"), schema::text(&schema).into_bytes())).collect()
}

/// The other files: manual pages, and a page for each bundled runbook.
///
/// # Errors
/// A manual page cannot be rendered, or a bundled runbook has a fault.
pub fn files() -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    pages(&command, "halligan", &mut files)?;
    let library = Library::new(vec![Shelf::Bundled]);
    for listed in library.list() {
        let source = library.find(&listed.name).map_err(io::Error::other)?;
        let (runbook, report) = resolve(source);
        let runbook = runbook.ok_or_else(|| io::Error::other(report.plain()))?;
        files.push((format!("docs/runbooks/{}.md", listed.name), runbook_page::of(&runbook).into_bytes()));
    }
    Ok(files)
}

/// A page for the command, and for each command under it.
fn pages(command: &clap::Command, name: &str, files: &mut Vec<File>) -> io::Result<()> {
    let mut content = Vec::new();
    let named = command.clone().name(name.to_owned()).display_name(name.to_owned());
    clap_mangen::Man::new(named).date("").render(&mut content)?;
    files.push((format!("man/{name}.1"), content));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        pages(inner, &format!("{name}-{}", inner.get_name()), files)?;
    }
    Ok(())
}
