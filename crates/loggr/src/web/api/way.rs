//! The way of one event through loggr: what its origin, the configuration, the stores, the queues and
//! the rescue tell of it.
//!
//! Nobody follows single events, so that some of it cannot be known: then it says so, and why. Who may
//! not see everything is told what stands in the event, and no more.

use loggr_event::{Event, Origin, Timestamp, Transport, Uid, counted};
use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{Asked, stamp};
use super::call::Api;
use crate::access::who::{May, Who};
use crate::component::machine::RESCUE_PREFIX;
use crate::config::{Config, UPLOAD, Way};
use crate::operate::rescue::{self, Found};

/// A station on the way of an event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// `reported`, `received`, `published`, `filtered`, `packed`, `stored` or `forwarded`.
    step: &'static str,
    /// When, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Where: a host, a listener, an exchange, a machine, a shipper.
    name: String,
    /// What else is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// `done`, `rescued`, or `unknown` where nobody can know it.
    state: &'static str,
}

impl Step {
    fn done(step: &'static str, name: &str) -> Step {
        Step { step, at: None, name: name.to_owned(), detail: None, state: "done" }
    }

    fn at(self, at: Timestamp) -> Step {
        Step { at: Some(stamp(at.unix_micros())), ..self }
    }

    fn because(self, detail: impl Into<String>) -> Step {
        Step { detail: Some(detail.into()), ..self }
    }

    fn is(self, state: &'static str) -> Step {
        Step { state, ..self }
    }
}

/// The way of an event that stands in the store that was asked.
pub async fn way(api: &Api, who: &Who, asked: &Asked, store: Option<&str>, event: &Event<'_>) -> Vec<Step> {
    let live = api.site.live.clone();
    let names = api.stores.names();
    let here = store.or(names.first().copied()).unwrap_or_default().to_owned();
    let mut steps = vec![Step::done("reported", &event.source).at(event.timereported)];
    let published = event.origin.as_deref().and_then(|origin| {
        steps.push(received(origin).at(event.timegenerated));
        (!who.is_restricted()).then(|| published(&live.config, origin)).flatten()
    });
    let topology = live.config.topology();
    let (Some((exchange, key)), Ok(topology)) = (published, &topology) else {
        steps.push(Step::done("stored", &here));
        return steps;
    };
    steps.push(Step::done("published", &exchange).because(format!("with the routing key `{key}`")));
    let ways = crate::config::ways(&live.config, topology, &exchange, &key);
    let reached = ways.iter().find(|way| way.ship.name == here);
    if let Some(way) = reached {
        for machine in &way.machines {
            let step = if machine.filter.is_some() { "filtered" } else { "packed" };
            steps.push(Step::done(step, &machine.name));
        }
    } else {
        steps.push(Step::done("stored", &here).because("by another configuration than that of now"));
    }
    for way in &ways {
        let word = if way.ship.kind.forwards() { "forwarded" } else { "stored" };
        let step = Step::done(word, &way.ship.name);
        if way.ship.name == here {
            steps.push(step);
            continue;
        }
        let is_certain = way.is_certain() || reached.is_some_and(|reached| way.is_beside(reached));
        steps.push(elsewhere(api, who, asked, event.uid, way, is_certain, step).await);
    }
    steps
}

fn received(origin: &Origin) -> Step {
    let from = Some(&origin.peer).filter(|peer| !peer.is_empty());
    let step = Step::done("received", &origin.listener);
    match (from, &origin.tls_name) {
        (Some(peer), Some(name)) => step.because(format!("from {peer}, whose certificate names {name}")),
        (Some(peer), None) => step.because(format!("from {peer}")),
        (None, Some(name)) => step.because(format!("from {name}")),
        (None, None) => step,
    }
}

/// Where the listener of the event publishes, as it is configured now.
fn published(config: &Config, origin: &Origin) -> Option<(String, String)> {
    if origin.listener == UPLOAD {
        let (ways, key) = config.upload_ways().ok()?;
        return Some((ways.first()?.exchange.clone(), key));
    }
    if origin.transport == Transport::Harvest {
        let harvest = config.harvests.iter().find(|harvest| harvest.name == origin.listener)?;
        return Some((harvest.exchange.clone(), harvest.routing_key()));
    }
    let listener = config.listeners.iter().find(|listener| listener.name == origin.listener)?;
    Some((listener.exchange.clone(), listener.routing_key()))
}

/// Is it with a shipper whose store was not asked? `is_certain`: it has gone to its queue.
async fn elsewhere(
    api: &Api,
    who: &Who,
    asked: &Asked,
    uid: Uid,
    way: &Way<'_>,
    is_certain: bool,
    step: Step,
) -> Step {
    let name = &way.ship.name;
    if way.ship.kind.store().is_some()
        && let Ok(store) = api.stores.get(Some(name))
        && let Ok(Some(_)) = store.event(uid, &asked.query, &asked.options).await
    {
        return step;
    }
    let sinks = way.machines.iter().map(|machine| format!("{RESCUE_PREFIX}{}", machine.name));
    let sinks: Vec<String> = sinks.chain([name.clone()]).collect();
    let live = &api.site.live;
    let place = live.rescue.clone();
    let look =
        move || sinks.iter().map(|sink| rescue::find(&place, sink, uid)).collect::<Result<Vec<_>, _>>();
    let rescued = tokio::task::spawn_blocking(look).await;
    let rescued = rescued.map_err(drop).and_then(|found| found.map_err(drop)).unwrap_or_default();
    if let Some(reason) = rescued.iter().find_map(|found| match found {
        Found::Here(reason) => Some(reason),
        Found::NotHere | Found::TooMany => None,
    }) {
        return match who.may(May::Operate) {
            true => step.is("rescued").because(reason),
            false => step.is("rescued"),
        };
    }
    if rescued.contains(&Found::TooMany) {
        return step.is("unknown").because("too much is in the rescue to look whether it is there");
    }
    let queues: Vec<&str> =
        way.machines.iter().map(|m| m.queue.as_str()).chain([way.ship.queue.as_str()]).collect();
    let known = live.bus.as_ref().map(|bus| bus.stats()).unwrap_or_default();
    let known: Vec<_> = known.iter().flat_map(|e| &e.queues).filter(|q| queues.contains(&&*q.name)).collect();
    let waiting: u64 = known.iter().map(|queue| queue.waiting_events).sum();
    let is_told = known.len() == queues.len() && known.iter().all(|queue| queue.ready_messages.is_none());
    if !is_told {
        return step.is("unknown").because("this process does not see how far its queue is");
    }
    if waiting > 0 {
        let said = match waiting {
            1 => "1 event on the way there still waits; it may be this one".to_owned(),
            _ => format!("{} on the way there still wait; it may be one of them", counted(waiting, "event")),
        };
        return step.is("unknown").because(said);
    }
    match (is_certain, way.ship.kind.store().is_some()) {
        (true, false) => step.because("nothing waits on the way there, and it is not in the rescue"),
        (true, true) => step.is("unknown").because("it is not there now; it may have been deleted since"),
        (false, _) => step.is("unknown").because("a filter or a binding decides which events go there"),
    }
}
