//! Who runs halligan, and where.

use crate::journal::identity::name_of;

/// Who ran it: the one who logged in, if that is known.
#[must_use]
pub(crate) fn who(uid: u32, login_uid: Option<u32>) -> String {
    let name = |uid| name_of(uid).unwrap_or_else(|| format!("user {uid}"));
    match login_uid {
        Some(login) if login != uid => format!("{} as {}", name(login), name(uid)),
        _ => name(uid),
    }
}

/// The user name for the journal and the locks.
#[must_use]
pub(crate) fn operator() -> String {
    std::env::var("SUDO_USER")
        .or_else(|_| std::env::var("USER"))
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "unknown".to_owned())
}

/// The name of this host.
#[must_use]
pub(crate) fn hostname() -> String {
    nix::unistd::gethostname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}
