//! Events: a page of them, their number, one, those around one, and from when to when there are any.

use loggr_event::{Event, SealKeys, Uid, Verdict};
use loggr_store::query::{Field, Matcher, Query};
use loggr_store::{Counted, ErrorKind, Stats};
use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{self, Told, utf16};
use super::call::{Answer, Call, json};
use super::cursor::Cursor;
use super::event::{MAX_MESSAGE_CHARACTERS, MESSAGE_CHARACTERS, Shown};
use super::params::{Parameter, Takes, parameter, required};
use crate::web::problem::{Code, Problem};

/// Most events of one page.
pub const MAX_PAGE: usize = 1000;
/// Most events on each side of one.
const MAX_AROUND: usize = 500;

/// How a page is asked for.
pub const PAGE: &[Parameter] = &[
    parameter("limit", Takes::Number { least: 1, most: MAX_PAGE, default: 100 }, "At most so many events."),
    parameter("cursor", Takes::Text, "The `cursor` of the page before: this page goes on behind it."),
    parameter("order", Takes::Word(&["newest", "oldest"]), "Which events come first."),
    parameter("highlight", Takes::Flag, "Tells where the message of each event has what was searched for."),
    MESSAGE,
];

const MESSAGE: Parameter = parameter(
    "max_message",
    Takes::Number { least: 1, most: MAX_MESSAGE_CHARACTERS, default: MESSAGE_CHARACTERS },
    "So many characters of each message are sent; one that is longer tells its length in `message_cut`.",
);

/// Which event is meant.
pub const UID: &[Parameter] = &[required("uid", Takes::Text, "The uid of the event."), MESSAGE];

/// How the events around one are asked for.
pub const AROUND: &[Parameter] = &[
    required("uid", Takes::Text, "The uid of the event in the middle."),
    parameter(
        "same",
        Takes::Word(&["host", "app", "all"]),
        "Events of the same host; of the same host and program; or all events.",
    ),
    parameter(
        "before",
        Takes::Number { least: 0, most: MAX_AROUND, default: 20 },
        "At most so many older events.",
    ),
    parameter(
        "after",
        Takes::Number { least: 0, most: MAX_AROUND, default: 20 },
        "At most so many newer events.",
    ),
    parameter("cursor_before", Takes::Text, "Only older events behind this place, and no newer ones."),
    parameter("cursor_after", Takes::Text, "Only newer events behind this place, and no older ones."),
    MESSAGE,
];

/// A page of events.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// In the order asked for.
    events: Vec<Shown>,
    /// Where the next page begins; null where nothing more can come.
    cursor: Option<String>,
    /// There may be more.
    more: bool,
    /// For each event the places in its message that were searched for, in UTF-16 code units.
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<Vec<Vec<(usize, usize)>>>,
    #[serde(flatten)]
    told: Told,
}

/// A number of events.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Count {
    /// How many match.
    events: u64,
    #[serde(flatten)]
    told: Told,
}

/// The events around one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Context {
    /// Oldest first, with the one in the middle.
    events: Vec<Shown>,
    /// The uid of the one in the middle.
    anchor: String,
    /// There are older ones.
    more_before: bool,
    /// There are newer ones.
    more_after: bool,
    /// Where older ones go on.
    cursor_before: Option<String>,
    /// Where newer ones go on.
    cursor_after: Option<String>,
    #[serde(flatten)]
    told: Told,
}

/// One event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct One {
    event: Shown,
    /// The received bytes as text, where they were kept.
    raw_text: Option<String>,
    /// The shape of its message.
    shape: String,
    /// The message in pieces, and whether each of them varies.
    shape_parts: Vec<(String, bool)>,
    /// Whether its seal is good. Left out where it has none and the configuration has no key.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<SealOf>,
    /// Where it came from and where it went.
    way: Vec<super::way::Step>,
}

/// Whether the seal of an event is good.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SealOf {
    /// `good`; `broken`, where the event was changed after it was sealed or no key here fits; `unsealed`;
    /// `no_key`, where it has a seal and the configuration has no key to check it with.
    verdict: &'static str,
    /// The `id` of the key with which it was sealed, where the seal is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl SealOf {
    fn of(event: &Event<'_>, keys: &SealKeys) -> Option<SealOf> {
        if let Some(key) = keys.key_of(event) {
            return Some(SealOf { verdict: "good", key: Some(key.to_owned()) });
        }
        let verdict = match (keys.verify(event), keys.is_empty()) {
            (Verdict::Unsealed, true) => return None,
            (Verdict::Unsealed, false) => "unsealed",
            (Verdict::Good | Verdict::Bad, true) => "no_key",
            (Verdict::Good | Verdict::Bad, false) => "broken",
        };
        Some(SealOf { verdict, key: None })
    }
}

/// From when to when there are events.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Extent {
    /// When the oldest was received.
    oldest: Option<String>,
    /// When the newest was received.
    newest: Option<String>,
    /// How many there are; `partial` where not all could be counted.
    events: u64,
    #[serde(flatten)]
    told: Told,
}

/// `GET /api/search`
pub async fn search(call: Call) -> Answer {
    let mut asked = call.asked()?;
    if let Some(text) = call.params.some("cursor") {
        let cursor = Cursor::read("cursor", text)?;
        (asked.options.since, asked.options.until) = (cursor.from, cursor.to);
        asked.options.after = cursor.key();
    }
    asked.options.limit = call.params.number("limit");
    asked.options.oldest_first = call.params.word("order") == "oldest";
    let found = asked.store.search(&asked.query, &asked.options).await?;
    asked.line.rows(found.events.len() as u64);
    let last = found.events.last().filter(|_| found.more);
    let cursor = last.map(|last| Cursor::behind(last, asked.options.since, asked.options.until).write());
    let characters = call.params.number("max_message");
    let matches = call.params.flag("highlight").then(|| {
        // What was asked is marked, not what the filter of a role looks for.
        let own = crate::reading::parse(&asked.text).unwrap_or_else(|_| Query::all());
        let matcher = Matcher::new(&own.hiding(&asked.hidden), asked.now);
        let is_shown = !asked.hidden.hides(&Field::Message);
        let of = |event| if is_shown { places(&matcher, event, characters) } else { Vec::new() };
        found.events.iter().map(of).collect()
    });
    let told = asked.told(found.partial, found.warnings, &found.stats);
    let events = found.events.into_iter().map(|event| Shown::of(event, &asked.hidden, characters)).collect();
    json(&Page { events, cursor, more: found.more, matches, told })
}

/// Where a message has what is searched for, as far as it is sent.
fn places(matcher: &Matcher, event: &Event<'_>, characters: usize) -> Vec<(usize, usize)> {
    let message: &str = &event.message;
    let end = message.char_indices().nth(characters).map_or(message.len(), |(at, _)| at);
    let sent = message.get(..end).unwrap_or_default();
    let places = matcher.highlight(sent);
    places.into_iter().map(|place| (utf16(sent, place.start), utf16(sent, place.end))).collect()
}

/// `GET /api/count`
pub async fn count(call: Call) -> Answer {
    let mut asked = call.asked()?;
    let counted = asked.store.count(&asked.query, &asked.options).await?;
    asked.line.rows(counted.events);
    let told = asked.told(counted.partial, counted.warnings, &counted.stats);
    json(&Count { events: counted.events, told })
}

/// The uid in the parameters.
fn uid(call: &Call) -> Result<Uid, Problem> {
    let text = call.params.text("uid");
    Uid::parse(text).ok_or_else(|| Problem::parameter("uid", format!("`{text}` is no uid")))
}

fn no_such_event(uid: Uid) -> Problem {
    Problem::new(Code::NotFound, format!("there is no event `{uid}` that you may see"))
        .hint("it may have been dropped with its day, or lie in another store")
}

/// `GET /api/event/{uid}`
pub async fn one(call: Call) -> Answer {
    let (mut asked, uid) = (call.asked_of_store("")?, uid(&call)?);
    let event = asked.store.event(uid, &asked.query, &asked.options).await?;
    asked.line.rows(u64::from(event.is_some()));
    let event = event.ok_or_else(|| no_such_event(uid))?;
    // Of the whole event: what is hidden is sealed with the rest.
    let seal = SealOf::of(&event, &call.api.site.live.seal_keys);
    let event = asked.hidden.strip(event);
    let shape = loggr_store::shape::hash(&event.message).to_string();
    let shape_parts = super::patterns::parts(&event.message);
    let way = super::way::way(&call.api, &call.who, &asked, call.params.some("store"), &event).await;
    let raw_text = event.raw.as_deref().map(|raw| String::from_utf8_lossy(raw).into_owned());
    let event = Shown::of(event, &asked.hidden, call.params.number("max_message"));
    json(&One { event, raw_text, shape, shape_parts, seal, way })
}

/// `GET /api/context`
pub async fn context(call: Call) -> Answer {
    let (mut asked, uid) = (call.asked_of_store("")?, uid(&call)?);
    let anchor =
        asked.store.event(uid, &asked.query, &asked.options).await?.ok_or_else(|| no_such_event(uid))?;
    let alike = match call.params.word("same") {
        "all" => Query::all(),
        "app" => {
            Query::equals(Field::Source, &anchor.source).and(Query::equals(Field::AppName, &anchor.app_name))
        }
        _ => Query::equals(Field::Source, &anchor.source),
    };
    let query = asked.with(alike)?;
    let key = |name: &str| call.params.some(name).map(|text| Cursor::read(name, text)).transpose();
    let (older, newer) = (key("cursor_before")?, key("cursor_after")?);
    let (mut before, mut after) = (call.params.number("before"), call.params.number("after"));
    let middle = (anchor.timegenerated, anchor.uid);
    let middle = match (&older, &newer) {
        (Some(older), _) => {
            after = 0;
            older.key().unwrap_or(middle)
        }
        (None, Some(newer)) => {
            before = 0;
            newer.key().unwrap_or(middle)
        }
        (None, None) => middle,
    };
    let is_further = older.is_some() || newer.is_some();
    let loggr_store::Context { mut events, more_before, more_after, partial, warnings, stats, .. } =
        asked.store.context(&query, middle, before, after, &asked.options).await?;
    if is_further {
        // The page before ended with it.
        events.retain(|event| event.uid != middle.1);
    }
    asked.line.rows(events.len() as u64);
    let place = |event: Option<&Event<'_>>| event.map(|event| Cursor::behind(event, None, None).write());
    let cursor_before = place(events.first()).filter(|_| more_before);
    let cursor_after = place(events.last()).filter(|_| more_after);
    let characters = call.params.number("max_message");
    let told = asked.told(partial, warnings, &stats);
    let events = events.into_iter().map(|event| Shown::of(event, &asked.hidden, characters)).collect();
    let anchor = uid.to_string();
    json(&Context { events, anchor, more_before, more_after, cursor_before, cursor_after, told })
}

/// `GET /api/span`
pub async fn span(call: Call) -> Answer {
    let mut asked = call.asked_of_store("")?;
    let time = |micros: Option<i64>| micros.map(ask::stamp);
    if !asked.has_filter() {
        let days = asked.store.partitions().await?;
        let days: Vec<_> = days.iter().filter(|day| day.events > 0).collect();
        let events = days.iter().map(|day| day.events).sum();
        asked.line.rows(events);
        return json(&Extent {
            oldest: time(days.first().map(|day| day.times.0)),
            newest: time(days.last().map(|day| day.times.1)),
            events,
            told: asked.told(false, Vec::new(), &Stats::default()),
        });
    }
    // Who may not see everything is told of what they may see.
    let ends = asked.ends().await?;
    let counted = match asked.store.count(&asked.query, &asked.options).await {
        Err(error) if error.kind() == ErrorKind::Limit => {
            Counted { partial: true, warnings: vec![error.to_string()], ..Counted::default() }
        }
        counted => counted?,
    };
    asked.line.rows(counted.events);
    let warnings = [ends.warnings, counted.warnings].concat();
    let told = asked.told(ends.partial || counted.partial, warnings, &counted.stats);
    json(&Extent { oldest: time(ends.oldest), newest: time(ends.newest), events: counted.events, told })
}

#[cfg(test)]
mod tests {
    use loggr_event::Timestamp;

    use super::*;

    #[track_caller]
    fn check(sealed_with: Option<&str>, keys: &[&str], expect: Option<(&str, Option<&str>)>) {
        let mut event = Event::default();
        if let Some(key) = sealed_with {
            event.seal(key.as_bytes(), Timestamp::default());
        }
        let keys = SealKeys::new(keys.iter().map(|key| (*key, key.as_bytes())));
        let seal = SealOf::of(&event, &keys);
        assert_eq!(seal.as_ref().map(|seal| (seal.verdict, seal.key.as_deref())), expect);
    }

    #[test]
    fn seals() {
        check(Some("a"), &["a", "b"], Some(("good", Some("a"))));
        check(Some("b"), &["a", "b"], Some(("good", Some("b"))));
        check(Some("c"), &["a", "b"], Some(("broken", None)));
        check(None, &["a"], Some(("unsealed", None)));
        check(Some("a"), &[], Some(("no_key", None)));
        check(None, &[], None);
    }
}
