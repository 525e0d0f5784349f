//! What loggr itself knows of events: those that wait in a queue, and the way that one has gone.

use loggr_event::Event;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::ask::stamp;
use super::call::{Answer, Call, json};
use super::change::to_its_end;
use super::event::Shown;
use super::params::{Parameter, Takes, parameter, required};
use crate::access::security;
use crate::operate::queues;
use crate::web::Site;
use crate::web::problem::{Code, Problem};

/// Most events that can be looked at in a queue.
const MAX_PEEK: usize = 100;

/// Which queue is meant.
pub const QUEUE: &[Parameter] = &[required("name", Takes::Text, "The name of the queue.")];
/// How much of it is shown.
pub const PEEK: &[Parameter] =
    &[parameter("limit", Takes::Number { least: 1, most: MAX_PEEK, default: 10 }, "At most so many events.")];

/// A station on the way of an event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// `reported`, `received` or `stored`.
    step: &'static str,
    /// When, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Where: a host, a listener, a shipper.
    name: String,
    /// What else is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// `done`, or `unknown` where nobody notes it.
    state: &'static str,
}

/// `GET /api/queues/{name}/peek`
pub async fn peek(call: Call) -> Answer {
    let bus = call.api.site.live.bus.clone().ok_or_else(no_bus)?;
    let name = call.params.text("name");
    let events = queues::peek(&bus, name, call.params.number("limit")).await.map_err(|e| refused(&e))?;
    security::told(&call.who, "looked into a queue", format_args!("queue={name:?} rows={}", events.len()));
    json(&serde_json::json!({ "events": events }))
}

/// What a peek answers.
pub fn peeked(types: &mut SchemaGenerator) -> Schema {
    let event = types.subschema_for::<Shown>();
    let events = json_schema!({ "type": "array", "description": "Oldest first.", "items": event });
    json_schema!({ "type": "object", "required": ["events"], "properties": { "events": events } })
}

/// `POST /api/queues/{name}/purge`
pub async fn purge(call: Call) -> Answer {
    let bus = call.api.site.live.bus.clone().ok_or_else(no_bus)?;
    let name = call.params.text("name").to_owned();
    let about = format!("queue={name:?}");
    let how = |dropped: &queues::Dropped| format!("dropped={}", dropped.dropped);
    let purge = async move { queues::purge(&bus, &name).await.map_err(|error| refused(&error)) };
    json(&to_its_end(&call.who, "purges", about, how, purge).await?)
}

fn no_bus() -> Problem {
    Problem::new(Code::NotFound, "this process has no queues")
        .hint("ask the process that does; `loggr status` names it")
}

fn refused(error: &anyhow::Error) -> Problem {
    Problem::new(Code::NotFound, format!("{error:#}"))
}

/// The way of an event, as far as it and the configuration tell.
pub fn way(site: &Site, event: &Event<'_>, store: Option<&str>) -> Vec<Step> {
    let time = |at: loggr_event::Timestamp| Some(stamp(at.unix_micros()));
    let done = |step, at, name: &str, detail| Step { step, at, name: name.to_owned(), detail, state: "done" };
    let mut way = vec![done("reported", time(event.timereported), &event.source, None)];
    if let Some(origin) = &event.origin {
        let peer = Some(origin.peer.to_string()).filter(|peer| !peer.is_empty());
        let detail = match (peer, &origin.tls_name) {
            (Some(peer), Some(name)) => Some(format!("from {peer}, whose certificate names {name}")),
            (Some(peer), None) => Some(format!("from {peer}")),
            (None, Some(name)) => Some(format!("from {name}")),
            (None, None) => None,
        };
        way.push(done("received", time(event.timegenerated), &origin.listener, detail));
    }
    let config = &site.live.config;
    let chosen = store.or(config.web.as_ref().and_then(|web| web.store.as_deref()));
    for ship in &config.ships {
        let is_here = chosen == Some(ship.name.as_str());
        let state = if is_here { "done" } else { "unknown" };
        way.push(Step { step: "stored", at: None, name: ship.name.clone(), detail: None, state });
    }
    way
}
