//! The rights of root's that a command gives up.

use std::{collections::BTreeSet, io};

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

/// What a command keeps of its capabilities.
#[derive(Debug)]
pub(super) struct Privileges {
    keeps: CapabilitySet,
}

impl Privileges {
    /// Reading whatever root may read, and these.
    pub(super) fn keeping(names: &BTreeSet<&'static str>) -> Self {
        let more = names.iter().filter_map(|name| named(name)).fold(CapabilitySet::empty(), CapabilitySet::union);
        Self { keeps: CapabilitySet::DAC_READ_SEARCH | more }
    }

    /// In the child: nothing that it starts gets back what it gives up here.
    pub(super) fn give_up_for_good(&self) -> io::Result<()> {
        set_no_new_privs(true)?;
        let have = capabilities(None)?;
        if have.effective.contains(CapabilitySet::SETPCAP) {
            for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
                // The kernel knows no later one.
                if !self.keeps.contains(capability) && remove_capability_from_bounding_set(capability).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// In the child: gives up the rest.
    pub(super) fn give_up(&self) -> io::Result<()> {
        // Kernels before 4.3 have none.
        let _ = clear_ambient_capability_set();
        let have = capabilities(None)?;
        let kept = have.permitted & self.keeps;
        set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })?;
        Ok(())
    }
}

/// A capability by its name in `held.txt`.
fn named(name: &str) -> Option<CapabilitySet> {
    Some(match name {
        // What may be written is up to Landlock all the same.
        "dac_override" => CapabilitySet::DAC_OVERRIDE,
        "net_raw" => CapabilitySet::NET_RAW,
        "sys_admin" => CapabilitySet::SYS_ADMIN,
        "sys_rawio" => CapabilitySet::SYS_RAWIO,
        "syslog" => CapabilitySet::SYSLOG,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_that_a_rule_keeps_is_known() {
        let rules = include_str!("../../runbook/held.txt").lines().filter(|line| !line.starts_with('#') && !line.contains(": not "));
        let kept: Vec<&str> = rules.flat_map(|line| line.split([',', ':'])).filter_map(|need| need.trim().strip_prefix("keeps ")).collect();
        assert!(kept.contains(&"dac_override") && kept.contains(&"sys_admin"));
        for name in kept {
            assert!(named(name).is_some(), "{name}");
        }
    }
}
