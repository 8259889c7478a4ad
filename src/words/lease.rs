//! Leases, and their tokens.

/// What a command has answered that took a lease, or renewed it.
#[must_use]
pub(crate) fn fencing_token(token: u64) -> String {
    format!("fencing token {token}")
}
