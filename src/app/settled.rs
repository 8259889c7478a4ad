//! Settings of files, for a command that uses them.

use super::{exit::ProgramExit, failure::Failure, session::load::show_report};
use crate::{
    cli::{Cli, Global, Subcommands},
    runbook::library::LibraryError,
    settings::{self, NOWHERE, Settings, SettingsError},
    ui::out::{self, Out},
};

/// What a command without settings needs: no file can keep it from being carried out.
fn needs_none(command: &Subcommands) -> bool {
    matches!(command, Subcommands::Inventory { .. } | Subcommands::Schema(_) | Subcommands::Completions(_))
}

/// Reads what the files say.
///
/// # Errors
/// One cannot be read or trusted, or has faults; those are on the screen then. Whoever is in a hurry is told how to go without.
pub(super) fn read(cli: &Cli, out: &Out) -> Result<Settings, Failure> {
    if needs_none(&cli.command) {
        return Ok(Settings::default());
    }
    let failed = |error| {
        let failure = match &error {
            SettingsError::Faulty(report) => {
                show_report(out, report);
                Failure::new(ProgramExit::Usage, format!("{error}; nothing was done"))
            }
            SettingsError::Unreadable(LibraryError::Exposed(exposed)) => {
                Failure::new(ProgramExit::Usage, format!("the settings cannot be trusted: {exposed}")).next(exposed.hint())
            }
            SettingsError::Unreadable(unreadable) => Failure::of(ProgramExit::Usage, unreadable).next("name another file with --config"),
        };
        let mut without = cli.clone();
        without.global.config = Some(NOWHERE.into());
        failure.suggest("or go without settings:", without.line())
    };
    let settings = settings::read(cli.global.config.as_deref()).map_err(failed)?;
    for (path, there) in &settings.files {
        tracing::debug!(path = %path.display(), there, "settings are read from here");
    }
    Ok(settings)
}

/// Neither an option nor a variable says whether there is to be colour.
pub(super) fn colour_is_open(global: &Global) -> bool {
    global.color.is_none() && out::colour_variable().is_none()
}
