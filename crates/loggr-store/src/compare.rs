//! What changed between two ranges of time: shapes and values that are new, gone, more or fewer.
//!
//! Made of questions that every engine answers (`patterns`, `top`, `fields`), so it stands here once.
//! Not here: how they are answered.
//!
//! The ranges may have different lengths: rates are compared, not counts. How sure a difference is says
//! the log-likelihood ratio G² = 2 × (a ln(a / A) + b ln(b / B)), where a and b are the events in the two
//! ranges, and A and B those that there would be if both had the same rate. Chance alone gives more than
//! 10.83 ([`MIN_SCORE`]) once in a thousand times.

use std::collections::{BTreeMap, BTreeSet};

use crate::patterns::{Ask, Example, PatternOptions, Patterns};
use crate::query::{Field, Query, Span};
use crate::shape::ShapeId;
use crate::{ErrorKind, MAX_PATTERNS, SearchOptions, Store, StoreError, Top};

/// Differences with a smaller score are left out.
pub const MIN_SCORE: f64 = 10.83;
/// Custom fields whose values are compared: the most frequent ones.
pub const MAX_COMPARED_FIELDS: usize = 8;
/// Values of one field that are compared: the most frequent ones of each range.
pub const MAX_COMPARED_VALUES: usize = 1000;
/// Ranges that may be compared with together.
pub const MAX_BEFORE: usize = 2;
/// Differences of one answer.
pub const MAX_CHANGES: usize = 1000;

/// From, until; microseconds since 1970.
pub type Range = (i64, i64);

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The shape of a message, and the newest event of it.
    Shape(ShapeId, Option<Box<Example>>),
    /// A value of a field.
    Value(Field, String),
}

/// How it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
    /// It is more frequent.
    Grew,
    /// It is less frequent.
    Shrank,
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Of what.
    pub subject: Subject,
    /// How.
    pub trend: Trend,
    /// Events now and before.
    pub events: (u64, u64),
    /// Of a shape, its events by severity code: now, or before if it is gone.
    pub severities: [u64; 8],
    /// Events a second, now and before.
    pub rates: (f64, f64),
    /// How sure it is: G².
    pub score: f64,
}

/// What changed, the surest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The differences.
    pub changes: Vec<Change>,
    /// Matching events now and before.
    pub matched: (u64, u64),
    /// Something was left out.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
}

impl Store {
    /// What changed among matching events from the ranges `before`, taken together, to the range `now`:
    /// what surrounds a range is two ranges. The bounds of the options do not count.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] where a range is empty, none or more than [`MAX_BEFORE`] are compared with, or
    /// more than [`MAX_CHANGES`] are wanted.
    pub async fn compare(
        &self,
        query: &Query,
        now: Range,
        before: &[Range],
        options: &SearchOptions,
        limit: usize,
    ) -> Result<Comparison, StoreError> {
        if before.is_empty() || before.iter().chain([&now]).any(|range| range.0 >= range.1) {
            return Err(StoreError::new(ErrorKind::Limit, "a range that is compared holds no time"));
        }
        if before.len() > MAX_BEFORE {
            let what = format!("{} ranges are compared with, at most {MAX_BEFORE} can be", before.len());
            return Err(StoreError::new(ErrorKind::Limit, what));
        }
        if limit > MAX_CHANGES {
            let what = format!("{limit} differences are wanted, at most {MAX_CHANGES} are given");
            return Err(StoreError::new(ErrorKind::Limit, what));
        }
        let mut sides = Sides { now, before: before.to_vec(), answer: Comparison::default() };
        let within =
            |range: Range| SearchOptions { since: Some(range.0), until: Some(range.1), ..options.clone() };
        let wanted = PatternOptions { limit: MAX_PATTERNS, buckets: 0 };
        let ask = |range: Range| Ask {
            examples: false,
            ..Ask::new(options, wanted, Span { from: range.0, until: range.1 })
        };
        let new = self.ask_patterns(query, ask(now)).await?;
        let mut old = Vec::new();
        for range in before {
            old.push(self.ask_patterns(query, ask(*range)).await?);
        }
        sides.answer.matched = (new.matched, old.iter().map(|part| part.matched).sum());
        sides.shapes(new, old);
        for field in self.compared_fields(now, before).await? {
            let new = self.top(query, &field, MAX_COMPARED_VALUES, &within(now)).await?;
            let mut old = Vec::new();
            for range in before {
                old.push(self.top(query, &field, MAX_COMPARED_VALUES, &within(*range)).await?);
            }
            sides.values(&field, new, old);
        }
        let mut answer = sides.answer;
        answer.changes.sort_by(|a, b| b.score.total_cmp(&a.score));
        answer.changes.truncate(limit);
        for change in &mut answer.changes {
            let ranges = if change.trend == Trend::Gone { before } else { std::slice::from_ref(&now) };
            let Subject::Shape(id, example) = &mut change.subject else { continue };
            for range in ranges.iter().rev() {
                if example.is_some() {
                    break;
                }
                let query = query.clone().and(Query::of_shape(*id));
                let one = SearchOptions { limit: 1, after: None, oldest_first: false, ..within(*range) };
                let found = self.search(&query, &one).await?;
                answer.partial |= found.partial;
                *example = found.events.first().map(|event| Box::new(Example::of(event)));
            }
        }
        Ok(answer)
    }

    /// Host, program, severity, and the most frequent custom fields of both ranges.
    async fn compared_fields(&self, now: Range, before: &[Range]) -> Result<Vec<Field>, StoreError> {
        let since = before.iter().map(|range| range.0).fold(now.0, i64::min);
        let until = before.iter().map(|range| range.1).fold(now.1, i64::max);
        let known = self.fields(Some(since), Some(until)).await?;
        let custom = known.into_iter().take(MAX_COMPARED_FIELDS).map(|field| Field::Custom(field.name));
        Ok([Field::Source, Field::AppName, Field::Severity].into_iter().chain(custom).collect())
    }
}

/// The ranges, and what was found so far.
struct Sides {
    now: Range,
    before: Vec<Range>,
    answer: Comparison,
}

impl Sides {
    fn shapes(&mut self, new: Patterns, old: Vec<Patterns>) {
        let mut severities: BTreeMap<ShapeId, [u64; 8]> = BTreeMap::new();
        for pattern in old.iter().flat_map(|part| &part.patterns) {
            let sums = severities.entry(pattern.id).or_default();
            sums.iter_mut().zip(pattern.severities).for_each(|(sum, more)| *sum += more);
        }
        severities.extend(new.patterns.iter().map(|pattern| (pattern.id, pattern.severities)));
        let first = self.answer.changes.len();
        let mut list = |of: Patterns| {
            self.note(of.partial, of.warnings);
            let is_whole = is_whole(of.patterns.len(), of.distinct);
            List { counts: of.patterns.into_iter().map(|p| (p.id, p.events)).collect(), is_whole }
        };
        let (new, old) = (list(new), old.into_iter().map(list).collect());
        self.pairs("shapes", new, old, |id| Subject::Shape(id, None));
        for change in self.answer.changes.iter_mut().skip(first) {
            if let Subject::Shape(id, _) = &change.subject {
                change.severities = severities.get(id).copied().unwrap_or_default();
            }
        }
    }

    fn values(&mut self, field: &Field, new: Top, old: Vec<Top>) {
        let mut list = |of: Top| {
            self.note(of.partial, of.warnings);
            let is_whole = is_whole(of.values.len(), of.distinct);
            List { counts: of.values.into_iter().map(|v| (v.value, v.events)).collect(), is_whole }
        };
        let (new, old) = (list(new), old.into_iter().map(list).collect());
        let subject = |value| Subject::Value(field.clone(), value);
        self.pairs(field.name(), new, old, subject);
    }

    fn note(&mut self, partial: bool, warnings: Vec<String>) {
        self.answer.partial |= partial;
        for warning in warnings {
            if !self.answer.warnings.contains(&warning) {
                self.answer.warnings.push(warning);
            }
        }
    }

    /// Compares lists. Of what a list lacks nothing is known if it is not whole.
    fn pairs<K: Ord + Clone>(
        &mut self,
        what: &str,
        new: List<K>,
        old: Vec<List<K>>,
        subject: impl Fn(K) -> Subject,
    ) {
        if !(new.is_whole && old.iter().all(|part| part.is_whole)) {
            self.note(true, vec![format!("`{what}`: only the most frequent values were compared")]);
        }
        let keys: BTreeSet<&K> = old.iter().chain([&new]).flat_map(|list| list.counts.keys()).collect();
        for key in keys {
            let before = old.iter().map(|part| part.count(key)).sum::<Option<u64>>();
            if let (Some(now), Some(before)) = (new.count(key), before) {
                self.add(now, before, || subject(key.clone()));
            }
        }
    }

    fn add(&mut self, now: u64, before: u64, subject: impl FnOnce() -> Subject) {
        let seconds_before = self.before.iter().copied().map(seconds).sum();
        let seconds_now = seconds(self.now);
        let score = score(now, before, seconds_now, seconds_before);
        if score < MIN_SCORE {
            return;
        }
        let rates = (now as f64 / seconds_now, before as f64 / seconds_before);
        let trend = match (now, before) {
            (_, 0) => Trend::New,
            (0, _) => Trend::Gone,
            _ if rates.0 > rates.1 => Trend::Grew,
            _ => Trend::Shrank,
        };
        let (subject, events) = (subject(), (now, before));
        self.answer.changes.push(Change { subject, trend, events, severities: [0; 8], rates, score });
    }
}

/// Counts by what is counted, of one range.
struct List<K> {
    counts: BTreeMap<K, u64>,
    /// What is not in it is not there.
    is_whole: bool,
}

impl<K: Ord> List<K> {
    fn count(&self, key: &K) -> Option<u64> {
        self.counts.get(key).copied().or(self.is_whole.then_some(0))
    }
}

/// Are all values in the list?
fn is_whole(listed: usize, distinct: u64) -> bool {
    listed as u64 >= distinct
}

fn seconds(range: Range) -> f64 {
    (range.1 as f64 - range.0 as f64) / 1e6
}

/// G² of two counts in ranges of these lengths.
fn score(a: u64, b: u64, length_a: f64, length_b: f64) -> f64 {
    let all = (a + b) as f64;
    let part = |n: u64, length: f64| {
        let expected = all * length / (length_a + length_b);
        if n == 0 { 0.0 } else { n as f64 * (n as f64 / expected).ln() }
    };
    2.0 * (part(a, length_a) + part(b, length_b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: u64, before: u64, ranges: (Range, Range), expect: Option<Trend>) {
        let mut sides = Sides { now: ranges.0, before: vec![ranges.1], answer: Comparison::default() };
        sides.add(now, before, || Subject::Value(Field::Source, String::new()));
        assert_eq!(sides.answer.changes.first().map(|c| c.trend), expect, "{now} {before}");
    }

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn rates_are_compared_and_chance_is_left_out() {
        let same = ((HOUR, 2 * HOUR), (0, HOUR));
        check(100, 100, same, None);
        check(110, 100, same, None);
        check(200, 100, same, Some(Trend::Grew));
        check(100, 200, same, Some(Trend::Shrank));
        check(20, 0, same, Some(Trend::New));
        check(0, 20, same, Some(Trend::Gone));
        check(3, 0, same, None);
        // Ten times as many in ten times as long a time is the same.
        let longer = ((10 * HOUR, 20 * HOUR), (9 * HOUR, 10 * HOUR));
        check(1000, 100, longer, None);
        check(100, 100, longer, Some(Trend::Shrank));
    }

    #[test]
    fn what_one_list_lacks_is_nothing_only_if_the_list_is_whole() {
        for (whole, expect) in [(true, 2), (false, 1)] {
            let answer = Comparison::default();
            let mut sides = Sides { now: (HOUR, 2 * HOUR), before: vec![(0, HOUR)], answer };
            let subject = |value: &str| Subject::Value(Field::Source, value.to_owned());
            let new = List { counts: BTreeMap::from([("a", 90), ("b", 90)]), is_whole: true };
            let old = List { counts: BTreeMap::from([("a", 9)]), is_whole: whole };
            sides.pairs("host", new, vec![old], subject);
            assert_eq!((sides.answer.changes.len(), sides.answer.partial), (expect, !whole));
        }
    }
}
