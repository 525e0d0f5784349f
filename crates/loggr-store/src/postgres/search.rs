//! Searching: the newest (or oldest) matching events, page by page.
//!
//! Partition by partition, newest first, until the page is full; a page begins behind the key
//! (timegenerated, uid) of the last event of the one before.

use loggr_event::{Event, Timestamp, Uid};

use super::ask::{Snapshot, Stretch, Trouble};
use super::layout::storable;
use super::param::Param;
use super::schema::column_names;
use super::sql::Sql;
use crate::query::{Matcher, Query, Resolved, Span};
use crate::{Found, MAX_RESULT_BYTES, MAX_SEARCH_LIMIT, SearchOptions, Stats, StoreError};

/// Rows that are fetched together if the server cannot decide whether they match.
const SIFT_ROWS: usize = 2_000;

/// The place of an event in the order.
type Place = (i64, Uid);

/// A query at the time of asking, with the bounds of the options.
pub(super) fn resolve(query: &Query, options: &SearchOptions) -> Resolved {
    let mut resolved = query.resolve(options.now);
    resolved.span = options.within(resolved.span);
    resolved
}

/// One page.
pub(super) async fn search(
    snapshot: &Snapshot,
    query: &Query,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<Found, Trouble> {
    let resolved = resolve(query, options);
    let mut page = Page {
        found: Found::default(),
        limit: options.limit.min(MAX_SEARCH_LIMIT),
        bytes: 0,
        after: options.after.map(|(time, uid)| (storable(time.unix_micros()), uid)),
    };
    if page.limit == 0 || resolved.span.is_empty() {
        return Ok(page.found);
    }
    let matcher = Matcher::new(query, options.now);
    let mut stretches = snapshot.stretches(page.bounds(resolved.span, options.oldest_first));
    if !options.oldest_first {
        stretches.reverse();
    }
    let walk = Walk { snapshot, resolved: &resolved, matcher: &matcher, options, without_regex };
    let mut left = stretches.len();
    for stretch in stretches {
        left -= 1;
        match walk.stretch(stretch, &mut page).await {
            Ok(()) => {}
            Err(Trouble::Late) => {
                page.found.partial = true;
                page.found.warnings.push("the time limit was reached".to_owned());
                break;
            }
            Err(other) => return Err(other),
        }
        if page.is_full() {
            page.found.more |= left > 0;
            break;
        }
    }
    page.found.stats = Stats {
        groups: snapshot.days.len() as u64,
        groups_read: snapshot.statements(),
        matched: page.found.events.len() as u64,
        ..Stats::default()
    };
    Ok(page.found)
}

struct Page {
    found: Found,
    limit: usize,
    bytes: usize,
    /// Behind this one.
    after: Option<Place>,
}

impl Page {
    fn is_full(&self) -> bool {
        self.found.events.len() >= self.limit || self.found.more
    }

    /// Only what can come after the last event of the page before.
    fn bounds(&self, span: Span, oldest_first: bool) -> Span {
        match self.after {
            Some((time, _)) if oldest_first => Span { from: span.from.max(time), ..span },
            Some((time, _)) => Span { until: span.until.min(time.saturating_add(1)), ..span },
            None => span,
        }
    }

    /// Takes an event; false when the page has no room for more.
    fn take(&mut self, event: Event<'static>) -> bool {
        let bytes = event.message.len() + event.raw.as_ref().map_or(0, |r| r.len());
        let full = !self.found.events.is_empty() && self.bytes + bytes > MAX_RESULT_BYTES;
        if full || self.found.events.len() >= self.limit {
            self.found.more = true;
            return false;
        }
        self.bytes += bytes;
        self.found.events.push(event);
        true
    }
}

struct Walk<'w> {
    snapshot: &'w Snapshot,
    resolved: &'w Resolved,
    matcher: &'w Matcher,
    options: &'w SearchOptions,
    without_regex: bool,
}

impl Walk<'_> {
    /// What one stretch gives to the page.
    async fn stretch(&self, stretch: Stretch, page: &mut Page) -> Result<(), Trouble> {
        loop {
            let (last, rows, wanted) = self.rows(stretch, page).await?;
            // Where the server decides, one statement is enough.
            match last {
                Some(last) if rows == wanted && !page.is_full() => page.after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// One statement: the place of the last row seen, how many there were and could have been.
    async fn rows(
        &self,
        stretch: Stretch,
        page: &mut Page,
    ) -> Result<(Option<Place>, usize, usize), Trouble> {
        let mut sql = Sql::new(self.snapshot.context(stretch.indexes, self.without_regex));
        let condition = sql.node(&self.resolved.filter);
        let span = sql.span("timegenerated", stretch.span);
        let (compare, order) = match self.options.oldest_first {
            true => (">", "ASC"),
            false => ("<", "DESC"),
        };
        let after = match page.after {
            Some((time, uid)) => {
                let (time, uid) = (sql.param(Param::Time(time)), sql.param(Param::Uid(*uid.as_bytes())));
                format!(" AND (timegenerated, uid) {compare} ({time}, {uid})")
            }
            None => String::new(),
        };
        // One more than wanted tells whether there are more.
        let wanted = match sql.exact {
            true => page.limit - page.found.events.len() + 1,
            false => SIFT_ROWS,
        };
        let limit = sql.param(Param::Int8(wanted as i64));
        let text = format!(
            "SELECT {} FROM {} WHERE {span} AND {condition}{after} \
             ORDER BY timegenerated {order}, uid {order} LIMIT {limit}",
            column_names(self.snapshot.promoted()),
            self.snapshot.table.sql(""),
        );
        let decoder = self.snapshot.decoder();
        let exact = sql.exact;
        let (mut last, mut rows) = (None, 0);
        let mut seen = |row: &tokio_postgres::Row| -> Result<bool, StoreError> {
            let event = decoder.event(row)?;
            rows += 1;
            last = Some((storable(event.timegenerated.unix_micros()), event.uid));
            let matches = exact || self.matcher.matches(&event);
            Ok(!matches || page.take(event))
        };
        self.snapshot.each(&text, &sql.params, &mut seen).await?;
        Ok((last, rows, wanted))
    }
}

/// Looks at every event of a span that the server thinks may match, for questions that it cannot
/// answer itself.
pub(super) async fn sift(
    snapshot: &Snapshot,
    query: &Query,
    options: &SearchOptions,
    without_regex: bool,
    mut seen: impl FnMut(&Event<'_>),
) -> Result<(), Trouble> {
    let mut after: Option<(Timestamp, Uid)> = None;
    loop {
        let options = SearchOptions { after, limit: MAX_SEARCH_LIMIT, oldest_first: true, ..options.clone() };
        let page = search(snapshot, query, &options, without_regex).await?;
        page.events.iter().for_each(&mut seen);
        if page.partial {
            return Err(Trouble::Late);
        }
        match page.events.last().filter(|_| page.more) {
            Some(last) => after = Some((last.timegenerated, last.uid)),
            None => return Ok(()),
        }
    }
}
