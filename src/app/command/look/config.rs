//! `halligan config`: each setting, its value, and who says so.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::{command::printed::print_json, context::Context, exit::ProgramExit, failure::Failure},
    cli::{Colour, ConfigArgs},
    inventory, journal,
    runbook::library,
    settings::Settled,
    ui::{
        layout::{Page, pad, width},
        out,
    },
    words::sanitise,
};

/// Where values begin, and where it begins who says them, in columns.
const COLUMN: usize = 13;
const VALUES: usize = 44;

/// What `halligan config --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct SettingsReport {
    settings: Vec<ShownSetting>,
    /// The files that are read, the later ones going first.
    files: Vec<SettingsFile>,
    /// The places where runbooks are looked for, in this order.
    runbooks_searched: Vec<String>,
}

/// One setting.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownSetting {
    /// Its key in a file.
    name: &'static str,
    /// Empty if there is none; several only for `runbooks`.
    value: Vec<String>,
    /// What decides: `option`, `environment`, `file` or `default`.
    by: &'static str,
    /// The option, the variable, or the file and line; absent for a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

/// A file of settings.
#[derive(Debug, Serialize, JsonSchema)]
struct SettingsFile {
    path: String,
    found: bool,
}

/// Who says something, and what.
struct Saying {
    by: &'static str,
    from: String,
    value: Vec<String>,
}

impl Saying {
    fn file<T>(said: Option<&Settled<T>>, words: impl Fn(&T) -> Vec<String>) -> Option<Self> {
        said.map(|said| Self { by: "file", from: said.to_string(), value: words(&said.value) })
    }
}

impl ShownSetting {
    /// The first who says something decides.
    fn of(name: &'static str, sayings: [Option<Saying>; 2], default: Vec<String>) -> Self {
        match sayings.into_iter().flatten().next() {
            Some(Saying { by, from, value }) => Self { name, value, by, from: Some(from) },
            None => Self { name, value: default, by: "default", from: None },
        }
    }
}

/// Shows what a command with these options would use.
///
/// # Errors
/// It cannot be written as JSON: a bug.
pub(super) fn config(context: &Context, args: &ConfigArgs) -> Result<ProgramExit, Failure> {
    let report = SettingsReport::of(context, args);
    if args.json || args.form.is_json() {
        print_json(context, "settings", &report)?;
    } else {
        let out = &context.out.stdout;
        out.lines(&report.lines(&out.page()));
    }
    Ok(ProgramExit::Completed)
}

impl SettingsReport {
    fn of(context: &Context, args: &ConfigArgs) -> Self {
        let spoken = |id: &str, option: &str, variable: &str, value: Option<Vec<String>>| {
            let (by, from) = if context.by_variable.contains(id) { ("environment", variable) } else { ("option", option) };
            value.map(|value| Saying { by, from: from.to_owned(), value })
        };
        let variable = |name: &str, value: Vec<String>| Saying { by: "environment", from: name.to_owned(), value };
        let settings = &context.settings;
        let colour = context.global.color.map(|colour| vec![colour.to_string()]);
        // What a variable says of colour depends on what is written to, too.
        let coloured = || out::colour_variable().map(|name| variable(name, vec![Colour::Auto.to_string()]));
        let path = |path: &PathBuf| vec![path.display().to_string()];
        let bell = |on: &bool| vec![on.to_string()];
        let folders = |folders: &Vec<PathBuf>| folders.iter().map(|folder| folder.display().to_string()).collect();
        let from_path = library::named_folders();
        let all = vec![
            ShownSetting::of(
                "journal_dir",
                [
                    spoken("journal_dir", "--journal-dir", "HALLIGAN_JOURNAL_DIR", context.global.journal_dir.as_ref().map(path)),
                    Saying::file(settings.journal_dir.as_ref(), path),
                ],
                journal::default_dir().as_ref().map(path).unwrap_or_default(),
            ),
            ShownSetting::of(
                "inventory",
                [
                    spoken("inventory", "--inventory", "HALLIGAN_INVENTORY", args.hosts.inventory.as_ref().map(path)),
                    Saying::file(settings.inventory.as_ref(), path),
                ],
                inventory::standard().as_ref().map(path).unwrap_or_default(),
            ),
            ShownSetting::of(
                "notify",
                [
                    spoken("program", "--notify", "HALLIGAN_NOTIFY", args.notify.program.as_ref().map(path)),
                    Saying::file(settings.notify.as_ref(), path),
                ],
                Vec::new(),
            ),
            ShownSetting::of(
                "bell",
                [
                    spoken("no_bell", "--no-bell", "HALLIGAN_NO_BELL", args.notify.quiet.no_bell.map(|quiet| bell(&!quiet))),
                    Saying::file(settings.bell.as_ref(), bell),
                ],
                bell(&true),
            ),
            ShownSetting::of(
                "color",
                [
                    spoken("color", "--color", "", colour).or_else(coloured),
                    Saying::file(settings.color.as_ref(), |colour| vec![colour.to_string()]),
                ],
                vec![Colour::Auto.to_string()],
            ),
            ShownSetting::of(
                "runbooks",
                [
                    (!from_path.is_empty()).then(|| variable("HALLIGAN_PATH", folders(&from_path))),
                    Saying::file(settings.runbooks.as_ref(), folders),
                ],
                Vec::new(),
            ),
        ];
        let files = settings.files.iter().map(|(path, found)| SettingsFile { path: path.display().to_string(), found: *found }).collect();
        Self { settings: all, files, runbooks_searched: context.library().looked() }
    }

    fn lines(&self, page: &Page) -> Vec<String> {
        let mut lines = Vec::new();
        let mut tell = |label: &str, what: &str, whence: &str| {
            let left = format!("{}{}", pad(label, COLUMN), sanitise::line(what));
            let together = format!("{}  {}", pad(&left, VALUES), page.style.dim(&sanitise::line(whence)));
            if whence.is_empty() {
                lines.push(left.trim_end().to_owned());
            } else if width(&together) <= page.width {
                lines.push(together);
            } else {
                lines.push(left);
                lines.push(format!("{}{}", " ".repeat(COLUMN + 2), page.style.dim(&sanitise::line(whence))));
            }
        };
        for ShownSetting { name, value, by, from } in &self.settings {
            let whence = from.as_ref().map_or_else(|| (*by).to_owned(), |from| format!("{by} {from}"));
            let (first, others) = value.split_first().map_or(("none", &[][..]), |(first, others)| (first.as_str(), others));
            tell(name, first, &whence);
            for other in others {
                tell("", other, "");
            }
        }
        tell("", "", "");
        let none = [SettingsFile { path: "none".to_owned(), found: true }];
        let files = if self.files.is_empty() { &none[..] } else { &self.files };
        for (label, file) in std::iter::once("files").chain(std::iter::repeat("")).zip(files) {
            tell(label, &file.path, if file.found { "" } else { "not there" });
        }
        for (label, place) in std::iter::once("searched").chain(std::iter::repeat("")).zip(&self.runbooks_searched) {
            tell(label, place, "");
        }
        lines
    }
}
