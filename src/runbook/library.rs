//! Where runbooks are found, and how they are read: opened once, so that the text that is checked is the text that is run.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    bundle::{BUNDLES, Bundle},
    character,
    diagnostic::Report,
    headline::headline,
    model::{Origin, SourceText},
    name::{BadName, RunbookName},
    source::SIZE_LIMIT,
};
use crate::{
    digest::Digest,
    expression::name::nearest,
    trust::{self, Distrust, Exposed},
};

/// How much of a file is read to find its title.
const HEADER: usize = 4096;

/// Where scenarios stand beside their runbook, with the slash before its name.
const SCENARIOS: &str = "scenarios/";

/// A place where runbooks are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shelf {
    Folder(PathBuf),
    /// Inside the program.
    Bundled,
}

impl Shelf {
    fn shown(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Bundled => "bundled".to_owned(),
        }
    }
}

/// The places, the first of which wins.
#[derive(Debug, Clone)]
pub struct Library {
    places: Vec<Shelf>,
    /// As root, only what nobody else could have written is read.
    guarded: bool,
}

/// A runbook that was seen, unread but for its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    /// `None` when no title stands near the top of the file.
    pub title: Option<String>,
    pub origin: Origin,
    /// The path, or `bundled`.
    pub from: String,
    /// The one of the same name that is found first.
    pub hidden_by: Option<String>,
    /// It is hidden by one with the same text.
    pub is_copy: bool,
}

/// A scenario's text.
#[derive(Debug, Clone)]
pub struct ScenarioSource {
    /// Its file's stem.
    pub name: String,
    pub source: SourceText,
}

/// A runbook that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("runbook `{name}` not found")]
    NotFound { name: String, looked: Vec<String>, near: Option<String> },
    #[error("{bad}")]
    BadName { bad: BadName, near: Option<String> },
    #[error("{path} cannot be read")]
    Unreadable { path: String, source: io::Error },
    #[error("{path} is not a file")]
    NotAFile { path: String },
    /// Root would be told what to do by somebody else.
    #[error("{0}")]
    Exposed(Exposed),
    /// Too large, or not text.
    #[error("{0}")]
    Refused(Box<Report>),
}

impl LibraryError {
    /// What would be right.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::NotFound { looked, .. } => Some(format!("looked in {}; `halligan list` shows all runbooks", looked.join(", "))),
            // A file is called so: by this name nobody can run it.
            Self::BadName { bad, near: Some(near) } if *near == bad.name => Some(match right_form(&bad.name) {
                Some(right) => format!("rename its file to {right}.yaml; or give the path of the file"),
                None => "rename its file; or give the path of the file".to_owned(),
            }),
            Self::BadName { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::BadName { .. } => Some("the path of a file contains `/` or ends with .yaml".to_owned()),
            Self::NotAFile { .. } => Some("give the file of the runbook, not its directory".to_owned()),
            Self::Exposed(exposed) => Some(exposed.hint()),
            Self::Unreadable { .. } | Self::Refused(_) => None,
        }
    }
}

impl Library {
    #[must_use]
    pub fn new(places: Vec<Shelf>) -> Self {
        Self { places, guarded: false }
    }

    /// `./runbooks`; each folder of `$HALLIGAN_PATH`, or of `settled` where that is not set; `halligan/runbooks` in `$XDG_DATA_HOME`;
    /// `/etc/halligan/runbooks`; what is bundled; and `halligan/runbooks` in each of `$XDG_DATA_DIRS`, where packages put what is
    /// bundled, too.
    #[must_use]
    pub fn standard(settled: &[PathBuf]) -> Self {
        let from_path = named_folders();
        let named = if from_path.is_empty() { settled.to_vec() } else { from_path };
        let absolute = |folder: &PathBuf| folder.is_absolute();
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        let own = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(absolute).or_else(home).filter(absolute);
        let mut shared = folders_of("XDG_DATA_DIRS");
        if shared.is_empty() {
            shared = ["/usr/local/share", "/usr/share"].map(PathBuf::from).into();
        }
        let data = |folder: PathBuf| folder.join("halligan/runbooks");
        let first = std::iter::once(PathBuf::from("./runbooks")).chain(named).chain(own.map(data));
        let first = first.chain([PathBuf::from("/etc/halligan/runbooks")]).map(Shelf::Folder);
        let last = shared.into_iter().filter(absolute).map(data).map(Shelf::Folder);
        Self::new(first.chain([Shelf::Bundled]).chain(last).collect())
    }

    /// The same places, for runbooks that will be carried out: as root, one that somebody else could write is refused.
    #[must_use]
    pub fn guarded(self) -> Self {
        Self { guarded: true, ..self }
    }

    fn read(&self, path: &Path) -> Result<Option<SourceText>, LibraryError> {
        if self.guarded { read_guarded(path) } else { read(path) }
    }

    /// Reads a runbook by path (it has a `/`, or ends with `.yaml` or `.yml`) or by name.
    ///
    /// # Errors
    /// It is nowhere, or cannot be read. One that is there and cannot be read is never passed over for a later one.
    pub fn find(&self, what: &str) -> Result<SourceText, LibraryError> {
        if is_path(what) {
            let path = Path::new(what);
            return match self.read(path)? {
                Some(source) => Ok(source),
                None => Err(LibraryError::NotFound { name: what.to_owned(), looked: vec![what.to_owned()], near: beside(path) }),
            };
        }
        let name = RunbookName::new(what).map_err(|bad| LibraryError::BadName { near: self.near(what), bad })?;
        for place in &self.places {
            let found = match place {
                Shelf::Folder(folder) => self.read(&folder.join(format!("{name}.yaml")))?,
                Shelf::Bundled => bundled(&name)?,
            };
            if let Some(source) = found {
                return Ok(source);
            }
        }
        Err(LibraryError::NotFound { near: self.near(what), name: what.to_owned(), looked: self.looked() })
    }

    /// The places in words, the first of which wins.
    #[must_use]
    pub(crate) fn looked(&self) -> Vec<String> {
        self.places.iter().map(Shelf::shown).collect()
    }

    fn near(&self, what: &str) -> Option<String> {
        let all = self.list();
        nearest(what, all.iter().map(|listed| listed.name.as_str())).map(str::to_owned)
    }

    /// Every runbook in every place, in the order in which they are found. Reads only the head of each file.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let mut all: Vec<Listed> = Vec::new();
        for place in &self.places {
            let mut here: Vec<Listed> = match place {
                Shelf::Folder(folder) => yaml_files(folder)
                    .into_iter()
                    .map(|(name, path)| Listed {
                        name,
                        title: head(&path).as_deref().and_then(headline).map(character::visible),
                        from: path.display().to_string(),
                        origin: Origin::File(path),
                        hidden_by: None,
                        is_copy: false,
                    })
                    .collect(),
                Shelf::Bundled => BUNDLES
                    .iter()
                    .map(|bundle| Listed {
                        name: bundle.name.to_owned(),
                        title: bundle.title.map(character::visible),
                        origin: Origin::Bundled,
                        from: "bundled".to_owned(),
                        hidden_by: None,
                        is_copy: false,
                    })
                    .collect(),
            };
            here.sort_by(|a, b| a.name.cmp(&b.name));
            for listed in &mut here {
                let first = all.iter().find(|first| first.name == listed.name && first.hidden_by.is_none());
                listed.is_copy = first.is_some_and(|first| same_text(&first.origin, &listed.origin, &listed.name));
                listed.hidden_by = first.map(|first| first.from.clone());
            }
            all.append(&mut here);
        }
        all
    }
}

/// What `$HALLIGAN_PATH` names.
#[must_use]
pub(crate) fn named_folders() -> Vec<PathBuf> {
    folders_of("HALLIGAN_PATH")
}

/// The folders that a variable names, with `:` between.
fn folders_of(variable: &str) -> Vec<PathBuf> {
    let named = std::env::var_os(variable);
    named.iter().flat_map(std::env::split_paths).filter(|folder| !folder.as_os_str().is_empty()).collect()
}

/// Whether two runbooks of this name, one of which may be bundled, have the same text.
fn same_text(first: &Origin, second: &Origin, name: &str) -> bool {
    let sum = |origin: &Origin| match origin {
        Origin::File(path) => {
            open(path).ok().flatten().and_then(|file| first_bytes(file, SIZE_LIMIT).ok()).map(|bytes| Digest::of(&bytes).to_string())
        }
        Origin::Bundled => Bundle::named(name).map(|bundle| bundle.sha256.to_owned()),
    };
    sum(first).is_some_and(|first| sum(second) == Some(first))
}

/// The scenarios of a runbook: the files under `scenarios/NAME/` beside it.
///
/// # Errors
/// One of them cannot be read.
pub fn scenarios(runbook: &SourceText) -> Result<Vec<ScenarioSource>, LibraryError> {
    match &runbook.origin {
        Origin::Bundled => bundled_scenarios(runbook.bundled_runbook().unwrap_or_default()),
        Origin::File(path) => {
            let Some(stem) = path.file_stem() else { return Ok(Vec::new()) };
            let folder = path.parent().unwrap_or(Path::new(".")).join("scenarios").join(stem);
            let mut all = Vec::new();
            for (name, path) in yaml_files(&folder) {
                if let Some(source) = read(&path)? {
                    all.push(ScenarioSource { name, source });
                }
            }
            all.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(all)
        }
    }
}

/// The scenarios of a runbook that is bundled.
///
/// # Errors
/// One of them is not text.
pub fn bundled_scenarios(name: &str) -> Result<Vec<ScenarioSource>, LibraryError> {
    let Some(bundle) = Bundle::named(name) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    // Deeper ones are fixtures.
    for path in bundle.files().filter(|path| path.parent() == Some(Path::new(""))) {
        if let Some(stem) = yaml_stem(path) {
            let shown = format!("{}{SCENARIOS}{name}/{}", SourceText::BUNDLED, path.display());
            let unreadable = |source| LibraryError::Unreadable { path: shown.clone(), source };
            let bytes = bundle.file(path).map_err(unreadable)?.unwrap_or_default();
            let source = SourceText::from_bytes(shown, Origin::Bundled, bytes).map_err(LibraryError::Refused)?;
            all.push(ScenarioSource { name: stem, source });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The bytes of a file that bundled scenarios use; `folder` is `scenarios/NAME`.
///
/// # Errors
/// It is not there.
pub fn bundled_fixture(folder: &str, path: &str) -> Result<Vec<u8>, String> {
    let not_there = || format!("`{path}` is not bundled");
    let bundle = folder.strip_prefix(SCENARIOS).and_then(Bundle::named).ok_or_else(not_there)?;
    bundle.file(Path::new(path)).map_err(|error| format!("`{path}` cannot be read: {error}"))?.map(<[u8]>::to_vec).ok_or_else(not_there)
}

fn bundled(name: &RunbookName) -> Result<Option<SourceText>, LibraryError> {
    let Some(bundle) = Bundle::named(name.as_str()) else { return Ok(None) };
    let shown = format!("{}{name}.yaml", SourceText::BUNDLED);
    let bytes = bundle.runbook().map_err(|source| LibraryError::Unreadable { path: shown.clone(), source })?;
    SourceText::from_bytes(shown, Origin::Bundled, bytes).map(Some).map_err(LibraryError::Refused)
}

/// The name that was meant by one that is not valid, if it is plain which.
fn right_form(name: &str) -> Option<String> {
    let right = name.to_lowercase().replace(['_', ' '], "-");
    RunbookName::new(&right).is_ok().then_some(right)
}

/// Whether this names a file and not a runbook.
#[must_use]
pub fn is_path(what: &str) -> bool {
    what.contains('/') || has_yaml_ending(Path::new(what))
}

fn has_yaml_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

fn yaml_stem(path: &Path) -> Option<String> {
    path.extension().filter(|ending| *ending == "yaml")?;
    path.file_stem()?.to_str().map(str::to_owned)
}

/// The YAML files of a folder; none if there is no such folder.
fn yaml_files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| yaml_stem(&entry.path()).map(|name| (name, entry.path()))).collect()
}

/// A file of a similar name in the same folder.
fn beside(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let all: Vec<String> = yaml_files(parent.unwrap_or(Path::new(".")))
        .into_iter()
        .filter_map(|(_, path)| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    let near = nearest(name, all.iter().map(String::as_str))?;
    Some(parent.map_or_else(|| near.to_owned(), |parent| parent.join(near).display().to_string()))
}

/// Opens a regular file; `None` if there is nothing of that name.
fn open(path: &Path) -> Result<Option<File>, LibraryError> {
    let shown = || character::visible(&path.display().to_string());
    let unreadable = |source| LibraryError::Unreadable { path: shown(), source };
    // Asked before it is opened: to open a named pipe would wait for a writer.
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
        Ok(metadata) if !metadata.is_file() => return Err(LibraryError::NotAFile { path: shown() }),
        Ok(_) => {}
    }
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_file() { Ok(Some(file)) } else { Err(LibraryError::NotAFile { path: shown() }) }
}

/// Reads a file whole, once; `None` if there is nothing of that name.
///
/// # Errors
/// It is no regular file, is too large, or is not text.
pub fn read(path: &Path) -> Result<Option<SourceText>, LibraryError> {
    open(path)?.map(|file| take(file, path)).transpose()
}

/// As `read`; as root, only what nobody else could have written.
///
/// # Errors
/// Those of `read`, and that somebody else could write the file or a directory on the way to it.
pub fn read_guarded(path: &Path) -> Result<Option<SourceText>, LibraryError> {
    if !trust::needed() {
        return read(path);
    }
    // Its errors are the plainer ones; it is closed again unread.
    if open(path)?.is_none() {
        return Ok(None);
    }
    match trust::open(path) {
        Ok(file) => take(file, path).map(Some),
        Err(Distrust::Exposed(exposed)) => Err(LibraryError::Exposed(exposed)),
        Err(Distrust::Unreadable(source)) => {
            Err(LibraryError::Unreadable { path: character::visible(&path.display().to_string()), source })
        }
    }
}

fn take(file: File, path: &Path) -> Result<SourceText, LibraryError> {
    let shown = character::visible(&path.display().to_string());
    // One byte more than is allowed shows that there is more.
    let bytes = first_bytes(file, SIZE_LIMIT + 1).map_err(|source| LibraryError::Unreadable { path: shown.clone(), source })?;
    SourceText::from_bytes(shown, Origin::File(path.to_owned()), &bytes).map_err(LibraryError::Refused)
}

fn head(path: &Path) -> Option<String> {
    let file = open(path).ok()??;
    Some(String::from_utf8_lossy(&first_bytes(file, HEADER).ok()?).into_owned())
}

/// So many bytes at most, in one read where the file does not grow meanwhile.
fn first_bytes(file: File, most: usize) -> io::Result<Vec<u8>> {
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(most).min(most);
    // Room for the read that finds nothing more.
    let mut bytes = Vec::with_capacity(size + 32);
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(folders: &[&Path]) -> Library {
        Library::new(folders.iter().map(|folder| Shelf::Folder(folder.to_path_buf())).collect())
    }

    #[test]
    fn the_first_place_wins_and_the_list_says_so() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(a.path().join("one.yaml"), "halligan: 1\ntitle: 'First'\n").unwrap();
        std::fs::write(b.path().join("one.yaml"), "title: >-\n  Second\n").unwrap();
        std::fs::write(b.path().join("two.yaml"), "x").unwrap();
        std::fs::write(b.path().join("notes.txt"), "x").unwrap();
        let library = library(&[a.path(), b.path(), Path::new("/nowhere")]);
        let list = library.list();
        let shown: Vec<_> = list.iter().map(|listed| (listed.name.as_str(), listed.title.as_deref(), listed.hidden_by.is_some())).collect();
        assert_eq!(shown, [("one", Some("First"), false), ("one", Some("Second"), true), ("two", None, false)]);
        assert!(library.find("one").unwrap().text.contains("First"));
        let error = library.find("tow").unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `two`?");
        assert!(matches!(library.find("../one"), Err(LibraryError::NotFound { .. })));
        assert!(matches!(library.find("No Name"), Err(LibraryError::BadName { near: None, .. })));
    }

    #[test]
    fn a_name_that_is_none_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["goes_back", "One", "ß", "goes-on"] {
            std::fs::write(folder.path().join(format!("{name}.yaml")), "x").unwrap();
        }
        let library = library(&[folder.path()]);
        for (name, hint) in [
            ("goes_back", "rename its file to goes-back.yaml; or give the path of the file"),
            ("One", "rename its file to one.yaml; or give the path of the file"),
            ("ß", "rename its file; or give the path of the file"),
            ("goes_on", "did you mean `goes-on`?"),
            ("Something else", "the path of a file contains `/` or ends with .yaml"),
        ] {
            let error = library.find(name).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{name}` is not a valid name for a runbook: use lower-case")), "{error}");
            assert_eq!(error.hint().as_deref(), Some(hint), "{name}");
        }
    }

    #[test]
    fn only_regular_files_of_a_sane_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("x.yaml")).unwrap();
        std::fs::write(folder.path().join("big.yaml"), vec![b'#'; SIZE_LIMIT + 1]).unwrap();
        let library = library(&[folder.path()]);
        assert!(matches!(library.find("x"), Err(LibraryError::NotAFile { .. })));
        assert!(matches!(library.find("big"), Err(LibraryError::Refused(_))));
        assert!(matches!(library.find("/dev/null/x.yaml"), Err(LibraryError::NotFound { .. })));
        assert!(matches!(library.find("/dev/zero"), Err(LibraryError::NotAFile { .. })));
    }

    #[test]
    fn scenarios_stand_beside_their_runbook() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("scenarios/one")).unwrap();
        std::fs::write(folder.path().join("one.yaml"), "x").unwrap();
        std::fs::write(folder.path().join("scenarios/one/well.yaml"), "y").unwrap();
        let library = library(&[folder.path()]);
        let scenarios = scenarios(&library.find("one").unwrap()).unwrap();
        assert_eq!(scenarios.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>(), ["well"]);
    }
}
