//! The queues: looking at what waits in one, and dropping it.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::call::{Answer, Call, json};
use super::change::to_its_end;
use super::event::Shown;
use super::params::{Parameter, Takes, parameter, required};
use crate::access::security;
use crate::operate::queues;
use crate::web::problem::{Code, Problem};

/// Most events that can be looked at in a queue.
const MAX_PEEK: usize = 100;

/// Which queue is meant.
pub const QUEUE: &[Parameter] = &[required("name", Takes::Text, "The name of the queue.")];
/// How much of it is shown.
pub const PEEK: &[Parameter] =
    &[parameter("limit", Takes::Number { least: 1, most: MAX_PEEK, default: 10 }, "At most so many events.")];

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
