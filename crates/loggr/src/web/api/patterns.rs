//! Events by the shape of their message, and what has changed between two ranges.

use std::collections::BTreeMap;

use loggr_event::Severity;
use loggr_store::query::Field;
use loggr_store::shape::{self, Part};
use loggr_store::{Example, PatternOptions, Subject, Trend};
use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{Range, Told, stamp};
use super::call::{Answer, Call, json};
use super::event::MESSAGE_CHARACTERS;
use super::params::{Parameter, Takes, parameter};
use crate::web::problem::Problem;

/// Most shapes, or changes, of one answer.
const MAX_PATTERNS: usize = 500;
/// Most parts of the range in which a shape is counted.
const MAX_SPARKLINE: usize = 200;

/// How shapes are asked for.
pub const PATTERNS: &[Parameter] = &[
    parameter(
        "limit",
        Takes::Number { least: 1, most: MAX_PATTERNS, default: 50 },
        "At most so many shapes, the most frequent ones.",
    ),
    parameter(
        "buckets",
        Takes::Number { least: 1, most: MAX_SPARKLINE, default: 30 },
        "In so many equal parts of the range each shape is counted.",
    ),
];

/// With what is compared.
pub const COMPARE: &[Parameter] = &[
    parameter(
        "before_from",
        Takes::Time,
        "The range to compare with begins here; if it is left out, it has the same length and ends where the other \
         begins.",
    ),
    parameter("before_to", Takes::Time, "The range to compare with ends here."),
    parameter(
        "exclude",
        Takes::Flag,
        "With `1` the range that was asked for is left out of the range to compare with: a spike against what is \
         around it. If `before_from` and `before_to` are left out, that is its own length on both sides.",
    ),
    parameter(
        "limit",
        Takes::Number { least: 1, most: MAX_PATTERNS, default: 50 },
        "At most so many changes.",
    ),
];

/// Matching events by the shape of their message.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Patterns {
    /// The most frequent first.
    patterns: Vec<Pattern>,
    /// How many different shapes there are.
    distinct: u64,
    /// All matching events.
    matched: u64,
    /// Events of shapes that were too many to be counted one by one.
    rest: u64,
    #[serde(flatten)]
    told: Told,
}

/// A shape.
#[derive(Debug, Serialize, JsonSchema)]
struct Pattern {
    /// Its name; `shape:NAME` in a query finds its events.
    shape: String,
    /// Events that have it.
    events: u64,
    /// When the first of them was received.
    first: String,
    /// When the last of them was received.
    last: String,
    /// Events by severity.
    severities: BTreeMap<&'static str, u64>,
    /// Events in equal parts of the range.
    sparkline: Vec<u64>,
    /// The words of the shape, with a mark for what varies.
    text: String,
    /// The message of the example in pieces, and whether each of them varies.
    parts: Vec<(String, bool)>,
    /// The newest of its events.
    example: Option<Shown>,
}

/// The event that a shape is shown with.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Example")]
struct Shown {
    uid: String,
    timegenerated: String,
    source: String,
    app_name: String,
    message: String,
}

/// What has changed between two ranges.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Comparison {
    /// The range that was asked for.
    now: Side,
    /// The one that it is compared with.
    before: Side,
    /// The most significant first.
    changes: Vec<Change>,
    #[serde(flatten)]
    told: Told,
}

/// One of two ranges.
#[derive(Debug, Serialize, JsonSchema)]
struct Side {
    #[serde(flatten)]
    range: Range,
    /// Matching events in it.
    events: u64,
}

/// Something that has changed.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Change {
    /// `new`, `gone`, `grew` or `shrank`.
    kind: &'static str,
    /// `shape` or `value`.
    what: &'static str,
    /// Of which field a value is.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Which value it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Which shape it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<String>,
    /// The words of the shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// An event of the shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Shown>,
    /// The message of the example in pieces, and whether each of them varies.
    parts: Vec<(String, bool)>,
    /// Events of the shape by severity: now, or before if it is gone.
    severities: BTreeMap<&'static str, u64>,
    /// Events now.
    now: u64,
    /// Events before.
    before: u64,
    /// Events a second now.
    rate_now: f64,
    /// Events a second before.
    rate_before: f64,
    /// How sure it is that this is no chance; greater is surer.
    score: f64,
}

/// `GET /api/patterns`
pub async fn patterns(call: Call) -> Answer {
    let mut asked = call.asked()?;
    // Who may not see messages may not see their shapes.
    asked.shows(&Field::Message)?;
    let wanted =
        PatternOptions { limit: call.params.number("limit"), buckets: call.params.number("buckets") };
    let found = asked.store.patterns(&asked.query, &asked.options, &wanted).await?;
    let hides = |field: &Field| asked.hidden.hides(field);
    let patterns = found.patterns.into_iter().map(|pattern| {
        let message = pattern.example.as_ref().map(|example| example.message.as_str()).unwrap_or_default();
        Pattern {
            shape: pattern.id.to_string(),
            events: pattern.events,
            first: stamp(pattern.times.0),
            last: stamp(pattern.times.1),
            severities: by_severity(pattern.severities),
            sparkline: pattern.course,
            text: shape::text(message),
            parts: parts(message),
            example: pattern.example.map(|example| Shown::of(example, &hides)),
        }
    });
    let patterns: Vec<Pattern> = patterns.collect();
    asked.line.rows(patterns.len() as u64);
    let told = asked.told(found.partial, found.warnings, &found.stats);
    json(&Patterns { patterns, distinct: found.distinct, matched: found.matched, rest: found.rest, told })
}

/// `GET /api/compare`
pub async fn compare(call: Call) -> Answer {
    let mut asked = call.asked()?;
    asked.shows(&Field::Message)?;
    let to = asked.options.until.unwrap_or(asked.now);
    let from = asked.options.since.ok_or_else(|| {
        Problem::parameter("from", "a range without a beginning cannot be compared").hint("add `from=now-1h`")
    })?;
    let (is_around, length) = (call.params.flag("exclude"), to.saturating_sub(from));
    let behind = if is_around { to.saturating_add(length) } else { from };
    let before_to = call.params.moment("before_to", asked.now).unwrap_or(behind);
    let start = if is_around { from } else { before_to };
    let before_from = call.params.moment("before_from", asked.now).unwrap_or(start.saturating_sub(length));
    let (now, before) = ((from, to), (before_from, before_to));
    let parts = if is_around { around(now, before) } else { vec![before] };
    if parts.iter().all(|part| part.0 >= part.1) {
        return Err(Problem::parameter("before_to", "the range to compare with holds no time"));
    }
    let limit = call.params.number("limit");
    let found = asked.store.compare(&asked.query, now, &parts, &asked.options, limit).await?;
    let hides = |field: &Field| asked.hidden.hides(field);
    let changes = found.changes.into_iter().filter_map(|change| {
        let mut shown = Change {
            kind: word(change.trend),
            now: change.events.0,
            before: change.events.1,
            rate_now: change.rates.0,
            rate_before: change.rates.1,
            score: change.score,
            ..Change::default()
        };
        match change.subject {
            Subject::Value(field, _) if hides(&field) => return None,
            Subject::Value(field, value) => {
                shown.what = "value";
                (shown.field, shown.value) = (Some(field.to_string()), Some(value));
            }
            Subject::Shape(id, example) => {
                shown.what = "shape";
                shown.shape = Some(id.to_string());
                shown.text = example.as_ref().map(|example| shape::text(&example.message));
                shown.parts =
                    example.as_ref().map(|example| self::parts(&example.message)).unwrap_or_default();
                shown.severities = by_severity(change.severities);
                shown.example = example.map(|example| Shown::of(*example, &hides));
            }
        }
        Some(shown)
    });
    let side = |(from, to): (i64, i64), events| Side {
        range: Range { from: Some(stamp(from)), to: Some(stamp(to)) },
        events,
    };
    let changes: Vec<Change> = changes.collect();
    asked.line.rows(changes.len() as u64);
    json(&Comparison {
        now: side(now, found.matched.0),
        before: side(before, found.matched.1),
        changes,
        // They name fields, also hidden ones.
        told: asked.told(
            found.partial,
            if asked.hidden.is_empty() { found.warnings } else { Vec::new() },
            &loggr_store::Stats::default(),
        ),
    })
}

/// What of a range lies around another one.
fn around(now: (i64, i64), range: (i64, i64)) -> Vec<(i64, i64)> {
    let parts = [(range.0, range.1.min(now.0)), (range.0.max(now.1), range.1)];
    parts.into_iter().filter(|part| part.0 < part.1).collect()
}

/// Counts by the word of each severity that there is.
fn by_severity(counts: [u64; 8]) -> BTreeMap<&'static str, u64> {
    let counts = Severity::ALL.iter().zip(counts).filter(|(_, events)| *events > 0);
    counts.map(|(severity, events)| (severity.keyword(), events)).collect()
}

fn word(trend: Trend) -> &'static str {
    match trend {
        Trend::New => "new",
        Trend::Gone => "gone",
        Trend::Grew => "grew",
        Trend::Shrank => "shrank",
    }
}

impl Shown {
    fn of(example: Example, hides: &impl Fn(&Field) -> bool) -> Shown {
        let unless = |field: &Field, text: String| if hides(field) { String::new() } else { text };
        Shown {
            uid: example.uid.to_string(),
            timegenerated: stamp(example.time.unix_micros()),
            source: unless(&Field::Source, example.source),
            app_name: unless(&Field::AppName, example.app_name),
            message: example.message.chars().take(MESSAGE_CHARACTERS).collect(),
        }
    }
}

/// A message in pieces, and whether each of them varies.
pub fn parts(message: &str) -> Vec<(String, bool)> {
    let end = message.char_indices().nth(MESSAGE_CHARACTERS).map_or(message.len(), |(at, _)| at);
    let message = message.get(..end).unwrap_or_default();
    let cut = |range: std::ops::Range<usize>| message.get(range).unwrap_or_default().to_owned();
    shape::parts(message).into_iter().map(|(range, part)| (cut(range), part == Part::Variable)).collect()
}
