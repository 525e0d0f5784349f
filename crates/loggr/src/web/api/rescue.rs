//! The rescue over HTTP: what is in it and why, offering it again, deleting it.

use loggr_bus::rescue::{RescueError, RescueId, RescueStore};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{Answer, Call, json};
use super::change::to_its_end;
use super::params::{Parameter, Takes, parameter};
use crate::access::security;
use crate::operate::rescue;
use crate::operate::rescued::{self, Key, Reasons, Sum, Wanted};
use crate::web::problem::{Code, Problem};

/// Most entries of one page.
const MAX_PAGE: usize = 1000;
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

impl Which {
    /// Can there be such entries?
    fn checked(self) -> Result<Which, Problem> {
        match &self.id {
            Some(id) if RescueId::parse(id).is_none() => {
                Err(Problem::parameter("id", format!("`{id}` is not the id of a rescued event"))
                    .hint("`/api/rescue` tells the ids"))
            }
            _ => Ok(self),
        }
    }

    /// For the log.
    fn told(&self) -> String {
        format!("sink={:?} id={:?} reason={:?}", self.sink, self.id, self.reason)
    }
}

/// Entries, and how many there are for each reason.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Rescued")]
pub struct Listed {
    entries: Vec<rescue::Entry>,
    /// Of the first page alone.
    by_reason: Vec<Sum>,
    cursor: Option<String>,
    /// There are more entries than were summed up.
    partial: bool,
}

/// `GET /api/rescue`
pub async fn list(call: Call) -> Answer {
    let (store, sums) = (call.api.site.live.rescue.clone(), call.api.rescued.clone());
    let text = |name| call.params.some(name).map(str::to_owned);
    let after = call.params.some("cursor").map(|cursor| {
        Key::parse(cursor).ok_or_else(|| {
            Problem::parameter("cursor", "`cursor` is none that was given here")
                .hint("take the one of the answer before, or leave it out for the first page")
        })
    });
    let after = after.transpose()?;
    let wanted =
        Wanted { sink: text("sink"), reason: text("reason"), after, limit: call.params.number("limit") };
    let list = move || {
        let page = rescued::page(&store, &wanted)?;
        let mut reasons = match wanted.after {
            None => (*sums.of(&store)?).clone(),
            Some(_) => Reasons::default(),
        };
        reasons.sums.retain(|sum| wanted.sink.as_ref().is_none_or(|sink| *sink == sum.sink));
        let cursor = page.after.map(|key| key.to_string());
        Ok(Listed { entries: page.entries, by_reason: reasons.sums, cursor, partial: reasons.partial })
    };
    let listed = tokio::task::spawn_blocking(list).await.unwrap_or_else(|error| Err(error.into()));
    let listed = listed.map_err(|error| refused(&error))?;
    let about = format!("{}{} rows={}", call.asks, call.params.told(), listed.entries.len());
    security::told(&call.who, "looked into the rescue", about);
    json(&listed)
}

/// `POST /api/rescue/replay`
pub async fn replay(mut call: Call) -> Answer {
    let which: Which = call.json::<Which>().await?.checked()?;
    let (live, about) = (call.api.site.live.clone(), which.told());
    let how = |sum: &rescue::Replayed| format!("replayed={} refused={}", sum.replayed, sum.refused);
    let replay = async move {
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
        Ok(sum)
    };
    json(&to_its_end(&call.who, "replays", about, how, replay).await?)
}

/// `POST /api/rescue/discard`
pub async fn discard(mut call: Call) -> Answer {
    let which: Which = call.json::<Which>().await?.checked()?;
    let (store, about) = (call.api.site.live.rescue.clone(), which.told());
    let how = |sum: &rescue::Discarded| format!("discarded={}", sum.discarded);
    let discard = async move {
        let ids = ids(&store, &which).await?;
        let discard = move || {
            let mut sum = rescue::Discarded::default();
            for id in ids {
                sum.discarded += rescue::discard(&store, &which.sink, id.as_deref())?.discarded;
            }
            Ok(sum)
        };
        let sum = tokio::task::spawn_blocking(discard).await.unwrap_or_else(|error| Err(error.into()));
        sum.map_err(|error: anyhow::Error| refused(&error))
    };
    json(&to_its_end(&call.who, "discards", about, how, discard).await?)
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
    if let Some(name @ RescueError::Name(_)) = error.downcast_ref::<RescueError>() {
        return Problem::parameter("sink", name.to_string());
    }
    Problem::new(Code::StoreAway, format!("{error:#}")).retry_after(4)
}
