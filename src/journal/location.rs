//! Where the journal is kept.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::identity;

/// The file of records in a journal's directory.
pub(super) const FILE: &str = "journal.jsonl";

/// Where the journal is kept when nobody says otherwise: `$HALLIGAN_JOURNAL_DIR`; `/var/lib/halligan` for root;
/// `$XDG_STATE_HOME/halligan`, or `~/.local/state/halligan`.
///
/// `None` if there is no home either.
#[must_use]
pub(crate) fn default_dir() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    if let Some(named) = env::var_os("HALLIGAN_JOURNAL_DIR").filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    if identity::is_root() {
        return Some(Path::new("/var/lib/halligan").to_owned());
    }
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("halligan"))
}
