//! File descriptors: how many the process may have open, and how they are divided.
//!
//! Every connection, segment and file takes one, and when they are used up nothing works any more.
//! So the soft limit is raised to the hard one, the descriptors that the configuration may need at
//! one time are added up, and listeners get places for as many connections as are left after the
//! files. Waiting for a place is in `gate.rs`.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Semaphore;

use super::gate::Gate;
use crate::config::Config;
use crate::process::part::Part;

/// The most that is ever asked for, because some systems have no hard limit.
const MAX_DESCRIPTORS: u64 = 1 << 20;
/// Descriptors that every process needs: for its log, card and locks, the runtime, the rescue, name
/// servers, the registry, brokers.
const OF_THE_PROCESS: u64 = 64;
/// Size of a spool's segments, at most; their number follows from the size of the spool.
pub const SPOOL_SEGMENT_BYTES: u64 = 64 << 20;
/// Descriptors of an exchange on disk beside its segments: for its lock, its directory, a spare
/// segment.
const OF_AN_EXCHANGE: u64 = 4;
/// Descriptors of a listening socket: itself, and a connection that waits for a place.
const OF_A_SOCKET: u64 = 2;
/// Files of other programs that one listener has open at one time.
pub const MAX_WATCHED_FILES: usize = 1024;
/// Its positions, and what it looks at to see which file is which.
const OF_A_LISTENER_OF_FILES: u64 = 8;
/// Descriptors of a harvest, for its ledger and for looking through its directory.
const OF_A_HARVEST: u64 = 4;
/// Descriptors of a file that is harvested: itself, and directories that it is moved between.
const OF_A_HARVESTED_FILE: u64 = 6;
/// Of a journal: its open files, and directories while it looks.
const OF_A_JOURNAL: u64 = 24;
/// Of the kernel's messages: the device, and what watches it.
const OF_THE_KERNEL: u64 = 2;
/// Connections to the web address at one time.
pub const MAX_WEB_CONNECTIONS: usize = 256;
/// Connections of one address (IPv6: of one /64) to the web address at one time; a trusted proxy speaks for
/// many and has no share.
pub const MAX_WEB_CONNECTIONS_OF_AN_ADDRESS: usize = MAX_WEB_CONNECTIONS / 2;
/// Connections to the control socket at one time; its owner alone may use it.
pub const MAX_CONTROL_CONNECTIONS: usize = 64;
/// Connections get at least one of this many descriptors, even if files need more.
const LEAST_FOR_CONNECTIONS: u64 = 4;

/// What to do if the descriptors do not suffice.
pub const REMEDY: &str = "raise the hard limit (`LimitNOFILE=` of the unit, `ulimit -Hn`), or lower `max_connections` \
                          and `max_open_files`";

/// Raises the soft limit as far as possible. Gives how many descriptors the process may have.
pub fn raise() -> u64 {
    let allowed = allowed();
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|soft| soft < allowed) {
        let wanted = Rlimit { current: Some(allowed), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::warn!(%error, allowed, "cannot raise the limit of open files");
            return limit.current.unwrap_or(allowed);
        }
    }
    allowed
}

/// How many descriptors a process that is started here may have.
pub fn allowed() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // A limit that is higher than the one we would ask for is kept.
    let soft = limit.current.unwrap_or(u64::MAX).min(MAX_DESCRIPTORS);
    limit.maximum.unwrap_or(u64::MAX).min(MAX_DESCRIPTORS).max(soft)
}

/// The descriptors that a part of a configuration may need at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Files, listening sockets, and connections that loggr makes.
    pub own: u64,
    /// Connections that others make.
    pub connections: u64,
    /// Doors, which are listeners and web addresses, through which these come.
    doors: u64,
}

impl Needs {
    /// The needs of this part.
    pub fn of(config: &Config, part: &Part) -> Needs {
        let mut needs = Needs { own: OF_THE_PROCESS, connections: 0, doors: 0 };
        if part.has_listeners() {
            for listener in &config.listeners {
                needs.own += OF_A_SOCKET * listener.listen.len() as u64;
                needs.own +=
                    listener.files.as_ref().map_or(0, |_| MAX_WATCHED_FILES as u64 + OF_A_LISTENER_OF_FILES);
                needs.own += listener.journal.iter().map(|_| OF_A_JOURNAL).sum::<u64>();
                needs.own += listener.kernel.iter().map(|_| OF_THE_KERNEL).sum::<u64>();
                if listener.protocol.has_connections() {
                    needs.door(listener.max_connections);
                }
            }
        }
        if part.has_web()
            && let Some(web) = &config.web
        {
            needs.own += OF_A_SOCKET * web.listen.len() as u64;
            needs.door(MAX_WEB_CONNECTIONS);
        }
        needs.own += OF_A_SOCKET;
        needs.door(MAX_CONTROL_CONNECTIONS);
        needs.own += queues(config, part);
        for ship in part.ships(config) {
            needs.own += ship.kind.descriptors();
        }
        for harvest in part.harvests(config) {
            needs.own += OF_A_HARVEST + OF_A_HARVESTED_FILE * harvest.files_at_once as u64;
        }
        needs
    }

    fn door(&mut self, connections: usize) {
        self.connections += connections as u64;
        self.doors += 1;
    }

    /// A sentence about the shortage, if the needs exceed what the system allows.
    pub fn shortage(&self, allowed: u64) -> Option<String> {
        let sum = self.own.saturating_add(self.connections);
        (sum > allowed).then(|| {
            format!(
                "the limits of this configuration add up to {sum} file descriptors ({} for files and queues, {} for \
                 connections), but the system allows this process {allowed}",
                self.own, self.connections
            )
        })
    }

    /// Divides places among the doors, if the process may have `allowed` descriptors.
    pub fn places(&self, allowed: u64) -> Places {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        if self.shortage(allowed).is_none() {
            return Places { guaranteed: usize::MAX, common: Arc::new(Semaphore::new(0)) };
        }
        let left = allowed.saturating_sub(self.own).max(allowed / LEAST_FOR_CONNECTIONS);
        // Half of the places are divided among the doors, half are common to all.
        let each = (left / 2 / self.doors.max(1)).max(1);
        let common = left.saturating_sub(each * self.doors);
        Places { guaranteed: number(each), common: Arc::new(Semaphore::new(number(common))) }
    }
}

/// The segments and cursors of the queues on disk.
fn queues(config: &Config, part: &Part) -> u64 {
    let segments = |max: u64, of: u64| max.div_ceil(of.max(1));
    let Some(spool) = &config.spool else {
        if config.bus.rabbit.is_some() || !part.needs_bus() {
            return 0;
        }
        let each = segments(config.bus.max_size, config.bus.segment_size) + OF_AN_EXCHANGE;
        // A loaded configuration has one.
        let exchanges = config.topology().map(|topology| topology.exchanges).unwrap_or_default();
        return exchanges.iter().map(|exchange| each + exchange.queues.len() as u64).sum();
    };
    match part.has_spool(config) {
        true => {
            segments(spool.max_size, SPOOL_SEGMENT_BYTES) + OF_AN_EXCHANGE + config.listeners.len() as u64
        }
        false => 0,
    }
}

/// Makes the gates of the doors.
#[derive(Debug)]
pub struct Places {
    /// Places that each door has for itself.
    guaranteed: usize,
    common: Arc<Semaphore>,
}

impl Places {
    /// The gate of a door with this limit.
    pub fn gate(&self, limit: usize) -> Gate {
        Gate::new(limit, limit.min(self.guaranteed), &self.common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    const TWO: &str = "[bus]\nmax_size='64MiB'\nsegment_size='16MiB'\n[[listener]]\nprotocol='tcp'\nlisten=[':1', ':2']\n\
                       max_connections=700\n[[listener]]\nprotocol='relp'\n[[listener]]\nname='u'\nprotocol='udp'\n\
                       [ship.a]\nkind='files'\nmax_open_files=100\n";

    #[track_caller]
    fn check(text: &str, part: &Part, own: u64, connections: u64) {
        let needs = Needs::of(&read(text), part);
        assert_eq!((needs.own, needs.connections), (own, connections));
    }

    #[test]
    fn what_a_configuration_may_open_is_added_up() {
        let shipped = 108;
        // The search store is there too, with a queue of its own.
        let (bus, searched) = (4 + 4 + 2, 256);
        let listening = 2 * 4;
        let web = 2;
        let control = 2;
        let own = 64 + listening + web + control + bus + shipped + searched;
        check(TWO, &Part::Everything, own, 700 + 1000 + 256 + 64);
        check(TWO, &Part::Web, 64 + web + control, 256 + 64);
        check(TWO, &Part::Ship("a".to_owned()), 64 + control + bus + shipped, 64);
    }

    #[test]
    fn a_sum_that_the_system_does_not_allow_is_told() {
        let needs = Needs { own: 300, connections: 1000, doors: 3 };
        assert_eq!(needs.shortage(1300), None);
        assert_eq!(
            needs.shortage(1024).as_deref(),
            Some(
                "the limits of this configuration add up to 1300 file descriptors (300 for files and queues, 1000 for \
                 connections), but the system allows this process 1024"
            )
        );
    }

    #[track_caller]
    fn check_places(needs: Needs, allowed: u64, each: usize, one: usize) {
        let places = needs.places(allowed);
        let gates: Vec<_> = (0..needs.doors).map(|_| places.gate(1000)).collect();
        let crowd: Vec<_> = std::iter::from_fn(|| gates[0].try_enter()).collect();
        assert_eq!(crowd.len(), one, "a crowd at one door");
        for gate in &gates[1..] {
            let honest: Vec<_> = std::iter::from_fn(|| gate.try_enter()).collect();
            assert_eq!(honest.len(), each);
        }
    }

    #[test]
    fn a_crowd_at_one_door_never_takes_all_places() {
        let needs = Needs { own: 300, connections: 2000, doors: 2 };
        check_places(needs, 10_000, 1000, 1000);
        check_places(needs, 1100, 200, 600);
        // The files want more than there is: connections have a fourth all the same.
        check_places(Needs { own: 5000, ..needs }, 1000, 62, 188);
    }

    #[test]
    fn what_is_raised_is_what_is_allowed() {
        let allowed = raise();
        assert!(getrlimit(Resource::Nofile).current.is_none_or(|soft| soft >= allowed));
        assert_eq!(self::allowed(), allowed);
    }
}
