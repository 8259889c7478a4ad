//! What this host and its operator have settled for every command: two files, of which the operator's goes before the host's.

mod file;
mod model;

pub(crate) use file::{NOWHERE, SettingsError, read};
pub(crate) use model::{Settings, Settled};
