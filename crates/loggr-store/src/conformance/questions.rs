//! What a page asks beside events and counts, asked of a whole [`Store`] that holds the suite's
//! events and nothing else.
//!
//! The expected answers are worked out here from the events, one by one, with
//! [`crate::query::Matcher`] and [`field_values`]; a few that matter are constants.

use std::collections::{BTreeMap, BTreeSet};

use loggr_event::{Event, Timestamp, Uid};

use super::{FIRST_MICROS, NO_LIMIT, NOW_MICROS, Report, events, query, time, uid};
use crate::facets::COUNTED_FIELDS;
use crate::query::{Field, Hidden, Matcher, field_values};
use crate::{BucketBy, HistogramBy, NumberOf, SearchOptions, Store, StoreError, Top, TopOptions};

const HOUR_MICROS: i64 = 3600 * 1_000_000;

/// Queries whose hits are looked at from all sides.
const QUERIES: [&str; 9] = [
    "",
    "failed password",
    "app:nginx status:>=500",
    "_time:[2026-11-20T03:00:00Z TO 2026-11-21T12:00:00Z}",
    "app:edge-cases",
    "client_ip:10.0.0.0/8 OR tag:security",
    "msg:/oddity 1[0-9]/ -tag:*",
    "severity:<=warning timeout",
    "nosuchword",
];

/// Fields of every kind: indexed, coded, of many values, in columns, in structured data, trusted.
const FIELDS: [&str; 22] = [
    "host",
    "app",
    "severity",
    "facility",
    "procid",
    "msgid",
    "tag",
    "listener",
    "transport",
    "peer",
    "tls_name",
    "defect",
    "status",
    "client_ip",
    "user",
    "ratio",
    "role",
    "origin.ip",
    "_PID",
    "trace_id",
    "note",
    "nosuchfield",
];

/// Asks all of it. The store must hold the [`events()`] and no others.
pub async fn ask(store: &Store) -> Report {
    let mut report = Report::default();
    let events = events();
    let mut suite = Suite { store, events: &events, report: &mut report };
    for text in QUERIES {
        suite.fields_of(text).await;
        suite.distinct(text).await;
        for field in FIELDS {
            suite.tops(text, field).await;
            suite.histograms(text, field).await;
        }
    }
    suite.hidden().await;
    suite.constants().await;
    suite.single_events().await;
    suite.contexts().await;
    suite.ends().await;
    report
}

struct Suite<'s> {
    store: &'s Store,
    events: &'s [Event<'static>],
    report: &'s mut Report,
}

fn options() -> SearchOptions {
    SearchOptions::new(NOW_MICROS)
}

fn values_of(event: &Event<'_>, field: &Field) -> Vec<String> {
    let mut values = Vec::new();
    field_values(event, field, &mut |value| {
        values.push(value.to_owned());
        false
    });
    values
}

fn custom_names(event: &Event<'_>) -> BTreeSet<String> {
    let params = event
        .structured_data
        .iter()
        .flat_map(|e| e.params.iter().map(move |param| format!("{}.{}", e.id, param.name)));
    let fields = event.fields.iter().map(|f| f.name.to_string());
    fields.chain(params).chain(event.trusted.iter().map(|t| t.name.to_string())).collect()
}

impl Suite<'_> {
    fn hits(&mut self, text: &str) -> Vec<&Event<'static>> {
        let matcher = Matcher::new(&query(text, self.report), NOW_MICROS);
        self.events.iter().filter(|event| matcher.matches(event)).collect()
    }

    async fn fields_of(&mut self, text: &str) {
        let asked = query(text, self.report);
        let got = self.store.fields_of(&asked, &options()).await;
        let hits = self.hits(text);
        let mut expect: BTreeMap<Field, u64> = BTreeMap::new();
        for event in &hits {
            for field in COUNTED_FIELDS.iter().filter(|f| !values_of(event, f).is_empty()) {
                *expect.entry(field.clone()).or_default() += 1;
            }
            for name in custom_names(event) {
                *expect.entry(Field::Custom(name)).or_default() += 1;
            }
        }
        let matched = hits.len() as u64;
        let got = got.map(|got| {
            let fields: BTreeMap<Field, u64> = got.fields.into_iter().map(|f| (f.field, f.events)).collect();
            (fields, got.matched, got.partial)
        });
        self.report.equal(&format!("fields of `{text}`"), got, (expect, matched, false));
    }

    async fn distinct(&mut self, text: &str) {
        let asked = query(text, self.report);
        let fields: Vec<Field> = FIELDS.iter().map(|name| Field::from_name(name)).collect();
        for most in [1, 5, 100_000] {
            let got = self.store.distinct(&asked, &fields, most, &options()).await;
            let hits = self.hits(text);
            let number = |field: &Field| {
                let values: BTreeSet<String> =
                    hits.iter().flat_map(|event| values_of(event, field)).collect();
                match values.len() > most {
                    true => NumberOf::MoreThan(most as u64),
                    false => NumberOf::Exactly(values.len() as u64),
                }
            };
            let expect: Vec<NumberOf> = fields.iter().map(number).collect();
            let got = got.map(|got| (got.numbers, got.partial));
            self.report.equal(&format!("values of fields of `{text}`, {most} at most"), got, (expect, false));
        }
    }

    fn expected_top(&mut self, text: &str, field: &Field, wanted: &TopOptions) -> Top {
        let hits = self.hits(text);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut top = Top { matched: hits.len() as u64, ..Top::default() };
        for event in hits {
            let values = values_of(event, field);
            top.with_field += u64::from(!values.is_empty());
            values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
        }
        let folded = |text: &str| text.to_ascii_lowercase();
        counts.retain(|value, _| {
            let value = folded(value);
            value.starts_with(&folded(&wanted.prefix)) && value.contains(&folded(&wanted.contains))
        });
        top.distinct = counts.len() as u64;
        top.values = counts.into_iter().map(|(value, events)| crate::TopValue { value, events }).collect();
        top.values.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
        top.values.truncate(wanted.limit);
        top
    }

    async fn top(&mut self, text: &str, field: &str, wanted: TopOptions) {
        let (asked, of) = (query(text, self.report), Field::from_name(field));
        let expect = self.expected_top(text, &of, &wanted);
        let what = format!("top of `{field}` in `{text}`, {wanted:?}");
        let got = self.store.top(&asked, &of, wanted, &options()).await;
        let got = got.map(|got| Top { stats: crate::Stats::default(), ..got });
        self.report.equal(&what, got, expect);
    }

    async fn tops(&mut self, text: &str, field: &str) {
        self.top(text, field, 3.into()).await;
        for (prefix, contains) in [("W", ""), ("1", "2"), ("", "0"), ("", "e%"), ("zz", "")] {
            let wanted = TopOptions { limit: 5, prefix: prefix.into(), contains: contains.into() };
            self.top(text, field, wanted).await;
        }
    }

    async fn histograms(&mut self, text: &str, field: &str) {
        let (asked, of) = (query(text, self.report), Field::from_name(field));
        let width = 5 * HOUR_MICROS;
        let expect = self.expected_histogram(text, &of, width, 2);
        let got = self.store.histogram_by(&asked, width, Some(&of), 2, &options()).await;
        let got = got.map(|got| HistogramBy { stats: crate::Stats::default(), ..got });
        self.report.equal(&format!("histogram of `{text}` by `{field}`"), got, expect);
    }

    fn expected_histogram(&mut self, text: &str, field: &Field, width: i64, values: usize) -> HistogramBy {
        let values: Vec<String> =
            self.expected_top(text, field, &values.into()).values.into_iter().map(|v| v.value).collect();
        let mut buckets: BTreeMap<i64, BucketBy> = BTreeMap::new();
        for event in self.hits(text) {
            let start = event.timegenerated.unix_micros().div_euclid(width) * width;
            let bucket = buckets.entry(start).or_insert_with(|| BucketBy {
                start,
                counts: vec![0; values.len()],
                ..BucketBy::default()
            });
            bucket.events += 1;
            let own = values_of(event, field);
            bucket.without += u64::from(own.is_empty());
            for value in own {
                let place = values.iter().position(|v| *v == value);
                match place.and_then(|place| bucket.counts.get_mut(place)) {
                    Some(count) => *count += 1,
                    None => bucket.rest += 1,
                }
            }
        }
        HistogramBy { values, buckets: buckets.into_values().collect(), ..HistogramBy::default() }
    }

    /// What is hidden can be found by no query; see [`Hidden`].
    async fn hidden(&mut self) {
        let deep = format!("{}x", "a.".repeat(40));
        let sets: [&[&str]; 5] = [
            &["client_ip", "user", "trace_id", "_PID"],
            &["note", "why@1.2.text", "origin.ip", "role"],
            &["message"],
            &["host", "tag", "peer", "listener", "msg"],
            // More points than SQL is written for.
            &["user", &deep],
        ];
        for names in sets {
            let hidden = match Hidden::new(names) {
                Ok(hidden) => hidden,
                Err(error) => {
                    return self.report.failures.push(format!("{names:?} cannot be hidden: {error}"));
                }
            };
            for text in [
                "",
                "root",
                "john doe",
                "-\"John Doe\"",
                "10*",
                "*a*",
                "192.0.2.2",
                "zugzwang OR reset",
                "-zugzwang",
                "user:root OR client_ip:*",
                "-user:*",
                "msg:failed",
                "host:web01 tag:security",
                "peer:10.9.0.0/16",
            ] {
                let asked = query(text, self.report).hiding(&hidden);
                let matcher = Matcher::new(&asked, NOW_MICROS);
                let expect: Vec<Uid> =
                    self.events.iter().filter(|e| matcher.matches(e)).map(|e| e.uid).collect();
                let count = self.store.count(&asked, &options()).await.map(|c| c.events);
                let what = format!("`{text}` without {names:?}");
                self.report.equal(&format!("{what}, count"), count, expect.len() as u64);
                let wanted = SearchOptions { limit: NO_LIMIT, oldest_first: true, ..options() };
                let found = self.store.search(&asked, &wanted).await;
                let found = found.map(|f| f.events.iter().map(|e| e.uid).collect::<Vec<_>>());
                self.report.check(&what, found, |mut found| {
                    let mut expect = expect;
                    found.sort_unstable();
                    expect.sort_unstable();
                    (found != expect).then(|| format!("got {found:?}, expected {expect:?}"))
                });
            }
        }
    }

    /// Worked out by hand.
    async fn constants(&mut self) {
        let all = query("", self.report);
        let got = self.store.histogram_by(&all, i64::MAX / 4, None, 5, &options()).await;
        self.report.equal(
            "the events of a plain histogram",
            got.map(|h| h.buckets.iter().map(|b| b.events).sum()),
            200u64,
        );
        let values = self.store.values(&all, &Field::Source, "WEB", 5, &options()).await;
        let names = |top: Top| top.values.into_iter().map(|v| (v.value, v.events)).collect::<Vec<_>>();
        let expect = [("web01", 20), ("web02", 20), ("web03", 20), ("WEB01", 1)];
        let expect: Vec<(String, u64)> = expect.iter().map(|(v, n)| ((*v).to_owned(), *n)).collect();
        self.report.equal("hosts that begin with `WEB`", values.map(names), expect);
        let seldom = query("app:nginx", self.report);
        let values = self.store.values(&seldom, &Field::from_name("status"), "50", 1, &options()).await;
        let got = values.map(|top| (top.distinct, top.with_field, top.matched, names(top)));
        let expect = self.expected_top(
            "app:nginx",
            &Field::from_name("status"),
            &TopOptions { limit: 1, prefix: "50".into(), ..TopOptions::default() },
        );
        let expect = (expect.distinct, expect.with_field, expect.matched, names(expect));
        self.report.equal("statuses that begin with `50`", got, expect);
        let time = self.store.top(&all, &Field::Time, 5, &options()).await;
        let shares = time.map(|top| (top.values.len(), top.with_field, top.matched));
        self.report.equal("the top of times", shares, (0, 200, 200));
        for field in [Field::Message, Field::Uid] {
            let refused = |e: StoreError| e.kind() == crate::ErrorKind::Refused;
            let top = self.store.top(&all, &field, 5, &options()).await.err().is_some_and(refused);
            let by = self.store.histogram_by(&all, HOUR_MICROS, Some(&field), 5, &options()).await;
            let values = self.store.values(&all, &field, "a", 5, &options()).await.err().is_some_and(refused);
            let got = (top, by.err().is_some_and(refused), values);
            self.report.equal("fields that are not counted", Ok::<_, StoreError>(got), (true, true, true));
        }
        let by_time = self.store.histogram_by(&all, i64::MAX / 4, Some(&Field::Time), 5, &options()).await;
        let events = by_time.map(|h| h.buckets.iter().map(|b| (b.events, b.rest)).collect::<Vec<_>>());
        self.report.equal("a histogram by time", events, vec![(200, 0)]);
        let too_many = self.store.histogram_by(&all, 1, Some(&Field::Source), 5, &options()).await;
        self.report.equal("narrow buckets", too_many.map(|h| h.buckets.len()), 198);
    }

    async fn single_events(&mut self) {
        for number in [1, 17, 160, 180, 195, 199, 200] {
            let all = query("", self.report);
            let got = self.store.event(uid(number), &all, &options()).await;
            let expect = self.events.iter().find(|e| e.uid == uid(number)).cloned();
            self.report.equal(&format!("event {number}"), got, expect);
        }
        for (number, text, found) in [
            (17, "app:nginx", true),
            (17, "app:sshd", false),
            (17, "_time:2026-11-20", true),
            (17, "_time:2026-11-21", false),
            (201, "", false),
        ] {
            let filter = query(text, self.report);
            let got = self.store.event(uid(number), &filter, &options()).await;
            self.report.equal(&format!("event {number} of `{text}`"), got.map(|e| e.is_some()), found);
        }
        let late = SearchOptions { since: Some(time(18)), ..options() };
        let all = query("", self.report);
        let got = self.store.event(uid(17), &all, &late).await;
        self.report.equal("event 17 out of bounds", got.map(|e| e.is_some()), false);
    }

    /// The numbers of the events, with whether there are more, and which is the one asked for.
    async fn context(&mut self, text: &str, number: u16, sides: (usize, usize)) {
        let asked = query(text, self.report);
        let key = (Timestamp::from_unix_micros(time(number)), uid(number));
        let got = self.store.context(&asked, key, sides.0, sides.1, &options()).await;
        let hits = self.hits(text);
        let place = |e: &Event<'_>| (e.timegenerated.unix_micros(), e.uid);
        let key = (time(number), uid(number));
        let mut before: Vec<_> = hits.iter().map(|e| place(e)).filter(|k| *k < key).collect();
        let mut after: Vec<_> = hits.iter().map(|e| place(e)).filter(|k| *k > key).collect();
        before.sort_unstable();
        after.sort_unstable();
        let more = (before.len() > sides.0 && sides.0 > 0, after.len() > sides.1 && sides.1 > 0);
        let mut expect = before.split_off(before.len().saturating_sub(sides.0));
        let at = hits.iter().any(|e| place(e) == key).then_some(expect.len());
        expect.extend(at.map(|_| key));
        after.truncate(sides.1);
        expect.extend(after);
        let got = got.map(|c| {
            let keys: Vec<_> = c.events.iter().map(place).collect();
            (keys, c.at, (c.more_before, c.more_after))
        });
        self.report.equal(&format!("{sides:?} around {number} in `{text}`"), got, (expect, at, more));
    }

    async fn contexts(&mut self) {
        for number in [1, 30, 65, 199, 200] {
            self.context("", number, (3, 2)).await;
            self.context("host:bastion1", number, (5, 5)).await;
            self.context("host:web01 app:nginx", number, (2, 4)).await;
            self.context("app:nosuchapp", number, (2, 2)).await;
            self.context("", number, (0, 2)).await;
            self.context("", number, (2, 0)).await;
        }
    }

    async fn ends(&mut self) {
        let expect = Some((FIRST_MICROS, time(200)));
        self.report.equal("the span of the store", self.store.span().await, expect);
        for text in ["", "app:nginx", "failed", "nosuchword"] {
            let asked = query(text, self.report);
            let got = self.store.newest(&asked, &options()).await;
            let got = got.map(|found| found.events.first().map(|e| e.uid));
            let last = self.hits(text).last().map(|e| e.uid);
            self.report.equal(&format!("the newest of `{text}`"), got, last);
        }
        let cancelled = crate::Limits {
            cancel: Some(std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true))),
            ..crate::Limits::default()
        };
        let late = crate::Limits { deadline: Some(std::time::Instant::now()), ..crate::Limits::default() };
        let all = query("", self.report);
        let is_limit = |e: StoreError| e.kind() == crate::ErrorKind::Limit;
        let ended = SearchOptions { limits: cancelled, ..options() };
        let got = self.store.fields_of(&all, &ended).await.err().is_some_and(is_limit);
        self.report.equal("fields of a cancelled question", Ok::<_, StoreError>(got), true);
        let got = self.store.histogram_by(&all, HOUR_MICROS, Some(&Field::Tag), 3, &ended).await;
        let got = got.err().is_some_and(is_limit);
        self.report.equal("histogram of a cancelled question", Ok::<_, StoreError>(got), true);
        let got = self.store.event(uid(17), &all, &ended).await.err().is_some_and(is_limit);
        self.report.equal("event of a cancelled question", Ok::<_, StoreError>(got), true);
        let ended = SearchOptions { limits: late, ..options() };
        let got = self.store.event(uid(17), &all, &ended).await.err().is_some_and(is_limit);
        self.report.equal("event when the time is over", Ok::<_, StoreError>(got), true);
        // One that was over before it began may be refused.
        let partial = |got: Result<bool, StoreError>| got.unwrap_or_else(is_limit);
        let got = partial(self.store.fields_of(&all, &ended).await.map(|f| f.partial));
        self.report.equal("fields when the time is over", Ok::<_, StoreError>(got), true);
        let by = self.store.histogram_by(&all, HOUR_MICROS, Some(&Field::Tag), 3, &ended).await;
        let got = partial(by.map(|h| h.partial));
        self.report.equal("histogram when the time is over", Ok::<_, StoreError>(got), true);
    }
}
