//! The rescue over HTTP: what is in it and why, offering it again, deleting it.

use std::collections::BTreeMap;

use loggr_bus::rescue::RescueStore;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{Answer, Call, json};
use super::params::{Parameter, Takes, parameter};
use crate::access::security;
use crate::operate::rescue;
use crate::web::problem::{Code, Problem};

/// Most entries of one page.
const MAX_PAGE: usize = 1000;
/// Entries that are read to sum them up; of more only a part is summed, and the answer says so.
const MAX_SUMMED: usize = 100_000;

/// What of it is listed.
pub const LIST: &[Parameter] = &[
    parameter("sink", Takes::Text, "Only what is of this shipper or machine."),
    parameter("reason", Takes::Text, "Only what is there for this reason."),
    parameter("limit", Takes::Number { least: 1, most: MAX_PAGE, default: 100 }, "At most so many entries."),
    parameter("cursor", Takes::Text, "The `cursor` of the page before: this page goes on behind it."),
];

/// Which entries are meant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Whose.
    sink: String,
    /// One entry.
    id: Option<String>,
    /// All that are there for this reason; with neither, all of the sink.
    reason: Option<String>,
}

/// Entries, and how many there are for each reason.
#[derive(Debug, Serialize)]
struct Listed {
    entries: Vec<rescue::Entry>,
    by_reason: Vec<Sum>,
    cursor: Option<String>,
    /// There are more entries than were summed up.
    partial: bool,
}

/// What is there for one reason.
#[derive(Debug, Serialize)]
struct Sum {
    sink: String,
    reason: String,
    entries: u64,
    events: u64,
}

/// `GET /api/rescue`
pub async fn list(call: Call) -> Answer {
    let store = call.api.site.live.rescue.clone();
    let text = |name| call.params.some(name).map(str::to_owned);
    let (sink, reason, after) = (text("sink"), text("reason"), text("cursor"));
    let limit = call.params.number("limit");
    let list = move || {
        let (mut page, mut sums, mut read) = (Vec::new(), BTreeMap::<_, (u64, u64)>::new(), 0);
        // Behind the entry that the cursor names: entries come in a fixed order.
        let mut is_behind = after.is_none();
        rescue::each(&store, sink.as_deref(), |entry| {
            read += 1;
            if read <= MAX_SUMMED {
                let sum = sums.entry((entry.sink.clone(), entry.reason.clone())).or_default();
                sum.0 += 1;
                sum.1 += entry.events as u64;
            }
            let place = format!("{}/{}", entry.sink, entry.id);
            if is_behind
                && page.len() <= limit
                && reason.as_ref().is_none_or(|reason| *reason == entry.reason)
            {
                page.push((entry.sink.clone(), entry.id.clone()));
            }
            is_behind |= after.as_deref() == Some(&place);
            Ok(())
        })?;
        let more = page.len() > limit;
        page.truncate(limit);
        let cursor = page.last().filter(|_| more).map(|(sink, id)| format!("{sink}/{id}"));
        let entries = page.iter().filter_map(|(sink, id)| rescue::get(&store, sink, id).transpose());
        let entries = entries.collect::<anyhow::Result<_>>()?;
        let sum = |((sink, reason), (entries, events))| Sum { sink, reason, entries, events };
        let by_reason = sums.into_iter().map(sum).collect();
        Ok(Listed { entries, by_reason, cursor, partial: read > MAX_SUMMED })
    };
    let listed = tokio::task::spawn_blocking(list).await.unwrap_or_else(|error| Err(error.into()));
    json(&listed.map_err(|error| refused(&error))?)
}

/// `POST /api/rescue/replay`
pub async fn replay(mut call: Call) -> Answer {
    let which: Which = call.json().await?;
    let live = call.api.site.live.clone();
    let mut sum = rescue::Replayed::default();
    for id in ids(&live.rescue, &which).await? {
        let Some(replayed) = rescue::replay_here(&live, &which.sink, id.as_deref()).await else {
            let whose = rescue::whose(&which.sink);
            return Err(Problem::new(Code::NotFound, format!("{whose} does not run in this process"))
                .hint("`loggr rescue replay` finds the process that runs it"));
        };
        let replayed = replayed.map_err(|error| refused(&error))?;
        sum.replayed += replayed.replayed;
        sum.refused += replayed.refused;
        sum.reason = replayed.reason.or(sum.reason);
    }
    let about = format!("sink={:?} replayed={} refused={}", which.sink, sum.replayed, sum.refused);
    security::told(&call.who, "replays", about);
    json(&sum)
}

/// `POST /api/rescue/discard`
pub async fn discard(mut call: Call) -> Answer {
    let which: Which = call.json().await?;
    let ids = ids(&call.api.site.live.rescue, &which).await?;
    let (store, sink) = (call.api.site.live.rescue.clone(), which.sink.clone());
    let discard = move || {
        let mut sum = rescue::Discarded::default();
        for id in ids {
            sum.discarded += rescue::discard(&store, &sink, id.as_deref())?.discarded;
        }
        Ok(sum)
    };
    let sum = tokio::task::spawn_blocking(discard).await.unwrap_or_else(|error| Err(error.into()));
    let sum = sum.map_err(|error: anyhow::Error| refused(&error))?;
    let about = format!(
        "sink={:?} id={:?} reason={:?} discarded={}",
        which.sink, which.id, which.reason, sum.discarded
    );
    security::told(&call.who, "discards", about);
    json(&sum)
}

/// The entries that are meant; one `None` stands for all of the sink.
async fn ids(rescue: &RescueStore, which: &Which) -> Result<Vec<Option<String>>, Problem> {
    let Some(reason) = which.reason.clone().filter(|_| which.id.is_none()) else {
        return Ok(vec![which.id.clone()]);
    };
    let (store, sink) = (rescue.clone(), which.sink.clone());
    let find = move || {
        let mut ids = Vec::new();
        rescue::each(&store, Some(&sink), |entry| {
            if entry.reason == reason {
                ids.push(Some(entry.id.clone()));
            }
            Ok(())
        })?;
        Ok(ids)
    };
    let found = tokio::task::spawn_blocking(find).await.unwrap_or_else(|error| Err(error.into()));
    found.map_err(|error: anyhow::Error| refused(&error))
}

fn refused(error: &anyhow::Error) -> Problem {
    Problem::new(Code::StoreAway, format!("{error:#}")).retry_after(4)
}
