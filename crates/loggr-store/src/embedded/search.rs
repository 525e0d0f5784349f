//! Searching: the newest (or oldest) matching events, page by page.
//!
//! Order is by (timegenerated, uid); a page begins behind the key of the last event of the one
//! before, so that events that arrive meanwhile neither shift nor repeat anything.

use std::borrow::Cow;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, TimestampMicrosecondArray};
use loggr_event::{Event, Uid};

use super::datafile::DataFile;
use super::exec::group::Group;
use super::exec::lanes::Usage;
use super::exec::plan::Plan;
use super::exec::{self, THREADS_PER_QUERY, Target, overlaps};
use super::manifest::FileEntry;
use super::reader::{Reader, Trouble, View};
use super::rows::{Decoder, column};
use super::schema::core;
use super::selection::Selection;
use crate::query::Query;
use crate::{Found, Limits, MAX_RESULT_BYTES, MAX_SEARCH_LIMIT, SearchOptions, Stats, StoreError};

/// Row groups that are evaluated side by side while the newest are looked for; the time limit is
/// looked at between.
const MAX_WAVE: usize = 32;

/// Greater is earlier in the answer: the time itself, or its complement for oldest first.
type Rank = i64;

fn rank(time: i64, oldest_first: bool) -> Rank {
    if oldest_first { !time } else { time }
}

/// A file not opened yet, or a row group: by the best rank that it can hold.
enum Piece<'m> {
    File(&'m FileEntry),
    Group(Box<Target>),
}

struct Waiting<'m> {
    best: Rank,
    piece: Piece<'m>,
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.best == other.best
    }
}
impl Eq for Waiting<'_> {}
impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.best.cmp(&other.best)
    }
}

/// The matching rows of one row group that may be among the best.
struct Hits {
    target: Target,
    matched: u64,
    read: bool,
    rows: Vec<(Rank, u32)>,
    /// The messages of `rows` by ascending row number, where the query had read them anyway.
    messages: Option<(Selection, arrow_array::ArrayRef)>,
}

impl Reader {
    /// The newest (or oldest) events that match.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Limit`] where it was cancelled. Damaged files are left out and named in
    /// [`Found::warnings`].
    pub fn search(&self, query: &Query, options: &SearchOptions) -> Result<Found, StoreError> {
        self.ask(|view| self.search_in(view, query, options))
    }

    fn search_in(&self, view: &View, query: &Query, options: &SearchOptions) -> Result<Found, StoreError> {
        let limit = options.limit.min(MAX_SEARCH_LIMIT);
        let plan = plan_of_page(query, options);
        if limit == 0 || plan.span.is_empty() {
            return Ok(Found::default());
        }
        let mut search = Search {
            reader: self,
            view,
            options,
            limit,
            waiting: files(view, &plan, options.oldest_first),
            plan,
            hits: Vec::new(),
            worst_kept: Rank::MIN,
            found: Found::default(),
            trouble: Trouble::new(view),
        };
        search.look()?;
        search.finish()
    }
}

/// The plan of one page: it begins behind the last event of the one before.
fn plan_of_page(query: &Query, options: &SearchOptions) -> Plan {
    let mut plan = Plan::new(query, options);
    if let Some((time, _)) = options.after {
        let time = time.unix_micros();
        if options.oldest_first {
            plan.span.from = plan.span.from.max(time);
        } else {
            plan.span.until = plan.span.until.min(time.saturating_add(1));
        }
    }
    plan
}

/// The files that may hold matching events.
fn files<'m>(view: &'m View, plan: &Plan, down: bool) -> BinaryHeap<Waiting<'m>> {
    let files = view.manifest.files.iter().filter(|f| overlaps(plan.span, f.min_time, f.max_time));
    files
        .map(|f| Waiting {
            best: rank(if down { f.min_time } else { f.max_time }, down),
            piece: Piece::File(f),
        })
        .collect()
}

/// One page while it is looked for.
struct Search<'s> {
    reader: &'s Reader,
    view: &'s View,
    options: &'s SearchOptions,
    limit: usize,
    plan: Plan,
    /// What was not looked at yet.
    waiting: BinaryHeap<Waiting<'s>>,
    hits: Vec<Hits>,
    /// The rank of the last event that can be on the page.
    worst_kept: Rank,
    found: Found,
    trouble: Trouble,
}

impl Search<'_> {
    /// Evaluates row groups, the best first, until none can hold a better event.
    fn look(&mut self) -> Result<(), StoreError> {
        let mut wave = 1;
        loop {
            if self.options.limits.is_over()? {
                self.trouble.partial = true;
                self.trouble.warnings.push("the time limit was reached".to_owned());
                return Ok(());
            }
            let targets = self.targets(wave)?;
            if targets.is_empty() {
                return Ok(());
            }
            let evaluated = |i: usize| {
                let Some(target) = targets.get(i) else { return Ok(None) };
                self.view.usage.run(&self.options.limits, || {
                    self.view.usage.looked_at(target.rows);
                    self.hits(target)
                })
            };
            let answers = exec::parallel(targets.len(), evaluated);
            self.take(answers)?;
            self.drop_the_worst();
            wave = next_wave(wave, &self.found.stats, self.limit);
        }
    }

    /// The next row groups, at most so many. Files on the way are opened.
    fn targets(&mut self, wave: usize) -> Result<Vec<Target>, StoreError> {
        let down = self.options.oldest_first;
        let mut targets = Vec::with_capacity(wave);
        while targets.len() < wave {
            let Some(next) = self.waiting.pop() else { break };
            if next.best < self.worst_kept {
                self.waiting.clear();
                self.found.more = true;
                break;
            }
            match next.piece {
                Piece::Group(target) => targets.push(*target),
                Piece::File(entry) => {
                    match self.reader.file(entry).and_then(|f| Target::of(&f, self.plan.span)) {
                        Ok(groups) => self.waiting.extend(groups.into_iter().map(|target| Waiting {
                            best: rank(if down { target.min_time } else { target.max_time }, down),
                            piece: Piece::Group(Box::new(target)),
                        })),
                        Err(e) => self.trouble.note(e)?,
                    }
                }
            }
        }
        Ok(targets)
    }

    fn take(&mut self, answers: Vec<Result<Option<Hits>, StoreError>>) -> Result<(), StoreError> {
        for answer in answers {
            match answer {
                Ok(Some(hits)) => {
                    self.found.stats.groups += 1;
                    self.found.stats.groups_read += u64::from(hits.read);
                    self.found.stats.matched += hits.matched;
                    if !hits.rows.is_empty() {
                        self.hits.push(hits);
                    }
                }
                Ok(None) => {}
                Err(e) => self.trouble.note(e)?,
            }
        }
        Ok(())
    }

    /// Forgets what cannot be on the page. The equals of the last stay until the uids decide.
    fn drop_the_worst(&mut self) {
        let mut ranks: Vec<Rank> = self.hits.iter().flat_map(|h| &h.rows).map(|(r, _)| *r).collect();
        if ranks.len() < self.limit {
            return;
        }
        let (_, nth, _) = ranks.select_nth_unstable_by(self.limit - 1, |a, b| b.cmp(a));
        self.worst_kept = *nth;
        for hits in &mut self.hits {
            hits.rows.retain(|(r, _)| *r >= self.worst_kept);
        }
        self.hits.retain(|h| !h.rows.is_empty());
    }

    /// Fetches the events, and puts them in order.
    fn finish(self) -> Result<Found, StoreError> {
        let Search { view, options, limit, waiting, hits, mut found, mut trouble, .. } = self;
        let total: usize = hits.iter().map(|h| h.rows.len()).sum();
        found.more |= found.stats.matched > limit as u64 || !waiting.is_empty() || total > limit;
        found.events = fetch(&hits, &view.usage, &options.limits, &mut trouble)?;
        let order = |e: &Event<'_>| (e.timegenerated.unix_micros(), e.uid);
        if options.oldest_first {
            found.events.sort_by_key(order);
        } else {
            found.events.sort_by_key(|e| std::cmp::Reverse(order(e)));
        }
        found.events.truncate(limit);
        found.more |= cut_to_size(&mut found.events);
        (found.partial, found.warnings) = (trouble.partial, trouble.warnings);
        view.usage.tell(&mut found.stats);
        Ok(found)
    }

    fn hits(&self, target: &Target) -> Result<Hits, StoreError> {
        let (limit, down) = (self.limit, self.options.oldest_first);
        let group = Group::new(&target.file, target.group)?;
        let mut rows = exec::matching_rows(&self.plan, &group)?;
        let mut hits = Hits {
            target: target.clone(),
            matched: 0,
            read: !rows.is_empty(),
            rows: Vec::new(),
            messages: None,
        };
        if rows.is_empty() {
            return Ok(hits);
        }
        let read = group.column(core::TIME, &rows)?;
        let times = column::<TimestampMicrosecondArray>(&*read.array)?.values();
        if let Some((time, uid)) = self.options.after {
            rows = behind(&group, rows, time.unix_micros(), uid, down)?;
        }
        hits.matched = rows.len() as u64;
        hits.rows = rows
            .positions_in(&read.rows)
            .into_iter()
            .zip(rows.rows())
            .map(|(at, row)| (rank(times.get(at as usize).copied().unwrap_or_default(), down), row))
            .filter(|(r, _)| *r >= self.worst_kept)
            .collect();
        if hits.rows.len() > limit {
            let (_, nth, _) = hits.rows.select_nth_unstable_by(limit - 1, |a, b| b.cmp(a));
            let worst = nth.0;
            hits.rows.retain(|(r, _)| *r >= worst);
            if hits.rows.len() > limit * 2 {
                cut_ties(&group, &mut hits.rows, worst, limit, down)?;
            }
        }
        if let Some(read) = group.read_already(core::MESSAGE) {
            let mut wanted: Vec<u32> = hits.rows.iter().map(|(_, row)| *row).collect();
            wanted.sort_unstable();
            let wanted = Selection::from_rows(wanted);
            if read.rows.contains_all(&wanted) {
                let places = arrow_array::UInt32Array::from(wanted.positions_in(&read.rows));
                let taken = arrow_select::take::take(&*read.array, &places, None);
                hits.messages = taken.ok().map(|messages| (wanted, messages));
            }
        }
        Ok(hits)
    }
}

/// Leaves out the rows of the moment `time` that are not behind `uid`.
fn behind(
    group: &Group<'_>,
    rows: Selection,
    time: i64,
    uid: Uid,
    down: bool,
) -> Result<Selection, StoreError> {
    let read = group.column(core::TIME, &rows)?;
    let times = column::<TimestampMicrosecondArray>(&*read.array)?.values();
    let same = Selection::from_rows(
        rows.positions_in(&read.rows)
            .into_iter()
            .zip(rows.rows())
            .filter(|(at, _)| times.get(*at as usize) == Some(&time))
            .map(|(_, row)| row),
    );
    if same.is_empty() {
        return Ok(rows);
    }
    let uids = group.uids(&same)?;
    let is_not_behind = |other: &Uid| if down { *other <= uid } else { *other >= uid };
    let not_behind =
        Selection::from_rows(same.rows().zip(&uids).filter(|(_, u)| is_not_behind(u)).map(|(row, _)| row));
    Ok(rows.minus(&not_behind))
}

/// Very many events of one moment: the uids decide which of them can be on the page.
fn cut_ties(
    group: &Group<'_>,
    hits: &mut Vec<(Rank, u32)>,
    worst: Rank,
    limit: usize,
    down: bool,
) -> Result<(), StoreError> {
    let mut tied: Vec<u32> = hits.iter().filter(|(r, _)| *r == worst).map(|(_, row)| *row).collect();
    tied.sort_unstable();
    let rows = Selection::from_rows(tied);
    let mut tied: Vec<(Uid, u32)> = group.uids(&rows)?.into_iter().zip(rows.rows()).collect();
    tied.sort_unstable();
    if !down {
        tied.reverse();
    }
    tied.truncate(limit);
    hits.retain(|(r, _)| *r != worst);
    hits.extend(tied.into_iter().map(|(_, row)| (worst, row)));
    Ok(())
}

/// How many row groups to evaluate after `wave` of them: as many as it will take to find `limit`
/// events, if the matches go on as they were.
fn next_wave(wave: usize, stats: &Stats, limit: usize) -> usize {
    let missing = (limit as u64).saturating_sub(stats.matched);
    let likely = match stats.matched {
        0 => usize::MAX,
        matched => (missing.saturating_mul(stats.groups)).div_ceil(matched) as usize,
    };
    let most = if wave == 1 { THREADS_PER_QUERY } else { MAX_WAVE.min(wave * 4) };
    likely.clamp(THREADS_PER_QUERY, most)
}

/// Cuts a page that is too large in memory; true where it did.
fn cut_to_size(events: &mut Vec<Event<'static>>) -> bool {
    let mut bytes = 0;
    let fits = events.iter().take_while(|e| {
        bytes += e.message.len() + e.raw.as_ref().map_or(0, |r| r.len());
        bytes <= MAX_RESULT_BYTES
    });
    let count = fits.count().max(1);
    let cut = count < events.len();
    events.truncate(count);
    cut
}

/// The whole events of the hits. The message and the other columns are read side by side.
fn fetch(
    all: &[Hits],
    usage: &Usage,
    limits: &Limits,
    trouble: &mut Trouble,
) -> Result<Vec<Event<'static>>, StoreError> {
    struct Task {
        file: Arc<DataFile>,
        group: usize,
        rows: Selection,
    }
    let tasks: Vec<Task> = all
        .iter()
        .map(|hits| {
            let mut rows: Vec<u32> = hits.rows.iter().map(|(_, row)| *row).collect();
            rows.sort_unstable();
            Task {
                file: Arc::clone(&hits.target.file),
                group: hits.target.group,
                rows: Selection::from_rows(rows),
            }
        })
        .collect();
    let half = |i: usize| -> Result<Option<RecordBatch>, StoreError> {
        let (Some(task), Some(hits)) = (tasks.get(i / 2), all.get(i / 2)) else { return Ok(None) };
        if i.is_multiple_of(2) {
            if let Some((rows, messages)) = &hits.messages {
                return kept_messages(rows, messages, &task.rows).map(Some);
            }
            return task.file.read(task.group, &[core::MESSAGE], &task.rows).map(Some);
        }
        task.file.read_without(task.group, &task.rows, Some(core::MESSAGE)).map(Some)
    };
    let halves = exec::parallel(tasks.len() * 2, |i| usage.run_anyway(limits, || half(i)));
    let mut events = Vec::new();
    let mut decoder = Decoder::new();
    for (task, pair) in tasks.iter().zip(halves.chunks(2)) {
        let (message, others) = match pair {
            [Ok(Some(message)), Ok(Some(others))] => (message, others),
            _ => continue,
        };
        let decoded = whole(message, others, &task.file)
            .and_then(|batch| decoder.decode(&batch, &task.file.head()?.columns));
        match decoded {
            Ok(more) => events.extend(more),
            Err(e) => trouble.note(e)?,
        }
    }
    for half in halves {
        if let Err(e) = half {
            trouble.note(e)?;
        }
    }
    Ok(events)
}

/// The messages of `wanted` out of those that the query had read.
fn kept_messages(
    rows: &Selection,
    messages: &arrow_array::ArrayRef,
    wanted: &Selection,
) -> Result<RecordBatch, StoreError> {
    let places = arrow_array::UInt32Array::from(wanted.positions_in(rows));
    let failed = |e| StoreError::with(crate::ErrorKind::Permanent, "cannot take rows of a column", e);
    let taken: Cow<'_, _> = if places.len() == messages.len() {
        Cow::Borrowed(messages)
    } else {
        Cow::Owned(arrow_select::take::take(&**messages, &places, None).map_err(failed)?)
    };
    let field = arrow_schema::Field::new("message", taken.data_type().clone(), false);
    let schema = Arc::new(arrow_schema::Schema::new(vec![field]));
    RecordBatch::try_new(schema, vec![taken.into_owned()]).map_err(failed)
}

/// Puts the message back between the other columns.
fn whole(message: &RecordBatch, others: &RecordBatch, file: &DataFile) -> Result<RecordBatch, StoreError> {
    let schema = file.head()?.columns.arrow();
    let mut arrays = others.columns().to_vec();
    arrays.insert(core::MESSAGE.min(arrays.len()), message.column(0).clone());
    RecordBatch::try_new(schema, arrays).map_err(|e| {
        StoreError::with(crate::ErrorKind::Corrupt, "the columns of a file do not fit its index", e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wave: usize, groups: u64, matched: u64, limit: usize, expect: usize) {
        assert_eq!(next_wave(wave, &Stats { groups, matched, ..Stats::default() }, limit), expect);
    }

    #[test]
    fn waves_grow_with_what_is_missing() {
        check(1, 1, 100, 100, 2);
        check(1, 1, 0, 100, 2);
        check(2, 3, 0, 100, 8);
        check(4, 5, 0, 100, 16);
        check(16, 21, 0, 100, 32);
        check(32, 53, 10, 100, 32);
        check(4, 5, 50, 100, 5);
        check(4, 5, 1, 100, 16);
        check(4, 5, 99, 100, 2);
        check(4, 5, u64::MAX, 100, 2);
    }
}
