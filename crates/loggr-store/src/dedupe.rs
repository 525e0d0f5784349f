//! Which events of a batch are new: exact, by uid alone, across calls and restarts.
//!
//! A uid is looked for only in the files whose range of uids holds it, there only in the row
//! groups whose filter says *perhaps*, and then in the column itself. New uids are, as a rule,
//! higher than all that are stored, and cost one comparison a file.

use arrow_array::FixedSizeBinaryArray;
use loggr_event::Event;

use crate::datafile::OpenFiles;
use crate::hash::{FastMap, FastSet};
use crate::index::uids;
use crate::manifest::Manifest;
use crate::rows::column;
use crate::schema::core;
use crate::selection::Selection;
use crate::{StoreError, index};

/// The events that the store does not hold yet, each uid once, in the order given.
pub(crate) fn new_events<'e, 'a>(
    events: &'e [Event<'a>],
    manifest: &Manifest,
    files: &OpenFiles,
) -> Result<Vec<&'e Event<'a>>, StoreError> {
    let ascending = events.windows(2).all(|w| matches!(w, [a, b] if a.uid < b.uid));
    let mut new: Vec<&Event<'a>> = if ascending {
        events.iter().collect()
    } else {
        let mut seen: FastSet<&[u8; 16]> = FastSet::default();
        events.iter().filter(|e| seen.insert(e.uid.as_bytes())).collect()
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
        let file = files.get(entry)?;
        let mut stored: FastSet<[u8; 16]> = FastSet::default();
        for group in 0..entry.groups as usize {
            let index: index::RowGroupIndex<'_> = file.index(group)?;
            let Some(filter) = index.uids() else { continue };
            let perhaps: FastMap<&[u8; 16], ()> = asked
                .iter()
                .filter(|(uid, hash)| filter.may_hold(uid, *hash))
                .map(|(uid, _)| (*uid, ()))
                .collect();
            if perhaps.is_empty() {
                continue;
            }
            let batch = file.read(group, &[core::UID], &Selection::all(index.rows))?;
            let uids: &FixedSizeBinaryArray = column(&**batch.column(0))?;
            stored.extend(uids.value_data().as_chunks::<16>().0.iter().filter(|u| perhaps.contains_key(u)));
        }
        if !stored.is_empty() {
            new.retain(|e| !stored.contains(e.uid.as_bytes()));
        }
    }
    Ok(new)
}
