//! The same questions to a loggr elsewhere: parameters for its API, and values of its answers.
//!
//! Pages come one by one, and none is kept. What a role there must not see is in no answer.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use loggr_event::{Severity, Timestamp};
use loggr_store::query::Field;
use loggr_store::{Bucket, FieldKind, KnownField, TopValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::print::{Row, warn};
use crate::cli::remote::{Feed, QUERY_TIMEOUT, Remote};
use crate::cli::stamp;
use crate::operate::seals::{Broken, Tally};

/// Most events of one page.
const MAX_PAGE: usize = 1000;
/// Most characters of a message that the server sends.
const MAX_MESSAGE: usize = 1 << 20;
/// Most events a second that it sends to who follows.
const MAX_RATE: usize = 1000;

/// A question to a loggr elsewhere.
pub(super) struct There {
    remote: Remote,
    query: String,
    range: (Option<i64>, Option<i64>),
    store: Option<String>,
    /// Where the next page begins.
    cursor: Option<String>,
}

type Parameters = Vec<(&'static str, Option<String>)>;

/// What every answer to a query tells.
#[derive(Deserialize)]
struct Told<T> {
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(flatten)]
    answer: T,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    cursor: Option<String>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Count {
    events: u64,
}

#[derive(Deserialize)]
struct Top {
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    value: String,
    events: u64,
}

#[derive(Deserialize)]
struct Histogram {
    series: Vec<Option<String>>,
    buckets: Vec<Bar>,
}

#[derive(Deserialize)]
struct Bar {
    start: String,
    counts: Vec<u64>,
}

#[derive(Deserialize)]
struct Extent {
    oldest: Option<String>,
    newest: Option<String>,
}

#[derive(Deserialize)]
struct Fields {
    fields: Vec<OneField>,
}

#[derive(Deserialize)]
struct OneField {
    name: String,
    kind: String,
    core: bool,
    events: u64,
}

/// The seals of so many events.
#[derive(Deserialize)]
struct Verified {
    unsealed: u64,
    broken: u64,
    keys: BTreeMap<String, u64>,
    broken_events: Vec<Broken>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Understood {
    ok: bool,
}

/// What a tail tells; which of it is there is said by the name.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Heard {
    events: Option<Box<RawValue>>,
    detail: String,
    reason: String,
}

impl There {
    pub(super) fn new(
        remote: Remote,
        query: &str,
        range: (Option<i64>, Option<i64>),
        store: Option<String>,
    ) -> There {
        There { remote, query: query.to_owned(), range, store, cursor: None }
    }

    /// Can the query be read there?
    pub(super) fn understands(&self) -> Result<bool> {
        let read: Understood = self.remote.get("/api/parse", &[("q", Some(self.query.clone()))])?;
        Ok(read.ok)
    }

    pub(super) fn page(&mut self, most: usize, oldest_first: bool) -> Result<(Vec<Row>, bool)> {
        let mut parameters = self.parameters(&self.query);
        let order = oldest_first.then(|| "oldest".to_owned());
        parameters.extend([
            ("limit", Some(most.clamp(1, MAX_PAGE).to_string())),
            ("cursor", self.cursor.take()),
            ("order", order),
            ("max_message", Some(MAX_MESSAGE.to_string())),
        ]);
        let page: Page = self.remote.get("/api/search", &parameters)?;
        tell(page.partial, &page.warnings);
        self.cursor = page.cursor;
        Ok((page.events.into_iter().map(Row::Json).collect(), self.cursor.is_some()))
    }

    pub(super) fn count(&self) -> Result<u64> {
        self.count_of(&self.query)
    }

    /// The same of another query.
    pub(super) fn count_of(&self, query: &str) -> Result<u64> {
        let count: Count = self.ask("/api/count", query, [])?;
        Ok(count.events)
    }

    pub(super) fn top(&self, field: &Field, most: usize) -> Result<Vec<TopValue>> {
        self.top_of(&self.query, field, most)
    }

    /// The same of another query.
    pub(super) fn top_of(&self, query: &str, field: &Field, most: usize) -> Result<Vec<TopValue>> {
        let further = [("field", Some(field.to_string())), ("limit", Some(most.to_string()))];
        let top: Top = self.ask("/api/top", query, further)?;
        Ok(top.values.into_iter().map(|v| TopValue { value: v.value, events: v.events }).collect())
    }

    pub(super) fn histogram(&self, width: i64) -> Result<Vec<Bucket>> {
        let width = format!("{}ms", width / 1000);
        let found: Histogram = self.ask("/api/histogram", &self.query, [("width", Some(width))])?;
        let severity = |word: &Option<String>| {
            Severity::ALL.iter().position(|known| Some(known.keyword()) == word.as_deref())
        };
        let places: Vec<Option<usize>> = found.series.iter().map(severity).collect();
        let bucket = |bar: &Bar| {
            let mut counts = [0; 8];
            for (place, count) in places.iter().zip(&bar.counts) {
                if let Some(of) = place.and_then(|place| counts.get_mut(place)) {
                    *of += count;
                }
            }
            Ok(Bucket { start: micros(&bar.start)?, counts })
        };
        found.buckets.iter().map(bucket).collect()
    }

    pub(super) fn span(&self) -> Result<Option<(i64, i64)>> {
        let extent: Extent = self.remote.get("/api/span", &[("store", self.store.clone())])?;
        match (extent.oldest, extent.newest) {
            (Some(oldest), Some(newest)) => Ok(Some((micros(&oldest)?, micros(&newest)?))),
            _ => Ok(None),
        }
    }

    pub(super) fn known(&self) -> Result<Vec<KnownField>> {
        let found: Fields = self.ask("/api/fields", "", [])?;
        let custom = found.fields.into_iter().filter(|field| !field.core);
        let known = custom.map(|field| {
            // A kind that this loggr does not know is some text.
            let kind = FieldKind::of(&field.kind).unwrap_or(FieldKind::Text);
            KnownField { name: field.name, kind, events: field.events }
        });
        Ok(known.collect())
    }

    /// The seals of all events that match; `broken` is told of each that is broken, until it wants no more.
    pub(super) fn verify(&self, broken: &mut dyn FnMut(Broken) -> bool) -> Result<Tally> {
        let (mut tally, mut cursor) = (Tally::default(), None);
        loop {
            let mut parameters = self.parameters(&self.query);
            parameters.push(("cursor", cursor.take()));
            let Told { partial, warnings, answer }: Told<Verified> =
                self.remote.get("/api/verify", &parameters)?;
            tell(partial, &warnings);
            tally.is_partial |= partial;
            tally.unsealed += answer.unsealed;
            tally.broken += answer.broken;
            for (key, events) in answer.keys {
                *tally.good.entry(key).or_default() += events;
            }
            let is_wanted = answer.broken_events.into_iter().all(&mut *broken);
            cursor = answer.cursor;
            if cursor.is_none() || !is_wanted {
                return Ok(tally);
            }
        }
    }

    /// Begins to follow.
    pub(super) fn listen(&self) -> Result<Feed> {
        self.remote.listen(
            "/api/tail",
            &[
                ("q", Some(self.query.clone()).filter(|query| !query.is_empty())),
                ("store", self.store.clone()),
                ("rate", Some(MAX_RATE.to_string())),
            ],
        )
    }

    /// The new events that are told next; `None` when nothing is told any more.
    pub(super) fn hear(&self, feed: &mut Feed) -> Result<Option<Vec<Row>>> {
        let Some((name, data)) = self.remote.hear(feed)? else { return Ok(None) };
        let heard: Heard = serde_json::from_str(&data).context("the server tells what is no answer")?;
        let events = heard.events.as_ref().map_or("[]", |events| events.get());
        match name.as_str() {
            "events" => {
                let events: Vec<Box<RawValue>> = serde_json::from_str(events)?;
                return Ok(Some(events.into_iter().map(Row::Json).collect()));
            }
            "skipped" => warn(&[format!("{events} more events came than the server sends")]),
            "behind" => {
                warn(&["events were left out, because they came faster than they were read".to_owned()])
            }
            "trouble" => warn(&[heard.detail]),
            "end" => return Err(anyhow!("the server follows no longer: {}", heard.reason)),
            _ => {}
        }
        Ok(Some(Vec::new()))
    }

    fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
        further: impl IntoIterator<Item = (&'static str, Option<String>)>,
    ) -> Result<T> {
        let mut parameters = self.parameters(query);
        parameters.extend(further);
        let told: Told<T> = self.remote.get(path, &parameters)?;
        tell(told.partial, &told.warnings);
        Ok(told.answer)
    }

    fn parameters(&self, query: &str) -> Parameters {
        let time = |at: Option<i64>| at.map(|at| stamp(Timestamp::from_unix_micros(at)));
        vec![
            ("q", Some(query.to_owned()).filter(|query| !query.is_empty())),
            ("from", time(self.range.0)),
            ("to", time(self.range.1)),
            ("store", self.store.clone()),
            ("timeout", Some(QUERY_TIMEOUT.to_owned())),
        ]
    }
}

/// Tells what was left out, and that something was where nobody says what.
fn tell(partial: bool, warnings: &[String]) {
    warn(warnings);
    if partial && warnings.is_empty() {
        warn(&["the answer is not complete: the server's limit of time was reached".to_owned()]);
    }
}

fn micros(stamp: &str) -> Result<i64> {
    let time = Timestamp::parse_iso8601(stamp, "UTC", Timestamp::from_unix_micros(0));
    Ok(time.ok_or_else(|| anyhow!("the server says `{stamp}`, which is no time"))?.unix_micros())
}
