//! One event by its uid, and how far the store reaches.
//!
//! A uid is looked for as `dedupe` does it: only in files whose range of uids holds it, there only in
//! row groups whose filter says *perhaps*. The uid of a UUIDv7 begins with its time, so that few are.
//! A uid that lies in the range of many files is looked for in all of them, so that the question ends
//! with its time and with its client, as any other does.

use loggr_event::{Event, Uid};

use super::exec::Target;
use super::exec::group::Group;
use super::index::uids;
use super::manifest::FileEntry;
use super::reader::Reader;
use super::rows::Decoder;
use super::selection::Selection;
use crate::query::{Matcher, Query, Span};
use crate::{ErrorKind, SearchOptions, StoreError};

impl Reader {
    /// The event of a uid, if it is there and matches, and lies within the bounds of the options.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] where the time was over before it was found: nobody knows whether it is there.
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
                let run = |work: &dyn Fn() -> Result<Option<Event<'static>>, StoreError>| {
                    view.usage.run(&options.limits, work)?.ok_or_else(too_late)
                };
                let targets = view
                    .usage
                    .run(&options.limits, || self.file(entry).and_then(|file| Target::of(&file, Span::ALL)));
                let found = targets.and_then(|targets| {
                    for target in targets.ok_or_else(too_late)? {
                        if let Some(event) = run(&|| in_group(&target, uid, hash))? {
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

fn too_late() -> StoreError {
    StoreError::new(ErrorKind::Limit, "the time limit was reached before the event was found")
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
