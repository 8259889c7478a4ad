//! From files of settings to what they say, or to every fault in them.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::model::{Settings, Settled};
use crate::{
    cli::Colour,
    expression::name::nearest,
    runbook::{
        diagnostic::{Fault, Report, position},
        library::{self, LibraryError},
        model::{SourceText, Span},
    },
};

/// A file that never says anything, to be named by who wants to go without settings.
pub(crate) const NOWHERE: &str = "/dev/null";

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    Unreadable(#[from] LibraryError),
    /// What is wrong, and where.
    #[error("{} has errors", .0.source.name)]
    Faulty(Box<Report>),
}

/// Where settings stand when nobody names a file: `/etc/halligan/config.toml`, and over it `halligan/config.toml` in
/// `$XDG_CONFIG_HOME`, or in `~/.config`.
#[must_use]
fn standard() -> Vec<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let own = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let all = [PathBuf::from("/etc")].into_iter().chain(own);
    all.map(|folder| folder.join("halligan/config.toml")).collect()
}

/// Reads them: those of `named` alone, or those that stand where they usually do. A file that is not there says nothing, unless it
/// is named; `/dev/null` never says anything.
///
/// # Errors
/// One cannot be read, has a fault, or somebody else than root could write what root would obey.
pub(crate) fn read(named: Option<&Path>) -> Result<Settings, SettingsError> {
    let mut settings = Settings::default();
    let paths = named.map_or_else(standard, |path| vec![path.to_owned()]);
    for path in paths.into_iter().filter(|path| path != Path::new(NOWHERE)) {
        let source = library::read_guarded(&path).map_err(|error| match error {
            LibraryError::Refused(report) => SettingsError::Faulty(report),
            other => other.into(),
        })?;
        let Some(source) = source else {
            if named.is_some() {
                let source = Errno::ENOENT.into();
                return Err(LibraryError::Unreadable { path: path.display().to_string(), source }.into());
            }
            settings.files.push((path, false));
            continue;
        };
        let mut said = parse(&path, source)?;
        said.files.push((path, true));
        settings = said.over(settings);
    }
    Ok(settings)
}

fn parse(path: &Path, source: SourceText) -> Result<Settings, SettingsError> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = SettingsReader { path, text: &source.text, faults: Vec::new(), settings: Settings::default() };
    reader.faults.extend(errors.iter().map(|error| {
        let at = error.span().unwrap_or_default();
        Fault::error("syntax", span(&at), format!("not valid TOML: {}", error.message())).label("here")
    }));
    // What was made of a text with faults may be what nobody has written.
    if reader.faults.is_empty() {
        reader.table(table.get_ref());
    }
    let SettingsReader { faults, settings, .. } = reader;
    if faults.is_empty() { Ok(settings) } else { Err(SettingsError::Faulty(Box::new(Report::new(source, faults)))) }
}

fn span(range: &std::ops::Range<usize>) -> Span {
    Span { offset: range.start, len: range.end.saturating_sub(range.start) }
}

/// Goes through the keys of one file.
struct SettingsReader<'a> {
    path: &'a Path,
    text: &'a str,
    faults: Vec<Fault>,
    settings: Settings,
}

impl SettingsReader<'_> {
    fn table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "journal_dir" => self.settings.journal_dir = self.path(value),
                "inventory" => self.settings.inventory = self.path(value),
                "notify" => self.settings.notify = self.path(value),
                "bell" => self.settings.bell = self.switch(value),
                "color" => self.settings.color = self.colour(value),
                "runbooks" => self.settings.runbooks = self.paths(value),
                unknown => {
                    let hint = match nearest(unknown, Settings::KEYS.into_iter()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("known keys: {}", Settings::KEYS.join(", ")),
                    };
                    let fault = Fault::error("unknown-key", span(&key.span()), format!("unknown key `{unknown}`"));
                    self.faults.push(fault.label("unknown key").hint(hint));
                }
            }
        }
    }

    fn said<T>(&self, value: T, at: &Spanned<DeValue<'_>>) -> Settled<T> {
        let (line, _) = position(self.text, at.span().start);
        Settled { value, file: self.path.to_owned(), line }
    }

    fn wrong(&mut self, at: &Spanned<DeValue<'_>>, message: impl AsRef<str>, hint: &str) {
        let span = span(&at.span()).first_line(self.text);
        self.faults.push(Fault::error("wrong-value", span, message).label("here").hint(hint));
    }

    fn switch(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Settled<bool>> {
        let Some(on) = value.get_ref().as_bool() else {
            let kind = value.get_ref().type_str();
            self.wrong(value, format!("this must be true or false, but is {kind}"), "write true or false, without quotes");
            return None;
        };
        Some(self.said(on, value))
    }

    fn colour(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Settled<Colour>> {
        let known = [Colour::Auto, Colour::Always, Colour::Never];
        let text = value.get_ref().as_str();
        let Some(colour) = known.into_iter().find(|colour| text == Some(&colour.to_string())) else {
            let names = known.map(|colour| colour.to_string());
            let hint = match text.and_then(|text| nearest(text, names.iter().map(String::as_str))) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write \"auto\", \"always\" or \"never\"".to_owned(),
            };
            self.wrong(value, "this must be \"auto\", \"always\" or \"never\"", &hint);
            return None;
        };
        Some(self.said(colour, value))
    }

    fn path(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Settled<PathBuf>> {
        let path = self.whole_path(value)?;
        Some(self.said(path, value))
    }

    fn paths(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Settled<Vec<PathBuf>>> {
        let Some(items) = value.get_ref().as_array() else {
            let kind = value.get_ref().type_str();
            self.wrong(value, format!("this must be a list of directories, but is {kind}"), "write [\"/srv/runbooks\"]");
            return None;
        };
        let paths: Vec<PathBuf> = items.iter().filter_map(|item| self.whole_path(item)).collect();
        Some(self.said(paths, value))
    }

    /// Never one that depends on where somebody stands.
    fn whole_path(&mut self, value: &Spanned<DeValue<'_>>) -> Option<PathBuf> {
        let Some(text) = value.get_ref().as_str() else {
            let kind = value.get_ref().type_str();
            self.wrong(value, format!("this must be a path, but is {kind}"), "write it as text: \"/srv/halligan\"");
            return None;
        };
        let path = PathBuf::from(text);
        if !path.is_absolute() || text.contains('\0') {
            let hint = "write it from the root: \"/srv/halligan\"; neither `~` nor `$HOME` is replaced";
            self.wrong(value, format!("`{text}` is not a whole path"), hint);
            return None;
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::model::Origin;

    fn parsed(text: &str) -> Result<Settings, String> {
        let path = Path::new("/etc/halligan/config.toml");
        parse(path, SourceText::new(path.display().to_string(), Origin::Bundled, text)).map_err(|error| match error {
            SettingsError::Faulty(report) => report.plain(),
            SettingsError::Unreadable(error) => error.to_string(),
        })
    }

    #[test]
    fn each_key_is_read_with_its_line() {
        let settings = parsed(
            "# of this site\njournal_dir = \"/srv/journal\"\nbell = false\ncolor = 'never'\nrunbooks = [\n  \"/srv/a\",\n  \"/srv/b\",\n]\n\
             notify = \"/usr/local/bin/page\"\ninventory = \"/srv/hosts.yaml\"\n",
        )
        .unwrap();
        let told = |said: &dyn std::fmt::Display| said.to_string().rsplit(':').next().unwrap().to_owned();
        assert_eq!(settings.journal_dir.as_ref().map(|said| (said.value.clone(), told(said))), Some(("/srv/journal".into(), "2".into())));
        assert_eq!(settings.bell.as_ref().map(|said| (said.value, said.to_string())), Some((false, "/etc/halligan/config.toml:3".into())));
        assert_eq!(settings.color.as_ref().map(|said| (said.value, told(said))), Some((Colour::Never, "4".into())));
        assert_eq!(settings.runbook_directories(), [PathBuf::from("/srv/a"), PathBuf::from("/srv/b")]);
        assert_eq!((told(settings.runbooks.as_ref().unwrap()), told(settings.notify.as_ref().unwrap())), ("5".into(), "9".into()));
        assert_eq!(parsed("").unwrap(), Settings::default());
        let keys = Settings::KEYS.map(|key| parsed(&format!("{key} = 1979-05-27")).unwrap_err());
        assert!(keys.iter().all(|report| report.contains("[wrong-value]")), "{keys:?}");
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        for (text, at, message) in [
            ("jurnal_dir = \"/x\"\n", ":1:1", "did you mean `journal_dir`?"),
            ("bell = true\n[notify]\nprogram = \"/x\"\n", ":2:1", "must be a path, but is table"),
            ("bell = \"yes\"\n", ":1:8", "must be true or false, but is string"),
            ("color = \"alwyas\"\n", ":1:9", "did you mean \"always\"?"),
            ("color = 1\n", ":1:9", "write \"auto\", \"always\" or \"never\""),
            ("runbooks = \"/srv/a\"\n", ":1:12", "list of directories"),
            ("runbooks = [\"/srv/a\",\n  \"b\"]\n", ":2:3", "`b` is not a whole path"),
            ("journal_dir = \"~/journal\"\n", ":1:15", "neither `~` nor"),
            ("inventory = \"hosts.yaml\"\n", ":1:13", "is not a whole path"),
            ("bell = true\nbell = false\n", ":2:1", "duplicate key"),
            ("bell = \n", ":1:8", "not valid TOML"),
            ("quite = something else\n", ":1:", "not valid TOML"),
            ("nothing_near = 1\n", ":1:1", "known keys: journal_dir, inventory, notify, bell, color, runbooks"),
        ] {
            let report = parsed(text).unwrap_err();
            assert!(report.contains(&format!("config.toml{at}")) && report.contains(message), "{text}\n{report}");
        }
        let both = parsed("bell = 1\ncolour = \"auto\"\n").unwrap_err();
        assert!(both.contains(":1:8") && both.contains("did you mean `color`?"), "{both}");
    }

    #[test]
    fn the_operators_own_go_before_those_of_the_host() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = folder.path().join("config.toml");
            parse(&path, SourceText::new("x", Origin::Bundled, text)).unwrap()
        };
        let both = read("bell = true\nrunbooks = [\"/own\"]").over(read("bell = false\ncolor = \"never\"\nrunbooks = [\"/hosts\"]"));
        assert_eq!(both.bell.map(|said| said.value), Some(true));
        assert_eq!(both.color.map(|said| said.value), Some(Colour::Never));
        assert_eq!(both.runbooks.map(|said| said.value), Some(vec![PathBuf::from("/own")]));
    }
}
