//! What OpenSSH says about a connection, read: why it is not there, and whether to try again may help.

use crate::last_line::last_line;

/// Said by a server, or by a host on the way, that takes no more connections for now: nobody has been let in yet.
const CROWDED: &[&str] =
    &["kex_exchange_identification", "ssh_exchange_identification", "banner exchange", "Connection closed by", "Connection reset by"];

/// Why there is no connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub why: String,
    /// It was refused before it was authenticated, without a reason: it may be taken a little later.
    pub crowded: bool,
}

impl Refusal {
    /// From the log of the connection, and from what else was printed: a banner, and what ssh says that runs on a jump host's behalf.
    pub(super) fn read(log: &str, printed: &str) -> Self {
        let said = last_line(log).or_else(|| last_line(printed)).unwrap_or("ssh gave no reason").to_owned();
        let heard = |words: &str| log.contains(words) || printed.contains(words);
        if heard("IDENTIFICATION HAS CHANGED") {
            return Self { why: format!("the host has another key than the one that is known ({said})"), crowded: false };
        }
        if said.contains("Host key verification failed") {
            return Self { why: format!("the host's key is not known ({said})"), crowded: false };
        }
        let crowded = CROWDED.iter().any(|words| said.contains(words)) && !heard("Permission denied");
        if crowded {
            return Self { why: format!("{said} (too many connections at once? see MaxStartups of sshd, also on a jump host)"), crowded };
        }
        Self { why: said, crowded }
    }
}

/// What is in force of ssh's options for a host, as `ssh -G` prints it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InForce {
    /// Why anybody could pose as the host, if so.
    pub trusting: Option<String>,
    /// What the connection goes through.
    pub through: Option<String>,
}

impl InForce {
    pub(super) fn read(printed: &str) -> Self {
        let value = |key: &str| printed.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::trim);
        let strict = value("stricthostkeychecking").unwrap_or("unknown");
        let localhost = value("nohostauthenticationforlocalhost").unwrap_or("no");
        let trusting = if !matches!(strict, "true" | "yes") {
            Some(format!("StrictHostKeyChecking is {strict}"))
        } else if !matches!(localhost, "no" | "false") {
            Some(format!("NoHostAuthenticationForLocalhost is {localhost}"))
        } else {
            None
        };
        let through = value("proxyjump").or_else(|| value("proxycommand")).filter(|way| *way != "none").map(str::to_owned);
        Self { trusting, through }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_apart() {
        let changed = "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending key\nHost key verification failed.\n";
        assert!(Refusal::read(changed, "BANNER").why.starts_with("the host has another key"));
        let unknown = "No ED25519 host key is known for h1 and you have requested strict checking.\nHost key verification failed.\n";
        assert!(Refusal::read(unknown, "").why.starts_with("the host's key is not known"));
        let crowd =
            Refusal::read("Connection closed by UNKNOWN port 65535\n", "kex_exchange_identification: Connection closed by remote host");
        assert!(crowd.crowded && crowd.why.contains("MaxStartups"), "{}", crowd.why);
        assert!(Refusal::read("kex_exchange_identification: read: Connection reset by peer\n", "").crowded);
        for no in ["h1: Permission denied (publickey).\n", "ssh: connect to host h1 port 22: Connection refused\n", ""] {
            assert!(!Refusal::read(no, "").crowded, "{no}");
        }
        // What the server greets with is not why it refuses.
        assert_eq!(
            Refusal::read("h1: Permission denied (publickey).\n", "*** AUTHORISED USE ONLY ***\n").why,
            "h1: Permission denied (publickey)."
        );
    }

    #[test]
    fn only_what_is_in_force_counts() {
        let good = "user root\nstricthostkeychecking true\nnohostauthenticationforlocalhost no\nproxyjump hosta\n";
        assert_eq!(InForce::read(good), InForce { trusting: None, through: Some("hosta".to_owned()) });
        assert!(InForce::read("stricthostkeychecking accept-new\n").trusting.is_some());
        assert!(InForce::read("stricthostkeychecking false\n").trusting.is_some());
        assert!(InForce::read("").trusting.is_some());
        assert!(InForce::read("stricthostkeychecking yes\nnohostauthenticationforlocalhost yes\n").trusting.is_some());
    }
}
