//! Which programs there are in a simulated world, here and on each host.

use std::collections::BTreeMap;

/// The programs of a simulated world.
#[derive(Debug, Clone, Default)]
pub struct InstalledPrograms {
    /// Those that are found here: what the scenario lists, else what its rules mention.
    pub here: Vec<String>,
    /// The scenario lists them: no others can be started anywhere.
    pub listed: bool,
    /// By host, what it does not have.
    pub missing: BTreeMap<String, Vec<String>>,
}

impl InstalledPrograms {
    /// Whether a program is found on this machine.
    #[must_use]
    pub(crate) fn found(&self, program: &str) -> bool {
        self.here.iter().any(|other| same(other, program))
    }

    /// Whether a program can be started, on a host or here. Where the scenario lists none, a rule may answer for any.
    #[must_use]
    pub(crate) fn startable(&self, host: Option<&str>, program: &str) -> bool {
        let missing = host.and_then(|host| self.missing.get(host)).is_some_and(|missing| missing.iter().any(|other| same(other, program)));
        !missing && (!self.listed || self.found(program))
    }
}

/// A program may be named by its path or without.
fn same(one: &str, other: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    one == other || (name(one) == name(other) && (!one.contains('/') || !other.contains('/')))
}
