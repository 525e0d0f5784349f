//! Checks the sections of a file against each other: names, queues, addresses and directories that
//! two of them would use. Problems are collected, and nothing is changed.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use loggr_bus::rabbit::Encoding;
use loggr_event::Template;
use loggr_net::Endpoint;

use super::Config;
use super::diagnostics::Problem;
use super::harvest::{After, Harvest};
use super::hmac::Seal;
use super::reader::Places;
use super::topology::{self, At};

/// A file whose sections have been read, and the problems so far.
pub struct Whole<'a> {
    /// The values of its sections.
    pub config: &'a Config,
    /// Where the values of the sections stand.
    pub places: &'a [(At, Places)],
    /// The place of `listen` in `[web]`.
    pub web: Option<Range<usize>>,
    /// The problems of the file.
    pub problems: &'a mut Vec<Problem>,
}

impl Whole<'_> {
    /// Notes all problems.
    pub fn check(&mut self) {
        self.check_names();
        self.check_encodings();
        self.check_addresses();
        self.check_directories();
        self.check_harvests();
        self.check_seals();
        // The topology is only checked if there is no other problem, because errors elsewhere would
        // cause false ones here.
        if self.problems.is_empty() {
            self.check_topology();
        }
    }

    /// Checks that names of listeners and queues are unique.
    fn check_names(&mut self) {
        let names = self.config.listeners.iter().map(|l| l.name.as_str());
        for index in doubles(names) {
            let name = self.config.listeners.get(index).map(|l| l.name.clone()).unwrap_or_default();
            let help = "give each listener a `name`; without one it is called like its protocol".to_owned();
            self.blame(At::Listener(index), "name", format!("two listeners are called `{name}`"), Some(help));
        }
        let ships = self.config.ships.iter().enumerate().map(|(i, s)| (At::Ship(i), s.queue.as_str()));
        let hops = self.config.machines.iter().enumerate().filter(|(_, m)| m.is_hop());
        let takers: Vec<(At, &str)> =
            ships.chain(hops.map(|(i, m)| (At::Machine(i), m.queue.as_str()))).collect();
        for index in doubles(takers.iter().map(|(_, queue)| *queue)) {
            let Some((at, queue)) = takers.get(index) else { continue };
            let who = match at {
                At::Ship(_) => "two shippers take",
                At::Machine(_) | At::Listener(_) | At::Harvest(_) | At::Packer(_) => {
                    "a machine and another machine or shipper take"
                }
            };
            let help =
                "give each a `queue` of its own, or they would take events away from each other".to_owned();
            self.blame(*at, "queue", format!("{who} from the queue `{queue}`"), Some(help));
        }
    }

    /// Checks that `encoding` is only set with RabbitMQ: the embedded bus has no messages for other
    /// programs.
    fn check_encodings(&mut self) {
        if self.config.bus.rabbit.is_some() {
            return;
        }
        let listeners = self.config.listeners.iter().enumerate().map(|(i, l)| (At::Listener(i), l.encoding));
        let machines = self.config.machines.iter().enumerate().map(|(i, m)| (At::Machine(i), m.encoding));
        let harvests = self.config.harvests.iter().enumerate().map(|(i, h)| (At::Harvest(i), h.encoding));
        let all = listeners.chain(harvests).chain(machines);
        for (at, _) in all.filter(|(_, encoding)| *encoding == Encoding::Json) {
            let message =
                "`encoding = \"json\"` is for other programs that read from RabbitMQ, and this bus is \
                 embedded"
                    .to_owned();
            let help = "set `[bus] kind = \"rabbitmq\"`, or leave `encoding` out".to_owned();
            self.blame(at, "encoding", message, Some(help));
        }
    }

    /// Checks that no address and no socket is used twice.
    fn check_addresses(&mut self) {
        let mut taken: Vec<(bool, Endpoint, String)> = Vec::new();
        let listeners = self.config.listeners.iter().enumerate().flat_map(|(index, l)| {
            let owner = format!("the listener `{}`", l.name);
            l.listen.iter().map(move |e| (Some(index), l.protocol.has_udp_port(), e.clone(), owner.clone()))
        });
        let web = self.config.web.iter().flat_map(|web| &web.listen);
        let web = web.map(|a| (None, false, Endpoint::Net(a.clone()), "`[web]`".to_owned()));
        for (index, udp, endpoint, owner) in listeners.chain(web) {
            let Some((_, _, other)) = taken.iter().find(|(u, e, _)| *u == udp && collide(e, &endpoint))
            else {
                taken.push((udp, endpoint, owner));
                continue;
            };
            let other = if *other == owner { "it" } else { other };
            self.blame_address(index, format!("{owner} cannot listen on `{endpoint}`: {other} does already"));
        }
    }

    fn blame_address(&mut self, listener: Option<usize>, message: String) {
        match listener {
            Some(index) => self.blame(At::Listener(index), "listen", message, None),
            None => {
                let span = self.web.clone();
                self.problems.push(Problem { span, message, help: None });
            }
        }
    }

    /// Checks that each store and each file has one writer.
    fn check_directories(&mut self) {
        let mut taken: Vec<(&Path, Option<&Template>, String)> = Vec::new();
        if self.config.bus.rabbit.is_none() {
            taken.push((&self.config.bus.directory, None, "the bus".to_owned()));
        }
        if let Some(spool) = &self.config.spool {
            taken.push((&spool.directory, None, "the spool".to_owned()));
        }
        for (index, ship) in self.config.ships.iter().enumerate() {
            let Some(directory) = ship.kind.directory() else { continue };
            let path = ship.kind.path();
            // Ships may share a directory when they name their files differently.
            let clash = taken
                .iter()
                .find(|(d, p, _)| *d == directory && (*p == path || p.is_none() || path.is_none()));
            if let Some((_, _, owner)) = clash {
                let message = format!("`{}` holds the files of {owner} already", directory.display());
                let help = format!("give it a `directory` of its own, such as `\"{}\"`", ship.name);
                self.blame(At::Ship(index), "directory", message, Some(help));
            } else {
                taken.push((directory, path, format!("the shipper `{}`", ship.name)));
            }
        }
    }

    /// Checks that no file is harvested twice, and that loggr harvests no file that it has made.
    fn check_harvests(&mut self) {
        let config = self.config;
        let without = Config { harvests: Vec::new(), ..config.clone() };
        let own: Vec<PathBuf> = without.reach().kept.into_iter().map(|(path, _)| path).collect();
        for (index, harvest) in config.harvests.iter().enumerate() {
            let earlier = config.harvests.iter().take(index);
            let takes_both = |other: &&Harvest| {
                other.takes_from(&harvest.directory) || harvest.takes_from(&other.directory)
            };
            if let Some(other) = earlier.clone().find(takes_both) {
                let (name, directory) = (&other.name, harvest.directory.display());
                let message = format!("the harvest `{name}` takes files from `{directory}` already");
                let help = "give each a `directory` of its own".to_owned();
                self.blame(At::Harvest(index), "directory", message, Some(help));
                continue;
            }
            if let Some(path) = own.iter().find(|path| harvest.takes_from(path)) {
                let message = format!(
                    "the harvest `{}` would take the files of loggr itself in `{}`",
                    harvest.name,
                    path.display()
                );
                let help = "give it a `directory` for uploads alone".to_owned();
                self.blame(At::Harvest(index), "directory", message, Some(help));
            }
            for (key, path) in harvest.leaves_in() {
                let Some(other) = config.harvests.iter().find(|other| other.takes_from(path)) else {
                    continue;
                };
                let (name, shown) = (&other.name, path.display());
                let message = format!("the harvest `{name}` would take the files in `{shown}` again");
                self.blame(At::Harvest(index), key, message, Some(format!("put `{key}` somewhere else")));
            }
            if harvest.after == After::Move && harvest.done == harvest.failed {
                let message = "`done` and `failed` are the same directory".to_owned();
                let help = "give each a directory of its own".to_owned();
                self.blame(At::Harvest(index), "done", message, Some(help));
            }
        }
    }

    /// Checks that there is a key for all seals, and that seals can come and go where they are wanted.
    fn check_seals(&mut self) {
        let config = self.config;
        let listeners = config.listeners.iter().enumerate().map(|(i, l)| (At::Listener(i), l.seal));
        let machines = config.machines.iter().enumerate().map(|(i, m)| (At::Machine(i), m.seal));
        let ships = config.ships.iter().enumerate().map(|(i, s)| (At::Ship(i), s.seal));
        let wanted = listeners.chain(machines).chain(ships).filter(|(_, seal)| seal.is_some());
        for (at, _) in wanted.filter(|_| config.seal_keys.is_empty()) {
            let help = "write `keys = [{ id = \"2026a\", file = \"seal.key\" }]` in `[hmac]`";
            self.blame(at, "seal", "`seal` needs a key".to_owned(), Some(help.to_owned()));
        }
        for (index, listener) in config.listeners.iter().enumerate() {
            let by_name = listener.tls.as_ref().is_some_and(|tls| !tls.trusted.is_empty());
            let looks = matches!(listener.seal, Some(Seal::Verify | Seal::Require));
            if looks && !by_name && listener.trust.is_nobody() {
                let name = &listener.name;
                let message = format!("nobody can send a seal to the listener `{name}`: it trusts no sender");
                let help =
                    "name the loggr hosts that send sealed events in `trust`, or write `seal = \"sign\"`";
                self.blame(At::Listener(index), "seal", message, Some(help.to_owned()));
            }
        }
        for (index, ship) in config.ships.iter().enumerate() {
            if ship.seal == Some(Seal::Sign) && !ship.kind.carries_seals() {
                let message = format!("the format of the shipper `{}` has no place for a seal", ship.name);
                let help = "set `format` to `RFC5424` or `JSON`, or leave `seal` out";
                self.blame(At::Ship(index), "seal", message, Some(help.to_owned()));
            }
        }
    }

    fn check_topology(&mut self) {
        for problem in topology::resolve(self.config).err().into_iter().flatten() {
            let span = self.place(problem.at, problem.key);
            self.problems.push(Problem { span, message: problem.message, help: problem.help });
        }
    }

    fn place(&self, at: At, key: &str) -> Option<Range<usize>> {
        self.places.iter().find(|(known, _)| *known == at).and_then(|(_, places)| places.of(key))
    }

    fn blame(&mut self, at: At, key: &str, message: String, help: Option<String>) {
        let span = self.place(at, key);
        self.problems.push(Problem { span, message, help });
    }
}

/// The index of each value that has occurred before.
fn doubles<'v>(values: impl Iterator<Item = &'v str>) -> Vec<usize> {
    let mut seen = HashSet::new();
    values.enumerate().filter(|(_, value)| !seen.insert(*value)).map(|(at, _)| at).collect()
}

/// Whether the kernel would refuse the second one.
fn collide(a: &Endpoint, b: &Endpoint) -> bool {
    match (a, b) {
        (Endpoint::Path(a), Endpoint::Path(b)) => a == b,
        (Endpoint::Net(a), Endpoint::Net(b)) => {
            a.port() == b.port()
                && a.port() != 0
                && (a.host() == b.host() || a.is_wildcard() || b.is_wildcard())
        }
        (Endpoint::Path(_), Endpoint::Net(_)) | (Endpoint::Net(_), Endpoint::Path(_)) => false,
    }
}
