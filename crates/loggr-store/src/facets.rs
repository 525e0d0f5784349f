//! What a page shows beside the events: which fields they have, their frequent values, and how those
//! go in time.
//!
//! Questions and answers of both engines. Not here: how they are found.

use std::time::Duration;

use crate::looks::FieldKind;
use crate::query::Field;
use crate::{ErrorKind, Histogram, MAX_BUCKETS, Stats, StoreError, tokens};

/// Names of custom fields in one [`FieldsOf`]; those beyond it are left out and the answer is marked
/// as partial.
pub const MAX_FIELD_NAMES: usize = 4096;
/// Values that have a count of their own in one [`HistogramBy`].
pub const MAX_SERIES: usize = 100;
/// Counts of one [`HistogramBy`]: buckets by values.
pub const MAX_HISTOGRAM_CELLS: usize = 1_000_000;
/// A question for values to complete what somebody types ends after so long.
pub const MAX_VALUES_TIME: Duration = Duration::from_secs(1);

/// The core fields that an event may have or lack, or whose values are worth counting. Times, the uid
/// and the message, which every event has, are not among them.
pub(crate) const COUNTED_FIELDS: [Field; 12] = [
    Field::Source,
    Field::AppName,
    Field::Severity,
    Field::Facility,
    Field::Procid,
    Field::Msgid,
    Field::Tag,
    Field::Listener,
    Field::Transport,
    Field::Peer,
    Field::TlsName,
    Field::Defect,
];

/// Refuses to count the values of a field of which nearly every event has another one: each would be
/// kept to be counted. Of times nobody keeps the values.
pub(crate) fn countable(field: &Field) -> Result<(), StoreError> {
    match field {
        Field::Message | Field::Uid => {
            let what = format!(
                "the values of `{}` are not counted: nearly each event has another one",
                field.name()
            );
            Err(StoreError::new(ErrorKind::Refused, what)
                .hinted("count by `shape`, the words of the message"))
        }
        _ => Ok(()),
    }
}

/// What the values of a core field look like.
pub(crate) fn core_kind(field: &Field) -> FieldKind {
    match field {
        Field::Procid | Field::Message | Field::Uid => FieldKind::Text,
        Field::Peer => FieldKind::Ip,
        Field::Time | Field::Timereported => FieldKind::Integer,
        _ => FieldKind::Word,
    }
}

/// One field that hits have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOf {
    /// Which. A custom one is also an `SD-ID.PARAM-NAME` or a trusted field.
    pub field: Field,
    /// What its values look like, taken together, in the parts of the store where there are hits.
    pub kind: FieldKind,
    /// Hits that have it: each counts once, however many values it has.
    pub events: u64,
}

/// The fields that the hits of a query have: counted over all hits, not over a sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldsOf {
    /// The core fields in a fixed order, without times, uid and message, which all events have; then
    /// the custom ones, the most frequent first.
    pub fields: Vec<FieldOf>,
    /// All hits.
    pub matched: u64,
    /// Something was left out: the time was over, there were too many names, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

impl FieldsOf {
    /// Puts custom fields, each with its kind and hits, behind the core ones.
    pub(crate) fn add_custom(&mut self, custom: impl Iterator<Item = (String, FieldKind, u64)>) {
        let mut custom: Vec<FieldOf> = custom
            .filter(|(_, _, events)| *events > 0)
            .map(|(name, kind, events)| FieldOf { field: Field::Custom(name), kind, events })
            .collect();
        custom.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.field.cmp(&b.field)));
        if custom.len() > MAX_FIELD_NAMES {
            custom.truncate(MAX_FIELD_NAMES);
            self.too_many();
        }
        self.fields.extend(custom);
    }

    pub(crate) fn add_core(&mut self, field: Field, events: u64) {
        if events > 0 {
            self.fields.push(FieldOf { kind: core_kind(&field), field, events });
        }
    }

    pub(crate) fn too_many(&mut self) {
        self.partial = true;
        self.warnings.push(format!("the events have more than {MAX_FIELD_NAMES} custom fields"));
    }
}

/// How many different values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberOf {
    /// So many.
    Exactly(u64),
    /// More; nobody counted on.
    MoreThan(u64),
}

impl NumberOf {
    pub(crate) fn of(number: u64, most: usize) -> NumberOf {
        match number > most as u64 {
            true => NumberOf::MoreThan(most as u64),
            false => NumberOf::Exactly(number),
        }
    }
}

/// How many different values fields have among the hits of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distinct {
    /// For each field that was asked for, in that order.
    pub numbers: Vec<NumberOf>,
    /// Something was left out: there may be more values.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

/// Which values of a field are asked for. A number alone is the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopOptions {
    /// Values at most.
    pub limit: usize,
    /// Only values that begin with it, without regard to the case of ASCII letters.
    pub prefix: String,
    /// Only values that hold it, without regard to the case of ASCII letters.
    pub contains: String,
}

impl From<usize> for TopOptions {
    fn from(limit: usize) -> TopOptions {
        TopOptions { limit, ..TopOptions::default() }
    }
}

/// Which values are asked for, made ready to be asked about many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Folded.
    pub(crate) prefix: String,
    /// Folded.
    pub(crate) contains: String,
}

impl Wanted {
    pub(crate) fn new(options: &TopOptions) -> Wanted {
        Wanted { prefix: tokens::fold(&options.prefix), contains: tokens::fold(&options.contains) }
    }

    pub(crate) fn is_all(&self) -> bool {
        self.prefix.is_empty() && self.contains.is_empty()
    }

    pub(crate) fn takes(&self, value: &str) -> bool {
        let begins = |value: &str| {
            value
                .as_bytes()
                .get(..self.prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(self.prefix.as_bytes()))
        };
        let holds = |value: &str| {
            self.contains.is_empty()
                || tokens::contains_substring(tokens::fold(value).as_bytes(), &self.contains)
        };
        begins(value) && holds(value)
    }
}

/// The events of a span of time by the values of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketBy {
    /// Where it begins, microseconds since 1970; a multiple of the width.
    pub start: i64,
    /// Events that have the value, for each of [`HistogramBy::values`].
    pub counts: Vec<u64>,
    /// Occurrences of other values.
    pub rest: u64,
    /// Events without the field.
    pub without: u64,
    /// All events. Where one has several values, each of them counts, so that the sum of the other
    /// numbers can be greater.
    pub events: u64,
}

/// Events by time and the most frequent values of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramBy {
    /// The values that have counts of their own, the most frequent first.
    pub values: Vec<String>,
    /// Buckets that hold something, oldest first.
    pub buckets: Vec<BucketBy>,
    /// Something was left out: the time was over, there were too many values, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

impl HistogramBy {
    /// That it would have more than [`MAX_HISTOGRAM_CELLS`].
    pub(crate) fn too_large() -> StoreError {
        let what = format!("the histogram would have more than {MAX_HISTOGRAM_CELLS} counts");
        StoreError::new(ErrorKind::Limit, what).hinted("ask for wider buckets, fewer values or less time")
    }

    /// By no field: the events of each bucket alone.
    pub(crate) fn plain(histogram: Histogram) -> HistogramBy {
        let buckets = histogram.buckets.iter().map(|b| BucketBy {
            start: b.start,
            events: b.total(),
            ..BucketBy::default()
        });
        HistogramBy {
            values: Vec::new(),
            buckets: buckets.collect(),
            partial: histogram.partial,
            warnings: histogram.warnings,
            stats: histogram.stats,
        }
    }

    /// By severity, of which every histogram has the numbers.
    pub(crate) fn by_severity(histogram: Histogram, values: usize) -> HistogramBy {
        let words = loggr_event::Severity::ALL;
        let sums: Vec<u64> = words
            .iter()
            .map(|s| histogram.buckets.iter().filter_map(|b| b.counts.get(usize::from(s.code()))).sum())
            .collect();
        let mut codes: Vec<(u64, &str, usize)> = words
            .iter()
            .zip(&sums)
            .filter(|(_, sum)| **sum > 0)
            .map(|(s, sum)| (*sum, s.keyword(), usize::from(s.code())))
            .collect();
        codes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        codes.truncate(values);
        let mut plain = HistogramBy::plain(Histogram { buckets: Vec::new(), ..histogram });
        plain.values = codes.iter().map(|(_, word, _)| (*word).to_owned()).collect();
        plain.buckets = histogram
            .buckets
            .iter()
            .map(|b| {
                let counts: Vec<u64> =
                    codes.iter().map(|(_, _, code)| b.counts.get(*code).copied().unwrap_or(0)).collect();
                let rest = b.total() - counts.iter().sum::<u64>();
                BucketBy { start: b.start, counts, rest, without: 0, events: b.total() }
            })
            .collect();
        plain
    }
}

/// Counts by bucket and class while they are made; rows come in runs of near times. A class is the
/// number of a value, or one of those that have a name here.
#[derive(Default)]
pub(crate) struct Course {
    series: usize,
    places: crate::hash::FastMap<i64, usize>,
    starts: Vec<i64>,
    /// For each bucket its values, then the rest, those without, all.
    counts: Vec<u64>,
    last: usize,
}

impl Course {
    const OTHERS: usize = 3;

    pub(crate) fn new(series: usize) -> Course {
        Course { series, ..Course::default() }
    }

    /// The class of other values.
    pub(crate) fn rest(&self) -> usize {
        self.series
    }

    /// The class of events without the field.
    pub(crate) fn without(&self) -> usize {
        self.series + 1
    }

    /// The class that counts every event.
    pub(crate) fn all(&self) -> usize {
        self.series + 2
    }

    fn width(&self) -> usize {
        self.series + Course::OTHERS
    }

    /// The place of the bucket that begins at a time.
    pub(crate) fn bucket(&mut self, start: i64) -> Result<usize, StoreError> {
        if self.starts.get(self.last) == Some(&start) {
            return Ok(self.last);
        }
        self.last = match self.places.get(&start) {
            Some(place) => *place,
            None => {
                if self.starts.len() >= MAX_BUCKETS {
                    return Err(Histogram::too_large());
                }
                if self.counts.len() + self.width() > MAX_HISTOGRAM_CELLS {
                    return Err(HistogramBy::too_large());
                }
                self.places.insert(start, self.starts.len());
                self.starts.push(start);
                self.counts.resize(self.counts.len() + self.width(), 0);
                self.starts.len() - 1
            }
        };
        Ok(self.last)
    }

    pub(crate) fn add(&mut self, bucket: usize, class: usize, events: u64) {
        let place = bucket * self.width() + class;
        if let Some(count) = self.counts.get_mut(place) {
            *count += events;
        }
    }

    pub(crate) fn merge(&mut self, other: &Course) -> Result<(), StoreError> {
        for (start, counts) in other.starts.iter().zip(other.counts.chunks(other.width())) {
            let bucket = self.bucket(*start)?;
            counts.iter().enumerate().for_each(|(class, events)| self.add(bucket, class, *events));
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<BucketBy> {
        let mut buckets: Vec<BucketBy> = self
            .starts
            .iter()
            .zip(self.counts.chunks(self.width()))
            .map(|(start, counts)| {
                let (values, others) = counts.split_at(self.series.min(counts.len()));
                let [rest, without, events] = others else { return BucketBy::default() };
                BucketBy {
                    start: *start,
                    counts: values.to_vec(),
                    rest: *rest,
                    without: *without,
                    events: *events,
                }
            })
            .collect();
        buckets.sort_unstable_by_key(|b| b.start);
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bucket;

    #[track_caller]
    fn check(prefix: &str, contains: &str, value: &str, expect: bool) {
        let options = TopOptions { limit: 1, prefix: prefix.into(), contains: contains.into() };
        assert_eq!(Wanted::new(&options).takes(value), expect, "`{value}`");
    }

    #[test]
    fn values_are_wanted_by_their_start_or_a_part() {
        check("", "", "x", true);
        check("We", "", "wEb01", true);
        check("web", "", "we", false);
        check("web", "", "aweb", false);
        check("é", "", "é1", true);
        check("e", "", "é", false);
        check("a", "C", "abc", true);
        check("a", "c", "ab", false);
        check("", "ä", "xäx", true);
    }

    #[test]
    fn by_severity_the_frequent_ones_come_first() {
        let buckets = vec![
            Bucket { start: 0, counts: [0, 0, 0, 1, 0, 0, 5, 0] },
            Bucket { start: 9, counts: [0, 0, 0, 2, 1, 0, 0, 0] },
        ];
        let by = HistogramBy::by_severity(Histogram { buckets, ..Histogram::default() }, 2);
        assert_eq!(by.values, ["info", "err"]);
        let last = BucketBy { start: 9, counts: vec![0, 2], rest: 1, without: 0, events: 3 };
        assert_eq!(by.buckets.last(), Some(&last));
    }

    #[test]
    fn a_course_has_a_limit() {
        let mut course = Course::new(MAX_SERIES);
        let room = MAX_HISTOGRAM_CELLS / (MAX_SERIES + Course::OTHERS);
        assert!((0..room).all(|start| course.bucket(start as i64).is_ok()));
        assert!(course.bucket(-1).is_err());
        assert_eq!(course.bucket(3).unwrap(), 3);
    }
}
