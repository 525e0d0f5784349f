//! `loggr search|count|fields|top|histogram|verify`: questions to a store.
//!
//! Reads the store's files or asks the database; the running process need not answer, nor run. With `--url`
//! a loggr elsewhere is asked.

mod asked;
mod fields;
mod follow;
mod lacking;
mod print;
mod there;
mod time;
mod verify;
mod words;

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use loggr_event::{Severity, Timestamp};
use loggr_store::MAX_SEARCH_LIMIT;
use loggr_store::query::Field;

use super::{Place, stamp};
use crate::clean::{self, clean};
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use asked::{Asked, Question};
use follow::follow;
use print::{OutputFormat, Printer};
use time::duration;

pub use fields::{FieldsArgs, fields};
pub use time::{expiry, time};
pub use verify::{VerifyArgs, verify};
pub use words::arguments;

/// Arguments of `loggr search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    #[command(flatten)]
    question: Question,
    /// Print at most this many events
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// How events are printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// Print the newest events, and then go on to print every new event as it comes
    #[arg(short, long)]
    follow: bool,
    /// Print the oldest events first
    #[arg(long, conflicts_with = "follow")]
    oldest_first: bool,
}

/// Arguments of `loggr count`.
#[derive(Debug, Args)]
pub struct CountArgs {
    #[command(flatten)]
    question: Question,
}

/// Arguments of `loggr top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// The field whose values are counted, such as `host`, `app`, `severity`, or a custom field
    field: String,
    #[command(flatten)]
    question: Question,
    /// Print at most this many values
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Print JSON: a list of objects with `value` and `events`
    #[arg(long)]
    json: bool,
}

/// Arguments of `loggr histogram`.
#[derive(Debug, Args)]
pub struct HistogramArgs {
    #[command(flatten)]
    question: Question,
    /// How much time a bar covers, such as `1m` or `1h` [default: so much that there are about 30 bars]
    #[arg(long, value_name = "DURATION")]
    bucket: Option<String>,
    /// Print JSON: one object a line, with `time`, `events` and the events of each severity
    #[arg(long)]
    json: bool,
}

/// `loggr search`.
pub fn search(place: &Place, args: &SearchArgs) -> Result<Exit> {
    let mut asked = args.question.open(place)?;
    asked.options.oldest_first = args.oldest_first;
    let mut out = Printer::new(args.format)?;
    if args.follow {
        return follow(&mut asked, args.limit.min(MAX_SEARCH_LIMIT), &mut out).map(|()| Exit::Fine);
    }
    let (mut left, mut more) = (args.limit, true);
    while left > 0 && more {
        let (rows, further) = asked.page(left)?;
        for row in &rows {
            out.print(row)?;
        }
        (left, more) = (left.saturating_sub(rows.len()), further);
    }
    out.flush()?;
    if left == args.limit && left > 0 {
        asked.advise();
    }
    Ok(Exit::Fine)
}

/// `loggr count`.
pub fn count(place: &Place, args: &CountArgs) -> Result<Exit> {
    let asked = args.question.open(place)?;
    let events = asked.count()?;
    writeln!(std::io::stdout().lock(), "{events}")?;
    if events == 0 {
        asked.advise();
    }
    Ok(Exit::Fine)
}

/// `loggr top`.
pub fn top(place: &Place, args: &TopArgs) -> Result<Exit> {
    let field = Field::from_name(&args.field);
    if matches!(field, Field::Time | Field::Timereported) {
        let time = field.name();
        return Err(anyhow!(
            "the values of `{time}` are not counted: nearly every event has a time of its own"
        ))
        .hint("`loggr histogram` counts events over time")
        .usage();
    }
    if matches!(field, Field::Message | Field::Uid) {
        let name = field.name();
        return Err(anyhow!("the values of `{name}` are not counted: nearly every event has another one"))
            .hint("`loggr top shape` counts messages by their words")
            .usage();
    }
    let asked = args.question.open(place)?;
    // A refusal comes first: what is said about a field before it would stand above it.
    let values = asked.top(&field, args.limit)?;
    asked.suggest_for(&field)?;
    let mut out = std::io::stdout().lock();
    if values.is_empty() {
        asked.advise();
    }
    if args.json {
        let values: Vec<_> =
            values.iter().map(|v| serde_json::json!({ "value": v.value, "events": v.events })).collect();
        writeln!(out, "{}", clean::value(&serde_json::Value::Array(values)))?;
        return Ok(Exit::Fine);
    }
    for value in &values {
        writeln!(out, "{:>12}  {}", value.events, clean(&value.value))?;
    }
    Ok(Exit::Fine)
}

/// `loggr histogram`.
pub fn histogram(place: &Place, args: &HistogramArgs) -> Result<Exit> {
    let asked = args.question.open(place)?;
    let bucket = match &args.bucket {
        Some(text) => duration(text)?,
        None => default_bucket(&asked)?,
    };
    let bars = asked.histogram(bucket)?;
    let mut out = std::io::stdout().lock();
    if bars.iter().all(|bar| bar.total() == 0) {
        asked.advise();
    }
    if args.json {
        for bar in &bars {
            let by: serde_json::Map<String, serde_json::Value> = Severity::ALL
                .iter()
                .zip(bar.counts)
                .filter(|(_, n)| *n > 0)
                .map(|(s, n)| (s.keyword().to_owned(), n.into()))
                .collect();
            let time = stamp(Timestamp::from_unix_micros(bar.start));
            let total = bar.total();
            writeln!(out, "{}", serde_json::json!({ "time": time, "events": total, "severity": by }))?;
        }
        return Ok(Exit::Fine);
    }
    let most = bars.iter().map(|b| b.total()).max().unwrap_or(0).max(1);
    for bar in &bars {
        let total = bar.total();
        let width = usize::try_from(total * 50 / most).unwrap_or(0).max(usize::from(total > 0));
        let time = stamp(Timestamp::from_unix_micros(bar.start));
        writeln!(out, "{time}  {total:>10}  {}", "#".repeat(width))?;
    }
    Ok(Exit::Fine)
}

/// A round width that gives about 30 bars.
fn default_bucket(asked: &Asked) -> Result<i64> {
    const ROUND_SECONDS: [i64; 14] =
        [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400];
    let (first, last) = asked.span()?.unwrap_or_default();
    let since = asked.options.since.unwrap_or(first).max(first);
    let until = asked.options.until.unwrap_or(last).min(last);
    let seconds = (until - since).max(0) / 1_000_000 / 30;
    let round = ROUND_SECONDS.iter().copied().find(|s| *s >= seconds);
    Ok(round.unwrap_or(30 * 86_400) * 1_000_000)
}
