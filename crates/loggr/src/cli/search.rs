//! `loggr search|count|fields|top|histogram`: questions to a store.
//!
//! Reads the store's files or asks the database; the running process need not answer, nor run.

mod fields;
mod follow;
mod print;
mod time;
mod words;

use std::future::Future;
use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use loggr_event::{Severity, Timestamp};
use loggr_store::query::{Field, Query};
use loggr_store::{Found, KnownField, MAX_SEARCH_LIMIT, SearchOptions, Store, StoreError};

use super::{Place, complain, stamp};
use crate::clean::{self, clean};
use crate::config::ShipKind;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::process::clock::now;
use crate::process::place;
use crate::store;
use follow::{begin, follow};
use print::{OutputFormat, Printer};
use time::{Span, duration};

pub use fields::{FieldsArgs, fields};
pub use time::{expiry, time};
pub use words::arguments;

/// A query of more words than this gets no word about words.
const FEW_WORDS: usize = 3;
/// What all questions share.
#[derive(Debug, Args)]
pub struct Question {
    /// What to look for, such as `failed host:web1` [default: every event]. Several words must all be
    /// found
    query: Vec<String>,
    #[command(flatten)]
    sought: Sought,
}

/// Where is looked, and from when to when.
#[derive(Debug, Args)]
struct Sought {
    #[command(flatten)]
    span: Span,
    /// The name of the shipper whose store is asked [default: the `store` that `[web]` names, or else
    /// the first store of the configuration]
    #[arg(long, value_name = "SHIPPER")]
    store: Option<String>,
}

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

struct Asked {
    store: Store,
    runtime: tokio::runtime::Runtime,
    /// The query as it was written.
    text: String,
    query: Query,
    options: SearchOptions,
    /// Nothing was stored yet, which has been said: no other query would find anything.
    is_empty: bool,
}

impl Question {
    fn open(&self, place: &Place) -> Result<Asked> {
        let text = self.query.join(" ");
        // A blank stands before what would have been an option, see `arguments`.
        let asked = self.sought.open(place, text.trim_start())?;
        asked.suggest()?;
        Ok(asked)
    }
}

impl Sought {
    fn open(&self, place: &Place, text: &str) -> Result<Asked> {
        let config = place.load()?;
        let ship = store::choose(&config, self.store.as_deref())?;
        let query = parse(text)?;
        let at = now().unix_micros();
        let mut options = SearchOptions::new(at);
        (options.since, options.until) = self.span.read(at)?;
        let mut is_empty = false;
        if let ShipKind::Search(search) = &ship.kind
            && !place::exists(&search.directory)?
        {
            complain(&format!("hint: nothing was stored in `{}` yet\n", search.directory.display()));
            is_empty = true;
        }
        let (store, runtime) = (store::open(ship)?, super::runtime()?);
        Ok(Asked { store, runtime, text: text.to_owned(), query, options, is_empty })
    }
}

/// Reads the query; what is wrong with it is shown with what was probably meant.
fn parse(text: &str) -> Result<Query> {
    let mut read = loggr_store::query::parse(text).map_err(|e| anyhow!("{}", e.render(text)));
    if read.is_err() {
        for hint in loggr_store::query::habits(text) {
            read = read.hint(clean(&hint));
        }
    }
    read.usage()
}

impl Asked {
    /// Waits for an answer.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T> {
        store::told(self.runtime.block_on(answer))
    }

    /// What may have been meant by a query that found nothing.
    fn advise(&self) {
        if self.is_empty {
            return;
        }
        let mut hints = loggr_store::query::habits(&self.text);
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let plain = |word: &&&str| word.chars().all(char::is_alphanumeric);
        if let (true, Some(word)) = (hints.is_empty() && words.len() <= FEW_WORDS, words.iter().find(plain)) {
            hints.push(format!(
                "`{word}` is looked for as a whole word in the text of the events; `{word}*` also finds words that \
                 begin with it, `app:{word}` finds events of that program, `host:{word}` events of that host"
            ));
        }
        for hint in hints {
            complain(&format!("hint: {}\n", clean(&hint)));
        }
    }

    /// A field that no event has finds nothing; say so, and what it might have been.
    fn suggest(&self) -> Result<()> {
        if self.query.fields().iter().all(|field| !matches!(field, Field::Custom(_))) {
            return Ok(());
        }
        let known = self.known()?;
        let names: Vec<&str> = known.iter().map(|f| f.name.as_str()).collect();
        for (unknown, near) in self.query.unknown_fields(&names) {
            self.tell_unknown(&unknown, near);
        }
        Ok(())
    }

    /// The same of the field whose values are asked for.
    fn suggest_for(&self, field: &Field) -> Result<()> {
        let Field::Custom(name) = field else { return Ok(()) };
        let known = self.known()?;
        if known.iter().all(|field| field.name != *name) {
            let names = known.iter().map(|field| field.name.as_str());
            self.tell_unknown(name, loggr_store::query::suggest(name, names));
        }
        Ok(())
    }

    /// The custom fields that events have.
    fn known(&self) -> Result<Vec<KnownField>> {
        self.wait(self.store.fields(self.options.since, self.options.until))
    }

    fn tell_unknown(&self, field: &str, near: Option<&str>) {
        if self.is_empty {
            return;
        }
        let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        complain(&format!("hint: no event has the field `{}`{near}\n", clean(field)));
    }
}

/// `loggr search`.
pub fn search(place: &Place, args: &SearchArgs) -> Result<Exit> {
    let mut asked = args.question.open(place)?;
    asked.options.oldest_first = args.oldest_first;
    let mut out = Printer::new(args.format)?;
    if args.follow {
        asked.options.limit = args.limit.min(MAX_SEARCH_LIMIT);
        // Before the first answer: what becomes visible from here on is new.
        let mut following = begin(&asked)?;
        let mut events = ask(&asked, &asked.options)?.events;
        if events.is_empty() {
            asked.advise();
        }
        events.reverse();
        following.know(&events);
        for event in &events {
            out.print(event)?;
        }
        out.flush()?;
        return follow(&asked, following, &mut out).map(|()| Exit::Fine);
    }
    let mut left = args.limit;
    while left > 0 {
        asked.options.limit = left.min(MAX_SEARCH_LIMIT);
        let page = ask(&asked, &asked.options)?;
        for event in &page.events {
            out.print(event)?;
        }
        left = left.saturating_sub(page.events.len());
        match page.events.last().filter(|_| page.more) {
            Some(last) => asked.options.after = Some((last.timegenerated, last.uid)),
            None => break,
        }
    }
    out.flush()?;
    if left == args.limit && left > 0 {
        asked.advise();
    }
    Ok(Exit::Fine)
}

/// One page of answers; what is wrong with it goes to stderr.
fn ask(asked: &Asked, options: &SearchOptions) -> Result<Found> {
    let found = asked.wait(asked.store.search(&asked.query, options))?;
    for warning in &found.warnings {
        complain(&format!("warning: {warning}\n"));
    }
    Ok(found)
}

/// `loggr count`.
pub fn count(place: &Place, args: &CountArgs) -> Result<Exit> {
    let asked = args.question.open(place)?;
    let counted = asked.wait(asked.store.count(&asked.query, &asked.options))?;
    for warning in &counted.warnings {
        complain(&format!("warning: {warning}\n"));
    }
    writeln!(std::io::stdout().lock(), "{}", counted.events)?;
    if counted.events == 0 {
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
    asked.suggest_for(&field)?;
    let top = asked.wait(asked.store.top(&asked.query, &field, args.limit, &asked.options))?;
    let mut out = std::io::stdout().lock();
    for warning in &top.warnings {
        complain(&format!("warning: {warning}\n"));
    }
    if top.values.is_empty() {
        asked.advise();
    }
    if args.json {
        let values: Vec<_> =
            top.values.iter().map(|v| serde_json::json!({ "value": v.value, "events": v.events })).collect();
        writeln!(out, "{}", clean::value(&serde_json::Value::Array(values)))?;
        return Ok(Exit::Fine);
    }
    for value in &top.values {
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
    let histogram = asked.wait(asked.store.histogram(&asked.query, bucket, &asked.options))?;
    let mut out = std::io::stdout().lock();
    for warning in &histogram.warnings {
        complain(&format!("warning: {warning}\n"));
    }
    if histogram.buckets.iter().all(|bar| bar.total() == 0) {
        asked.advise();
    }
    if args.json {
        for bar in &histogram.buckets {
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
    let most = histogram.buckets.iter().map(|b| b.total()).max().unwrap_or(0).max(1);
    for bar in &histogram.buckets {
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
    let partitions = asked.wait(asked.store.partitions())?;
    let partitions: Vec<_> = partitions.iter().filter(|p| p.events > 0).collect();
    let first = partitions.first().map_or(0, |p| p.times.0);
    let last = partitions.last().map_or(0, |p| p.times.1);
    let since = asked.options.since.unwrap_or(first).max(first);
    let until = asked.options.until.unwrap_or(last).min(last);
    let seconds = (until - since).max(0) / 1_000_000 / 30;
    let round = ROUND_SECONDS.iter().copied().find(|s| *s >= seconds);
    Ok(round.unwrap_or(30 * 86_400) * 1_000_000)
}
