//! Who runs halligan, and where.

use nix::unistd::getuid;

use crate::account::name_of;

/// Who ran it: the one who logged in, if that is known.
#[must_use]
pub(crate) fn who(uid: u32, login_uid: Option<u32>) -> String {
    match login_uid {
        Some(login) if login != uid => format!("{} as {}", called(login), called(uid)),
        _ => called(uid),
    }
}

/// A user by name, or by number where this machine has no name for it.
#[must_use]
pub(super) fn called(uid: u32) -> String {
    name_of(uid).unwrap_or_else(|| format!("user {uid}"))
}

/// The user name for the journal and the locks.
#[must_use]
pub(crate) fn operator() -> String {
    let said = |name| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(said).unwrap_or_else(|| called(getuid().as_raw()))
}

/// The name of this host.
#[must_use]
pub(crate) fn hostname() -> String {
    nix::unistd::gethostname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}
