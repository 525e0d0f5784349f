//! What a batch left in files that it was not to leave there, and how it is cut off.
//!
//! Two kinds: what a failed batch appended and could not be cut off at once (`debris`), which is
//! cut before anything else is written; and what a crash left of a stored region (`torn`), which
//! is cut when its events come again. Invariant: nothing is cut from a file that may be another
//! one by now.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::super::error::WriteError;
use super::super::fault;
use super::super::identity::{Identity, Likeness};
use super::super::journal::Intent;
use super::Worker;
use crate::config::ship::Compress;

const CUT_OFF: &str = "cut off the rest of an unfinished batch from";
const STUCK: &str =
    "it ends with an unfinished batch that cannot be cut off: repair the file, or move it away";

/// What a failed batch left in a file and could not be cut off yet.
#[derive(Debug)]
pub(super) struct Debris {
    pub path: String,
    pub file: Identity,
    pub offset: u64,
    pub bytes: Vec<u8>,
}

impl Debris {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// What is left of a region that was stored.
#[derive(Debug)]
pub(super) struct Torn {
    pub path: String,
    pub file: Identity,
    pub offset: u64,
    pub end: u64,
}

impl Worker {
    /// Cuts off what a failed batch left; what cannot be cut now is debris.
    pub(super) fn roll_back(&mut self, intent: &Intent, written: &[u64]) {
        for ((extent, written), index) in intent.extents.iter().zip(written).zip(self.touched.clone()) {
            let (offset, end) = (extent.offset, extent.offset + written);
            if *written > 0 && self.targets.cut(index, offset, end).is_err() {
                let mut bytes = std::mem::take(&mut self.targets.get(index).buffer);
                bytes.truncate(usize::try_from(*written).unwrap_or(usize::MAX));
                self.debris.push(Debris { path: extent.path.clone(), file: extent.file, offset, bytes });
            }
            // A handle that failed to sync knows less than the disk; none is trusted.
            self.targets.drop_handle(index);
        }
        if let Err(error) = self.remove_debris() {
            tracing::debug!(%error, "cannot remove an unfinished batch yet");
        }
    }

    /// Ends with no debris but that of files which alone are in trouble: only their events wait.
    pub(super) fn remove_debris(&mut self) -> Result<(), WriteError> {
        let inodes = self.debris.iter().map(|left| left.file.ino).collect();
        let mut moved = None;
        let mut stuck = Vec::new();
        while let Some(left) = self.debris.pop() {
            match self.cut_off(&left, &inodes, &mut moved) {
                Ok(()) => {}
                Err(error) if self.targets.is_of_one_path(&error) => {
                    // To a file that was renamed nothing more is written.
                    if error.is_of(&self.targets.absolute(&left.path)) {
                        stuck.push(left);
                    } else {
                        let cause = error.source();
                        tracing::warn!(%error, cause, "an unfinished batch stays in a file, so that its lines may be there twice");
                    }
                }
                Err(error) => {
                    self.debris.push(left);
                    self.debris.append(&mut stuck);
                    return Err(error);
                }
            }
        }
        self.debris = stuck;
        if self.unmarked {
            // The intent of what is stuck stays open, for the next process.
            if self.debris.is_empty() {
                self.journal
                    .undone()
                    .map_err(|e| WriteError::new("write the journal", self.journal.path(), e))?;
            }
            self.unmarked = false;
        }
        Ok(())
    }

    fn cut_off(
        &mut self,
        left: &Debris,
        inodes: &HashSet<u64>,
        moved: &mut Option<HashMap<u64, PathBuf>>,
    ) -> Result<(), WriteError> {
        let mut found = self.targets.find(&left.path, &left.file)?;
        if found.is_none() {
            let moved = moved.get_or_insert_with(|| self.targets.search_around(inodes));
            found = self.targets.find_moved(&left.path, &left.file, moved)?;
        }
        // Deleted: what was in it is, too.
        let Some(place) = found else { return Ok(()) };
        let failed = |e| WriteError::of_the_file(CUT_OFF, &place.absolute, e);
        let is_ours = place.sure
            || place.at_home && is_beginning(&place.file, left.offset, &left.bytes).map_err(failed)?;
        // What is written behind half a line stands on a line of its own; behind half a member
        // nothing can be read.
        let must = place.at_home && self.compress != Compress::None;
        if is_ours && place.writable {
            return fault::cut(&self.targets.faults, &place.file, left.offset, left.end()).map_err(failed);
        }
        if is_ours && must {
            return Err(WriteError::in_the_way(&place.absolute, STUCK));
        }
        tracing::warn!(
            file = %place.absolute.display(), from = left.offset,
            "an unfinished batch stays in this file, so that its lines may be there twice: loggr may not change \
              the file, or another file has its name by now"
        );
        Ok(())
    }

    /// Cuts off what is left of a torn region if the lines that come now begin with it.
    pub(super) fn cut_torn(&mut self, index: u32) -> Result<(), WriteError> {
        if self.torn.is_empty() && self.debris.is_empty() {
            return Ok(());
        }
        let target = self.targets.get(index);
        let Some(handle) = &target.handle else { return Ok(()) };
        let file = handle.id;
        if self.debris.iter().any(|left| left.file == file) {
            return Err(WriteError::in_the_way(&target.absolute, STUCK));
        }
        // Its device may have had another number then.
        let is_it = |torn: &Torn| torn.path == target.path && torn.file.compare(&file) != Likeness::Other;
        let Some(at) = self.torn.iter().position(is_it) else { return Ok(()) };
        let torn = self.torn.swap_remove(at);
        let same = is_beginning(&handle.file, torn.offset, &target.buffer)
            .map_err(|e| WriteError::of_the_file(CUT_OFF, &target.absolute, e))?;
        if same {
            let cut = self.targets.cut(index, torn.offset, torn.end);
            cut.map_err(|e| WriteError::new(CUT_OFF, &self.targets.get(index).absolute, e))?;
        }
        Ok(())
    }
}

/// Has the file from `offset` on nothing but a beginning of `bytes`? A file system may leave zeros
/// where it had not come to the bytes.
fn is_beginning(file: &File, offset: u64, bytes: &[u8]) -> io::Result<bool> {
    let len = file.metadata()?.len().saturating_sub(offset);
    let Some(len) = usize::try_from(len).ok().filter(|len| *len <= bytes.len()) else {
        return Ok(false);
    };
    let mut left = vec![0; len];
    file.read_exact_at(&mut left, offset)?;
    Ok(left.iter().zip(bytes).all(|(left, new)| left == new || *left == 0))
}
