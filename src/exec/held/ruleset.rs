//! What Landlock keeps a command from: writing, creating, deleting, mounting, and signalling others.

use std::{os::fd::OwnedFd, path::Path, sync::LazyLock};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope,
};

/// The newest that was looked at; of what an older kernel does not know, it denies what it can.
const NEWEST: ABI = ABI::V10;

/// What swallows writes and gives nothing away.
const SINKS: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// What this kernel's Landlock can do beside denying to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities {
    /// It keeps signals from processes that are not held along (Linux 6.12).
    pub signals: bool,
    /// It denies to truncate without writing (Linux 6.2).
    pub truncation: bool,
}

impl Abilities {
    /// `None` where there is no Landlock.
    pub(super) fn of_kernel() -> Option<Self> {
        static ABILITIES: LazyLock<Option<Abilities>> = LazyLock::new(|| {
            let can = |demand: &dyn Fn(Ruleset) -> Result<Ruleset, RulesetError>| {
                let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
                demand(ruleset).and_then(Ruleset::create).is_ok()
            };
            can(&|ruleset| ruleset.handle_access(AccessFs::from_all(ABI::V1))).then(|| Abilities {
                signals: can(&|ruleset| ruleset.handle_access(AccessFs::WriteFile)?.scope(Scope::Signal)),
                truncation: can(&|ruleset| ruleset.handle_access(AccessFs::Truncate)),
            })
        });
        *ABILITIES
    }
}

/// The rules for a command that may read everything and write here and below; what is not there is left out.
///
/// # Errors
/// The kernel refuses them.
pub(super) fn make<'a>(may_write: impl Iterator<Item = &'a Path>, sockets: bool) -> Result<OwnedFd, String> {
    rules(may_write, sockets).map_err(|error| error.to_string())?.ok_or_else(|| "this kernel has no Landlock".to_owned())
}

fn rules<'a>(may_write: impl Iterator<Item = &'a Path>, sockets: bool) -> Result<Option<OwnedFd>, RulesetError> {
    // What a device is told by ioctl is looked at word by word, by the filter: a disk may be asked for its size.
    let mut all = AccessFs::from_all(NEWEST);
    all.remove(AccessFs::IoctlDev);
    let mut scope = Scope::from_all(NEWEST);
    if sockets {
        all.remove(AccessFs::ResolveUnix);
        scope.remove(Scope::AbstractUnixSocket);
    }
    let ruleset = Ruleset::default().handle_access(all)?.scope(scope)?.create()?;
    let opened = |path: &Path, rights: BitFlags<AccessFs>| PathFd::new(path).ok().map(|fd| (fd, rights));
    // Where even the root cannot be opened nothing can be read: the command says so itself.
    let mut rules: Vec<_> = opened(Path::new("/"), AccessFs::from_read(NEWEST)).into_iter().collect();
    rules.extend(SINKS.iter().filter_map(|sink| opened(Path::new(sink), AccessFs::ReadFile | AccessFs::WriteFile)));
    for path in may_write {
        let rights = if path.is_dir() { all } else { all & AccessFs::from_file(NEWEST) };
        rules.extend(opened(path, rights));
    }
    let ruleset = rules.into_iter().try_fold(ruleset, |ruleset, (fd, rights)| ruleset.add_rule(PathBeneath::new(fd, rights)))?;
    Ok(ruleset.into())
}
