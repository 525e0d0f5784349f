//! Patterns: matching events by the shape of their messages.
//!
//! What both engines answer, and the counting that they share. Not here: what a shape is (`shape`), how an
//! engine finds the shapes of its events, what changed between two ranges (`compare`).
//! Invariant: memory is bounded by [`MAX_COUNTED_SHAPES`] and [`MAX_PATTERN_BUCKETS`].

use loggr_event::{Event, Timestamp, Uid};

use crate::hash::FastMap;
use crate::query::Span;
use crate::shape::ShapeId;
use crate::{ErrorKind, SearchOptions, Stats, StoreError};

/// Shapes that are counted at the same time; events of others are counted together, and the answer is
/// marked as partial.
pub const MAX_COUNTED_SHAPES: usize = 50_000;
/// Patterns of one answer.
pub const MAX_PATTERNS: usize = 1000;
/// Stretches of the course of one pattern.
pub const MAX_PATTERN_BUCKETS: usize = 240;

/// What is wanted of patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternOptions {
    /// Patterns at most; at most [`MAX_PATTERNS`].
    pub limit: usize,
    /// Into how many equal stretches of time the course is cut; at most [`MAX_PATTERN_BUCKETS`].
    pub buckets: usize,
}

impl Default for PatternOptions {
    fn default() -> PatternOptions {
        PatternOptions { limit: 50, buckets: 60 }
    }
}

/// The events of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The shape.
    pub id: ShapeId,
    /// How many.
    pub events: u64,
    /// Time of generation of the first and the last, microseconds since 1970.
    pub times: (i64, i64),
    /// By severity code.
    pub severities: [u64; 8],
    /// How many in each of the stretches of [`Patterns::span`].
    pub course: Vec<u64>,
    /// The newest. `None`: there was no time to fetch it, or it cannot be read.
    pub example: Option<Example>,
}

/// An event of a shape, as far as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Identity.
    pub uid: Uid,
    /// When it was received.
    pub time: Timestamp,
    /// Host.
    pub source: String,
    /// Program.
    pub app_name: String,
    /// The message; [`crate::shape::parts`] says what of it varies.
    pub message: String,
}

impl Example {
    pub(crate) fn of(event: &Event<'_>) -> Example {
        Example {
            uid: event.uid,
            time: event.timegenerated,
            source: event.source.to_string(),
            app_name: event.app_name.to_string(),
            message: event.message.to_string(),
        }
    }
}

/// The shapes among matching events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Most frequent first; equals by their number.
    pub patterns: Vec<Pattern>,
    /// Distinct shapes in all, those of `rest` aside.
    pub distinct: u64,
    /// Matching events.
    pub matched: u64,
    /// Events whose shape was not counted: there were too many shapes, or they have none stored.
    pub rest: u64,
    /// The time that the courses cover: from, until; microseconds since 1970.
    pub span: (i64, i64),
    /// Something was left out.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

/// A question for patterns, its bounds known.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) options: SearchOptions,
    pub(crate) limit: usize,
    /// Where each stretch begins.
    pub(crate) starts: Vec<i64>,
    pub(crate) span: Span,
    /// Fetch the newest event of each?
    pub(crate) examples: bool,
}

impl Ask {
    /// `span` must have both bounds.
    pub(crate) fn new(options: &SearchOptions, wanted: PatternOptions, span: Span) -> Ask {
        let buckets = wanted.buckets.min(MAX_PATTERN_BUCKETS) as i128;
        let length = i128::from(span.until) - i128::from(span.from);
        let start =
            |i: i128| i64::try_from(i128::from(span.from) + length * i / buckets.max(1)).unwrap_or(i64::MAX);
        Ask {
            options: SearchOptions { since: Some(span.from), until: Some(span.until), ..options.clone() },
            limit: wanted.limit.min(MAX_PATTERNS),
            starts: (0..buckets).map(start).collect(),
            span,
            examples: true,
        }
    }

    pub(crate) fn empty(&self) -> Patterns {
        Patterns { span: (self.span.from, self.span.until), ..Patterns::default() }
    }
}

/// Counts by shape. `E` says where an event is.
#[derive(Debug)]
pub(crate) struct Tally<E> {
    ids: FastMap<u64, usize>,
    pub(crate) counts: Vec<Count<E>>,
    /// For each of `counts` its stretches.
    courses: Vec<u32>,
    starts: Vec<i64>,
    pub(crate) rest: u64,
    /// The last shape and stretch: neighbours are alike.
    last: Option<(u64, usize)>,
    stretch: usize,
}

/// What is known of one shape.
#[derive(Clone, Debug)]
pub(crate) struct Count<E> {
    pub(crate) id: u64,
    pub(crate) severities: [u64; 8],
    pub(crate) times: (i64, i64),
    /// The newest: of one moment several, of which the uid decides.
    pub(crate) newest: Vec<E>,
}

/// Events of one moment and shape that may be the example.
const MAX_TIED: usize = 16;

impl<E> Tally<E> {
    pub(crate) fn new(starts: &[i64]) -> Tally<E> {
        Tally {
            ids: FastMap::default(),
            counts: Vec::new(),
            courses: Vec::new(),
            starts: starts.to_vec(),
            rest: 0,
            last: None,
            stretch: 0,
        }
    }

    /// One event.
    pub(crate) fn add(&mut self, id: u64, time: i64, severity: u8, place: impl FnOnce() -> E) {
        let Some(at) = self.place(id, time) else {
            self.rest += 1;
            return;
        };
        let stretch = self.stretch_of(time);
        if let Some(slot) = stretch.and_then(|s| self.courses.get_mut(at * self.starts.len() + s)) {
            *slot = slot.saturating_add(1);
        }
        let Some(count) = self.counts.get_mut(at) else { return };
        if let Some(slot) = count.severities.get_mut(usize::from(severity & 7)) {
            *slot += 1;
        }
        count.times.0 = count.times.0.min(time);
        if time > count.times.1 || count.newest.is_empty() {
            count.times.1 = time;
            count.newest.clear();
            count.newest.push(place());
        } else if time == count.times.1 && count.newest.len() < MAX_TIED {
            count.newest.push(place());
        }
    }

    /// The place of a shape; `None` where it is one too many.
    fn place(&mut self, id: u64, time: i64) -> Option<usize> {
        if let Some((last, at)) = self.last
            && last == id
        {
            return Some(at);
        }
        let at = match self.ids.get(&id) {
            Some(at) => *at,
            None if self.counts.len() >= MAX_COUNTED_SHAPES => return None,
            None => {
                let at = self.counts.len();
                self.ids.insert(id, at);
                self.counts.push(Count { id, severities: [0; 8], times: (time, time), newest: Vec::new() });
                self.courses.resize(self.courses.len() + self.starts.len(), 0);
                at
            }
        };
        self.last = Some((id, at));
        Some(at)
    }

    fn stretch_of(&mut self, time: i64) -> Option<usize> {
        let holds = |s: usize| {
            self.starts.get(s).is_some_and(|start| *start <= time)
                && self.starts.get(s + 1).is_none_or(|next| time < *next)
        };
        if !holds(self.stretch) {
            self.stretch = self.starts.partition_point(|start| *start <= time).checked_sub(1)?;
        }
        Some(self.stretch)
    }

    /// Adds what another one counted.
    pub(crate) fn merge(&mut self, other: Tally<E>) {
        self.rest += other.rest;
        let width = self.starts.len();
        for (i, count) in other.counts.into_iter().enumerate() {
            let Some(at) = self.place(count.id, count.times.0) else {
                self.rest += count.severities.iter().sum::<u64>();
                continue;
            };
            let more = other.courses.get(i * width..(i + 1) * width).unwrap_or_default();
            let mine = self.courses.get_mut(at * width..(at + 1) * width).unwrap_or_default();
            mine.iter_mut().zip(more).for_each(|(a, b)| *a = a.saturating_add(*b));
            let Some(mine) = self.counts.get_mut(at) else { continue };
            mine.severities.iter_mut().zip(count.severities).for_each(|(a, b)| *a += b);
            mine.times.0 = mine.times.0.min(count.times.0);
            if count.times.1 > mine.times.1 || mine.newest.is_empty() {
                mine.times.1 = count.times.1;
                mine.newest = count.newest;
            } else if count.times.1 == mine.times.1 {
                mine.newest.extend(count.newest);
                mine.newest.truncate(MAX_TIED);
            }
        }
    }

    /// The most frequent of them, and where their newest events are.
    pub(crate) fn finish(mut self, limit: usize, answer: &mut Patterns) -> Vec<Vec<E>> {
        answer.distinct = self.counts.len() as u64;
        let total = |count: &Count<E>| count.severities.iter().sum::<u64>();
        answer.rest += self.rest;
        answer.matched = answer.rest + self.counts.iter().map(total).sum::<u64>();
        if self.rest > 0 {
            answer.partial = true;
            answer.warnings.push(format!(
                "there are more than {MAX_COUNTED_SHAPES} shapes; {} events of others are counted together",
                self.rest
            ));
        }
        let width = self.starts.len();
        let mut order: Vec<(u64, u64, usize)> =
            self.counts.iter().enumerate().map(|(i, c)| (total(c), c.id, i)).collect();
        order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        order.truncate(limit);
        let mut newest = Vec::with_capacity(order.len());
        for (events, id, i) in order {
            let course = self.courses.get(i * width..(i + 1) * width).unwrap_or_default();
            let Some(count) = self.counts.get_mut(i) else { continue };
            answer.patterns.push(Pattern {
                id: ShapeId(id),
                events,
                times: count.times,
                severities: count.severities,
                course: course.iter().map(|n| u64::from(*n)).collect(),
                example: None,
            });
            newest.push(std::mem::take(&mut count.newest));
        }
        newest
    }
}

/// That more is wanted than there may be.
pub(crate) fn check(wanted: PatternOptions) -> Result<(), StoreError> {
    let refuse = |what: String| Err(StoreError::new(ErrorKind::Limit, what));
    if wanted.limit > MAX_PATTERNS {
        return refuse(format!("{} patterns are wanted, at most {MAX_PATTERNS} are given", wanted.limit));
    }
    if wanted.buckets > MAX_PATTERN_BUCKETS {
        return refuse(format!(
            "a course of {} stretches is wanted, it has {MAX_PATTERN_BUCKETS} at most",
            wanted.buckets
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(buckets: usize, from: i64, until: i64) -> Ask {
        Ask::new(&SearchOptions::new(0), PatternOptions { limit: 2, buckets }, Span { from, until })
    }

    #[test]
    fn stretches_are_equal() {
        assert_eq!(ask(4, 0, 100).starts, [0, 25, 50, 75]);
        assert_eq!(ask(3, 10, 20).starts, [10, 13, 16]);
        assert!(ask(0, 10, 20).starts.is_empty());
        assert_eq!(ask(2, i64::MIN, i64::MAX).starts[0], i64::MIN);
    }

    #[test]
    fn events_are_counted_by_shape_and_tallies_add_up() {
        let ask = ask(2, 0, 10);
        let (mut a, mut b) = (Tally::new(&ask.starts), Tally::new(&ask.starts));
        for (id, time, severity) in [(7, 0, 3), (7, 9, 3), (8, 4, 6)] {
            a.add(id, time, severity, || time);
        }
        for (id, time, severity) in [(7, 9, 4), (9, 5, 6), (9, 6, 6)] {
            b.add(id, time, severity, || time + 100);
        }
        a.merge(b);
        let mut answer = ask.empty();
        let newest = a.finish(ask.limit, &mut answer);
        assert_eq!(newest, [vec![9, 109], vec![106]]);
        assert_eq!((answer.distinct, answer.matched, answer.rest, answer.partial), (3, 6, 0, false));
        let [seven, nine] = &answer.patterns[..] else { panic!("{answer:?}") };
        assert_eq!((seven.events, seven.times, &seven.course[..]), (3, (0, 9), &[1, 2][..]));
        assert_eq!((seven.severities[3], seven.severities[4]), (2, 1));
        assert_eq!((nine.id, &nine.course[..]), (ShapeId(9), &[0, 2][..]));
    }

    #[test]
    fn more_than_there_may_be_is_refused() {
        for (limit, buckets, fine) in [
            (MAX_PATTERNS, MAX_PATTERN_BUCKETS, true),
            (MAX_PATTERNS + 1, 0, false),
            (1, MAX_PATTERN_BUCKETS + 1, false),
        ] {
            assert_eq!(check(PatternOptions { limit, buckets }).is_ok(), fine, "{limit} {buckets}");
        }
    }

    #[test]
    fn too_many_shapes_are_counted_together() {
        let mut tally = Tally::new(&[]);
        (0..MAX_COUNTED_SHAPES as u64 + 5).for_each(|id| tally.add(id, 0, 0, || ()));
        let mut answer = Patterns::default();
        tally.finish(1, &mut answer);
        assert_eq!((answer.rest, answer.partial, answer.matched), (5, true, MAX_COUNTED_SHAPES as u64 + 5));
    }
}
