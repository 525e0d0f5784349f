//! `loggr search|count|top|histogram`: questions to a store.
//!
//! Reads the store's files or asks the database; the running process need not answer, nor run.

use std::collections::HashMap;
use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::{Args, CommandFactory, ValueEnum};
use loggr_event::{DumpFormat, Event, Severity, Timestamp, Uid};
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

/// How often `-f` looks whether there is something new.
const FOLLOW: Duration = Duration::from_millis(250);
/// How often it asks a store that has to be asked for that.
const FOLLOW_ASKING: Duration = Duration::from_secs(1);
/// Events that `-f` takes at a time.
const FOLLOW_PAGE: usize = 10_000;
/// How far back `-f` looks again, in microseconds: events that were received before
/// others may become visible after them.
const FOLLOW_OVERLAP_MICROS: i64 = 10_000_000;

/// A query of more words than this gets no word about words.
const FEW_WORDS: usize = 3;
/// What all questions share.
#[derive(Debug, Args)]
pub struct Question {
    /// The query; empty finds everything. Several words are all required
    query: Vec<String>,
    /// From this time on: `15m`, `2h`, `7d` ago, or an RFC 3339 stamp
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Name of the shipper whose store is asked [default: `store` of `[web]`, or the first one]
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
    /// Follow: print the newest events, then every new one as it comes
    #[arg(short, long)]
    follow: bool,
    /// Oldest first
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
    /// The field: `host`, `app`, `severity`, or a custom one
    field: String,
    #[command(flatten)]
    question: Question,
    /// Show at most this many values
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `loggr histogram`.
#[derive(Debug, Args)]
pub struct HistogramArgs {
    #[command(flatten)]
    question: Question,
    /// Width of a bar: `1m`, `1h` [default: about 30 bars]
    #[arg(long, value_name = "DURATION")]
    bucket: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The subcommands that take a query.
const QUESTIONS: [&str; 4] = ["search", "count", "top", "histogram"];
/// Their options of one letter, and those that every subcommand has.
const LETTERS: [char; 3] = ['f', 'h', 'V'];

/// The command line with a blank before each word that excludes something, such as `-app:sshd`:
/// it is a part of the query and no option. A mistyped option stays one, as it would find
/// something else than was meant: `-since`, which has a hyphen too few.
pub fn arguments(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    let mut at = 1;
    // The place of an installation may stand before the subcommand.
    while let Some(word) = words.get(at).and_then(|word| word.to_str()).filter(|word| word.starts_with("--"))
    {
        at += if matches!(word, "--config" | "--data-dir") { 2 } else { 1 };
    }
    let asks = words.get(at).and_then(|word| word.to_str()).filter(|word| QUESTIONS.contains(word));
    let Some(options) = asks.map(long_options) else { return words };
    let rest = words.get_mut(at..).into_iter().flatten().take_while(|word| *word != "--");
    for word in rest {
        if word.to_str().is_some_and(|word| excludes(word, &options)) {
            let mut query = OsString::from(" ");
            query.push(&*word);
            *word = query;
        }
    }
    words
}

/// The long options of a subcommand, and those that every one has.
fn long_options(subcommand: &str) -> Vec<String> {
    let cli = super::Cli::command();
    let own = cli.find_subcommand(subcommand).into_iter().flat_map(|command| command.get_arguments());
    let all = own.chain(cli.get_arguments());
    all.filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

/// Is it an exclusion? `-n` and `-n5` are options of other programs, `--since` is one of ours, and
/// `-since` is it too.
fn excludes(word: &str, options: &[String]) -> bool {
    let Some(rest) = word.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with('-')) else {
        return false;
    };
    let name = rest.split('=').next().unwrap_or_default();
    let mut letters = rest.chars();
    let lone = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.all(|c| c.is_ascii_digit());
    !lone && !rest.chars().all(|c| LETTERS.contains(&c)) && !options.iter().any(|option| option == name)
}

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// One line each, for people.
    Text,
    /// One JSON object a line.
    Json,
    /// The main columns, with a heading.
    Csv,
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
        let config = place.load()?;
        let ship = store::choose(&config, self.store.as_deref())?;
        let text = self.query.join(" ");
        // A blank stands before what would have been an option, see `arguments`.
        let text = text.trim_start().to_owned();
        let query = parse(&text)?;
        let at = now().unix_micros();
        let mut options = SearchOptions::new(at);
        options.since = self.since.as_deref().map(|t| time(t, at)).transpose()?;
        options.until = self.until.as_deref().map(|t| time(t, at)).transpose()?;
        let mut is_empty = false;
        if let ShipKind::Search(search) = &ship.kind
            && !place::exists(&search.directory)?
        {
            complain(&format!("hint: nothing was stored in `{}` yet\n", search.directory.display()));
            is_empty = true;
        }
        let (store, runtime) = (store::open(ship)?, super::runtime()?);
        let asked = Asked { store, runtime, text, query, options, is_empty };
        asked.suggest()?;
        Ok(asked)
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
                "`{word}` is looked for as a whole word in the text of the events: `{word}*` also finds words that \
                 begin so, `app:{word}` the program, `host:{word}` the host"
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
        let mut known = Known::look(&asked)?;
        let mut events = ask(&asked, &asked.options)?.events;
        if events.is_empty() {
            asked.advise();
        }
        events.reverse();
        for event in &events {
            known.events.insert(event.uid, event.timegenerated.unix_micros());
            out.print(event)?;
        }
        out.flush()?;
        return follow(&asked, known, &mut out).map(|()| Exit::Fine);
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

/// What `-f` knows already.
struct Known {
    /// Matching events that were visible, as far back as `-f` looks again, with their times: a
    /// uid that another host gave says nothing about when an event came here.
    events: HashMap<Uid, i64>,
    /// What is older was not new when it began, in microseconds.
    begin: i64,
    /// Up to where everything was looked at.
    from: i64,
}

impl Known {
    /// Everything that is visible now is no news.
    fn look(asked: &Asked) -> Result<Known> {
        let started = now().unix_micros();
        let newest = SearchOptions { limit: 1, ..SearchOptions::new(started) };
        let newest = asked.wait(asked.store.search(&asked.query, &newest))?.events;
        let from = newest.first().map_or(started, |e| e.timegenerated.unix_micros());
        let begin = started.min(from) - FOLLOW_OVERLAP_MICROS;
        let mut known = Known { events: HashMap::new(), begin, from };
        known.pages(asked, |_| Ok(()))?;
        Ok(known)
    }

    /// Goes through what is visible and was not known, the oldest first.
    fn pages(&mut self, asked: &Asked, mut new: impl FnMut(&Event<'_>) -> Result<()>) -> Result<()> {
        let mut options = SearchOptions::new(now().unix_micros());
        options.since = Some(self.begin.max(self.from - FOLLOW_OVERLAP_MICROS));
        options.until = asked.options.until;
        options.limit = FOLLOW_PAGE;
        options.oldest_first = true;
        loop {
            let page = ask(asked, &options)?;
            for event in &page.events {
                let at = event.timegenerated.unix_micros();
                if self.events.insert(event.uid, at).is_none() {
                    new(event)?;
                }
                self.from = self.from.max(at);
            }
            match page.events.last().filter(|_| page.more) {
                Some(last) => options.after = Some((last.timegenerated, last.uid)),
                None => return Ok(()),
            }
        }
    }
}

/// Prints what becomes visible, until interrupted or until nobody reads.
fn follow(asked: &Asked, mut known: Known, out: &mut Printer) -> Result<()> {
    let mut generation = None;
    loop {
        match asked.wait(asked.store.generation())? {
            Some(now) if generation.replace(now) == Some(now) => {
                std::thread::sleep(FOLLOW);
                continue;
            }
            Some(_) => {}
            None => std::thread::sleep(FOLLOW_ASKING),
        }
        // What is newer than everything that can be found now was not looked at yet.
        let newest = newest(asked)?;
        known.pages(asked, |event| out.print(event))?;
        out.flush()?;
        known.from = known.from.max(newest.unwrap_or(known.from));
        let horizon = known.from - 2 * FOLLOW_OVERLAP_MICROS;
        known.events.retain(|_, at| *at >= horizon);
    }
}

/// The time of the newest event, whether it matches or not.
fn newest(asked: &Asked) -> Result<Option<i64>> {
    let options = SearchOptions { limit: 1, ..SearchOptions::new(now().unix_micros()) };
    let found = asked.wait(asked.store.search(&Query::all(), &options))?;
    Ok(found.events.first().map(|e| e.timegenerated.unix_micros()))
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
    let asked = args.question.open(place)?;
    let field = Field::from_name(&args.field);
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

/// Prints events to stdout.
struct Printer {
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    format: OutputFormat,
    line: Vec<u8>,
}

impl Printer {
    fn new(format: OutputFormat) -> Result<Printer> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        if format == OutputFormat::Csv {
            writeln!(out, "timegenerated,timereported,severity,facility,source,app_name,procid,message")?;
        }
        Ok(Printer { out, format, line: Vec::new() })
    }

    fn print(&mut self, event: &Event<'_>) -> Result<()> {
        self.line.clear();
        match self.format {
            OutputFormat::Json => {
                event.dump(&DumpFormat::Json, &mut self.line);
                while self.line.last() == Some(&b'\n') {
                    self.line.pop();
                }
                super::show_json(&mut self.line);
            }
            OutputFormat::Text => {
                let tag = event.syslogtag();
                let text = format!(
                    "{} {:<7} {} {} {}",
                    stamp(event.timegenerated),
                    event.severity.keyword(),
                    event.source,
                    tag,
                    event.message
                );
                self.line.extend_from_slice(clean(&text).as_bytes());
            }
            OutputFormat::Csv => {
                let (generated, reported) = (stamp(event.timegenerated), stamp(event.timereported));
                let columns = [
                    generated.as_str(),
                    reported.as_str(),
                    event.severity.keyword(),
                    event.facility.keyword(),
                    &event.source,
                    &event.app_name,
                    &event.procid,
                    &event.message,
                ];
                self.line.extend_from_slice(columns.map(csv).join(",").as_bytes());
            }
        }
        self.line.push(b'\n');
        Ok(self.out.write_all(&self.line)?)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// A CSV field (RFC 4180), quoted where it must be. What is escaped is escaped in a file too: it ends on
/// some terminal.
fn csv(value: &str) -> String {
    let value = clean(value);
    match value.contains(['"', ',']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value.into_owned(),
    }
}

/// `15m` ago or a stamp, in microseconds.
pub fn time(text: &str, at: i64) -> Result<i64> {
    if let Ok(ago) = duration(text) {
        return Ok(at.saturating_sub(ago));
    }
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Ok(stamp.as_microsecond());
    }
    if let Ok(date) = text.parse::<jiff::civil::DateTime>() {
        let zoned = date.to_zoned(jiff::tz::TimeZone::system())?;
        return Ok(zoned.timestamp().as_microsecond());
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let zoned = date.to_zoned(jiff::tz::TimeZone::system())?;
        return Ok(zoned.timestamp().as_microsecond());
    }
    Err(anyhow!("`{text}` is no time"))
        .hint("write how long ago (`15m`, `2h`, `7d`) or a stamp (`2026-11-22T10:00:00Z`, `2026-11-22`)")
        .usage()
}

/// `90s`, `15m`, `2h`, `7d`, `1w` in microseconds.
fn duration(text: &str) -> Result<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => 0,
    };
    let number: i64 = number.parse().unwrap_or(0);
    let micros = number.checked_mul(seconds).and_then(|s| s.checked_mul(1_000_000)).filter(|m| *m > 0);
    micros
        .ok_or_else(|| anyhow!("`{text}` is no duration"))
        .hint("write a number and a unit: `90s`, `15m`, `2h`, `7d`, `1w`")
        .usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(time(text, 1_000_000_000_000_000).ok(), expect);
    }

    #[test]
    fn times() {
        check("15m", Some(1_000_000_000_000_000 - 900 * 1_000_000));
        check("2026-11-22T10:00:00Z", Some(1_795_341_600_000_000));
        check("2026-11-22T10:00:00+01:00", Some(1_795_338_000_000_000));
        check("yesterday", None);
        check("0m", None);
        check("", None);
    }

    /// The words that are parts of the query, as clap gets them.
    #[track_caller]
    fn queries(line: &str, expect: &[&str]) {
        let words = arguments(line.split(' ').map(OsString::from));
        let words: Vec<&str> = words.iter().filter_map(|w| w.to_str()?.strip_prefix(' ')).collect();
        assert_eq!(words, expect, "{line}");
    }

    #[test]
    fn an_exclusion_is_no_option() {
        queries("loggr search -app:sshd", &["-app:sshd"]);
        queries("loggr --config x count -facility:kern -f --limit 5", &["-facility:kern"]);
        queries("loggr top host -root -\"a -(x", &["-root", "-\"a", "-(x"]);
        queries("loggr --data-dir=d histogram -tag:x --since 1h -h", &["-tag:x"]);
        queries("loggr search -since 1h -limit=20 -data-dir x -sincere", &["-sincere"]);
        queries("loggr search -n 5 -n5 -f --limits 5 - x", &[]);
        queries("loggr search -- -app:sshd", &[]);
        queries("loggr send -m -app:sshd", &[]);
        queries("loggr", &[]);
    }

    #[test]
    fn nothing_from_an_event_moves_the_cursor() {
        assert_eq!(csv("say \"hi\", you"), "\"say \"\"hi\"\", you\"");
        assert_eq!(
            csv("a \u{1b}[31mred\u{1b}[0m\r\nb\u{9b}\u{202e}"),
            "a #033[31mred#033[0m#015#012b#302#233#342#200#256"
        );
    }
}
