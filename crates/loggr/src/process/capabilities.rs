//! Which of root's powers a process keeps, each with its reason; all others are given up for good.
//!
//! Only when: the thread that calls must be the only one, since capabilities belong to threads and
//! those that start later inherit what is left. Who the process is, `privileges.rs` knows.

use rustix::io::{Errno, Result};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

use crate::config::Config;

/// First port on which every user may listen, unless the kernel says otherwise.
const FIRST_FREE_PORT: u16 = 1024;
/// The file in which the kernel says it.
const FIRST_FREE_PORT_FILE: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// A power, and when it is kept.
struct Power {
    capability: CapabilitySet,
    name: &'static str,
    /// What fails without it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for who reads this table"))]
    reason: &'static str,
    /// `stays_root`: the process is to stay root.
    needed: fn(config: &Config, stays_root: bool) -> bool,
}

/// All that are ever kept.
const POWERS: &[Power] = &[
    Power {
        capability: CapabilitySet::NET_BIND_SERVICE,
        name: "CAP_NET_BIND_SERVICE",
        reason: "a port below 1024 that the configuration names can be bound again without root",
        needed: |config, _| lowest_port(config).is_some_and(|port| port < first_free_port()),
    },
    Power {
        capability: CapabilitySet::SYSLOG,
        name: "CAP_SYSLOG",
        reason: "what root's `/dev/kmsg` says can be read; the kernel asks for it when the device is opened, which is \
                 done before, and never again: so that nobody needs it while running",
        needed: |_, _| false,
    },
    Power {
        capability: CapabilitySet::DAC_OVERRIDE,
        name: "CAP_DAC_OVERRIDE",
        reason: "root reads and writes files of other users, such as a data directory that was another's",
        needed: |_, stays_root| stays_root,
    },
    Power {
        capability: CapabilitySet::CHOWN,
        name: "CAP_CHOWN",
        reason: "what root makes in another user's directory is given to that user",
        needed: |_, stays_root| stays_root,
    },
    Power {
        capability: CapabilitySet::FOWNER,
        name: "CAP_FOWNER",
        reason: "the permission bits of such files are set",
        needed: |_, stays_root| stays_root,
    },
];

/// What this configuration needs.
pub fn needed(config: &Config, stays_root: bool) -> CapabilitySet {
    let needed = POWERS.iter().filter(|power| (power.needed)(config, stays_root));
    needed.fold(CapabilitySet::empty(), |all, power| all | power.capability)
}

/// What the process has of them now.
pub fn held() -> CapabilitySet {
    capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.permitted)
}

/// Their names.
pub fn names(set: CapabilitySet) -> Vec<&'static str> {
    POWERS.iter().filter(|power| set.contains(power.capability)).map(|power| power.name).collect()
}

/// No program that this process could become gets any other.
pub fn bound(keep: CapabilitySet) -> Result<()> {
    // Who may not give them up for others has none to give.
    if !held().contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for one in CapabilitySet::all().iter().filter(|one| !keep.contains(*one)) {
        match remove_capability_from_bounding_set(one) {
            // The kernel is older than the list of capabilities.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives up all others, and hands on none.
pub fn keep_only(keep: CapabilitySet) -> Result<()> {
    let keep = keep & held();
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets { effective: keep, permitted: keep, inheritable: CapabilitySet::empty() },
    )
}

fn first_free_port() -> u16 {
    let text = std::fs::read_to_string(FIRST_FREE_PORT_FILE).unwrap_or_default();
    text.trim().parse().unwrap_or(FIRST_FREE_PORT)
}

/// The lowest port of the listeners. With port 0 the system chooses one that is never privileged.
fn lowest_port(config: &Config) -> Option<u16> {
    let listeners = config.listeners.iter().flat_map(|l| &l.listen).filter_map(|e| e.address());
    let web = config.web.iter().flat_map(|web| &web.listen);
    listeners.chain(web).map(|address| address.port()).filter(|port| *port != 0).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[track_caller]
    fn check(text: &str, expect: Option<u16>) {
        assert_eq!(lowest_port(&read(text)), expect);
    }

    #[test]
    fn ports_that_need_power() {
        check("", Some(1514));
        check("[[listener]]\nprotocol='udp'\nlisten=[':1514', ':514']", Some(514));
        check("[[listener]]\nprotocol='udp'\nlisten=':0'\n[web]\nlisten='127.0.0.1:80'", Some(80));
        check("[[listener]]\nprotocol='unix-dgram'\n[web]\nenabled=false", None);
    }

    #[test]
    fn powers_are_kept_for_a_reason() {
        let kept = |text: &str, stays_root| names(needed(&read(text), stays_root)).join(" ");
        let low = "[[listener]]\nprotocol='udp'\nlisten=':1'";
        assert_eq!(kept("", false), "");
        assert_eq!(kept("[[listener]]\nprotocol='kernel'", false), "", "its device is open by then");
        assert_eq!(kept(low, false), "CAP_NET_BIND_SERVICE");
        assert_eq!(kept("", true), "CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER");
        assert!(POWERS.iter().all(|power| !power.reason.is_empty()));
    }
}
