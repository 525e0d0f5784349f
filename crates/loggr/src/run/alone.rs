//! Makes sure that a shipper with a store or files of its own is alone on its queue: two of them,
//! on two hosts, would each store a part of the events, and each search would find only one part.
//!
//! PostgreSQL needs no such check, because it is one place for all, nor does the embedded bus,
//! which serves one process. The registry and the broker's count of consumers show other processes;
//! a broken connection is still counted for a while, so that the first look does not decide.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use loggr_bus::{Bus, rabbit};
use loggr_flow::Stop;
use loggr_net::bind::host_name;
use tokio::time::Instant;

use crate::config::{Config, Ship};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::process::part::Part;
use crate::registry::Registry;
use crate::status::{self, Seen, State};

/// How often the broker is asked while another consumer may be one whose connection is broken.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is asked once the shippers run.
const WATCH: Duration = Duration::from_secs(10);
/// Time that a broker may need beyond two heartbeats to drop a broken connection.
const MARGIN: Duration = Duration::from_secs(5);
/// Consumers that such a shipper has itself.
const OWN: u32 = 1;

/// The shippers of a part that must be alone on their queue, and the broker to ask.
fn lonely<'c>(config: &'c Config, part: &Part, bus: &'c Bus) -> Option<(&'c rabbit::Bus, Vec<&'c Ship>)> {
    let Bus::Rabbit(broker) = bus else { return None };
    let ships = part.ships(config).filter(|ship| ship.is_lonely());
    Some((broker, ships.collect()))
}

/// How long the broker may still count a broken connection.
fn patience(config: &Config) -> Duration {
    let heartbeat = config.bus.rabbit.as_ref().map_or(Duration::ZERO, |rabbit| rabbit.heartbeat);
    heartbeat * 2 + MARGIN
}

/// Refuses to start if another process stores the events of the same queue.
pub async fn check(config: &Config, part: &Part, bus: &Bus, registry: &Registry) -> Result<()> {
    let Some((broker, ships)) = lonely(config, part, bus) else { return Ok(()) };
    let end = Instant::now() + patience(config);
    for ship in ships {
        let mut told = false;
        loop {
            // A broker that cannot be asked does not prevent the start.
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
                    "another process takes from this queue; waiting for that process to end"
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Whether another process stores the events of this queue.
fn takes(seen: &Seen, ship: &Ship, config: &Config) -> bool {
    // A process with the same data directory is an earlier run of this one, because two cannot run.
    let who = &seen.status.identity;
    let data = config.data.directory.display().to_string();
    let ours = who.host == Some(host_name()) && who.data_directory == Some(data);
    let same = |other: &status::Ship| other.queue == ship.queue && other.kind != "postgres";
    !ours && seen.state != State::Lost && seen.status.ships.iter().any(same)
}

fn refusal(ship: &Ship, other: Option<&Seen>) -> anyhow::Error {
    let (name, queue) = (&ship.name, &ship.queue);
    let who = other.map(|other| {
        let who = &other.status.identity;
        let text = |text: &Option<String>| text.as_deref().unwrap_or("?").to_owned();
        let pid = who.pid.map_or("?".to_owned(), |pid| pid.to_string());
        format!(" (process {pid} on `{}`, data in `{}`)", text(&who.host), text(&who.data_directory))
    });
    anyhow!(
        "the shipper `{name}` is not alone: another process{} takes from the queue `{queue}` already, so that each \
         of the two would store only a part of the events",
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

/// Logs when another process joins the queue later: two that start at the same moment do not see
/// each other.
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
                    "another process takes from this queue too; each of the two stores a part of the events"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;
    use crate::status::{Identity, Status};

    fn seen(host: &str, data: &str, queue: &str, kind: &str, state: State) -> Seen {
        let text = |text: &str| Some(text.to_owned());
        let identity = Identity { host: text(host), data_directory: text(data), ..Identity::default() };
        let ship = status::Ship { queue: queue.to_owned(), kind: kind.to_owned(), ..status::Ship::default() };
        let status = Status { identity, ships: vec![ship], ..Status::default() };
        Seen { status, state, age: Duration::ZERO }
    }

    #[track_caller]
    fn check(queue: &str, kind: &str, state: State, expect: bool) {
        let config = read("[ship.a]\nkind='files'\nqueue='q'");
        let seen = seen("elsewhere", "/d", queue, kind, state);
        assert_eq!(takes(&seen, &config.ships[0], &config), expect);
    }

    #[test]
    fn who_stores_the_events_of_the_same_queue() {
        check("q", "files", State::Running, true);
        check("q", "search", State::Late, true);
        check("q", "files", State::Lost, false);
        check("other", "files", State::Running, false);
        check("q", "postgres", State::Running, false);
    }

    #[test]
    fn the_last_life_of_this_process_is_nobody_else() {
        let config = read("[ship.a]\nkind='files'");
        let data = config.data.directory.display().to_string();
        let seen = seen(&host_name(), &data, "a", "files", State::Running);
        assert!(!takes(&seen, &config.ships[0], &config));
    }
}
