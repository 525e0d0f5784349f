//! Which events of a batch are new: exact, by uid alone, across calls and restarts.
//!
//! A uid is looked for only in the files whose range of uids holds it, there only in the row
//! groups whose filter says *perhaps*, and then in the column itself. New uids are, as a rule,
//! higher than all that are stored, and cost one comparison a file.
//!
//! A file that is damaged or lost cannot be asked. An event that only it might hold counts as new:
//! twice is better than never.

use loggr_event::Event;

use crate::datafile::OpenFiles;
use crate::hash::FastSet;
use crate::index::uids;
use crate::manifest::{FileEntry, Manifest};
use crate::rows::Uids;
use crate::schema::core;
use crate::selection::Selection;
use crate::{ErrorKind, StoreError};

/// The events that the store does not hold yet, each uid once, in the order given. `damaged` hears of
/// the files that could not be asked.
pub(crate) fn new_events<'e, 'a>(
    events: &'e [Event<'a>],
    manifest: &Manifest,
    files: &OpenFiles,
    damaged: impl Fn(u64, &StoreError),
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
