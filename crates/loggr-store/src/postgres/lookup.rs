//! One event by its uid, and how far the store reaches.
//!
//! There is no index of uids alone: the time that most uids begin with says where to look first.

use loggr_event::{Event, Timestamp, Uid};

use super::ask::{Snapshot, Trouble};
use super::decode::Micros;
use super::layout::storable;
use super::param::Param;
use super::schema::column_names;
use super::sql::Sql;
use crate::query::{Matcher, Query, Span};
use crate::{SearchOptions, StoreError};

/// How far around the time of a uid it is looked for first, and then: microseconds. Last, everywhere.
const AROUND: [i64; 2] = [10_000_000, 86_400_000_000];

/// The spans in which to look, one after the other.
fn spans(uid: Uid, time: Option<Timestamp>) -> Vec<Span> {
    if let Some(time) = time {
        let time = storable(time.unix_micros());
        return vec![Span { from: time, until: time.saturating_add(1) }];
    }
    let time = i64::try_from(uid.millis()).unwrap_or(i64::MAX).saturating_mul(1000);
    let around = AROUND.map(|far| Span { from: time.saturating_sub(far), until: time.saturating_add(far) });
    around.into_iter().chain([Span::ALL]).collect()
}

/// The event, if it is there and matches.
pub(super) async fn event(
    snapshot: &Snapshot,
    uid: Uid,
    time: Option<Timestamp>,
    filter: &Query,
    options: &SearchOptions,
) -> Result<Option<Event<'static>>, Trouble> {
    let matcher = Matcher::new(filter, options.now);
    let bounds = options.within(Span::ALL);
    for span in spans(uid, time).into_iter().map(|span| options.within(span)).filter(|s| !s.is_empty()) {
        for stretch in snapshot.stretches(span).into_iter().rev() {
            let mut sql = Sql::new(snapshot.context(stretch.indexes, false));
            let within = sql.span("timegenerated", stretch.span);
            let wanted = sql.param(Param::Uid(*uid.as_bytes()));
            let text = format!(
                "SELECT {} FROM {} WHERE {within} AND uid = {wanted} ORDER BY timegenerated DESC LIMIT 1",
                column_names(snapshot.promoted()),
                snapshot.table.sql(""),
            );
            let decoder = snapshot.decoder();
            let mut found = None;
            let mut seen = |row: &tokio_postgres::Row| -> Result<bool, StoreError> {
                found = Some(decoder.event(row)?);
                Ok(true)
            };
            snapshot.each(&text, &sql.params, &mut seen).await?;
            if let Some(event) = found {
                let inside = bounds.contains(event.timegenerated.unix_micros());
                return Ok(Some(event).filter(|event| inside && matcher.matches(event)));
            }
        }
    }
    Ok(None)
}

/// The lowest and the highest time.
pub(super) async fn span(snapshot: &Snapshot) -> Result<Option<(i64, i64)>, Trouble> {
    let text = format!("SELECT min(timegenerated), max(timegenerated) FROM {}", snapshot.table.sql(""));
    let rows = snapshot.all(&text, &[]).await?;
    Ok(rows.first().and_then(|row| {
        let time = |at| row.get::<_, Option<Micros>>(at).map(|time| time.0);
        Some((time(0)?, time(1)?))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_says_where_to_look_first() {
        let mut bytes = [0u8; 16];
        bytes[..8].copy_from_slice(&((1_795_132_800_000u64 << 16) | 0x7000).to_be_bytes());
        bytes[8] = 0x80;
        let found = spans(Uid::from_bytes(bytes), None);
        let time = 1_795_132_800_000_000;
        let first = Span { from: time - AROUND[0], until: time + AROUND[0] };
        assert_eq!((found.first(), found.last(), found.len()), (Some(&first), Some(&Span::ALL), 3));
        let known = spans(Uid::from_bytes(bytes), Some(Timestamp::from_unix_micros(7)));
        assert_eq!(known, [Span { from: 7, until: 8 }]);
    }
}
