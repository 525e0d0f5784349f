//! One event by its uid, and how far the store reaches.
//!
//! A uid is looked for as `dedupe` does it: only in files whose range of uids holds it, there only in
//! row groups whose filter says *perhaps*. The uid of a UUIDv7 begins with its time, so that few are.

use loggr_event::{Event, Uid};

use super::exec::Target;
use super::exec::group::Group;
use super::index::uids;
use super::manifest::FileEntry;
use super::reader::Reader;
use super::rows::Decoder;
use super::selection::Selection;
use crate::query::{Matcher, Query, Span};
use crate::{SearchOptions, StoreError};

impl Reader {
    /// The event of a uid, if it is there and matches, and lies within the bounds of the options.
    pub fn event(
        &self,
        uid: Uid,
        filter: &Query,
        options: &SearchOptions,
    ) -> Result<Option<Event<'static>>, StoreError> {
        let matcher = Matcher::new(filter, options.now);
        let bounds = options.within(Span::ALL);
        let bytes = uid.as_bytes();
        let hash = uids::hash(bytes);
        self.ask(|view| {
            let may_hold = |e: &&FileEntry| (e.min_uid..=e.max_uid).contains(bytes);
            // A damaged file is one that does not hold it, unless it is nowhere else.
            let mut damaged = None;
            for entry in view.manifest.files.iter().filter(may_hold) {
                let found = self.file(entry).and_then(|file| {
                    for target in Target::of(&file, Span::ALL)? {
                        options.limits.is_over()?;
                        if let Some(event) = in_group(&target, uid, hash)? {
                            return Ok(Some(event));
                        }
                    }
                    Ok(None)
                });
                match found {
                    Ok(None) => {}
                    Ok(Some(event)) => {
                        let inside = bounds.contains(event.timegenerated.unix_micros());
                        return Ok(Some(event).filter(|event| inside && matcher.matches(event)));
                    }
                    Err(e) if view.survives(&e) => damaged = Some(e),
                    Err(e) => return Err(e),
                }
            }
            damaged.map_or(Ok(None), Err)
        })
    }

    /// The lowest and the highest time of generation, microseconds since 1970. Reads no file of events.
    pub fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.refresh()?;
        let manifest = self.manifest();
        let times = manifest.files.iter().filter(|f| f.rows > 0).map(|f| (f.min_time, f.max_time));
        Ok(times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))))
    }
}

fn in_group(target: &Target, uid: Uid, hash: u64) -> Result<Option<Event<'static>>, StoreError> {
    let group = Group::new(&target.file, target.group)?;
    if group.index.uids().is_some_and(|filter| !filter.may_hold(uid.as_bytes(), hash)) {
        return Ok(None);
    }
    let all = Selection::all(group.index.rows);
    let Some(place) = group.uids(&all)?.iter().position(|found| *found == uid) else { return Ok(None) };
    let batch = target.file.read_all(target.group, &Selection::from_rows([place as u32]))?;
    Ok(Decoder::new().decode(&batch, &group.head.columns)?.pop())
}
