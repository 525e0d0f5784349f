//! The part of the configuration that a process runs: everything, or one component.
//!
//! `run` starts a part. Invariant: a chosen part exists in the configuration and has work to do.

use anyhow::{Result, anyhow};
use clap::ValueEnum;

use crate::config::{Config, Harvest, Machine, Ship, nearest};
use crate::exit::Usage;
use crate::hint::Advise;

/// The word behind `loggr run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Component {
    /// All listeners: they receive events and put them into queues
    Server,
    /// One machine: it takes events from its queue, filters them, and puts them into other queues
    Machine,
    /// One harvest: it takes the files that others upload into a directory, and puts their lines into queues
    Harvest,
    /// One shipper: it takes events from its queue and writes them to files or to a store
    Ship,
    /// The collector: it sends events that wait in the local spool to the message broker
    Collector,
    /// The web server: its page, its API and its metrics
    Web,
    /// An agent: everything of a configuration with `[agent]`, by default that in /etc/loggr/agent.toml
    Agent,
}

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything that is configured.
    Everything,
    /// All listeners.
    Server,
    /// The machine of this name.
    Machine(String),
    /// The harvest of this name.
    Harvest(String),
    /// The shipper of this name.
    Ship(String),
    /// The collector.
    Collector,
    /// The web address.
    Web,
}

impl Part {
    /// The part that the command line asks for; one that the configuration does not have is an
    /// error of usage.
    pub fn choose(config: &Config, component: Option<Component>, name: Option<&str>) -> Result<Part> {
        let Some(component) = component else { return Ok(Part::Everything) };
        match component {
            Component::Machine => machine(config, name).usage(),
            Component::Harvest => harvest(config, name).usage(),
            Component::Ship => ship(config, name).usage(),
            Component::Server => server(config, name).usage(),
            Component::Collector => collector(config, name).usage(),
            Component::Web => web(config, name).usage(),
            Component::Agent => nameless("agent", name).map(|()| Part::Everything).usage(),
        }
    }

    /// The component's word on the command line, or `all`.
    pub fn component(&self) -> &'static str {
        match self {
            Part::Everything => "all",
            Part::Server => "server",
            Part::Machine(_) => "machine",
            Part::Harvest(_) => "harvest",
            Part::Ship(_) => "ship",
            Part::Collector => "collector",
            Part::Web => "web",
        }
    }

    /// The name behind the component's word.
    pub fn name(&self) -> Option<&str> {
        match self {
            Part::Machine(name) | Part::Harvest(name) | Part::Ship(name) => Some(name),
            Part::Everything | Part::Server | Part::Collector | Part::Web => None,
        }
    }

    /// Unique within a configuration; good for a file's name.
    pub fn id(&self) -> String {
        match self.name() {
            Some(name) => format!("{}-{name}", self.component()),
            None => self.component().to_owned(),
        }
    }

    /// The parts that no other process may run on the same data directory at the same time.
    pub fn claims(&self, config: &Config) -> Vec<Part> {
        match self {
            Part::Everything => {
                let server = (!config.listeners.is_empty()).then_some(Part::Server);
                let machines = self.machines(config).map(|m| Part::Machine(m.name.clone()));
                let ships = self.ships(config).map(|s| Part::Ship(s.name.clone()));
                let web = config.web.as_ref().map(|_| Part::Web);
                let collector = self.has_spool(config).then_some(Part::Collector);
                let harvests = self.harvests(config).map(|h| Part::Harvest(h.name.clone()));
                server
                    .into_iter()
                    .chain(harvests)
                    .chain(machines)
                    .chain(ships)
                    .chain(web)
                    .chain(collector)
                    .collect()
            }
            // A process that receives events also empties the spool.
            Part::Server if self.has_spool(config) => vec![Part::Server, Part::Collector],
            one => vec![one.clone()],
        }
    }

    /// Whether it runs the listeners.
    pub fn has_listeners(&self) -> bool {
        matches!(self, Part::Everything | Part::Server)
    }

    /// Whether it puts events into a spool, or takes them out.
    pub fn has_spool(&self, config: &Config) -> bool {
        let listens = self.has_listeners() && !config.listeners.is_empty();
        config.spool.is_some() && (listens || *self == Part::Collector)
    }

    /// Whether it serves the web address.
    pub fn has_web(&self) -> bool {
        matches!(self, Part::Everything | Part::Web)
    }

    /// Whether it publishes to the bus or takes from it.
    pub fn needs_bus(&self) -> bool {
        !matches!(self, Part::Web)
    }

    /// The machines that it runs; a machine with neither a filter nor packers does not run.
    pub fn machines<'c>(&self, config: &'c Config) -> impl Iterator<Item = &'c Machine> + use<'c> {
        let part = self.clone();
        config.machines.iter().filter(move |m| match &part {
            Part::Everything => m.is_hop(),
            Part::Machine(name) => m.is_hop() && *name == m.name,
            Part::Server | Part::Harvest(_) | Part::Ship(_) | Part::Collector | Part::Web => false,
        })
    }

    /// The harvests that it runs.
    pub fn harvests<'c>(&self, config: &'c Config) -> impl Iterator<Item = &'c Harvest> + use<'c> {
        let part = self.clone();
        config.harvests.iter().filter(move |h| match &part {
            Part::Everything => true,
            Part::Harvest(name) => *name == h.name,
            Part::Server | Part::Machine(_) | Part::Ship(_) | Part::Collector | Part::Web => false,
        })
    }

    /// The shippers that it runs.
    pub fn ships<'c>(&self, config: &'c Config) -> impl Iterator<Item = &'c Ship> + use<'c> {
        let part = self.clone();
        config.ships.iter().filter(move |s| match &part {
            Part::Everything => true,
            Part::Ship(name) => *name == s.name,
            Part::Server | Part::Machine(_) | Part::Harvest(_) | Part::Collector | Part::Web => false,
        })
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self, self.name()) {
            (Part::Everything, _) => f.write_str("everything"),
            (_, Some(name)) => write!(f, "{} {name}", self.component()),
            (_, None) => f.write_str(self.component()),
        }
    }
}

fn server(config: &Config, name: Option<&str>) -> Result<Part> {
    nameless("server", name)?;
    if config.listeners.is_empty() {
        return Err(anyhow!("the configuration has no listener, so there is nothing to run"))
            .hint("add a section `[[listener]]` to the configuration");
    }
    Ok(Part::Server)
}

fn collector(config: &Config, name: Option<&str>) -> Result<Part> {
    nameless("collector", name)?;
    match (&config.spool, &config.bus.rabbit) {
        (Some(_), _) => Ok(Part::Collector),
        (None, Some(_)) => Err(anyhow!("the spool is switched off"))
            .hint("remove `enabled = false` from `[spool]` in the configuration"),
        (None, None) => Err(anyhow!("the configuration has no spool, so the collector has nothing to do"))
            .hint(
                "with `kind = \"embedded\"` in `[bus]` there is no broker, and so no spool and no collector",
            ),
    }
}

fn web(config: &Config, name: Option<&str>) -> Result<Part> {
    nameless("web", name)?;
    match config.web {
        Some(_) => Ok(Part::Web),
        None => Err(anyhow!("the web server is switched off"))
            .hint("remove `enabled = false` from `[web]` in the configuration"),
    }
}

fn machine(config: &Config, name: Option<&str>) -> Result<Part> {
    let hops: Vec<&str> = config.machines.iter().filter(|m| m.is_hop()).map(|m| m.name.as_str()).collect();
    if let Some(name) = name
        && config.machines.iter().any(|m| m.name == name && !m.is_hop())
    {
        return Err(anyhow!("the machine `{name}` has no filter and no packers, so there is nothing to run"))
            .hint("events pass such a machine without being changed: give it a `filter`, or run only the shippers behind it");
    }
    named("machine", name, &hops).map(Part::Machine)
}

fn harvest(config: &Config, name: Option<&str>) -> Result<Part> {
    let harvests: Vec<&str> = config.harvests.iter().map(|h| h.name.as_str()).collect();
    named("harvest", name, &harvests).map(Part::Harvest)
}

fn ship(config: &Config, name: Option<&str>) -> Result<Part> {
    let ships: Vec<&str> = config.ships.iter().map(|s| s.name.as_str()).collect();
    named("ship", name, &ships).map(Part::Ship)
}

fn nameless(component: &str, name: Option<&str>) -> Result<()> {
    match name {
        None => Ok(()),
        Some(name) => Err(anyhow!("`loggr run {component}` takes no name, but got `{name}`"))
            .hint(format!("write `loggr run {component}`")),
    }
}

/// Checks that the name is one of those in the configuration.
fn named(component: &str, name: Option<&str>, known: &[&str]) -> Result<String> {
    let noun = if component == "ship" { "shipper" } else { component };
    let listed = || match known {
        [] => format!("the configuration has no `[{component}.NAME]` that runs"),
        known => format!("the configuration has {}", crate::config::list(known)),
    };
    match name {
        None => Err(anyhow!("the name of the {noun} is missing")).hint(listed()),
        Some(name) if known.contains(&name) => Ok(name.to_owned()),
        Some(name) => {
            let near = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            Err(anyhow!("there is no {noun} `{name}`")).hint(near.unwrap_or_else(listed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    const CONFIG: &str = "[machine.main]\nfilter='f'\n[machine.pass]\nexchange='events'\ndestination='x'\n\
                          [ship.archive]\nkind='files'\nexchange='x'\n[ship.search]\nkind='search'\n[harvest.up]\ndirectory='up'\n";

    #[track_caller]
    fn check(config: &str, words: &str, expect: &str) {
        let mut words = words.split_whitespace();
        let component = words.next().map(|word| Component::from_str(word, false).unwrap());
        let shown = match Part::choose(&read(config), component, words.next()) {
            Ok(part) => part.id(),
            Err(error) => crate::hint::render(&error).trim().replace('\n', "; "),
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn parts_that_are_there() {
        check(CONFIG, "", "all");
        check(CONFIG, "server", "server");
        check(CONFIG, "machine main", "machine-main");
        check(CONFIG, "ship archive", "ship-archive");
        check(CONFIG, "harvest up", "harvest-up");
        check(CONFIG, "web", "web");
        check("[bus]\nkind='rabbitmq'\nurls='amqp://mq'", "collector", "collector");
    }

    #[test]
    fn parts_that_are_not() {
        check(CONFIG, "machine mian", "error: there is no machine `mian`; hint: did you mean `main`?");
        check(CONFIG, "machine xyz", "error: there is no machine `xyz`; hint: the configuration has `main`");
        check(
            CONFIG,
            "machine pass",
            "error: the machine `pass` has no filter and no packers, so there is nothing to run; hint: events pass such a \
             machine without being changed: give it a `filter`, or run only the shippers behind it",
        );
        check(
            "",
            "machine x",
            "error: there is no machine `x`; hint: the configuration has no `[machine.NAME]` that runs",
        );
        check(
            CONFIG,
            "ship",
            "error: the name of the shipper is missing; hint: the configuration has `archive`, `search`",
        );
        check(CONFIG, "ship serach", "error: there is no shipper `serach`; hint: did you mean `search`?");
        check(CONFIG, "harvest upp", "error: there is no harvest `upp`; hint: did you mean `up`?");
        check(
            CONFIG,
            "server x",
            "error: `loggr run server` takes no name, but got `x`; hint: write `loggr run server`",
        );
        check(
            "listener = []",
            "server",
            "error: the configuration has no listener, so there is nothing to run; hint: add a section `[[listener]]` to the configuration",
        );
        check(
            "[web]\nenabled=false",
            "web",
            "error: the web server is switched off; hint: remove `enabled = false` from `[web]` in the configuration",
        );
        check(
            CONFIG,
            "collector",
            "error: the configuration has no spool, so the collector has nothing to do; hint: with `kind = \"embedded\"` in `[bus]` there is no broker, and so no spool and no collector",
        );
        check(
            "[bus]\nkind='rabbitmq'\nurls='amqp://mq'\n[spool]\nenabled=false",
            "collector",
            "error: the spool is switched off; hint: remove `enabled = false` from `[spool]` in the configuration",
        );
    }

    #[test]
    fn what_a_part_claims() {
        let config = read(CONFIG);
        let claims = |part: Part| part.claims(&config).iter().map(Part::id).collect::<Vec<_>>();
        assert_eq!(
            claims(Part::Everything),
            ["server", "harvest-up", "machine-main", "ship-archive", "ship-search", "web"]
        );
        assert_eq!(claims(Part::Ship("archive".to_owned())), ["ship-archive"]);
        let config = read("[bus]\nkind='rabbitmq'\nurls='amqp://mq'");
        let claims = |part: Part| part.claims(&config).iter().map(Part::id).collect::<Vec<_>>();
        assert_eq!(claims(Part::Server), ["server", "collector"]);
        assert_eq!(claims(Part::Collector), ["collector"]);
    }
}
