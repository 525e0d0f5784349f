//! Patterns and comparisons on the events of the suite: for every store, through [`Store`].
//!
//! What is worked out by hand stands here; beside it, every answer is held against counting one by one.

use std::collections::BTreeMap;

use loggr_event::Event;

use super::{COUNT, FIRST_MICROS, NOW_MICROS, Report, query, time, uid};
use crate::query::{Field, Matcher};
use crate::shape::{self, ShapeId};
use crate::{MAX_PATTERNS, PatternOptions, Patterns, SearchOptions, Store, Subject, Trend};

const DAY: i64 = 86_400 * 1_000_000;
const TIMEOUT: &str = "timeout after <*> calling payment-gateway";
const FAILED: &str = "Failed password for <*> from <*> port <*> ssh2";
const INVALID: &str = "Failed password for invalid user <*> from <*> port <*> ssh2";

/// Asks a store that holds the events of the suite and no others.
pub async fn patterns(store: &Store) -> Report {
    let mut report = Report::default();
    let events = super::events();
    for (text, buckets) in [
        ("", 7),
        ("", 0),
        ("failed password", 3),
        ("timeout", 240),
        ("-host:*", 1),
        ("nosuchword", 4),
        ("severity:>=warning _time:2026-11-21", 24),
        ("_time:[2026-11-20 TO 2026-11-21}", 5),
        ("msg:/for (root|admin) from/", 2),
        ("msg:/(?s)first.*second/ OR app:orders", 2),
        ("-shape:*", 2),
        ("shape:* edge-cases", 2),
    ] {
        let expect = one_by_one(&events, text, buckets, &mut report);
        let got = ask(store, text, buckets, MAX_PATTERNS, &mut report).await;
        report.check(&format!("patterns of `{text}`"), got, |got| different(&got, &expect));
    }
    by_hand(store, &mut report).await;
    comparisons(store, &mut report).await;
    report
}

async fn ask(
    store: &Store,
    text: &str,
    buckets: usize,
    limit: usize,
    report: &mut Report,
) -> Result<Patterns, crate::StoreError> {
    let query = query(text, report);
    store.patterns(&query, &SearchOptions::new(NOW_MICROS), &PatternOptions { limit, buckets }).await
}

/// What is told of one pattern: events, times, severities, course, uid of the example, its message.
type Row = (u64, (i64, i64), [u64; 8], Vec<u64>, Option<loggr_event::Uid>, String);

fn rows(found: &Patterns) -> Vec<(ShapeId, Row)> {
    let row = |p: &crate::Pattern| {
        let (uid, message) = p.example.as_ref().map_or((None, ""), |e| (Some(e.uid), &e.message));
        (p.id, (p.events, p.times, p.severities, p.course.clone(), uid, message.to_owned()))
    };
    found.patterns.iter().map(row).collect()
}

fn different(got: &Patterns, expect: &Expected) -> Option<String> {
    let rows = rows(got);
    if let Some((a, b)) = rows.iter().zip(&expect.rows).find(|(a, b)| a != b) {
        return Some(format!("got {a:?}, expected {b:?}"));
    }
    let told = (rows.len(), got.distinct, got.matched, got.rest, got.partial, got.span);
    let sum = expect.rows.iter().map(|(_, row)| row.0).sum::<u64>();
    let number = expect.rows.len();
    let wanted = (number, number as u64, sum, 0, false, expect.span);
    (told != wanted).then(|| format!("got {told:?}, expected {wanted:?}; {:?}", got.warnings))
}

struct Expected {
    rows: Vec<(ShapeId, Row)>,
    span: (i64, i64),
}

/// The answer by looking at each event.
fn one_by_one(events: &[Event<'static>], text: &str, buckets: usize, report: &mut Report) -> Expected {
    let query = query(text, report);
    let matcher = Matcher::new(&query, NOW_MICROS);
    let mut hits: Vec<&Event<'_>> = events.iter().filter(|e| matcher.matches(e)).collect();
    hits.sort_by_key(|e| (e.timegenerated.unix_micros(), e.uid));
    let micros = |e: &&Event<'_>| e.timegenerated.unix_micros();
    let bounds = query.resolve(NOW_MICROS).span;
    let from = if bounds.from > i64::MIN { bounds.from } else { hits.first().map_or(0, micros) };
    let until = if bounds.until < i64::MAX { bounds.until } else { hits.last().map_or(0, |e| micros(e) + 1) };
    let starts: Vec<i64> =
        (0..buckets as i64).map(|i| from + (until - from) * i / (buckets as i64).max(1)).collect();
    let mut found: BTreeMap<ShapeId, Row> = BTreeMap::new();
    for event in hits {
        let at = event.timegenerated.unix_micros();
        let new = || (0, (at, at), [0; 8], vec![0; buckets], None, String::new());
        let row = found.entry(shape::hash(&event.message)).or_insert_with(new);
        row.0 += 1;
        row.1.1 = at;
        if let Some(slot) = row.2.get_mut(usize::from(event.severity.code())) {
            *slot += 1;
        }
        if let Some(slot) = starts.iter().rposition(|s| *s <= at).and_then(|i| row.3.get_mut(i)) {
            *slot += 1;
        }
        row.4 = Some(event.uid);
        row.5 = event.message.to_string();
    }
    let mut rows: Vec<(ShapeId, Row)> = found.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(&b.0)));
    Expected { rows, span: (from, until) }
}

async fn by_hand(store: &Store, report: &mut Report) {
    let id = |text: &str| shape::hash(text);
    let got = ask(store, "timeout", 2, 10, report).await;
    report.check("patterns of `timeout`", got, |got| {
        let course = got.patterns.first().map(|p| (p.id, p.events, p.times, p.course.clone()));
        let expect = Some((id(TIMEOUT), 6, (time(101), time(126)), vec![3, 3]));
        (course != expect).then(|| format!("got {course:?}, expected {expect:?}"))
    });
    let got = ask(store, "failed password", 1, 1, report).await;
    report.check("the most frequent pattern", got, |got| {
        let told = (got.patterns.first().map(|p| (p.id, p.events)), got.patterns.len(), got.distinct);
        let expect = (Some((id(FAILED), 24)), 1, 2);
        (told != expect).then(|| format!("got {told:?}, expected {expect:?}"))
    });
    // Three events of one moment: the greatest uid is the newest.
    let got = ask(store, "tie", 3, 10, report).await;
    report.check("patterns of a tie", got, |got| {
        let example =
            got.patterns.first().and_then(|p| p.example.as_ref()).map(|e| (e.uid, e.message.clone()));
        let expect = Some((uid(COUNT), format!("tie {COUNT}")));
        (example != expect).then(|| format!("got {example:?}, expected {expect:?}"))
    });
    for (text, expect) in [
        (format!("shape:{}", id(TIMEOUT)), 6),
        (format!("-shape:{}", id(TIMEOUT)), 194),
        (format!("SHAPE:{}", id(TIMEOUT).to_string().to_uppercase()), 6),
        (format!("shape:({} OR {})", id(FAILED), id(INVALID)), 30),
        (format!("shape:{} -root", id(FAILED)), 18),
        ("shape:0123456789abcdef".to_owned(), 0),
        ("shape:*".to_owned(), 200),
    ] {
        let query = query(&text, report);
        let got = store.count(&query, &SearchOptions::new(NOW_MICROS)).await;
        report.equal(&text, got.map(|counted| counted.events), expect);
        let found =
            store.search(&query, &SearchOptions { limit: 500, ..SearchOptions::new(NOW_MICROS) }).await;
        report.equal(&format!("{text}, search"), found.map(|found| found.events.len() as u64), expect);
    }
    let failed = query("failed password", report);
    let top = store.top(&failed, &Field::Shape, 5, &SearchOptions::new(NOW_MICROS)).await;
    let expect = [(id(FAILED), 24), (id(INVALID), 6)].map(|(id, n)| (id.to_string(), n));
    let told = top.map(|top| top.values.into_iter().map(|v| (v.value, v.events)).collect::<Vec<_>>());
    report.equal("top shapes", told, expect.to_vec());
    let everything = crate::query::Query::all();
    for (since, until) in [(Some(0), Some(NOW_MICROS)), (None, None)] {
        let late = crate::Limits { deadline: Some(std::time::Instant::now()), cancel: None };
        let options = SearchOptions { since, until, limits: late, ..SearchOptions::new(NOW_MICROS) };
        let got = store.patterns(&everything, &options, &PatternOptions::default()).await;
        report.check("patterns without time", got.or_else(told_late), |got| {
            (!got.partial).then(|| format!("{got:?}"))
        });
    }
    let cancel = Some(std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true)));
    let limits = crate::Limits { deadline: None, cancel };
    let options = SearchOptions { limits, ..SearchOptions::new(NOW_MICROS) };
    let got = store.patterns(&everything, &options, &PatternOptions::default()).await;
    report.equal("cancelled patterns", refusal(got), Some(crate::ErrorKind::Limit));
}

/// What a question was refused with.
fn refusal<T>(got: Result<T, crate::StoreError>) -> Result<Option<crate::ErrorKind>, crate::StoreError> {
    Ok(got.err().map(|e| e.kind()))
}

/// A store may not even begin when there is no time.
fn told_late(error: crate::StoreError) -> Result<Patterns, crate::StoreError> {
    match error.kind() {
        crate::ErrorKind::Limit => Ok(Patterns { partial: true, ..Patterns::default() }),
        _ => Err(error),
    }
}

async fn comparisons(store: &Store, report: &mut Report) {
    let options = SearchOptions::new(NOW_MICROS);
    let everything = query("", report);
    // The second day against the first: the applications and the probes are new, the web server is gone.
    let days = ((FIRST_MICROS + DAY, FIRST_MICROS + 2 * DAY), (FIRST_MICROS, FIRST_MICROS + DAY));
    let got = store.compare(&everything, days.0, &[days.1], &options, 500).await;
    report.check("the second day against the first", got, |got| {
        let trend = |name: &str, value: &str| {
            let wanted = Subject::Value(Field::from_name(name), value.to_owned());
            got.changes.iter().find(|c| c.subject == wanted).map(|c| (c.trend, c.events))
        };
        let told = (
            got.matched,
            trend("app", "nginx"),
            trend("app", "orders"),
            trend("severity", "debug"),
            got.changes.windows(2).all(|pair| matches!(pair, [a, b] if a.score >= b.score)),
            got.changes.iter().all(|c| !matches!(c.subject, Subject::Shape(_, None))),
        );
        let expect = (
            (72, 72),
            Some((Trend::Gone, (0, 45))),
            Some((Trend::New, (10, 0))),
            Some((Trend::New, (17, 0))),
            true,
            true,
        );
        (told != expect).then(|| format!("got {told:?}, expected {expect:?}"))
    });
    // Of a shape, and over ranges of different lengths.
    let failed = query("failed password", report);
    let ranges = ((time(61), time(101)), (FIRST_MICROS - DAY, time(61)));
    let got = store.compare(&failed, ranges.0, &[ranges.1], &options, 1).await;
    report.check("since when a word is there", got, |got| {
        let first = got.changes.first().map(|c| (c.trend, c.events.1, c.rates.1));
        let expect = Some((Trend::New, 0, 0.0));
        (first != expect || got.changes.len() != 1).then(|| format!("got {got:?}"))
    });
    let same = store.compare(&everything, days.0, &[days.0], &options, 10).await;
    report.check("a range against itself", same, |got| (!got.changes.is_empty()).then(|| format!("{got:?}")));
    // A range in two parts is the range.
    let (whole, middle) = (days.1, time(31));
    let parts = [(whole.0, middle), (middle, whole.1)];
    let one = store.compare(&everything, days.0, &[whole], &options, 500).await.ok();
    report.equal(
        "a range in two parts",
        store.compare(&everything, days.0, &parts, &options, 500).await.map(Some),
        one,
    );
    for before in [&[][..], &[(5, 5)], &[days.1; 3]] {
        let refused = store.compare(&everything, days.0, before, &options, 10).await;
        report.equal("no range, an empty one, and too many", refusal(refused), Some(crate::ErrorKind::Limit));
    }
}
