//! `GET /api/verify`: how many matching events have a good seal, and which have a broken one.
//!
//! An answer looks at a limited number of events, and says where the next one goes on: so it ends soon, and
//! with its client. Seals are checked over the whole event, also over what is hidden from who asks: whether
//! it was changed says nothing of what it is. Not what a seal is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::ask::Told;
use super::call::{Answer, Call, json};
use super::cursor::Cursor;
use super::params::{Parameter, Takes, parameter};
use crate::operate::seals::{self, Broken, Looked};
use crate::web::problem::{Code, Problem};

/// Most events that one answer looks at.
const MAX_EVENTS: usize = 100_000;
/// So many if nothing is said.
const EVENTS: usize = 10_000;

/// How seals are asked for.
pub const PARAMETERS: &[Parameter] = &[
    parameter(
        "limit",
        Takes::Number { least: 1, most: MAX_EVENTS, default: EVENTS },
        "At most so many events are looked at, the newest first.",
    ),
    parameter("cursor", Takes::Text, "The `cursor` of the answer before: this one goes on behind it."),
];

/// The seals of matching events.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verified {
    /// Events that were looked at.
    events: u64,
    /// Those with a good seal.
    good: u64,
    /// Those without a seal.
    unsealed: u64,
    /// Those with a broken seal.
    broken: u64,
    /// Events with a good seal, by the `id` of the key that fits.
    keys: BTreeMap<String, u64>,
    /// Each event with a broken seal.
    broken_events: Vec<Broken>,
    /// Where the next answer goes on; null where all were looked at.
    cursor: Option<String>,
    #[serde(flatten)]
    told: Told,
}

/// `GET /api/verify`
pub async fn verify(call: Call) -> Answer {
    let keys = &call.api.site.live.seal_keys;
    if keys.is_empty() {
        let text = "there is no key to verify seals with: the configuration has no `[hmac]`";
        return Err(Problem::new(Code::NotFound, text)
            .hint("write `keys = [{ id = \"2026a\", file = \"seal.key\" }]` in `[hmac]` there"));
    }
    let mut asked = call.asked()?;
    if let Some(text) = call.params.some("cursor") {
        let cursor = Cursor::read("cursor", text)?;
        (asked.options.since, asked.options.until) = (cursor.from, cursor.to);
        asked.options.after = cursor.key();
    }
    let (mut broken_events, mut warnings) = (Vec::new(), Vec::new());
    let looking = seals::look(
        &asked.store,
        &asked.query,
        &asked.options,
        keys,
        call.params.number("limit"),
        |event| {
            broken_events.push(Broken::of(event, &asked.hidden));
            true
        },
        |more: &[String]| warnings.extend_from_slice(more),
    );
    let Looked { tally, last } = looking.await?;
    warnings.dedup();
    asked.line.rows(tally.all());
    let (from, to) = (asked.options.since, asked.options.until);
    json(&Verified {
        events: tally.all(),
        good: tally.all_good(),
        unsealed: tally.unsealed,
        broken: tally.broken,
        broken_events,
        cursor: last.map(|last| Cursor::at(last, from, to).write()),
        told: asked.told(tally.is_partial, warnings, &tally.stats),
        keys: tally.good,
    })
}
