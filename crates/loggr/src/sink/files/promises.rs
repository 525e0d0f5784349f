//! What the last intents promised, compared with what the files hold.
//!
//! Asked at the start and after every error: a crash tears what was being written, and a file
//! system that fails (ext4 whose journal is aborted) loses the last bytes that it had called
//! synced. Knows nothing of events. Invariants: a region is there only if all of it is, by length
//! and checksum; a torn one is cut off whatever part of it was written, but never a byte that
//! stands behind it, that another promise says is whole, or that is in a file which may be another
//! one by now.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::error::WriteError;
use super::fault;
use super::identity::Identity;
use super::journal::{Extent, Intent};
use super::targets::Targets;

/// One intent that is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise<'a> {
    pub intent: &'a Intent,
    /// Somebody was told that it is stored.
    pub done: bool,
    /// What is left of a torn region may be cut off: its events are not lost with it.
    pub cut: bool,
    /// What is whole is written over itself and synced: a sync that failed may have left its
    /// pages marked clean without their being on the disk.
    pub renew: bool,
}

/// What has become of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// All of it is there and durable.
    There,
    /// It is not there, or a part of it that was cut off.
    Gone,
    /// The file ends in a part of it, at this length.
    Torn(u64),
}

/// What newer promises say of a file.
#[derive(Clone, Copy, Debug)]
struct Newer {
    /// Where the first of them begins: so long was the file then.
    begins: u64,
    /// Where the last whole one ends.
    whole: u64,
    /// The file ends in what is torn from here on.
    torn: Option<u64>,
}

impl Newer {
    const NOTHING: Newer = Newer { begins: u64::MAX, whole: 0, torn: None };
}

/// What has become of each extent of each promise; they are given oldest first. Ends with all that
/// is there durable and torn ends cut off, or changes nothing for good.
pub(super) fn examine(targets: &mut Targets, promises: &[Promise<'_>]) -> Result<Vec<Vec<Fate>>, WriteError> {
    let moved = moved(targets, promises)?;
    let files = Files::of(promises);
    let mut newer = HashMap::<Identity, Newer>::new();
    let mut present = Vec::with_capacity(promises.len());
    for promise in promises.iter().rev() {
        let mut there = Vec::with_capacity(promise.intent.extents.len());
        for extent in &promise.intent.extents {
            let file = files.one(extent);
            let known = newer.get(&file).copied();
            let fate = match known {
                // Somebody had shortened the file before the newer one was begun: on purpose, if
                // this one was settled by then.
                Some(known) if known.begins < extent.end() && promise.done => Fate::There,
                Some(known) if known.begins < extent.end() => Fate::Gone,
                known => {
                    let settled = settle(targets, extent, promise, known.unwrap_or(Newer::NOTHING), &moved);
                    settled.or_else(|error| give_up(targets, error))?
                }
            };
            let known = known.unwrap_or(Newer::NOTHING);
            let torn = if let Fate::Torn(_) = fate { Some(extent.offset) } else { known.torn };
            let end = if fate == Fate::There { extent.end() } else { 0 };
            let now = Newer { begins: known.begins.min(extent.offset), whole: known.whole.max(end), torn };
            newer.insert(file, now);
            there.push(fate);
        }
        present.push(there);
    }
    targets.sync_directories()?;
    present.reverse();
    Ok(present)
}

/// Which extents are of one file.
struct Files {
    /// Inodes with an extent that does not say when its file was made.
    unborn: HashSet<u64>,
}

impl Files {
    fn of(promises: &[Promise<'_>]) -> Files {
        let files = promises.iter().flat_map(|p| &p.intent.extents).map(|e| e.file);
        Files { unborn: files.filter(|f| f.born.is_none()).map(|f| f.ino).collect() }
    }

    /// The same for all extents of a file. Two files are taken for one rather than one for two,
    /// which would cut what the newer extent wrote.
    fn one(&self, extent: &Extent) -> Identity {
        match self.unborn.contains(&extent.file.ino) {
            true => Identity { born: None, ..extent.file },
            false => Identity { dev: 0, ..extent.file },
        }
    }
}

/// What cannot be looked at because one file is broken is as good as gone: better its events twice
/// than no event any more.
fn give_up(targets: &mut Targets, error: WriteError) -> Result<Fate, WriteError> {
    if !targets.is_of_one_path(&error) {
        return Err(error);
    }
    let cause = error.source();
    tracing::warn!(%error, cause, "cannot check what was written to a file before; its events may be written again");
    Ok(Fate::Gone)
}

/// Where those files are now that are not where they were.
fn moved(targets: &mut Targets, promises: &[Promise<'_>]) -> Result<HashMap<u64, PathBuf>, WriteError> {
    let mut gone = HashSet::new();
    for extent in promises.iter().flat_map(|p| &p.intent.extents) {
        match targets.find(&extent.path, &extent.file) {
            Ok(None) => {
                gone.insert(extent.file.ino);
            }
            Ok(Some(_)) => {}
            // Told when it is settled.
            Err(error) if targets.is_of_one_path(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if gone.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(targets.search_around(&gone))
}

/// Is the region whole, and durable now? One that is torn is cut off, where nothing stands behind
/// it and nothing whole stands in it.
fn settle(
    targets: &mut Targets,
    extent: &Extent,
    promise: &Promise<'_>,
    newer: Newer,
    moved: &HashMap<u64, PathBuf>,
) -> Result<Fate, WriteError> {
    let Some(place) = targets.find_moved(&extent.path, &extent.file, moved)? else {
        return Ok(Fate::Gone);
    };
    let (file, absolute) = (&place.file, &place.absolute);
    let failed = |verb, e| WriteError::of_the_file(verb, absolute, e);
    let len = file.metadata().map_err(|e| failed("look at", e))?.len();
    let bytes = match len < extent.end() {
        true => None,
        false => match read_region(file, extent) {
            Ok(bytes) => Some(bytes).filter(|bytes| checksum(bytes) == extent.crc),
            Err(error) => {
                // A bad sector stays bad: better the events twice than no event any more.
                tracing::warn!(file = %absolute.display(), %error, "cannot read what was written to a file before; its events may be written again");
                return Ok(Fate::Gone);
            }
        },
    };
    let Some(bytes) = bytes else {
        let until = newer.torn.unwrap_or(len);
        let is_the_end = until > extent.offset && until <= extent.end() && extent.offset >= newer.whole;
        if is_the_end && !promise.cut {
            return Ok(Fate::Torn(len));
        }
        if is_the_end && place.writable && (place.sure || place.at_home) {
            tracing::info!(file = %absolute.display(), from = len, to = extent.offset, "cutting off a batch that was written only in part");
            fault::cut(&targets.faults, file, extent.offset, extent.end())
                .map_err(|e| WriteError::new("cut off an unfinished batch from", absolute, e))?;
        }
        return Ok(Fate::Gone);
    };
    if promise.renew {
        if place.writable {
            file.write_all_at(&bytes, extent.offset).map_err(|e| failed("write", e))?;
        } else if !promise.done {
            // Nobody was told that it is stored, and it cannot be made so.
            return Ok(Fate::Gone);
        }
        // DURABLE: its events will be skipped and signed for.
        fault::sync_files(&targets.faults, &[file]).map_err(|(_, e)| WriteError::new("sync", absolute, e))?;
        targets.name_is_new(absolute);
    }
    Ok(Fate::There)
}

/// The bytes of an extent.
fn read_region(file: &File, extent: &Extent) -> io::Result<Vec<u8>> {
    let len = usize::try_from(extent.len).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, extent.offset)?;
    Ok(bytes)
}

/// What an intent keeps of the bytes of an extent.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
