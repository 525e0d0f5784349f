//! Which events of a batch are new: exact, by uid alone, across calls and restarts.
//!
//! A uid is looked for only in the files whose range of uids holds it, there only in the row
//! groups whose filter says *perhaps*, and then in the column itself. New uids are, as a rule,
//! higher than all that are stored, and cost one comparison a file.
//!
//! A file that is damaged or lost cannot be asked. An event that only it might hold counts as new:
//! twice is better than never.

use loggr_event::{Event, Uid};

use super::datafile::OpenFiles;
use super::index::uids;
use super::manifest::{FileEntry, Manifest};
use super::rows::Uids;
use super::schema::core;
use super::selection::Selection;
use crate::hash::FastSet;
use crate::{ErrorKind, StoreError};

/// The events that the store does not hold yet, each uid once, in the order given. `damaged` is
/// called for files that could not be read.
pub(crate) fn new_events<'e, 'a>(
    events: &'e [Event<'a>],
    manifest: &Manifest,
    files: &OpenFiles,
    damaged: impl Fn(u64, &StoreError),
) -> Result<Vec<&'e Event<'a>>, StoreError> {
    let mut new: Vec<&Event<'a>> = if may_have_twins(events) {
        let mut seen: FastSet<u128> = FastSet::default();
        seen.reserve(events.len());
        events.iter().filter(|e| seen.insert(u128::from_be_bytes(*e.uid.as_bytes()))).collect()
    } else {
        events.iter().collect()
    };
    let low = new.iter().map(|e| *e.uid.as_bytes()).min().unwrap_or([0; 16]);
    let high = new.iter().map(|e| *e.uid.as_bytes()).max().unwrap_or([0; 16]);
    for entry in &manifest.files {
        if entry.min_uid > high || entry.max_uid < low {
            continue;
        }
        let range = entry.min_uid..=entry.max_uid;
        let asked: Vec<(&[u8; 16], u64)> = new
            .iter()
            .map(|e| e.uid.as_bytes())
            .filter(|uid| range.contains(*uid))
            .map(|uid| (uid, uids::hash(uid)))
            .collect();
        if asked.is_empty() {
            continue;
        }
        let stored = match stored_uids(entry, files, &asked) {
            Ok(stored) => stored,
            Err(e) if e.kind() == ErrorKind::Corrupt || e.is_missing_file() => {
                damaged(entry.number, &e);
                continue;
            }
            Err(e) => return Err(e),
        };
        if !stored.is_empty() {
            new.retain(|e| !stored.contains(e.uid.as_bytes()));
        }
    }
    Ok(new)
}

/// Can a uid stand twice among the events? They come in ascending rows, one for each chunk of what a
/// connection sent; where no two rows overlap, none can.
fn may_have_twins(events: &[Event<'_>]) -> bool {
    let mut rows: Vec<(&Uid, &Uid)> = Vec::new();
    for Event { uid, .. } in events {
        match rows.last_mut() {
            Some((_, last)) if *last < uid => *last = uid,
            _ => rows.push((uid, uid)),
        }
    }
    rows.sort_unstable();
    rows.windows(2).any(|w| matches!(w, [(_, last), (first, _)] if first <= last))
}

/// Those of the uids (each with its hash) that a file holds.
fn stored_uids(
    entry: &FileEntry,
    files: &OpenFiles,
    asked: &[(&[u8; 16], u64)],
) -> Result<FastSet<[u8; 16]>, StoreError> {
    let file = files.get(entry)?;
    let mut stored = FastSet::default();
    for group in 0..entry.groups as usize {
        let index = file.index(group)?;
        let Some(filter) = index.uids() else { continue };
        let perhaps: FastSet<&[u8; 16]> =
            asked.iter().filter(|(uid, hash)| filter.may_hold(uid, *hash)).map(|(uid, _)| *uid).collect();
        if perhaps.is_empty() {
            continue;
        }
        let halves = [core::UID_HIGH, core::UID_LOW];
        let batch = file.read(group, &halves, &Selection::all(index.rows))?;
        let uids = Uids::new(&**batch.column(0), &**batch.column(1))?;
        stored.extend(uids.iter().map(|uid| *uid.as_bytes()).filter(|uid| perhaps.contains(uid)));
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn events(uids: &[u8]) -> Vec<Event<'static>> {
        uids.iter().map(|n| Event { uid: Uid::from_bytes([*n; 16]), ..Event::default() }).collect()
    }

    #[track_caller]
    fn check(uids: &[u8], may: bool) {
        assert_eq!(may_have_twins(&events(uids)), may, "{uids:?}");
    }

    #[test]
    fn rows_that_do_not_overlap_have_no_twins() {
        check(&[], false);
        check(&[1, 2, 3], false);
        check(&[7, 8, 9, 1, 2, 3, 4], false);
        check(&[1, 2, 2], true);
        check(&[1, 2, 3, 1], true);
        check(&[1, 5, 2, 6], true);
    }

    proptest! {
        #[test]
        fn twins_are_never_missed(uids in vec(0u8..12, 0..12)) {
            let distinct: HashSet<u8> = uids.iter().copied().collect();
            prop_assert!(distinct.len() == uids.len() || may_have_twins(&events(&uids)));
        }
    }
}
