//! Events summed up: by time, by the values of a field, by field.

use loggr_event::Severity;
use loggr_store::query::Field;
use loggr_store::{ErrorKind, NumberOf, TopOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{Asked, Told, stamp};
use super::call::{Answer, Call, json};
use super::params::{Parameter, Takes, parameter, required};
use crate::web::problem::Problem;

/// Most bars of a histogram.
const MAX_BARS: usize = 1000;
/// Most values with counts of their own in a histogram.
const MAX_VALUES: usize = 20;
/// Most values of one answer.
const MAX_TOP: usize = 1000;
/// Different values of a field are counted exactly up to so many.
const MAX_DISTINCT: usize = 10_000;
/// Fields whose different values are counted in one answer, the first ones.
const MAX_DISTINCT_FIELDS: usize = 200;
/// Widths that a bar may have if none is asked for, in seconds.
const ROUND_SECONDS: [i64; 16] =
    [1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400];

/// How a histogram is asked for.
pub const HISTOGRAM: &[Parameter] = &[
    parameter("by", Takes::Field, "Counts by the values of this field; by severity if it is left out."),
    parameter(
        "values",
        Takes::Number { least: 1, most: MAX_VALUES, default: 5 },
        "So many of the most frequent values have counts of their own.",
    ),
    parameter("buckets", Takes::Number { least: 1, most: MAX_BARS, default: 60 }, "About so many bars."),
    parameter("width", Takes::Duration, "The width of a bar; it goes before `buckets`."),
];

/// How values are asked for.
pub const TOP: &[Parameter] = &[
    required("field", Takes::Field, "The field."),
    parameter("limit", Takes::Number { least: 1, most: MAX_TOP, default: 10 }, "At most so many values."),
    parameter("prefix", Takes::Text, "Only values that begin with it, in any case."),
    parameter("contains", Takes::Text, "Only values that hold it, in any case."),
];

/// What is told of fields.
pub const FIELDS: &[Parameter] = &[parameter(
    "distinct",
    Takes::Flag,
    "With `1` the number of different values of the first 200 fields is told, exactly up to 10,000. It takes longer.",
)];

/// Events by time and by the values of a field.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Histogram {
    /// Milliseconds from one bar to the next.
    width_ms: u64,
    /// By which field.
    by: String,
    /// What the counts of each bar are of: values, in the end null for all others.
    series: Vec<Option<String>>,
    /// The last count of each bar, behind those of `series`, is of events without the field.
    without: bool,
    /// The bars that hold something, oldest first.
    buckets: Vec<Bar>,
    /// All events.
    total: u64,
    #[serde(flatten)]
    told: Told,
}

/// The events of a span of time.
#[derive(Debug, Serialize, JsonSchema)]
struct Bar {
    /// Where it begins.
    start: String,
    /// One for each of `series`, and one for events without the field where `without` says so.
    counts: Vec<u64>,
}

/// The most frequent values of a field.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Top {
    /// The field, by its name in queries.
    field: String,
    /// The most frequent first.
    values: Vec<Value>,
    /// How many different values there are.
    distinct: u64,
    /// Events that have the field.
    with_field: u64,
    /// All matching events.
    matched: u64,
    #[serde(flatten)]
    told: Told,
}

/// A value.
#[derive(Debug, Serialize, JsonSchema)]
struct Value {
    value: String,
    /// Events that have it.
    events: u64,
}

/// The fields that matching events have.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fields {
    /// Those that every event may have first, then the others, the most frequent first.
    fields: Vec<OneField>,
    /// All matching events.
    matched: u64,
    #[serde(flatten)]
    told: Told,
}

/// A field.
#[derive(Debug, Serialize, JsonSchema)]
struct OneField {
    /// By its name in queries.
    name: String,
    /// What its values look like: `word`, `text`, `integer`, `float`, `ip`.
    kind: &'static str,
    /// It is one that every event may have.
    core: bool,
    /// Events that have it.
    events: u64,
    /// How many different values it has, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<u64>,
    /// It has more than that; nobody counted on.
    distinct_more: bool,
}

/// `GET /api/histogram`
pub async fn histogram(call: Call) -> Answer {
    let mut asked = call.asked()?;
    let by = call.params.field("by").unwrap_or(Field::Severity);
    asked.shows(&by)?;
    countable("by", &by)?;
    let width = match call.params.duration("width") {
        Some(width) => i64::try_from(width.as_micros()).unwrap_or(i64::MAX),
        None => width(&asked, call.params.number("buckets")).await?,
    };
    let values = call.params.number("values");
    // Every severity has its own colour.
    let values = if by == Field::Severity { Severity::ALL.len() } else { values };
    let found = asked.store.histogram_by(&asked.query, width, Some(&by), values, &asked.options).await?;
    let is_severity = by == Field::Severity;
    let mut series: Vec<Option<String>> = found.values.iter().cloned().map(Some).collect();
    if !is_severity {
        series.push(None);
    }
    let bar = |bucket: &loggr_store::BucketBy| {
        let mut counts = bucket.counts.clone();
        if !is_severity {
            counts.extend([bucket.rest, bucket.without]);
        }
        Bar { start: stamp(bucket.start), counts }
    };
    asked.line.rows(found.buckets.len() as u64);
    json(&Histogram {
        width_ms: u64::try_from(width / 1000).unwrap_or(0),
        by: by.to_string(),
        series,
        without: !is_severity,
        buckets: found.buckets.iter().map(bar).collect(),
        total: found.buckets.iter().map(|bucket| bucket.events).sum(),
        told: asked.told(found.partial, found.warnings, &found.stats),
    })
}

/// A round width that gives about so many bars over the range, or over what there is of it: in the
/// store, or, for somebody who may not see all of that, of the events that match.
async fn width(asked: &Asked, bars: usize) -> Result<i64, Problem> {
    let (since, until) = (asked.options.since, asked.options.until);
    let (oldest, newest) = match (since, until, asked.has_filter()) {
        (Some(since), Some(until), _) => (since, until),
        (_, _, false) => asked.store.span().await?.unwrap_or((asked.now, asked.now)),
        (_, _, true) => {
            let ends = asked.ends().await?;
            (ends.oldest.unwrap_or(asked.now), ends.newest.unwrap_or(asked.now))
        }
    };
    let (from, to) = (since.unwrap_or(oldest), until.unwrap_or_else(|| asked.now.max(newest)));
    Ok(round(to.saturating_sub(from), bars))
}

fn round(span: i64, bars: usize) -> i64 {
    let seconds = span.max(0) / 1_000_000 / i64::try_from(bars.max(1)).unwrap_or(1);
    let round = ROUND_SECONDS.iter().copied().find(|width| *width >= seconds);
    round.unwrap_or((seconds / 86_400 + 1) * 86_400) * 1_000_000
}

/// `GET /api/top` and `GET /api/values`
pub async fn top(call: Call) -> Answer {
    let mut asked = call.asked()?;
    let field = call.params.field("field").unwrap_or(Field::Message);
    asked.shows(&field)?;
    countable("field", &field)?;
    let text = |name| call.params.text(name).to_owned();
    let wanted =
        TopOptions { limit: call.params.number("limit"), prefix: text("prefix"), contains: text("contains") };
    let top =
        asked.store.top(&asked.query, &field, wanted, &asked.options).await.map_err(|error| {
            match error.kind() {
                ErrorKind::Refused => Problem::parameter("field", error.to_string()),
                _ => error.into(),
            }
        })?;
    asked.line.rows(top.values.len() as u64);
    json(&Top {
        field: field.to_string(),
        distinct: top.distinct,
        with_field: top.with_field,
        matched: top.matched,
        told: asked.told(top.partial, top.warnings, &top.stats),
        values: top.values.into_iter().map(|v| Value { value: v.value, events: v.events }).collect(),
    })
}

/// Refuses fields of which nearly every event has a value of its own: each would be kept to be counted.
fn countable(parameter: &str, field: &Field) -> Result<(), Problem> {
    match field {
        Field::Message | Field::Uid | Field::Time | Field::Timereported => {
            let text = format!("the values of `{field}` are not counted: nearly each event has another one");
            Err(Problem::parameter(parameter, text)
                .hint("`/api/patterns` counts messages by their shape, `/api/histogram` events by time"))
        }
        _ => Ok(()),
    }
}

/// `GET /api/fields`
pub async fn fields(call: Call) -> Answer {
    let mut asked = call.asked()?;
    let found = asked.store.fields_of(&asked.query, &asked.options).await?;
    let shown = found.fields.iter().filter(|of| !asked.hidden.hides(&of.field));
    let mut fields: Vec<OneField> = shown
        .clone()
        .map(|of| OneField {
            name: of.field.to_string(),
            kind: of.kind.keyword(),
            core: !matches!(of.field, Field::Custom(_)),
            events: of.events,
            distinct: None,
            distinct_more: false,
        })
        .collect();
    let (mut partial, mut warnings) = (found.partial, found.warnings.clone());
    if call.params.flag("distinct") {
        let counted: Vec<Field> = shown.take(MAX_DISTINCT_FIELDS).map(|of| of.field.clone()).collect();
        let distinct = asked.store.distinct(&asked.query, &counted, MAX_DISTINCT, &asked.options).await?;
        for (field, number) in fields.iter_mut().zip(distinct.numbers) {
            (field.distinct, field.distinct_more) = match number {
                NumberOf::Exactly(number) => (Some(number), false),
                NumberOf::MoreThan(number) => (Some(number), true),
            };
        }
        partial |= distinct.partial;
        warnings.extend(distinct.warnings);
        warnings.dedup();
    }
    asked.line.rows(fields.len() as u64);
    json(&Fields { fields, matched: found.matched, told: asked.told(partial, warnings, &found.stats) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, bars: usize, expect: i64) {
        assert_eq!(round(seconds * 1_000_000, bars), expect * 1_000_000);
    }

    #[test]
    fn bars_have_round_widths() {
        check(0, 60, 1);
        check(900, 60, 15);
        check(3600, 60, 60);
        check(86_400, 60, 1800);
        check(30 * 86_400, 60, 12 * 3600);
        check(3650 * 86_400, 60, 61 * 86_400);
        check(-5, 0, 1);
    }
}
