//! `loggr check`: is the configuration right, and what does it mean?
//!
//! Opens no socket, no store and no queue: it may run beside the daemon.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result};
use loggr_net::tls::Server;

use super::Place;
use crate::component::{server, ship};
use crate::config::{Config, ShipKind, exposed};
use crate::exit::{Exit, Usage};
use crate::process::certificates::Holder;
use crate::process::descriptors::{self, Needs};
use crate::process::part::Part;
use crate::process::privileges::Identity;
use crate::registry::Registry;
use crate::sink::tls::Tls;

/// What is said of the search store that the file does not have.
const BUILT_IN: &str = " (built in; `[ship.search]` with `enabled = false` switches it off)";

/// Prints a summary; every mistake of the file is in the error.
pub fn run(place: &Place) -> Result<Exit> {
    let config = place.load_with_filters()?;
    let mut shown = Vec::new();
    let summary = summary(&config, &mut shown)?;
    for (place, holder) in &shown {
        if let Some(warning) = holder.warning() {
            let file = holder.file().map(|file| file.display().to_string()).unwrap_or_default();
            let hint = "get a new certificate and put it in place of the old one";
            super::complain(&format!("warning: {place}: its certificate `{file}` {warning}\nhint: {hint}\n"));
        }
    }
    for sentence in config.unset_fields() {
        super::complain(&format!("warning: {sentence}\n"));
    }
    for sentence in config.lost_seals() {
        super::complain(&format!("warning: {sentence}\n"));
    }
    // Of the shell that asks; the service may be given more.
    if let Some(shortage) = Needs::of(&config, &Part::Everything).shortage(descriptors::allowed()) {
        super::complain(&format!("warning: {shortage}\nhint: {}\n", descriptors::REMEDY));
    }
    for harvest in config.harvests.iter().filter(|harvest| !harvest.directory.is_dir()) {
        let (name, directory) = (&harvest.name, harvest.directory.display());
        super::complain(&format!("warning: the harvest `{name}` has no directory `{directory}`\n"));
    }
    for (exposed, mend) in exposed(&config) {
        super::complain(&format!("warning: {exposed}\nhint: `{mend}` mends it\n"));
    }
    super::print(&summary)
}

/// What the configuration means; `shown` gets the certificates that are shown, and where.
fn summary(config: &Config, shown: &mut Vec<(String, Holder)>) -> Result<String> {
    let mut out = String::new();
    match &config.file {
        Some(file) => writeln!(out, "`{}` is correct", file.display())?,
        None => writeln!(out, "no configuration file; this is the built-in default")?,
    }
    writeln!(out, "\ndata in {}", config.data.directory.display())?;
    if let Some(rabbit) = &config.bus.rabbit {
        let urls: Vec<String> = rabbit.urls.iter().map(ToString::to_string).collect();
        writeln!(out, "bus: {}", urls.join(", "))?;
        match &config.spool {
            Some(spool) => writeln!(out, "spool in {}", spool.directory.display())?,
            None => writeln!(out, "spool: off")?,
        }
    }
    for listener in &config.listeners {
        if let Some(tls) = &listener.tls {
            let server = Server::open(tls.files.clone(), &[]).with_context(|| config.no_tls_of(listener))?;
            shown.push((format!("listener `{}`", listener.name), Holder::Server(Arc::new(server))));
        }
        if listener.http.is_some() {
            let failed = || format!("cannot start the listener `{}`", listener.name);
            server::requests(listener).with_context(failed).usage()?;
        }
        let places = listener.places();
        let (name, protocol) = (&listener.name, listener.protocol.keyword());
        let tls = if listener.tls.is_some() { " with TLS" } else { "" };
        writeln!(out, "listener {name}: {protocol}{tls} on {} to {}", places.join(", "), listener.exchange)?;
    }
    for harvest in &config.harvests {
        let (name, directory, exchange) = (&harvest.name, harvest.directory.display(), &harvest.exchange);
        let below = if harvest.recursive { " and below it" } else { "" };
        writeln!(out, "harvest {name}: files in {directory}{below} to {exchange}")?;
    }
    for exchange in &config.topology()?.exchanges {
        for queue in &exchange.queues {
            writeln!(out, "queue {}: {} from {}", queue.name, queue.binding, exchange.name)?;
        }
    }
    for machine in config.machines.iter().filter(|m| m.is_hop()) {
        let program = crate::component::machine::compile(config, machine)?;
        let (name, queue, to) = (&machine.name, &machine.queue, &machine.destination);
        let packers = machine.packers.iter().map(|packer| format!("packers.{}", packer.name));
        let filter = machine.filter.is_some().then(|| program.file().to_owned());
        let seals = machine.seal.map(|_| "seals".to_owned());
        let through: Vec<String> = packers.chain(filter).chain(seals).collect();
        writeln!(out, "machine {name}: queue {queue} through {} to {to}", through.join(", "))?;
        for (exchange, key) in machine.ways() {
            writeln!(out, "machine {name}: {key} to {exchange}")?;
        }
    }
    shown.extend(ship::shown(&Tls::of(config.ships.iter())?));
    ship::logins(config.ships.iter())?;
    crate::seal::read(config)?;
    for ship in &config.ships {
        let mut place = ship.kind.shown();
        if let ShipKind::Postgres(postgres) = &ship.kind {
            place = format!("{place} at {}", crate::store::database(postgres)?.shown());
        }
        let built_in = if ship.built_in { BUILT_IN } else { "" };
        writeln!(out, "ship {}: queue {} to {place}{built_in}", ship.name, ship.queue)?;
    }
    if Identity::named(config)?.is_some() {
        let user = config.process.user.as_deref().unwrap_or_default();
        let does = if user == "root" { "stays" } else { "becomes the user" };
        writeln!(out, "process: {does} {user}")?;
    }
    let registry = Registry::open(config)?;
    if let Some(server) = registry.server() {
        writeln!(out, "registry: {server}")?;
    }
    match &config.web {
        Some(web) => {
            shown.extend(crate::web::looks_right(web)?);
            let scheme = if web.tls.is_some() { "https" } else { "http" };
            for address in &web.listen {
                writeln!(out, "web: {scheme}://{address}/")?;
            }
        }
        None => writeln!(out, "web: off")?,
    }
    for sentence in config.unsearched().into_iter().chain(config.loops()) {
        writeln!(out, "warning: {sentence}")?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_summary_says_where_events_go() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("loggr.toml");
        let text = "[[listener]]\nprotocol='relp'\nlisten=['localhost:1', '[::1]:2']\n\
                    [[listener]]\nprotocol='file'\npath=['/var/log/*.log']\n[[listener]]\nprotocol='journal'\n\
                    directories=['/j', '/k']\n[[listener]]\nprotocol='kernel'\n[ship.all]\nkind='files'\ndirectory='/logs'\n[web]\nenabled=false";
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), Some(Path::new("/data"))).unwrap();
        let expect = format!(
            "`{}` is correct\n\ndata in /data\nlistener relp: relp on localhost:1, [::1]:2 to received\n\
             listener file: file on /var/log/*.log to received\nlistener journal: journal on /j, /k to received\n\
             listener kernel: kernel on /dev/kmsg to received\n\
             queue all: # from received\nqueue search: # from received\nship all: queue all to files in /logs\n\
             ship search: queue search to search store in /data/search{BUILT_IN}\nweb: off\n",
            file.display()
        );
        assert_eq!(summary(&config, &mut Vec::new()).unwrap(), expect);
        std::fs::write(&file, format!("{text}\n[ship.search]\nenabled=false")).unwrap();
        let config = Config::load(Some(&file), Some(Path::new("/data"))).unwrap();
        let nothing = "web: off\nwarning: nothing can be searched: no shipper of kind `search` or `postgres` is \
                       configured\n";
        let shown = summary(&config, &mut Vec::new()).unwrap();
        assert!(shown.ends_with(nothing), "{shown}");
    }
}
