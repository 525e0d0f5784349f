//! The suite that every store must pass: the same events, queries and answers for all.
//!
//! A store is made a [`Subject`] and handed to [`run`], empty. Nothing here is of one
//! store. The answers are constants worked out by hand, not the output of other code;
//! [`Memory`] passes the suite with [`crate::query::Matcher`], which ties the two.
//!
//! The time of the store is *timegenerated* everywhere: bounds, order, pages, histogram.

mod cases;
mod events;
mod memory;
mod patterns;
pub mod questions;

use std::fmt;

use loggr_event::{Event, Severity, Uid};

use crate::query::{Field, Query, parse};

pub use cases::{ALL, Case, Expect};
pub use events::{COUNT, FIRST_MICROS, NOW_MICROS, events, later, number, time, uid};
pub use memory::Memory;
pub use patterns::patterns;

const DAY_MICROS: i64 = 86_400 * 1_000_000;
/// More than the suite's events.
const NO_LIMIT: usize = 10_000;

/// The place of an event in the order of results: newest first means greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// When it was received, in microseconds since 1970.
    pub time: i64,
    /// Its identity.
    pub uid: Uid,
}

/// Events of one stretch of time, by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its first microsecond since 1970, a multiple of the width.
    pub start: i64,
    /// How many of each severity, by code.
    pub counts: [u64; 8],
}

/// A store under test. `now` is in microseconds since 1970.
pub trait Subject {
    /// What its operations fail with.
    type Error: fmt::Display;

    /// Takes events; what it has already (by uid) changes nothing. They are searchable
    /// when it returns.
    ///
    /// # Errors
    /// The store's.
    fn append(&mut self, events: &[Event<'static>]) -> Result<(), Self::Error>;

    /// The keys of at most `limit` matching events that are smaller than `before`,
    /// greatest first.
    ///
    /// # Errors
    /// The store's.
    fn search(
        &mut self,
        query: &Query,
        now: i64,
        before: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Key>, Self::Error>;

    /// How many events match.
    ///
    /// # Errors
    /// The store's.
    fn count(&mut self, query: &Query, now: i64) -> Result<u64, Self::Error>;

    /// Matching events by time and severity: buckets of `width` microseconds aligned to
    /// 1970, in order, without the empty ones.
    ///
    /// # Errors
    /// The store's.
    fn histogram(&mut self, query: &Query, now: i64, width: i64) -> Result<Vec<Bucket>, Self::Error>;

    /// The most frequent values of a field among the matching events, exactly as
    /// received; of equally frequent ones those that sort first by their bytes.
    ///
    /// # Errors
    /// The store's.
    fn top(
        &mut self,
        query: &Query,
        now: i64,
        field: &Field,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Self::Error>;

    /// The names of custom fields seen, of structured data as `SD-ID.PARAM-NAME`.
    ///
    /// # Errors
    /// The store's.
    fn fields(&mut self) -> Result<Vec<String>, Self::Error>;
}

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many checks were made.
    pub checks: usize,
    /// What was wrong, one line each.
    pub failures: Vec<String>,
}

impl Report {
    /// For a test: nothing was wrong.
    ///
    /// # Panics
    /// With everything that was, under the name `what`.
    #[track_caller]
    pub fn expect_clean(&self, what: &str) {
        let wrong = self.failures.len();
        assert!(wrong == 0, "{what}: {wrong} of {} failed:\n{}", self.checks, self.failures.join("\n"));
    }

    fn check<T, E: fmt::Display>(
        &mut self,
        what: &str,
        got: Result<T, E>,
        wrong: impl FnOnce(T) -> Option<String>,
    ) {
        self.checks += 1;
        let failure = match got {
            Ok(got) => wrong(got),
            Err(error) => Some(format!("failed: {error}")),
        };
        if let Some(failure) = failure {
            self.failures.push(format!("{what}: {failure}"));
        }
    }

    fn equal<T: PartialEq + fmt::Debug, E: fmt::Display>(
        &mut self,
        what: &str,
        got: Result<T, E>,
        expect: T,
    ) {
        self.check(what, got, |got| (got != expect).then(|| format!("got {got:?}, expected {expect:?}")));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        write!(f, "{} of {} checks failed", self.failures.len(), self.checks)
    }
}

/// Runs the whole suite on an empty store.
pub fn run<S: Subject>(store: &mut S) -> Report {
    let mut report = Report::default();
    let events = events();
    // Not in the order of time, and in parts, as they come in.
    let (late, early) = events.split_at(events.len() / 2);
    report.equal("append", store.append(early), ());
    report.equal("append of older events", store.append(late), ());
    cases(store, &mut report);
    histograms(store, &mut report);
    tops(store, &mut report);
    fields(store, &mut report);
    let again: Vec<Event<'static>> = events.iter().take(150).cloned().collect();
    report.equal("append of known events", store.append(&again), ());
    report.equal("count after a redelivery", store.count(&Query::all(), NOW_MICROS), u64::from(COUNT));
    pages(store, &mut report);
    report
}

fn query(text: &str, report: &mut Report) -> Query {
    match parse(text) {
        Ok(query) => query,
        Err(error) => {
            report.failures.push(format!("`{text}`: cannot be read: {error}"));
            Query::all()
        }
    }
}

fn cases<S: Subject>(store: &mut S, report: &mut Report) {
    for (group, cases) in ALL {
        for (text, expect) in *cases {
            let query = query(text, report);
            let what = format!("{group}: `{text}`");
            let found = store.search(&query, NOW_MICROS, None, NO_LIMIT);
            report.check(&what, found, |keys| wrong_result(&keys, *expect));
            let count = match expect {
                Expect::Count(n) => *n,
                Expect::Only(numbers) => numbers.len() as u64,
            };
            report.equal(&format!("{what}, count"), store.count(&query, NOW_MICROS), count);
        }
    }
    // The identity of an event as text, in both cases.
    let text = uid(17).to_string();
    for text in [
        format!("uid:{text}"),
        format!("UID:{}", text.to_uppercase()),
        format!("uid:{}", text.replace('-', "")),
    ] {
        let query = query(&text, report);
        let found = store.search(&query, NOW_MICROS, None, NO_LIMIT);
        report.check(&text, found, |keys| wrong_result(&keys, Expect::Only(&[17])));
    }
}

fn wrong_result(keys: &[Key], expect: Expect) -> Option<String> {
    if let Some((first, second)) = keys.iter().zip(keys.iter().skip(1)).find(|(a, b)| a <= b) {
        return Some(format!("{} does not come after {}", second.uid, first.uid));
    }
    let mut numbers: Vec<u16> = Vec::with_capacity(keys.len());
    for key in keys {
        match number(key.uid) {
            Some(n) if time(n) == key.time => numbers.push(n),
            Some(n) => return Some(format!("event {n} has the time {}, not {}", key.time, time(n))),
            None => return Some(format!("{} is none of the events", key.uid)),
        }
    }
    numbers.sort_unstable();
    match expect {
        Expect::Count(n) if numbers.len() as u64 != n => {
            Some(format!("found {}, expected {n}: {numbers:?}", numbers.len()))
        }
        Expect::Only(expected) if numbers != expected => {
            Some(format!("found {numbers:?}, expected {expected:?}"))
        }
        _ => None,
    }
}

/// Counts by severity, gravest first.
fn bucket(day: i64, counts: [u64; 8]) -> Bucket {
    Bucket { start: FIRST_MICROS + day * DAY_MICROS, counts }
}

fn histograms<S: Subject>(store: &mut S, report: &mut Report) {
    let mut check = |text: &str, width: i64, expect: &[Bucket]| {
        let query = query(text, report);
        let got = store.histogram(&query, NOW_MICROS, width);
        report.equal(&format!("histogram of `{text}`"), got, expect.to_vec());
    };
    check(
        "",
        DAY_MICROS,
        &[
            bucket(0, [0, 0, 0, 2, 12, 7, 51, 0]),
            bucket(1, [4, 4, 4, 8, 4, 21, 10, 17]),
            bucket(2, [0, 0, 0, 0, 0, 46, 0, 10]),
        ],
    );
    check(
        "failed password",
        DAY_MICROS,
        &[bucket(0, [0, 0, 0, 2, 0, 7, 0, 0]), bucket(1, [0, 0, 0, 4, 0, 17, 0, 0])],
    );
    check(
        "severity:err failed",
        DAY_MICROS,
        &[bucket(0, [0, 0, 0, 2, 0, 0, 0, 0]), bucket(1, [0, 0, 0, 4, 0, 0, 0, 0])],
    );
    check("_time:2026-11-22 -severity:debug", DAY_MICROS, &[bucket(2, [0, 0, 0, 0, 0, 46, 0, 0])]);
    check("nosuchword", DAY_MICROS, &[]);
    let at = |hour: i64, info: u64| Bucket {
        start: FIRST_MICROS + hour * DAY_MICROS / 24,
        counts: [0, 0, 0, 0, 0, 0, info, 0],
    };
    // 404 is every tenth of the first sixty events, and an hour has three events.
    check("status:404", DAY_MICROS / 24, &[at(0, 1), at(4, 1), at(7, 1), at(10, 1), at(14, 1), at(17, 1)]);
    let tie = Bucket { start: time(198), counts: [0, 0, 0, 0, 0, 3, 0, 0] };
    check("tie", 1, &[tie]);
}

fn tops<S: Subject>(store: &mut S, report: &mut Report) {
    let mut check = |text: &str, field: &str, limit: usize, expect: &[(&str, u64)]| {
        let query = query(text, report);
        let got = store.top(&query, NOW_MICROS, &Field::from_name(field), limit);
        let expect: Vec<(String, u64)> = expect.iter().map(|(value, n)| ((*value).to_owned(), *n)).collect();
        report.equal(&format!("top `{field}` of `{text}`"), got, expect);
    };
    check(
        "",
        "app",
        7,
        &[
            ("nginx", 45),
            ("edge-cases", 44),
            ("sshd", 40),
            ("haproxy", 15),
            ("Mailer", 10),
            ("billing", 10),
            ("orders", 10),
        ],
    );
    check("", "status", 10, &[("200", 36), ("301", 6), ("404", 6), ("500", 6), ("503", 6)]);
    check("", "status", 2, &[("200", 36), ("301", 6)]);
    let severities = [
        (Severity::Notice, 74),
        (Severity::Informational, 61),
        (Severity::Debug, 27),
        (Severity::Warning, 16),
        (Severity::Error, 10),
        (Severity::Alert, 4),
        (Severity::Critical, 4),
        (Severity::Emergency, 4),
    ];
    check("", "severity", 10, &severities.map(|(severity, n)| (severity.keyword(), n)));
    check("", "facility", 3, &[("user", 77), ("local7", 61), ("authpriv", 41)]);
    check("", "tag", 10, &[("web", 60), ("auth", 40), ("security", 12), ("Security", 1), ("two words", 1)]);
    check("failed", "user", 3, &[("admin", 6), ("alice", 6), ("bob", 6)]);
    check("app:nginx status:>=500", "host", 10, &[("web01", 3), ("web02", 3), ("web03", 3)]);
    check("", "origin.ip", 10, &[("192.0.2.1", 1), ("192.0.2.2", 1)]);
    check("", "role", 10, &[("admin", 1), ("operator", 1)]);
    check("client_ip:10.0.0.0/29", "client_ip", 10, &[("10.0.0.0", 1), ("10.0.0.6", 1)]);
    check("client_ip:2001:db8:0:1::/64", "client_ip", 10, &[("2001:DB8:0:1::5", 10)]);
    check("id:[7 TO 8]", "id", 10, &[("7", 1), ("7.0", 1)]);
    check("ratio:*", "ratio", 10, &[("-0.5", 1), ("0.000095", 1), ("9.5e-05", 1)]);
    check("", "peer", 1, &[("2001:db8::53", 24)]);
    check("", "nosuchfield", 10, &[]);
    check("", "status", 0, &[]);
}

fn fields<S: Subject>(store: &mut S, report: &mut Report) {
    let seen = ["status", "client_ip", "user name", "0", "host", "exampleSDID@32473.iut", "origin.ip"];
    report.check("fields", store.fields(), |names| {
        let missing = seen.iter().find(|name| !names.iter().any(|n| n == *name));
        let odd = names.iter().find(|n| matches!(n.as_str(), "source" | "app_name" | "message"));
        match (missing, odd) {
            (Some(name), _) => Some(format!("`{name}` is missing in {names:?}")),
            (_, Some(name)) => Some(format!("`{name}` is no custom field")),
            _ => None,
        }
    });
}

/// Reads all pages of a query. `between` is called after each page.
fn read_pages<S: Subject>(
    store: &mut S,
    query: &Query,
    limit: usize,
    mut between: impl FnMut(&mut S, usize) -> Result<(), S::Error>,
) -> Result<Vec<Key>, S::Error> {
    let mut all = Vec::new();
    for page in 0.. {
        let keys = store.search(query, NOW_MICROS, all.last().copied(), limit)?;
        let full = keys.len() == limit && all.len() < NO_LIMIT;
        all.extend(keys);
        if !full {
            break;
        }
        between(store, page)?;
    }
    Ok(all)
}

fn pages<S: Subject>(store: &mut S, report: &mut Report) {
    let everything = Query::all();
    for limit in [1, 7, 50, 200] {
        let got = read_pages(store, &everything, limit, |_, _| Ok(()));
        report.check(&format!("pages of {limit}"), got, |keys| wrong_result(&keys, Expect::Count(200)));
    }
    let first = store.search(&everything, NOW_MICROS, None, 4);
    let newest: Vec<Key> = [200, 199, 198, 197].map(|n| Key { time: time(n), uid: uid(n) }).into();
    report.equal("the newest four", first, newest);
    let failed = query("failed", report);
    let got = read_pages(store, &failed, 4, |_, _| Ok(()));
    report.check("pages of a word", got, |keys| wrong_result(&keys, Expect::Count(30)));
    // Within a tie, a page may end between two events of one moment.
    let inside = Key { time: time(199), uid: uid(199) };
    let got = store.search(&everything, NOW_MICROS, Some(inside), 2);
    let expect: Vec<Key> = [198, 197].map(|n| Key { time: time(n), uid: uid(n) }).into();
    report.equal("the page after an event of a tie", got, expect);
    report.equal("a page of no events", store.search(&everything, NOW_MICROS, None, 0), Vec::new());
    // Events that come in while pages are read do not move the pages after.
    let got = read_pages(store, &everything, 60, |store, page| {
        let number = COUNT + 1 + u16::try_from(page).unwrap_or(0);
        store.append(&[later(number)])
    });
    report.check("pages while events come in", got, |keys| wrong_result(&keys, Expect::Count(200)));
    let all = store.count(&everything, NOW_MICROS);
    report.equal("count after that", all, u64::from(COUNT) + 3);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matcher_passes() {
        let report = run(&mut Memory::default());
        assert!(report.failures.is_empty(), "{report}");
    }

    #[test]
    fn there_are_enough_cases_and_no_query_twice() {
        let mut texts: Vec<&str> =
            ALL.iter().flat_map(|(_, cases)| cases.iter()).map(|(text, _)| *text).collect();
        let count = texts.len();
        assert!(count >= 120, "{count} cases");
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), count);
    }

    #[test]
    fn a_store_that_errs_is_found_out() {
        struct Deaf(Memory);
        impl Subject for Deaf {
            type Error = std::convert::Infallible;
            fn append(&mut self, events: &[Event<'static>]) -> Result<(), Self::Error> {
                self.0.append(events)
            }
            fn search(
                &mut self,
                q: &Query,
                now: i64,
                before: Option<Key>,
                n: usize,
            ) -> Result<Vec<Key>, Self::Error> {
                let mut keys = self.0.search(q, now, before, n)?;
                keys.reverse();
                Ok(keys)
            }
            fn count(&mut self, q: &Query, now: i64) -> Result<u64, Self::Error> {
                Ok(self.0.count(q, now)? / 2)
            }
            fn histogram(&mut self, q: &Query, now: i64, _: i64) -> Result<Vec<Bucket>, Self::Error> {
                self.0.histogram(q, now, 1)
            }
            fn top(
                &mut self,
                q: &Query,
                now: i64,
                f: &Field,
                n: usize,
            ) -> Result<Vec<(String, u64)>, Self::Error> {
                self.0.top(q, now, f, n + 1)
            }
            fn fields(&mut self) -> Result<Vec<String>, Self::Error> {
                Ok(Vec::new())
            }
        }
        let report = run(&mut Deaf(Memory::default()));
        assert!(report.failures.len() > report.checks / 2, "{} of {}", report.failures.len(), report.checks);
    }
}
