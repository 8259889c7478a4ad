//! Locks that operators on different hosts share, and the systems that keep one as a lease: each is a script for its own program.

use std::time::Duration;

use super::document::LeaseName;

/// A lock that operators on different hosts share. In each word of its commands `{lock}`, `{run}`, `{holder}` and `{ttl}` are filled in.
#[derive(Debug, Clone)]
pub struct SharedLock {
    /// Takes the lock; exits with 0 only if the lock was free.
    pub acquire: Vec<String>,
    /// Releases the lock.
    pub release: Vec<String>,
    /// It ends by itself.
    pub lease: Option<Lease>,
    /// What its commands read, of those that halligan brings.
    pub script: Option<LeaseScript>,
    /// The host where its commands run; else this machine.
    pub on: Option<String>,
}

/// A script of bash that takes, renews and releases a lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseScript {
    /// The system's program.
    pub program: &'static str,
    text: &'static str,
}

impl LeaseScript {
    const fn of(system: LeaseName) -> Self {
        let (program, text) = match system {
            LeaseName::Etcd => ("etcdctl", include_str!("lease/etcd.sh")),
            LeaseName::Postgresql => ("psql", include_str!("lease/postgresql.sh")),
            LeaseName::Kubernetes => ("kubectl", include_str!("lease/kubernetes.sh")),
        };
        Self { program, text }
    }

    /// As bash reads it: whole, before any of it is run, so that nothing in it reads on where bash would.
    #[must_use]
    pub(crate) fn input(self) -> String {
        format!("main() {{\n{}}}\nmain \"$@\" </dev/null\n", self.text)
    }
}

/// What makes a lease of a lock.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Exits with 0 only if the lock is held with `{token}`.
    pub renew: Vec<String>,
    /// So long it lasts when nobody renews it.
    pub ttl: Duration,
}

/// So long one lasts where the inventory does not say.
pub(super) const TTL: Duration = Duration::from_secs(30);
/// Shorter ones are lost whenever something is slow; longer ones keep everybody waiting.
pub(super) const TTLS: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(3600);

impl SharedLock {
    /// A lease of this system under this key.
    pub(super) fn kept_by(system: LeaseName, key: &str, options: &[String], ttl: Duration, on: Option<String>) -> Self {
        let words = |verb, token| {
            let own = ["bash", "-euo", "pipefail", "-s", verb, key, "{holder}", "{ttl}", token];
            own.into_iter().map(str::to_owned).chain(options.iter().cloned()).collect()
        };
        Self {
            acquire: words("acquire", ""),
            release: words("release", ""),
            lease: Some(Lease { renew: words("renew", "{token}"), ttl }),
            script: Some(LeaseScript::of(system)),
            on,
        }
    }

    /// The words of each of its commands, and those of a script's program.
    pub(crate) fn commands(&self) -> Vec<Vec<String>> {
        let own = [&self.acquire, &self.release].into_iter().chain(self.lease.as_ref().map(|lease| &lease.renew));
        own.cloned().chain(self.script.map(|script| vec![script.program.to_owned()])).collect()
    }
}

/// The environment variable in which a change is given the fencing token of this lock.
#[must_use]
pub(crate) fn fence_variable(lock: &str) -> String {
    let name = lock.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("HALLIGAN_FENCE_{}", name.collect::<String>())
}
