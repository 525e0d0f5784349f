//! A shipper with a store or files of its own is alone on its queue: two of them, on two hosts,
//! would each have a part of the events, and each search would answer with its part.
//!
//! Not for PostgreSQL, which is one place for all, and not for the embedded bus, which serves one
//! process. What is known comes from the registry and from the broker's count of consumers; a
//! connection that broke is still counted for a while, so nobody is refused at the first look.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use loggr_bus::{Bus, rabbit};
use loggr_flow::Stop;
use serde_json::Value;
use tokio::time::Instant;

use super::part::Part;
use crate::config::{Config, Ship, ShipKind};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::net;
use crate::registry::{Registry, Seen, State};

/// How often the broker is asked while another's consumer may be one that is gone.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is asked once the shippers run.
const WATCH: Duration = Duration::from_secs(10);
/// What a broker may need beyond two heartbeats to let a broken connection go.
const MARGIN: Duration = Duration::from_secs(5);
/// Consumers that such a shipper has itself.
const OWN: u32 = 1;

/// The shippers of a part that have to be alone, and the broker to ask.
fn lonely<'c>(config: &'c Config, part: &Part, bus: &'c Bus) -> Option<(&'c rabbit::Bus, Vec<&'c Ship>)> {
    let Bus::Rabbit(broker) = bus else { return None };
    let ships = part.ships(config).filter(|ship| !ship.shared && has_place_of_its_own(ship));
    Some((broker, ships.collect()))
}

/// Does it store on this host's disk?
fn has_place_of_its_own(ship: &Ship) -> bool {
    match ship.kind {
        ShipKind::Files(_) | ShipKind::Search(_) => true,
        ShipKind::Postgres(_) => false,
    }
}

/// How long a connection that broke may still be counted.
fn patience(config: &Config) -> Duration {
    let heartbeat = config.bus.rabbit.as_ref().map_or(Duration::ZERO, |rabbit| rabbit.heartbeat);
    heartbeat * 2 + MARGIN
}

/// Refuses to start where another process stores the events of the same queue.
pub async fn check(config: &Config, part: &Part, bus: &Bus, registry: &Registry) -> Result<()> {
    let Some((broker, ships)) = lonely(config, part, bus) else { return Ok(()) };
    let end = Instant::now() + patience(config);
    for ship in ships {
        let mut told = false;
        loop {
            // Who cannot be asked says nothing against the start.
            let consumes = broker.consumers(&ship.queue).await.is_some_and(|consumers| consumers > 0);
            let other = registry.known(None).await.seen.into_iter().find(|seen| takes(seen, ship, config));
            match &other {
                None if !consumes => break,
                Some(other) if consumes => return Err(refusal(ship, Some(other))).hint(advice(ship)).usage(),
                other if Instant::now() >= end => {
                    return Err(refusal(ship, other.as_ref())).hint(advice(ship)).usage();
                }
                _ => {}
            }
            if !std::mem::replace(&mut told, true) {
                let (ship, queue) = (ship.name.as_str(), ship.queue.as_str());
                let seconds = patience(config).as_secs();
                tracing::warn!(
                    ship,
                    queue,
                    seconds,
                    "another process takes from this queue; waiting for it to go"
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Does another process store what comes from this queue?
fn takes(seen: &Seen, ship: &Ship, config: &Config) -> bool {
    // One on the same data directory was this one in its last life: two cannot run.
    let ours = seen.status["host"] == net::host_name().as_str()
        && seen.status["data_directory"] == config.data.directory.display().to_string().as_str();
    let same = |other: &Value| other["queue"] == ship.queue.as_str() && other["kind"] != "postgres";
    !ours && seen.state != State::Lost && seen.status["ships"].as_array().into_iter().flatten().any(same)
}

fn refusal(ship: &Ship, other: Option<&Seen>) -> anyhow::Error {
    let (name, queue) = (&ship.name, &ship.queue);
    let who = other.map(|other| {
        let text = |key: &str| other.status[key].as_str().unwrap_or("?").to_owned();
        format!(
            " (process {} on `{}`, data in `{}`)",
            other.status["pid"],
            text("host"),
            text("data_directory")
        )
    });
    anyhow!(
        "the shipper `{name}` is not alone: another process{} takes from the queue `{queue}` already, and each would \
         store only a part of the events",
        who.unwrap_or_default()
    )
}

fn advice(ship: &Ship) -> String {
    format!(
        "run this shipper on one host and `loggr run server` on the others, or set `shared = true` in `[ship.{}]` if \
         each host shall keep a part",
        ship.name
    )
}

/// Says when another process joins a queue that was ours alone: two that start at the same moment
/// do not see each other.
pub async fn watch(config: Config, part: Part, bus: Arc<Bus>, mut stop: Stop) {
    let Some((broker, ships)) = lonely(&config, &part, &bus) else { return };
    if ships.is_empty() {
        return;
    }
    let mut since: Vec<Option<Instant>> = vec![None; ships.len()];
    let mut told = vec![false; ships.len()];
    loop {
        tokio::select! {
            () = stop.drain() => return,
            () = tokio::time::sleep(WATCH) => {}
        }
        for ((ship, since), told) in ships.iter().zip(&mut since).zip(&mut told) {
            let several = broker.consumers(&ship.queue).await.is_some_and(|consumers| consumers > OWN);
            if !several {
                (*since, *told) = (None, false);
            } else if since.get_or_insert_with(Instant::now).elapsed() >= patience(&config) && !*told {
                *told = true;
                let (ship, queue, hint) = (ship.name.as_str(), ship.queue.as_str(), advice(ship));
                tracing::error!(
                    ship,
                    queue,
                    hint,
                    "another process takes from this queue; each stores a part"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;
    use serde_json::json;

    #[track_caller]
    fn check(other: Value, state: State, expect: bool) {
        let config = read("[ship.a]\nkind='files'\nqueue='q'");
        let mut status = json!({ "host": "elsewhere", "data_directory": "/d" });
        status["ships"] = json!([other]);
        let seen = Seen { status, state, age: Duration::ZERO };
        assert_eq!(takes(&seen, &config.ships[0], &config), expect);
    }

    #[test]
    fn who_stores_the_events_of_the_same_queue() {
        check(json!({ "queue": "q", "kind": "files" }), State::Running, true);
        check(json!({ "queue": "q", "kind": "search" }), State::Late, true);
        check(json!({ "queue": "q", "kind": "files" }), State::Lost, false);
        check(json!({ "queue": "other", "kind": "files" }), State::Running, false);
        check(json!({ "queue": "q", "kind": "postgres" }), State::Running, false);
    }

    #[test]
    fn the_last_life_of_this_process_is_nobody_else() {
        let config = read("[ship.a]\nkind='files'");
        let data = config.data.directory.display().to_string();
        let ships = json!([{ "queue": "a", "kind": "files" }]);
        let status = json!({ "host": net::host_name(), "data_directory": data, "ships": ships });
        let seen = Seen { status, state: State::Running, age: Duration::ZERO };
        assert!(!takes(&seen, &config.ships[0], &config));
    }
}
