//! Searches known files that have gone from their names, and files between them that nobody has seen.
//!
//! Where a file was renamed while nobody looked it is found by its inode in the directory in which it was;
//! where it was copied and truncated, or compressed, by its text, under the names that rotated files have. A
//! file of such a name that nobody knows and that was written after the last known one came between them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::admit::{Copy, Fit, fit};
use super::content::Content;
use super::file::written;
use super::identity::{FINGERPRINT_BYTES, is_packed, is_rotation};
use super::memory::Heirs;
use super::positions::{Id, Known};
use super::work::Tail;

/// Names in a directory that are looked at.
const MAX_NAMES: usize = 100_000;
/// Lost files are searched again after this time.
const SEARCH_EVERY: Duration = Duration::from_secs(2);
/// A compressed file is looked at when nobody has written into it for so long.
const STILL: Duration = Duration::from_secs(1);

/// When a file was made, in nanoseconds since 1970, if the file system tells.
fn made(meta: &std::fs::Metadata) -> Option<u64> {
    let since = meta.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

type Names = HashMap<PathBuf, Vec<(OsString, u64)>>;

/// The names in a directory with the numbers of their inodes; each directory is listed once.
fn names<'n>(listed: &'n mut Names, directory: &Path) -> &'n [(OsString, u64)] {
    listed.entry(directory.to_owned()).or_insert_with(|| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().take(MAX_NAMES);
        entries.map(|entry| (entry.file_name(), entry.ino())).collect()
    })
}

impl Tail {
    /// Searches the files that are lost.
    pub(super) fn search(&mut self, now: Instant) {
        let is_due = self.scanning.searched.is_none_or(|at| now.duration_since(at) >= SEARCH_EVERY);
        let lost: Vec<Id> = self.files.values().filter(|file| file.is_lost).map(|file| file.id).collect();
        if lost.is_empty() || !is_due {
            return;
        }
        self.scanning.searched = Some(now);
        let mut listed = Names::new();
        for id in lost {
            self.search_one(id, &mut listed, now);
        }
    }

    fn search_one(&mut self, id: Id, listed: &mut Names, now: Instant) {
        let Some(file) = self.files.get(&id) else { return };
        let (path, ino) = (file.known.path.to_path(), file.known.inode.ino);
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return };
        let there = names(listed, directory);
        let renamed = there.iter().filter(|(_, other)| ino != 0 && *other == ino);
        let copied = there.iter().filter(|(other, _)| is_rotation(name, other));
        let candidates: Vec<(PathBuf, bool)> = renamed
            .map(|(name, _)| (directory.join(name), true))
            .chain(copied.map(|(name, _)| (directory.join(name), false)))
            .collect();
        for (path, by_inode) in candidates {
            let Ok(mut content) = Content::open(&path) else { continue };
            if self.by_inode.contains_key(&(content.inode.dev, content.inode.ino)) {
                continue;
            }
            let Some(file) = self.files.get(&id) else { return };
            let known = &file.known;
            let may_be = !by_inode || known.inode.may_be(&content.inode);
            let is_empty = known.fingerprint.len == 0;
            let mut head = Vec::new();
            let begins = content.read(0, FINGERPRINT_BYTES, &mut head).is_ok()
                && (file.begins_like(&head) || known.fingerprint.len == 0);
            // Nothing was read of an empty one: only its inode says which it is.
            if !may_be || !begins || (is_empty && !by_inode) {
                continue;
            }
            let place = file.read_to();
            let copy = self.copy_of(id, &mut content);
            if let Copy::Short(end) = copy {
                return self.take_up_short(id, content, &path, end, now);
            }
            if matches!(copy, Copy::Whole) {
                let listener = self.intake.stats.name();
                tracing::info!(
                    listener,
                    file = %known.path.to_path().display(),
                    found = %path.display(),
                    position = place,
                    "a file that was rotated is read on where it is now"
                );
                self.take_up(id, content, &path, now);
                // Its name is none that is looked for.
                if let Some(file) = self.files.get_mut(&id) {
                    file.missing = Some(now);
                }
                return;
            }
        }
    }

    /// Files that came between a known one and its name's new owner.
    pub(super) fn inherit(&mut self, now: Instant) {
        self.scanning.heirs.retain(|_, heirs| heirs.until > now);
        let heirs: Vec<(Id, Heirs)> = self.scanning.heirs.iter().map(|(id, heirs)| (*id, *heirs)).collect();
        let mut listed = Names::new();
        for (id, Heirs { made_since, .. }) in heirs {
            let Some(file) = self.files.get(&id) else { continue };
            let (path, since) = (file.known.path.to_path(), file.known.written);
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if since == 0 {
                continue;
            }
            let there = names(&mut listed, directory).iter().filter(|(other, _)| is_rotation(name, other));
            let candidates: Vec<PathBuf> = there.map(|(name, _)| directory.join(name)).collect();
            let mut unseen: Vec<(u64, PathBuf)> = candidates
                .into_iter()
                .filter_map(|path| {
                    let meta = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
                    let is_known = self.by_inode.contains_key(&(meta.dev(), meta.ino()));
                    let is_still = !is_packed(path.file_name()?)
                        || meta.modified().ok()?.elapsed().is_ok_and(|age| age >= STILL);
                    let is_later = meta.size() > 0
                        && match made_since {
                            Some(moment) => {
                                written(&meta) >= moment && made(&meta).is_some_and(|made| made >= moment)
                            }
                            None => written(&meta) > since,
                        };
                    (!is_known && is_later && is_still).then(|| (written(&meta), path))
                })
                .collect();
            unseen.sort();
            for (_, path) in unseen {
                self.inherit_one(&path, id, now);
            }
        }
    }

    /// Is it a copy of a file that is still read? So it may be if that was truncated a moment ago, which nobody has
    /// noticed yet.
    fn is_beside_its_original(&mut self, content: &mut Content, head: &[u8]) -> bool {
        let Ok(end) = content.metadata().map(|meta| meta.size()) else { return true };
        let Ok(last) = content.read_before(end) else { return true };
        let mut originals = self.files.values_mut().filter(|file| file.begins_like(head));
        originals.any(|file| {
            let known = &file.known;
            file.content.as_mut().is_some_and(|own| {
                let is_same = own.read_before(end).is_ok_and(|of| of == last);
                is_same || matches!(fit(known, own), Ok(Fit::Changed))
            })
        })
    }

    fn inherit_one(&mut self, path: &Path, heir_of: Id, now: Instant) {
        let Ok(content) = Content::open(path) else { return };
        let Some(mut content) = self.admit_inode(path, content, now) else { return };
        let mut head = Vec::new();
        if content.read(0, FINGERPRINT_BYTES, &mut head).is_err() {
            return;
        }
        // A copy of what is known is no file between. Only what is lost has been copied, or compressed.
        let is_packed = content.is_packed();
        let begins = |known: &Known| known.fingerprint.len > 0 && known.fingerprint.begins(&head);
        let own = self.files.values().filter(|file| (is_packed || file.is_lost) && file.begins_like(&head));
        let others = self.known.iter().filter(|(_, known)| is_packed && begins(known)).map(|(id, _)| *id);
        let likely: Vec<Id> = own.map(|file| file.id).chain(others).collect();
        for id in likely {
            // One that is not whole may become a copy.
            let is_unclear = is_packed && content.read_before(u64::MAX).is_err();
            if is_unclear || !matches!(self.copy_of(id, &mut content), Copy::None) {
                return;
            }
        }
        if self.is_beside_its_original(&mut content, &head) {
            return;
        }
        let Some(named) = self.files.get(&heir_of).map(|file| file.known.path.to_path()) else { return };
        let listener = self.intake.stats.name();
        tracing::info!(
            listener,
            file = %named.display(),
            found = %path.display(),
            "a file that was rotated before it was seen is read"
        );
        if let Some(id) = self.begin(path, &named, content, now)
            && let Some(file) = self.files.get_mut(&id)
        {
            file.missing = Some(now);
        }
    }
}
